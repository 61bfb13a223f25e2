//! Where does a path lead? It is followed name by name, so that it is known
//! what is on the way, and where something could not be determined.
//!
//! canonicalize(3) gives one answer for the whole path. Here the caller sees
//! the links on the way, a part that is missing is distinguished from one that
//! could not be looked at, and the name that failed is known.

use std::fs::{self, Metadata};
use std::io;
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
    /// An entry at which the caller does not go on.
    Refused(PathBuf),
    /// It could not be determined: the name at which that failed, its directory
    /// resolved.
    Failed(PathBuf, io::Error),
}

/// Whether an error means that nothing has this name. Every other error means
/// that this is not known.
pub fn is_absent(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw);
    matches!(code, Some(Errno::ENOENT | Errno::ENOTDIR))
}

/// Walks a path, from `/` on. `visit` sees the path of each entry on the way
/// and what lstat(2) says of it, and is asked whether to go on there: for a
/// symbolic link, whether to follow it.
pub fn walk(path: &Path, mut visit: impl FnMut(&Path, &Metadata) -> io::Result<bool>) -> WalkEnd {
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
        links += u32::from(facts.is_symlink());
        let target = match step(&next, &facts, links, &mut visit) {
            Ok(WalkStep::Refused) => return WalkEnd::Refused(next),
            Ok(WalkStep::Entry) => {
                walked = next;
                continue;
            }
            Ok(WalkStep::Link(target)) => target,
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

/// What there is to do at an entry.
enum WalkStep {
    /// Go on in it.
    Entry,
    /// Follow it to this target.
    Link(PathBuf),
    /// Stop.
    Refused,
}

fn step(
    path: &Path,
    facts: &Metadata,
    links: u32,
    visit: &mut impl FnMut(&Path, &Metadata) -> io::Result<bool>,
) -> io::Result<WalkStep> {
    if facts.is_symlink() && links > LINKS_MAX {
        return Err(Errno::ELOOP.into());
    }
    if !visit(path, facts)? {
        return Ok(WalkStep::Refused);
    }
    if facts.is_symlink() {
        fs::read_link(path).map(WalkStep::Link)
    } else {
        Ok(WalkStep::Entry)
    }
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
