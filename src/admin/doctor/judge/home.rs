//! The account's home: who owns it, who can write it, where uploads go.

use std::path::PathBuf;

use super::files::{judge_way, not_examined};
use super::strict_modes::{StrictModes, strict_modes};
use crate::admin::doctor::facts::database::Person;
use crate::admin::doctor::facts::home::{Home, LOOKS_MAX};
use crate::admin::doctor::finding::{Finding, quoted, word};
use crate::decide::trust::EntryKind;
use crate::gather::trust::PathEntry;
use crate::print::escape::Escaped;

/// Which facts about it are findings.
pub fn judge(person: &Person, home: &Home) -> Vec<Finding> {
    let account = &person.account;
    let (name, path) = (account.shown().to_string(), quoted(&account.home));
    let mut findings: Vec<_> = not_examined(&home.not_examined).collect();
    let Some((own, above)) = home.way.split_last() else {
        if !findings.is_empty() {
            return findings;
        }
        let say = format!("The home of {name} is missing: there is nothing to write to.");
        let fix = format!("install -d -o root -g {} -m 0750 {path}", account.gid);
        return vec![Finding::serious("home-missing", say, fix)];
    };
    findings.extend(judge_way(
        "the home",
        above,
        "home-path-owner",
        "home-path-writable",
    ));
    for fault in strict_modes(own.status, account.uid) {
        findings.push(match fault {
            StrictModes::Owner(uid) => {
                let say = format!("The home of {name} is owned by uid {uid}.");
                Finding::serious("home-owner", say, format!("chown root {path}"))
            }
            StrictModes::Writable(mode) => {
                let say = format!(
                    "The home of {name} (mode {mode:04o}) is writable by others, who can create files there that programs read as settings."
                );
                Finding::serious("home-writable", say, format!("chmod go-w {path}"))
            }
        });
    }
    for file in &home.ssh {
        findings.extend(judge_ssh(&name, file, account.uid));
    }
    for directory in &home.other_writable {
        let (shown, mode) = (Escaped::path(&directory.path), directory.status.mode);
        let say = format!("{shown} (mode {mode:04o}) can be written by every account of the host.");
        let fix = format!("chmod o-w {}", quoted(&directory.path));
        findings.push(Finding::warning("home-other-writable", say, fix));
    }
    if home.cut {
        let say = format!(
            "The home of {name} contains more than {LOOKS_MAX} names; the rest was not searched for directories that everyone may write."
        );
        findings.push(Finding::note(
            "home-not-searched",
            say,
            format!("find {path} -xdev -type d -perm -0002"),
        ));
    }
    findings
}

/// `.ssh` and the files directly in it.
fn judge_ssh(name: &str, file: &PathEntry, uid: u32) -> Vec<Finding> {
    let (path, shown) = (quoted(&file.path), Escaped::path(&file.path));
    let mut findings = Vec::new();
    if file.status.kind == EntryKind::Link {
        let say =
            format!("{shown} is a symbolic link: sshd reads the keys of {name} wherever it leads.");
        findings.push(Finding::warning(
            "ssh-directory-link",
            say,
            format!("rm {path}"),
        ));
        return findings;
    }
    for fault in strict_modes(file.status, uid) {
        findings.push(match fault {
            StrictModes::Owner(uid) => {
                let say =
                    format!("{shown} is owned by uid {uid}, who can let others in as {name}.");
                Finding::serious("ssh-directory-owner", say, format!("chown root {path}"))
            }
            StrictModes::Writable(mode) => {
                let say = format!(
                    "{shown} (mode {mode:04o}) is writable by others, who can let themselves in as {name}."
                );
                Finding::serious("ssh-directory-mode", say, format!("chmod go-w {path}"))
            }
        });
    }
    if file.path.ends_with(".ssh/rc") {
        let say = format!(
            "{shown} exists; if PermitUserRC is on, sshd runs it before each session, and xfersh refuses that call."
        );
        findings.push(Finding::warning("ssh-rc", say, format!("rm {path}")));
    }
    findings
}

/// The finding that the account cannot write anywhere: in none of `places`, the
/// directories that the policy makes writable.
pub fn no_writable(person: &Person, places: &[PathBuf]) -> Finding {
    let account = &person.account;
    let place = places.first().cloned();
    let place = place.unwrap_or_else(|| account.home.join("uploads"));
    let name = account.shown();
    let say = format!("{name} has no directory that it may write: every upload is refused.");
    let fix = format!(
        "install -d -o {} -g {} -m 0750 {}",
        word(&account.name),
        account.gid,
        quoted(&place)
    );
    Finding::warning("no-writable-directory", say, fix)
}

#[cfg(test)]
mod tests {
    use super::super::files::tests::entry;
    use super::*;
    use crate::admin::doctor::facts::database::Database;

    fn alice() -> Person {
        Database::new("alice:x:1001:1001::/home/alice:/x", "")
            .people
            .remove(0)
    }

    #[test]
    fn homes() {
        let rows: [(u32, u32, &[&str]); 6] = [
            (1001, 0o755, &[]),
            (0, 0o750, &[]),
            (1002, 0o755, &["home-owner"]),
            (1001, 0o775, &["home-writable"]),
            (1001, 0o757, &["home-writable"]),
            (7, 0o777, &["home-owner", "home-writable"]),
        ];
        for (uid, mode, expected) in rows {
            let parent = entry("/home", EntryKind::Directory, 0, 0o755);
            let own = entry("/home/alice", EntryKind::Directory, uid, mode);
            let home = Home {
                way: vec![parent, own],
                ..Home::default()
            };
            let seen: Vec<_> = judge(&alice(), &home).iter().map(|f| f.id).collect();
            assert_eq!(seen, expected, "{uid} {mode:o}");
        }
        let missing = judge(&alice(), &Home::default());
        assert_eq!(
            missing[0].fix,
            "install -d -o root -g 1001 -m 0750 /home/alice"
        );
    }

    #[test]
    fn the_way_above_belongs_to_root() {
        let parent = entry("/home", EntryKind::Directory, 0, 0o777);
        let own = entry("/home/alice", EntryKind::Directory, 1001, 0o755);
        let home = Home {
            way: vec![parent, own],
            ..Home::default()
        };
        let seen: Vec<_> = judge(&alice(), &home).into_iter().map(|f| f.fix).collect();
        assert_eq!(seen, ["chmod go-w /home"]);
    }

    #[test]
    fn key_files() {
        let rows: [(&str, EntryKind, u32, u32, &[&str]); 7] = [
            ("/home/alice/.ssh", EntryKind::Directory, 1001, 0o700, &[]),
            (
                "/home/alice/.ssh",
                EntryKind::Directory,
                1001,
                0o770,
                &["ssh-directory-mode"],
            ),
            (
                "/home/alice/.ssh",
                EntryKind::Directory,
                7,
                0o700,
                &["ssh-directory-owner"],
            ),
            (
                "/home/alice/.ssh",
                EntryKind::Link,
                1001,
                0o777,
                &["ssh-directory-link"],
            ),
            (
                "/home/alice/.ssh/authorized_keys",
                EntryKind::File,
                0,
                0o644,
                &[],
            ),
            (
                "/home/alice/.ssh/authorized_keys",
                EntryKind::File,
                1001,
                0o666,
                &["ssh-directory-mode"],
            ),
            (
                "/home/alice/.ssh/rc",
                EntryKind::File,
                1001,
                0o600,
                &["ssh-rc"],
            ),
        ];
        for (path, kind, uid, mode, expected) in rows {
            let findings = judge_ssh("alice", &entry(path, kind, uid, mode), 1001);
            let seen: Vec<_> = findings.iter().map(|f| f.id).collect();
            assert_eq!(seen, expected, "{path} {uid} {mode:o}");
        }
    }

    #[test]
    fn nowhere_to_write() {
        let fix = "install -d -o alice -g 1001 -m 0750 ";
        let named = no_writable(&alice(), &["/srv/in".into()]);
        assert_eq!(named.fix, format!("{fix}/srv/in"));
        let none = no_writable(&alice(), &[]);
        assert_eq!(none.fix, format!("{fix}/home/alice/uploads"));
    }
}
