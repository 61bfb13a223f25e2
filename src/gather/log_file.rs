//! Looks at the file that the policy names for the log, and opens it to append.

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};

use super::trust::{WayError, way_to};
use super::walk::is_absent;
use crate::decide::facts::UnknownFact;
use crate::decide::log_file::{LogFileFlaw, LogFileId, LogFileState};
use crate::print::escape::Escaped;
use crate::system::log_file::LogFile;
use crate::system::statx;

/// Where lines go that nobody takes at /dev/log before the policy is known.
pub const FALLBACK: &str = "/run/xfersh/log";

/// How it is opened. O_NONBLOCK: a FIFO without a reader is an error, not a
/// wait.
const APPEND: OFlag = OFlag::O_WRONLY
    .union(OFlag::O_APPEND)
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_NOCTTY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// What has this name. Nothing is opened: that would end what reads a FIFO. No
/// directory of the policy may be among those above it, by whatever name.
pub fn look(path: &Path, directories: &[PathBuf]) -> LogFileState {
    let mut way = match way_to(path) {
        Ok(way) => way,
        Err(WayError { error, .. }) if is_absent(&error) => return LogFileState::Absent,
        Err(WayError { at, error }) => return unknown(path, &at, &error),
    };
    let Some(file) = way.pop() else {
        return LogFileState::Absent;
    };
    for entry in way {
        if let Some(why) = entry.status.distrust().next() {
            let flaw = LogFileFlaw::Replaceable(why);
            let at = entry.path;
            return LogFileState::Unsafe { at, flaw };
        }
    }
    match holding(&file.path, directories) {
        Ok(None) => {}
        Ok(Some(at)) => {
            let flaw = LogFileFlaw::Inside;
            return LogFileState::Unsafe { at, flaw };
        }
        Err(error) => return unknown(path, &file.path, &error),
    }
    match fs::symlink_metadata(&file.path) {
        Ok(facts) => judge(file.path, &facts),
        Err(error) => unknown(path, &file.path, &error),
    }
}

/// The first of these directories that contains the file, whose path has no
/// links. What does not exist contains nothing; every other error is found by
/// the one who judges the directories.
fn holding(file: &Path, directories: &[PathBuf]) -> io::Result<Option<PathBuf>> {
    let id = |facts: fs::Metadata| (facts.dev(), facts.ino());
    let above = file.ancestors().skip(1);
    let above = above.map(|above| Ok(id(fs::metadata(above)?)));
    let above = above.collect::<io::Result<Vec<_>>>()?;
    let mut directories = directories.iter();
    let found = directories.find(|directory| {
        let known = fs::metadata(directory).map(id);
        known.is_ok_and(|known| above.contains(&known))
    });
    Ok(found.cloned())
}

fn unknown(path: &Path, at: &Path, error: &io::Error) -> LogFileState {
    let (path, at) = (Escaped::path(path), Escaped::path(at));
    LogFileState::Unknown(UnknownFact {
        reason: format!("cannot look at the log file {path}: {at}: {error}"),
        hint: "let every account pass through the directories above it".to_owned(),
    })
}

fn judge(path: PathBuf, facts: &fs::Metadata) -> LogFileState {
    let kind = facts.file_type();
    let flaw = if !kind.is_file() && !kind.is_fifo() {
        LogFileFlaw::Kind
    } else if facts.uid() != 0 {
        LogFileFlaw::Owner(facts.uid())
    } else if facts.nlink() != 1 {
        LogFileFlaw::Names(facts.nlink())
    } else {
        let device = facts.dev();
        let id = LogFileId {
            device: (major(device), minor(device)),
            number: facts.ino(),
        };
        return LogFileState::Sound { path, id };
    };
    LogFileState::Unsafe { at: path, flaw }
}

/// The number fits: a device number of Linux has 32 bits for each.
fn major(device: u64) -> u32 {
    u32::try_from(nix::sys::stat::major(device)).unwrap_or(u32::MAX)
}

fn minor(device: u64) -> u32 {
    u32::try_from(nix::sys::stat::minor(device)).unwrap_or(u32::MAX)
}

/// Opens it, with the rights of this process, to append lines. Root alone could
/// replace what was looked at before it is opened.
///
/// # Errors
///
/// If it is not sound, or another file than the one that was looked at; those
/// of open(2): ENXIO if nobody reads a FIFO.
pub fn open(path: &Path, directories: &[PathBuf]) -> io::Result<LogFile> {
    let LogFileState::Sound { path, id } = look(path, directories) else {
        let absent = !path.try_exists().unwrap_or(true);
        return Err(if absent {
            io::ErrorKind::NotFound.into()
        } else {
            io::Error::other("it cannot be trusted")
        });
    };
    let how = OpenHow::new()
        .flags(APPEND)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    let fd = openat2(AT_FDCWD, &path, how)?;
    let status = statx::of_fd(fd.as_fd())?;
    let opened = status.inode.file();
    if (opened.device, opened.number) != (id.device, id.number) || status.owner != 0 {
        return Err(io::Error::other("it was replaced meanwhile"));
    }
    Ok(LogFile::new(fd, &status))
}
