//! The ids of the process: one ordinary account, and no other.

use crate::error::{Error, Step};
use crate::system::process::{StartedWith, started_with};

/// The uid and gid of the process, real, effective and saved alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The uid; never 0.
    pub uid: u32,
    /// The primary gid; never 0.
    pub gid: u32,
}

impl Identity {
    /// The ids of the process, which must be as the program was started.
    ///
    /// # Errors
    ///
    /// If it is the superuser's, or if the ids differ: then xfersh was started
    /// by a set-uid or set-gid program, or is one itself, and the real account
    /// is not known.
    pub fn of_process() -> Result<Self, Error> {
        let wrong = |text: &str| Err(Error::text(Step::Identity, text));
        let StartedWith { uids, gids } = started_with();
        if uids.0 != uids.1 {
            return wrong("real, effective and saved uid differ (is a set-uid bit set?)");
        }
        if gids.0 != gids.1 {
            return wrong("real, effective and saved gid differ (is a set-gid bit set?)");
        }
        if uids.0 == 0 {
            return wrong("the superuser is not served");
        }
        if gids.0 == 0 {
            return wrong("the group of the superuser is not served");
        }
        Ok(Self {
            uid: uids.0,
            gid: gids.0,
        })
    }
}
