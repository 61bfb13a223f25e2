//! From the policy and the disk to the directories with rights: the roots
//! that the guard judges by and the Landlock rules of the session.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use landlock::{AccessFs, BitFlags, make_bitflags};

use super::access::{Access, Right};
use super::facts::{Case, Places};
use super::plan::{Grant, Lookup, Root};
use super::policy::{Dotfiles, Origin, PlaceTarget, PlaceTemplate};
use super::request::{Direction, Request};

/// The directories with rights, as far as `most` goes: what the server
/// never needs is left out. A later row of the policy adds to an earlier one
/// for the same directory; `[[directory]]` replaces both.
pub(super) fn roots(case: &Case<'_>, places: &Places, most: Access) -> Vec<Root> {
    let policy = case.policy;
    let account_access = policy.access.value;
    let mut roots = Collected::default();
    for place in resolve(&policy.writable.value, case, places) {
        roots.add(place, account_access, policy.dotfiles.value);
    }
    // Without a word about reading, an account reads where its rights let it;
    // an explicit list is taken as it is written.
    let read_access = match policy.readable.origin {
        Origin::Default => Access::READ_ONLY.and(account_access),
        Origin::Line(_) => Access::READ_ONLY,
    };
    for place in resolve(&policy.readable.value, case, places) {
        roots.add(place, read_access, policy.dotfiles.value);
    }
    for directory in &policy.directory.value {
        let access = directory.access.unwrap_or(account_access);
        let dotfiles = directory.dotfiles.unwrap_or(policy.dotfiles.value);
        for place in resolve(std::slice::from_ref(&directory.path), case, places) {
            roots.replace(place, access, dotfiles);
        }
    }
    for root in &mut roots.list {
        root.access = root.access.and(most);
    }
    roots.list
}

/// What the server of a request can need at most.
pub(super) fn most_access(request: &Request) -> Access {
    match request {
        Request::Sftp(sftp) if sftp.read_only => Access::READ_ONLY,
        Request::Sftp(_) => Access::READ_WRITE,
        Request::Scp(scp) => match scp.direction {
            Direction::Sink => Access::of(&[
                Right::Create,
                Right::Overwrite,
                Right::Mkdir,
                Right::Attributes,
            ]),
            Direction::Source => Access::READ_ONLY,
        },
        Request::Rsync(rsync) if !rsync.sender => Access::READ_WRITE,
        Request::Rsync(rsync) if rsync.removes_sources() => {
            Access::READ_ONLY.or(Access::of(&[Right::Remove]))
        }
        Request::Rsync(_) => Access::READ_ONLY,
    }
}

/// A resolved directory, and whether it exists.
type Resolved<'a> = (&'a Path, bool);

/// Roots in the order of the policy, found again by their path: a home can
/// have thousands.
#[derive(Default)]
struct Collected<'a> {
    list: Vec<Root>,
    /// Where in the list a path is. Resolved paths are compared as bytes.
    at: BTreeMap<&'a OsStr, usize>,
}

impl<'a> Collected<'a> {
    fn add(&mut self, place: Resolved<'a>, access: Access, dotfiles: Dotfiles) {
        match self.find(place) {
            Some(root) => root.access = root.access.or(access),
            None => self.push(place, access, dotfiles),
        }
    }

    fn replace(&mut self, place: Resolved<'a>, access: Access, dotfiles: Dotfiles) {
        match self.find(place) {
            Some(root) => {
                root.access = access;
                root.dotfiles = dotfiles;
            }
            None => self.push(place, access, dotfiles),
        }
    }

    fn find(&mut self, (path, _): Resolved<'a>) -> Option<&mut Root> {
        let at = self.at.get(path.as_os_str())?;
        self.list.get_mut(*at)
    }

    fn push(&mut self, (path, exists): Resolved<'a>, access: Access, dotfiles: Dotfiles) {
        self.at.insert(path.as_os_str(), self.list.len());
        self.list.push(Root {
            path: path.to_path_buf(),
            exists,
            access,
            dotfiles,
        });
    }
}

/// The directories that the templates mean, whether they exist or not.
fn resolve<'a>(
    templates: &[PlaceTemplate],
    case: &Case<'_>,
    places: &'a Places,
) -> Vec<Resolved<'a>> {
    let mut resolved = Vec::new();
    for template in templates {
        match template.target(case.account) {
            PlaceTarget::HomeChildren => {
                let children = places.home_children.iter().flatten();
                resolved.extend(children.map(|child| (child.path.as_path(), true)));
            }
            PlaceTarget::Directory(path) => resolved.extend(places.resolved(&path)),
        }
    }
    resolved
}

/// Whether reads have to be judged one by one: Landlock adds rights from the
/// top down and can take none away, and it does not cover stat.
pub(super) fn watch_reads(roots: &[Root]) -> bool {
    let mut sorted: Vec<&Root> = roots.iter().collect();
    // What lies below a directory follows it. Those of the home are in order
    // already, which a stable sort makes use of.
    sorted.sort_by(|one, other| one.path.cmp(&other.path));
    // The roots above the one that is looked at, each with what may be read
    // in it or in one above it.
    let mut above: Vec<(&Path, Access)> = Vec::new();
    for root in sorted {
        while above
            .pop_if(|(path, _)| !root.path.starts_with(path))
            .is_some()
        {}
        let outer = above.last().map_or(Access::NONE, |(_, reads)| *reads);
        let own = root.access.and(Access::READ_ONLY);
        let withheld = outer.and(own) != outer;
        if withheld || root.dotfiles == Dotfiles::Hidden {
            return true;
        }
        above.push((&root.path, outer.or(own)));
    }
    false
}

/// The Landlock rules of the roots.
pub(super) fn grants(roots: &[Root]) -> Vec<Grant> {
    // A rule is made on a directory: one that does not exist has none.
    let with_rights = roots
        .iter()
        .filter(|root| root.exists && root.access != Access::NONE);
    with_rights
        .map(|root| Grant {
            path: root.path.clone(),
            access: kernel_rights(root.access),
            reason: if root.access.writes() {
                "a writable directory of the policy"
            } else {
                "a readable directory of the policy"
            },
            lookup: Lookup::Exact,
        })
        .collect()
}

/// What the kernel has to allow for each right. It is coarser than the
/// rights: the guard, which acts under these rules, judges the rest.
fn kernel_rights(access: Access) -> BitFlags<AccessFs> {
    access.rights().fold(BitFlags::EMPTY, |rights, right| {
        rights
            | match right {
                Right::List => make_bitflags!(AccessFs::{ReadDir}),
                Right::Read => make_bitflags!(AccessFs::{ReadFile}),
                // A file that the session made is renamed from its temporary
                // name: the old name is removed, between directories with
                // the right to refer.
                Right::Create => make_bitflags!(AccessFs::{
                    MakeReg | MakeSym | WriteFile | Truncate | RemoveFile | Refer
                }),
                Right::Overwrite => make_bitflags!(AccessFs::{WriteFile | Truncate}),
                Right::Remove => make_bitflags!(AccessFs::{RemoveFile | RemoveDir}),
                Right::Rename => make_bitflags!(AccessFs::{RemoveFile | MakeReg | MakeSym | Refer}),
                Right::RenameDirectories => make_bitflags!(AccessFs::{RemoveDir | MakeDir | Refer}),
                Right::Mkdir => make_bitflags!(AccessFs::{MakeDir | RemoveDir | Refer}),
                Right::Link => make_bitflags!(AccessFs::{MakeReg | Refer}),
                // Landlock does not cover attributes (up to ABI 8).
                Right::Attributes => BitFlags::EMPTY,
            }
    })
}
