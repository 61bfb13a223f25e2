//! Whether a policy may name its directories for one account: the same rules as
//! for the text, applied to what `~`, `%h` and `%u` mean for the account. Paths
//! are compared as text; the guard also knows the home by device and inode.

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::{Fault, RequiredAccess};
use crate::decide::account::Account;
use crate::decide::policy::forbidden;
use crate::decide::policy::{Origin, PathTarget, PathTemplate, Policy};
use crate::print::escape::Escaped;

/// One directory of a policy.
pub(in crate::decide::policy) struct DirectoryUse<'a> {
    key: &'static str,
    pub(in crate::decide::policy) template: &'a PathTemplate,
    purpose: RequiredAccess,
    origin: Origin,
}

/// A directory of the policy that the account must not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForbiddenDirectory {
    /// The key that names it.
    pub key: &'static str,
    /// The directory as the policy writes it.
    pub written: PathTemplate,
    /// What it is for this account.
    pub path: PathBuf,
    /// Where the policy names it.
    pub origin: Origin,
    /// What is wrong with it.
    pub fault: Fault,
}

impl ForbiddenDirectory {
    /// How to fix it.
    pub const fn hint(&self) -> &'static str {
        self.fault.hint()
    }
}

impl fmt::Display for ForbiddenDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, written) = (self.key, Escaped::text(self.written.as_str()));
        let (path, reason) = (Escaped::path(&self.path), self.fault.reason());
        write!(
            f,
            "{key} = \"{written}\" ({}): {path} {reason}",
            self.origin
        )
    }
}

/// A directory to which a policy gives rights, for one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedDirectory {
    key: &'static str,
    written: PathTemplate,
    origin: Origin,
    /// The directory.
    pub path: PathBuf,
}

impl fmt::Display for NamedDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = Escaped::text(self.written.as_str());
        write!(f, "{} = \"{written}\" ({})", self.key, self.origin)
    }
}

impl Policy {
    /// Every single directory to which the policy gives rights, for an account.
    pub fn named_directories<'a>(
        &'a self,
        account: &'a Account,
    ) -> impl Iterator<Item = NamedDirectory> + 'a {
        self.all()
            .flat_map(Self::places)
            .filter_map(|place| match place.template.target(account) {
                PathTarget::HomeChildren => None,
                PathTarget::Directory(path) => Some(NamedDirectory {
                    key: place.key,
                    written: place.template.clone(),
                    origin: place.origin,
                    path,
                }),
            })
    }

    /// Whether the policy may name every directory for this account.
    ///
    /// # Errors
    ///
    /// The first that it must not name: the root of the file system, a kernel
    /// file system, or, if it is writable, the home itself or something below a
    /// dotfile in it.
    pub fn check_directories(&self, account: &Account) -> Result<(), ForbiddenDirectory> {
        for place in self.all().flat_map(Self::places) {
            let (path, fault) = match place.template.target(account) {
                PathTarget::HomeChildren => (account.home.clone(), home_fault(&account.home)),
                PathTarget::Directory(path) => {
                    let fault = path_fault(&path, &account.home, place.purpose);
                    (path, fault)
                }
            };
            if let Some(fault) = fault {
                return Err(ForbiddenDirectory {
                    key: place.key,
                    written: place.template.clone(),
                    path,
                    origin: place.origin,
                    fault,
                });
            }
        }
        Ok(())
    }

    /// Every directory to which the policy itself gives rights.
    pub(in crate::decide::policy) fn places(&self) -> impl Iterator<Item = DirectoryUse<'_>> {
        let written = if self.access.value.writes() {
            RequiredAccess::Write
        } else {
            RequiredAccess::Read
        };
        let writable = self
            .writable
            .value
            .iter()
            .map(move |template| DirectoryUse {
                key: "writable",
                template,
                purpose: written,
                origin: self.writable.origin,
            });
        let readable = self.readable.value.iter().map(|template| DirectoryUse {
            key: "readable",
            template,
            purpose: RequiredAccess::Read,
            origin: self.readable.origin,
        });
        let directories = self.directory.value.iter().map(|directory| DirectoryUse {
            key: "path",
            template: &directory.path,
            purpose: if directory.access.unwrap_or(self.access.value).writes() {
                RequiredAccess::Write
            } else {
                RequiredAccess::Read
            },
            origin: Origin::Line(directory.line),
        });
        writable.chain(readable).chain(directories)
    }
}

/// Whether this is in a file system of the kernel.
pub(in crate::decide::policy) fn is_the_kernels(path: &Path) -> bool {
    home_fault(path) == Some(Fault::KernelTree)
}

/// `~/*` of an account: its home must be a place that may contain files.
fn home_fault(home: &Path) -> Option<Fault> {
    names(home).map_or(Some(Fault::NoPath), |names| {
        forbidden::absolute_fault(names.iter().map(|name| &**name))
    })
}

fn path_fault(path: &Path, home: &Path, purpose: RequiredAccess) -> Option<Fault> {
    let Some(parts) = names(path) else {
        return Some(Fault::NoPath);
    };
    if forbidden::is_too_long(path.as_os_str().as_bytes()) {
        return Some(Fault::TooLong);
    }
    let absolute = forbidden::absolute_fault(parts.iter().map(|part| &**part));
    absolute.or_else(|| {
        let home_parts = names(home)?;
        let below = parts.strip_prefix(&*home_parts)?;
        forbidden::in_home_fault(below.iter().map(|part| &**part), purpose)
    })
}

/// The names in an absolute path without `..`; bytes that are not UTF-8 are
/// replaced, since no rule here looks at them.
fn names(path: &Path) -> Option<Vec<String>> {
    if !path.is_absolute() {
        return None;
    }
    let mut names = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => names.push(name.to_string_lossy().into_owned()),
            Component::ParentDir => return None,
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Some(names)
}
