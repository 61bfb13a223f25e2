//! The process that waits in a notified call.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::{Mode, stat};

use super::call_error::CallError;
use crate::decide::plan::ServerKind;
use crate::system::memory;

/// Reads memory, descriptors and working directory of one waiting process.
///
/// What it returns can be trusted only after the listener has confirmed that
/// the call still waits: the pid may have been reused.
#[derive(Debug)]
pub struct Caller {
    /// The cookie of its call.
    pub id: u64,
    /// Its process id.
    pub pid: i32,
    /// Whether its working directory is the guard's: the one in which both were
    /// forked, which only rsync may leave (`chdir` in the filter).
    pub is_where_the_guard_is: bool,
}

/// PATH_MAX of `<linux/limits.h>`, with the NUL.
const PATH_MAX: usize = 4096;

impl Caller {
    /// The caller with this pid.
    pub const fn new(id: u64, pid: i32, kind: ServerKind) -> Self {
        Self {
            id,
            pid,
            is_where_the_guard_is: !matches!(
                kind,
                ServerKind::RsyncReceiver | ServerKind::RsyncSender
            ),
        }
    }

    /// A path argument. ENAMETOOLONG and EFAULT as from the kernel.
    pub fn path(&self, address: u64) -> Result<CString, CallError> {
        let mut buffer = [0; PATH_MAX];
        let len = memory::read_string(self.pid, address, &mut buffer)?;
        let text = CStr::from_bytes_until_nul(&buffer[..=len]).map_err(|_| Errno::EFAULT)?;
        Ok(text.to_owned())
    }

    /// A string of at most `N` bytes with its NUL.
    pub fn short_string<const N: usize>(&self, address: u64) -> Result<CString, CallError> {
        let mut buffer = [0; N];
        let len = memory::read_string(self.pid, address, &mut buffer).map_err(|e| {
            // As setxattr(2) for a name that is too long.
            if e.raw_os_error() == Some(libc::ENAMETOOLONG) {
                std::io::Error::from_raw_os_error(libc::ERANGE)
            } else {
                e
            }
        })?;
        let text = CStr::from_bytes_until_nul(&buffer[..=len]).map_err(|_| Errno::EFAULT)?;
        Ok(text.to_owned())
    }

    /// Fills all of `into`.
    pub fn read(&self, address: u64, into: &mut [u8]) -> Result<(), CallError> {
        let got = memory::read(self.pid, address, into)?;
        if got == into.len() {
            Ok(())
        } else {
            Err(Errno::EFAULT.into())
        }
    }

    /// The file behind its descriptor `number`, with O_PATH.
    pub fn descriptor(&self, number: i32) -> Result<OwnedFd, CallError> {
        Ok(descriptor_of(self.pid, number)?)
    }

    /// The inode number of the socket behind its descriptor `number`.
    pub fn socket(&self, number: i32) -> Result<u64, CallError> {
        let status = stat(path_of_descriptor(self.pid, number)?.as_str()).map_err(absent)?;
        if status.st_mode & libc::S_IFMT == libc::S_IFSOCK {
            Ok(status.st_ino)
        } else {
            Err(Errno::ENOTSOCK.into())
        }
    }

    /// Its working directory, O_PATH.
    pub fn working_directory(&self) -> Result<OwnedFd, CallError> {
        let path = format!("/proc/{}/cwd", self.pid);
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(open(path.as_str(), flags, Mode::empty())?)
    }
}

/// The file behind descriptor `number` of process `pid`, with O_PATH: enough
/// for what is done with files and directories. pidfd_getfd(2) would copy the
/// descriptor itself, but is refused in containers with the usual profile.
///
/// # Errors
/// EBADF if it is not open there; EACCES if tracing is forbidden.
pub fn descriptor_of(pid: i32, number: i32) -> nix::Result<OwnedFd> {
    let path = path_of_descriptor(pid, number)?;
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    open(path.as_str(), flags, Mode::empty()).map_err(absent)
}

/// Whether the guard can look at a descriptor of process `pid` as
/// [`descriptor_of`] does; nothing is opened.
///
/// # Errors
/// As [`descriptor_of`].
pub fn can_look_at(pid: i32, number: i32) -> nix::Result<()> {
    let path = path_of_descriptor(pid, number)?;
    stat(path.as_str()).map(drop).map_err(absent)
}

fn path_of_descriptor(pid: i32, number: i32) -> nix::Result<String> {
    if number < 0 {
        return Err(Errno::EBADF);
    }
    Ok(format!("/proc/{pid}/fd/{number}"))
}

/// /proc shows no file if there is no descriptor.
const fn absent(error: Errno) -> Errno {
    match error {
        Errno::ENOENT => Errno::EBADF,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::seccomp::table::{self, Action, SyscallRule};

    #[test]
    fn who_is_where_the_guard_is_cannot_leave() {
        let kinds = [
            ServerKind::Sftp,
            ServerKind::ScpSink,
            ServerKind::ScpSource,
            ServerKind::RsyncReceiver,
            ServerKind::RsyncSender,
        ];
        for kind in kinds {
            let caller = Caller::new(1, 1, kind);
            let mut leaving = table::rows().filter(|row| matches!(row.name, "chdir" | "fchdir"));
            let leaves = leaving.any(|row| {
                let answer = row.answer_for(kind);
                !matches!(answer, SyscallRule::Always(Action::Errno(_) | Action::Kill))
            });
            assert_eq!(leaves, !caller.is_where_the_guard_is, "{kind:?}");
        }
    }
}
