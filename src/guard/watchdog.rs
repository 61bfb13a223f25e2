//! The watchdog: ends what is left of a session whose guard was killed.
//!
//! The kernel ends the server itself when the guard dies (`PR_SET_PDEATHSIG`),
//! but forgets that wish in processes which the server forks. So where the
//! server may fork there is a third process, out of the session's reach as the
//! guard is, that does nothing but wait for the guard's end.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, send, socketpair};
use nix::unistd::{ForkResult, Pid, dup2_stdin, read, setpgid};

use crate::decide::plan::ServerKind;
use crate::system::{descriptors, process};

/// The guard's hold on its watchdog. Dropped, or closed because the guard died,
/// it ends the session.
#[derive(Debug)]
pub struct Watchdog(OwnedFd);

impl Watchdog {
    /// Starts one where the server may fork.
    ///
    /// # Errors
    ///
    /// Those of socketpair(2) and fork(2).
    pub fn start(kind: ServerKind, server: Pid) -> io::Result<Option<Self>> {
        if !matches!(kind, ServerKind::RsyncReceiver | ServerKind::RsyncSender) {
            return Ok(None);
        }
        let (ours, its) = socketpair(
            AddressFamily::Unix,
            SockType::Stream,
            None,
            SockFlag::SOCK_CLOEXEC,
        )?;
        match process::fork()? {
            ForkResult::Parent { .. } => Ok(Some(Self(ours))),
            ForkResult::Child => keep(&its, server),
        }
    }

    /// The session has ended: there is nothing to do any more.
    pub fn dismiss(self) {
        // If it is gone already, so be it.
        let _ = send(self.0.as_raw_fd(), b".", MsgFlags::MSG_NOSIGNAL);
    }
}

/// Waits until the guard says that all is over, or says nothing more.
fn keep(line: &OwnedFd, server: Pid) -> ! {
    // Whatever fails here, waiting is still the best that can be done: a
    // signal to the guard's group, or a look at its memory, is not from the
    // session.
    let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::all()), None);
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    let _ = prctl::set_dumpable(false);
    // Nothing else may stay open: not the listener, whose end the server must
    // see, nor the client's streams, nor the guard's end of the line.
    if dup2_stdin(line).is_ok() && descriptors::close_from(1).is_ok() {
        let mut byte = [0];
        let is_over = loop {
            match read(std::io::stdin(), &mut byte) {
                Err(Errno::EINTR) => {}
                Ok(count) => break count > 0,
                Err(_) => break false,
            }
        };
        if !is_over {
            // A process group that the filter lets nobody leave.
            let _ = kill(Pid::from_raw(-server.as_raw()), Signal::SIGKILL);
        }
    }
    std::process::exit(0)
}
