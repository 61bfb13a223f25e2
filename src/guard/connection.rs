//! The connection that a session belongs to: the process that started it, which
//! is sshd's process for this connection, and those between the two.
//!
//! An ordinary server ends by itself when its input does. One that has been
//! taken over, or that copies without end, does not. So the guard holds pidfds
//! of those processes, and ends the session soon after the first of them ends.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Pid, getppid};

use super::Guard;
use crate::error::{Error, Step};
use crate::system::process::{self, ProcessInfo};

/// How long a server may keep running after its connection has ended. It sees
/// the end of its input at once; rsync then puts its partial file in place.
const LINGER: Duration = Duration::from_secs(2);

/// The most processes between sshd and a session that are looked for.
const ANCESTORS: usize = 8;

/// The most that are held: those, and the session's own front.
pub const HELD: usize = ANCESTORS + 1;

/// The processes whose end is the end of the connection.
#[derive(Debug)]
pub struct Connection {
    held: Vec<OwnedFd>,
    state: State,
    /// The session has a front, which passes signals on; they wait for the
    /// guard.
    has_front: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// When the server must be gone.
    Ending(Instant),
    /// The guard had to end the server.
    Cut,
}

impl Connection {
    /// Holds the process that started this one, and its ancestors up to the
    /// first that runs under another uid (sshd's monitor). Call it before the
    /// confinement, which makes /proc inaccessible to this process. `own` is
    /// its uid.
    ///
    /// A parent in another PID namespace has no number here, so it cannot be
    /// held; nor can more than the parent if /proc does not show it.
    ///
    /// # Errors
    ///
    /// If the connection has already ended, or pidfd_open(2) fails.
    pub fn hold(own: u32) -> Result<Self, Error> {
        let mut held = Vec::new();
        let parent = getppid();
        if parent.as_raw() > 0 {
            let fd = pidfd(parent)?;
            // Its number is its own as long as it is this process's parent.
            if getppid() != parent {
                return Err(ended());
            }
            held.push(fd);
            hold_ancestors(own, parent, &mut held)?;
        }
        if nobody_reads_the_output() {
            return Err(ended());
        }
        Ok(Self {
            held,
            state: State::Open,
            has_front: false,
        })
    }

    /// The connection ends with this process, too.
    pub(super) fn also_held_by(&mut self, front: OwnedFd) {
        self.held.push(front);
        self.has_front = true;
    }

    /// Whether signals were blocked for the guard: the server's side gives its
    /// program the mask that sshd leaves, which is empty. Without a front the
    /// mask is the caller's, who wants it so.
    pub(super) const fn has_front(&self) -> bool {
        self.has_front
    }

    /// Fails if one of those processes has ended.
    ///
    /// # Errors
    ///
    /// If so.
    pub(super) fn still_there(&self) -> Result<(), Error> {
        let is_over = self.held.iter().any(|fd| is_ready(fd.as_fd()));
        if is_over { Err(ended()) } else { Ok(()) }
    }

    /// What the loop waits for, in addition to calls and signals.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let is_open = self.state == State::Open;
        self.held
            .iter()
            .filter(move |_| is_open)
            .map(|fd| fd.as_fd())
    }

    /// Notes that one of those processes has ended.
    pub fn has_ended(&mut self) {
        if self.state == State::Open {
            self.state = State::Ending(Instant::now() + LINGER);
        }
    }

    /// How long the server may keep running; `None` while the connection is
    /// open.
    pub fn time_left(&self) -> Option<Duration> {
        match self.state {
            State::Ending(until) => Some(until.saturating_duration_since(Instant::now())),
            State::Open | State::Cut => None,
        }
    }
}

impl Guard<'_> {
    /// Ends the session if its connection ended and the server did not.
    pub(super) fn end_with_connection(&mut self) {
        if self.connection.time_left() == Some(Duration::ZERO) {
            self.connection.state = State::Cut;
            let why = "its connection has ended";
            self.log.ending(why);
            self.end_session("connection");
        }
    }
}

fn ended() -> Error {
    Error::text(Step::Connection, "it has already ended")
}

fn pidfd(pid: Pid) -> Result<OwnedFd, Error> {
    process::pidfd_open(pid).map_err(|error| match error.raw_os_error() {
        Some(nix::libc::ESRCH) => ended(),
        _ => Error::io(Step::Connection, error),
    })
}

/// Adds the ancestors of `pid`, which is held already and alone, as long as
/// they run under the uid `own`.
fn hold_ancestors(own: u32, mut pid: Pid, held: &mut Vec<OwnedFd>) -> Result<(), Error> {
    while held.len() < ANCESTORS
        && let Some(child) = held.last()
        && let Some(process) = look_up(child, pid)
        && process.uid == own
        && process.parent.as_raw() > 0
    {
        let above = process.parent;
        let fd = match process::pidfd_open(above) {
            Ok(fd) => fd,
            Err(error) if error.raw_os_error() == Some(nix::libc::ESRCH) => return Ok(()),
            Err(error) => return Err(Error::io(Step::Connection, error)),
        };
        if look_up(&fd, above).is_none_or(|above| above.uid != own) {
            return Ok(());
        }
        // Numbers are reused. This one was the parent's when it was opened if
        // it still is now, and the child is the one that is held.
        let same = look_up(child, pid).is_some_and(|process| process.parent == above);
        if !same || is_ready(child.as_fd()) {
            return Err(ended());
        }
        held.push(fd);
        pid = above;
    }
    Ok(())
}

/// What is known of a process: by its descriptor where the kernel can tell,
/// else by its number.
fn look_up(pidfd: &OwnedFd, pid: Pid) -> Option<ProcessInfo> {
    match process::pidfd_info(pidfd.as_fd()) {
        Ok(info) => Some(info),
        Err(error) if error.raw_os_error() == Some(nix::libc::ESRCH) => None,
        Err(_) => in_procfs(pid),
    }
}

/// What /proc tells of a process; `None` if /proc does not show it: it has
/// ended, or belongs to another account under hidepid, or there is no procfs.
fn in_procfs(pid: Pid) -> Option<ProcessInfo> {
    parse(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// proc_pid_status(5). The process chooses the name in the first line; line
/// breaks in it are escaped.
fn parse(status: &str) -> Option<ProcessInfo> {
    let field = |name: &str| {
        let mut lines = status.lines();
        let value = lines.find_map(|line| line.strip_prefix(name))?;
        value.split_whitespace().next()
    };
    Some(ProcessInfo {
        uid: field("Uid:")?.parse().ok()?,
        parent: Pid::from_raw(field("PPid:")?.parse().ok()?),
    })
}

/// Whether a pidfd says that its process has ended.
fn is_ready(fd: BorrowedFd<'_>) -> bool {
    events(fd).is_some_and(|events| !events.is_empty())
}

/// The process that started this one may have ended before it could be held,
/// and then its number says nothing: an orphan has another parent. But a pipe
/// or a socket shows that its other end is gone.
fn nobody_reads_the_output() -> bool {
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
    events(io::stdout().as_fd()).is_some_and(|events| events.intersects(gone))
}

fn events(fd: BorrowedFd<'_>) -> Option<PollFlags> {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    while let Err(Errno::EINTR) = poll(&mut fds, PollTimeout::ZERO) {}
    fds[0].revents()
}

#[cfg(test)]
mod tests {
    use nix::unistd::getuid;

    use super::*;

    #[test]
    fn a_name_is_no_field() {
        let status =
            "Name:\tUid: 7\nUmask:\t0022\nPid:\t9\nPPid:\t4\nUid:\t1000\t1000\t1000\t1000\n";
        let parent = Pid::from_raw(4);
        assert_eq!(parse(status), Some(ProcessInfo { uid: 1000, parent }));
        assert_eq!(parse("Name:\tx\n"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn both_ways_to_know_a_process_agree() {
        let parent = getppid();
        let fd = pidfd(parent).expect("a parent that lives");
        let Ok(info) = process::pidfd_info(fd.as_fd()) else {
            return; // before Linux 6.13
        };
        assert_eq!(in_procfs(parent), Some(info));
    }

    #[test]
    fn the_parent_is_held() {
        let mut connection = Connection::hold(getuid().as_raw()).expect("a parent that lives");
        assert!(connection.fds().count() > 0);
        assert_eq!(connection.time_left(), None);
        connection.has_ended();
        assert_eq!(connection.fds().count(), 0);
        assert!(connection.time_left().is_some_and(|left| left <= LINGER));
    }
}
