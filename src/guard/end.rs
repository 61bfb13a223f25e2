//! The end of a session: nothing of it is left, and the caller learns how the
//! server ended.

use std::fmt;
use std::io::Read as _;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, UnlinkatFlags, unlinkat};

use super::Guard;
use super::made::Leftover;
use crate::enforce::audit::Importance;
use crate::escape::Escaped;
use crate::exit::Exit;
use crate::system::{signals, statx};

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// With this exit status.
    Exited(i32),
    /// By this signal.
    Killed(Signal),
    /// Somebody else collected it.
    Unknown,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited:{code}"),
            Self::Killed(signal) => write!(f, "killed:{signal}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// A session that is over.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnd(Status);

impl SessionEnd {
    /// Ends this process as the server ended: by the same signal, so that
    /// sshd reports it, or with the returned status.
    pub fn pass_on(self) -> Exit {
        match self.0 {
            Status::Exited(code) => Exit::Server(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
            Status::Unknown => Exit::Failed,
            Status::Killed(signal) => {
                // Whatever fails here, the status below says the same.
                let _ = signals::set_default(signal);
                let _ = SigSet::from(signal).thread_unblock();
                let _ = raise(signal);
                // As sh(1) shows a signal.
                Exit::Server(u8::try_from(128 + signal as i32).unwrap_or(u8::MAX))
            }
        }
    }
}

impl Guard<'_> {
    /// Ends every process of the session. They are one process group, which
    /// none can leave, so that even one that forks all the time ends. Called
    /// only while the server has not been collected: its process id is its own.
    pub(super) fn end_session(&self) {
        // ESRCH: nobody is left.
        let _ = kill(Pid::from_raw(-self.server.as_raw()), Signal::SIGKILL);
        let _ = kill(self.server, Signal::SIGKILL);
    }

    /// Ends what is left, cleans up, and writes the closing line.
    pub(super) fn finish(mut self, status: Status) -> SessionEnd {
        if let Some(keeper) = self.keeper.take() {
            keeper.dismiss();
        }
        while let Ok(_) | Err(Errno::EINTR) = waitpid(None::<Pid>, None) {}
        self.ledger.settle_all(self.audit);
        for left in self.made.take_leftovers() {
            self.remove_leftover(&left);
        }
        self.repeat_complaint();
        self.ledger.summarise(self.audit);
        let (counts, seconds) = (self.ledger.counts(), self.clock.seconds());
        let cause = self.connection.cause();
        let line = format_args!("end server={status}{cause} seconds={seconds} {counts}");
        self.audit.event(Importance::Info, &line);
        SessionEnd(status)
    }

    /// Logs what the server's side wrote before its program ran.
    fn repeat_complaint(&mut self) {
        let Ok(pipe) = self.complaint.try_clone() else {
            return;
        };
        let mut text = Vec::new();
        // Every writer is gone, so this cannot wait.
        if std::fs::File::from(pipe).read_to_end(&mut text).is_ok() && !text.is_empty() {
            let line = format_args!("error=\"{}\"", Escaped::bytes(&text));
            self.audit.event(Importance::Error, &line);
        }
    }

    /// Removes a temporary file that rsync left, if it is still the one that
    /// was made under that name.
    fn remove_leftover(&mut self, left: &Leftover) {
        let Some(slash) = left.path.iter().rposition(|&b| b == b'/') else {
            return;
        };
        let (directory, name) = (&left.path[..slash], &left.path[slash + 1..]);
        let Ok(name) = std::ffi::CString::new(name) else {
            return;
        };
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
        let Ok(directory) = openat2(AT_FDCWD, directory, how) else {
            return;
        };
        let same =
            statx::of_name(directory.as_fd(), &name).is_ok_and(|status| status.inode == left.inode);
        if same && unlinkat(&directory, &*name, UnlinkatFlags::NoRemoveDir).is_ok() {
            let path = Escaped::bytes(&left.path);
            let line = format_args!("cleaned file path=\"{path}\"");
            self.audit.event(Importance::Info, &line);
        }
    }
}
