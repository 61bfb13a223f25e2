//! What can fail, one variant per step.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A step that failed. Printed as `cannot VERB OBJECT: CAUSE`.
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
    /// The server program.
    Exec(PathBuf),
    /// The log socket, where the policy requires it.
    Audit,
}

#[derive(Debug)]
enum Cause {
    Io(io::Error),
    Text(String),
}

impl Error {
    /// The step failed with this error of the system.
    pub fn io(step: Step, cause: impl Into<io::Error>) -> Self {
        Self {
            step,
            cause: Cause::Io(cause.into()),
        }
    }

    /// The step failed for a reason that is no error of the system.
    pub fn text(step: Step, cause: impl Into<String>) -> Self {
        Self {
            step,
            cause: Cause::Text(cause.into()),
        }
    }

    /// What the client is told: the failure itself where the client can mend
    /// it, else where the reason stands.
    #[must_use]
    pub fn for_client(&self) -> String {
        match self.step {
            Step::Wildcards => format!("{self}"),
            _ => "The session could not be started; the reason is in the log of the server.".into(),
        }
    }

    /// What the administrator can do about it, where that is known.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self.step {
            Step::Landlock => Some(
                "Landlock must be built into the kernel (5.13) and named in the 'lsm=' boot \
                 parameter; or set 'confinement = \"best-effort\"'",
            ),
            Step::Guard(_) => Some(
                "the guard needs Linux 5.14, a free seccomp listener and Yama ptrace_scope 0 or 1; \
                 or set 'confinement = \"best-effort\"'",
            ),
            Step::Audit => Some("start a syslog daemon, or set 'audit = \"best-effort\"'"),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: ", self.step)?;
        match &self.cause {
            Cause::Io(error) => write!(f, "{error}"),
            Cause::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sanitise => f.write_str("put the inherited descriptors in order"),
            Self::Identity => f.write_str("read the ids of the process"),
            Self::Limit(name) => write!(f, "set the limit {name}"),
            Self::Chdir(path) => write!(f, "change to the directory {}", path.display()),
            Self::Capabilities => f.write_str("drop the capabilities"),
            Self::NoNewPrivileges => f.write_str("set no_new_privs"),
            Self::Landlock => f.write_str("confine the session with Landlock"),
            Self::Rule(path) => write!(f, "grant {} to the session", path.display()),
            Self::Proof(what) => write!(f, "prove that {what}"),
            Self::Guard(what) => write!(f, "start the guard ({what})"),
            Self::Wildcards => f.write_str("expand the wildcards of the request"),
            Self::Exec(path) => write!(f, "start the server {}", path.display()),
            Self::Audit => f.write_str("reach the system log"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Io(error) => Some(error),
            Cause::Text(_) => None,
        }
    }
}
