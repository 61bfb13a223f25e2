//! The account's home: whose it is, who can write it, where uploads go.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use super::database::Person;
use super::files::{self, FileFacts, Kind};
use super::finding::{Finding, quoted, word};

/// What lies at and below a home.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// The home and the way to it; empty where it is missing.
    pub way: Vec<FileFacts>,
    /// `.ssh` and what is in it, as far as it is there.
    pub ssh: Vec<FileFacts>,
    /// Directories below the home that everyone may write.
    pub other_writable: Vec<FileFacts>,
    /// Whether the search for them was cut off.
    pub cut: bool,
    /// What of all this could not be looked at.
    pub not_examined: Vec<Finding>,
}

/// At most this many names below a home are looked at.
const LOOKS_MAX: usize = 50_000;

impl Home {
    /// Looks at the home of one account.
    #[must_use]
    pub fn gather(home: &Path) -> Self {
        let mut seen = Self::default();
        let way = files::unless_absent(home, files::way_to(home), &mut seen.not_examined);
        let Some(way) = way else { return seen };
        seen.way = way;
        let ssh = home.join(".ssh");
        let inside = files::list(&ssh, &mut seen.not_examined);
        let inside = inside.iter().map(DirEntry::path);
        for path in [ssh].into_iter().chain(inside) {
            let facts = FileFacts::of(&path);
            seen.ssh
                .extend(files::unless_absent(&path, facts, &mut seen.not_examined));
        }
        seen.search(home);
        seen
    }

    /// Searches a home for directories that everyone may write.
    fn search(&mut self, home: &Path) {
        let mut waiting = vec![home.to_owned()];
        let mut looks = 0;
        while let Some(directory) = waiting.pop() {
            for entry in files::list(&directory, &mut self.not_examined) {
                looks += 1;
                if looks > LOOKS_MAX {
                    self.cut = true;
                    return;
                }
                if entry.file_type().is_ok_and(|kind| !kind.is_dir()) {
                    continue;
                }
                let path = entry.path();
                let facts = FileFacts::of(&path);
                let facts = files::unless_absent(&path, facts, &mut self.not_examined);
                let Some(facts) = facts.filter(|facts| facts.kind == Kind::Directory) else {
                    continue;
                };
                waiting.push(path);
                if facts.other_writable() {
                    self.other_writable.push(facts);
                }
            }
        }
    }
}

/// What of it is a finding.
#[must_use]
pub fn judge(person: &Person, home: &Home) -> Vec<Finding> {
    let account = &person.account;
    let (name, path) = (account.shown().to_string(), quoted(&account.home));
    let mut findings = home.not_examined.clone();
    let Some(own) = home.way.last() else {
        if !findings.is_empty() {
            return findings;
        }
        let say = format!("The home of {name} is missing: there is nothing to write to.");
        let mend = format!("install -d -o root -g {} -m 0750 {path}", account.gid);
        return vec![Finding::serious("home-missing", say, mend)];
    };
    let is_own = |file: &FileFacts| file.uid == 0 || file.uid == account.uid;
    let above = home
        .way
        .iter()
        .filter(|part| account.home.starts_with(&part.path) && part.path != account.home);
    let above: Vec<FileFacts> = above.cloned().collect();
    findings.extend(files::judge_way(
        "the home",
        &above,
        "home-path-owner",
        "home-path-writable",
    ));
    if !is_own(own) {
        let say = format!("The home of {name} belongs to uid {}.", own.uid);
        findings.push(Finding::serious(
            "home-owner",
            say,
            format!("chown root {path}"),
        ));
    }
    // sshd's StrictModes asks the same: a group of its own is no exception.
    if own.mode & 0o022 != 0 {
        let say = format!(
            "The home of {name} (mode {:04o}) is writable by others, who can plant files that programs obey.",
            own.mode
        );
        findings.push(Finding::serious(
            "home-writable",
            say,
            format!("chmod go-w {path}"),
        ));
    }
    for file in &home.ssh {
        findings.extend(judge_ssh(&name, file, is_own(file)));
    }
    for directory in &home.other_writable {
        let shown = directory.shown();
        let say = format!(
            "{shown} (mode {:04o}) can be written by every account of the host.",
            directory.mode
        );
        let mend = format!("chmod o-w {}", quoted(&directory.path));
        findings.push(Finding::warning("home-other-writable", say, mend));
    }
    if home.cut {
        let say = format!(
            "The home of {name} holds more than {LOOKS_MAX} names; the rest was not searched for directories that everyone may write."
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
fn judge_ssh(name: &str, file: &FileFacts, is_own: bool) -> Vec<Finding> {
    let (path, shown) = (quoted(&file.path), file.shown());
    let mut findings = Vec::new();
    if file.kind == Kind::Symlink {
        let say =
            format!("{shown} is a symbolic link: sshd reads the keys of {name} wherever it leads.");
        findings.push(Finding::warning(
            "ssh-directory-link",
            say,
            format!("rm {path}"),
        ));
        return findings;
    }
    if !is_own {
        let say = format!(
            "{shown} belongs to uid {}, who can let others in as {name}.",
            file.uid
        );
        findings.push(Finding::serious(
            "ssh-directory-owner",
            say,
            format!("chown root {path}"),
        ));
    }
    if file.mode & 0o022 != 0 {
        let say = format!(
            "{shown} (mode {:04o}) is writable by others, who can let themselves in as {name}.",
            file.mode
        );
        findings.push(Finding::serious(
            "ssh-directory-mode",
            say,
            format!("chmod go-w {path}"),
        ));
    }
    if file.path.ends_with(".ssh/rc") {
        let say = format!(
            "{shown} exists; where PermitUserRC is on, sshd runs it before each session, and xfersh refuses that call."
        );
        findings.push(Finding::warning("ssh-rc", say, format!("rm {path}")));
    }
    findings
}

/// A directory that the policy calls writable, as it is on disk.
pub type Writable = (PathBuf, Option<FileFacts>);

/// Whether there is a directory to upload into.
#[must_use]
pub fn judge_writable(person: &Person, gids: &[u32], writable: &[Writable]) -> Option<Finding> {
    let account = &person.account;
    let can_write = |file: &FileFacts| {
        let bits = if file.uid == account.uid {
            file.mode >> 6
        } else if gids.contains(&file.gid) {
            file.mode >> 3
        } else {
            file.mode
        };
        bits & 0o3 == 0o3
    };
    let usable = |(_, file): &Writable| file.as_ref().is_some_and(can_write);
    if writable.iter().any(usable) {
        return None;
    }
    let place = writable
        .first()
        .map_or_else(|| account.home.join("uploads"), |(path, _)| path.clone());
    let name = account.shown();
    let say = format!("{name} has no directory that it may write: every upload is refused.");
    let mend = format!(
        "install -d -o {} -g {} -m 0750 {}",
        word(&account.name),
        account.gid,
        quoted(&place)
    );
    Some(Finding::warning("no-writable-directory", say, mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::doctor::database::Database;

    fn file(path: &str, kind: Kind, uid: u32, mode: u32) -> FileFacts {
        FileFacts {
            path: path.into(),
            kind,
            uid,
            gid: uid,
            mode,
        }
    }

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
            let parent = file("/home", Kind::Directory, 0, 0o755);
            let own = file("/home/alice", Kind::Directory, uid, mode);
            let home = Home {
                way: vec![parent, own],
                ..Home::default()
            };
            let seen: Vec<_> = judge(&alice(), &home).iter().map(|f| f.id).collect();
            assert_eq!(seen, expected, "{uid} {mode:o}");
        }
        let missing = judge(&alice(), &Home::default());
        assert_eq!(
            missing[0].mend,
            "install -d -o root -g 1001 -m 0750 /home/alice"
        );
    }

    #[test]
    fn the_way_above_belongs_to_root() {
        let parent = file("/home", Kind::Directory, 0, 0o777);
        let own = file("/home/alice", Kind::Directory, 1001, 0o755);
        let home = Home {
            way: vec![parent, own],
            ..Home::default()
        };
        let seen: Vec<_> = judge(&alice(), &home).into_iter().map(|f| f.mend).collect();
        assert_eq!(seen, ["chmod go-w /home"]);
    }

    #[test]
    fn key_files() {
        let rows: [(&str, Kind, u32, u32, &[&str]); 7] = [
            ("/home/alice/.ssh", Kind::Directory, 1001, 0o700, &[]),
            (
                "/home/alice/.ssh",
                Kind::Directory,
                1001,
                0o770,
                &["ssh-directory-mode"],
            ),
            (
                "/home/alice/.ssh",
                Kind::Directory,
                7,
                0o700,
                &["ssh-directory-owner"],
            ),
            (
                "/home/alice/.ssh",
                Kind::Symlink,
                1001,
                0o777,
                &["ssh-directory-link"],
            ),
            (
                "/home/alice/.ssh/authorized_keys",
                Kind::File,
                0,
                0o644,
                &[],
            ),
            (
                "/home/alice/.ssh/authorized_keys",
                Kind::File,
                1001,
                0o666,
                &["ssh-directory-mode"],
            ),
            ("/home/alice/.ssh/rc", Kind::File, 1001, 0o600, &["ssh-rc"]),
        ];
        for (path, kind, uid, mode, expected) in rows {
            let findings = judge_ssh(
                "alice",
                &file(path, kind, uid, mode),
                uid == 0 || uid == 1001,
            );
            let seen: Vec<_> = findings.iter().map(|f| f.id).collect();
            assert_eq!(seen, expected, "{path} {uid} {mode:o}");
        }
    }

    #[test]
    fn somewhere_to_write() {
        let rows: [(u32, u32, bool); 5] = [
            (1001, 0o755, true),
            (1001, 0o555, false),
            (0, 0o755, false),
            (0, 0o777, true),
            (50, 0o770, true),
        ];
        for (uid, mode, expected) in rows {
            let in_ = file("/home/alice/in", Kind::Directory, uid, mode);
            let places = [("/home/alice/in".into(), Some(in_))];
            let finding = judge_writable(&alice(), &[1001, 50], &places);
            assert_eq!(finding.is_none(), expected, "{uid} {mode:o}");
        }
        let none = judge_writable(&alice(), &[1001], &[]).unwrap();
        assert_eq!(
            none.mend,
            "install -d -o alice -g 1001 -m 0750 /home/alice/uploads"
        );
    }
}
