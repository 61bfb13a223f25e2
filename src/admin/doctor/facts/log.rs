//! What takes the log of an account: a socket, or a file.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};

use super::rights::Rights;
use crate::decide::log_file::LogFileState;
use crate::decide::policy::LogTarget;
use crate::decide::roots::directories::directories;
use crate::gather::{account, log_file};

/// The socket of syslog(3).
pub const SYSLOG: &str = "/dev/log";

/// The socket of journald.
pub const JOURNAL: &str = "/run/systemd/journal/socket";

/// What takes the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFacts {
    /// The syslog socket, and whether it is there.
    Syslog(bool),
    /// journald's, and whether it is there.
    Journal(bool),
    /// A file.
    File(LogFileFacts),
}

/// A log file, seen with the rights of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFileFacts {
    /// Its path in the policy.
    pub path: PathBuf,
    /// What it is.
    pub state: LogFileState,
    /// Whether the account can append to it.
    pub is_writable: bool,
    /// Its permission bits.
    pub mode: u32,
    /// Whether a process has it open to read; `None` if it is no FIFO.
    pub is_read: Option<bool>,
}

impl LogFacts {
    /// Looks at it.
    ///
    /// # Errors
    ///
    /// Those of taking on the ids of the account.
    pub fn gather(rights: &Rights<'_>) -> io::Result<Self> {
        let path = match &rights.policy.log.value {
            LogTarget::Syslog => return Ok(Self::Syslog(is_socket(SYSLOG))),
            LogTarget::Journal => return Ok(Self::Journal(is_socket(JOURNAL))),
            LogTarget::File(path) => path,
        };
        let directories = directories(rights.policy, rights.account).paths;
        let (state, is_writable) = account::temporarily_become(rights.account, || {
            let flags = AtFlags::AT_EACCESS;
            let writable = faccessat(AT_FDCWD, &**path, AccessFlags::W_OK, flags);
            (log_file::look(path, &directories), writable.is_ok())
        })?;
        let facts = fs::metadata(path).ok();
        let fifo = facts.as_ref().filter(|facts| facts.file_type().is_fifo());
        Ok(Self::File(LogFileFacts {
            path: path.clone(),
            state,
            is_writable,
            mode: facts.as_ref().map_or(0, |facts| facts.mode() & 0o7777),
            is_read: fifo.map(|fifo| has_reader((fifo.dev(), fifo.ino()))),
        }))
    }
}

fn is_socket(path: &str) -> bool {
    let facts = Path::new(path).metadata();
    facts.is_ok_and(|facts| facts.file_type().is_socket())
}

/// Whether any process has this file open to read. Opening it to find out would
/// end what reads it.
fn has_reader(file: (u64, u64)) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut tables = processes.map(|process| process.path());
    tables.any(|process| {
        let names = fs::read_dir(process.join("fd")).into_iter().flatten();
        let mut names = names.flatten().map(|name| name.path());
        names.any(|name| {
            let same = |facts: fs::Metadata| (facts.dev(), facts.ino()) == file;
            fs::metadata(&name).is_ok_and(same) && may_read(&process, &name)
        })
    })
}

/// proc_pid_fdinfo(5).
fn may_read(process: &Path, descriptor: &Path) -> bool {
    let Some(number) = descriptor.file_name() else {
        return false;
    };
    let text = fs::read_to_string(process.join("fdinfo").join(number)).unwrap_or_default();
    let mut lines = text.lines();
    let flags = lines.find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    // O_ACCMODE; 1 is O_WRONLY.
    flags.is_some_and(|flags| flags & 3 != 1)
}
