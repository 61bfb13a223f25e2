//! The watchdog: ends what is left of a session whose guard was killed.
//!
//! The kernel ends the server itself when the guard dies (`PR_SET_PDEATHSIG`),
//! but processes that the server forks do not inherit this. So if the server
//! may fork, there is a third process, as far out of the session's reach as the
//! guard, that only waits for the guard to end.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, send, socketpair};
use nix::unistd::{ForkResult, Pid, dup2_stdin, read, setpgid};

use super::title::SessionTitle;
use crate::decide::plan::ServerKind;
use crate::system::{descriptors, process};

/// The guard's hold on its watchdog. When it is dropped, or closed because the
/// guard died, the session ends.
#[derive(Debug)]
pub struct Watchdog(OwnedFd);

impl Watchdog {
    /// Starts one if the server may fork.
    ///
    /// # Errors
    ///
    /// Those of socketpair(2) and fork(2).
    pub fn start(
        kind: ServerKind,
        server: Pid,
        title: Option<&mut SessionTitle>,
    ) -> io::Result<Option<Self>> {
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
            ForkResult::Child => {
                // Nobody shall take it for a guard.
                if let Some(title) = title {
                    title.become_other("xfersh watchdog");
                }
                keep(&its, server)
            }
        }
    }

    /// The session has ended: there is nothing left to do.
    pub fn dismiss(self) {
        // It does not matter if it is already gone.
        let _ = send(self.0.as_raw_fd(), b".", MsgFlags::MSG_NOSIGNAL);
    }
}

/// Waits until the guard says that all is over, or until the guard is gone.
fn keep(line: &OwnedFd, server: Pid) -> ! {
    // If anything fails here, waiting is still the best choice: a signal to the
    // guard's group, or a look at its memory, does not come from the session.
    let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::all()), None);
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    let _ = prctl::set_dumpable(false);
    // Nothing else may stay open: not the listener, since the server must see
    // it close, nor the client's streams, nor the guard's end of the line.
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
