//! Where one entry of the policy overrides another: the most specific one
//! applies, so an entry can take rights away as well as give them, and a
//! directory can have more rights without it than with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Dotfiles, Origin, PathTarget, Policy};
use crate::decide::access::Access;
use crate::decide::account::Account;
use crate::decide::roots::directories::DirectoryStates;
use crate::decide::roots::entries::{DirectoryRights, Entry, entries};
use crate::decide::roots::nesting::Root;
use crate::decide::roots::nesting::Roots;

/// An entry as the policy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryName {
    /// The key: `writable`, `readable` or `directory`.
    pub key: &'static str,
    /// The directory as the policy names it.
    pub written: String,
    /// Where.
    pub origin: Origin,
}

/// An entry without which other rights would apply, since there is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The entry.
    pub entry: EntryName,
    /// The one that would apply without it.
    pub other: EntryName,
    /// The directory, resolved; `None` if it is every directory in the home.
    pub directory: Option<PathBuf>,
    /// What applies.
    pub holds: DirectoryRights,
    /// What would apply without the entry.
    pub without: DirectoryRights,
}

impl Override {
    /// Whether more would be allowed without the entry.
    pub fn widens(&self) -> bool {
        let (now, then) = (self.holds, self.without);
        now.access.or(then.access) != now.access
            || then.dotfiles.looseness() > now.dotfiles.looseness()
    }
}

/// The entries for each directory, in order of precedence.
struct EntryIndex<'p> {
    by_path: BTreeMap<PathBuf, Vec<Entry<'p>>>,
    /// Those for each directory in the home (`~/*`).
    of_children: Vec<Entry<'p>>,
    /// The directories that `~/*` means.
    children: BTreeSet<&'p Path>,
    /// The home, as `~/*` finds it.
    home: PathBuf,
}

/// Every entry of the file that overrides another, in the order of the
/// directories, `~/*` last. Left out are entries whose removal changes nothing,
/// and those without which there would be no rights at all.
pub fn overrides(policy: &Policy, account: &Account, places: &DirectoryStates) -> Vec<Override> {
    let ground = EntryIndex::of(policy, account, places);
    let list: Vec<Root> = ground.by_path.keys().map(|path| empty(path)).collect();
    let roots = Roots::from(list);
    // What applies in each, and by which entry.
    let mut held = vec![None; roots.len()];
    let mut found = Vec::new();
    for index in roots.from_the_top() {
        let path = &roots[index].path;
        let above = roots.above(index);
        let outer = match ground.child_above(path) {
            // What is inside a directory of the home belongs to that directory
            // first.
            Some(child) if above.is_none_or(|above| !roots[above].path.starts_with(child)) => {
                last(&ground.of_children)
            }
            _ => above.and_then(|above| held[above]),
        };
        let entries = ground.at(path);
        held[index] = last(&entries);
        judge(&entries, Some(path), outer, &mut found);
    }
    let outer = roots.holding(&ground.home).and_then(|home| held[home]);
    judge(&ground.of_children, None, outer, &mut found);
    found
}

/// Checks each entry of one directory. `outer` is what applies around it, and
/// by which entry.
fn judge(
    entries: &[Entry<'_>],
    directory: Option<&Path>,
    outer: Option<(DirectoryRights, Entry<'_>)>,
    found: &mut Vec<Override>,
) {
    let Some(holds) = fold(entries) else {
        return;
    };
    for (index, entry) in entries.iter().enumerate() {
        let of_children = entry.template.is_home_children();
        // `~/*` is one entry for many directories, and is reported once.
        if entry.origin == Origin::Default || of_children != directory.is_none() {
            continue;
        }
        let (before, after) = (&entries[..index], &entries[index + 1..]);
        let left = after
            .iter()
            .fold(fold(before), |earlier, entry| Some(entry.after(earlier)));
        let other = after.last().or(before.last()).copied();
        let Some((without, other)) = left.zip(other).or(outer) else {
            continue;
        };
        if without != holds {
            found.push(Override {
                entry: named(entry),
                other: named(&other),
                directory: directory.map(Path::to_path_buf),
                holds,
                without,
            });
        }
    }
}

fn fold(entries: &[Entry<'_>]) -> Option<DirectoryRights> {
    let mut entries = entries.iter();
    let first = entries.next()?.rights;
    Some(entries.fold(first, |earlier, entry| entry.after(Some(earlier))))
}

/// What applies, and by which entry.
fn last<'p>(entries: &[Entry<'p>]) -> Option<(DirectoryRights, Entry<'p>)> {
    fold(entries).zip(entries.last().copied())
}

fn named(entry: &Entry<'_>) -> EntryName {
    EntryName {
        key: entry.key,
        written: entry.template.as_str().to_owned(),
        origin: entry.origin,
    }
}

/// Only its position counts.
fn empty(path: &Path) -> Root {
    Root {
        path: path.to_path_buf(),
        exists: true,
        access: Access::NONE,
        dotfiles: Dotfiles::Protected,
        narrowed: None,
    }
}

impl<'p> EntryIndex<'p> {
    fn of(policy: &'p Policy, account: &Account, places: &'p DirectoryStates) -> Self {
        let home = places.resolved(&account.home);
        let children = places.home_children.iter().flatten();
        let mut ground = Self {
            by_path: BTreeMap::new(),
            of_children: Vec::new(),
            children: children.map(|child| &*child.path).collect(),
            home: home.map_or(&*account.home, |(home, _)| home).to_path_buf(),
        };
        for entry in entries(policy) {
            match entry.template.target(account) {
                PathTarget::HomeChildren => ground.of_children.push(entry),
                PathTarget::Directory(path) => {
                    if let Some((path, _)) = places.resolved(&path) {
                        let list = ground.by_path.entry(path.to_path_buf());
                        list.or_default().push(entry);
                    }
                }
            }
        }
        ground
    }

    /// The entries for a directory, including those of `~/*`.
    fn at(&self, path: &Path) -> Vec<Entry<'p>> {
        let own = self.by_path.get(path).into_iter().flatten().copied();
        let by_star = self.children.contains(path).then_some(&self.of_children);
        let mut all: Vec<_> = by_star.into_iter().flatten().copied().chain(own).collect();
        all.sort_by_key(|entry| order(entry));
        all
    }

    /// The directory in the home, covered by `~/*`, that contains this one.
    fn child_above(&self, path: &Path) -> Option<&'p Path> {
        if self.of_children.is_empty() {
            return None;
        }
        let below = path.strip_prefix(&self.home).ok()?;
        let child = self.home.join(below.components().next()?);
        let child = self.children.get(&*child).copied();
        child.filter(|child| *child != path)
    }
}

/// The precedence of the keys.
fn order(entry: &Entry<'_>) -> u8 {
    match entry.key {
        "writable" => 0,
        "readable" => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests;
