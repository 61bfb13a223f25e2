//! How much can be remembered? What the guard keeps open must fit into the
//! descriptors that the process may have (RLIMIT_NOFILE).

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// Uploads that are followed at once: as many as the files that a server may
/// have open by default.
const UPLOADS: usize = 1024;
/// New files that are held open at once.
const FILES: usize = 512;
/// New files that are held open beyond [`FILES`]: those that are made faster
/// than birth times change, and those without one, of which only what is held
/// is known (rsync sets the times of a directory after all that is in it).
const MORE_FILES: rlim_t = 16_384;
/// Descriptors for everything except what is remembered: the guard's own, those
/// of locks, roots and temporary names, and those of the call that it is
/// answering.
const OTHERS: rlim_t = 48;

/// If the account may have that many and [`MORE_FILES`], the guard raises its own
/// limit to that. It mostly uses no more than this.
const ENOUGH: rlim_t = OTHERS + (UPLOADS + FILES) as rlim_t;

/// How many of each the guard remembers, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// New files with a birth time that are held open, unless they are made
    /// fast.
    pub files: usize,
    /// New files that are held open at all.
    pub held: usize,
    /// Uploads that are followed at once.
    pub uploads: usize,
}

impl Capacity {
    /// Raises this process's own limit if allowed, and divides it up.
    ///
    /// # Errors
    ///
    /// Those of getrlimit(2) and setrlimit(2).
    pub fn claim() -> nix::Result<Self> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        let limit = soft.max(hard.min(ENOUGH + MORE_FILES));
        if limit > soft {
            setrlimit(Resource::RLIMIT_NOFILE, limit, hard)?;
        }
        Ok(Self::within(limit))
    }

    /// What fits into this many descriptors.
    pub fn within(limit: rlim_t) -> Self {
        let spare = limit.min(ENOUGH).saturating_sub(OTHERS);
        let spare = usize::try_from(spare).unwrap_or(0);
        let files = (spare / 2).clamp(1, FILES);
        let more = limit.saturating_sub(ENOUGH).min(MORE_FILES);
        Self {
            files,
            held: files + usize::try_from(more).unwrap_or(0),
            uploads: spare.saturating_sub(files).clamp(1, UPLOADS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits() {
        let most = Capacity::within(ENOUGH + MORE_FILES);
        assert_eq!(Capacity::within(rlim_t::MAX), most);
        for limit in [56, 64, 128, 256, 700, 1024, ENOUGH, 2000, 20_000] {
            let room = Capacity::within(limit);
            let all = (room.held + room.uploads) as rlim_t;
            assert!(all + OTHERS <= limit, "{limit}: {room:?}");
            assert!(room.files <= room.held, "{limit}: {room:?}");
            assert!(room.uploads > 0, "{limit}: {room:?}");
        }
    }
}
