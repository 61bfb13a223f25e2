//! Is anyone there to take the log lines?

use std::path::Path;

use crate::admin::doctor::facts::log::{JOURNAL, LogFacts, LogFileFacts, SYSLOG};
use crate::admin::doctor::facts::rights::Rights;
use crate::admin::doctor::finding::{Finding, decision, quoted};
use crate::admin::doctor::fixes::GROUP;
use crate::decide::account::Account;
use crate::decide::log_file::{LogFileFlaw, LogFileState};
use crate::decide::policy::Requirement;
use crate::print::escape::Escaped;

/// What is wrong with what takes the log.
pub fn judge(facts: &LogFacts, rights: &Rights<'_>) -> Vec<Finding> {
    let missing = Missing(rights.policy.audit.value);
    match facts {
        LogFacts::Syslog(true) | LogFacts::Journal(true) => Vec::new(),
        LogFacts::Syslog(false) => {
            // Either of Debian's two daemons; a container gets the first.
            let fix = "apt-get install -y rsyslog && service rsyslog start || systemctl restart systemd-journald-dev-log.socket";
            let what = format!("There is no log socket at {SYSLOG}");
            vec![missing.finding("syslog-missing", &what, fix)]
        }
        LogFacts::Journal(false) => {
            let fix = "systemctl restart systemd-journald.socket systemd-journald";
            let what = format!(
                "The policy has log = \"journal\", and there is no socket of journald at {JOURNAL}"
            );
            vec![missing.finding("journal-missing", &what, fix)]
        }
        LogFacts::File(file) => judge_file(file, rights.account, missing),
    }
}

/// What it means that nobody takes the lines.
#[derive(Clone, Copy)]
struct Missing(Requirement);

impl Missing {
    fn finding(self, id: &'static str, what: &str, fix: impl Into<String>) -> Finding {
        match self.0 {
            Requirement::Required => {
                let say = format!(
                    "{what} and the policy has audit = \"required\": sessions are refused."
                );
                Finding::serious(id, say, fix)
            }
            Requirement::BestEffort => {
                Finding::warning(id, format!("{what}: sessions are not logged there."), fix)
            }
        }
    }
}

fn judge_file(file: &LogFileFacts, account: &Account, missing: Missing) -> Vec<Finding> {
    let shown = Escaped::path(&file.path);
    let word = quoted(&file.path);
    match &file.state {
        LogFileState::Absent => {
            let what = format!("The log file {shown} does not exist");
            return vec![missing.finding("log-file-missing", &what, create(&file.path))];
        }
        LogFileState::Unknown(fact) => {
            let say = format!("{}: sessions are refused.", fact.reason);
            let fix = decision(&fact.hint);
            return vec![Finding::serious("log-file-unsafe", say, fix)];
        }
        LogFileState::Unsafe { at, flaw } => {
            let say = format!(
                "The log file {shown} cannot be used, and sessions are refused: {} {flaw}.",
                Escaped::path(at)
            );
            return vec![Finding::serious("log-file-unsafe", say, mend(at, *flaw))];
        }
        LogFileState::Sound { .. } => {}
    }
    let mut findings = Vec::new();
    if !file.is_writable {
        let what = format!("{} cannot append to the log file {shown}", account.shown());
        let fix = if account.groups.iter().any(|group| group == GROUP) {
            format!("chgrp {GROUP} {word} && chmod g+w {word}")
        } else {
            format!("chmod o+w {word}")
        };
        findings.push(missing.finding("log-file-closed", &what, fix));
    }
    if file.is_read == Some(false) {
        let what = format!("No process reads the FIFO {shown}");
        let fix = decision("start what reads it; it should hold it open for writing, too");
        findings.push(missing.finding("log-fifo-unread", &what, fix));
    }
    if file.mode & 0o002 != 0 {
        let say = format!(
            "Every account of this host can add lines to the log file {shown} (mode {:04o}); of those with xfersh none can.",
            file.mode
        );
        let fix = decision("with other accounts on the host: let a group append, mode 0620");
        findings.push(Finding::note("log-file-open", say, fix));
    }
    findings
}

/// Makes it, and its directory if there is none.
fn create(path: &Path) -> String {
    let word = quoted(path);
    let directory = quoted(path.parent().unwrap_or_else(|| Path::new("/")));
    format!(
        "{{ [ -d {directory} ] || mkdir -m 0755 {directory}; }} && (umask 0277 && set -C && : >{word}) && chmod 0622 {word}"
    )
}

fn mend(at: &Path, flaw: LogFileFlaw) -> String {
    let word = quoted(at);
    let command = match flaw {
        LogFileFlaw::Replaceable(why) => why.command(at, &word),
        LogFileFlaw::Owner(_) => Some(format!("chown -h root {word}")),
        LogFileFlaw::Kind | LogFileFlaw::Names(_) | LogFileFlaw::Inside => None,
    };
    command.unwrap_or_else(|| {
        decision("name a file in the policy that is root's, in directories of root's, such as file:/var/log/xfersh.log")
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::admin::doctor::finding::Severity;
    use crate::decide::account::AccountSource;
    use crate::decide::facts::UnknownFact;
    use crate::decide::log_file::LogFileId;
    use crate::decide::policy::Policy;

    fn account(group: &str) -> Account {
        Account {
            name: "carol".into(),
            uid: 1001,
            gid: 1001,
            home: PathBuf::from("/home/carol"),
            groups: vec![group.into()],
            aliases: Vec::new(),
            source: AccountSource::Passwd,
        }
    }

    fn seen(facts: &LogFacts, audit: Requirement) -> Vec<(&'static str, Severity)> {
        let mut policy = Policy::default();
        policy.audit.value = audit;
        let rights = Rights {
            account: &account("users"),
            policy: &policy,
        };
        let found = judge(facts, &rights);
        found.iter().map(|row| (row.id, row.severity)).collect()
    }

    fn file(state: LogFileState, is_writable: bool, mode: u32, read: Option<bool>) -> LogFacts {
        LogFacts::File(LogFileFacts {
            path: "/var/log/x".into(),
            state,
            is_writable,
            mode,
            is_read: read,
        })
    }

    fn sound() -> LogFileState {
        LogFileState::Sound {
            path: "/var/log/x".into(),
            id: LogFileId {
                device: (0, 1),
                number: 2,
            },
        }
    }

    #[test]
    fn table() {
        use Severity::{Note, Serious, Warning};
        let unsafe_owner = LogFileState::Unsafe {
            at: "/var/log/x".into(),
            flaw: LogFileFlaw::Owner(7),
        };
        let unknown = LogFileState::Unknown(UnknownFact {
            reason: "why".into(),
            hint: "how".into(),
        });
        type Row = (LogFacts, &'static [&'static str], Severity, Severity);
        let rows: [Row; 10] = [
            (LogFacts::Syslog(true), &[], Note, Note),
            (LogFacts::Journal(true), &[], Note, Note),
            (
                LogFacts::Syslog(false),
                &["syslog-missing"],
                Warning,
                Serious,
            ),
            (
                LogFacts::Journal(false),
                &["journal-missing"],
                Warning,
                Serious,
            ),
            (
                file(LogFileState::Absent, false, 0, None),
                &["log-file-missing"],
                Warning,
                Serious,
            ),
            (file(sound(), true, 0o620, None), &[], Note, Note),
            (
                file(sound(), false, 0o600, None),
                &["log-file-closed"],
                Warning,
                Serious,
            ),
            (
                file(sound(), true, 0o620, Some(false)),
                &["log-fifo-unread"],
                Warning,
                Serious,
            ),
            (
                file(unsafe_owner, true, 0o622, None),
                &["log-file-unsafe"],
                Serious,
                Serious,
            ),
            (
                file(unknown, true, 0o622, None),
                &["log-file-unsafe"],
                Serious,
                Serious,
            ),
        ];
        for (facts, ids, best_effort, required) in rows {
            let with = |severity| ids.iter().map(|id| (*id, severity)).collect::<Vec<_>>();
            assert_eq!(
                seen(&facts, Requirement::BestEffort),
                with(best_effort),
                "{facts:?}"
            );
            assert_eq!(
                seen(&facts, Requirement::Required),
                with(required),
                "{facts:?}"
            );
        }
        let open = file(sound(), true, 0o622, Some(true));
        assert_eq!(
            seen(&open, Requirement::Required),
            [("log-file-open", Note)]
        );
    }

    #[test]
    fn who_is_in_the_group_appends_by_it() {
        for (group, fix) in [
            (GROUP, "chgrp xfersh /var/log/x && chmod g+w /var/log/x"),
            ("users", "chmod o+w /var/log/x"),
        ] {
            let LogFacts::File(facts) = file(sound(), false, 0o600, None) else {
                unreachable!()
            };
            let found = judge_file(&facts, &account(group), Missing(Requirement::Required));
            assert_eq!(found[0].fix, fix);
        }
    }
}
