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
    let rights = AllRights(
        policy
            .all()
            .map(|policy| EntryRights::of(policy, account, places))
            .collect(),
    );
    let access = |path: &Path| rights.at(path);
    let is_useful = |path: &Path| {
        can(path, StartNeeds::List)
            || access(path).has(Right::Create) && can(path, StartNeeds::Create)
            || rights.has_any_below(path) && can(path, StartNeeds::Enter)
    };
    let is_readable = |path: &Path| access(path).has(Right::List) && can(path, StartNeeds::List);
    let all = || rights.0.iter().rev().flat_map(EntryRights::directories);
    let useful = wanted.filter(|path| is_useful(path));
    let readable = || all().find(|path| is_readable(path));
    // Nothing can be listed: at least somewhere that can be entered.
    let home = places
        .directory(&account.home)
        .filter(|_| rights.has_children());
    let with_rights = all().filter(|path| access(path) != Access::NONE);
    let mut others = wanted.into_iter().chain(with_rights).chain(home);
    useful
        .or_else(readable)
        .or_else(|| others.find(|path| can(path, StartNeeds::Enter)))
}

/// What the policies allow that must all allow it: several where a profile
/// narrows the account's own.
struct AllRights<'a>(Vec<EntryRights<'a>>);

impl AllRights<'_> {
    /// What is allowed in a directory.
    fn at(&self, path: &Path) -> Access {
        self.in_all(|rights| rights.at(path))
    }

    /// Whether anything is allowed in the directories of the home that `~/*`
    /// finds.
    fn has_children(&self) -> bool {
        let mut rights = self.0.iter();
        rights.any(|rights| rights.of_children != Access::NONE)
            && self.in_all(|rights| rights.in_home()) != Access::NONE
    }

    fn in_all(&self, access: impl Fn(&EntryRights<'_>) -> Access) -> Access {
        let all = self.0.iter().map(access);
        all.fold(Access::READ_WRITE, Access::and)
    }

    /// Whether there are rights in a directory below this one.
    fn has_any_below(&self, path: &Path) -> bool {
        self.0.iter().all(|rights| rights.has_any_below(path))
    }
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

    /// The directories that it names.
    fn directories(&self) -> impl Iterator<Item = &'a Path> {
        self.in_order.iter().copied()
    }

    /// What it allows in the directories of the home, if it says so of the home
    /// or of all of them.
    fn in_home(&self) -> Access {
        let home = self.home.map_or(Access::NONE, |home| self.at(home));
        home.or(self.of_children)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::policy;
    use crate::decide::roots::directories::{DirectoryId, DirectoryState, HomeChild, directories};

    /// Where a session starts under this policy, if the account can do these
    /// things: `l` list, `c` create, `e` enter. What is not named does not
    /// exist.
    fn start(text: &str, able: &[(&str, &str)]) -> Option<String> {
        let account = Account::for_tables();
        let file = policy::parse(text, Path::new("policy")).unwrap();
        let policy = file.effective(&account, None);
        let named = directories(&policy, &account).paths.into_iter().zip(0..);
        let named = named.map(|(path, inode)| {
            let id = DirectoryId { device: 1, inode };
            let exists = able.iter().any(|(there, _)| Path::new(there) == path);
            let state = if exists {
                DirectoryState::Directory {
                    path: path.clone(),
                    id,
                }
            } else {
                DirectoryState::Absent(path.clone())
            };
            (path, state)
        });
        let children = able.iter().filter(|(path, _)| {
            let path = Path::new(path);
            path.parent() == Some(Path::new("/home/u"))
        });
        let children = children.map(|(path, _)| HomeChild {
            path: path.into(),
            id: None,
        });
        let places = DirectoryStates {
            named: named.collect(),
            home_children: Ok(children.collect()),
            start: Ok(StartDirectory {
                path: "/".into(),
                instead: None,
            }),
        };
        let wanted = policy.start_directory(&account);
        let exists = able.iter().any(|(there, _)| Path::new(there) == wanted);
        let can = |path: &Path, needs: StartNeeds| {
            let letter = match needs {
                StartNeeds::List => 'l',
                StartNeeds::Create => 'c',
                StartNeeds::Enter => 'e',
            };
            let row = able.iter().find(|(there, _)| Path::new(there) == path);
            row.is_some_and(|(_, able)| able.contains(letter))
        };
        let wanted = exists.then_some(&*wanted);
        let found = first_of_use(&policy, &account, &places, wanted, can);
        found.map(|path| path.display().to_string())
    }

    #[test]
    fn the_first_that_is_of_use() {
        const HOME: (&str, &str) = ("/home/u", "lce");
        const OUT: &str = "readable = [\"/srv/out\"]\nwritable = [\"/srv/in\"]\n";
        type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);
        let rows: [Row<'_>; 13] = [
            ("", &[HOME], Some("/home/u")),
            ("", &[("/home/u", "e")], Some("/home/u")),
            ("start = \"~/x\"\n", &[HOME], Some("/home/u")),
            (
                "start = \"~/x\"\n",
                &[HOME, ("/home/u/x", "")],
                Some("/home/u"),
            ),
            (
                "start = \"~/x\"\n",
                &[HOME, ("/home/u/x", "ce")],
                Some("/home/u/x"),
            ),
            // The policy lets nothing be created there.
            ("start = \"/x\"\n", &[HOME, ("/x", "ce")], Some("/home/u")),
            (
                OUT,
                &[HOME, ("/srv/out", "le"), ("/srv/in", "lce")],
                Some("/home/u"),
            ),
            (
                OUT,
                &[("/home/u", "e"), ("/srv/out", "le"), ("/srv/in", "lce")],
                Some("/srv/out"),
            ),
            // `readable` comes first, and what cannot be listed is passed over.
            (
                OUT,
                &[("/srv/out", "e"), ("/srv/in", "lce")],
                Some("/srv/in"),
            ),
            (
                OUT,
                &[("/srv/out", "e"), ("/srv/in", "ce")],
                Some("/srv/out"),
            ),
            // Directories with rights below it keep it where it is.
            (
                "readable = [\"/srv/out\"]\nwritable = [\"~/in\"]\n",
                &[("/home/u", "e"), ("/home/u/in", "lce"), ("/srv/out", "le")],
                Some("/home/u"),
            ),
            (
                "readable = [\"/srv/out\"]\n",
                &[("/home/u", "e"), ("/home/u/a", "lce"), ("/srv/out", "le")],
                Some("/home/u"),
            ),
            (OUT, &[], None),
        ];
        for (text, able, expected) in rows {
            assert_eq!(start(text, able).as_deref(), expected, "{text} {able:?}");
        }
    }
}
