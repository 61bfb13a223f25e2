//! Where does a path lead? It is followed name by name, so that it is known
//! what is on the way, and where something could not be determined.
//!
//! canonicalize(3) gives one answer for the whole path. Here the caller sees
//! the links on the way, a part that is missing is distinguished from one that
//! could not be looked at, and the name that failed is known.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;

/// As many links as the kernel follows (path_resolution(7)).
const LINKS_MAX: u32 = 40;

/// What is at the end of a path.
#[derive(Debug)]
pub enum WalkEnd {
    /// Something that exists; its path without a symbolic link.
    Found(PathBuf),
    /// Nothing: the existing part resolved, and the missing names after it.
    Absent(PathBuf),
    /// A symbolic link that the caller does not follow.
    Refused(PathBuf),
    /// It could not be determined: the name at which that failed, its directory
    /// resolved.
    Failed(PathBuf, io::Error),
}

/// Whether an error means that nothing has this name. Every other error means
/// that this is not known.
#[must_use]
pub fn is_absent(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw);
    matches!(code, Some(Errno::ENOENT | Errno::ENOTDIR))
}

/// Walks a path from `/`. `follow` is asked at each symbolic link, with the
/// directory that contains it and what lstat(2) says about the link.
pub fn walk(path: &Path, follow: impl Fn(&Path, &Metadata) -> io::Result<bool>) -> WalkEnd {
    let mut walked = PathBuf::from("/");
    let mut rest = parts(path);
    let mut links = 0;
    while let Some(part) = rest.pop() {
        // `..` is looked up too: it needs the same right as any name.
        let next = walked.join(&part);
        let facts = match fs::symlink_metadata(&next) {
            Ok(facts) => facts,
            Err(error) if is_absent(&error) => return WalkEnd::Absent(append(walked, part, rest)),
            Err(error) => return WalkEnd::Failed(next, error),
        };
        if part == Path::new("..") {
            walked.pop();
            continue;
        }
        if !facts.is_symlink() {
            walked = next;
            continue;
        }
        links += 1;
        let target = match step(&walked, &next, &facts, links, &follow) {
            Ok(Some(target)) => target,
            Ok(None) => return WalkEnd::Refused(next),
            Err(error) if is_absent(&error) => return WalkEnd::Absent(append(walked, part, rest)),
            Err(error) => return WalkEnd::Failed(next, error),
        };
        if target.is_absolute() {
            walked = PathBuf::from("/");
        }
        rest.extend(parts(&target));
    }
    WalkEnd::Found(walked)
}

/// The target of a link; `None` if it is not to be followed.
fn step(
    directory: &Path,
    link: &Path,
    facts: &Metadata,
    links: u32,
    follow: impl Fn(&Path, &Metadata) -> io::Result<bool>,
) -> io::Result<Option<PathBuf>> {
    if links > LINKS_MAX {
        return Err(Errno::ELOOP.into());
    }
    if follow(directory, facts)? {
        fs::read_link(link).map(Some)
    } else {
        Ok(None)
    }
}

/// Whether only root could have created this link, and can replace it: in a
/// sticky directory nobody can replace what belongs to another.
///
/// # Errors
///
/// Those of stat(2) on the directory.
pub fn is_roots_link(directory: &Path, link: &Metadata) -> io::Result<bool> {
    let holder = fs::metadata(directory)?;
    let is_sticky = holder.mode() & 0o1000 != 0;
    let is_closed = holder.mode() & 0o022 == 0 || is_sticky;
    Ok(link.uid() == 0 && holder.uid() == 0 && is_closed)
}

/// The missing part, taken literally.
fn append(mut existing: PathBuf, missing: PathBuf, mut rest: Vec<PathBuf>) -> PathBuf {
    rest.push(missing);
    while let Some(part) = rest.pop() {
        if part == Path::new("..") {
            existing.pop();
        } else {
            existing.push(part);
        }
    }
    existing
}

/// The components of a path, the last one first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().rev();
    let named = parts.filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    named.map(|part| PathBuf::from(part.as_os_str())).collect()
}
