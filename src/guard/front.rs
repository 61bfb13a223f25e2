//! The front: the process that was started, and that its starter waits for.
//!
//! A server passes signals that the client asks for (RFC 4254, 6.9), SIGKILL
//! too, to what it has started: sshd to the process group that it leads each
//! session into, dropbear to the process itself, as root. A guard that they
//! reach could be killed by its own client before it has written its lines and
//! removed what rsync left, and would take a client's SIGTERM for the
//! administrator's. So whatever started the session, that process forks and
//! stays there as the front: it holds nothing, passes signals on, and ends as
//! the guard does, which is in a process group of its own. If the front is
//! killed, the connection has ended, and the guard ends the session as it does
//! then.

use std::os::fd::OwnedFd;

use nix::sys::prctl;
use nix::sys::signal::{SigmaskHow, Signal, kill, sigprocmask};
use nix::unistd::{ForkResult, Pid, getpid, setpgid};

use super::Connection;
use super::end::{ExitStatus, SessionEnd};
use super::first_call::seen_to;
use crate::error::{Error, Step};
use crate::system::process::{self, Wait, collect};
use crate::system::title::Title;
use crate::system::{code_pages, descriptors, signals};

/// Takes the session out of the process, and out of the process group, that it
/// was started in. This process stays as the front, and this returns in a new
/// one; the connection then ends with the front, too.
///
/// The signals that a guard sees to are blocked from here on: they wait until
/// it reads them.
///
/// # Errors
///
/// Those of pidfd_open(2), fork(2) and setpgid(2).
pub fn leave_the_group(connection: &mut Connection) -> Result<(), Error> {
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&seen_to()), None)
        .map_err(|error| Error::io(Step::Guard("signals"), error))?;
    connection.also_held_by(fork_from(getpid())?);
    let itself = Pid::from_raw(0);
    setpgid(itself, itself).map_err(|error| Error::io(Step::Guard("process group"), error))
}

/// Forks; returns in the child, with a descriptor for the front.
fn fork_from(own: Pid) -> Result<OwnedFd, Error> {
    let failed = |error: std::io::Error| Error::io(Step::Guard("fork"), error);
    let front = process::pidfd_open(own).map_err(failed)?;
    match process::fork().map_err(failed)? {
        ForkResult::Child => Ok(front),
        ForkResult::Parent { child } => wait_for(child),
    }
}

/// Passes signals on until the guard has ended, and ends like it.
fn wait_for(guard: Pid) -> ! {
    // sshd must see the client's streams close when the server closes them, and
    // the session's places in /proc are nobody's business.
    let _ = descriptors::close_from(0);
    // Nobody shall take it for a guard, whatever its caller wrote there, not
    // even if it is stopped here.
    Title::be("xfersh front");
    let _ = prctl::set_dumpable(false);
    // It does next to nothing, for as long as the session lasts.
    let _ = code_pages::release_code();
    let _ = code_pages::release_unused_stack();
    let waited = seen_to();
    let mut status = None;
    while status.is_none() {
        status = match signals::wait(&waited) {
            Ok(Signal::SIGCHLD) => look(guard, Wait::No),
            // It has not been collected, so the number is its own.
            Ok(signal) => {
                let _ = kill(guard, signal);
                None
            }
            Err(_) => look(guard, Wait::Yes).or(Some(ExitStatus::Unknown)),
        };
    }
    let end = SessionEnd::of(status.unwrap_or(ExitStatus::Unknown));
    std::process::exit(end.pass_on().code().into())
}

/// How it ended; `None` as long as it has not.
fn look(guard: Pid, wait: Wait) -> Option<ExitStatus> {
    match collect(guard, wait) {
        Ok(ended) => ended.map(ExitStatus::from),
        Err(_) => Some(ExitStatus::Unknown),
    }
}
