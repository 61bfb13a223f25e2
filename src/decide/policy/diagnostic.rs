//! What is wrong with a policy file: every error, each with its place.

use std::fmt;
use std::path::PathBuf;

/// One error in the policy file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// How many characters are marked, at least 1.
    pub width: u32,
    /// The line itself, for the caret.
    pub text: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it, where that is known.
    pub hint: Option<String>,
}

/// All errors of one policy file, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors {
    /// The file.
    pub source: PathBuf,
    /// The errors.
    pub errors: Vec<Diagnostic>,
}

impl fmt::Display for PolicyErrors {
    /// One line: for the log and for a terse message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.source.display();
        for (i, error) in self.errors.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            write!(
                f,
                "{source}:{}:{}: {}",
                error.line, error.column, error.message
            )?;
        }
        Ok(())
    }
}
