//! Which directories no policy may name, as far as the text alone shows.
//!
//! The same rules apply again to the directories of one account
//! ([`super::Policy::check_directories`]), when `~`, `%h` and `%u` are known.

pub mod for_account;

use super::PathTemplate;

/// File systems of the kernel: file transfers have no business there.
pub(super) const KERNEL_TREES: [&str; 3] = ["proc", "sys", "dev"];

/// The longest path, in bytes (PATH_MAX of limits.h, which counts a NUL).
const PATH_MAX: usize = 4095;

/// How many directories may be above a directory of the policy. Each of them is
/// examined and must keep its name, so the cost of a path is the number of its
/// names times its length.
const NAMES_MAX: usize = 128;

/// Whether a path is longer than a policy may have.
pub(super) fn is_too_long(path: &[u8]) -> bool {
    let names = path.split(|byte| *byte == b'/');
    path.len() > PATH_MAX || names.filter(|name| !name.is_empty()).count() > NAMES_MAX
}

/// What the directory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequiredAccess {
    /// Changes are allowed below it.
    Write,
    /// It is read and listed.
    Read,
}

/// What is wrong with a directory; `None` if nothing is.
pub(super) fn fault(place: &PathTemplate, purpose: RequiredAccess) -> Option<Fault> {
    let text = place.as_str();
    if *place == PathTemplate::HOME_CHILDREN {
        return None;
    }
    if is_too_long(text.as_bytes()) {
        return Some(Fault::TooLong);
    }
    let in_home = text.strip_prefix('~').or_else(|| text.strip_prefix("%h"));
    match in_home {
        Some(below) => in_home_fault(components(below), purpose),
        None => absolute_fault(components(text)),
    }
}

/// What is wrong with a directory in the home, from the components below it.
pub(super) fn in_home_fault<'a>(
    mut below: impl Iterator<Item = &'a str>,
    purpose: RequiredAccess,
) -> Option<Fault> {
    if purpose == RequiredAccess::Read {
        return None;
    }
    let Some(first) = below.next() else {
        return Some(Fault::Home);
    };
    let dot = first.starts_with('.') || below.any(|part| part.starts_with('.'));
    dot.then_some(Fault::DotInHome)
}

/// What is wrong with an absolute directory, from its components.
pub(super) fn absolute_fault<'a>(mut components: impl Iterator<Item = &'a str>) -> Option<Fault> {
    match components.next() {
        None => Some(Fault::Root),
        Some(first) if KERNEL_TREES.contains(&first) => Some(Fault::KernelTree),
        Some(_) => None,
    }
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// Why a directory is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is the root of the file system.
    Root,
    /// It is /proc, /sys or /dev, or below one of them.
    KernelTree,
    /// It is the home directory, and writable.
    Home,
    /// It is in the home, below a name that begins with a dot, and writable.
    DotInHome,
    /// It is not an absolute path without `..`, because of the home or the
    /// login name.
    NoPath,
    /// It has more than 4,095 bytes or 128 names.
    TooLong,
}

impl Fault {
    /// The reason, as the end of a sentence that begins with the directory.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Root => "is the root of the file system",
            Self::KernelTree => "is in a file system of the kernel (/proc, /sys, /dev)",
            Self::Home => "is the home directory, which cannot be changed",
            Self::DotInHome => {
                "is below a dotfile in the home directory, where nothing can be changed"
            }
            Self::NoPath => "is not an absolute path without '..'",
            Self::TooLong => "has more than 4,095 bytes or 128 names",
        }
    }

    /// How to fix it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Root | Self::KernelTree => "name the directories that hold the files",
            Self::Home => "write '~/*' (every directory in it) or name one, such as '~/uploads'",
            Self::DotInHome => "use a directory without a leading dot, such as '~/uploads'",
            Self::NoPath => "give the account an absolute home directory",
            Self::TooLong => "name a directory above it",
        }
    }
}
