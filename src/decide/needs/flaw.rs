//! Why a server program could not be loaded in a session, for the log, the dry
//! run and the doctor.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::decide::trust::Distrust;
use crate::print::escape::Escaped;
use crate::print::escape::word::{hinted, quoted};

/// A program that cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnloadableProgram {
    /// The program, links resolved.
    pub program: PathBuf,
    /// Why.
    pub flaw: LoadFlaw,
}

/// Why a program cannot be loaded, or is not to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadFlaw {
    /// It begins with `#!`.
    Script,
    /// It is no ELF file, its content contradicts itself, or it asks for what no
    /// session loads: which file.
    Malformed {
        /// The file.
        at: PathBuf,
        /// What of it is wrong.
        what: &'static str,
    },
    /// The program is for another processor (`e_machine`).
    Machine(u16),
    /// The loader or a library is not there, or the account cannot read it.
    Missing {
        /// Its name.
        name: PathBuf,
        /// The file that needs it.
        by: PathBuf,
        /// Where it was looked for.
        searched: Vec<PathBuf>,
        /// A file of that name which the account may not read.
        closed: Option<PathBuf>,
    },
    /// Libraries are looked for in a directory that is not absolute, so where
    /// the session starts.
    Relative {
        /// The file that says so.
        by: PathBuf,
        /// What it says.
        entry: PathBuf,
    },
    /// Others than root could put a library there.
    Untrusted {
        /// What they can change.
        at: PathBuf,
        /// The file that names it.
        by: PathBuf,
        /// How.
        why: Distrust,
    },
    /// There is too much of it.
    Excessive(&'static str),
    /// It could not be determined.
    Failed {
        /// What could not be looked at.
        at: PathBuf,
        /// The system's error.
        error: String,
    },
}

/// How many of the searched directories are named.
const NAMED: usize = 8;

impl LoadFlaw {
    /// An entry of a list of directories that is not absolute.
    pub fn relative(by: &Path, entry: &[u8]) -> Self {
        Self::Relative {
            by: by.to_owned(),
            entry: OsStr::from_bytes(entry).into(),
        }
    }

    /// What the administrator can do; `key` is the policy key that names the
    /// server.
    pub fn hint(&self, key: &str) -> String {
        let other = format!("name another program in the policy key '{key}'");
        match self {
            Self::Script => format!("name the program that it starts in the policy key '{key}'"),
            Self::Malformed { .. } | Self::Machine(_) | Self::Excessive(_) => other,
            Self::Missing {
                closed: Some(path), ..
            } => {
                let word = hinted(quoted(path), "PATH");
                format!("let every account read it ('namei -l {word}' shows the way to it)")
            }
            Self::Missing { .. } => format!(
                "install it in one of these directories (after a change to /etc/ld.so.conf or to a directory in it, run ldconfig), or {other}"
            ),
            Self::Relative { .. } => {
                format!("build it without (patchelf --set-rpath changes it), or {other}")
            }
            Self::Untrusted { at, why, .. } => {
                let word = hinted(quoted(at), "PATH");
                why.command(at, &word).unwrap_or_else(|| {
                    format!(
                        "install the server and its libraries where root alone can change them, for example below /usr/local, or {other}"
                    )
                })
            }
            Self::Failed { .. } => format!("repair that, or {other}"),
        }
    }
}

impl fmt::Display for UnloadableProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = Escaped::path(&self.program);
        write!(f, "the server program {program} ")?;
        match &self.flaw {
            LoadFlaw::Script => f.write_str("is a script, and no shell runs in a session"),
            LoadFlaw::Malformed { at, what } if *at == self.program => f.write_str(what),
            LoadFlaw::Malformed { at, what } => {
                write!(f, "cannot be loaded: {} {what}", Escaped::path(at))
            }
            LoadFlaw::Machine(machine) => write!(
                f,
                "is for another processor (ELF machine {machine}, and sessions run programs of {})",
                super::MACHINE
            ),
            LoadFlaw::Missing {
                name,
                by,
                searched,
                closed,
            } => {
                let by = Escaped::path(by);
                let name = Escaped::path(name);
                write!(f, "cannot be loaded: {by} needs {name}, which ")?;
                match closed {
                    Some(closed) => {
                        write!(f, "the account may not read ({})", Escaped::path(closed))
                    }
                    None => {
                        f.write_str("is not there")?;
                        named(f, searched)
                    }
                }
            }
            LoadFlaw::Relative { by, entry } => write!(
                f,
                "cannot be trusted: {} has libraries looked for in \"{}\", which begins where the session starts",
                Escaped::path(by),
                Escaped::path(entry)
            ),
            LoadFlaw::Untrusted { at, by, why } => write!(
                f,
                "cannot be trusted: {} leads to {}, which {why}",
                Escaped::path(by),
                Escaped::path(at)
            ),
            LoadFlaw::Excessive(what) => write!(f, "cannot be examined: {what}"),
            LoadFlaw::Failed { at, error } => {
                write!(f, "cannot be examined: {}: {error}", Escaped::path(at))
            }
        }
    }
}

fn named(f: &mut fmt::Formatter<'_>, searched: &[PathBuf]) -> fmt::Result {
    let mut first = " (looked for in ";
    for place in searched.iter().take(NAMED) {
        write!(f, "{first}{}", Escaped::path(place))?;
        first = ", ";
    }
    match searched.len() {
        0 => Ok(()),
        count if count > NAMED => write!(f, " and {} more)", count - NAMED),
        _ => f.write_str(")"),
    }
}
