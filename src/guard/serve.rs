//! The loop: one call after the other, signals, the end of the server.

use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, getpgid};

use super::call::{self, Call};
use super::caller::Caller;
use super::connection::ANCESTORS;
use super::end::{SessionEnd, Status};
use super::refusal::{Failure, Refusal};
use super::{Answer, Guard};
use crate::enforce::audit::Importance;
use crate::system::seccomp::Notification;

impl Guard<'_> {
    /// Serves until the server has ended, then ends what is left of the
    /// session and closes the log.
    pub fn run(mut self) -> SessionEnd {
        // On a kernel before 6.6 the answer is only slower.
        let _ = self.listener.wake_up_synchronously();
        let mut may_have_ended = true;
        let status = loop {
            if may_have_ended && let Some(status) = self.reap() {
                break status;
            }
            // Whatever ended the turn: a process that ends again and again, or
            // signals without end, must not keep the bounds from being looked at.
            self.tick();
            self.end_with_connection();
            may_have_ended = self.turn().unwrap_or_else(|error| {
                // Without a working loop nothing is allowed any more: closed.
                let line = format_args!("guard=failed cause=\"{error}\"");
                self.audit.event(Importance::Error, &line);
                self.end_session();
                true
            });
        };
        self.finish(status)
    }

    /// Waits for something to happen and sees to it. Returns whether a process
    /// may have ended.
    fn turn(&mut self) -> io::Result<bool> {
        let timeout = self.next_wake_up();
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        let is_there = |fd: &PollFd| fd.revents().is_some_and(|events| !events.is_empty());
        let own = [self.listener.as_fd(), self.signals.as_fd()];
        let mut fds: [PollFd; 2 + ANCESTORS] =
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
        // Hung up: nobody is left under the filter, and the exit status follows.
        Ok(signalled || calls == PollFlags::POLLHUP)
    }

    fn serve_one(&mut self) -> io::Result<()> {
        let notification = match self.listener.receive() {
            Ok(notification) => notification,
            // The caller was killed before it could be served.
            Err(error) if is_one_of(&error, &[libc::ENOENT, libc::EINTR]) => return Ok(()),
            Err(error) => return Err(error),
        };
        let answered = self.answer(&notification);
        match answered {
            // The caller was killed meanwhile.
            Err(error) if is_one_of(&error, &[libc::ENOENT, libc::ESRCH]) => Ok(()),
            other => other,
        }
    }

    fn answer(&mut self, notification: &Notification) -> io::Result<()> {
        let id = notification.id;
        let pid = notification.pid.cast_signed();
        let caller = Caller::new(id, pid, self.plan.kind);
        let call = call::decode(notification.number, &notification.args);
        self.clock.served();
        match self.perform(&caller, call) {
            Ok(Answer::Value(value)) => self.listener.answer(id, value),
            Ok(Answer::LetThrough) => self.listener.let_through_unchecked(id),
            Ok(Answer::Descriptor {
                fd,
                close_on_exec,
                upload,
            }) => {
                let fd = fd.as_fd();
                let number = if self.wait_killable {
                    self.listener.inject(id, fd, close_on_exec)
                } else {
                    self.listener.inject_and_answer(id, fd, close_on_exec)
                };
                let number = match number {
                    Ok(number) => number,
                    // EMFILE: the server has no room. ENOENT: it is gone, and
                    // so says the answer.
                    Err(error) => {
                        let errno = error.raw_os_error().unwrap_or(libc::EIO);
                        return self.listener.fail(id, errno);
                    }
                };
                let answered = if self.wait_killable {
                    self.listener.answer(id, number.into())
                } else {
                    Ok(())
                };
                // The line of the upload before need not keep the server waiting.
                self.ledger.handed_over(self.audit, pid, number, upload);
                answered
            }
            Err(Failure::Errno(errno)) => self.listener.fail(id, errno as i32),
            Err(Failure::Refused(refusal, errno, path)) => {
                let name = call.name();
                self.ledger.refused(self.audit, name, refusal, &path);
                self.listener.fail(id, errno as i32)
            }
        }
    }

    fn perform(&mut self, caller: &Caller, call: Call) -> Result<Answer, Failure> {
        match call {
            Call::Execute => self.execute(caller),
            Call::Signal(pid, signal) => self.signal(caller, pid, signal),
            Call::Umask(mask) => Ok(Answer::Value(self.umasks.set(caller.pid, mask).into())),
            Call::Open { path, flags, mode } => self.open(caller, path, flags, mode),
            Call::MakeDirectory(path, mode) => self.make_directory(caller, path, mode),
            Call::MakeNode(path, mode) => self.make_node(caller, path, mode),
            Call::Remove { path, directory } => self.remove(caller, path, directory),
            Call::Rename { from, to, flags } => self.rename(caller, from, to, flags),
            Call::Link { from, to, flags } => self.link(caller, from, to, flags),
            Call::Symlink { target, path } => self.make_symlink(caller, target, path),
            Call::Truncate(path, length) => self.truncate(caller, path, length),
            Call::Mode(on, mode) => self.set_mode(caller, on, mode),
            Call::Owner(on, uid, gid) => self.set_owner(caller, on, uid, gid),
            Call::Times(on, times) => self.set_times(caller, on, times),
            Call::SetAttribute {
                on,
                name,
                value,
                size,
                flags,
            } => self.set_attribute(caller, on, name, (value, size, flags)),
            Call::RemoveAttribute(on, name) => self.remove_attribute(caller, on, name),
            Call::Socket(domain, kind, protocol) => self.socket(domain, kind, protocol),
            Call::Connect(number, address, size) => self.connect(caller, number, address, size),
            Call::Unknown => Err(Refusal::Unsupported.into()),
            looks => self.look(caller, looks),
        }
    }

    /// The server's own program, once.
    fn execute(&mut self, caller: &Caller) -> Result<Answer, Failure> {
        if self.executed || caller.pid != self.server.as_raw() {
            return Err(Refusal::Program.into());
        }
        self.executed = true;
        Ok(Answer::LetThrough)
    }

    /// kill(2), among the session's processes: rsync's halves end each other.
    fn signal(&self, caller: &Caller, pid: i32, signal: i32) -> Result<Answer, Failure> {
        let signal = Signal::try_from(signal)?;
        let target = Pid::from_raw(pid);
        let known = matches!(signal, Signal::SIGUSR1 | Signal::SIGUSR2);
        if pid <= 0 || !known {
            return Err(Refusal::Stranger.into());
        }
        // No process can leave the group of the session, or enter it.
        if getpgid(Some(target))? != self.server {
            return Err(Refusal::Stranger.into());
        }
        self.confirm(caller)?;
        kill(target, signal)?;
        Ok(Answer::Value(0))
    }

    /// Fails unless the caller still waits: only then is what was read of a
    /// process with its pid its own.
    pub(super) fn confirm(&self, caller: &Caller) -> Result<(), Failure> {
        if self.listener.still_waits(caller.id) {
            Ok(())
        } else {
            Err(Errno::EINTR.into())
        }
    }

    pub(super) fn take_umask(&mut self, pid: i32) {
        self.umasks.take(pid);
    }

    fn read_signals(&mut self) -> io::Result<()> {
        while let Some(info) = self.signals.read_signal()? {
            let number = i32::try_from(info.ssi_signo).unwrap_or(0);
            match Signal::try_from(number) {
                Ok(Signal::SIGCHLD) | Err(_) => {}
                // The server may be gone already: then there is nobody to tell.
                Ok(signal) => drop(kill(self.server, signal)),
            }
        }
        Ok(())
    }

    /// Collects ended processes. Once the server is among them it ends what is
    /// left of the session, before the server's process id can be used again,
    /// and returns its status.
    fn reap(&self) -> Option<Status> {
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        loop {
            let ended = match waitid(Id::All, look) {
                Ok(WaitStatus::StillAlive) => return None,
                Ok(status) => status.pid(),
                Err(Errno::EINTR) => continue,
                // No child at all: it cannot be known how the server ended.
                Err(_) => return Some(Status::Unknown),
            };
            if ended == Some(self.server) {
                self.end_session();
            }
            match waitpid(ended, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == self.server => {
                    return Some(Status::Exited(code));
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == self.server => {
                    return Some(Status::Killed(signal));
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return Some(Status::Unknown),
            }
        }
    }
}

fn is_one_of(error: &io::Error, codes: &[i32]) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
}
