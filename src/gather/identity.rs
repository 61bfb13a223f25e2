//! The ids of the process: one ordinary account, and no other.

use nix::unistd::{getresgid, getresuid};

use crate::error::{Error, Step};

/// The uid and gid of the process, real, effective and saved alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The uid; never 0.
    pub uid: u32,
    /// The primary gid; never 0.
    pub gid: u32,
}

impl Identity {
    /// Reads the ids of the process.
    ///
    /// # Errors
    ///
    /// If it is the superuser's, or if the ids differ: then xfersh was started
    /// by a set-uid or set-gid program, or is one itself, and the real account
    /// is not known.
    pub fn of_process() -> Result<Self, Error> {
        let wrong = |text: &str| Err(Error::text(Step::Identity, text));
        let uids = getresuid().map_err(|error| Error::io(Step::Identity, error))?;
        let gids = getresgid().map_err(|error| Error::io(Step::Identity, error))?;
        if uids.real != uids.effective || uids.real != uids.saved {
            return wrong("real, effective and saved uid differ (is a set-uid bit set?)");
        }
        if gids.real != gids.effective || gids.real != gids.saved {
            return wrong("real, effective and saved gid differ (is a set-gid bit set?)");
        }
        if uids.real.is_root() {
            return wrong("the superuser is not served");
        }
        if gids.real.as_raw() == 0 {
            return wrong("the group of the superuser is not served");
        }
        Ok(Self {
            uid: uids.real.as_raw(),
            gid: gids.real.as_raw(),
        })
    }
}
