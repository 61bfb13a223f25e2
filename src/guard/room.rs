//! How much can be remembered? What the guard holds on to must fit into the
//! descriptors that the process may have (RLIMIT_NOFILE).

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// Uploads that are followed at most.
const UPLOADS: usize = 64;
/// Files that are remembered at most: a client finishes one soon.
const FILES: usize = 512;
/// Directories that are remembered at most: a client that copies a tree comes
/// back to each after all that lies in it.
const DIRECTORIES: usize = 2048;
/// Descriptors for everything but what is remembered: the guard's own, and
/// those of the rules and of the call that it answers.
const OTHERS: rlim_t = 48;

/// Where the account may have that many, the guard allows them to itself; it
/// uses no more.
const ENOUGH: rlim_t = OTHERS + (UPLOADS + FILES + DIRECTORIES) as rlim_t;

/// How many of each the guard remembers, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Files and symbolic links that the session made.
    pub files: usize,
    /// Directories that it made.
    pub directories: usize,
    /// Uploads that are followed at once.
    pub uploads: usize,
}

impl Room {
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
    #[must_use]
    pub fn within(limit: rlim_t) -> Self {
        let spare = limit.min(ENOUGH).saturating_sub(OTHERS);
        let spare = usize::try_from(spare).unwrap_or(0);
        let uploads = (spare / 8).clamp(1, UPLOADS);
        let rest = spare.saturating_sub(uploads);
        let files = (rest / 2).clamp(1, FILES);
        Self {
            files,
            directories: rest.saturating_sub(files).max(1),
            uploads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits() {
        assert_eq!(Room::within(rlim_t::MAX), Room::within(ENOUGH));
        for limit in [56, 64, 128, 256, 700] {
            let room = Room::within(limit);
            let all = (room.files + room.directories + room.uploads) as rlim_t;
            assert!(all + OTHERS <= limit, "{limit}: {room:?}");
            assert!(room.uploads > 0, "{limit}: {room:?}");
        }
    }
}
