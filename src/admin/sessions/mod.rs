//! The sessions that are open: found in /proc, by the guards' titles.
//!
//! `--who` lists them (`who`), and `--end` ends them (`end`).
//!
//! A guard runs this very program, or the one that was in its place before an
//! upgrade, and no other account can look into it or trace it
//! (PR_SET_DUMPABLE), so its files in /proc belong to root. Anybody may start
//! xfersh with arguments that look like a title; only a guard, which has put a
//! title there, does so while its files belong to root.
//!
//! But whoever starts xfersh under ptrace(2) makes it do and say anything. The
//! kernel vouches for the uid alone: a title is believed about the account that
//! its process runs as, and about no other. So an account can invent sessions
//! of its own, and nothing else: all that is read from a process has a bound,
//! and none keeps the others from being listed or ended. So where the program
//! of a process cannot be seen, as by root of a container, its title is enough.

pub mod end;
pub mod who;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::libc;
use nix::unistd::{SysconfVar, sysconf};

use crate::gather::account::{self, AccountKey};
use crate::guard::SessionFields;
use crate::print::escape::bare_field;
use crate::system::opened::Opened;
use crate::system::statx;

/// Longer than any title. The memory that a process shows as its arguments can
/// be as large as it likes (PR_SET_MM_MAP).
const TITLE_MAX: u64 = 8192;

/// How many descriptors of a session's processes are looked at.
const OPEN_MAX: usize = 4096;

/// An open session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// What its guard says.
    pub title: SessionFields,
    /// The name of its account, as the title has it, if `uid` has that name.
    pub account: Option<String>,
    /// The guard's process id.
    pub pid: i32,
    /// The account's uid.
    pub uid: u32,
    /// When it began, in seconds since 1970.
    pub since: u64,
    /// The server's process id, while it lives.
    pub server: Option<i32>,
    /// The processes of the server's group.
    pub group: Vec<i32>,
}

/// A file that a server has open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is open for writing.
    pub writing: bool,
    /// Its size now, in bytes.
    pub size: u64,
    /// How far the server is, in bytes.
    pub position: u64,
}

/// What stat of proc_pid_stat(5) tells of a process.
struct Process {
    parent: i32,
    group: i32,
    /// In clock ticks since the system's start.
    started: u64,
}

/// The program that guards run.
struct OwnProgram {
    device: u64,
    inode: u64,
    path: PathBuf,
    mounts: PathBuf,
}

impl OwnProgram {
    fn own() -> io::Result<Self> {
        let itself = fs::metadata("/proc/self/exe")?;
        Ok(Self {
            device: itself.dev(),
            inode: itself.ino(),
            path: fs::read_link("/proc/self/exe")?,
            mounts: fs::read_link("/proc/self/ns/mnt")?,
        })
    }

    /// Whether this process runs it, or what was in its place earlier. Only
    /// where names mean the same as here is a name enough. `None` if it cannot
    /// be looked into: root of a container has no CAP_SYS_PTRACE.
    fn is_of(&self, process: &Path) -> Option<bool> {
        let link = process.join("exe");
        let same = match fs::metadata(&link) {
            Ok(file) => (file.dev(), file.ino()) == (self.device, self.inode),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return None,
            Err(_) => false,
        };
        let earlier = || {
            let mut replaced = self.path.clone().into_os_string();
            replaced.push(" (deleted)");
            fs::read_link(&link).is_ok_and(|path| path.as_os_str() == replaced)
                && fs::read_link(process.join("ns/mnt")).is_ok_and(|mounts| mounts == self.mounts)
        };
        Some(same || earlier())
    }
}

/// All sessions that are open, the oldest first. For root: nobody else can see
/// what other accounts' processes run.
///
/// # Errors
///
/// If /proc cannot be read.
pub fn all() -> io::Result<Vec<OpenSession>> {
    let program = OwnProgram::own()?;
    let boot = boot_time()?;
    let ticks = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100);
    let ticks = u64::try_from(ticks).unwrap_or(100).max(1);
    let mut processes = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.parse::<i32>().ok());
        if let Some(number) = number
            && let Some(process) = read_stat(number)
        {
            processes.insert(number, process);
        }
    }
    let mut names = BTreeMap::new();
    let mut sessions: Vec<_> = processes
        .iter()
        .filter_map(|(pid, process)| {
            let (uid, title) = guard(&program, *pid)?;
            let names = names.entry(uid).or_insert_with(|| names_of(uid));
            let account = title.account.clone().filter(|name| names.contains(name));
            let children = processes.iter().filter(|(_, other)| other.parent == *pid);
            // The server leads its process group, which the watchdog does not
            // share.
            let server = children
                .filter(|(number, other)| other.group == **number)
                .map(|(number, _)| *number)
                .find(|number| program.is_of(&directory(*number)) != Some(true));
            let group = processes
                .iter()
                .filter(|(_, other)| Some(other.group) == server)
                .map(|(number, _)| *number);
            Some(OpenSession {
                title,
                account,
                pid: *pid,
                uid,
                since: boot + process.started / ticks,
                server,
                group: group.collect(),
            })
        })
        .collect();
    sessions.sort_by_key(|session| (session.since, session.pid));
    Ok(sessions)
}

/// Whether this process is still the guard of that session.
fn is_still(session: &OpenSession) -> io::Result<bool> {
    let known = guard(&OwnProgram::own()?, session.pid);
    Ok(known
        .is_some_and(|(uid, title)| uid == session.uid && title.session == session.title.session))
}

/// The names of a uid, in the form that titles have them.
fn names_of(uid: u32) -> Vec<String> {
    let Ok(account) = account::lookup(&AccountKey::Uid(uid), &Opened::default()) else {
        return Vec::new();
    };
    let aliases = account.aliases.iter().map(|alias| &alias.name);
    let names = std::iter::once(&account.name).chain(aliases);
    names.map(|name| bare_field(name)).collect()
}

fn guard(program: &OwnProgram, pid: i32) -> Option<(u32, SessionFields)> {
    let directory = directory(pid);
    // Of the directory itself the account stays the owner (task_dump_owner in
    // fs/proc/base.c).
    let is_closed = fs::symlink_metadata(directory.join("exe")).ok()?.uid() == 0;
    if !is_closed || program.is_of(&directory) == Some(false) {
        return None;
    }
    let mut title = Vec::new();
    let arguments = File::open(directory.join("cmdline")).ok()?;
    arguments.take(TITLE_MAX).read_to_end(&mut title).ok()?;
    let title = SessionFields::read(&title)?;
    let status = fs::read_to_string(directory.join("status")).ok()?;
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    Some((uid.split_whitespace().next()?.parse().ok()?, title))
}

fn directory(pid: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

fn read_stat(pid: i32) -> Option<Process> {
    parse_stat(&fs::read(directory(pid).join("stat")).ok()?)
}

/// The name of the program, which it chooses, ends at the last parenthesis.
fn parse_stat(text: &[u8]) -> Option<Process> {
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(text.get(end + 1..)?).ok()?;
    // Field 3 is the first.
    let fields: Vec<_> = rest.split_whitespace().collect();
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// When the system was started, in seconds since 1970 (proc_stat(5)).
fn boot_time() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/stat")?;
    let time = text.lines().find_map(|line| line.strip_prefix("btime "));
    time.and_then(|time| time.trim().parse().ok())
        .ok_or_else(|| io::Error::other("/proc/stat has no btime"))
}

/// The regular files that these processes have open, each once.
fn open_files(processes: &[i32]) -> Vec<OpenFile> {
    let mut files = BTreeMap::new();
    let mut left = OPEN_MAX;
    for process in processes {
        let directory = directory(*process);
        let descriptors = directory.join("fd");
        // It may end while it is looked at.
        let (Ok(entries), Ok(names)) = (fs::read_dir(&descriptors), File::open(&descriptors))
        else {
            continue;
        };
        for entry in entries.flatten().take(left) {
            left -= 1;
            let name = entry.file_name();
            let info = directory.join("fdinfo").join(&name);
            let Ok(name) = CString::new(name.into_vec()) else {
                continue;
            };
            let Ok(file) = statx::known(names.as_fd(), &name) else {
                continue;
            };
            if file.mode & libc::S_IFMT == libc::S_IFREG
                && let Ok(path) = fs::read_link(entry.path())
                && let Some((position, writing)) = parse_fdinfo(&info)
            {
                let id = file.inode.file();
                let known = files.entry((id.device, id.number, writing));
                let known = known.or_insert_with(|| OpenFile {
                    path,
                    writing,
                    size: file.size,
                    position,
                });
                known.position = known.position.max(position);
            }
        }
    }
    files.into_values().collect()
}

/// Position, and whether it is open for writing (proc_pid_fdinfo(5)).
fn parse_fdinfo(file: &Path) -> Option<(u64, bool)> {
    let text = fs::read_to_string(file).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let position = field("pos:")?.trim().parse().ok()?;
    let flags = u32::from_str_radix(field("flags:")?.trim(), 8).ok()?;
    // O_ACCMODE; 0 is O_RDONLY.
    Some((position, flags & 3 != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_cannot_forge_its_line() {
        let fields = "S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123 999 1";
        let line = format!("5 (a) R 1 1 1 (b) {fields}");
        let process = parse_stat(line.as_bytes()).expect("a line");
        assert_eq!(
            (process.parent, process.group, process.started),
            (7, 8, 123)
        );
        assert!(parse_stat(b"5 (a").is_none());
        assert!(parse_stat(b"5 (a) S 1").is_none());
    }
}
