//! How much can be remembered? What the guard holds on to must fit into the
//! descriptors that the process may have (RLIMIT_NOFILE).

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// Where the account may have that many, the guard allows them to itself.
const ENOUGH: rlim_t = 1024;
/// Descriptors for everything but what is remembered: the guard's own, and
/// those of the call that it answers.
const OTHERS: rlim_t = 32;

/// How many of each the guard remembers, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Files and symbolic links that the session made.
    pub files: usize,
    /// Directories that it made: a client that copies a tree comes back to
    /// each directory after all that lies in it.
    pub directories: usize,
    /// Uploads that are followed at once.
    pub uploads: usize,
}

impl Room {
    /// What is remembered where there are descriptors enough.
    pub const FULL: Self = Self {
        files: 384,
        directories: 256,
        uploads: 64,
    };

    /// Raises this process's own limit where it may, and divides it up.
    ///
    /// # Errors
    ///
    /// Those of getrlimit(2) and setrlimit(2).
    pub fn claim() -> nix::Result<Self> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        let limit = soft.max(hard.min(ENOUGH));
        if limit > soft {
            setrlimit(Resource::RLIMIT_NOFILE, limit, hard)?;
        }
        Ok(Self::within(limit))
    }

    /// What fits into this many descriptors.
    fn within(limit: rlim_t) -> Self {
        let Self {
            files,
            directories,
            uploads,
        } = Self::FULL;
        let all = files + directories + uploads;
        let spare = usize::try_from(limit.saturating_sub(OTHERS)).unwrap_or(usize::MAX);
        let share = |most: usize| (most * spare.min(all) / all).max(1);
        Self {
            files: share(files),
            directories: share(directories),
            uploads: share(uploads),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits() {
        assert_eq!(Room::within(1024), Room::FULL);
        assert_eq!(Room::within(rlim_t::MAX), Room::FULL);
        for limit in [48, 64, 128, 256, 700] {
            let room = Room::within(limit);
            let all = (room.files + room.directories + room.uploads) as rlim_t;
            assert!(all + OTHERS <= limit, "{limit}: {room:?}");
            assert!(room.uploads > 0, "{limit}: {room:?}");
        }
    }
}
