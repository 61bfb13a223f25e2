//! Can a session live under the limits that sshd starts it with?

use crate::admin::doctor::facts::limits::{LimitName, SessionLimit, SessionLimits};
use crate::admin::doctor::finding::{Finding, decision, word};
use crate::decide::account::Account;
use crate::decide::policy::{Policy, Protocol};
use crate::print::escape::Escaped;

/// sshd's process of the account, the guard and the server.
const PROCESSES: u64 = 3;
/// The watchdog, and the second process of a receiver.
const PROCESSES_OF_RSYNC: u64 = 5;
/// Below it the guard refuses to start.
const OPEN_FILES: u64 = 64;

/// Which limits are findings.
pub fn judge(account: &Account, policy: &Policy, limits: &SessionLimits) -> Vec<Finding> {
    let rsync = policy.protocols.value.contains(&Protocol::Rsync);
    let each = limits.limits.iter().filter_map(|limit| {
        let name = account.shown();
        let (value, item) = (limit.value, limit.name.item());
        let (serious, what) = match limit.name {
            LimitName::Nproc if value < PROCESSES => (true, "every session of {} fails"),
            LimitName::Nproc if rsync && value < PROCESSES_OF_RSYNC => {
                (true, "every session of {} with rsync fails")
            }
            LimitName::Nofile if value < OPEN_FILES => (true, "every session of {} fails"),
            LimitName::Fsize if value == 0 => (true, "every upload of {} fails"),
            LimitName::Fsize => (false, "every upload of {} ends at that many bytes"),
            LimitName::Nproc | LimitName::Nofile => return None,
        };
        let what = what.replace("{}", &name.to_string());
        let say = format!("{} sets {item} to {value}: {what}.", origin(limit));
        let fix = fix(account, limit.name, limits.by_pam);
        Some(if serious {
            Finding::serious("account-limits", say, fix)
        } else {
            Finding::warning("account-limits", say, fix)
        })
    });
    each.collect()
}

fn origin(limit: &SessionLimit) -> String {
    match &limit.file {
        Some(file) => Escaped::path(file).to_string(),
        None => "What starts sshd".to_owned(),
    }
}

/// A line for this account alone, which holds before those for groups and for
/// all.
fn fix(account: &Account, name: LimitName, by_pam: bool) -> String {
    let (item, value) = match name {
        LimitName::Nproc => ("nproc", "256"),
        LimitName::Nofile => ("nofile", "1024"),
        LimitName::Fsize => ("fsize", "unlimited"),
    };
    if by_pam {
        let name = word(&account.name);
        return format!(
            "printf '%s - {item} {value}\\n' {name} >>/etc/security/limits.d/zz-xfersh.conf"
        );
    }
    let key = match name {
        LimitName::Nproc => "LimitNPROC",
        LimitName::Nofile => "LimitNOFILE",
        LimitName::Fsize => "LimitFSIZE",
    };
    let hint = format!(
        "raise {key} of the unit that starts sshd (systemctl edit ssh.service), and restart sshd"
    );
    decision(&hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::doctor::facts::database::Database;

    #[test]
    fn table() {
        use LimitName::{Fsize, Nofile, Nproc};
        let database = Database::new("a:x:1001:1001::/home/a:/usr/bin/xfersh\n", "");
        let account = &database.person("a").unwrap().account;
        let rows = [
            (Nproc, 2, "serious"),
            (Nproc, 3, ""),
            (Nofile, 63, "serious"),
            (Nofile, 64, ""),
            (Fsize, 0, "serious"),
            (Fsize, 1 << 20, "warning"),
        ];
        for (name, value, expected) in rows {
            let limits = SessionLimits {
                limits: vec![SessionLimit {
                    name,
                    value,
                    file: None,
                }],
                by_pam: false,
            };
            let found = judge(account, &Policy::default(), &limits);
            let seen = found.first().map_or("", |finding| finding.severity.name());
            assert_eq!(seen, expected, "{name:?} {value}");
        }
    }
}
