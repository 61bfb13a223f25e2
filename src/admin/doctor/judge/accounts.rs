//! The accounts whose shell is xfersh.

use std::path::Path;

use crate::admin::doctor::facts::database::Person;
use crate::admin::doctor::finding::{Finding, quoted, word};
use crate::decide::policy::PolicyFile;
use crate::print::escape::Escaped;

/// Findings about all of them, `ours`. `chosen` is the one that is examined.
pub fn judge(ours: &[&Person], policy: &PolicyFile, chosen: Option<&str>) -> Vec<Finding> {
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
            let fix = format!(
                "usermod -u \"$(( $(getent passwd | cut -d: -f3 | sort -n | awk '$1 < 60000' | tail -n 1) + 1 ))\" {}",
                word(&person.account.name)
            );
            findings.push(Finding::serious("account-shared-uid", say, fix));
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

/// The finding that the account is not confined at all: it has another shell,
/// and sshd does not call xfersh through ForceCommand. `own` is the running
/// binary.
pub fn foreign_shell(person: &Person, own: &Path) -> Finding {
    let name = person.account.shown();
    let shell = Escaped::path(&person.shell);
    let say = format!("The shell of {name} is {shell}, not xfersh: nothing is confined.");
    let fix = format!("usermod -s {} {}", quoted(own), word(&person.account.name));
    Finding::serious("account-shell", say, fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::doctor::facts::database::Database;

    fn ids(passwd: &str, chosen: Option<&str>) -> Vec<&'static str> {
        let database = Database::new(passwd, "");
        let own = Path::new("/usr/bin/xfersh");
        let findings = judge(&database.with_shell(own), &PolicyFile::absent(), chosen);
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
        let finding = foreign_shell(&person, own);
        assert_eq!(finding.fix, "usermod -s /usr/bin/xfersh a");
    }
}
