//! The connection to the server: its calls, the answers, and what it has open.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use super::Answer;
use super::call_error::CallError;
use super::caller::{Caller, descriptor_of};
use super::steps::Waits;
use super::upload::Holder;
use crate::system::seccomp::Listener;
use crate::system::statx::{self, Inode};

/// The guard's end of the session.
#[derive(Debug)]
pub struct Channel {
    /// Where calls come in.
    pub listener: Listener,
    /// The server's first process.
    pub server: Pid,
}

impl Channel {
    /// Fails unless the caller still waits: only then was what was read from
    /// the process with its pid really its own.
    ///
    /// The server itself is the guard's child and has not been collected, so
    /// nobody else can have its pid. If signals wait for the answer, what was
    /// read from it cannot be outdated either.
    pub fn still_waits(&self, caller: &Caller) -> Result<Waits, CallError> {
        let is_server = caller.pid == self.server.as_raw();
        if (is_server && self.listener.wait_killable()) || self.listener.still_waits(caller.id) {
            Ok(Waits::confirmed())
        } else {
            Err(Errno::EINTR.into())
        }
    }

    /// Whether a process of the session has this file under this number.
    pub fn is_open(holder: Holder, inode: Inode) -> bool {
        match descriptor_of(holder.pid, holder.number) {
            Ok(fd) => statx::of_fd(fd.as_fd()).is_ok_and(|status| status.inode == inode),
            // Only these errors mean that it is not open.
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

    fn hand_over(&self, id: u64, fd: &OwnedFd, close_on_exec: bool) -> io::Result<Option<i32>> {
        match self.listener.hand_over(id, fd.as_fd(), close_on_exec) {
            Ok(number) => Ok(Some(number)),
            // EMFILE: the server has no free descriptor. ENOENT: it is gone,
            // and the answer says so.
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                self.listener.fail(id, errno).map(|()| None)
            }
        }
    }
}
