//! The first call, and what the guard sets up behind it.
//!
//! The first call of the server's side is our own execve(2). It is answered at
//! once, so that the kernel loads the server's program while the guard sets up
//! what it needs: its signals, its own filter, descriptors of its own. No
//! other call is taken from the listener before all of that is in force: until
//! then nothing that the server's program says has reached the guard, and
//! nothing that the program wants of it has been done. If a step fails, the
//! session ends there.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout};

use super::calls::{Sockets, decode};
use super::capacity::Capacity;
use super::channel::Channel;
use super::limits::Clock;
use super::serve::is_one_of;
use super::session_files::SessionFiles;
use super::start::{Met, Prepared, says_something};
use super::title::SessionTitle;
use super::transfer_log::TransferLog;
use super::umask::Umasks;
use super::watchdog::Watchdog;
use super::{Connection, Guard, SessionEnd};
use crate::confine::unlimit_guard;
use crate::decide::plan::Plan;
use crate::decide::seccomp;
use crate::error::{Error, Step};
use crate::log::Audit;
use crate::system::seccomp::{Notification, load_quiet_irrevocably};

/// Signals that a client can send (RFC 4254, 6.9) and that are the server's to
/// handle: passed on to it, so that the guard is there for its end. Not those
/// that are raised by what a process does itself.
const PASSED_ON: [Signal; 7] = [
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGALRM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// The guard before the first call.
#[allow(missing_debug_implementations, reason = "the log has none")]
pub struct Waiting<'a> {
    pub(super) plan: &'a Plan,
    pub(super) audit: &'a mut Audit,
    pub(super) connection: Connection,
    pub(super) prepared: Prepared,
    pub(super) met: Met,
    /// What the server's side says if its program does not start.
    pub(super) complaint: File,
    /// The other end of that, which the server's side has as well.
    pub(super) other_end: OwnedFd,
}

/// What there was to answer first.
enum FirstCall {
    /// The server's own program, which has been let through.
    Program,
    /// Something before it (the server's side expands wildcards, and where
    /// reads are watched it opens directories for that): still to be answered.
    Other(Notification),
    /// Nothing: the server's side has ended.
    None,
}

impl Waiting<'_> {
    /// Answers the first call, sets up the guard and serves.
    ///
    /// # Errors
    ///
    /// The step that failed. Then no other call was answered, and the server
    /// is gone.
    pub fn run(self) -> Result<SessionEnd, Error> {
        let server = self.met.server;
        // First, so that what the caller wrote there is never a guard's.
        let title = SessionTitle::show(self.audit, self.plan.kind);
        // Before its program runs: no process of the account may look into the
        // guard, not even where there is no Landlock.
        let closed =
            prctl::set_dumpable(false).map_err(|error| Error::io(Step::Guard("dumpable"), error));
        let first = closed.and_then(|()| {
            let failed = |error| Error::io(Step::Guard("the first call"), error);
            self.first_call().map_err(failed)
        });
        let ready = first.and_then(|first| self.set_up(first, title));
        match ready {
            Ok((guard, first)) => Ok(guard.run(first)),
            Err(error) => {
                end(server);
                Err(error)
            }
        }
    }

    fn first_call(&self) -> io::Result<FirstCall> {
        let Met {
            server, listener, ..
        } = &self.met;
        // On a kernel before 6.6 the answer is only slower.
        let _ = listener.wake_up_synchronously();
        if !says_something(listener.as_fd(), &self.met.pidfd)? {
            return Ok(FirstCall::None);
        }
        let notification = match listener.receive() {
            Ok(notification) => notification,
            // It was killed before it could be served.
            Err(error) if is_one_of(&error, &[libc::ENOENT, libc::EINTR]) => {
                return Ok(FirstCall::None);
            }
            Err(error) => return Err(error),
        };
        let call = decode::decode(notification.number, &notification.args);
        let is_servers = notification.pid.cast_signed() == server.as_raw();
        if !is_servers || !matches!(call, decode::Call::Execute) {
            return Ok(FirstCall::Other(notification));
        }
        match listener.let_through_unchecked(notification.id) {
            Ok(()) => Ok(FirstCall::Program),
            Err(error) if is_one_of(&error, &[libc::ENOENT]) => Ok(FirstCall::None),
            Err(error) => Err(error),
        }
    }
}

impl<'a> Waiting<'a> {
    /// Makes the guard. The watchdog is a process, so it comes before the
    /// filter, which lets the guard start none.
    fn set_up(
        self,
        first: FirstCall,
        mut title: Option<SessionTitle>,
    ) -> Result<(Guard<'a>, Option<Notification>), Error> {
        let failed = |what| move |error: io::Error| Error::io(Step::Guard(what), error);
        let met = self.met;
        drop(self.other_end);
        let watchdog = Watchdog::start(self.plan.kind, met.server, title.as_mut())
            .map_err(failed("watchdog"))?;
        let capacity =
            Capacity::claim().map_err(|error| Error::io(Step::Guard("descriptors"), error))?;
        let signals = take_signals().map_err(failed("signals"))?;
        prctl::set_child_subreaper(true)
            .map_err(|error| Error::io(Step::Guard("subreaper"), error))?;
        unlimit_guard(self.plan)?;
        load_quiet_irrevocably(&seccomp::guard::PROGRAM).map_err(failed("own filter"))?;
        leave_standard(&signals).map_err(failed("standard descriptors"))?;
        let guard = Guard {
            plan: self.plan,
            channel: Channel {
                listener: met.listener,
                server: met.server,
            },
            locks: self.prepared.locks,
            resolver: self.prepared.resolver,
            files: SessionFiles::holding(capacity, self.prepared.temporary),
            title,
            ended_by: None,
            log: TransferLog::following(self.audit, capacity.uploads).of(self.plan),
            umasks: Umasks::default(),
            clock: Clock::start(),
            signals,
            connection: self.connection,
            sockets: Sockets::default(),
            watchdog,
            complaint: self.complaint.into(),
            executed: matches!(first, FirstCall::Program),
        };
        let waiting = match first {
            FirstCall::Other(notification) => Some(notification),
            FirstCall::Program | FirstCall::None => None,
        };
        Ok((guard, waiting))
    }
}

/// Ends the server, and all that it may have started, before any call of it
/// was answered.
fn end(server: Pid) {
    // A process that has ended already is told nothing.
    let _ = kill(Pid::from_raw(-server.as_raw()), Signal::SIGKILL);
    let _ = kill(server, Signal::SIGKILL);
    let _ = waitpid(server, None);
}

/// Gives up the client's descriptors, so that sshd sees their end when the
/// server closes them. What takes their numbers cannot be written to: a
/// message to stderr must never land in a file.
fn leave_standard(signals: &SignalFd) -> io::Result<()> {
    dup2_stdin(signals)?;
    dup2_stdout(signals)?;
    dup2_stderr(signals)?;
    Ok(())
}

/// The signals that the guard sees to.
pub(super) fn seen_to() -> SigSet {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    PASSED_ON.iter().for_each(|signal| set.add(*signal));
    set
}

/// Blocks the signals that the guard sees to, and reads them by a descriptor.
fn take_signals() -> io::Result<SignalFd> {
    let set = seen_to();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)?;
    Ok(SignalFd::with_flags(
        &set,
        SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
    )?)
}
