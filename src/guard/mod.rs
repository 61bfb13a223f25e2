//! The guard: the parent of the server, which does the server's changes of
//! the disk in its stead.
//!
//! The server has no right to change anything. Each system call of it that
//! would is held by the kernel (seccomp user notification) and told to the
//! guard, which reads the arguments, finds out what they mean on descriptors
//! of its own, asks [`judge`], does it, logs it, and answers.
//!
//! ```text
//! split ─┬─ server: second Landlock layer > filter > exec
//!        └─ guard:  own filter > serve: receive > decode > resolve > judge > do > answer
//! ```
//!
//! What the guard refuses to do: let the kernel go on with a call that reads or
//! changes a path (the memory may have changed), wait for anything but the log (and that
//! for a bounded time), follow a magic link of procfs, write through a
//! descriptor whose file it has not looked at.

mod attributes;
mod call;
mod caller;
mod connection;
mod end;
mod entries;
mod judge;
mod keeper;
mod ledger;
mod limits;
mod made;
mod nest;
mod opens;
mod own_filter;
mod place;
mod reads;
mod refusal;
mod room;
mod serve;
mod sight;
mod sockets;
mod split;
mod temporary;
mod umask;

use std::os::fd::OwnedFd;

use nix::fcntl::OFlag;
use nix::sys::signalfd::SignalFd;
use nix::unistd::Pid;

use crate::decide::plan::Plan;
use crate::enforce::audit::Audit;
use crate::system::seccomp::Listener;

pub use connection::Connection;
pub use end::SessionEnd;
pub use split::{Server, Side, split};

use keeper::Keeper;
use ledger::Ledger;
use limits::Clock;
use made::Made;
use place::Resolver;
use sockets::Sockets;
use umask::Umasks;

/// The guard of one session.
#[allow(missing_debug_implementations, reason = "the log has none")]
pub struct Guard<'a> {
    plan: &'a Plan,
    audit: &'a mut Audit,
    resolver: Resolver,
    listener: Listener,
    /// See [`crate::system::seccomp::Loaded::wait_killable`].
    wait_killable: bool,
    signals: SignalFd,
    server: Pid,
    connection: Connection,
    sockets: Sockets,
    /// Where the server may fork.
    keeper: Option<Keeper>,
    /// What the server's side could not do before its program ran.
    complaint: OwnedFd,
    /// Whether the server's own program has been started.
    executed: bool,
    umasks: Umasks,
    made: Made,
    ledger: Ledger,
    clock: Clock,
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
        /// Whether the ledger follows it.
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
