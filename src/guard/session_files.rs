//! What the session made, gave names to, and has to clean up after: known by
//! what it is, never by the text of a path.
//!
//! A file is known by device, inode number and birth time. An inode number can
//! be used again once its file is gone, so what was just made is held by an
//! O_PATH descriptor for a while: a file that gets the number later than that was
//! born later. Where a file system has no birth times, only what is held is
//! known. What is forgotten counts as older than the session, which only ever
//! takes rights away.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::resolve::{Directory, Entry};
use crate::system::statx::{FileId, Inode};

/// Files and directories that are remembered: 32 bytes each.
const OWN_MAX: usize = 900_000;
/// Second names that are remembered. sftp-server needs the last one.
const NAMES_MAX: usize = 16;
/// Temporary names that are removed at the end of the session.
const TEMPORARY_MAX: usize = 64;
/// For how long a new file is held at least. The kernel's clock of birth times
/// moves every 10 ms at the latest (CONFIG_HZ of 100).
const HELD_MIN: Duration = Duration::from_millis(20);

/// An [`Inode`] in less room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    device: u64,
    number: u64,
    /// Nanoseconds; they fit until the year 2262.
    born: i64,
}

impl From<Inode> for Key {
    fn from(inode: Inode) -> Self {
        let (major, minor) = inode.device;
        let (seconds, nanoseconds) = inode.born;
        Self {
            device: u64::from(major) << 32 | u64::from(minor),
            number: inode.number,
            born: seconds
                .wrapping_mul(1_000_000_000)
                .wrapping_add(nanoseconds.into()),
        }
    }
}

/// A descriptor that keeps an inode number from being used again.
#[derive(Debug)]
struct Pin {
    inode: Inode,
    since: Instant,
    _fd: Rc<OwnedFd>,
}

/// A name that rsync's receiver gave, of the one exception to P4.
#[derive(Clone, Debug)]
pub struct TemporaryName {
    /// The directory, held.
    pub directory: Rc<OwnedFd>,
    directory_id: FileId,
    /// The name there.
    pub name: CString,
    /// Which file has it.
    pub inode: Inode,
    /// Where it was when it was made: for the log.
    pub path: Vec<u8>,
}

/// The temporary names of the session.
#[derive(Debug, Default)]
pub struct TemporaryNames(Vec<TemporaryName>);

impl TemporaryNames {
    /// Whether this name in this directory is one of them.
    pub fn has(&self, (directory, name): (FileId, &[u8])) -> bool {
        let mut names = self.0.iter();
        names.any(|known| known.directory_id == directory && known.name.as_bytes() == name)
    }

    fn is(&self, (directory, name): (FileId, &CStr), inode: Inode) -> bool {
        let mut names = self.0.iter();
        names.any(|known| {
            known.directory_id == directory && *known.name == *name && known.inode == inode
        })
    }
}

/// All that the guard remembers of the session's files.
#[derive(Debug)]
pub struct SessionFiles {
    /// What the session made, and how many names it gave each.
    own: HashMap<Key, u32>,
    /// The oldest first.
    pins: VecDeque<Pin>,
    pins_max: usize,
    temporary: Rc<RefCell<TemporaryNames>>,
    /// Second names: the file, the directory, the name.
    names: VecDeque<(Inode, FileId, CString)>,
}

impl SessionFiles {
    /// Nothing yet; holds at most so many files at once.
    pub fn holding(pins_max: usize, temporary: Rc<RefCell<TemporaryNames>>) -> Self {
        Self {
            own: HashMap::new(),
            pins: VecDeque::new(),
            pins_max,
            temporary,
            names: VecDeque::new(),
        }
    }

    /// How many names the session gave this file, if it made it.
    pub fn own_names(&self, inode: Inode) -> Option<u32> {
        self.own.get(&inode.into()).copied()
    }

    /// Remembers a file that was just made.
    pub fn add(&mut self, inode: Inode, pin: Rc<OwnedFd>) {
        let now = Instant::now();
        while self.pins.len() >= self.pins_max
            && let Some(oldest) = self.pins.pop_front()
        {
            self.let_go(&oldest, now);
        }
        if self.own.len() < OWN_MAX {
            self.own.insert(inode.into(), 1);
            self.pins.push_back(Pin {
                inode,
                since: now,
                _fd: pin,
            });
        }
    }

    /// A file that is held no longer stays known only if another one that gets
    /// its number must have another birth time.
    fn let_go(&mut self, pin: &Pin, now: Instant) {
        if !pin.inode.has_birth() || now.duration_since(pin.since) < HELD_MIN {
            self.own.remove(&pin.inode.into());
        }
    }

    /// Lets go of files that need not be held any more, so that neither space nor
    /// file systems are kept busy.
    pub fn rest(&mut self) {
        let now = Instant::now();
        self.pins
            .retain(|pin| !pin.inode.has_birth() || now.duration_since(pin.since) < HELD_MIN);
    }

    /// It got a second name.
    pub fn linked(&mut self, inode: Inode, directory: FileId, name: CString) {
        if self.names.len() == NAMES_MAX {
            self.names.pop_front();
        }
        self.names.push_back((inode, directory, name));
        if let Some(names) = self.own.get_mut(&inode.into()) {
            *names = names.saturating_add(1);
        }
    }

    /// Whether the session gave this name to a file as a second one.
    pub fn gave_name(&self, inode: Inode, directory: FileId, name: &CStr) -> bool {
        let mut names = self.names.iter();
        names.any(|(file, place, given)| (*file, *place) == (inode, directory) && **given == *name)
    }

    /// It lost a name.
    pub fn unlinked(&mut self, inode: Inode, directory: FileId, name: &CStr) {
        self.forget_name(directory, name);
        let Some(names) = self.own.get_mut(&inode.into()) else {
            return;
        };
        *names = names.saturating_sub(1);
        if *names == 0 {
            self.own.remove(&inode.into());
            self.pins.retain(|pin| pin.inode != inode);
        }
    }

    /// A name is gone, or is another file's now.
    pub fn forget_name(&mut self, directory: FileId, name: &CStr) {
        self.names
            .retain(|(_, place, given)| *place != directory || **given != *name);
        self.temporary
            .borrow_mut()
            .0
            .retain(|known| known.directory_id != directory || *known.name != *name);
    }

    /// Whether another temporary name can be cleaned up after.
    pub fn has_room_for_temporary(&self) -> bool {
        self.temporary.borrow().0.len() < TEMPORARY_MAX
    }

    /// Remembers a temporary name.
    pub fn mark_temporary(&self, entry: &Entry, id: FileId, inode: Inode) {
        let Directory { fd, .. } = &entry.directory;
        self.temporary.borrow_mut().0.push(TemporaryName {
            directory: Rc::clone(fd),
            directory_id: id,
            name: entry.name.clone(),
            inode,
            path: entry.place.path.clone(),
        });
    }

    /// Whether the file has this name as a temporary one.
    pub fn is_temporary(&self, entry: (FileId, &CStr), inode: Inode) -> bool {
        self.temporary.borrow().is(entry, inode)
    }

    /// Whether there are temporary names at all.
    pub fn has_temporary(&self) -> bool {
        !self.temporary.borrow().0.is_empty()
    }

    /// The temporary names that were left.
    pub fn take_temporary(&self) -> Vec<TemporaryName> {
        std::mem::take(&mut self.temporary.borrow_mut().0)
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

    fn files(pins_max: usize) -> SessionFiles {
        SessionFiles::holding(pins_max, Rc::default())
    }

    fn pin() -> Rc<OwnedFd> {
        Rc::new(std::fs::File::open("/dev/null").unwrap().into())
    }

    #[test]
    fn names_are_counted() {
        let directory = inode(9).file();
        let mut files = files(8);
        files.add(inode(1), pin());
        files.linked(inode(1), directory, c"b".to_owned());
        assert!(files.gave_name(inode(1), directory, c"b"));
        assert!(!files.gave_name(inode(1), directory, c"c"));
        assert!(!files.gave_name(inode(1), inode(8).file(), c"b"));
        assert!(!files.gave_name(inode(2), directory, c"b"));
        assert_eq!(files.own_names(inode(1)), Some(2));
        files.unlinked(inode(1), directory, c"b");
        assert!(!files.gave_name(inode(1), directory, c"b"));
        assert_eq!(files.own_names(inode(1)), Some(1));
        files.unlinked(inode(1), directory, c"a");
        assert_eq!(files.own_names(inode(1)), None);
    }

    #[test]
    fn an_inode_that_is_used_again_is_another_file() {
        let mut files = files(8);
        files.add(inode(1), pin());
        let again = Inode {
            born: (9, 9),
            ..inode(1)
        };
        assert_eq!(files.own_names(again), None);
    }

    #[test]
    fn what_was_held_too_shortly_is_forgotten() {
        let mut files = files(1);
        files.add(inode(1), pin());
        files.add(inode(2), pin());
        assert_eq!(files.own_names(inode(1)), None);
        std::thread::sleep(HELD_MIN * 2);
        files.add(inode(3), pin());
        assert_eq!(files.own_names(inode(2)), Some(1));
        let no_birth = Inode {
            born: (0, 0),
            ..inode(4)
        };
        files.add(no_birth, pin());
        std::thread::sleep(HELD_MIN * 2);
        files.add(inode(5), pin());
        assert_eq!(files.own_names(no_birth), None);
    }
}
