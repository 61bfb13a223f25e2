//! One thing that the doctor found, and the command that fixes it.

use std::path::Path;

use crate::print::escape::Sentence;
pub use crate::print::escape::word::{quoted, word};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A promise does not hold, or no session can start.
    Serious,
    /// It does not leave anything open by itself.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// Every severity, the worst first.
    pub const ALL: [Self; 3] = [Self::Serious, Self::Warning, Self::Note];

    /// The name in the output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serious => "serious",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What only a person can decide, in the place of a command: a comment, so
/// that pasting it does nothing.
pub fn decision(text: &str) -> String {
    format!("# {}", Sentence(text))
}

/// The command that takes a file away from where it has an effect. It is kept:
/// somebody may need what is in it.
pub fn set_aside(path: &Path) -> String {
    format!(
        "mkdir -p -m 0700 {ASIDE} && mv --backup=numbered -t {ASIDE} {}",
        quoted(path)
    )
}

/// Where such files are kept.
const ASIDE: &str = "/var/lib/xfersh-set-aside";

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the check: stable, for scripts.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence, as it is printed. Names from the disk are escaped in it.
    pub what: String,
    /// A command for root's shell that fixes it, and changes nothing but what
    /// the finding is about; or a [`decision`].
    pub fix: String,
}

impl Finding {
    /// A finding that breaks a promise or the service.
    pub fn serious(id: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            id,
            severity: Severity::Serious,
            what: Sentence(&what.into()).to_string(),
            fix: fix.into(),
        }
    }

    /// A finding that leaves nothing open by itself.
    pub fn warning(id: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::serious(id, what, fix)
        }
    }

    /// A finding that is worth knowing.
    pub fn note(id: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::serious(id, what, fix)
        }
    }
}
