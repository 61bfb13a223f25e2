//! The files and directories of a search, each looked at once, and whether root
//! alone can change them and the way to them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::decide::needs::flaw::LoadFlaw;
use crate::decide::trust::EntryKind;
use crate::gather::disk::is_refusal;
use crate::gather::trust::{FollowedWay, PathEntry, distrusted, status, way};
use crate::gather::walk::{WalkEnd, is_absent};

/// The most directories of one search.
const DIRECTORIES_MAX: usize = 4096;

/// What is at a path.
#[derive(Clone, Debug)]
pub enum Found {
    /// A file or directory: its path without links.
    At(PathBuf),
    /// Nothing, and root alone could put something there.
    Absent,
    /// The account may not pass.
    Closed,
}

/// What was looked at.
#[derive(Debug, Default)]
pub struct SearchedPlaces {
    directories: BTreeMap<PathBuf, Found>,
}

impl SearchedPlaces {
    /// The directory at this path, if there is one that the account can pass.
    ///
    /// # Errors
    ///
    /// If others than root can change it, or could make it.
    pub fn directory(&mut self, path: &Path, by: &Path) -> Result<Option<PathBuf>, LoadFlaw> {
        let found = if let Some(found) = self.directories.get(path) {
            found.clone()
        } else {
            if self.directories.len() == DIRECTORIES_MAX {
                return Err(LoadFlaw::Excessive("too many directories of libraries"));
            }
            let found = look(path, by, EntryKind::Directory)?;
            self.directories.insert(path.to_owned(), found.clone());
            found
        };
        match found {
            Found::At(path) => Ok(Some(path)),
            Found::Absent | Found::Closed => Ok(None),
        }
    }

    /// Whether a directory that was looked at is there.
    pub fn has(&self, path: &Path) -> bool {
        matches!(self.directories.get(path), Some(Found::At(_)))
    }

    /// The regular file at this path.
    ///
    /// # Errors
    ///
    /// If others than root can change it or the way to it.
    pub fn file(&mut self, path: &Path, by: &Path) -> Result<Found, LoadFlaw> {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(Found::Absent);
        };
        let Some(directory) = self.directory(directory, by)? else {
            return Ok(match self.directories.get(directory) {
                Some(Found::Closed) => Found::Closed,
                _ => Found::Absent,
            });
        };
        // Most are files in a directory that is known.
        let entry = directory.join(name);
        match fs::symlink_metadata(&entry) {
            Ok(metadata) if metadata.is_file() => {
                let file = PathEntry {
                    path: entry,
                    status: status(&metadata),
                };
                match file.status.distrust_for_program().next() {
                    None => Ok(Found::At(file.path)),
                    Some(why) => Err(untrusted(&file.path, by, why)),
                }
            }
            Ok(metadata) if metadata.is_symlink() => look(&entry, by, EntryKind::File),
            Ok(_) => Ok(Found::Absent),
            Err(error) if is_absent(&error) => Ok(Found::Absent),
            Err(error) if is_refusal(&error) => Ok(Found::Closed),
            Err(error) => Err(failed(&entry, &error)),
        }
    }
}

/// Follows the whole way.
fn look(path: &Path, by: &Path, wanted: EntryKind) -> Result<Found, LoadFlaw> {
    let FollowedWay { entries, end } =
        way(path).map_err(|error| failed(&error.at, &error.error))?;
    if let Some((entry, why)) = distrusted(&entries) {
        return Err(untrusted(&entry.path, by, why));
    }
    match end {
        WalkEnd::Found(path) => {
            let is_wanted = entries
                .last()
                .is_some_and(|last| last.status.kind == wanted);
            Ok(if is_wanted {
                Found::At(path)
            } else {
                Found::Absent
            })
        }
        WalkEnd::Absent(_) | WalkEnd::Refused(_) => Ok(Found::Absent),
        WalkEnd::Failed(_, error) if is_refusal(&error) => Ok(Found::Closed),
        WalkEnd::Failed(at, error) => Err(failed(&at, &error)),
    }
}

fn untrusted(at: &Path, by: &Path, why: crate::decide::trust::Distrust) -> LoadFlaw {
    LoadFlaw::Untrusted {
        at: at.to_owned(),
        by: by.to_owned(),
        why,
    }
}

fn failed(at: &Path, error: &std::io::Error) -> LoadFlaw {
    LoadFlaw::Failed {
        at: at.to_owned(),
        error: error.to_string(),
    }
}
