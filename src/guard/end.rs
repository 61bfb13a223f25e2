//! The end of a session: nothing of it is left behind, and the caller learns
//! how the server ended.

use std::fmt;
use std::io::Read as _;
use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use nix::unistd::{Pid, UnlinkatFlags, unlinkat};

use super::Guard;
use super::channel::Channel;
use super::lock::Held;
use super::resolve::{path_of, proc_name};
use super::rsync_temporaries::RsyncTemporary;
use crate::exit::Exit;
use crate::log::{Event, Importance};
use crate::system::process::{Ended, Wait, collect};
use crate::system::{signals, statx};

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExitStatus {
    /// With this exit status.
    Exited(i32),
    /// By the signal of this number.
    Killed(i32),
    /// Somebody else collected it.
    Unknown,
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited:{code}"),
            Self::Killed(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "killed:{signal}"),
                // From SIGRTMIN on they have no names of their own.
                Err(_) => write!(f, "killed:{number}"),
            },
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl From<Ended> for ExitStatus {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Exited(code) => Self::Exited(code),
            Ended::Killed(number) => Self::Killed(number),
        }
    }
}

/// A session that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnd(ExitStatus);

impl SessionEnd {
    /// One that ended like this.
    pub(super) const fn of(status: ExitStatus) -> Self {
        Self(status)
    }

    /// Ends this process the way the server ended: by the same signal, so that
    /// sshd reports it, or with the returned status.
    pub fn pass_on(self) -> Exit {
        match self.0 {
            ExitStatus::Exited(code) => Exit::Server(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
            ExitStatus::Unknown => Exit::Failed,
            ExitStatus::Killed(number) => {
                signals::end_by(number);
                // If that failed: as sh(1) shows a signal.
                Exit::Server(u8::try_from(128 + number).unwrap_or(u8::MAX))
            }
        }
    }
}

impl Guard<'_> {
    /// Ends the session because of `cause`. What is still open has not arrived
    /// whole, and only now can that be seen.
    pub(super) fn end_session(&mut self, cause: &'static str) {
        self.log.ends(cause, Channel::is_open);
        self.kill_all();
    }

    /// Ends every process of the session. They are one process group, which
    /// none can leave, so even one that forks all the time ends. Call it only
    /// while the server has not been collected, so that its process id is still
    /// its own.
    pub(super) fn kill_all(&self) {
        // ESRCH: nobody is left.
        let _ = kill(
            Pid::from_raw(-self.channel.server.as_raw()),
            Signal::SIGKILL,
        );
        let _ = kill(self.channel.server, Signal::SIGKILL);
    }

    /// Ends what is left, cleans up, and writes the closing line.
    pub(super) fn finish(mut self, status: ExitStatus) -> SessionEnd {
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.dismiss();
        }
        // Not for any child: whoever started xfersh may have had others, which
        // the exec left to this process.
        let session = Pid::from_raw(-self.channel.server.as_raw());
        while collect(session, Wait::Yes).is_ok() {}
        // A server that is killed by a signal from elsewhere says nothing.
        self.log
            .settle_all(!matches!(status, ExitStatus::Exited(_)));
        for left in self.files.take_temporary() {
            self.remove_temporary(&left);
        }
        self.repeat_complaint();
        self.log.summarise();
        let counts = *self.log.counts();
        let mut event = Event::of("end").word("server", &status);
        event = event.name_if("cause", self.log.cause);
        if let Some(uid) = self.ended_by {
            event = event.number("by_uid", uid.into());
        }
        event = event.number("seconds", self.clock.seconds());
        self.log.event(Importance::Info, &counts.describe(event));
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
            // Our own sentence, unless it was cut off.
            let event = Event::by_field("error");
            let event = match std::str::from_utf8(&text) {
                Ok(sentence) => event.sentence("error", sentence),
                Err(_) => event.bytes("error", &text),
            };
            self.log.event(Importance::Error, &event);
        }
    }

    /// Removes a temporary name that rsync left, if it still belongs to the
    /// file that it was given to.
    fn remove_temporary(&mut self, left: &RsyncTemporary) {
        // The directory may have been renamed since.
        let place = path_of(left.directory.as_fd()).map(|mut path| {
            path.push(b'/');
            path.extend_from_slice(left.name.as_bytes());
            path
        });
        let path = place.as_deref().unwrap_or(&left.path);
        let outcome = self.locks.hold().map_err(|_| Errno::EAGAIN);
        match outcome.and_then(|held| unlink_temporary(&held, left)) {
            Ok(true) => {
                let event = Event::of("cleaned").kind("file").bytes("path", path);
                self.log.event(Importance::Info, &event);
            }
            Ok(false) => {}
            Err(error) => {
                let event = Event::of("not-cleaned").kind("file");
                let event = event.words("cause", &error).bytes("path", path);
                self.log.event(Importance::Error, &event);
            }
        }
    }
}

/// Removes the name; `false` if it no longer exists. A client may have made the
/// directory, which the account owns, unwritable.
fn unlink_temporary(_held: &Held, left: &RsyncTemporary) -> Result<bool, Errno> {
    const OWNER: u32 = 0o300;
    let directory = left.directory.as_fd();
    let code = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    let unlink = || unlinkat(directory, &*left.name, UnlinkatFlags::NoRemoveDir);
    let status = statx::of_fd(directory).map_err(code)?;
    let is_closed = status.mode & OWNER != OWNER;
    let set_mode = |mode: u32| {
        let bits = Mode::from_bits_truncate(mode & 0o7777);
        let name = proc_name(directory);
        fchmodat(AT_FDCWD, &*name, bits, FchmodatFlags::FollowSymlink)
    };
    if is_closed {
        set_mode(status.mode | OWNER)?;
    }
    let removed = match statx::of_name(directory, &left.name) {
        Ok(named) if named.inode == left.inode => unlink().map(|()| true),
        Ok(_) => Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(code(error)),
    };
    if is_closed {
        set_mode(status.mode)?;
    }
    removed
}
