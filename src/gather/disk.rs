//! Answers an [`Inquiry`]: what the disk looks like, seen as the account.
//!
//! Only directories are opened, with O_PATH, and nothing is changed. A fact
//! that cannot be determined is an [`UnknownFact`], never another fact:
//! otherwise a rule of the policy would vanish with its directory.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{Mode, fstat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use nix::unistd::{AccessFlags, eaccess};

use super::walk::{WalkEnd, is_absent, is_roots_link, walk};
use crate::decide::account::Account;
use crate::decide::facts::{
    DirectoryId, DirectoryState, DirectoryStates, Facts, HomeChild, Program, UnknownFact,
};
use crate::decide::form::Inquiry;
use crate::decide::operands::Operand;
use crate::decide::roots::directories::Directories;
use crate::print::escape::Escaped;
use crate::print::escape::word::{hinted, quoted, word};

/// Gathers the facts, with the rights of this process, which must be the
/// account's.
#[must_use]
pub fn gather(inquiry: &Inquiry, account: &Account) -> Facts {
    let places = places(&inquiry.directories, account);
    let start = places.start(&inquiry.directories.start).to_path_buf();
    let operands = inquiry.operands.iter().map(|operand| Operand {
        path: resolve(&start.join(&operand.path)),
        ..*operand
    });
    Facts {
        program: program(&inquiry.programs, inquiry.program_is_configured),
        places,
        operands: operands.collect(),
        target_is_directory: inquiry
            .target
            .as_ref()
            .is_some_and(|path| start.join(path).is_dir()),
    }
}

/// What the directories of the policy are.
#[must_use]
pub fn places(directories: &Directories, account: &Account) -> DirectoryStates {
    let place = |path: &PathBuf| {
        let mut place = place(path, account);
        if *path == directories.start {
            place = enterable(place, account);
        }
        (path.clone(), place)
    };
    let mut places = DirectoryStates {
        named: directories.paths.iter().map(place).collect(),
        home_children: Ok(Vec::new()),
    };
    // Without a home there is nothing in it; the named directories show why
    // there is none.
    if directories.home_children
        && let Some(home) = places.directory(&directories.home)
    {
        let listed = home_children(home, directories.others);
        places.home_children = listed.map_err(|(path, error)| match path {
            None => cannot_list(home, &error, account),
            Some(path) => cannot_look(&path, &error, account),
        });
    }
    places
}

/// What a directory of the policy is.
fn place(path: &Path, account: &Account) -> DirectoryState {
    let directly = !path.components().any(|part| part == Component::ParentDir);
    if let Some(Ok(directory)) = directly.then(|| open_without_links(path)) {
        return directory_place(path.components().collect(), &directory, account);
    }
    // A link, an error, or a sandbox without openat2(2): the walk shows what it
    // is, and where.
    match walk(path, is_roots_link) {
        WalkEnd::Found(path) => match open_resolved(&path) {
            Ok(directory) => directory_place(path, &directory, account),
            Err(error) if is_absent(&error) => DirectoryState::Absent(path),
            Err(error) => DirectoryState::Failed(cannot_look(&path, &error, account)),
        },
        WalkEnd::Absent(path) => DirectoryState::Absent(path),
        WalkEnd::Refused(link) => DirectoryState::UnsafeLink(link),
        WalkEnd::Failed(path, error) => DirectoryState::Failed(cannot_look(&path, &error, account)),
    }
}

fn directory_place(path: PathBuf, directory: &OwnedFd, account: &Account) -> DirectoryState {
    match fstat(directory) {
        Ok(status) => DirectoryState::Directory {
            path,
            id: DirectoryId {
                device: status.st_dev,
                inode: status.st_ino,
            },
        },
        Err(error) => DirectoryState::Failed(cannot_look(&path, &error.into(), account)),
    }
}

const DIRECTORY: OFlag = OFlag::O_PATH
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

fn open_without_links(path: &Path) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new()
        .flags(DIRECTORY)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(AT_FDCWD, path, how)
}

/// Opens what [`walk`] found.
fn open_resolved(path: &Path) -> io::Result<OwnedFd> {
    match open_without_links(path) {
        Err(Errno::ENOSYS | Errno::EPERM) => open(path, DIRECTORY, Mode::empty()),
        opened => opened,
    }
    .map_err(io::Error::from)
}

/// If the start directory cannot be entered, the server would start in another
/// one.
fn enterable(place: DirectoryState, account: &Account) -> DirectoryState {
    let DirectoryState::Directory { path, .. } = &place else {
        return place;
    };
    match eaccess(path, AccessFlags::X_OK) {
        Ok(()) => place,
        Err(error) => {
            let error = io::Error::from(error);
            let shown = Escaped::path(path);
            DirectoryState::Failed(UnknownFact {
                reason: format!("cannot enter the start directory {shown}: {error}"),
                hint: unlock(path, &error, account),
            })
        }
    }
}

/// The directories directly in the home that are neither links nor dotfiles, in
/// the order of their names.
fn home_children(
    home: &Path,
    with_ids: bool,
) -> Result<Vec<HomeChild>, (Option<PathBuf>, io::Error)> {
    let list = |error| (None, error);
    let mut children = Vec::new();
    for entry in fs::read_dir(home).map_err(list)? {
        let entry = entry.map_err(list)?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        // Checks the entry itself: a link to a directory is not a directory.
        let child = match entry.file_type() {
            Ok(kind) if !kind.is_dir() => continue,
            Ok(_) if !with_ids => Ok(None),
            Ok(_) => fs::symlink_metadata(&path).map(|facts| {
                Some(DirectoryId {
                    device: facts.dev(),
                    inode: facts.ino(),
                })
            }),
            Err(error) => Err(error),
        };
        match child {
            Ok(id) => children.push(HomeChild { path, id }),
            // Removed while the home was read.
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err((Some(path), error)),
        }
    }
    // All are in one directory, so their bytes are compared, which is faster
    // than comparing paths name by name.
    children.sort_unstable_by(|one, other| one.path.as_os_str().cmp(other.path.as_os_str()));
    Ok(children)
}

fn cannot_look(path: &Path, error: &io::Error, account: &Account) -> UnknownFact {
    let directory = path.parent().unwrap_or(path);
    UnknownFact {
        reason: format!("cannot look at {}: {error}", Escaped::path(path)),
        hint: unlock(directory, error, account),
    }
}

fn cannot_list(home: &Path, error: &io::Error, account: &Account) -> UnknownFact {
    let hint = match owner(home) {
        Some(owner) if owner != account.uid && is_refusal(error) => format!(
            "let '{}' list the home, or name its directories one by one instead of \"~/*\"",
            account.name
        ),
        _ => unlock(home, error, account),
    };
    UnknownFact {
        reason: format!("cannot list {}: {error}", Escaped::path(home)),
        hint,
    }
}

/// How to fix a directory that does not let the account pass.
fn unlock(directory: &Path, error: &io::Error, account: &Account) -> String {
    // A file system can refuse too (FUSE of another user).
    let passes = eaccess(directory, AccessFlags::X_OK).is_ok();
    if !is_refusal(error) || passes {
        return "fix that, or remove the directory from the policy; until then every session is \
        refused, because its rules could not be enforced"
            .to_owned();
    }
    let path = hinted(quoted(directory), "PATH");
    if owner(directory) == Some(account.uid) {
        // As the account: root would follow a link that a client puts there.
        format!(
            "the account has locked itself out of its own directory; as root: runuser -u {} -- \
             chmod u+rwx {path}",
            hinted(word(&account.name), "NAME")
        )
    } else {
        format!(
            "give '{}' the right to pass through {path} (getfacl -e shows who has it), or remove \
             what is in it from the policy",
            account.shown()
        )
    }
}

fn is_refusal(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// Only for a hint.
fn owner(path: &Path) -> Option<u32> {
    fs::symlink_metadata(path).map(|facts| facts.uid()).ok()
}

/// The first server program that exists, if it can be trusted.
fn program(candidates: &[PathBuf], is_configured: bool) -> Program {
    for path in candidates {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if is_absent(&error) => continue,
            Err(error) => return cannot_find(path, path, &error),
        };
        let wrong = if !metadata.is_file() {
            Some("is not a regular file")
        } else if metadata.mode() & 0o111 == 0 {
            Some("is not executable")
        } else {
            writable_by_others(&metadata)
        };
        if let Some(why) = wrong {
            return Program::Unsafe(path.clone(), why);
        }
        // The known places are in directories of the system; a path that was
        // written by hand may be anywhere.
        return if is_configured {
            with_safe_parents(path)
        } else {
            Program::Found(path.clone())
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

fn with_safe_parents(path: &Path) -> Program {
    let resolved = match fs::canonicalize(path) {
        Ok(resolved) => resolved,
        Err(error) => return cannot_find(path, path, &error),
    };
    for parent in resolved.ancestors().skip(1) {
        match fs::metadata(parent) {
            Ok(metadata) if writable_by_others(&metadata).is_none() => {}
            Ok(_) => {
                let why = "lies in a directory that others can write";
                return Program::Unsafe(path.to_path_buf(), why);
            }
            Err(error) => return cannot_find(path, parent, &error),
        }
    }
    Program::Found(path.to_path_buf())
}

fn cannot_find(program: &Path, path: &Path, error: &io::Error) -> Program {
    let (program, path) = (Escaped::path(program), Escaped::path(path));
    Program::Failed(UnknownFact {
        reason: format!("cannot look at {path} for the server program {program}: {error}"),
        hint: "let every account search the directories on the way to it (chmod a+rx)".to_owned(),
    })
}

/// The path of a client with its existing part resolved; what does not exist is
/// taken literally. A procfs link is not followed: it means something else for
/// each process (`/proc/self/cwd`), so the path ends there. If a name on the
/// way cannot be looked at, the path ends with that name: the server runs as
/// this account too, so the kernel will stop it there, and nobody needs to know
/// what is behind it.
pub(crate) fn resolve(path: &Path) -> PathBuf {
    let follow = |directory: &Path, _: &fs::Metadata| {
        let found = statfs(directory)?.filesystem_type();
        Ok(found != PROC_SUPER_MAGIC)
    };
    match walk(path, follow) {
        WalkEnd::Found(path)
        | WalkEnd::Absent(path)
        | WalkEnd::Refused(path)
        | WalkEnd::Failed(path, _) => path,
    }
}
