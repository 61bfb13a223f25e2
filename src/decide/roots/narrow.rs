//! The directories in which two policies both give rights: the account's own,
//! and that of a profile which narrows it.
//!
//! Each directory that either of them names is a root, and has there what both
//! allow. A directory that only one of them reaches stays in the list, without
//! any right: the guard knows roots by their identity, so this holds for them by
//! every path that leads there.

use std::path::Path;

use super::nesting::{Narrowed, PolicyRights, Root, Roots};
use crate::decide::access::Access;
use crate::decide::policy::NameGlobs;
use crate::decide::rules::{self, Place};

/// One of the two policies: its roots, and the dotfile names that it excepts.
pub(super) struct PolicyRoots<'a> {
    pub roots: Roots,
    pub names: &'a NameGlobs,
}

/// The roots of both.
pub(super) fn both(own: &PolicyRoots<'_>, profile: &PolicyRoots<'_>, home: &Path) -> Vec<Root> {
    let only_there = |root: &&Root| own.here(&root.path).is_none();
    let of_profile = profile.roots.iter().filter(only_there);
    let all = own.roots.iter().chain(of_profile);
    let narrow = |root: &Root| {
        let sides = Narrowed {
            own: own.at(&root.path, home),
            profile: profile.at(&root.path, home),
        };
        Root {
            path: root.path.clone(),
            exists: root.exists,
            access: sides.access(),
            dotfiles: sides.dotfiles(),
            narrowed: Some(sides),
        }
    };
    all.map(narrow).collect()
}

impl PolicyRoots<'_> {
    /// The root that is this directory.
    fn here(&self, path: &Path) -> Option<&Root> {
        let root = &self.roots[self.roots.holding(path)?];
        (root.path == path).then_some(root)
    }

    /// What the policy says in a directory, which may be below one that it
    /// names.
    fn at(&self, path: &Path, home: &Path) -> Option<PolicyRights> {
        let root = &self.roots[self.roots.holding(path)?];
        let is_root = root.path == path;
        let place = Place {
            // Not known here: it counts as one that has them.
            has_short_names: true,
            ..Place::by_text(path, &self.roots, home)
        };
        let below_dotfile = rules::is_below_dotfile(self.names, root.dotfiles, &place);
        let access = if below_dotfile {
            root.access.and(Access::READ_ONLY)
        } else {
            root.access
        };
        Some(PolicyRights {
            access,
            dotfiles: root.dotfiles,
            is_root,
            below_dotfile,
        })
    }
}
