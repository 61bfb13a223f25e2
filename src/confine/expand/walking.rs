//! Walks the directories that a pattern names.
//!
//! Depth first, without recursion: for each directory on the way, only the
//! names that match and may be directories are kept.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::vec::IntoIter;

use nix::libc;

use super::Bounds;
use crate::decide::command::pattern::{Matcher, Pattern, Piece};
use crate::decide::command::words::PATH_MAX;
use crate::error::{Error, Step};
use crate::print::escape::Escaped;

/// Steps that opening a directory counts for.
const OPENING: u64 = 4;

/// A path that the pattern matches.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'a> {
    /// The path, as sh(1) would write it.
    pub path: &'a [u8],
    /// Whether its last component may be a symbolic link.
    pub may_be_link: bool,
}

/// Names of one directory that are still to be followed.
struct Level {
    names: IntoIter<Vec<u8>>,
    /// How much of the path leads to the directory.
    base: usize,
    /// The piece after the names.
    next: usize,
}

/// What is called for each path that is found.
pub type Sink<'a> = &'a mut dyn FnMut(&Matched<'_>, &mut Bounds) -> Result<(), Error>;

struct Walk<'a> {
    pieces: &'a [Piece],
    bounds: &'a mut Bounds,
    found: Sink<'a>,
    path: Vec<u8>,
    levels: Vec<Level>,
}

/// Calls `found` for each path that matches, in no particular order.
///
/// # Errors
///
/// If a limit is reached, or a directory cannot be read, unless that is because
/// it is absent or inaccessible, which means that nothing matches.
pub fn walk(pattern: &Pattern, bounds: &mut Bounds, found: Sink<'_>) -> Result<(), Error> {
    let mut walk = Walk {
        pieces: pattern.pieces(),
        bounds,
        found,
        path: Vec::new(),
        levels: Vec::new(),
    };
    walk.advance(0)?;
    while let Some(level) = walk.levels.last_mut() {
        let (base, next) = (level.base, level.next);
        match level.names.next() {
            None => drop(walk.levels.pop()),
            Some(name) => {
                walk.bounds.release(name.len());
                walk.path.truncate(base);
                walk.path.extend_from_slice(&name);
                walk.advance(next)?;
            }
        }
    }
    Ok(())
}

impl Walk<'_> {
    /// Continues with the piece at `next`, below the path so far.
    fn advance(&mut self, next: usize) -> Result<(), Error> {
        let pieces = self.pieces;
        let mut next = next;
        if let Some(Piece::Literal(text)) = pieces.get(next) {
            self.path.extend_from_slice(text);
            next += 1;
        }
        // No system call takes a longer path, so the server cannot use one
        // either.
        if self.path.len() >= PATH_MAX {
            return Ok(());
        }
        match pieces.get(next) {
            Some(Piece::Wild(matcher)) => self.list(matcher, next + 1),
            _ => self.look(),
        }
    }

    /// The pattern ends with text: checks whether there is such a file, even a
    /// link that leads nowhere.
    fn look(&mut self) -> Result<(), Error> {
        self.bounds.step(1)?;
        let path = Path::new(OsStr::from_bytes(&self.path));
        match fs::symlink_metadata(path) {
            Ok(metadata) => {
                let found = Matched {
                    path: &self.path,
                    may_be_link: metadata.is_symlink(),
                };
                (self.found)(&found, self.bounds)
            }
            Err(error) => absent(&error)
                .then_some(())
                .ok_or_else(|| failed(path, error)),
        }
    }

    /// Reads the directory that the path leads to.
    fn list(&mut self, matcher: &Matcher, next: usize) -> Result<(), Error> {
        self.bounds.step(OPENING)?;
        let directory = match self.path.as_slice() {
            b"" => Path::new("."),
            path => Path::new(OsStr::from_bytes(path)),
        };
        let failed = |error: io::Error| failed(directory, error);
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if absent(&error) => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let is_last = next == self.pieces.len();
        let base = self.path.len();
        let mut names = Vec::new();
        let mut path = self.path.clone();
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                // The directory was removed meanwhile.
                Err(error) if absent(&error) => break,
                Err(error) => return Err(failed(error)),
            };
            self.bounds.step(1)?;
            let name = entry.file_name().into_vec();
            let mut work = 0;
            let matches = matcher.matches(&name, &mut work);
            self.bounds.compared(work)?;
            if matches && is_last {
                path.truncate(base);
                path.extend_from_slice(&name);
                let found = Matched {
                    path: &path,
                    may_be_link: !is_known(&entry, |kind| !kind.is_symlink()),
                };
                (self.found)(&found, self.bounds)?;
            } else if matches && !is_known(&entry, |kind| !kind.is_dir() && !kind.is_symlink()) {
                self.bounds.hold(name.len())?;
                names.push(name);
            }
        }
        self.levels.push(Level {
            names: names.into_iter(),
            base,
            next,
        });
        Ok(())
    }
}

/// Whether the kind of an entry is known, and is this one.
fn is_known(entry: &DirEntry, is: fn(fs::FileType) -> bool) -> bool {
    entry.file_type().is_ok_and(is)
}

/// Whether there is nothing for this account: sh(1) then matches nothing.
fn absent(error: &io::Error) -> bool {
    const ABSENT: [i32; 6] = [
        libc::ENOENT,
        libc::ENOTDIR,
        libc::EACCES,
        libc::EPERM,
        libc::ELOOP,
        libc::ENAMETOOLONG,
    ];
    error
        .raw_os_error()
        .is_some_and(|error| ABSENT.contains(&error))
}

fn failed(path: &Path, error: io::Error) -> Error {
    let text = format!("{}: {error}", Escaped::path(path));
    Error::text(Step::Wildcards, text)
}
