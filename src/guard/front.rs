//! The front: the process that sshd started and waits for.
//!
//! sshd leads each session into a process group of its own, and passes a signal
//! that the client asks for (RFC 4254, 6.9) to all of that group, SIGKILL too.
//! A guard in it could be killed by its own client before it has written its
//! lines and removed what rsync left. The process that leads the group cannot
//! leave it (setpgid(2)), so it stays there alone as the front: it holds
//! nothing, passes signals on, and ends as the guard does. If it is killed, the
//! connection has ended, and the guard ends the session as it does then.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getpgrp, getpid, setpgid};

use super::Connection;
use super::end::{ExitStatus, SessionEnd};
use super::first_call::seen_to;
use crate::error::{Error, Step};
use crate::system::title::Title;
use crate::system::{code_pages, descriptors, process};

/// Takes the session out of the process group that it was started in. A leader
/// stays as the front, and this returns in a new process; the connection then
/// ends with the front, too.
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
    let own = getpid();
    if getpgrp() == own {
        let front = fork_from(own)?;
        connection.also_held_by(front);
    }
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
    let _ = prctl::set_dumpable(false);
    // Nobody shall take it for a guard, whatever its caller wrote there.
    Title::be("xfersh front");
    // It does next to nothing, for as long as the session lasts.
    let _ = code_pages::release_code();
    let _ = code_pages::release_unused_stack();
    let signals = seen_to();
    let mut status = None;
    while status.is_none() {
        status = match signals.wait() {
            Ok(Signal::SIGCHLD) => collect(guard, Some(WaitPidFlag::WNOHANG)),
            // It has not been collected, so the number is its own.
            Ok(signal) => {
                let _ = kill(guard, signal);
                None
            }
            Err(_) => collect(guard, None).or(Some(ExitStatus::Unknown)),
        };
    }
    let end = SessionEnd::of(status.unwrap_or(ExitStatus::Unknown));
    std::process::exit(end.pass_on().code().into())
}

/// How it ended; `None` as long as it has not.
fn collect(guard: Pid, flags: Option<WaitPidFlag>) -> Option<ExitStatus> {
    loop {
        return match waitpid(guard, flags) {
            Ok(WaitStatus::Exited(_, code)) => Some(ExitStatus::Exited(code)),
            Ok(WaitStatus::Signaled(_, signal, _)) => Some(ExitStatus::Killed(signal)),
            Err(Errno::EINTR) => continue,
            Err(_) => Some(ExitStatus::Unknown),
            Ok(_) => None,
        };
    }
}
