//! From the policy and the disk to the directories with rights: the roots by
//! which the guard judges, and the Landlock rules of the session.

pub mod directories;
pub mod entries;
mod narrow;
pub mod nesting;
pub mod nowhere;
pub mod start;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use landlock::{AccessFs, BitFlags, make_bitflags};

use super::access::{Access, Right};
use super::account::Account;
use super::command::{Direction, Request};
use super::facts::DirectoryStates;
use super::plan::{Grant, Lookup};
use super::policy::{Dotfiles, PathTarget, Policy};
use super::roots::nesting::Root;
use super::verdict::{Refusal, Stage};
use crate::print::escape::Escaped;
use entries::{DirectoryRights, Entry, entries};
use narrow::PolicyRoots;
use nesting::Roots;

/// The directories with rights, limited to `most`: what the server never needs
/// is left out. Where a profile narrows the account's policy, both count.
pub fn roots<'a>(
    policy: &'a Policy,
    account: &Account,
    places: &DirectoryStates,
    most: Access,
) -> Vec<Root> {
    let of_policy = |policy| roots_of(policy, account, places, most);
    let Some(within) = &policy.within else {
        return of_policy(policy);
    };
    let side = |policy: &'a Policy| PolicyRoots {
        roots: of_policy(policy).into(),
        names: &policy.dotfile_names.value,
    };
    let home = places.resolved(&account.home);
    let home = home.map_or(&*account.home, |(home, _)| home);
    narrow::both(&side(within), &side(policy), home)
}

/// The same for one policy.
fn roots_of(
    policy: &Policy,
    account: &Account,
    places: &DirectoryStates,
    most: Access,
) -> Vec<Root> {
    let mut roots = Collected::default();
    for entry in entries(policy) {
        match entry.template.target(account) {
            PathTarget::HomeChildren => {
                for child in places.home_children.iter().flatten() {
                    roots.take((&child.path, true), &entry);
                }
            }
            PathTarget::Directory(path) => {
                if let Some(place) = places.resolved(&path) {
                    roots.take(place, &entry);
                }
            }
        }
    }
    for root in &mut roots.list {
        root.access = root.access.and(most);
    }
    roots.list
}

/// What the policy's text could not show: a writable directory that is the
/// home, or a dotfile in it, by another name.
pub(super) fn vet(roots: &[Root], home: &Path) -> Result<(), Refusal> {
    let is_dot =
        |part: std::path::Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
    // A fault of the account's own policy is one of each profile as well.
    let is_written = |root: &&Root| {
        let mut policies = root.policies().into_iter().flatten();
        policies.any(|rights| rights.is_root && rights.access.writes())
    };
    for root in roots.iter().filter(is_written) {
        let Ok(below) = root.path.strip_prefix(home) else {
            continue;
        };
        if below.as_os_str().is_empty() || below.components().any(is_dot) {
            let path = Escaped::path(&root.path);
            let reason = format!("the writable directory {path} is the home or a dotfile in it");
            let hint = "grant a directory in the home instead, such as ~/uploads";
            return Err(Refusal::new(Stage::Account, reason).hint(hint));
        }
    }
    Ok(())
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
type ResolvedDirectory<'a> = (&'a Path, bool);

/// Roots in the order of the policy, found again by their path: a home can
/// have thousands.
#[derive(Default)]
struct Collected<'a> {
    list: Vec<Root>,
    /// Where in the list a path is. ResolvedDirectory paths are compared as bytes.
    at: BTreeMap<&'a OsStr, usize>,
}

impl<'a> Collected<'a> {
    fn take(&mut self, (path, exists): ResolvedDirectory<'a>, entry: &Entry<'_>) {
        let at = self.at.get(path.as_os_str());
        match at.and_then(|at| self.list.get_mut(*at)) {
            Some(root) => {
                let rights = entry.after(Some(DirectoryRights {
                    access: root.access,
                    dotfiles: root.dotfiles,
                }));
                (root.access, root.dotfiles) = (rights.access, rights.dotfiles);
            }
            None => {
                self.at.insert(path.as_os_str(), self.list.len());
                self.list.push(Root {
                    path: path.to_path_buf(),
                    exists,
                    access: entry.rights.access,
                    dotfiles: entry.rights.dotfiles,
                    narrowed: None,
                });
            }
        }
    }
}

/// Whether reads must be judged one by one: Landlock adds rights from the top
/// down and cannot take any away, and it does not cover stat.
pub(super) fn watch_reads(roots: &Roots) -> bool {
    // For each, what may be read in it or in one above it.
    let mut reads = vec![Access::NONE; roots.len()];
    for index in roots.from_the_top() {
        let root = &roots[index];
        let outer = roots
            .above(index)
            .map_or(Access::NONE, |above| reads[above]);
        let own = root.access.and(Access::READ_ONLY);
        let withheld = outer.and(own) != outer;
        if withheld || root.dotfiles == Dotfiles::Hidden {
            return true;
        }
        reads[index] = outer.or(own);
    }
    false
}

/// The Landlock rules of the roots.
pub(super) fn grants(roots: &[Root]) -> Vec<Grant> {
    // A rule needs a directory: one that does not exist has no rule.
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

/// What the kernel must allow for each right. This is coarser than the rights:
/// the guard, which acts under these rules, judges the rest.
fn kernel_rights(access: Access) -> BitFlags<AccessFs> {
    access.rights().fold(BitFlags::EMPTY, |rights, right| {
        rights
            | match right {
                Right::List => make_bitflags!(AccessFs::{ReadDir}),
                Right::Read => make_bitflags!(AccessFs::{ReadFile}),
                // A file that the session created is renamed from its temporary
                // name: the old name is removed, and between directories this
                // needs the right to refer.
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
