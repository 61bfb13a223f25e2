//! The log: one line for every decision and every change, to syslog,
//! facility AUTHPRIV.
//!
//! A line is `session=ID seq=N account=NAME uid=N client=ADDRESS EVENT`. The
//! sequence number counts lines, sent or not, so that a gap shows. Sending
//! waits for a limited time: a log daemon that hangs must not hang the session,
//! and a lost line is counted and reported in the next one. The code that
//! formats an event escapes the peer's bytes. Nothing before the event contains
//! a blank, so that a program can tell the client's address from the rest.
//!
//! Lines about changes may wait in a queue, since a datagram for each costs
//! more than everything else about a small file. The queue is sent when it is
//! full, when the session is idle, when its first line gets old, before any
//! other line, and at the end. A process that is killed loses its queue; then
//! the closing line is missing too. Under `audit = "required"` nothing waits.

mod lines;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use nix::unistd::getpid;
use syslog::{Logger, LoggerBackend};

use crate::decide::account::Account;
use crate::decide::invocation::{AskedProfile, Invocation};
use crate::decide::policy::Requirement;
use crate::decide::roots::start::StartDirectory;
use crate::decide::verdict::Verdict;
use crate::error::{Error, Step};
use crate::print::escape::{Escaped, Quoted, bare_field};
use lines::{Frame, Lines};

pub use lines::Importance;

/// Where syslog daemons and journald listen.
const SOCKET: &str = "/dev/log";

/// How long one line may wait for the log daemon.
const WAIT_MAX: Duration = Duration::from_millis(200);

/// How often an interrupted send is tried again.
const INTERRUPTIONS: u32 = 16;

/// How long it may wait after one was lost.
const WAIT_LOST: Duration = Duration::from_millis(1);

/// How long a line may wait in the queue while the session is at work.
const QUEUED_MAX: Duration = Duration::from_millis(500);

/// How long it waits for another one while the session is idle.
const RESTING_MAX: Duration = Duration::from_millis(50);

/// The log of one session.
#[allow(
    missing_debug_implementations,
    reason = "the syslog crate's logger has no Debug"
)]
pub struct Audit {
    logger: Option<Logger<LoggerBackend, ()>>,
    session: u64,
    subject: String,
    sequence: u64,
    lost: u64,
    queue: Lines,
    /// When the first line in the queue was added.
    oldest: Option<Instant>,
    /// Whether lines about changes may wait.
    may_queue: bool,
}

impl Audit {
    /// Connects to the log daemon; without one, lines are counted as lost.
    pub fn open(uid: u32) -> Self {
        let mut audit = Self {
            logger: None,
            // Unique enough to tell sessions apart; it protects nothing.
            session: RandomState::new().build_hasher().finish(),
            subject: format!("account=- uid={uid} client=-"),
            sequence: 0,
            lost: 0,
            queue: Lines::new(getpid().as_raw().cast_unsigned()),
            oldest: None,
            may_queue: true,
        };
        audit.connect();
        audit
    }

    /// Fails if the policy requires a log daemon and there is none. If the
    /// policy requires one, no line waits from now on.
    ///
    /// # Errors
    ///
    /// If so.
    pub fn require(&mut self, requirement: Requirement) -> Result<(), Error> {
        self.may_queue = requirement != Requirement::Required;
        match requirement {
            Requirement::Required if self.logger.is_none() || self.lost > 0 => Err(Error::text(
                Step::Audit,
                format!("no daemon takes lines at {SOCKET}"),
            )),
            _ => Ok(()),
        }
    }

    /// Names the account and its client in all lines from now on.
    pub fn identify(&mut self, account: Option<&Account>, uid: u32, invocation: &Invocation) {
        let name = account.map_or("-", |account| account.name.as_str());
        let name = bare_field(name);
        self.subject = match invocation.client.address() {
            Some(client) => format!("account={name} uid={uid} client={client}"),
            None => format!("account={name} uid={uid} client=-"),
        };
    }

    /// The session, its account and its client, as all its lines name them.
    pub fn names(&self) -> impl fmt::Display + use<'_> {
        SessionNames(self)
    }

    /// Logs the answer to a request.
    pub fn verdict(&mut self, invocation: &Invocation, verdict: &Verdict) {
        let command = Command(invocation.command.as_deref());
        let profile = Profile(invocation.profile.as_ref());
        match verdict {
            Verdict::Granted(plan) => {
                let kind = plan.kind.name();
                let program = Escaped::path(&plan.program).cut();
                let start = MovedStart(&plan.start);
                let event = format_args!(
                    "verdict=allowed server={kind} program=\"{program}\"{start}{profile} command={command}"
                );
                self.event(Importance::Info, &event);
            }
            Verdict::Refused(refusal) => {
                let stage = refusal.stage;
                let reason = Quoted(&refusal.reason);
                let hint = refusal.hint.as_deref().unwrap_or_default();
                let hint = Hint(hint);
                let event = format_args!(
                    "verdict=refused stage={stage} reason={reason}{hint}{profile} command={command}"
                );
                self.event(Importance::Warning, &event);
            }
        }
    }

    /// Logs one event, after those that wait.
    pub fn event(&mut self, importance: Importance, event: &dyn fmt::Display) {
        self.append(importance, event);
        self.flush();
    }

    /// Logs one event, which may wait for others to go out with it.
    pub fn queue(&mut self, importance: Importance, event: &dyn fmt::Display) {
        self.append(importance, event);
        if !self.may_queue || self.queue.is_full() {
            self.flush();
        } else if self.oldest.is_none() {
            self.oldest = Some(Instant::now());
        }
    }

    /// Whether lines wait.
    pub const fn has_queued(&self) -> bool {
        self.oldest.is_some()
    }

    /// How long a session that is now idle may stay idle before it must flush;
    /// zero if it must flush at once. `None` if no line waits.
    pub fn flush_due(&self) -> Option<Duration> {
        let left = QUEUED_MAX.saturating_sub(self.oldest?.elapsed());
        Some(left.min(RESTING_MAX))
    }

    /// Sends the lines that wait.
    pub fn flush(&mut self) {
        self.oldest = None;
        let mut queue = std::mem::take(&mut self.queue);
        let mut at = 0;
        while at < queue.len() {
            let was_lost = self.lost > 0;
            match self.send(&queue, at) {
                SendOutcome::Sent(count) => {
                    at += count;
                    self.lost = 0;
                }
                SendOutcome::Lost => {
                    at += 1;
                    self.lost += 1;
                }
                SendOutcome::Unreachable => {
                    self.lost += (queue.len() - at) as u64;
                    at = queue.len();
                }
            }
            if (self.lost > 0) != was_lost {
                self.bound_wait();
            }
        }
        queue.clear();
        self.queue = queue;
    }

    fn append(&mut self, importance: Importance, event: &dyn fmt::Display) {
        self.sequence += 1;
        let (session, sequence, subject) = (self.session, self.sequence, &self.subject);
        let head = format_args!("session={session:016x} seq={sequence} {subject}");
        self.queue.append(importance, &head, event);
    }

    /// Sends lines, starting with that one; connects again to a daemon that was
    /// restarted.
    fn send(&mut self, lines: &Lines, from: usize) -> SendOutcome {
        let lost = Lost(self.lost).to_string();
        let (mut tries, mut interruptions) = (0, 0);
        while tries < 2 {
            if self.logger.is_none() {
                self.connect();
            }
            let Some((socket, frame)) = self.logger.as_ref().and_then(socket) else {
                return SendOutcome::Unreachable;
            };
            match lines.send(socket, frame, from, &lost) {
                Ok(sent) if sent.whole && sent.count > 0 => return SendOutcome::Sent(sent.count),
                // A stream that took part of a line can take no other.
                Ok(sent) => {
                    self.logger = None;
                    if sent.count > 1 {
                        return SendOutcome::Sent(sent.count - 1);
                    }
                    return SendOutcome::Lost;
                }
                Err(error) if is_timeout(&error) => return SendOutcome::Lost,
                // Stopped and continued, which interrupts a call that has a
                // timeout (signal(7)).
                Err(error)
                    if error.kind() == io::ErrorKind::Interrupted
                        && interruptions < INTERRUPTIONS =>
                {
                    interruptions += 1;
                    continue;
                }
                Err(_) => self.logger = None,
            }
            tries += 1;
        }
        SendOutcome::Lost
    }

    fn connect(&mut self) {
        self.logger = syslog::unix_custom((), SOCKET).ok();
        self.bound_wait();
    }

    /// Sets how long a line may wait: a session that changes thousands of
    /// files must not wait for a daemon that hangs at each of them.
    fn bound_wait(&mut self) {
        let wait = if self.lost > 0 { WAIT_LOST } else { WAIT_MAX };
        if let Some(Logger { backend, .. }) = &self.logger {
            // A socket without the timeout could hang the session: do without
            // it.
            let bounded = match backend {
                LoggerBackend::Unix(socket) => socket.set_write_timeout(Some(wait)),
                LoggerBackend::UnixStream(stream) => stream.get_ref().set_write_timeout(Some(wait)),
                LoggerBackend::Udp(..) | LoggerBackend::Tcp(_) => Ok(()),
            };
            if bounded.is_err() {
                self.logger = None;
            }
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.flush();
    }
}

/// See [`Audit::names`].
struct SessionNames<'a>(&'a Audit);

impl fmt::Display for SessionNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session={:016x} {}", self.0.session, self.0.subject)
    }
}

/// What became of lines that were to be sent.
enum SendOutcome {
    /// This many arrived.
    Sent(usize),
    /// The first one is lost.
    Lost,
    /// There is no daemon: all are lost.
    Unreachable,
}

/// The socket of a connection to a local daemon, and how lines end there.
fn socket(logger: &Logger<LoggerBackend, ()>) -> Option<(BorrowedFd<'_>, Frame)> {
    match &logger.backend {
        LoggerBackend::Unix(socket) => Some((socket.as_fd(), Frame::Datagram)),
        // Nothing is written through its buffer, which stays empty.
        LoggerBackend::UnixStream(stream) => Some((stream.get_ref().as_fd(), Frame::Stream)),
        LoggerBackend::Udp(..) | LoggerBackend::Tcp(_) => None,
    }
}

fn is_timeout(error: &io::Error) -> bool {
    use io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut)
}

/// The command, escaped and quoted, or `-` for a login without one.
struct Command<'a>(Option<&'a [u8]>);

impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(command) => write!(f, "\"{}\"", Escaped::bytes(command).cut()),
            None => f.write_str("-"),
        }
    }
}

/// The profile of a forced command, if it names one.
struct Profile<'a>(Option<&'a AskedProfile>);

impl fmt::Display for Profile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(asked) => write!(f, " profile={}", asked.name),
            None => Ok(()),
        }
    }
}

struct Hint<'a>(&'a str);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, " hint={}", Quoted(self.0))
    }
}

/// Where the server starts, if that is not where the policy says.
struct MovedStart<'a>(&'a StartDirectory);

impl fmt::Display for MovedStart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(why) = &self.0.instead else {
            return Ok(());
        };
        let path = Escaped::path(&self.0.path).cut();
        write!(f, " start=\"{path}\" start_reason={}", Quoted(why))
    }
}

struct Lost(u64);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return Ok(());
        }
        write!(f, " lost={}", self.0)
    }
}
