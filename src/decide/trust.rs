//! May root alone change this? The one rule of ownership, for the policy file,
//! a server program, the directories and links on the way to each, and for all
//! that the doctor examines. `gather::trust` looks at the disk for it.
//!
//! sshd judges key files by another rule, and the guard its locks: those stand
//! where they are used.

use std::fmt;
use std::path::Path;

/// What kind of entry a name leads to, without following it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, FIFO or socket.
    Other,
}

/// What lstat(2) says of an entry, as far as trust depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryStatus {
    /// Its kind.
    pub kind: EntryKind,
    /// Its owner.
    pub uid: u32,
    /// Its permission bits, 07777.
    pub mode: u32,
}

/// Why an entry cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// It belongs to another account.
    Owner(EntryStatus),
    /// Others than root may write it, or replace what is in it.
    Writable(EntryStatus),
}

const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o022;
const GROUP_WRITE: u32 = 0o020;

impl EntryStatus {
    /// Why it cannot be trusted; nothing if root alone can change it.
    ///
    /// No group is an exception, not even root's: under an access control list
    /// its bits are the mask of the list (acl(5)), so they may stand for the
    /// right of anybody. In a sticky directory nobody can replace or remove
    /// what belongs to others (inode(7)); that what is in it is root's is asked
    /// of each entry. The mode of a link has no meaning.
    pub fn distrust(self) -> impl Iterator<Item = Distrust> {
        let owner = (self.uid != 0).then_some(Distrust::Owner(self));
        let is_writable = match self.kind {
            EntryKind::Link => false,
            EntryKind::Directory => self.mode & OTHERS_WRITE != 0 && self.mode & STICKY == 0,
            EntryKind::File | EntryKind::Other => self.mode & OTHERS_WRITE != 0,
        };
        let writable = is_writable.then_some(Distrust::Writable(self));
        owner.into_iter().chain(writable)
    }

    /// Why a program that is reached through it cannot be trusted. Here a sticky
    /// directory is no exception: if fs.protected_hardlinks is 0
    /// (proc_sys_fs(5)), anybody can link another of root's programs to a name
    /// that is free in it.
    pub fn distrust_for_program(self) -> impl Iterator<Item = Distrust> {
        let mode = match self.kind {
            EntryKind::Directory => self.mode & !STICKY,
            _ => self.mode,
        };
        let distrust = Self { mode, ..self }.distrust();
        distrust.map(move |why| match why {
            Distrust::Owner(_) => Distrust::Owner(self),
            Distrust::Writable(_) => Distrust::Writable(self),
        })
    }

    /// Whether this is a store of packages (`/nix/store`, `/gnu/store`: root's,
    /// mode 1775) of which the way has these entries, and root alone can change
    /// them. The group that builds packages can make new names in a store. The
    /// sticky bit keeps it from removing and renaming what is root's (inode(7)).
    /// It could link another file of root's to a free name (see above), but a
    /// directory has no second link, and one of root's cannot be brought here
    /// from elsewhere: rename(2) wants the right to write in the directory that
    /// moves. So a directory of root's in a store is what root has put there; a
    /// file or a link need not be. That they are root's is asked of each entry on
    /// its own. A store that everybody can write is none.
    pub fn is_closed_store(self, within: &[Self]) -> bool {
        let is_store = self.kind == EntryKind::Directory
            && self.uid == 0
            && self.mode & (STICKY | OTHERS_WRITE) == STICKY | GROUP_WRITE;
        let mut within = within.iter();
        is_store && within.len() > 0 && within.all(|entry| entry.kind == EntryKind::Directory)
    }

    /// Whether root alone can change it.
    pub fn is_trusted(self) -> bool {
        self.distrust().next().is_none()
    }
}

/// Trees of the distribution: root's, whatever somebody has done to them
/// (hier(7)).
const SYSTEM_TREES: [&str; 9] = [
    "/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr",
];

/// Directories that are root's, though accounts and services have directories
/// of their own in them (hier(7)).
const SYSTEM_DIRECTORIES: [&str; 12] = [
    "/",
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/run",
    "/srv",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/spool",
];

/// Whether this is root's by convention. Only there may a command take the
/// owner or the right to write away from others: anywhere else, somebody may
/// live by it.
pub fn is_of_the_system(path: &Path) -> bool {
    SYSTEM_DIRECTORIES.iter().any(|own| path == Path::new(own))
        || SYSTEM_TREES.iter().any(|tree| path.starts_with(tree))
}

impl Distrust {
    /// The command that puts it right; `None` where that could take from an
    /// account or a service what it needs. `word` is the path as a word for
    /// the shell.
    pub fn command(self, path: &Path, word: &str) -> Option<String> {
        is_of_the_system(path).then(|| match self {
            Self::Owner(_) => format!("chown -h root {word}"),
            Self::Writable(_) => format!("chmod go-w {word}"),
        })
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(EntryStatus { kind, uid, .. }) if *kind == EntryKind::Link => {
                write!(f, "is a link of uid {uid}, not of root")
            }
            Self::Owner(EntryStatus { uid, .. }) => {
                write!(f, "is owned by uid {uid}, not by root")
            }
            Self::Writable(EntryStatus { mode, .. }) => {
                write!(f, "can be written by others (mode {mode:04o})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores() {
        use EntryKind::{Directory, File, Link};
        let status = |kind, uid, mode| EntryStatus { kind, uid, mode };
        let package = status(Directory, 0, 0o555);
        let rows = [
            (status(Directory, 0, 0o1775), vec![package], true),
            (status(Directory, 0, 0o1775), vec![package, package], true),
            (status(Directory, 0, 0o1775), vec![], false),
            (
                status(Directory, 0, 0o1775),
                vec![status(File, 0, 0o444)],
                false,
            ),
            (
                status(Directory, 0, 0o1775),
                vec![package, status(Link, 0, 0o777)],
                false,
            ),
            (status(Directory, 0, 0o0775), vec![package], false),
            (status(Directory, 0, 0o1777), vec![package], false),
            (status(Directory, 7, 0o1775), vec![package], false),
        ];
        for (store, within, expected) in rows {
            assert_eq!(
                store.is_closed_store(&within),
                expected,
                "{store:?} {within:?}"
            );
        }
    }

    #[test]
    fn root_alone() {
        use EntryKind::{Directory, File, Link, Other};
        let rows: [(EntryKind, u32, u32, &[&str]); 15] = [
            (File, 0, 0o755, &[]),
            (File, 0, 0o1755, &[]),
            (File, 0, 0o4755, &[]),
            (File, 0, 0o775, &["can be written by others (mode 0775)"]),
            (File, 0, 0o757, &["can be written by others (mode 0757)"]),
            (File, 0, 0o1777, &["can be written by others (mode 1777)"]),
            (File, 7, 0o755, &["is owned by uid 7, not by root"]),
            (
                File,
                7,
                0o666,
                &[
                    "is owned by uid 7, not by root",
                    "can be written by others (mode 0666)",
                ],
            ),
            (Directory, 0, 0o755, &[]),
            (Directory, 0, 0o1777, &[]),
            (
                Directory,
                0,
                0o2775,
                &["can be written by others (mode 2775)"],
            ),
            (Directory, 7, 0o1777, &["is owned by uid 7, not by root"]),
            (Link, 0, 0o777, &[]),
            (Link, 7, 0o777, &["is a link of uid 7, not of root"]),
            (Other, 0, 0o666, &["can be written by others (mode 0666)"]),
        ];
        for (kind, uid, mode, expected) in rows {
            let status = EntryStatus { kind, uid, mode };
            let seen: Vec<_> = status.distrust().map(|why| why.to_string()).collect();
            assert_eq!(seen, expected, "{kind:?} {uid} {mode:o}");
            assert_eq!(status.is_trusted(), expected.is_empty());
        }
    }
}
