//! Examines an account's home, and where the account may write.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use super::files::{self, NotExamined};
use crate::decide::trust::EntryKind;
use crate::gather::trust::{PathEntry, way_to};

/// What is at and below a home.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// Everything on the way to the home, and finally the home; empty if it is
    /// missing.
    pub way: Vec<PathEntry>,
    /// If it is missing, or `/`: the chroot in which there is a directory of
    /// its name. Then nothing else is looked at.
    pub chroot: Option<PathBuf>,
    /// `.ssh` and what is in it, as far as it exists.
    pub ssh: Vec<PathEntry>,
    /// Directories below the home that everyone may write.
    pub other_writable: Vec<PathEntry>,
    /// Whether the search for them was cut off.
    pub cut: bool,
    /// The parts that could not be examined.
    pub not_examined: Vec<NotExamined>,
}

/// At most this many names below a home are looked at.
pub const LOOKS_MAX: usize = 50_000;

/// Every account of the host may write it.
const OTHER_WRITE: u32 = 0o002;

impl Home {
    /// Looks at the home of one account, whose sessions sshd would put in
    /// `chroot`.
    pub fn gather(home: &Path, chroot: Option<PathBuf>) -> Self {
        let mut seen = Self::default();
        let below = home.strip_prefix("/").unwrap_or(home);
        let chroot = chroot.filter(|root| root.join(below).is_dir());
        let is_root = home == Path::new("/") && chroot.is_some();
        let way = files::unless_absent(home, way_to(home), &mut seen.not_examined);
        let Some(way) = way.filter(|_| !is_root) else {
            seen.chroot = chroot;
            return seen;
        };
        seen.way = way;
        let ssh = home.join(".ssh");
        let inside = files::list(&ssh, &mut seen.not_examined);
        let inside = inside.iter().map(DirEntry::path);
        for path in [ssh].into_iter().chain(inside) {
            let entry = PathEntry::of(&path);
            seen.ssh
                .extend(files::unless_absent(&path, entry, &mut seen.not_examined));
        }
        seen.search(home);
        seen
    }

    /// Searches a home for directories that everyone may write.
    fn search(&mut self, home: &Path) {
        let mut waiting = vec![home.to_owned()];
        let mut looks = 0;
        while let Some(directory) = waiting.pop() {
            for entry in files::list(&directory, &mut self.not_examined) {
                looks += 1;
                if looks > LOOKS_MAX {
                    self.cut = true;
                    return;
                }
                if entry.file_type().is_ok_and(|kind| !kind.is_dir()) {
                    continue;
                }
                let path = entry.path();
                let entry = PathEntry::of(&path);
                let entry = files::unless_absent(&path, entry, &mut self.not_examined);
                let is_directory = |entry: &PathEntry| entry.status.kind == EntryKind::Directory;
                let Some(entry) = entry.filter(is_directory) else {
                    continue;
                };
                waiting.push(path);
                if entry.status.mode & OTHER_WRITE != 0 {
                    self.other_writable.push(entry);
                }
            }
        }
    }
}
