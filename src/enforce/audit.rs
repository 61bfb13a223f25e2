//! The log: one line for every decision and every change, to syslog,
//! facility AUTHPRIV.
//!
//! A line is `session=ID seq=N account=NAME uid=N client=ADDRESS EVENT`. The
//! sequence number counts lines that were made, sent or not, so that a gap
//! shows. Sending waits a bounded time: a log daemon that hangs must not hang
//! the session, and a lost line is counted and told of in the next one.
//! Bytes of the peer are escaped by whoever formats the event.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::Write;
use std::time::Duration;

use syslog::{Facility, LogFormat, Logger, LoggerBackend, Severity};

use crate::decide::invocation::Invocation;
use crate::decide::policy::Requirement;
use crate::decide::verdict::Verdict;
use crate::error::{Error, Step};
use crate::escape::Escaped;
use crate::judge::Subject;

/// Where syslog daemons and journald listen.
const SOCKET: &str = "/dev/log";

/// How long one line may wait for the log daemon.
const WAIT_MAX: Duration = Duration::from_millis(200);

/// How long it may wait after one was lost.
const WAIT_LOST: Duration = Duration::from_millis(1);

/// How important a line is (syslog(3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// What was asked for and done.
    Info,
    /// What was refused.
    Warning,
    /// What failed, or could not be kept.
    Error,
}

/// The log of one session.
#[allow(
    missing_debug_implementations,
    reason = "the logger of the syslog crate has none"
)]
pub struct Audit {
    logger: Option<Logger<LoggerBackend, Line>>,
    session: u64,
    subject: String,
    sequence: u64,
    lost: u64,
}

impl Audit {
    /// Connects to the log daemon; without one, lines are counted as lost.
    #[must_use]
    pub fn open(uid: u32) -> Self {
        let mut audit = Self {
            logger: None,
            // Unique enough to tell sessions apart; it protects nothing.
            session: RandomState::new().build_hasher().finish(),
            subject: format!("account=- uid={uid} client=-"),
            sequence: 0,
            lost: 0,
        };
        audit.connect();
        audit
    }

    /// Fails where the policy requires a log daemon and there is none.
    ///
    /// # Errors
    ///
    /// If so.
    pub fn require(&self, requirement: Requirement) -> Result<(), Error> {
        match requirement {
            Requirement::Required if self.logger.is_none() || self.lost > 0 => Err(Error::text(
                Step::Audit,
                format!("no daemon takes lines at {SOCKET}"),
            )),
            _ => Ok(()),
        }
    }

    /// Names the account and its client in all lines from now on.
    pub fn identify(&mut self, subject: Option<&Subject>, uid: u32, invocation: &Invocation) {
        let name = subject.map_or("-", |subject| subject.account.name.as_str());
        let name = Escaped::bytes(name.as_bytes());
        self.subject = match invocation.client.address() {
            Some(client) => format!("account={name} uid={uid} client={client}"),
            None => format!("account={name} uid={uid} client=-"),
        };
    }

    /// Logs the answer to a request.
    pub fn verdict(&mut self, invocation: &Invocation, verdict: &Verdict) {
        let command = Command(invocation.command.as_deref());
        match verdict {
            Verdict::Granted(plan) => {
                let kind = plan.kind.name();
                let program = Escaped::path(&plan.program);
                let event = format_args!(
                    "verdict=allowed server={kind} program=\"{program}\" command={command}"
                );
                self.event(Importance::Info, &event);
            }
            Verdict::Refused(refusal) => {
                let stage = refusal.stage;
                let reason = Escaped::bytes(refusal.reason.as_bytes());
                let hint = refusal.hint.as_deref().unwrap_or_default();
                let hint = Hint(hint);
                let event = format_args!(
                    "verdict=refused stage={stage} reason=\"{reason}\"{hint} command={command}"
                );
                self.event(Importance::Warning, &event);
            }
        }
    }

    /// Logs one event.
    pub fn event(&mut self, importance: Importance, event: &dyn fmt::Display) {
        self.sequence += 1;
        let lost = Lost(self.lost);
        let (session, sequence, subject) = (self.session, self.sequence, &self.subject);
        let line = format!("session={session:016x} seq={sequence} {subject}{lost} {event}");
        let was_lost = self.lost > 0;
        let is_lost = !self.send(importance, &line);
        self.lost = if is_lost { self.lost + 1 } else { 0 };
        if is_lost != was_lost {
            self.bound_wait();
        }
    }

    /// Sends a line; a daemon that was restarted is connected to once more.
    fn send(&mut self, importance: Importance, line: &str) -> bool {
        for _ in 0..2 {
            if self.logger.is_none() {
                self.connect();
            }
            let Some(logger) = &mut self.logger else {
                return false;
            };
            let sent = match importance {
                Importance::Info => logger.info(line),
                Importance::Warning => logger.warning(line),
                Importance::Error => logger.err(line),
            };
            match sent {
                Ok(()) => return true,
                Err(syslog::Error::Write(error)) if is_timeout(&error) => return false,
                Err(_) => self.logger = None,
            }
        }
        false
    }

    fn connect(&mut self) {
        let line = Line {
            process: std::process::id(),
        };
        self.logger = syslog::unix_custom(line, SOCKET).ok();
        self.bound_wait();
    }

    /// Sets how long a line may wait: a session that changes thousands of
    /// files must not wait for a daemon that hangs at each of them.
    fn bound_wait(&mut self) {
        let wait = if self.lost > 0 { WAIT_LOST } else { WAIT_MAX };
        if let Some(Logger { backend, .. }) = &self.logger {
            // A socket without the bound could hang the session: do without.
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

fn is_timeout(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut)
}

/// The command, escaped and quoted, or `-` for a login without one.
struct Command<'a>(Option<&'a [u8]>);

impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(command) => write!(f, "\"{}\"", Escaped::bytes(command)),
            None => f.write_str("-"),
        }
    }
}

struct Hint<'a>(&'a str);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, " hint=\"{}\"", Escaped::bytes(self.0.as_bytes()))
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

/// The form of a line as syslog(3) of the C library sends it, but without a
/// time: the daemon puts in its own, and none of ours depends on TZ.
#[derive(Clone)]
struct Line {
    process: u32,
}

impl LogFormat<&str> for Line {
    fn format<W: Write>(&self, w: &mut W, severity: Severity, message: &str) -> syslog::Result<()> {
        let priority = Facility::LOG_AUTHPRIV as u8 | severity as u8;
        let process = self.process;
        write!(w, "<{priority}>xfersh[{process}]: {message}").map_err(syslog::Error::Write)
    }
}
