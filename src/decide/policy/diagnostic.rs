//! What is wrong with a policy file: every error, with its position.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use unicode_width::UnicodeWidthStr as _;

use crate::print::escape::{Escaped, is_printable};

/// The most errors that are reported; the rest are counted.
pub const ERRORS_MAX: usize = 100;

/// How many errors the one-line form has.
const ERRORS_IN_LINE: usize = 5;

/// How many characters of a line are shown before and after the marked ones.
const CONTEXT: usize = 80;

/// One error in the policy file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// How many characters are marked, at least 1.
    pub width: u32,
    /// The part of the line that is shown.
    pub text: String,
    /// The column at which `text` begins: 1 unless the line is long.
    pub text_column: u32,
    /// What is wrong.
    pub message: String,
    /// How to fix it, if that is known.
    pub hint: Option<String>,
}

/// All errors of one policy file, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors {
    /// The file.
    pub source: PathBuf,
    /// The errors, at most [`ERRORS_MAX`].
    pub errors: Vec<Diagnostic>,
    /// How many more there are.
    pub omitted: usize,
}

impl Diagnostic {
    /// An error at these bytes of the text. They may reach beyond the end of
    /// the line: then the rest of the line is marked.
    pub(super) fn new(
        text: &str,
        line: (u32, usize),
        span: (usize, usize),
        message: String,
        hint: Option<String>,
    ) -> Self {
        let (line, line_start) = line;
        let rest = &text[line_start..];
        let end = rest.find('\n').unwrap_or(rest.len());
        let whole = rest[..end].trim_end_matches('\r');
        let at = |byte: usize| {
            let within = byte.saturating_sub(line_start).min(whole.len());
            whole[..within].chars().count()
        };
        let (first, last) = (at(span.0), at(span.1));
        let width = last.saturating_sub(first).max(1);
        let skipped = first.saturating_sub(CONTEXT);
        let shown = first - skipped + width.min(CONTEXT) + CONTEXT;
        Self {
            line,
            column: number(first + 1),
            width: number(width.min(CONTEXT)),
            text: whole.chars().skip(skipped).take(shown).collect(),
            text_column: number(skipped + 1),
            message,
            hint,
        }
    }
}

/// A policy file has at most 1 MiB, so its lines and columns fit.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl PolicyErrors {
    /// The long form: each error with its line and a caret below it.
    pub fn report(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_report(&mut out);
        out
    }

    fn write_report(&self, f: &mut String) -> fmt::Result {
        let source = Escaped::path(&self.source);
        for (i, error) in self.errors.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            let line = error.line.to_string();
            let margin = " ".repeat(line.len());
            let (text, caret) = marked(error);
            writeln!(f, "error: {}", error.message)?;
            writeln!(f, "{margin}--> {source}:{line}:{}", error.column)?;
            writeln!(f, "{margin} |")?;
            writeln!(f, "{line} | {text}")?;
            writeln!(f, "{margin} | {caret}")?;
            if let Some(hint) = &error.hint {
                writeln!(f, "{margin} = hint: {hint}")?;
            }
        }
        if self.omitted > 0 {
            writeln!(f, "\nand {} more errors", self.omitted)?;
        }
        Ok(())
    }
}

/// The line as it is shown, and the carets below it.
fn marked(error: &Diagnostic) -> (String, String) {
    let (mut text, mut caret) = (String::new(), String::new());
    if error.text_column > 1 {
        text.push_str("...");
        caret.push_str("   ");
    }
    let before = (error.column - error.text_column) as usize;
    let marked = before..before + error.width as usize;
    for (i, c) in error.text.chars().enumerate() {
        let start = text.len();
        match c {
            '\t' => text.push_str("    "),
            c if is_printable(c) => text.push(c),
            c => text.extend(c.escape_unicode()),
        }
        let columns = text[start..].width();
        if i < marked.end {
            let mark = if marked.contains(&i) { "^" } else { " " };
            caret.push_str(&mark.repeat(columns));
        }
    }
    // The position may be the end of the line.
    if !caret.contains('^') {
        caret.push('^');
    }
    (text, caret)
}

impl fmt::Display for PolicyErrors {
    /// One line: for the log and for a terse message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = Escaped::path(&self.source);
        for (i, error) in self.errors.iter().take(ERRORS_IN_LINE).enumerate() {
            let (line, column) = (error.line, error.column);
            let semicolon = if i > 0 { "; " } else { "" };
            write!(f, "{semicolon}{source}:{line}:{column}: {}", error.message)?;
        }
        let more = self.errors.len().saturating_sub(ERRORS_IN_LINE) + self.omitted;
        if more > 0 {
            write!(f, "; and {more} more errors")?;
        }
        Ok(())
    }
}
