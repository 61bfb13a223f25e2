//! Collects the errors of one file by byte position; lines and columns are
//! found once, at the end.

use std::path::Path;

use toml_parser::{Expected, ParseError, Span};

use crate::decide::policy::diagnostic::{Diagnostic, ERRORS_MAX, PolicyErrors};
use crate::print::escape::Escaped;

/// The errors found so far.
#[derive(Default)]
pub(in crate::decide::policy) struct Errors {
    /// At least the first [`ERRORS_MAX`] in the order of the file.
    kept: Vec<Recorded>,
    /// How many more there are.
    omitted: usize,
    /// Where the last of the reported ones begins, once there are enough.
    last: Option<usize>,
}

struct Recorded {
    span: Span,
    message: String,
    hint: Option<String>,
}

impl Errors {
    fn push(&mut self, found: Recorded) {
        if self.only_counts(found.span) {
            return;
        }
        self.kept.push(found);
        // A file can have a hundred thousand; few are reported.
        if self.kept.len() >= 4 * ERRORS_MAX {
            self.keep_the_first();
        }
    }

    fn keep_the_first(&mut self) {
        self.kept.sort_by_key(|found| found.span.start());
        self.omitted += self.kept.len().saturating_sub(ERRORS_MAX);
        self.kept.truncate(ERRORS_MAX);
        let full = self.kept.len() == ERRORS_MAX;
        let last = self.kept.last().filter(|_| full);
        self.last = last.map(|found| found.span.start());
    }

    /// Whether an error there would no longer be reported; then it is only
    /// counted. This saves composing a message for it.
    pub(super) fn only_counts(&mut self, span: Span) -> bool {
        let beyond = self.last.is_some_and(|last| span.start() > last);
        self.omitted += usize::from(beyond);
        beyond
    }

    /// Notes an error at these bytes. Always `None`, so that a reader can end
    /// with it.
    pub(super) fn at<T>(&mut self, span: Span, message: impl Into<String>) -> Option<T> {
        self.push(Recorded {
            span,
            message: message.into(),
            hint: None,
        });
        None
    }

    /// Notes an error and how to fix it.
    pub(super) fn hint<T>(
        &mut self,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Option<T> {
        self.push(Recorded {
            span,
            message: message.into(),
            hint: Some(hint.into()),
        });
        None
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.kept.len() + self.omitted
    }

    /// All of them in the order of the file; `None` if there are none.
    pub(super) fn into_policy_errors(mut self, text: &str, source: &Path) -> Option<PolicyErrors> {
        if self.kept.is_empty() {
            return None;
        }
        self.keep_the_first();
        let omitted = self.omitted;
        let (mut line, mut line_start) = (1, 0);
        let place = |found: Recorded| {
            let start = found.span.start().min(text.len());
            let newlines = text[line_start..start].match_indices('\n');
            let counted = newlines.fold((0, line_start), |(count, _), (at, _)| {
                (count + 1, line_start + at + 1)
            });
            line += counted.0;
            line_start = counted.1;
            let span = (start, found.span.end().min(text.len()));
            Diagnostic::new(text, (line, line_start), span, found.message, found.hint)
        };
        Some(PolicyErrors {
            source: source.to_path_buf(),
            errors: self.kept.into_iter().map(place).collect(),
            omitted,
        })
    }
}

impl toml_parser::ErrorSink for Errors {
    /// An error of the TOML syntax.
    fn report_error(&mut self, error: ParseError) {
        let span = error.unexpected().or(error.context()).unwrap_or_default();
        let hint = error.expected().map(|expected| {
            let words = expected.iter().map(|expected| match expected {
                Expected::Literal("\n") => "a line break".to_owned(),
                Expected::Literal(text) => quoted(text),
                Expected::Description(text) => (*text).to_owned(),
                _ => "something else".to_owned(),
            });
            let words: Vec<String> = words.collect();
            match words.is_empty() {
                true => "nothing more is allowed here".to_owned(),
                false => format!("expected {}", words.join(" or ")),
            }
        });
        let message = error.description().to_owned();
        self.push(Recorded {
            span,
            message,
            hint,
        });
    }
}

/// A text of the file in an error, in single quotes. Its position is reported
/// too, so a long text is cut.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", Escaped::text(text).cut())
}

/// The name that was probably meant: at most a third of it differs (Levenshtein
/// distance).
pub(super) fn near<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if text.len() > 64 {
        return None;
    }
    let text = text.to_lowercase().replace('-', "_");
    let with_distance = names.into_iter().map(|name| {
        let distance = distance(text.as_bytes(), name.replace('-', "_").as_bytes());
        (distance, name)
    });
    let (distance, name) = with_distance.min_by_key(|pair| pair.0)?;
    (distance <= name.len().div_ceil(3)).then_some(name)
}

fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
