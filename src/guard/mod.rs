//! The guard: the parent of the server, which does the server's changes of
//! the disk in its stead.
//!
//! The server has no right to change anything. Each system call of it that
//! would is held by the kernel (seccomp user notification) and told to the
//! guard, which reads the arguments, finds out what they mean on descriptors
//! of its own, asks the rules ([`crate::decide::rules`]), does it, logs it, and
//! answers. While it does so, the guards of other sessions are kept out
//! ([`lock`]); the order of the steps is a type ([`steps`]).
//!
//! ```text
//! split ─┬─ server: second Landlock layer > filter > exec
//!        └─ guard:  own filter > serve: receive > decode > lock > resolve > judge > act > log > answer
//! ```
//!
//! What the guard refuses to do: let the kernel go on with a call that reads or
//! changes a path (the memory may have changed), wait for anything but the log (and that
//! for a bounded time), follow a magic link of procfs, write through a
//! descriptor whose file it has not looked at.

mod call_error;
mod caller;
mod calls;
mod capacity;
mod channel;
mod connection;
mod end;
mod limits;
mod lock;
mod own_filter;
mod preflight;
mod resolve;
mod rsync_temporaries;
mod serve;
mod session_files;
mod start;
mod steps;
mod transfer_log;
mod umask;
mod watchdog;

use std::os::fd::OwnedFd;

use nix::fcntl::OFlag;
use nix::sys::signalfd::SignalFd;

use crate::decide::plan::Plan;

pub use calls::decode;
pub use connection::Connection;
pub use end::SessionEnd;
pub use start::{Prepared, Server, Side, split};

use calls::Sockets;
use channel::Channel;
use limits::Clock;
use lock::Locks;
use resolve::Resolver;
use session_files::SessionFiles;
use transfer_log::TransferLog;
use umask::Umasks;
use watchdog::Watchdog;

/// The guard of one session.
#[allow(missing_debug_implementations, reason = "the log has none")]
pub struct Guard<'a> {
    plan: &'a Plan,
    /// The way to the server.
    channel: Channel,
    /// Keeps other guards out between look and act.
    locks: Locks,
    /// Where things are.
    resolver: Resolver,
    /// What the session made.
    files: SessionFiles,
    /// What it did.
    log: TransferLog<'a>,
    umasks: Umasks,
    clock: Clock,
    signals: SignalFd,
    connection: Connection,
    sockets: Sockets,
    /// Where the server may fork.
    watchdog: Option<Watchdog>,
    /// What the server's side could not do before its program ran.
    complaint: OwnedFd,
    /// Whether the server's own program has been started.
    executed: bool,
}

/// What a call is answered.
#[derive(Debug)]
enum Answer {
    /// This result.
    Value(i64),
    /// A descriptor.
    Descriptor {
        fd: OwnedFd,
        close_on_exec: bool,
        /// Whether the log follows it.
        upload: bool,
    },
    /// The kernel does it itself: the first execve(2), and an O_PATH open where
    /// reads are watched.
    LetThrough,
}

impl Answer {
    fn opened(fd: OwnedFd, flags: OFlag, upload: bool) -> Self {
        Self::Descriptor {
            fd,
            close_on_exec: flags.contains(OFlag::O_CLOEXEC),
            upload,
        }
    }
}
