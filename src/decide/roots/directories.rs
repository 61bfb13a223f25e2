//! The directories that a policy names: what must be known about them, what was
//! found, and which findings are a reason not to serve anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::start::StartDirectory;
use crate::decide::account::Account;
use crate::decide::policy::{PathTarget, Policy};
use crate::decide::verdict::{Refusal, Stage};
use crate::print::escape::Escaped;

/// The directories that a policy names, for one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directories {
    /// All that are named with rights, and the home.
    pub paths: Vec<PathBuf>,
    /// The home.
    pub home: PathBuf,
    /// Where the server should start.
    pub start: PathBuf,
    /// Whether the directories in the home (`~/*`) have their own rights.
    pub home_children: bool,
    /// Whether any directory but the home is named with rights: then one of
    /// those in the home may be the same directory.
    pub others: bool,
}

/// What distinguishes one directory from all others as long as it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirectoryId {
    /// The device that it is on.
    pub device: u64,
    /// Its inode number there.
    pub inode: u64,
}

/// What a directory of the policy is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryState {
    /// A directory.
    Directory {
        /// Its path without any symbolic link.
        path: PathBuf,
        /// Its identity.
        id: DirectoryId,
    },
    /// Not a directory, or nothing at all (ENOENT, ENOTDIR): the path with its
    /// existing part resolved.
    Absent(PathBuf),
    /// Reached through this symbolic link, which somebody other than root could
    /// have created or could replace: it could be made to lead elsewhere.
    UnsafeLink(PathBuf),
    /// It could not be determined.
    Failed(UnknownFact),
}

/// A fact that could not be determined. It is never taken for another fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFact {
    /// What failed, and why.
    pub reason: String,
    /// How to fix it.
    pub hint: String,
}

impl UnknownFact {
    /// A session is refused if any fact is missing.
    pub fn refusal(&self) -> Refusal {
        Refusal::new(Stage::Host, self.reason.clone()).hint(self.hint.clone())
    }
}

/// A directory directly in the home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeChild {
    /// Its path, resolved.
    pub path: PathBuf,
    /// Its identity, if that was asked for ([`Directories::others`]).
    pub id: Option<DirectoryId>,
}

/// What the [`Directories`] of a policy are on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryStates {
    /// What each of [`Directories::paths`] is.
    pub named: BTreeMap<PathBuf, DirectoryState>,
    /// Directories directly in the home that are neither links nor dotfiles,
    /// in the order of their names.
    pub home_children: Result<Vec<HomeChild>, UnknownFact>,
    /// Where the server starts, or why no session can be served.
    pub start: Result<StartDirectory, Refusal>,
}

/// The directories that the policy names, including the home, and whether `~/*`
/// is one of them.
pub fn directories(policy: &Policy, account: &Account) -> Directories {
    let templates = policy.all().flat_map(|policy| {
        let templates = policy.writable.value.iter();
        let templates = templates.chain(&policy.readable.value);
        templates.chain(policy.directory.value.iter().map(|d| &d.path))
    });
    let start = policy.start_directory(account);
    let home = account.home.clone();
    let mut seen = BTreeSet::new();
    let mut paths = Vec::new();
    let mut directories = (false, false);
    for template in templates {
        match template.target(account) {
            PathTarget::HomeChildren => directories.0 = true,
            PathTarget::Directory(path) => {
                directories.1 |= path != home;
                if seen.insert(path.clone()) {
                    paths.push(path);
                }
            }
        }
    }
    if seen.insert(home.clone()) {
        paths.push(home.clone());
    }
    let (home_children, others) = directories;
    Directories {
        paths,
        home,
        start,
        home_children,
        others,
    }
}

impl DirectoryStates {
    /// The resolved path of a directory that exists.
    pub fn directory(&self, path: &Path) -> Option<&Path> {
        match self.named.get(path)? {
            DirectoryState::Directory { path, .. } => Some(path),
            _ => None,
        }
    }

    /// The resolved path of a directory, and whether it exists.
    pub fn resolved(&self, path: &Path) -> Option<(&Path, bool)> {
        match self.named.get(path)? {
            DirectoryState::Directory { path, .. } => Some((path, true)),
            DirectoryState::Absent(path) => Some((path, false)),
            DirectoryState::UnsafeLink(_) | DirectoryState::Failed(_) => None,
        }
    }

    /// Every reason not to serve an account with this policy.
    pub fn faults(&self, policy: &Policy, account: &Account) -> Vec<Refusal> {
        let named = self.named.iter().filter_map(|(path, place)| match place {
            DirectoryState::Directory { .. } | DirectoryState::Absent(_) => None,
            DirectoryState::UnsafeLink(link) => Some(unsafe_link(path, link)),
            DirectoryState::Failed(failure) => Some(failure.refusal()),
        });
        let listing = self.home_children.as_ref().err().map(UnknownFact::refusal);
        let start = self.start.as_ref().err().cloned();
        let mut faults: Vec<_> = named.chain(listing).chain(start).collect();
        faults.extend(self.duplicates(policy, account));
        faults
    }

    /// Directories that the policy names in two ways. Which of the two applies
    /// would depend on the name that a client uses.
    fn duplicates(&self, policy: &Policy, account: &Account) -> Vec<Refusal> {
        let mut known: BTreeMap<(Option<DirectoryId>, &Path), (&Path, String)> = BTreeMap::new();
        let mut faults = Vec::new();
        let entries: Vec<_> = policy.named_directories(account).collect();
        for entry in &entries {
            let key = match self.named.get(&entry.path) {
                Some(DirectoryState::Directory { id, .. }) => (Some(*id), Path::new("")),
                Some(DirectoryState::Absent(path)) => (None, path.as_path()),
                _ => continue,
            };
            match known.get(&key) {
                Some((path, _)) if *path == entry.path => {}
                Some((_, other)) => faults.push(two_names(other, &entry.to_string())),
                None => {
                    known.insert(key, (&entry.path, entry.to_string()));
                }
            }
        }
        for child in self.home_children.iter().flatten() {
            let twin = child
                .id
                .and_then(|id| known.get(&(Some(id), Path::new(""))));
            let same = |path: &Path| self.directory(path) == Some(&child.path);
            if let Some((_, other)) = twin.filter(|(path, _)| !same(path)) {
                let own = format!("{}, found by \"~/*\",", Escaped::path(&child.path));
                faults.push(two_names(other, &own));
            }
        }
        faults
    }
}

/// A directory that leads through a link that cannot be trusted.
pub fn unsafe_link(path: &Path, link: &Path) -> Refusal {
    let (path, link) = (Escaped::path(path), Escaped::path(link));
    let reason = format!(
        "{path} leads through {link}, a link that users other than root can make or replace"
    );
    let hint = "name the directory itself in the policy, or remove the link";
    Refusal::new(Stage::Account, reason).hint(hint)
}

fn two_names(one: &str, other: &str) -> Refusal {
    let reason = format!("{one} and {other} are the same directory");
    let hint = "name each directory once, by one path";
    Refusal::new(Stage::Account, reason).hint(hint)
}
