//! The loop: one call after the other, signals, the end of the server.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::signalfd::siginfo;
use nix::unistd::{Pid, getpgid};

use super::call_error::CallError;
use super::caller::Caller;
use super::calls::decode::{self, Call};
use super::channel::Channel;
use super::connection::HELD;
use super::end::{ExitStatus, SessionEnd};
use super::upload::Holder;
use super::{Answer, Guard};
use crate::decide::rules::Denial;
use crate::decide::seccomp::table::is_made_by;
use crate::log::{Event, Importance};
use crate::system::process::{Wait, collect, ended_child, started_with};
use crate::system::seccomp::Notification;

impl Guard<'_> {
    /// Serves until the server has ended, then ends what is left of the
    /// session and closes the log. `first` is a call that was taken already.
    pub(super) fn run(mut self, first: Option<Notification>) -> SessionEnd {
        let mut may_have_ended = true;
        if let Some(notification) = first
            && let Err(error) = self.serve(&notification)
        {
            self.fail(&error);
        }
        let status = loop {
            if may_have_ended && let Some(status) = self.reap() {
                break status;
            }
            // This comes after every turn: a process that ends again and again,
            // or an endless stream of signals, must not keep the limits from
            // being checked.
            self.tick();
            self.end_with_connection();
            may_have_ended = self.turn().unwrap_or_else(|error| {
                self.fail(&error);
                true
            });
        };
        self.finish(status)
    }

    /// Without a working loop nothing is allowed any more: it fails closed.
    fn fail(&mut self, error: &io::Error) {
        let event = Event::by_field("guard").name("guard", "failed");
        let event = event.words("cause", error);
        self.log.event(Importance::Error, &event);
        self.end_session("guard");
    }

    /// Waits for something to happen and handles it. Returns whether a process
    /// may have ended.
    fn turn(&mut self) -> io::Result<bool> {
        if self.log.audit.flush_due() == Some(Duration::ZERO) {
            self.log.audit.flush();
        }
        self.show_counts();
        let timeout = self.next_wake_up();
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        let is_there = |fd: &PollFd| fd.revents().is_some_and(|events| !events.is_empty());
        let own = [self.channel.listener.as_fd(), self.signals.as_fd()];
        let mut fds: [PollFd; 2 + HELD] =
            std::array::from_fn(|_| PollFd::new(self.signals.as_fd(), PollFlags::POLLIN));
        let mut count = 0;
        for (slot, fd) in fds
            .iter_mut()
            .zip(own.into_iter().chain(self.connection.fds()))
        {
            *slot = PollFd::new(fd, PollFlags::POLLIN);
            count += 1;
        }
        let fds = &mut fds[..count];
        match poll(fds, timeout) {
            Ok(0) if self.log.audit.has_queued() => self.log.audit.flush(),
            Ok(0) => self.clock.rest(),
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let calls = fds[0].revents().unwrap_or(PollFlags::empty());
        let signalled = is_there(&fds[1]);
        let ended = fds[2..].iter().any(is_there);
        if ended {
            self.connection.has_ended();
        }
        if calls.contains(PollFlags::POLLIN) {
            self.serve_one()?;
        }
        if signalled {
            self.read_signals()?;
        }
        // Hung up: no process is left under the filter, and the exit status
        // follows.
        Ok(signalled || calls == PollFlags::POLLHUP)
    }

    fn serve_one(&mut self) -> io::Result<()> {
        let notification = match self.channel.listener.receive() {
            Ok(notification) => notification,
            // The caller was killed before it could be served.
            Err(error) if is_one_of(&error, &[libc::ENOENT, libc::EINTR]) => return Ok(()),
            Err(error) => return Err(error),
        };
        self.serve(&notification)
    }

    fn serve(&mut self, notification: &Notification) -> io::Result<()> {
        match self.answer(notification) {
            // The caller was killed meanwhile.
            Err(error) if is_one_of(&error, &[libc::ENOENT, libc::ESRCH]) => Ok(()),
            other => other,
        }
    }

    fn answer(&mut self, notification: &Notification) -> io::Result<()> {
        let id = notification.id;
        let pid = notification.pid.cast_signed();
        let caller = Caller::new(id, pid, self.plan.kind);
        let call = decode::decode(notification.number, &notification.args);
        self.clock.served(call.is_about_files());
        let performed = if is_made_by(self.plan.kind, notification.number) {
            self.perform(&caller, call)
        } else {
            Err(Denial::OtherServer.into())
        };
        match performed {
            Ok(answer) => {
                let begun = matches!(answer, Answer::Descriptor { upload: true, .. });
                let answered = self.channel.answer(id, answer);
                // The server need not wait for the line of the previous upload.
                if let Ok(Some(number)) = answered {
                    self.log.handed_over(Holder { pid, number }, begun);
                }
                answered.map(drop)
            }
            Err(CallError::Errno(errno)) => {
                self.note_failure(&caller, call, errno);
                self.channel.listener.fail(id, errno as i32)
            }
            Err(CallError::Denied(denial, errno, path)) => {
                self.note_denial(&caller, call, (denial, path));
                self.channel.listener.fail(id, errno as i32)
            }
        }
    }

    /// Logs a denied call. A denial that came before its place was known has
    /// no path.
    fn note_denial(&mut self, caller: &Caller, call: Call, (denial, path): (Denial, Vec<u8>)) {
        let path = match call.object() {
            Some(on) if path.is_empty() => self.object_path(caller, on).unwrap_or_default(),
            _ => path,
        };
        self.log.denied(call.name(), denial, &path);
    }

    /// The server's own program, once.
    pub(super) fn execute(&mut self, caller: &Caller) -> Result<Answer, CallError> {
        if self.executed || caller.pid != self.channel.server.as_raw() {
            return Err(Denial::Program.into());
        }
        self.executed = true;
        Ok(Answer::LetThrough)
    }

    /// exit_group(2): what the process still has open for writing has not
    /// arrived whole. It ends whatever the guard does, so the log is right even
    /// if that is by another's hand. All of it is in registers.
    pub(super) fn exit(&mut self, caller: &Caller) -> Answer {
        self.log.exits(caller.pid, Channel::is_open);
        Answer::LetThrough
    }

    /// fork(2) of rsync, whose arguments are all in registers: nothing can be
    /// changed after the check.
    pub(super) fn fork(&mut self, caller: &Caller) -> Answer {
        self.log.forks(caller.pid);
        Answer::LetThrough
    }

    /// kill(2), between the session's processes: rsync's halves end each other.
    pub(super) fn signal(
        &self,
        caller: &Caller,
        pid: i32,
        signal: i32,
    ) -> Result<Answer, CallError> {
        let signal = Signal::try_from(signal)?;
        let target = Pid::from_raw(pid);
        let known = matches!(signal, Signal::SIGUSR1 | Signal::SIGUSR2);
        if pid <= 0 || !known {
            return Err(Denial::Stranger.into());
        }
        // No process can leave the group of the session, or enter it.
        if getpgid(Some(target))? != self.channel.server {
            return Err(Denial::Stranger.into());
        }
        let _waits = self.channel.still_waits(caller)?;
        kill(target, signal)?;
        Ok(Answer::Value(0))
    }

    fn read_signals(&mut self) -> io::Result<()> {
        while let Some(info) = self.signals.read_signal()? {
            let number = i32::try_from(info.ssi_signo).unwrap_or(0);
            match Signal::try_from(number) {
                Ok(Signal::SIGCHLD) | Err(_) => {}
                Ok(Signal::SIGTERM) if is_by_somebody_else(&info) => {
                    self.ended_by = self.ended_by.or(Some(info.ssi_uid));
                    self.end_session("terminated");
                }
                // The server may already be gone: then there is nobody to
                // signal.
                Ok(signal) => drop(kill(self.channel.server, signal)),
            }
        }
        Ok(())
    }

    /// Collects ended processes. Once the server is among them it ends what is
    /// left of the session, before the server's process id can be used again,
    /// and returns its status.
    fn reap(&mut self) -> Option<ExitStatus> {
        loop {
            let ended = match ended_child() {
                Ok(ended) => ended?,
                // No child at all: how the server ended cannot be known.
                Err(error) if is_one_of(&error, &[libc::ECHILD]) => {
                    return Some(ExitStatus::Unknown);
                }
                // It is still there, and would wait for answers for ever.
                Err(_) => {
                    self.end_session("guard");
                    return Some(ExitStatus::Unknown);
                }
            };
            let is_server = ended == self.channel.server;
            if is_server {
                // What the server itself had open is gone from view; its other
                // processes may still have something open.
                self.log.note_open(Channel::is_open);
                self.kill_all();
            }
            match collect(ended, Wait::No) {
                Ok(status) if is_server => {
                    return Some(status.map_or(ExitStatus::Unknown, ExitStatus::from));
                }
                Ok(_) => {}
                Err(_) => return Some(ExitStatus::Unknown),
            }
        }
    }
}

/// Whether a signal comes from somebody with the right to signal any process:
/// a client's signals come from sshd's process of the account. The kernel fills
/// in the sender of kill(2) (sigaction(2), SI_USER): its real uid.
fn is_by_somebody_else(info: &siginfo) -> bool {
    info.ssi_code == libc::SI_USER && info.ssi_uid != started_with().uids.0
}

pub(super) fn is_one_of(error: &io::Error, codes: &[i32]) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
}
