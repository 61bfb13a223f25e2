//! The entries of a policy that give rights in a directory, in order of
//! precedence.

use crate::decide::access::Access;
use crate::decide::policy::{Dotfiles, Origin, PathTemplate, Policy};

/// What may be done in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryRights {
    /// What may be done below it.
    pub access: Access,
    /// What applies to dotfiles below it.
    pub dotfiles: Dotfiles,
}

/// One entry.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'p> {
    /// The key: `writable`, `readable` or `directory`.
    pub key: &'static str,
    /// The directory as the policy writes it.
    pub template: &'p PathTemplate,
    /// Where the policy has the key.
    pub origin: Origin,
    /// The rights that it gives.
    pub rights: DirectoryRights,
    /// Whether it replaces earlier rights, or adds to them.
    pub replaces: bool,
}

impl Entry<'_> {
    /// What applies in a directory when this entry comes after others.
    pub fn after(&self, earlier: Option<DirectoryRights>) -> DirectoryRights {
        match earlier {
            Some(earlier) if !self.replaces => DirectoryRights {
                access: earlier.access.or(self.rights.access),
                ..earlier
            },
            _ => self.rights,
        }
    }
}

/// Every entry. A later one adds to an earlier one for the same directory;
/// `[[directory]]` replaces what was there.
pub fn entries(policy: &Policy) -> impl Iterator<Item = Entry<'_>> {
    let account = DirectoryRights {
        access: policy.access.value,
        dotfiles: policy.dotfiles.value,
    };
    let writable = policy.writable.value.iter().map(move |template| Entry {
        key: "writable",
        template,
        origin: policy.writable.origin,
        rights: account,
        replaces: false,
    });
    // If the policy says nothing about reading, an account may read where its
    // rights allow it; an explicit list is taken literally.
    let access = match policy.readable.origin {
        Origin::Default => Access::READ_ONLY.and(account.access),
        Origin::Line(_) => Access::READ_ONLY,
    };
    let readable = policy.readable.value.iter().map(move |template| Entry {
        key: "readable",
        template,
        origin: policy.readable.origin,
        rights: DirectoryRights { access, ..account },
        replaces: false,
    });
    let directories = policy.directory.value.iter().map(move |row| Entry {
        key: "directory",
        template: &row.path,
        origin: Origin::Line(row.line),
        rights: DirectoryRights {
            access: row.access.unwrap_or(account.access),
            dotfiles: row.dotfiles.unwrap_or(account.dotfiles),
        },
        replaces: true,
    });
    writable.chain(readable).chain(directories)
}
