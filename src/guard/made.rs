//! What did this session make? Files and directories, known by inode and birth
//! time, and held by an O_PATH descriptor so that the inode is not used again.
//!
//! The number is bounded; what was forgotten counts as older than the session,
//! which only ever takes rights away.

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use super::judge::MadeHere;
use super::room::Room;
use crate::system::statx::{Inode, Kind};

/// Second names that are remembered. sftp-server needs the last one.
const NAMES: usize = 16;
/// Temporary files that are removed at the end of the session.
const TEMPORARIES: usize = 64;

#[derive(Debug)]
struct Item {
    links: u32,
    temporary: bool,
    _pin: Rc<OwnedFd>,
}

/// A temporary file that still has its temporary name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Which file.
    pub inode: Inode,
    /// Its path when it was made.
    pub path: Vec<u8>,
}

/// All that the session made and the guard remembers.
#[derive(Debug)]
pub struct Made {
    items: HashMap<Inode, Item>,
    /// The oldest first.
    files: VecDeque<Inode>,
    /// The oldest first.
    directories: VecDeque<Inode>,
    room: Room,
    leftovers: Vec<Leftover>,
    names: VecDeque<(Inode, Vec<u8>)>,
}

impl Made {
    /// Nothing yet; no more than `room` has place for.
    pub fn within(room: Room) -> Self {
        Self {
            items: HashMap::new(),
            files: VecDeque::new(),
            directories: VecDeque::new(),
            room,
            leftovers: Vec::new(),
            names: VecDeque::new(),
        }
    }

    /// What is remembered of this file.
    pub fn find(&self, inode: Inode) -> Option<MadeHere> {
        let item = self.items.get(&inode)?;
        Some(MadeHere {
            links: item.links,
            temporary: item.temporary,
        })
    }

    /// Remembers a file that was just made.
    pub fn add(&mut self, inode: Inode, kind: Kind, pin: Rc<OwnedFd>) {
        let (order, most) = match kind {
            Kind::Directory => (&mut self.directories, self.room.directories),
            _ => (&mut self.files, self.room.files),
        };
        if order.len() >= most
            && let Some(oldest) = order.pop_front()
        {
            self.items.remove(&oldest);
        }
        order.push_back(inode);
        let item = Item {
            links: 1,
            temporary: false,
            _pin: pin,
        };
        self.items.insert(inode, item);
    }

    /// Whether another temporary file can be cleaned up after.
    pub fn has_room_for_temporary(&self) -> bool {
        self.leftovers.len() < TEMPORARIES
    }

    /// Marks a file that was just added as temporary.
    pub fn mark_temporary(&mut self, inode: Inode, path: Vec<u8>) {
        if let Some(item) = self.item(inode) {
            item.temporary = true;
        }
        self.mark_temporary_name(inode, path);
    }

    /// Remembers a temporary name of a file that has others.
    pub fn mark_temporary_name(&mut self, inode: Inode, path: Vec<u8>) {
        self.leftovers.push(Leftover { inode, path });
    }

    /// Whether the file has this name as a temporary one.
    pub fn is_leftover(&self, inode: Inode, path: &[u8]) -> bool {
        let mut left = self.leftovers.iter();
        left.any(|left| left.inode == inode && left.path == path)
    }

    /// It got a proper name: it is temporary no more.
    pub fn renamed(&mut self, inode: Inode) {
        if let Some(item) = self.item(inode) {
            item.temporary = false;
        }
        self.leftovers.retain(|left| left.inode != inode);
    }

    /// Whether the session gave this name to a file as a second one.
    pub fn gave_name(&self, inode: Inode, path: &[u8]) -> bool {
        let known = |name: &(Inode, Vec<u8>)| name.0 == inode && name.1 == path;
        self.names.iter().any(known)
    }

    /// It got a second name.
    pub fn linked(&mut self, inode: Inode, path: &[u8]) {
        if self.names.len() == NAMES {
            self.names.pop_front();
        }
        self.names.push_back((inode, path.to_vec()));
        if let Some(item) = self.item(inode) {
            item.links = item.links.saturating_add(1);
        }
    }

    /// A temporary name of it is gone.
    pub fn forget_temporary_name(&mut self, inode: Inode, path: &[u8]) {
        let left = |left: &Leftover| left.inode != inode || left.path != path;
        self.leftovers.retain(left);
    }

    /// It lost a name.
    pub fn unlinked(&mut self, inode: Inode) {
        let Some(item) = self.item(inode) else {
            return;
        };
        item.links = item.links.saturating_sub(1);
        if item.links > 0 {
            return;
        }
        self.items.remove(&inode);
        self.files.retain(|known| *known != inode);
        self.directories.retain(|known| *known != inode);
        self.leftovers.retain(|left| left.inode != inode);
    }

    /// The temporary files that were left.
    pub fn take_leftovers(&mut self) -> Vec<Leftover> {
        std::mem::take(&mut self.leftovers)
    }

    fn item(&mut self, inode: Inode) -> Option<&mut Item> {
        self.items.get_mut(&inode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inode(number: u64) -> Inode {
        Inode {
            device: (8, 1),
            number,
            born: (1, 2),
        }
    }

    fn pin() -> Rc<OwnedFd> {
        Rc::new(std::fs::File::open("/dev/null").unwrap().into())
    }

    #[test]
    fn names_are_counted() {
        let mut made = Made::within(Room::within(1024));
        made.add(inode(1), Kind::File, pin());
        made.linked(inode(1), b"/a");
        assert!(made.gave_name(inode(1), b"/a"));
        assert!(!made.gave_name(inode(1), b"/b"));
        assert!(!made.gave_name(inode(2), b"/a"));
        assert_eq!(made.find(inode(1)).map(|m| m.links), Some(2));
        made.unlinked(inode(1));
        assert_eq!(made.find(inode(1)).map(|m| m.links), Some(1));
        made.unlinked(inode(1));
        assert_eq!(made.find(inode(1)), None);
    }

    #[test]
    fn an_inode_that_is_used_again_is_another_file() {
        let mut made = Made::within(Room::within(1024));
        made.add(inode(1), Kind::File, pin());
        let again = Inode {
            born: (9, 9),
            ..inode(1)
        };
        assert_eq!(made.find(again), None);
    }

    #[test]
    fn the_oldest_is_forgotten_and_directories_outlive_files() {
        let mut made = Made::within(Room::within(1024));
        let pin = pin();
        made.add(inode(1), Kind::Directory, Rc::clone(&pin));
        for number in 2..=Room::within(1024).files as u64 + 2 {
            made.add(inode(number), Kind::File, Rc::clone(&pin));
        }
        assert!(made.find(inode(1)).is_some());
        assert_eq!(made.find(inode(2)), None);
        assert!(made.find(inode(3)).is_some());
    }
}
