//! Does a group give the account more than file transfer?

use crate::admin::doctor::facts::database::Person;
use crate::admin::doctor::finding::{Finding, Severity, word};

/// Groups that give more than access to their own files, and what they give
/// (Debian's wiki, SystemGroups; the documentation of each daemon).
const POWERS: [(&str, Severity, &str); 22] = [
    ("root", Severity::Serious, "files of root's group"),
    ("sudo", Severity::Serious, "root's rights through sudo"),
    (
        "wheel",
        Severity::Serious,
        "root's rights through sudo or su",
    ),
    ("admin", Severity::Serious, "root's rights through sudo"),
    (
        "docker",
        Severity::Serious,
        "root's rights through the container daemon",
    ),
    (
        "podman",
        Severity::Serious,
        "root's rights through the container daemon",
    ),
    (
        "lxd",
        Severity::Serious,
        "root's rights through the container daemon",
    ),
    (
        "incus-admin",
        Severity::Serious,
        "root's rights through the container daemon",
    ),
    (
        "libvirt",
        Severity::Serious,
        "root's rights through virtual machines",
    ),
    (
        "disk",
        Severity::Serious,
        "every file, through the block devices",
    ),
    (
        "shadow",
        Severity::Serious,
        "the password hashes of all accounts",
    ),
    ("kmem", Severity::Serious, "the memory of the machine"),
    ("sys", Severity::Serious, "files of the system"),
    (
        "polkitd",
        Severity::Serious,
        "the rules by which rights are granted",
    ),
    ("kvm", Severity::Warning, "virtual machines"),
    (
        "staff",
        Severity::Warning,
        "programs below /usr/local that others run",
    ),
    ("adm", Severity::Warning, "the logs of the system"),
    (
        "systemd-journal",
        Severity::Warning,
        "the logs of the system",
    ),
    (
        "www-data",
        Severity::Warning,
        "files that the web server may write",
    ),
    ("backup", Severity::Warning, "backups of other accounts"),
    ("input", Severity::Warning, "what is typed at the machine"),
    ("tty", Severity::Warning, "the terminals of others"),
];

/// The powerful groups of one account.
pub fn judge(person: &Person, primary: Option<&str>) -> Vec<Finding> {
    let (name, shown) = (&person.account.name, person.account.shown());
    let powerful = POWERS
        .iter()
        .filter(|(group, ..)| person.account.groups.iter().any(|own| own == group));
    powerful
        .map(|(group, severity, power)| {
            let say = format!("{shown} is in the group {group}, which gives {power}.");
            let name = word(name);
            let fix = if primary == Some(*group) {
                format!("groupadd -f {name} && usermod -g {name} {name}")
            } else {
                format!("gpasswd -d {name} {group}")
            };
            Finding {
                severity: *severity,
                ..Finding::serious("account-group", say, fix)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::doctor::facts::database::Database;

    #[test]
    fn table() {
        let passwd = "a:x:1:1::/a:/x\nb:x:2:900::/b:/x\nc:x:3:3::/c:/x\n";
        let group = "a:x:1:\nc:x:3:\ndocker:x:900:a\nadm:x:4:c\nusers:x:100:a,b,c\n";
        let database = Database::new(passwd, group);
        let seen = |name: &str, primary: &str| {
            let findings = judge(database.person(name).unwrap(), Some(primary));
            findings
                .into_iter()
                .map(|f| (f.severity, f.fix))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            seen("a", "a"),
            [(Severity::Serious, "gpasswd -d a docker".to_owned())]
        );
        let primary = "groupadd -f b && usermod -g b b".to_owned();
        assert_eq!(seen("b", "docker"), [(Severity::Serious, primary)]);
        assert_eq!(
            seen("c", "c"),
            [(Severity::Warning, "gpasswd -d c adm".to_owned())]
        );
    }
}
