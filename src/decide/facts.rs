//! The answers: the state of the disk, as far as the decision needs it.
//!
//! `gather::disk` finds them out, with the rights of the account.

use std::path::PathBuf;

use super::command::programs;
use super::operands::Operand;
use super::policy::Protocol;
use super::verdict::{Refusal, Stage};
use crate::print::escape::Escaped;
use crate::print::escape::word::{hinted, quoted};

pub use super::roots::directories::{
    DirectoryId, DirectoryState, DirectoryStates, HomeChild, UnknownFact,
};

/// The server program that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// Owned by root and writable by no one else.
    Found(PathBuf),
    /// None of the candidates exists.
    Missing,
    /// It exists but somebody else could replace it.
    Unsafe(PathBuf, &'static str),
    /// It could not be determined.
    Failed(UnknownFact),
}

impl Program {
    /// The program, if it may be started.
    pub(super) fn vet(&self, protocol: Protocol) -> Result<PathBuf, Refusal> {
        match self {
            Self::Found(path) => Ok(path.clone()),
            Self::Missing => {
                let key = programs::key(protocol);
                let hint = format!("install it, or set the policy key '{key}'");
                Err(Refusal::new(Stage::Host, "the server program is not installed").hint(hint))
            }
            Self::Unsafe(path, why) => {
                let (shown, word) = (Escaped::path(path), hinted(quoted(path), "PATH"));
                let reason = format!("the server program {shown} {why}");
                let hint = format!("chown root:root {word} && chmod go-w {word}");
                Err(Refusal::new(Stage::Host, reason).hint(hint))
            }
            Self::Failed(failure) => Err(failure.refusal()),
        }
    }
}

/// The answers to an [`Inquiry`](super::form::Inquiry).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The server program.
    pub program: Program,
    /// What the directories are.
    pub places: DirectoryStates,
    /// Each of [`operands`](super::form::Inquiry::operands), its path resolved as far as it exists.
    pub operands: Vec<Operand>,
    /// Whether [`target`](super::form::Inquiry::target) is known to be a directory.
    pub target_is_directory: bool,
}
