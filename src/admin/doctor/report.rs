//! The findings as a person or a script reads them.

use std::fmt::{self, Write as _};

use super::finding::{Finding, Severity};
use crate::print::escape::{Escaped, Page, Sentence};
use crate::print::json::Json;
use crate::print::style::{Colour, Style};
use crate::print::table::{self, Row};

/// All findings of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The findings in the order of the checks.
    pub findings: Vec<Finding>,
    /// What was found about each account, where all were examined.
    pub accounts: Option<Vec<Examined>>,
}

/// What was found about one account of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Its name.
    pub name: String,
    /// Its findings.
    pub findings: Vec<Finding>,
}

impl Examined {
    fn count(&self, severity: Severity) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// The worst finding.
    fn worst(&self) -> Option<&Finding> {
        let findings = self.findings.iter();
        let bad = findings.filter(|finding| finding.severity != Severity::Note);
        bad.min_by_key(|finding| finding.severity)
    }
}

impl Report {
    /// A report without a table of accounts.
    pub const fn of(findings: Vec<Finding>) -> Self {
        Self {
            findings,
            accounts: None,
        }
    }

    /// How many findings are serious, those about accounts included.
    pub fn serious(&self) -> usize {
        let accounts = self.accounts.iter().flatten();
        let of_accounts: usize = accounts
            .map(|account| account.count(Severity::Serious))
            .sum();
        self.with(Severity::Serious).count() + of_accounts
    }

    fn with(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |finding| finding.severity == severity)
    }

    /// One object: `findings`, a list of `id`, `severity`, `what` and `mend`;
    /// `serious`, the number of serious ones; and where all accounts were
    /// examined `accounts`, a list of `account` and `findings`.
    pub fn json(&self) -> Json {
        let mut pairs = vec![
            ("findings", list(&self.findings)),
            ("serious", Json::Number(self.serious() as u64)),
        ];
        if let Some(accounts) = &self.accounts {
            let object = |account: &Examined| {
                Json::Object(vec![
                    ("account", Json::Text(account.name.clone())),
                    ("findings", list(&account.findings)),
                ])
            };
            pairs.push((
                "accounts",
                Json::List(accounts.iter().map(object).collect()),
            ));
        }
        Json::Object(pairs)
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
        if let Some(accounts) = &self.accounts {
            write_accounts(out, accounts, style)?;
        }
        let count = |severity| {
            let accounts = self.accounts.iter().flatten();
            let of_accounts: usize = accounts.map(|account| account.count(severity)).sum();
            self.with(severity).count() + of_accounts
        };
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

fn list(findings: &[Finding]) -> Json {
    let text = |text: &str| Json::Text(text.to_owned());
    let finding = |finding: &Finding| {
        Json::Object(vec![
            ("id", text(finding.id)),
            ("severity", text(finding.severity.name())),
            ("what", text(&finding.what)),
            ("mend", text(&finding.fix)),
        ])
    };
    Json::List(findings.iter().map(finding).collect())
}

/// A line for each account.
fn write_accounts(out: &mut String, accounts: &[Examined], style: Style) -> fmt::Result {
    let row = |account: &Examined| {
        let worst = account.worst();
        let (shown, colour) = match worst {
            Some(worst) => (worst.id, colour(worst.severity)),
            None => ("nothing found", Colour::Good),
        };
        Row {
            cells: [
                Escaped::text(&account.name).to_string(),
                account.count(Severity::Serious).to_string(),
                account.count(Severity::Warning).to_string(),
                shown.to_owned(),
            ],
            colour,
        }
    };
    if accounts.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = accounts.iter().map(row).collect();
    let header = ["account", "serious", "warnings", "worst"];
    writeln!(out, "{}", table::text(header, &rows, style))?;
    writeln!(
        out,
        "For the findings about one of them: xfersh --doctor --user NAME"
    )
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
        Report::of(vec![
            Finding::note("b-note", "Note.", "true"),
            Finding::serious("a-serious", "Bad \"x\".", "chmod 0 /x"),
        ])
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
        let healthy = Report::of(vec![Finding::warning("w", "W.", "true")]);
        assert_eq!(healthy.serious(), 0);
    }
}
