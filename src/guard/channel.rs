//! The way to the server: its calls, its answers, and what it has open.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use super::Answer;
use super::call_error::CallError;
use super::caller::{Caller, descriptor_of};
use super::steps::Waits;
use super::transfer_log::Holder;
use crate::system::seccomp::Listener;
use crate::system::statx::{self, Inode};

/// The guard's end of the session.
#[derive(Debug)]
pub struct Channel {
    /// Where calls come in.
    pub listener: Listener,
    /// See [`crate::system::seccomp::Loaded::wait_killable`].
    pub wait_killable: bool,
    /// The server's first process.
    pub server: Pid,
}

impl Channel {
    /// Fails unless the caller still waits: only then is what was read of a
    /// process with its pid its own.
    ///
    /// The server itself is the guard's child and not collected yet, so nobody
    /// else can have its pid; where signals wait for the answer, nothing of what
    /// was read of it can have been left behind either.
    pub fn still_waits(&self, caller: &Caller) -> Result<Waits, CallError> {
        let is_server = caller.pid == self.server.as_raw();
        if (is_server && self.wait_killable) || self.listener.still_waits(caller.id) {
            Ok(Waits::confirmed())
        } else {
            Err(Errno::EINTR.into())
        }
    }

    /// Whether a process of the session has this file under this number.
    pub fn is_open(holder: Holder, inode: Inode) -> bool {
        match descriptor_of(holder.pid, holder.number) {
            Ok(fd) => statx::of_fd(fd.as_fd()).is_ok_and(|status| status.inode == inode),
            // Only what is not there is not there.
            Err(Errno::EBADF | Errno::ENOENT | Errno::ENOTDIR | Errno::ESRCH) => false,
            Err(_) => true,
        }
    }

    /// Answers a call. Returns the number that a descriptor got.
    pub fn answer(&self, id: u64, answer: Answer) -> io::Result<Option<i32>> {
        match answer {
            Answer::Value(value) => self.listener.answer(id, value).map(|()| None),
            Answer::LetThrough => self.listener.let_through_unchecked(id).map(|()| None),
            Answer::Descriptor {
                fd, close_on_exec, ..
            } => self.hand_over(id, &fd, close_on_exec),
        }
    }

    /// In two steps where signals wait for the answer. In one
    /// (SECCOMP_ADDFD_FLAG_SEND), a guard that is stopped or frozen between the two
    /// halves of it would leave the call answered with 0: the kernel has noted the
    /// answer by then, and takes the descriptor back.
    fn hand_over(&self, id: u64, fd: &OwnedFd, close_on_exec: bool) -> io::Result<Option<i32>> {
        let fd = fd.as_fd();
        let number = if self.wait_killable {
            self.listener.inject(id, fd, close_on_exec)
        } else {
            self.listener.inject_and_answer(id, fd, close_on_exec)
        };
        match number {
            Ok(number) if self.wait_killable => {
                // Killed meanwhile: the number is gone with it.
                self.listener.answer(id, number.into())?;
                Ok(Some(number))
            }
            Ok(number) => Ok(Some(number)),
            // EMFILE: the server has no room. ENOENT: it is gone, and so says the
            // answer.
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                self.listener.fail(id, errno).map(|()| None)
            }
        }
    }
}
