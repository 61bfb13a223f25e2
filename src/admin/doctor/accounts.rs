//! The accounts whose shell is xfersh.

use std::path::Path;

use super::database::{Database, Person};
use super::finding::{Finding, quoted, word};
use crate::decide::policy::PolicyFile;
use crate::print::escape::Escaped;

/// Whether a login shell is xfersh: by its name, or as the very binary that
/// runs.
#[must_use]
pub fn is_ours(shell: &Path, own: &Path) -> bool {
    shell.file_name().is_some_and(|name| name == "xfersh")
        || shell.canonicalize().is_ok_and(|resolved| resolved == own)
}

/// What is to be said of all of them. `chosen` is the one that is examined.
#[must_use]
pub fn judge(
    database: &Database,
    policy: &PolicyFile,
    own: &Path,
    chosen: Option<&str>,
) -> Vec<Finding> {
    let people = database.people.iter();
    let ours: Vec<&Person> = people
        .filter(|person| is_ours(&person.shell, own))
        .collect();
    let mut findings = Vec::new();
    if ours.is_empty() {
        let say = "No account has xfersh as its shell.";
        findings.push(Finding::note(
            "account-none",
            say,
            "xfersh-add-account NAME --key FILE",
        ));
    }
    for person in ours {
        let name = person.account.shown().to_string();
        if person.account.uid == 0 {
            let say = format!(
                "{name} has uid 0 and xfersh as its shell: it cannot log in, and xfersh would not serve it."
            );
            findings.push(Finding::serious(
                "account-root",
                say,
                format!("usermod -s /bin/bash {}", word(&person.account.name)),
            ));
        } else if let Some(conflict) = policy.conflicts(&person.account, None).next() {
            let say = format!("{conflict}: both are refused.");
            // 0 stands for: the next free one, as useradd(8) would choose it.
            let mend = format!(
                "usermod -u \"$(( $(getent passwd | cut -d: -f3 | sort -n | awk '$1 < 60000' | tail -n 1) + 1 ))\" {}",
                word(&person.account.name)
            );
            findings.push(Finding::serious("account-shared-uid", say, mend));
        }
        if chosen.is_none() {
            let say =
                format!("{name} has xfersh as its shell; its set-up is examined with --user.");
            findings.push(Finding::note(
                "account",
                say,
                format!("xfersh --doctor --user {}", word(&person.account.name)),
            ));
        }
    }
    findings
}

/// Whether the account is confined at all. `is_forced`: sshd calls xfersh by
/// ForceCommand instead.
#[must_use]
pub fn judge_shell(person: &Person, own: &Path, is_forced: bool) -> Option<Finding> {
    if is_ours(&person.shell, own) || is_forced {
        return None;
    }
    let name = person.account.shown();
    let shell = Escaped::path(&person.shell);
    let say = format!("The shell of {name} is {shell}, not xfersh: nothing is confined.");
    let mend = format!("usermod -s {} {}", quoted(own), word(&person.account.name));
    Some(Finding::serious("account-shell", say, mend))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(passwd: &str, chosen: Option<&str>) -> Vec<&'static str> {
        let database = Database::new(passwd, "");
        let own = Path::new("/usr/bin/xfersh");
        let findings = judge(&database, &PolicyFile::absent(), own, chosen);
        findings.iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn table() {
        let none = "root:x:0:0::/root:/bin/bash\n";
        let one = "root:x:0:0::/root:/bin/bash\na:x:1:1::/a:/usr/local/bin/xfersh\n";
        let root = "toor:x:0:0::/root:/usr/bin/xfersh\n";
        assert_eq!(ids(none, None), ["account-none"]);
        assert_eq!(ids(one, None), ["account"]);
        assert_eq!(ids(one, Some("a")), [] as [&str; 0]);
        assert_eq!(ids(root, Some("a")), ["account-root"]);
    }

    #[test]
    fn entries_of_one_uid() {
        let same = "a:x:1:1::/a:/usr/bin/xfersh\nb:x:1:1::/a:/bin/sh\n";
        assert_eq!(ids(same, Some("a")), [] as [&str; 0]);
        let further_down = "a:x:1:1::/a:/usr/bin/xfersh\nb:x:1:1::/a/site:/usr/bin/xfersh\n";
        let both = ["account-shared-uid"; 2];
        assert_eq!(ids(further_down, Some("a")), both);
    }

    #[test]
    fn a_foreign_shell() {
        let own = Path::new("/usr/bin/xfersh");
        let person = Database::new("a:x:1:1::/a:/bin/bash\n", "")
            .people
            .remove(0);
        let finding = judge_shell(&person, own, false).unwrap();
        assert_eq!(finding.mend, "usermod -s /usr/bin/xfersh a");
        assert_eq!(judge_shell(&person, own, true), None);
    }
}
