//! Tightening a policy never widens what it allows, except when an entry is
//! removed that overrides another one; and that is reported.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::decide::policy;
use crate::decide::roots;
use crate::decide::roots::directories::{DirectoryId, DirectoryState, HomeChild};
use crate::decide::roots::start::StartDirectory;

/// A policy, in the form from which its text is made.
#[derive(Clone, Debug, Default)]
struct Text {
    access: Vec<&'static str>,
    dotfiles: usize,
    writable: Vec<&'static str>,
    readable: Vec<&'static str>,
    directories: Vec<(&'static str, Vec<&'static str>, usize)>,
    protocols: Vec<&'static str>,
}

/// From the tightest to the loosest.
const DOTFILES: [&str; 3] = ["hidden", "protected", "allowed"];
const RIGHTS: [&str; 6] = ["list", "read", "create", "mkdir", "overwrite", "remove"];
const INNER: [&str; 7] = ["~/a", "~/a/b", "~/a/b/c", "~/b", "~/*", "/srv", "/srv/x"];
/// All that exist; only `~/*` names `~/c`.
const EXISTING: [&str; 9] = [
    "/home/u",
    "/home/u/a",
    "/home/u/a/b",
    "/home/u/a/b/c",
    "/home/u/b",
    "/home/u/c",
    "/home/u/c/d",
    "/srv",
    "/srv/x",
];

/// Numbers that are the same in each run (MMIX, Knuth).
struct Seed(u64);

impl Seed {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % count
    }

    /// At least one of them.
    fn some(&mut self, of: &[&'static str]) -> Vec<&'static str> {
        loop {
            let chosen = of.iter().filter(|_| self.below(3) == 0);
            let chosen: Vec<_> = chosen.copied().collect();
            if !chosen.is_empty() {
                return chosen;
            }
        }
    }

    fn text(&mut self) -> Text {
        let mut readable = self.some(&INNER);
        if self.below(2) == 0 {
            readable.push("~");
        }
        let mut text = Text {
            access: self.some(&RIGHTS),
            dotfiles: self.below(3),
            writable: self.some(&INNER),
            readable,
            directories: Vec::new(),
            protocols: self.some(&["sftp", "scp", "rsync"]),
        };
        for path in INNER.iter().filter(|path| **path != "~/*") {
            if self.below(4) == 0 {
                let row = (*path, self.some(&RIGHTS), self.below(3));
                text.directories.push(row);
            }
        }
        text
    }
}

impl Text {
    fn policy(&self) -> Policy {
        let mut text = format!(
            "access = {:?}\ndotfiles = {:?}\nwritable = {:?}\nreadable = {:?}\nprotocols = {:?}\n",
            self.access, DOTFILES[self.dotfiles], self.writable, self.readable, self.protocols
        );
        for (path, access, dotfiles) in &self.directories {
            let dotfiles = DOTFILES[*dotfiles];
            text += &format!(
                "[[directory]]\npath = {path:?}\naccess = {access:?}\ndotfiles = {dotfiles:?}\n"
            );
        }
        let file = policy::parse(&text, Path::new("p"));
        let file = file.unwrap_or_else(|errors| panic!("{text}{errors}"));
        file.effective(&account(), None)
    }
}

fn account() -> Account {
    Account::for_tables()
}

fn places() -> DirectoryStates {
    let id = |inode| DirectoryId { device: 1, inode };
    let named = (0..).zip(EXISTING).map(|(inode, path)| {
        let place = DirectoryState::Directory {
            path: path.into(),
            id: id(inode),
        };
        (path.into(), place)
    });
    let children = ["/home/u/a", "/home/u/b", "/home/u/c"].map(|path| HomeChild {
        path: path.into(),
        id: None,
    });
    DirectoryStates {
        named: named.collect(),
        home_children: Ok(children.to_vec()),
        start: Ok(StartDirectory {
            path: "/home/u".into(),
            instead: None,
        }),
    }
}

/// What applies in each directory.
fn held(policy: &Policy) -> BTreeMap<&'static str, Option<DirectoryRights>> {
    let (account, places) = (account(), places());
    let roots = Roots::from(roots::roots(policy, &account, &places, Access::READ_WRITE));
    let rights = |path: &&'static str| {
        let root = &roots[roots.holding(Path::new(path))?];
        let (access, dotfiles) = (root.access, root.dotfiles);
        Some(DirectoryRights { access, dotfiles })
    };
    EXISTING.iter().map(|path| (*path, rights(path))).collect()
}

/// Whether nothing is allowed that was not allowed before.
fn is_within(after: Option<DirectoryRights>, before: Option<DirectoryRights>) -> bool {
    match (after, before) {
        (None, _) => true,
        (Some(after), None) => after.access == Access::NONE,
        (Some(after), Some(before)) => {
            let dotfiles = after.dotfiles.looseness() <= before.dotfiles.looseness();
            after.access.and(before.access) == after.access && dotfiles
        }
    }
}

fn assert_tighter(before: &Text, after: &Text) {
    let (held_before, held_after) = (held(&before.policy()), held(&after.policy()));
    for (path, rights) in held_after {
        assert!(
            is_within(rights, held_before[path]),
            "{path} from {before:?} to {after:?}"
        );
    }
}

/// The ways to remove one item from a list that has more.
fn shorter(list: &[&'static str]) -> Vec<Vec<&'static str>> {
    let count = if list.len() > 1 { list.len() } else { 0 };
    let without = |index: usize| {
        let mut list = list.to_vec();
        list.remove(index);
        list
    };
    (0..count).map(without).collect()
}

#[test]
fn tightening_never_widens() {
    let mut seed = Seed(1);
    let mut count = 0;
    for _ in 0..400 {
        let text = seed.text();
        let mut tighter = Vec::new();
        for access in shorter(&text.access) {
            let changed = Text {
                access,
                ..text.clone()
            };
            tighter.push(changed);
        }
        for protocols in shorter(&text.protocols) {
            let changed = Text {
                protocols,
                ..text.clone()
            };
            assert_eq!(held(&text.policy()), held(&changed.policy()));
            tighter.push(changed);
        }
        if text.dotfiles > 0 {
            let dotfiles = text.dotfiles - 1;
            let changed = Text {
                dotfiles,
                ..text.clone()
            };
            tighter.push(changed);
        }
        for (index, (_, access, dotfiles)) in text.directories.iter().enumerate() {
            for access in shorter(access) {
                let mut changed = text.clone();
                changed.directories[index].1 = access;
                tighter.push(changed);
            }
            if *dotfiles > 0 {
                let mut changed = text.clone();
                changed.directories[index].2 -= 1;
                tighter.push(changed);
            }
        }
        count += tighter.len();
        for changed in &tighter {
            assert_tighter(&text, changed);
        }
    }
    assert!(count > 2000, "{count}");
}

/// The exception: the removed entry may have taken rights away.
#[test]
fn removals_that_widen_are_told() {
    let mut seed = Seed(2);
    let (mut removals, mut widening) = (0, 0);
    for _ in 0..1500 {
        let text = seed.text();
        for (key, written, changed) in removed(&text) {
            removals += 1;
            widening += u32::from(is_told(&text, key, written, &changed));
        }
    }
    assert!(removals > 5000, "{removals}");
    assert!(widening > 500, "{widening}");
}

/// Each entry that can be removed, and the policy without it.
fn removed(text: &Text) -> Vec<(&'static str, &'static str, Text)> {
    let mut all = Vec::new();
    for (index, writable) in shorter(&text.writable).into_iter().enumerate() {
        let changed = Text {
            writable,
            ..text.clone()
        };
        all.push(("writable", text.writable[index], changed));
    }
    for (index, readable) in shorter(&text.readable).into_iter().enumerate() {
        let changed = Text {
            readable,
            ..text.clone()
        };
        all.push(("readable", text.readable[index], changed));
    }
    for (index, (path, ..)) in text.directories.iter().enumerate() {
        let mut changed = text.clone();
        changed.directories.remove(index);
        all.push(("directory", path, changed));
    }
    all
}

/// Whether the removal widens anything; then it must be reported, and what is
/// reported must be true.
fn is_told(text: &Text, key: &str, written: &str, changed: &Text) -> bool {
    let policy = text.policy();
    let (before, after) = (held(&policy), held(&changed.policy()));
    let told = overrides(&policy, &account(), &places());
    let mut mine = told.iter();
    let mine = mine.find(|row| row.entry.key == key && row.entry.written == written);
    let widened = after
        .iter()
        .any(|(path, now)| !is_within(*now, before[path]));
    let saying = || format!("{key} {written} of {text:?}: {before:?} to {after:?}: {mine:?}");
    assert_eq!(mine.is_some_and(Override::widens), widened, "{}", saying());
    if let Some(row) = mine {
        // `~/*` shows in the directory that nothing else names.
        let path = row.directory.as_deref().unwrap_or(Path::new("/home/u/c"));
        let path = path.to_str().unwrap();
        assert_eq!(before[path], Some(row.holds), "{}", saying());
        assert_eq!(after[path], Some(row.without), "{}", saying());
    }
    widened
}

#[test]
fn the_defaults_and_what_changes_nothing_are_not_told() {
    let told = |text: &str| {
        let file = policy::parse(text, Path::new("p")).unwrap();
        overrides(&file.effective(&account(), None), &account(), &places())
    };
    assert_eq!(told(""), []);
    assert_eq!(
        told("writable = [\"~/a\", \"~/a/b\"]\n"),
        told("writable = [\"~/a\"]\n")
    );
    let rows = told("readable = [\"~/a\", \"~/a/b\"]\nwritable = [\"~/a\"]\n");
    let [row, inner] = &rows[..] else {
        panic!("{rows:?}");
    };
    assert_eq!((row.entry.key, row.other.key), ("writable", "readable"));
    assert!(!row.widens());
    assert_eq!(
        (inner.entry.key, &*inner.entry.written),
        ("readable", "~/a/b")
    );
    assert_eq!(
        (inner.other.key, inner.other.origin),
        ("readable", Origin::Line(1))
    );
    assert!(inner.widens());
}
