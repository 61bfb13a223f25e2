//! The file that a policy names for the log: may a session write its lines
//! there? Only root may be able to replace it, and no client may reach it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::facts::UnknownFact;
use super::trust::Distrust;
use super::verdict::{Refusal, Stage};
use crate::print::escape::Escaped;

/// Which file it is: device, major and minor number, and inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogFileId {
    /// Device, major and minor number.
    pub device: (u32, u32),
    /// Inode number.
    pub number: u64,
}

/// What has the name of the log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFileState {
    /// A regular file or a FIFO that root alone can replace.
    Sound {
        /// Its path without any symbolic link.
        path: PathBuf,
        /// Which file it is.
        id: LogFileId,
    },
    /// Nothing has this name.
    Absent,
    /// It must not be written to.
    Unsafe {
        /// What is wrong: an entry on the way to it, or the file.
        at: PathBuf,
        /// What is wrong with that.
        flaw: LogFileFlaw,
    },
    /// It could not be determined.
    Unknown(UnknownFact),
}

/// What is wrong with a log file, or with the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFileFlaw {
    /// Somebody else than root could replace it.
    Replaceable(Distrust),
    /// It belongs to this uid.
    Owner(u32),
    /// It is neither a regular file nor a FIFO.
    Kind,
    /// It has this many names: one of them may be where clients can write.
    Names(u64),
    /// It is a directory of the policy, and the file is in it.
    Inside,
}

impl fmt::Display for LogFileFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaceable(why) => write!(f, "{why}"),
            Self::Owner(uid) => write!(f, "is owned by uid {uid}, not by root"),
            Self::Kind => f.write_str("is neither a regular file nor a FIFO"),
            Self::Inside => f.write_str("is a directory of the policy and contains it"),
            Self::Names(count) => write!(f, "has {count} names (hard links), not one"),
        }
    }
}

/// What to do where the file cannot be used.
const HINT: &str = "put the log in a directory of root's, such as /var/log, in a file of root's to which the account can append";

impl LogFileState {
    /// Which file it is, if lines may be written to it.
    ///
    /// # Errors
    ///
    /// The refusal, if it is not to be trusted. A file that does not exist is no
    /// reason to refuse by itself: the session then has no log, which is for
    /// `audit` to judge.
    pub fn vet(&self, named: &Path) -> Result<Option<LogFileId>, Refusal> {
        match self {
            Self::Absent => Ok(None),
            Self::Unknown(fact) => Err(fact.refusal()),
            Self::Unsafe { at, flaw } => {
                let (named, at) = (Escaped::path(named), Escaped::path(at));
                let reason = format!("the log file {named} cannot be used: {at} {flaw}");
                Err(Refusal::new(Stage::Host, reason).hint(HINT))
            }
            Self::Sound { id, .. } => Ok(Some(*id)),
        }
    }
}
