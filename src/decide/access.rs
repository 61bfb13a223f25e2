//! What an account may do in one directory tree.
//!
//! The rights are those of the policy key `access` (xfersh.toml(5)). They are a
//! closed set: a right that is not named here does not exist.

use std::fmt;

/// One right, as the policy names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum Right {
    /// Read the names in a directory.
    List = 1,
    /// Read the content of a file.
    Read = 1 << 1,
    /// Create a file or a symbolic link under a free name. What this session
    /// created may be written, given new attributes, and renamed to a free
    /// name.
    Create = 1 << 2,
    /// Write, truncate or replace a file that is older than the session.
    Overwrite = 1 << 3,
    /// Remove a name that is older than the session.
    Remove = 1 << 4,
    /// Rename a file that is older than the session.
    Rename = 1 << 5,
    /// Rename a directory that is older than the session, with everything below
    /// it, dotfiles included.
    RenameDirectories = 1 << 6,
    /// Create a directory.
    Mkdir = 1 << 7,
    /// Change mode, group, times or extended attributes of what is older than
    /// the session.
    Attributes = 1 << 8,
    /// Create a hard link to a file that is older than the session.
    Link = 1 << 9,
}

impl Right {
    /// Every right, in the order in which they are printed.
    pub const ALL: [Self; 10] = [
        Self::List,
        Self::Read,
        Self::Create,
        Self::Overwrite,
        Self::Remove,
        Self::Rename,
        Self::RenameDirectories,
        Self::Mkdir,
        Self::Attributes,
        Self::Link,
    ];

    /// The right's name in the policy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Create => "create",
            Self::Overwrite => "overwrite",
            Self::Remove => "remove",
            Self::Rename => "rename",
            Self::RenameDirectories => "rename-directories",
            Self::Mkdir => "mkdir",
            Self::Attributes => "attributes",
            Self::Link => "link",
        }
    }

    /// The right with this name in the policy.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.name() == name)
    }
}

/// A set of rights.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Access(u16);

impl Access {
    /// No right at all.
    pub const NONE: Self = Self(0);
    /// Everything.
    pub const READ_WRITE: Self = Self::of(&Right::ALL);
    /// Read and list; change nothing.
    pub const READ_ONLY: Self = Self::of(&[Right::List, Right::Read]);
    /// Create; never read, list, overwrite, remove or rename.
    pub const UPLOAD_ONLY: Self = Self::of(&[Right::Create, Right::Mkdir]);
    /// Read and create; never overwrite, remove or rename. A hard link to an
    /// older file takes nothing away from it, so it is allowed.
    pub const APPEND_ONLY: Self = Self::of(&[
        Right::List,
        Right::Read,
        Right::Create,
        Right::Mkdir,
        Right::Link,
    ]);

    const NAMED: [(&'static str, Self); 4] = [
        ("read-write", Self::READ_WRITE),
        ("read-only", Self::READ_ONLY),
        ("upload-only", Self::UPLOAD_ONLY),
        ("append-only", Self::APPEND_ONLY),
    ];

    /// The set of these rights.
    pub const fn of(rights: &[Right]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < rights.len() {
            bits |= rights[i] as u16;
            i += 1;
        }
        Self(bits)
    }

    /// The set that the policy calls by this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let row = Self::NAMED.iter().find(|row| row.0 == name)?;
        Some(row.1)
    }

    /// The names of sets.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMED.into_iter().map(|row| row.0)
    }

    /// The policy's name for this set, if it has one.
    pub fn name(self) -> Option<&'static str> {
        let row = Self::NAMED.iter().find(|row| row.1 == self)?;
        Some(row.0)
    }

    /// Whether the set has this right.
    pub const fn has(self, right: Right) -> bool {
        self.0 & right as u16 != 0
    }

    /// Whether the set has any right that changes the disk.
    pub const fn writes(self) -> bool {
        self.0 & !Self::READ_ONLY.0 != 0
    }

    /// The rights in both sets.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The rights in either set.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The rights in the set, in the order of [`Right::ALL`].
    pub fn rights(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.has(*right))
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name() {
            return f.write_str(name);
        }
        f.write_str("[")?;
        for (i, right) in self.rights().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            f.write_str(right.name())?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for right in Right::ALL {
            assert_eq!(Right::from_name(right.name()), Some(right));
        }
        for (name, access) in Access::NAMED {
            assert_eq!(Access::from_name(name), Some(access));
            assert_eq!(access.to_string(), name);
        }
        assert_eq!(Right::from_name("write"), None);
        assert_eq!(Access::from_name("readwrite"), None);
    }

    #[test]
    fn only_the_reading_sets_do_not_write() {
        assert!(!Access::NONE.writes());
        assert!(!Access::READ_ONLY.writes());
        for right in Right::ALL {
            let reads = matches!(right, Right::List | Right::Read);
            assert_eq!(Access::of(&[right]).writes(), !reads, "{right:?}");
        }
    }

    #[test]
    fn an_unnamed_set_prints_its_rights() {
        let access = Access::of(&[Right::List, Right::Create]);
        assert_eq!(access.to_string(), "[list, create]");
    }
}
