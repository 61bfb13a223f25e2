//! Examines files; a file that could not be examined is a fact too.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use crate::gather::trust::WayError;
use crate::gather::walk::is_absent;

/// What could not be examined, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotExamined {
    /// What.
    pub path: PathBuf,
    /// Why.
    pub error: String,
}

impl From<WayError> for io::Error {
    fn from(error: WayError) -> Self {
        error.error
    }
}

/// What was found; nothing if it is absent. If that is not known, it is added
/// to `not_examined`.
pub fn unless_absent<T>(
    path: &Path,
    seen: Result<T, impl Into<io::Error>>,
    not_examined: &mut Vec<NotExamined>,
) -> Option<T> {
    match seen.map_err(Into::into) {
        Ok(seen) => Some(seen),
        Err(error) => {
            if !is_absent(&error) {
                not_examined.push(NotExamined {
                    path: path.to_owned(),
                    error: error.to_string(),
                });
            }
            None
        }
    }
}

/// What is in a directory; see [`unless_absent`].
pub fn list(directory: &Path, not_examined: &mut Vec<NotExamined>) -> Vec<DirEntry> {
    let entries = unless_absent(directory, fs::read_dir(directory), not_examined);
    let entries = entries.into_iter().flatten();
    entries
        .map_while(|entry| unless_absent(directory, entry, not_examined))
        .collect()
}
