//! The account's home: who owns it, who can write it, where uploads go.

use std::path::{Path, PathBuf};

use super::files::{judge_way, not_examined};
use super::places::only_root_replaces;
use super::strict_modes::{StrictModes, strict_modes};
use crate::admin::doctor::facts::database::{Database, Person};
use crate::admin::doctor::facts::home::{Home, LOOKS_MAX};
use crate::admin::doctor::finding::{Finding, decision, quoted, set_aside, word};
use crate::admin::doctor::fixes::Fixes;
use crate::decide::account::Account;
use crate::decide::trust::EntryKind;
use crate::gather::trust::PathEntry;
use crate::print::escape::Escaped;

/// What the home is judged with.
pub struct HomeInputs<'a> {
    /// Whose home it is.
    pub person: &'a Person,
    /// What is there.
    pub home: &'a Home,
    /// Whether the policy has nothing outside of the home.
    pub needs_home: bool,
    /// All accounts: what belongs to one of them is not taken from it.
    pub database: &'a Database,
    /// The files in the home from which sshd would take keys.
    pub keys: &'a [PathBuf],
    /// The commands that concern sshd.
    pub fixes: &'a Fixes,
}

/// Which facts about it are findings.
pub fn judge(inputs: &HomeInputs<'_>) -> Vec<Finding> {
    let HomeInputs { person, home, .. } = inputs;
    let account = &person.account;
    let mut findings: Vec<_> = not_examined(&home.not_examined).collect();
    let is_directory = |own: &PathEntry| own.status.kind == EntryKind::Directory;
    let Some((own, above)) = home.way.split_last().filter(|(own, _)| is_directory(own)) else {
        if findings.is_empty() {
            findings.push(missing(account, home, inputs.needs_home));
        }
        return findings;
    };
    let elsewhere = format!(
        "move the home to where root alone can replace it, for example: usermod -d /home/{0} {0}; then move its files and keys",
        account.shown()
    );
    findings.extend(judge_way(
        "the home",
        above,
        "home-path-owner",
        "home-path-writable",
        &elsewhere,
    ));
    findings.extend(judge_own(inputs, own, above, &elsewhere));
    for file in &home.ssh {
        findings.extend(judge_ssh(inputs, file));
    }
    findings.extend(judge_inside(account, home));
    findings
}

/// That there is no home. It is created only where root alone decides what is
/// there, and nothing has its name.
fn missing(account: &Account, facts: &Home, is_needed: bool) -> Finding {
    let (name, home) = (account.shown(), &account.home);
    let shown = Escaped::path(home);
    let what = if home == Path::new("/") {
        "is the root of the file system"
    } else if facts.way.is_empty() {
        "is missing"
    } else {
        "is no directory"
    };
    if !is_needed {
        let say = format!(
            "The home of {name}, {shown}, {what}; the policy names directories elsewhere, and sessions use those."
        );
        let fix = decision("nothing to do, if that is meant");
        return Finding::note("home-none", say, fix);
    }
    if let Some(chroot) = &facts.chroot {
        let (root, moved) = (Escaped::path(chroot), home_out_of(chroot, home));
        let say = format!(
            "The home of {name}, {shown}, {what}: it is a path in ChrootDirectory {root}, and xfersh serves {name} in no chroot."
        );
        let fix = format!("usermod -d {} {}", quoted(&moved), word(&account.name));
        return Finding::serious("home-missing", say, fix);
    }
    let say = format!("The home of {name}, {shown}, {what}: there is nothing to write to.");
    let parent = home.parent().unwrap_or(home);
    let is_free =
        facts.way.is_empty() && (parent == Path::new("/home") || parent == Path::new("/srv"));
    let fix = if is_free {
        let path = quoted(home);
        format!("install -d -o root -g {} -m 0750 {path}", account.gid)
    } else {
        decision(&format!(
            "create the home, or name another one: usermod -d DIRECTORY {name}"
        ))
    };
    Finding::serious("home-missing", say, fix)
}

/// What a home that is a path in a chroot becomes without the chroot. Clients
/// uploaded into `/in`, and a home is never written: so it is a directory in
/// the home. What is deeper (`/home/alice`) belongs to one account in a chroot
/// of several.
fn home_out_of(chroot: &Path, home: &Path) -> PathBuf {
    let below = home.strip_prefix("/").unwrap_or(home);
    if below.components().count() <= 1 {
        chroot.to_owned()
    } else {
        chroot.join(below)
    }
}

/// Owner and mode of the home itself.
fn judge_own(
    inputs: &HomeInputs<'_>,
    own: &PathEntry,
    above: &[PathEntry],
    elsewhere: &str,
) -> Vec<Finding> {
    let account = &inputs.person.account;
    let (name, path) = (account.shown(), quoted(&account.home));
    let faults = strict_modes(own.status, account.uid);
    // Elsewhere root's command could meet a link.
    let is_safe = only_root_replaces(above);
    faults
        .map(|fault| match fault {
            StrictModes::Owner(uid) => {
                let owner = inputs.database.name_of(uid);
                let (whose, fix) = match owner {
                    Some(owner) => (format!("{} (uid {uid})", Escaped::text(owner)), decision(elsewhere)),
                    None if !is_safe => (format!("uid {uid}"), decision(elsewhere)),
                    None => (
                        format!("uid {uid}, which no account has"),
                        format!("chown -h {} {path}", word(&account.name)),
                    ),
                };
                let say = format!("The home of {name} is owned by {whose}: sshd accepts no keys from it.");
                Finding::serious("home-owner", say, fix)
            }
            StrictModes::Writable(mode) => {
                let say = format!(
                    "The home of {name} (mode {mode:04o}) is writable by others, who can create files there that programs read as settings."
                );
                let is_own = own.status.uid == account.uid || own.status.mode & 0o1002 == 0;
                let fix = if is_own && is_safe {
                    format!("chmod go-w {path}")
                } else {
                    decision(elsewhere)
                };
                Finding::serious("home-writable", say, fix)
            }
        })
        .collect()
}

/// Takes rights away from a file in a home, with the rights of its owner: a
/// client may have put a link in its place meanwhile, which root would follow.
fn close(account: &Account, entry: &PathEntry, mode: &str) -> String {
    let path = quoted(&entry.path);
    if entry.status.uid == account.uid {
        return format!("runuser -u {} -- chmod {mode} {path}", word(&account.name));
    }
    decision(&format!(
        "{} belongs to uid {}: see what it is, then chmod {mode} it",
        Escaped::path(&entry.path),
        entry.status.uid
    ))
}

/// Directories in the home that everyone may write.
fn judge_inside(account: &Account, home: &Home) -> Vec<Finding> {
    let mut findings = Vec::new();
    for directory in &home.other_writable {
        let (shown, mode) = (Escaped::path(&directory.path), directory.status.mode);
        let say = format!("{shown} (mode {mode:04o}) can be written by every account of the host.");
        let fix = close(account, directory, "o-w");
        findings.push(Finding::warning("home-other-writable", say, fix));
    }
    if home.cut {
        let name = account.shown();
        let say = format!(
            "The home of {name} contains more than {LOOKS_MAX} names; the rest was not searched for directories that everyone may write."
        );
        findings.push(Finding::note(
            "home-not-searched",
            say,
            format!("find {} -xdev -type d -perm -0002", quoted(&account.home)),
        ));
    }
    findings
}

/// `.ssh` and the files directly in it.
fn judge_ssh(inputs: &HomeInputs<'_>, file: &PathEntry) -> Vec<Finding> {
    let account = &inputs.person.account;
    let (name, uid) = (account.shown(), account.uid);
    let (path, shown) = (quoted(&file.path), Escaped::path(&file.path));
    let mut findings = Vec::new();
    if file.status.kind == EntryKind::Link {
        // Without keys behind it, sshd does not follow it.
        let mut keys = inputs.keys.iter();
        if let Some(key) = keys.find(|key| key.starts_with(&file.path)) {
            let say = format!(
                "{shown} is a symbolic link: sshd reads the keys of {name} wherever it leads."
            );
            let fix = inputs.fixes.move_keys(key);
            findings.push(Finding::warning("ssh-directory-link", say, fix));
        }
        return findings;
    }
    for fault in strict_modes(file.status, uid) {
        findings.push(match fault {
            StrictModes::Owner(uid) => {
                let say =
                    format!("{shown} is owned by uid {uid}, who can let others in as {name}.");
                // Root's would be closed to the account, as whom sshd reads it.
                let fix = format!("chown -h {} {path}", word(&account.name));
                Finding::serious("ssh-directory-owner", say, fix)
            }
            StrictModes::Writable(mode) => {
                let say = format!(
                    "{shown} (mode {mode:04o}) is writable by others, who can let themselves in as {name}."
                );
                Finding::serious("ssh-directory-mode", say, close(account, file, "go-w"))
            }
        });
    }
    if file.path.ends_with(".ssh/rc") {
        let say = format!(
            "{shown} exists; if PermitUserRC is on, sshd runs it before each session, and xfersh refuses that call."
        );
        findings.push(Finding::warning("ssh-rc", say, set_aside(&file.path)));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::files::tests::entry;
    use super::*;

    /// What is found about alice's home, and the commands.
    fn found(home: &Home) -> Vec<(&'static str, String)> {
        let passwd = "alice:x:1001:1001::/home/alice:/x\nbob:x:1002:1002::/home/bob:/x\n";
        let database = Database::new(passwd, "");
        let inputs = HomeInputs {
            person: &database.people[0],
            home,
            needs_home: true,
            database: &database,
            keys: &["/home/alice/.ssh/authorized_keys".into()],
            fixes: &super::super::sshd_tests::fixes(true),
        };
        let findings = judge(&inputs).into_iter();
        findings.map(|finding| (finding.id, finding.fix)).collect()
    }

    #[test]
    fn homes() {
        const ELSEWHERE: &str = "# move the home to where root alone can replace it, for example: usermod -d /home/alice alice; then move its files and keys";
        const CLOSE: (&str, &str) = ("home-writable", "chmod go-w /home/alice");
        type Found = &'static [(&'static str, &'static str)];
        let rows: [(u32, u32, Found); 7] = [
            (1001, 0o755, &[]),
            (0, 0o750, &[]),
            (1002, 0o755, &[("home-owner", ELSEWHERE)]),
            (1001, 0o775, &[CLOSE]),
            (1001, 0o757, &[CLOSE]),
            (7, 0o755, &[("home-owner", "chown -h alice /home/alice")]),
            (0, 0o1777, &[("home-writable", ELSEWHERE)]),
        ];
        for (uid, mode, expected) in rows {
            let parent = entry("/home", EntryKind::Directory, 0, 0o755);
            let own = entry("/home/alice", EntryKind::Directory, uid, mode);
            let home = Home {
                way: vec![parent, own],
                ..Home::default()
            };
            let seen = found(&home);
            let seen: Vec<_> = seen.iter().map(|(id, fix)| (*id, fix.as_str())).collect();
            assert_eq!(seen, expected, "{uid} {mode:o}");
        }
        let missing = found(&Home::default());
        assert_eq!(
            missing[0].1,
            "install -d -o root -g 1001 -m 0750 /home/alice"
        );
    }

    #[test]
    fn a_home_in_a_chroot_is_named_as_it_is_outside() {
        let rows = [
            ("/", "/srv/a b"),
            ("/in", "/srv/a b"),
            ("/home/alice", "/srv/a b/home/alice"),
        ];
        for (home, expected) in rows {
            let moved = home_out_of("/srv/a b".as_ref(), home.as_ref());
            assert_eq!(moved, Path::new(expected), "{home}");
        }
        let facts = Home {
            chroot: Some("/srv/jail".into()),
            ..Home::default()
        };
        let expected = (
            "home-missing",
            "usermod -d /srv/jail/home/alice alice".to_owned(),
        );
        assert_eq!(found(&facts), [expected]);
    }

    #[test]
    fn the_way_above_belongs_to_root() {
        let fix = |path: &str| {
            let parent = entry(path, EntryKind::Directory, 0, 0o777);
            let own = entry("/home/alice", EntryKind::Directory, 1001, 0o755);
            let home = Home {
                way: vec![parent, own],
                ..Home::default()
            };
            found(&home).remove(0).1
        };
        assert_eq!(fix("/home"), "chmod go-w /home");
        // Somebody may live by what is elsewhere.
        assert!(fix("/srv/www").starts_with("# move the home"));
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
            let home = Home {
                way: vec![entry("/home/alice", EntryKind::Directory, 1001, 0o755)],
                ssh: vec![entry(path, kind, uid, mode)],
                ..Home::default()
            };
            let seen: Vec<_> = found(&home).iter().map(|(id, _)| *id).collect();
            assert_eq!(seen, expected, "{path} {uid} {mode:o}");
        }
    }
}
