//! The guard: the parent of the server, which makes changes to the disk on the
//! server's behalf.
//!
//! The server has no right to change anything. The kernel holds each of its
//! system calls that would change something (seccomp user notification) and
//! notifies the guard. The guard reads the arguments, resolves what they mean
//! on its own descriptors, asks the rules ([`crate::decide::rules`]), makes the
//! change, logs it, and answers. Meanwhile the guards of other sessions are
//! kept out ([`lock`]). The order of the steps is a type ([`steps`]).
//!
//! ```text
//! front ── split ─┬─ server: second Landlock layer > filter > exec
//!                 └─ guard:  first call > own filter > serve: receive > decode > lock > resolve > judge > act > log > answer
//! ```
//!
//! What the guard refuses to do: let the kernel continue a call that reads or
//! changes a path (the memory may have changed), wait for anything but the log
//! (and that only for a limited time), follow a magic link of procfs, or write
//! through a descriptor whose file it has not checked.

mod attempts;
mod birthless;
mod call_error;
mod caller;
mod calls;
mod capacity;
mod channel;
mod connection;
mod counts;
mod end;
mod first_call;
mod front;
mod limits;
mod lock;
mod preflight;
mod received;
mod resolve;
mod rsync_temporaries;
mod serve;
mod session_files;
mod start;
mod steps;
mod title;
mod transfer_log;
mod umask;
mod upload;
mod watchdog;

use std::os::fd::OwnedFd;

use nix::fcntl::OFlag;
use nix::sys::signalfd::SignalFd;

use crate::decide::plan::Plan;

pub use calls::decode;
pub use connection::Connection;
pub use end::SessionEnd;
pub use first_call::Waiting;
pub use front::leave_the_group;
pub use start::{Prepared, Server, Side, split};
pub use title::SessionFields;

use calls::Sockets;
use channel::Channel;
use limits::Clock;
use lock::Locks;
use resolve::Resolver;
use session_files::SessionFiles;
use title::SessionTitle;
use transfer_log::TransferLog;
use umask::Umasks;
use watchdog::Watchdog;

/// The guard of one session.
#[allow(missing_debug_implementations, reason = "the log has no Debug")]
pub struct Guard<'a> {
    plan: &'a Plan,
    /// The connection to the server.
    channel: Channel,
    /// Keeps other guards out between look and act.
    locks: Locks,
    /// Finds out where things are.
    resolver: Resolver,
    /// What the session created.
    files: SessionFiles,
    /// What it changed.
    log: TransferLog<'a>,
    umasks: Umasks,
    clock: Clock,
    signals: SignalFd,
    connection: Connection,
    sockets: Sockets,
    /// What ps(1) shows.
    title: Option<SessionTitle>,
    /// Who ended the session, by uid, if it was somebody else.
    ended_by: Option<u32>,
    /// Present if the server may fork.
    watchdog: Option<Watchdog>,
    /// What the server's side could not do before its program ran.
    complaint: OwnedFd,
    /// Whether the server's own program has been started.
    executed: bool,
}

/// The answer to a call.
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
    /// The kernel carries it out: the first execve(2), and an O_PATH open if
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
