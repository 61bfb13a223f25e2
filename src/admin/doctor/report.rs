//! The findings as a person or a script reads them.

use std::fmt::{self, Write as _};

use super::finding::{Finding, Severity};
use crate::print::escape::{Page, Sentence};
use crate::print::json::Json;
use crate::print::style::{Colour, Style};

/// All findings of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The findings in the order of the checks.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many findings are serious.
    pub fn serious(&self) -> usize {
        self.with(Severity::Serious).count()
    }

    fn with(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |finding| finding.severity == severity)
    }

    /// One object: `findings`, a list of `id`, `severity`, `what` and `mend`,
    /// and `serious`, their number.
    pub fn json(&self) -> Json {
        let text = |text: &str| Json::Text(text.to_owned());
        let finding = |finding: &Finding| {
            Json::Object(vec![
                ("id", text(finding.id)),
                ("severity", text(finding.severity.name())),
                ("what", text(&finding.what)),
                ("mend", text(&finding.fix)),
            ])
        };
        Json::Object(vec![
            (
                "findings",
                Json::List(self.findings.iter().map(finding).collect()),
            ),
            ("serious", Json::Number(self.serious() as u64)),
        ])
    }

    /// The findings for a person, the worst first, and a closing line.
    pub fn text(&self, style: Style) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out, style);
        out
    }

    fn write(&self, out: &mut String, style: Style) -> fmt::Result {
        for severity in Severity::ALL {
            for finding in self.with(severity) {
                let name = style.paint(colour(severity), &format!("{:<8}", severity.name()));
                writeln!(out, "{name} {}", finding.id)?;
                writeln!(out, "         {}", Sentence(&finding.what))?;
                writeln!(out, "         mend: {}\n", Page(&finding.fix))?;
            }
        }
        let count = |severity| self.with(severity).count();
        let (serious, warnings) = (count(Severity::Serious), count(Severity::Warning));
        let notes = count(Severity::Note);
        if self
            .findings
            .iter()
            .any(|finding| finding.id.starts_with("sshd-"))
        {
            writeln!(
                out,
                "After changing sshd's configuration: sshd -t && systemctl reload ssh"
            )?;
        }
        writeln!(out, "{serious} serious, {warnings} warnings, {notes} notes")
    }
}

const fn colour(severity: Severity) -> Colour {
    match severity {
        Severity::Serious => Colour::Bad,
        Severity::Warning => Colour::Caution,
        Severity::Note => Colour::Note,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            findings: vec![
                Finding::note("b-note", "Note.", "true"),
                Finding::serious("a-serious", "Bad \"x\".", "chmod 0 /x"),
            ],
        }
    }

    #[test]
    fn the_worst_comes_first() {
        let expected = "serious  a-serious\n         Bad \"x\".\n         mend: chmod 0 /x\n\n\
                        note     b-note\n         Note.\n         mend: true\n\n\
                        1 serious, 0 warnings, 1 notes\n";
        assert_eq!(report().text(Style::Plain), expected);
        assert_eq!(report().serious(), 1);
    }

    #[test]
    fn colours_wrap_the_severity_alone() {
        let text = report().text(Style::Coloured);
        assert!(
            text.starts_with("\x1b[1;31mserious \x1b[0m a-serious\n"),
            "{text:?}"
        );
        assert_eq!(text.matches('\x1b').count(), 4);
    }

    #[test]
    fn json_has_stable_keys() {
        let expected = r#"{"findings":[{"id":"b-note","severity":"note","what":"Note.","mend":"true"},{"id":"a-serious","severity":"serious","what":"Bad \"x\".","mend":"chmod 0 /x"}],"serious":1}"#;
        assert_eq!(report().json().to_string(), expected);
        let healthy = Report {
            findings: vec![Finding::warning("w", "W.", "true")],
        };
        assert_eq!(healthy.serious(), 0);
    }
}
