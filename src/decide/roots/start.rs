//! Where the server starts, and relative paths begin: in the `start` directory
//! of the policy, or where the account cannot read that, in the first readable
//! one.
//!
//! One that the account can enter and not list is kept if a session can create
//! in it, or if there are directories with rights below it: then the relative
//! paths of clients lead somewhere, and must keep their meaning.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::directories::DirectoryStates;
use super::entries::{DirectoryRights, entries};
use crate::decide::access::{Access, Right};
use crate::decide::account::Account;
use crate::decide::policy::{PathTarget, Policy};

/// Where the server starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartDirectory {
    /// The directory, resolved.
    pub path: PathBuf,
    /// Why it is not the one that the policy names: a sentence.
    pub instead: Option<String>,
}

/// What the account must be able to do in a directory in which the server
/// starts. To enter it is part of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartNeeds {
    /// List it.
    List,
    /// Create in it.
    Create,
    /// No more than that.
    Enter,
}

/// The first directory that is of use to start in. `wanted` is the start
/// directory of the policy, resolved, if it exists; `can` says whether the
/// account can do this with a directory.
pub fn first_of_use<'a>(
    policy: &Policy,
    account: &Account,
    places: &'a DirectoryStates,
    wanted: Option<&'a Path>,
    can: impl Fn(&Path, StartNeeds) -> bool,
) -> Option<&'a Path> {
    let rights = EntryRights::of(policy, account, places);
    let access = |path: &Path| rights.at(path);
    let is_useful = |path: &Path| {
        can(path, StartNeeds::List)
            || access(path).has(Right::Create) && can(path, StartNeeds::Create)
            || rights.has_any_below(path) && can(path, StartNeeds::Enter)
    };
    let is_readable = |path: &Path| access(path).has(Right::List) && can(path, StartNeeds::List);
    let all = || rights.in_order.iter().copied();
    let useful = wanted.filter(|path| is_useful(path));
    let readable = || all().find(|path| is_readable(path));
    // Nothing can be listed: at least somewhere that can be entered.
    let home = rights.home.filter(|_| rights.of_children != Access::NONE);
    let with_rights = all().filter(|path| access(path) != Access::NONE);
    let mut others = wanted.into_iter().chain(with_rights).chain(home);
    useful
        .or_else(readable)
        .or_else(|| others.find(|path| can(path, StartNeeds::Enter)))
}

/// What the entries of a policy allow, by the directories that exist.
struct EntryRights<'a> {
    by_path: BTreeMap<&'a OsStr, DirectoryRights>,
    /// The directories, those of `readable` first, then of `writable`, then of
    /// `[[directory]]`.
    in_order: Vec<&'a Path>,
    home: Option<&'a Path>,
    /// What `~/*` allows, if it finds any directory.
    of_children: Access,
}

impl<'a> EntryRights<'a> {
    fn of(policy: &Policy, account: &Account, places: &'a DirectoryStates) -> Self {
        let mut rights = Self {
            by_path: BTreeMap::new(),
            in_order: Vec::new(),
            home: places.directory(&account.home),
            of_children: Access::NONE,
        };
        let has_children = places.home_children.iter().flatten().next().is_some();
        let mut keyed = Vec::new();
        for entry in entries(policy) {
            match entry.template.target(account) {
                PathTarget::HomeChildren if has_children => {
                    rights.of_children = rights.of_children.or(entry.rights.access);
                }
                PathTarget::HomeChildren => {}
                PathTarget::Directory(path) => {
                    if let Some(path) = places.directory(&path) {
                        let earlier = rights.by_path.get(path.as_os_str()).copied();
                        let now = entry.after(earlier);
                        rights.by_path.insert(path.as_os_str(), now);
                        keyed.push((rank(entry.key), path));
                    }
                }
            }
        }
        keyed.sort_by_key(|(rank, _)| *rank);
        rights.in_order = keyed.into_iter().map(|(_, path)| path).collect();
        rights
    }

    /// What the most specific entry allows in a directory.
    fn at(&self, path: &Path) -> Access {
        let mut above = path.ancestors();
        above
            .find_map(|above| match self.by_path.get(above.as_os_str()) {
                Some(rights) => Some(rights.access),
                None => self.is_child(above).then_some(self.of_children),
            })
            .unwrap_or(Access::NONE)
    }

    /// Whether `~/*` means this directory.
    fn is_child(&self, path: &Path) -> bool {
        let is_dotfile = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
        self.of_children != Access::NONE
            && self.home.is_some()
            && path.parent() == self.home
            && path.file_name().is_some_and(|name| !is_dotfile(name))
    }

    /// Whether an entry gives rights in a directory below this one.
    fn has_any_below(&self, path: &Path) -> bool {
        let below = |other: &Path| other != path && other.starts_with(path);
        let mut entries = self.by_path.iter();
        let named =
            entries.any(|(other, rights)| rights.access != Access::NONE && below(Path::new(other)));
        let children = self.of_children != Access::NONE;
        named || children && self.home.is_some_and(|home| home.starts_with(path))
    }
}

fn rank(key: &str) -> u8 {
    match key {
        "readable" => 0,
        "writable" => 1,
        _ => 2,
    }
}
