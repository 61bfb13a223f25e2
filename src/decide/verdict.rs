//! The answer to one request.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use super::plan::Plan;
use super::policy::Protocol;
use crate::print::escape::Escaped;

/// The answer: a plan, or a refusal. The log, `--check` and the executor all
/// read this one value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a verdict that is not acted upon lets nobody in and tells nobody why"]
pub enum Verdict {
    /// The request is served as planned.
    Granted(Box<Plan>),
    /// Nothing is started.
    Refused(Refusal),
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was being checked.
    pub stage: Stage,
    /// The requested protocol, if the command got that far.
    pub protocol: Option<Protocol>,
    /// The reason: for the log and `--check`, never for the client.
    pub reason: Cow<'static, str>,
    /// What the administrator can do about it, if that is known.
    pub hint: Option<Cow<'static, str>>,
    /// What the client is told in addition to the policy's sentence. It refers
    /// only to what the client sent.
    pub told: Option<String>,
    /// Where the client could write instead, if it asked for a place that it
    /// cannot write.
    pub writable: Option<PathBuf>,
    /// The place that it asked for, resolved: for `--check`, never for the
    /// client.
    pub target: Option<Box<Path>>,
}

impl Refusal {
    /// A refusal at this stage.
    pub fn new(stage: Stage, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            stage,
            protocol: None,
            reason: reason.into(),
            hint: None,
            told: None,
            writable: None,
            target: None,
        }
    }

    /// A refusal of the form of a command.
    pub(super) fn form(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Stage::Form, reason)
    }

    /// A refusal of this option, as the client wrote it. A client that gives
    /// options does transfer files, so the fixed sentence alone would not help.
    pub(super) fn of_word(option: &[u8], why: impl fmt::Display) -> Self {
        let option = Escaped::bytes(option);
        let mut refusal = Self::form(format!("option {option}: {why}"));
        let option = option.cut();
        refusal.told = Some(format!("The option {option} is refused: {why}."));
        refusal
    }

    /// The same refusal, with what the client and the administrator can do.
    pub(super) fn advice(mut self, advice: &'static str) -> Self {
        if let Some(told) = &mut self.told {
            told.push_str(" Instead: ");
            told.push_str(advice);
            told.push('.');
        }
        self.hint(advice)
    }

    /// The same refusal, with what can be done about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same refusal, with a place that can be written.
    #[must_use]
    pub fn writable(mut self, place: Option<PathBuf>) -> Self {
        self.writable = place;
        self
    }

    /// The same refusal, for a place that the client named, resolved.
    pub(super) fn at(mut self, target: &Path) -> Self {
        self.target = Some(target.into());
        self
    }

    /// The same refusal, for the place that this long option names: beside the
    /// target if that is not a directory.
    pub(super) fn of_option(mut self, option: &str, is_beside_target: bool) -> Self {
        let mut told = format!("The option --{option} is refused: {}.", self.reason);
        if is_beside_target {
            told.push_str(" If the target is a directory, end it with a slash.");
        }
        self.told = Some(told);
        self.reason = format!("option --{option}: {}", self.reason).into();
        self
    }

    /// The same refusal, for a request for this protocol.
    #[must_use]
    pub fn of(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// What was being checked when the request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The form of the command.
    Form,
    /// The places that it names.
    Path,
    /// The account or its policy.
    Account,
    /// The host: a server program, the kernel, the log.
    Host,
}

impl Stage {
    /// The name in the log and in `--check --json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Path => "path",
            Self::Account => "account",
            Self::Host => "host",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
