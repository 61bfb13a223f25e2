//! The log: one line for every decision and every change, to syslog, facility
//! AUTHPRIV, or where else the policy says.
//!
//! A line is `session=ID seq=N account=NAME uid=N client=ADDRESS EVENT`, or the
//! same as JSON; journald gets it as fields. All are written from one structure
//! ([`Event`]). The
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

mod event;
mod form;
mod lines;
mod output;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::unistd::getpid;

use crate::decide::account::Account;
use crate::decide::invocation::Invocation;
use crate::decide::policy::{LogFormat, LogTarget, Requirement};
use crate::decide::verdict::Verdict;
use crate::error::{Error, Step};
use crate::print::escape::bare_field;
use crate::system::log_file::LogFile;
use crate::system::statx::FileId;
use form::{Form, Head};
use lines::Lines;
use output::Output;

pub use event::Event;
pub use lines::Importance;

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
#[allow(missing_debug_implementations, reason = "the output has no Debug")]
pub struct Audit {
    output: Output,
    process: u32,
    session: u64,
    names: Names,
    sequence: u64,
    lost: u64,
    queue: Lines,
    /// When the first line in the queue was added.
    oldest: Option<Instant>,
    /// Whether lines about changes may wait.
    may_queue: bool,
    /// Why what the policy names does not take the lines.
    unusable: Option<String>,
}

/// Whom a line is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// The login name, escaped.
    account: Option<String>,
    uid: u32,
    /// The address of the client.
    client: Option<String>,
}

/// What takes the lines of this process, once its policy is known: a panic is
/// logged there, too.
static CHOSEN: OnceLock<(Choice, LogFormat)> = OnceLock::new();

enum Choice {
    Journal,
    File(LogFile),
}

impl Audit {
    /// Connects to the log daemon, or to what this process has chosen; without
    /// either, lines are counted as lost.
    pub fn open(uid: u32) -> Self {
        let mut audit = Self {
            output: Output::Syslog(None),
            process: getpid().as_raw().cast_unsigned(),
            // Unique enough to tell sessions apart; it protects nothing.
            session: RandomState::new().build_hasher().finish(),
            names: Names {
                account: None,
                uid,
                client: None,
            },
            sequence: 0,
            lost: 0,
            queue: Lines::default(),
            oldest: None,
            may_queue: true,
            unusable: None,
        };
        match CHOSEN.get() {
            Some((Choice::Journal, format)) => audit.change(Output::Journal(None), *format),
            Some((Choice::File(file), format)) => {
                audit.change(Output::File(file.clone()), *format);
            }
            None => audit.output.connect(WAIT_MAX),
        }
        audit
    }

    /// Takes this file, if nobody else takes lines so far.
    pub fn fall_back(&mut self, file: impl FnOnce() -> io::Result<LogFile>) {
        if !self.output.is_open()
            && let Ok(file) = file()
        {
            self.change(Output::File(file), LogFormat::Text);
        }
    }

    /// Sends lines where the policy says from now on, in the form that it says.
    /// `open` opens a file. What cannot be opened is logged where lines went
    /// before; whether the session starts without it, [`Self::require`] says.
    pub fn direct(
        &mut self,
        target: &LogTarget,
        format: LogFormat,
        open: impl FnOnce(&std::path::Path) -> io::Result<LogFile>,
    ) {
        match target {
            LogTarget::Syslog if format == LogFormat::Text => {}
            LogTarget::Syslog => {
                let output = std::mem::replace(&mut self.output, Output::Syslog(None));
                self.change(output, format);
            }
            LogTarget::Journal => {
                self.change(Output::Journal(None), format);
                let _ = CHOSEN.set((Choice::Journal, format));
            }
            LogTarget::File(path) => match open(path) {
                Ok(file) => {
                    self.change(Output::File(file.clone()), format);
                    let _ = CHOSEN.set((Choice::File(file), format));
                }
                Err(error) => {
                    let output = std::mem::replace(&mut self.output, Output::Syslog(None));
                    self.change(output, format);
                    let path = crate::print::escape::Escaped::path(path);
                    let why = format!("cannot open the log file {path}: {error}");
                    let event = Event::told("log-unavailable", "event=log-unavailable");
                    self.event(Importance::Error, &event.sentence("reason", &why));
                    self.unusable = Some(why);
                }
            },
        }
    }

    fn change(&mut self, output: Output, format: LogFormat) {
        self.flush();
        self.output = output;
        let carrier = self.output.carrier();
        self.queue = Lines::of(Form { carrier, format });
        self.output.connect(self.wait());
    }

    /// The file that takes the lines, if it is one: that of the policy, or the
    /// one of [`Self::fall_back`].
    pub const fn file(&self) -> Option<FileId> {
        self.output.file()
    }

    /// Fails if the policy requires that somebody takes the lines and nobody
    /// does. If the policy requires it, no line waits from now on.
    ///
    /// # Errors
    ///
    /// If so.
    pub fn require(&mut self, requirement: Requirement) -> Result<(), Error> {
        self.may_queue = requirement != Requirement::Required;
        if self.may_queue {
            return Ok(());
        }
        if let Some(why) = &self.unusable {
            return Err(Error::text(Step::Audit, why.clone()));
        }
        if !self.output.is_open() || self.lost > 0 {
            return Err(Error::text(Step::Audit, self.output.to_string()));
        }
        Ok(())
    }

    /// Names the account and its client in all lines from now on.
    pub fn identify(&mut self, account: Option<&Account>, uid: u32, invocation: &Invocation) {
        let client = invocation.client.address();
        self.names = Names {
            account: account.map(|account| bare_field(&account.name)),
            uid,
            client: client.map(|client| client.to_string()),
        };
    }

    /// The session, its account and its client, as all its lines name them.
    pub fn names(&self) -> impl fmt::Display + use<'_> {
        SessionNames(self)
    }

    /// Logs the answer to a request.
    pub fn verdict(&mut self, invocation: &Invocation, verdict: &Verdict) {
        let event = Event::by_field("verdict");
        let (importance, event) = match verdict {
            Verdict::Granted(plan) => {
                let mut event = event.name("verdict", "allowed");
                event = event.name("server", plan.kind.name());
                event = event.bytes("program", plan.program.as_os_str().as_bytes());
                if let Some(why) = &plan.start.instead {
                    event = event.bytes("start", plan.start.path.as_os_str().as_bytes());
                    event = event.sentence("start_reason", why);
                }
                (Importance::Info, event)
            }
            Verdict::Refused(refusal) => {
                let mut event = event.name("verdict", "refused");
                event = event.word("stage", &refusal.stage);
                event = event.sentence("reason", &refusal.reason);
                if let Some(hint) = refusal.hint.as_deref().filter(|hint| !hint.is_empty()) {
                    event = event.sentence("hint", hint);
                }
                (Importance::Warning, event)
            }
        };
        let event = match &invocation.profile {
            Some(asked) => event.word("profile", &asked.name),
            None => event,
        };
        let event = event.bytes_or_none("command", invocation.command.as_deref());
        self.event(importance, &event);
    }

    /// Logs one event, after those that wait.
    pub fn event(&mut self, importance: Importance, event: &Event<'_>) {
        self.append(importance, event);
        self.flush();
    }

    /// Logs one event, which may wait for others to go out with it.
    pub fn queue(&mut self, importance: Importance, event: &Event<'_>) {
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
                self.output.bound_wait(self.wait());
            }
        }
        queue.clear();
        self.queue = queue;
    }

    fn append(&mut self, importance: Importance, event: &Event<'_>) {
        self.sequence += 1;
        let head = Head {
            importance,
            process: self.process,
            session: self.session,
            sequence: self.sequence,
            names: &self.names,
        };
        self.queue.append(&head, event);
    }

    /// Sends lines, starting with that one; connects again to a daemon that was
    /// restarted.
    fn send(&mut self, lines: &Lines, from: usize) -> SendOutcome {
        let (mut tries, mut interruptions) = (0, 0);
        while tries < 2 {
            self.output.connect(self.wait());
            let Some(sent) = self.output.send(lines, from, self.lost, self.wait()) else {
                return SendOutcome::Unreachable;
            };
            match sent {
                Ok(sent) if sent.whole && sent.count > 0 => return SendOutcome::Sent(sent.count),
                // A stream that took part of a line can take no other.
                Ok(sent) => {
                    self.output.close();
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
                // It cannot be opened again; the next line may find room.
                Err(_) if matches!(self.output, Output::File(_)) => return SendOutcome::Lost,
                Err(_) => self.output.close(),
            }
            tries += 1;
        }
        SendOutcome::Lost
    }

    /// How long a line may wait: a session that changes thousands of files must
    /// not wait for a daemon that hangs at each of them.
    const fn wait(&self) -> Duration {
        if self.lost > 0 { WAIT_LOST } else { WAIT_MAX }
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
        write!(f, "session={:016x} {}", self.0.session, self.0.names)
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.account.as_deref().unwrap_or("-");
        let client = self.client.as_deref().unwrap_or("-");
        write!(f, "account={account} uid={} client={client}", self.uid)
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

fn is_timeout(error: &io::Error) -> bool {
    use io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut)
}
