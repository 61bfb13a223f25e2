//! Answers an [`Inquiry`]: what the disk looks like, seen as the account.
//!
//! Nothing is opened but directories, with O_PATH, and nothing is changed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};

use crate::decide::facts::{Facts, Inquiry, Place, Program};

/// Gathers the facts. `uid` is the account's: a link in a directory that it
/// owns is one that it can change.
#[must_use]
pub fn gather(inquiry: &Inquiry, home: &Path, uid: u32) -> Facts {
    let places = places(&inquiry.directories, uid);
    let children = match places.get(home) {
        Some(Place::Directory(home)) if inquiry.home_children => home_children(home),
        _ => Vec::new(),
    };
    Facts {
        program: program(&inquiry.programs, inquiry.program_is_configured),
        places,
        home_children: children,
        operands: inquiry.operands.iter().map(|path| resolve(path)).collect(),
    }
}

/// What each directory of the policy is.
#[must_use]
pub fn places(directories: &[PathBuf], uid: u32) -> BTreeMap<PathBuf, Place> {
    let place = |path: &PathBuf| (path.clone(), place(path, uid));
    directories.iter().map(place).collect()
}

/// What a directory of the policy is.
fn place(path: &Path, uid: u32) -> Place {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let how = OpenHow::new()
        .flags(flags)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    match openat2(AT_FDCWD, path, how) {
        Ok(_directory) => Place::Directory(path.to_path_buf()),
        // A link on the way, or (ENOSYS, EPERM) a sandbox without openat2.
        Err(Errno::ELOOP | Errno::ENOSYS | Errno::EPERM) => place_behind_links(path, uid),
        Err(_) => Place::Absent,
    }
}

fn place_behind_links(path: &Path, uid: u32) -> Place {
    if let Some(link) = unsafe_link(path, uid) {
        return Place::UnsafeLink(link);
    }
    match fs::canonicalize(path) {
        Ok(resolved) if resolved.is_dir() => Place::Directory(resolved),
        _ => Place::Absent,
    }
}

/// The first symbolic link on the way that lies in a directory of the
/// account. Links to links are followed one by one, so that a sound link
/// cannot hide an unsafe one.
fn unsafe_link(path: &Path, uid: u32) -> Option<PathBuf> {
    /// As many as the kernel follows (path_resolution(7)).
    const LINKS_MAX: u32 = 40;
    let mut walked = PathBuf::from("/");
    let mut rest: Vec<PathBuf> = parts(path);
    let mut links = 0;
    while let Some(part) = rest.pop() {
        let next = walked.join(&part);
        let Ok(target) = fs::read_link(&next) else {
            walked = if part == Path::new("..") {
                walked
                    .parent()
                    .map_or_else(|| PathBuf::from("/"), Path::to_path_buf)
            } else {
                next
            };
            continue;
        };
        let owner = fs::metadata(&walked).map(|directory| directory.uid());
        links += 1;
        if owner.is_ok_and(|owner| owner == uid) || links > LINKS_MAX {
            return Some(next);
        }
        if target.is_absolute() {
            walked = PathBuf::from("/");
        }
        rest.extend(parts(&target));
    }
    None
}

/// The components of a path, the last one first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().rev();
    let named = parts.filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    named.map(|part| PathBuf::from(part.as_os_str())).collect()
}

/// The directories directly in the home that are no links and no dotfiles,
/// in the order of their names.
fn home_children(home: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(home) else {
        return Vec::new();
    };
    let directories = entries.flatten().filter(|entry| {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // Of the entry itself: a link to a directory is none.
        !hidden && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    let mut paths: Vec<_> = directories.map(|entry| entry.path()).collect();
    paths.sort_unstable();
    paths
}

/// The first server program that exists, if it can be trusted.
fn program(candidates: &[PathBuf], is_configured: bool) -> Program {
    for path in candidates {
        let Ok(metadata) = fs::metadata(path) else {
            continue;
        };
        let wrong = if !metadata.is_file() {
            Some("is not a regular file")
        } else if metadata.mode() & 0o111 == 0 {
            Some("is not executable")
        } else {
            writable_by_others(&metadata)
        };
        // The known places lie in directories of the system; a path that was
        // written by hand may lie anywhere.
        let parent = || is_configured.then(|| unsafe_parent(path)).flatten();
        return match wrong.or_else(parent) {
            None => Program::Found(path.clone()),
            Some(why) => Program::Unsafe(path.clone(), why),
        };
    }
    Program::Missing
}

fn writable_by_others(metadata: &fs::Metadata) -> Option<&'static str> {
    if metadata.uid() != 0 {
        Some("is not owned by root")
    } else if metadata.mode() & 0o022 != 0 {
        Some("can be written by others")
    } else {
        None
    }
}

fn unsafe_parent(path: &Path) -> Option<&'static str> {
    let resolved = fs::canonicalize(path).ok()?;
    let mut parents = resolved.ancestors().skip(1);
    let is_unsafe = |parent: &Path| {
        let metadata = fs::metadata(parent);
        metadata.map_or(true, |metadata| writable_by_others(&metadata).is_some())
    };
    parents
        .any(is_unsafe)
        .then_some("lies in a directory that others can write")
}

/// The path with its existing part resolved; what does not exist is taken
/// word by word. Where even that fails, the path is taken as it is: the
/// kernel will refuse what it cannot reach.
pub(super) fn resolve(path: &Path) -> PathBuf {
    for existing in path.ancestors() {
        let Ok(mut resolved) = fs::canonicalize(existing) else {
            continue;
        };
        let rest = path.strip_prefix(existing).unwrap_or(Path::new(""));
        for part in rest.components() {
            match part {
                Component::ParentDir => {
                    resolved.pop();
                }
                Component::Normal(name) => resolved.push(name),
                _ => {}
            }
        }
        return resolved;
    }
    path.to_path_buf()
}
