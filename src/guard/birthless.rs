//! What the session created on file systems without birth times (FUSE, NFS).
//!
//! There a file is known by device and inode number alone, and the number can
//! be reused once the file is gone. So it is known only while it is held open;
//! and only while it is still there, since such a file system need not hold
//! anything open on the one below it: the file can go behind a descriptor, and
//! another get its number. To FUSE each name of a file may be another file, so a
//! descriptor for each is held.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;

use crate::system::statx::{self, FileId, Inode};

/// A file that is held open.
#[derive(Debug)]
struct HeldFile {
    /// One for each name that the session gave it.
    fds: Vec<Rc<OwnedFd>>,
    /// When it was added.
    turn: u64,
    /// Whether the file system counts links at all: some show none.
    counts_links: bool,
}

/// The files, each held open.
#[derive(Debug, Default)]
pub struct Birthless {
    files: HashMap<FileId, HeldFile>,
    /// The oldest first.
    order: BTreeMap<u64, FileId>,
    next: u64,
    /// How many descriptors they take.
    count: usize,
}

impl Birthless {
    /// How many descriptors are held.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Forgets the oldest until there are fewer than `max` descriptors: what a
    /// client does to a new file, it mostly does at once.
    pub fn make_room(&mut self, max: usize) {
        while self.count >= max.max(1)
            && let Some((_, oldest)) = self.order.pop_first()
        {
            if let Some(held) = self.files.remove(&oldest) {
                self.count -= held.fds.len();
            }
        }
    }

    /// One of these files got another name.
    pub fn linked(&mut self, inode: Inode, fd: OwnedFd) {
        if let Some(held) = self.files.get_mut(&inode.file()) {
            let before = held.fds.len();
            held.fds.retain(|fd| is_there(fd, inode, held.counts_links));
            held.fds.push(Rc::new(fd));
            self.count = self.count - before + held.fds.len();
        }
    }

    /// Remembers a file that was just created.
    pub fn add(&mut self, inode: Inode, fd: Rc<OwnedFd>) {
        let id = inode.file();
        self.remove(inode);
        let counts_links = statx::of_fd(fd.as_fd()).is_ok_and(|status| status.links > 0);
        self.count += 1;
        let turn = self.next;
        self.next += 1;
        self.order.insert(turn, id);
        let held = HeldFile {
            fds: vec![fd],
            turn,
            counts_links,
        };
        self.files.insert(id, held);
    }

    /// Whether it is one of these files, and not another one with the number of
    /// one that is gone.
    pub fn contains(&self, inode: Inode) -> bool {
        self.files.get(&inode.file()).is_some_and(|held| {
            let mut fds = held.fds.iter();
            fds.any(|fd| is_there(fd, inode, held.counts_links))
        })
    }

    /// It is gone, or is no longer the session's own.
    pub fn remove(&mut self, inode: Inode) {
        if let Some(held) = self.files.remove(&inode.file()) {
            self.order.remove(&held.turn);
            self.count -= held.fds.len();
        }
    }
}

/// Whether a descriptor still leads to this file, and the file has a name.
fn is_there(fd: &OwnedFd, inode: Inode, counts_links: bool) -> bool {
    let now = statx::of_fd_now(fd.as_fd());
    now.is_ok_and(|now| now.inode == inode && (now.links > 0 || !counts_links))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    /// A file, as a file system without birth times shows it.
    fn held(path: &std::path::Path) -> (Inode, Rc<OwnedFd>) {
        let fd: OwnedFd = File::create(path).unwrap().into();
        let inode = statx::of_fd(fd.as_fd()).unwrap().inode;
        (inode, Rc::new(fd))
    }

    #[test]
    fn the_oldest_is_forgotten_and_what_is_gone_is_not_known() {
        let place = std::env::temp_dir().join(format!("xfersh-birthless-{}", std::process::id()));
        fs::create_dir(&place).unwrap();
        let [one, two, three] = ["1", "2", "3"].map(|name| held(&place.join(name)));
        let mut files = Birthless::default();
        for (inode, fd) in [&one, &two, &three] {
            files.make_room(2);
            files.add(*inode, Rc::clone(fd));
        }
        assert!(!files.contains(one.0));
        assert!(files.contains(two.0) && files.contains(three.0));
        files.remove(two.0);
        assert!(!files.contains(two.0));
        assert_eq!(files.count(), 1);
        files.add(one.0, one.1);
        assert!(files.contains(one.0) && files.contains(three.0));
        fs::remove_file(place.join("3")).unwrap();
        assert!(!files.contains(three.0));
        files.linked(one.0, File::open(place.join("1")).unwrap().into());
        assert_eq!(files.count(), 3);
        files.remove(one.0);
        files.remove(three.0);
        assert_eq!(files.count(), 0);
        fs::remove_dir_all(&place).unwrap();
    }
}
