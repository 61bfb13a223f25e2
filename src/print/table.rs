//! The table of `--check --live`: promise, probe, expected, seen.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use nix::errno::Errno;

use super::json::Json;
use crate::admin::probe::Expected;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    promise: &'static str,
    what: String,
    expected: Expected,
    worked: bool,
    errno: Option<i32>,
}

impl Row {
    /// What was tried, the expected result, and the actual one.
    #[must_use]
    pub const fn new(
        promise: &'static str,
        what: String,
        expected: Expected,
        worked: bool,
        errno: Option<i32>,
    ) -> Self {
        Self {
            promise,
            what,
            expected,
            worked,
            errno,
        }
    }

    /// Whether the promise was kept.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        self.worked == (self.expected == Expected::Works)
    }

    fn seen(&self) -> String {
        match (self.worked, self.errno) {
            (true, _) => "works".to_owned(),
            (false, Some(errno)) => format!("refused ({:?})", Errno::from_raw(errno)),
            (false, None) => "refused".to_owned(),
        }
    }
}

/// Whether the text is for a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Nothing but text.
    Plain,
    /// With colours (ECMA-48).
    Coloured,
}

impl Style {
    /// Colours on a terminal that can show them, unless NO_COLOR is set to
    /// anything (no-color.org).
    #[must_use]
    pub fn of_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if unwanted || dumb || !std::io::stdout().is_terminal() {
            Self::Plain
        } else {
            Self::Coloured
        }
    }

    const fn mark(self, good: bool) -> (&'static str, &'static str) {
        match (self, good) {
            (Self::Plain, _) => ("", ""),
            (Self::Coloured, true) => ("\x1b[32m", "\x1b[0m"),
            (Self::Coloured, false) => ("\x1b[1;31m", "\x1b[0m"),
        }
    }
}

/// The rows as text, in columns as wide as they need to be.
#[must_use]
pub fn text(rows: &[Row], style: Style) -> String {
    let widest = rows.iter().map(|row| row.what.chars().count()).max();
    let width = widest.unwrap_or(0).max("PROBE".len());
    let mut out = format!(
        "{:<8} {:<width$}  {:<8}  SEEN\n",
        "PROMISE", "PROBE", "EXPECTED"
    );
    for row in rows {
        let good = row.is_as_expected();
        let (on, off) = style.mark(good);
        let note = if good { "" } else { "  <- differs" };
        let (promise, what, expected) = (row.promise, &row.what, row.expected.word());
        let seen = row.seen();
        let _ = writeln!(
            out,
            "{promise:<8} {what:<width$}  {expected:<8}  {on}{seen}{note}{off}"
        );
    }
    let broken = rows.iter().filter(|row| !row.is_as_expected()).count();
    let _ = writeln!(out, "{} probes, {broken} not as promised", rows.len());
    out
}

/// The rows as JSON.
#[must_use]
pub fn json(rows: &[Row]) -> String {
    let probes = rows.iter().map(|row| {
        Json::Object(vec![
            ("promise", Json::Text(row.promise.to_owned())),
            ("probe", Json::Text(row.what.clone())),
            ("expected", Json::Text(row.expected.word().to_owned())),
            ("seen", Json::Text(row.seen())),
            ("kept", Json::Bool(row.is_as_expected())),
        ])
    });
    let kept = rows.iter().all(Row::is_as_expected);
    let object = vec![
        ("kept", Json::Bool(kept)),
        ("probes", Json::List(probes.collect())),
    ];
    format!("{}\n", Json::Object(object))
}
