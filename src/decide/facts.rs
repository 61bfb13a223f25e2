//! The answers: the state of the disk, as far as the decision needs it.
//!
//! `gather::disk` finds them out, with the rights of the account.

use std::fmt;
use std::path::PathBuf;

use super::command::programs;
use super::log_file::LogFileState;
use super::needs::Needs;
use super::needs::flaw::UnloadableProgram;
use super::operands::Operand;
use super::policy::Protocol;
use super::trust::{Distrust, is_of_the_system};
use super::verdict::{Refusal, Stage};
use crate::print::escape::Escaped;
use crate::print::escape::word::{hinted, quoted};

pub use super::roots::directories::{
    DirectoryId, DirectoryState, DirectoryStates, HomeChild, UnknownFact,
};

/// The server program that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// The file itself, links resolved: root alone can change it and the way to
    /// it, and the account can run it; and what it needs to be loaded beyond the
    /// start-up table.
    Found(PathBuf, Needs),
    /// None of the candidates exists.
    Missing,
    /// It exists and is not to be started.
    Unsafe(UnsafeProgram),
    /// It exists and cannot be loaded in a session.
    Unloadable(UnloadableProgram),
    /// It could not be determined.
    Failed(UnknownFact),
}

/// A server program that is not to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsafeProgram {
    /// The program, as it was looked for.
    pub program: PathBuf,
    /// What is wrong: an entry on the way to it, or the file.
    pub at: PathBuf,
    /// What is wrong with that.
    pub flaw: ProgramFlaw,
}

/// What is wrong with a server program, or with the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramFlaw {
    /// Somebody else than root could change it.
    Distrust(Distrust),
    /// It is no regular file.
    NotAFile,
    /// The account may not read and execute it; its mode.
    NotRunnable(u32),
    /// The account may not pass through this directory.
    Closed,
}

impl UnsafeProgram {
    /// The command that puts it right; `None` where it could open or take what
    /// belongs to somebody else. `word` is [`at`](Self::at) as a word for the
    /// shell.
    pub fn command(&self, word: &str) -> Option<String> {
        let of_the_system = is_of_the_system(&self.at);
        match self.flaw {
            ProgramFlaw::Distrust(why) => why.command(&self.at, word),
            // Then an access control list or the mount forbids it.
            ProgramFlaw::NotRunnable(mode) if mode & 0o555 == 0o555 => {
                Some(format!("getfacl -e {word}; findmnt -T {word}"))
            }
            ProgramFlaw::NotAFile => of_the_system.then(|| format!("mv {word} {word}.not-a-file")),
            ProgramFlaw::NotRunnable(_) => of_the_system.then(|| format!("chmod a+rx {word}")),
            ProgramFlaw::Closed => of_the_system.then(|| format!("chmod a+x {word}")),
        }
    }
}

impl fmt::Display for UnsafeProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server program {}", Escaped::path(&self.program))?;
        if self.at != self.program {
            write!(f, " cannot be used: {}", Escaped::path(&self.at))?;
        }
        match self.flaw {
            ProgramFlaw::Distrust(why) => write!(f, " {why}"),
            ProgramFlaw::NotAFile => f.write_str(" is not a regular file"),
            ProgramFlaw::NotRunnable(mode) => {
                write!(
                    f,
                    " cannot be read and run by the account (mode {mode:04o})"
                )
            }
            ProgramFlaw::Closed => f.write_str(" does not let the account pass"),
        }
    }
}

/// What to do about a program in a directory of somebody else.
fn elsewhere(protocol: Protocol) -> String {
    let key = programs::key(protocol);
    format!(
        "install the program where root alone can change it and every account can run it, for example in /usr/local/libexec, and name it in the policy key '{key}'"
    )
}

impl Program {
    /// The program, if it may be started.
    pub(super) fn vet(&self, protocol: Protocol) -> Result<(PathBuf, &Needs), Refusal> {
        match self {
            Self::Found(path, needs) => Ok((path.clone(), needs)),
            Self::Missing => {
                let key = programs::key(protocol);
                let hint = format!("install it, or set the policy key '{key}'");
                Err(Refusal::new(Stage::Host, "the server program is not installed").hint(hint))
            }
            Self::Unsafe(program) => {
                let hint = program.command(&hinted(quoted(&program.at), "PATH"));
                let hint = hint.unwrap_or_else(|| elsewhere(protocol));
                Err(Refusal::new(Stage::Host, program.to_string()).hint(hint))
            }
            Self::Unloadable(program) => {
                let hint = program.flaw.hint(programs::key(protocol));
                Err(Refusal::new(Stage::Host, program.to_string()).hint(hint))
            }
            Self::Failed(failure) => Err(failure.refusal()),
        }
    }

    /// Why no session is served; `None` where the program may be started.
    pub fn refusal(&self, protocol: Protocol) -> Option<Refusal> {
        self.vet(protocol).err()
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
    /// What has the name of the log file, if the policy names one.
    pub log_file: Option<LogFileState>,
}
