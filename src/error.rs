//! What can fail, one variant per step.

use std::fmt;
use std::io;
use std::path::PathBuf;

use nix::libc;

use crate::print::escape::Escaped;

/// A step that failed. Printed as `cannot VERB OBJECT: CAUSE`, a sentence
/// ([`crate::print::escape::Sentence`]).
#[derive(Debug)]
pub struct Error {
    step: Step,
    cause: Cause,
}

/// The step that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Standard descriptors, inherited descriptors, signals.
    Sanitise,
    /// The uids and gids of the process.
    Identity,
    /// A resource limit.
    Limit(&'static str),
    /// The working directory.
    Chdir(PathBuf),
    /// The capability sets.
    Capabilities,
    /// `no_new_privs`.
    NoNewPrivileges,
    /// Landlock as a whole.
    Landlock,
    /// The Landlock rule for this path.
    Rule(PathBuf),
    /// The confinement, read back.
    Proof(&'static str),
    /// The system-call filter and its guard.
    Guard(&'static str),
    /// The wildcards of the request.
    Wildcards,
    /// The connection of the session.
    Connection,
    /// The server program.
    Exec(PathBuf),
    /// The log socket, if the policy requires it.
    Audit,
}

#[derive(Debug)]
enum Cause {
    Io(io::Error),
    Text(String),
    /// What the server's side said, and the system's error behind it.
    Told(String, Option<i32>),
    /// The server's side has ended, and did not say why.
    Ended(&'static str),
    /// What the server's side said when it ended, and also said to the client.
    Repeated(String),
}

/// What it means when the system reports a limit, and where that limit is set.
/// A client may have caused it (with many sessions at once), rather than the
/// kernel.
const SHORTAGES: [(i32, &str); 4] = [
    (
        libc::EAGAIN,
        "the account has reached its limit on processes (RLIMIT_NPROC): see nproc in limits.conf(5), \
         LimitNPROC in systemd.exec(5), TasksMax in systemd.resource-control(5), and pids.max of a \
         container",
    ),
    (
        libc::EMFILE,
        "the session's limit on open files (RLIMIT_NOFILE) is below the 64 that it needs: see nofile \
         in limits.conf(5) and LimitNOFILE in systemd.exec(5)",
    ),
    (
        libc::ENFILE,
        "the host has reached its limit on open files: see fs.file-max in proc_sys_fs(5)",
    ),
    (
        libc::ENOMEM,
        "there is not enough memory: see MemoryMax in systemd.resource-control(5), memory.max of a \
         container, and 'as' in limits.conf(5) (RLIMIT_AS)",
    ),
];

impl Error {
    /// The step failed with this system error.
    pub fn io(step: Step, cause: impl Into<io::Error>) -> Self {
        Self {
            step,
            cause: Cause::Io(cause.into()),
        }
    }

    /// The step failed for a reason that is not a system error: a sentence.
    pub fn text(step: Step, cause: impl Into<String>) -> Self {
        Self {
            step,
            cause: Cause::Text(cause.into()),
        }
    }

    /// What the client is told: the failure itself if the client can fix it,
    /// otherwise where to find the reason; `None` if the client has been told.
    pub fn for_client(&self) -> Option<String> {
        match (&self.cause, &self.step) {
            (Cause::Repeated(_), _) => None,
            (_, Step::Wildcards) => Some(self.to_string()),
            _ => {
                Some("The session could not be started; the reason is in the server's log.".into())
            }
        }
    }

    /// The server's side has said this, also to the client, and ended.
    pub const fn repeated(step: Step, sentence: String) -> Self {
        Self {
            step,
            cause: Cause::Repeated(sentence),
        }
    }

    /// The server's side has ended, and did not say why.
    pub const fn ended(step: Step, sentence: &'static str) -> Self {
        Self {
            step,
            cause: Cause::Ended(sentence),
        }
    }

    /// Whether the host may lack what the step needs. No reason for that is
    /// what somebody could cause at the start of any session: a limit that is
    /// reached (by a client, with many sessions), or the end of a process.
    pub fn may_be_a_lack(&self) -> bool {
        let is_ended = matches!(self.cause, Cause::Ended(_) | Cause::Repeated(_))
            || self.code() == Some(libc::ESRCH);
        !is_ended && self.shortage().is_none()
    }

    /// The step failed in the server's side, which said this.
    pub const fn told(step: Step, text: String, code: Option<i32>) -> Self {
        Self {
            step,
            cause: Cause::Told(text, code),
        }
    }

    /// The error number, if it was a system error.
    pub fn code(&self) -> Option<i32> {
        match &self.cause {
            Cause::Io(error) => error.raw_os_error(),
            Cause::Text(_) | Cause::Ended(_) | Cause::Repeated(_) => None,
            Cause::Told(_, code) => *code,
        }
    }

    /// The limit that was reached, if it was one.
    pub fn shortage(&self) -> Option<&'static str> {
        let code = self.code()?;
        let mut known = SHORTAGES.iter();
        known
            .find(|(errno, _)| *errno == code)
            .map(|(_, what)| *what)
    }

    /// What the administrator can do about it, if that is known.
    pub fn hint(&self) -> Option<&'static str> {
        if let Some(limit) = self.shortage() {
            return Some(limit);
        }
        match self.step {
            _ if matches!(self.cause, Cause::Repeated(_)) => None,
            // Nothing is known to be missing.
            _ if matches!(self.cause, Cause::Ended(_)) => None,
            Step::Landlock => Some(
                "Landlock must be built into the kernel (5.13) and named in the 'lsm=' boot \
                 parameter; or set 'confinement = \"best-effort\"'",
            ),
            Step::Guard(_) => Some(
                "the guard needs Linux 5.14, no other seccomp listener, procfs on /proc, and the \
                 right to read the memory of its child; or set 'confinement = \"best-effort\"'",
            ),
            Step::Audit => Some(
                "start what takes the log ('xfersh --doctor' says what is missing), or set 'audit = \"best-effort\"'",
            ),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = &self.step;
        match &self.cause {
            Cause::Io(error) => write!(f, "cannot {step}: {error}"),
            Cause::Text(text) | Cause::Told(text, _) => write!(f, "cannot {step}: {text}"),
            Cause::Ended(text) => write!(f, "cannot {step}: {text}"),
            // It already begins with its own step.
            Cause::Repeated(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sanitise => f.write_str("sanitise the inherited descriptors"),
            Self::Identity => f.write_str("read the ids of the process"),
            Self::Limit(name) => write!(f, "set the limit {name}"),
            Self::Chdir(path) => write!(f, "change to the directory {}", Escaped::path(path)),
            Self::Capabilities => f.write_str("drop the capabilities"),
            Self::NoNewPrivileges => f.write_str("set no_new_privs"),
            Self::Landlock => f.write_str("confine the session with Landlock"),
            Self::Rule(path) => write!(f, "grant {} to the session", Escaped::path(path)),
            Self::Proof(what) => write!(f, "prove that {what}"),
            Self::Guard(what) => write!(f, "start the guard ({what})"),
            Self::Wildcards => f.write_str("expand the wildcards of the request"),
            Self::Connection => f.write_str("watch the connection"),
            Self::Exec(path) => write!(f, "start the server {}", Escaped::path(path)),
            Self::Audit => f.write_str("reach the system log"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Io(error) => Some(error),
            Cause::Text(_) | Cause::Told(..) | Cause::Ended(_) | Cause::Repeated(_) => None,
        }
    }
}
