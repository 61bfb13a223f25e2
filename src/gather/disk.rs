//! Answers an [`Inquiry`]: what the disk looks like, seen as the account.
//!
//! Only directories are opened, with O_PATH, and nothing is changed. A fact
//! that cannot be determined is an [`UnknownFact`], never another fact:
//! otherwise a rule of the policy would vanish with its directory.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{Mode, makedev};
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use nix::unistd::{AccessFlags, faccessat};

use super::log_file;
use super::needs;
use super::start;
use super::trust::{self, PathEntry, WayError, is_roots_link};
use super::walk::{WalkEnd, is_absent, walk};
use crate::decide::account::Account;
use crate::decide::facts::{
    DirectoryId, DirectoryState, DirectoryStates, Facts, HomeChild, Program, ProgramFlaw,
    UnknownFact, UnsafeProgram,
};
use crate::decide::form::Inquiry;
use crate::decide::needs::{Needs, is_of_the_distribution};
use crate::decide::operands::Operand;
use crate::decide::policy::Policy;
use crate::decide::roots::directories::Directories;
use crate::decide::trust::EntryKind;
use crate::decide::verdict::{Refusal, Stage};
use crate::print::escape::Escaped;
use crate::print::escape::word::{hinted, quoted, word};
use crate::system::opened::Opened;
use crate::system::statx;

/// Gathers the facts, with the rights of this process, which must be the
/// account's.
pub fn gather(inquiry: &Inquiry, policy: &Policy, account: &Account, opened: &Opened) -> Facts {
    let places = places(&inquiry.directories, policy, account, opened);
    let root = Path::new("/");
    let start = places.start.as_ref().map_or(root, |start| &start.path);
    let operands = inquiry.operands.iter().map(|operand| Operand {
        path: resolve(&start.join(&operand.path)),
        ..*operand
    });
    let operands = operands.collect();
    let target_is_directory = inquiry
        .target
        .as_ref()
        .is_some_and(|path| start.join(path).is_dir());
    Facts {
        program: program(&inquiry.programs, inquiry.is_named),
        places,
        operands,
        target_is_directory,
        log_file: policy
            .log
            .value
            .file()
            .map(|path| log_file::look(path, &inquiry.directories.paths)),
    }
}

/// What the directories of the policy are; those that are there are kept open.
pub fn places(
    directories: &Directories,
    policy: &Policy,
    account: &Account,
    opened: &Opened,
) -> DirectoryStates {
    let place = |path: &PathBuf| {
        let place = if *path == directories.home {
            home_place(path, account, opened)
        } else {
            place(path, account, opened)
        };
        (path.clone(), place)
    };
    let mut places = DirectoryStates {
        named: directories.paths.iter().map(place).collect(),
        home_children: Ok(Vec::new()),
        start: Err(Refusal::new(Stage::Host, "the start directory is unknown")),
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
    places.start = start::find(&directories.start, policy, account, &places, opened);
    places
}

/// What a directory of the policy is.
fn place(path: &Path, account: &Account, opened: &Opened) -> DirectoryState {
    match look(path) {
        Look::Directory(path, directory) => directory_place(path, directory, account, opened),
        Look::Absent(path) => DirectoryState::Absent(path),
        Look::UnsafeLink(link) => DirectoryState::UnsafeLink(link),
        Look::Failed(path, error) => DirectoryState::Failed(cannot_look(&path, &error, account)),
    }
}

/// What is at a path.
pub(super) enum Look {
    /// A directory: its path without links, and itself, opened with O_PATH.
    Directory(PathBuf, OwnedFd),
    /// No directory: the path with its existing part resolved.
    Absent(PathBuf),
    /// A link on the way that users other than root could have made.
    UnsafeLink(PathBuf),
    /// It could not be determined: the name at which that failed.
    Failed(PathBuf, io::Error),
}

/// Looks for a directory.
pub(super) fn look(path: &Path) -> Look {
    let directly = !path.components().any(|part| part == Component::ParentDir);
    if let Some(Ok(directory)) = directly.then(|| open_without_links(path)) {
        return Look::Directory(path.components().collect(), directory);
    }
    // A link, an error, or a sandbox without openat2(2): the walk shows what it
    // is, and where.
    let follow = |entry: &Path, metadata: &fs::Metadata| {
        Ok(!metadata.is_symlink() || is_roots_link(entry, metadata)?)
    };
    match walk(path, follow) {
        WalkEnd::Found(path) => match open_resolved(&path) {
            Ok(directory) => Look::Directory(path, directory),
            Err(error) if is_absent(&error) => Look::Absent(path),
            Err(error) => Look::Failed(path, error),
        },
        WalkEnd::Absent(path) => Look::Absent(path),
        WalkEnd::Refused(link) => Look::UnsafeLink(link),
        WalkEnd::Failed(path, error) => Look::Failed(path, error),
    }
}

pub(super) fn directory_place(
    path: PathBuf,
    directory: OwnedFd,
    account: &Account,
    opened: &Opened,
) -> DirectoryState {
    match statx::of_fd(directory.as_fd()) {
        Ok(status) => {
            opened.keep(&path, directory, Some(status));
            let (major, minor) = status.inode.device;
            DirectoryState::Directory {
                path,
                id: DirectoryId {
                    device: makedev(major.into(), minor.into()),
                    inode: status.inode.number,
                },
            }
        }
        Err(error) => DirectoryState::Failed(cannot_look(&path, &error, account)),
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

/// What the home is, which must be one that can be entered: an account that
/// cannot is not set up, and sshd would start it elsewhere.
fn home_place(path: &Path, account: &Account, opened: &Opened) -> DirectoryState {
    let directly = !path.components().any(|part| part == Component::ParentDir);
    // Only in a directory that can be entered there is a ".".
    if let Some(Ok(directory)) = directly.then(|| open_without_links(&path.join("."))) {
        return directory_place(path.components().collect(), directory, account, opened);
    }
    enterable(place(path, account, opened), account)
}

/// Whether this process has these rights on a file, by its effective ids. One
/// system call, access control lists and mounts included: eaccess(3) of glibc
/// makes six, or guesses from the mode.
///
/// # Errors
///
/// Those of faccessat2(2).
pub fn access(path: &Path, rights: AccessFlags) -> nix::Result<()> {
    faccessat(AT_FDCWD, path, rights, AtFlags::AT_EACCESS)
}

fn enterable(place: DirectoryState, account: &Account) -> DirectoryState {
    let DirectoryState::Directory { path, .. } = &place else {
        return place;
    };
    match access(path, AccessFlags::X_OK) {
        Ok(()) => place,
        Err(error) => {
            let error = io::Error::from(error);
            let shown = Escaped::path(path);
            DirectoryState::Failed(UnknownFact {
                reason: format!("cannot enter the home directory {shown}: {error}"),
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

pub(super) fn cannot_look(path: &Path, error: &io::Error, account: &Account) -> UnknownFact {
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
    let passes = access(directory, AccessFlags::X_OK).is_ok();
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

pub(super) fn is_refusal(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// Only for a hint.
fn owner(path: &Path) -> Option<u32> {
    fs::symlink_metadata(path).map(|facts| facts.uid()).ok()
}

/// The first server program that exists, if it can be trusted: root alone can
/// change it and everything on the way to it, and the account can run it.
/// What will be started is what was judged, not a link that leads there.
/// `is_named` says that the policy chose it.
pub fn program(candidates: &[PathBuf], is_named: bool) -> Program {
    for path in candidates {
        match trust::way_to(path) {
            Ok(way) => return vet_program(path, &way, is_named),
            Err(missing) if is_absent(&missing.error) => {}
            Err(missing) => return cannot_find(path, &missing),
        }
    }
    Program::Missing
}

fn vet_program(program: &Path, way: &[PathEntry], is_named: bool) -> Program {
    let unsafe_at = |entry: &PathEntry, flaw| {
        Program::Unsafe(UnsafeProgram {
            program: program.to_owned(),
            at: entry.path.clone(),
            flaw,
        })
    };
    if let Some((entry, why)) = trust::distrusted(way) {
        return unsafe_at(entry, ProgramFlaw::Distrust(why));
    }
    let Some(file) = way.last() else {
        return Program::Missing;
    };
    if file.status.kind != EntryKind::File {
        return unsafe_at(file, ProgramFlaw::NotAFile);
    }
    // A process of a program that cannot be read is not dumpable (prctl(2)):
    // no guard could read its memory.
    match access(&file.path, AccessFlags::R_OK | AccessFlags::X_OK) {
        Ok(()) if !is_named && is_of_the_distribution(&file.path) => {
            Program::Found(file.path.clone(), Needs::default())
        }
        Ok(()) => match needs::inspect(&file.path) {
            Ok(needs) => Program::Found(file.path.clone(), needs),
            Err(flaw) => Program::Unloadable(flaw),
        },
        Err(_) => unsafe_at(file, ProgramFlaw::NotRunnable(file.status.mode)),
    }
}

fn cannot_find(program: &Path, missing: &WayError) -> Program {
    let WayError { at, error } = missing;
    if is_refusal(error) {
        return Program::Unsafe(UnsafeProgram {
            program: program.to_owned(),
            at: at.parent().unwrap_or(at).to_owned(),
            flaw: ProgramFlaw::Closed,
        });
    }
    let (program, at) = (Escaped::path(program), Escaped::path(at));
    Program::Failed(UnknownFact {
        reason: format!("cannot look at {at} for the server program {program}: {error}"),
        hint: "repair that, or name another program in the policy".to_owned(),
    })
}

/// The path of a client with its existing part resolved; what does not exist
/// is taken word by word. A link of procfs is not followed: what it means is
/// another thing for each process (`/proc/self/cwd`), so the path ends there.
/// Where a name on the way cannot be looked at, the path ends with that name:
/// the server is this account as well, so the kernel will stop it there.
pub(crate) fn resolve(path: &Path) -> PathBuf {
    let follow = |entry: &Path, metadata: &fs::Metadata| {
        if !metadata.is_symlink() {
            return Ok(true);
        }
        let holder = entry.parent().unwrap_or(entry);
        Ok(statfs(holder)?.filesystem_type() != PROC_SUPER_MAGIC)
    };
    match walk(path, follow) {
        WalkEnd::Found(path)
        | WalkEnd::Absent(path)
        | WalkEnd::Refused(path)
        | WalkEnd::Failed(path, _) => path,
    }
}
