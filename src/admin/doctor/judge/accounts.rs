//! The accounts whose shell is xfersh.

use std::path::Path;

use crate::admin::doctor::facts::database::Person;
use crate::admin::doctor::facts::keys::Keys;
use crate::admin::doctor::finding::{Finding, decision, quoted, word};
use crate::admin::doctor::fixes::GROUP;
use crate::admin::doctor::judge;
use crate::decide::policy::PolicyFile;
use crate::print::escape::Escaped;

/// Findings about all of them, `ours`.
pub fn judge(ours: &[&Person], policy: &PolicyFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if ours.is_empty() {
        let say = "No account has xfersh as its shell.";
        findings.push(Finding::note(
            "account-none",
            say,
            "xfersh-add-account NAME --key FILE --directory uploads",
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
        } else if let Some(conflict) = policy.conflicts(&person.account, (None, None)).next() {
            let say = format!("{conflict}: both are refused.");
            let fix = decision(
                "give one of them another uid: usermod -u UID NAME, which also gives it the files in its home; those elsewhere need chown",
            );
            findings.push(Finding::serious("account-shared-uid", say, fix));
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

/// How much of an ordinary account xfersh confines: what comes with some of its
/// keys.
pub fn some_keys(person: &Person, files: &[Keys]) -> Finding {
    let (name, shell) = (person.account.shown(), Escaped::path(&person.shell));
    let count = judge::keys::all(files).count();
    let forced = judge::keys::all(files)
        .filter(|key| judge::keys::is_forced(key))
        .count();
    let say = format!(
        "{forced} of the {count} keys of {name} have command=\"xfersh --forced\": what comes with them is confined. Every other way to log in leads to {shell}, and was not examined."
    );
    Finding::note(
        "account-some-keys",
        say,
        decision("nothing to do, if that is meant"),
    )
}

/// A member of the group whose shell is another: the group confines nothing.
pub fn unconfined_member(person: &Person) -> Finding {
    let (name, shell) = (person.account.shown(), Escaped::path(&person.shell));
    let say = format!(
        "{name} is in the group {GROUP}, but its shell is {shell}: the group keeps it from forwarding, and nothing else of it is confined."
    );
    let word = word(&person.account.name);
    let fix = decision(&format!(
        "if it is to be confined: usermod -s /usr/bin/xfersh {word}; if not: gpasswd -d {word} {GROUP}"
    ));
    Finding::warning("group-member-shell", say, fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::doctor::facts::database::Database;

    fn ids(passwd: &str) -> Vec<&'static str> {
        let database = Database::new(passwd, "");
        let own = Path::new("/usr/bin/xfersh");
        let findings = judge(&database.with_shell(own), &PolicyFile::absent());
        findings.iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn table() {
        let none = "root:x:0:0::/root:/bin/bash\n";
        let one = "root:x:0:0::/root:/bin/bash\na:x:1:1::/a:/usr/local/bin/xfersh\n";
        let root = "toor:x:0:0::/root:/usr/bin/xfersh\n";
        assert_eq!(ids(none), ["account-none"]);
        assert_eq!(ids(one), [] as [&str; 0]);
        assert_eq!(ids(root), ["account-root"]);
    }

    #[test]
    fn entries_of_one_uid() {
        let same = "a:x:1:1::/a:/usr/bin/xfersh\nb:x:1:1::/a:/bin/sh\n";
        assert_eq!(ids(same), [] as [&str; 0]);
        let further_down = "a:x:1:1::/a:/usr/bin/xfersh\nb:x:1:1::/a/site:/usr/bin/xfersh\n";
        let both = ["account-shared-uid"; 2];
        assert_eq!(ids(further_down), both);
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
