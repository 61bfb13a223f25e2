//! From the policy and the disk to the directories with rights: the roots
//! that the guard judges by and the Landlock rules of the session.

use std::path::{Path, PathBuf};

use landlock::{AccessFs, BitFlags, make_bitflags};

use super::access::{Access, Right};
use super::facts::{Case, Facts};
use super::plan::{Grant, Lookup, Root};
use super::policy::{Dotfiles, Origin, PlaceTarget, PlaceTemplate};
use super::request::{Direction, Request};

/// The directories with rights, as far as `most` goes: what the server
/// never needs is left out. A later row of the policy adds to an earlier one
/// for the same directory; `[[directory]]` replaces both.
pub(super) fn roots(case: &Case<'_>, facts: &Facts, most: Access) -> Vec<Root> {
    let policy = case.policy;
    let account_access = policy.access.value;
    let mut roots = Vec::new();
    for path in resolve(&policy.writable.value, case, facts) {
        add(&mut roots, path, account_access, policy.dotfiles.value);
    }
    // Without a word about reading, an account reads where its rights let it;
    // an explicit list is taken as it is written.
    let read_access = match policy.readable.origin {
        Origin::Default => Access::READ_ONLY.and(account_access),
        Origin::Line(_) => Access::READ_ONLY,
    };
    for path in resolve(&policy.readable.value, case, facts) {
        add(&mut roots, path, read_access, policy.dotfiles.value);
    }
    for directory in &policy.directory.value {
        let access = directory.access.unwrap_or(account_access);
        let dotfiles = directory.dotfiles.unwrap_or(policy.dotfiles.value);
        for path in resolve(std::slice::from_ref(&directory.path), case, facts) {
            roots.retain(|root| root.path != path);
            add(&mut roots, path, access, dotfiles);
        }
    }
    for root in &mut roots {
        root.access = root.access.and(most);
    }
    roots
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

fn add(roots: &mut Vec<Root>, path: PathBuf, access: Access, dotfiles: Dotfiles) {
    match roots.iter_mut().find(|root| root.path == path) {
        Some(root) => root.access = root.access.or(access),
        None => roots.push(Root {
            path,
            access,
            dotfiles,
            exists: true,
        }),
    }
}

/// The existing directories that the templates mean.
fn resolve(templates: &[PlaceTemplate], case: &Case<'_>, facts: &Facts) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for template in templates {
        match template.target(case.account) {
            PlaceTarget::HomeChildren => paths.extend(facts.home_children.iter().cloned()),
            PlaceTarget::Directory(path) => {
                paths.extend(facts.directory(&path).map(Path::to_path_buf));
            }
        }
    }
    paths
}

/// The root that holds for a resolved path: the most specific one.
#[must_use]
pub fn root_of<'a>(roots: &'a [Root], path: &Path) -> Option<&'a Root> {
    let above = roots.iter().filter(|root| path.starts_with(&root.path));
    above.max_by_key(|root| root.path.as_os_str().len())
}

/// Whether reads have to be judged one by one: Landlock adds rights from the
/// top down and can take none away, and it does not cover stat.
pub(super) fn watch_reads(roots: &[Root]) -> bool {
    let hidden = |root: &Root| root.dotfiles == Dotfiles::Hidden;
    let withheld = |inner: &Root| {
        let reads = inner.access.and(Access::READ_ONLY);
        let outer = roots
            .iter()
            .filter(|outer| inner.path != outer.path && inner.path.starts_with(&outer.path));
        outer
            .map(|outer| outer.access.and(Access::READ_ONLY))
            .any(|outer| outer.and(reads) != outer)
    };
    roots.iter().any(|root| hidden(root) || withheld(root))
}

/// The Landlock rules of the roots.
pub(super) fn grants(roots: &[Root]) -> Vec<Grant> {
    let with_rights = roots.iter().filter(|root| root.access != Access::NONE);
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
