//! What `--check --live` prints: promise, probe, expected, seen.

use nix::errno::Errno;

use super::probe::{Expected, OF_LOG_FILE};
use crate::print::json::Json;
use crate::print::style::{Colour, Style};
use crate::print::table::{self, Row};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeRow {
    promise: &'static str,
    what: String,
    expected: Expected,
    worked: bool,
    errno: Option<i32>,
}

impl ProbeRow {
    /// What was tried, the expected result, and the actual one.
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
    pub fn is_as_expected(&self) -> bool {
        self.worked == (self.expected == Expected::Works)
    }

    /// Whether it is about the log file.
    pub fn is_of_log_file(&self) -> bool {
        OF_LOG_FILE.contains(&self.what.as_str())
    }

    fn seen(&self) -> String {
        match (self.worked, self.errno) {
            (true, _) => "works".to_owned(),
            (false, Some(errno)) => format!("refused ({:?})", Errno::from_raw(errno)),
            (false, None) => "refused".to_owned(),
        }
    }
}

/// The rows as text.
pub fn text(rows: &[ProbeRow], style: Style) -> String {
    let header = ["PROMISE", "PROBE", "EXPECTED", "SEEN"];
    let lines: Vec<_> = rows.iter().map(line).collect();
    let broken = rows.iter().filter(|row| !row.is_as_expected()).count();
    format!(
        "{}{} probes, {broken} not as promised\n",
        table::text(header, &lines, style),
        rows.len()
    )
}

fn line(row: &ProbeRow) -> Row<4> {
    let (colour, note) = if row.is_as_expected() {
        (Colour::Good, "")
    } else {
        (Colour::Bad, "  <- differs")
    };
    Row {
        cells: [
            row.promise.to_owned(),
            row.what.clone(),
            row.expected.word().to_owned(),
            format!("{}{note}", row.seen()),
        ],
        colour,
    }
}

/// The rows as JSON.
pub fn json(rows: &[ProbeRow]) -> String {
    let probes = rows.iter().map(|row| {
        Json::Object(vec![
            ("promise", Json::Text(row.promise.to_owned())),
            ("probe", Json::Text(row.what.clone())),
            ("expected", Json::Text(row.expected.word().to_owned())),
            ("seen", Json::Text(row.seen())),
            ("kept", Json::Bool(row.is_as_expected())),
        ])
    });
    let kept = rows.iter().all(ProbeRow::is_as_expected);
    let object = vec![
        ("kept", Json::Bool(kept)),
        ("probes", Json::List(probes.collect())),
    ];
    format!("{}\n", Json::Object(object))
}
