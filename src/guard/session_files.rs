//! What the session created, gave names to, and must clean up: known by its
//! identity, never by the text of a path.
//!
//! A file is known by device, inode number and birth time. An inode number can
//! be reused once its file is gone, so a new file is held open with O_PATH for
//! a while: a file that gets the number after that has a later birth time. Where
//! there are no birth times, see [`super::birthless`]. What is forgotten counts
//! as older than the session, which can only take rights away.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::birthless::Birthless;
use super::capacity::Capacity;
use super::resolve::{DirEntry, Directory};
use super::rsync_temporaries::{RsyncTemporaries, RsyncTemporary};
use crate::system::statx::{FileId, Inode, Status};

/// The most files and directories that are remembered: 32 bytes each.
const OWN_MAX: usize = 900_000;
/// The most names that are remembered of files with more than one. sftp-server
/// needs the last one that it gave.
const NAMES_MAX: usize = 1024;
/// The most temporary names that are removed at the end of the session.
const TEMPORARY_MAX: usize = 64;
/// How long a new file is held at least. The kernel's clock for birth times
/// advances at least every 10 ms (CONFIG_HZ of 100).
const HELD_MIN: Duration = Duration::from_millis(20);

/// An [`Inode`] in less space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct FileKey {
    device: u64,
    number: u64,
    /// Nanoseconds; they fit until the year 2262.
    born: i64,
}

impl From<Inode> for FileKey {
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

/// A descriptor that keeps an inode number from being reused.
#[derive(Debug)]
struct Pin {
    inode: Inode,
    since: Instant,
    _fd: Rc<OwnedFd>,
}

impl Pin {
    /// Whether another file that gets the number now could have the same birth
    /// time.
    fn is_young(&self, now: Instant) -> bool {
        now.duration_since(self.since) < HELD_MIN
    }
}

/// All that the guard remembers about the session's files.
#[derive(Debug)]
pub struct SessionFiles {
    /// What the session created, with a birth time.
    own: HashSet<FileKey>,
    /// Of these, what is held open, the oldest first.
    pins: VecDeque<Pin>,
    pins_max: usize,
    /// What the session created without a birth time.
    birthless: Birthless,
    /// How much of both is held open at most.
    held_max: usize,
    temporary: Rc<RefCell<RsyncTemporaries>>,
    /// Names of files to which the session gave a second one.
    names: VecDeque<GivenName>,
}

/// A name of a file to which the session gave a second one.
#[derive(Clone, Debug)]
pub struct GivenName {
    inode: Inode,
    directory: FileId,
    name: CString,
    /// Where it was then: another session may have changed that since.
    pub path: Vec<u8>,
    /// Whether the session gave it with link(2).
    is_second: bool,
}

impl GivenName {
    fn of(inode: Inode, entry: &DirEntry, directory: FileId, is_second: bool) -> Self {
        Self {
            inode,
            directory,
            name: entry.name.clone(),
            path: entry.place.path.clone(),
            is_second,
        }
    }

    /// Whether this directory still has the name for the file.
    pub fn is_still(&self, directory: FileId, status: &Status) -> bool {
        self.directory == directory && self.inode == status.inode
    }
}

impl SessionFiles {
    /// Nothing yet; holds at most this many files open.
    pub fn holding(capacity: Capacity, temporary: Rc<RefCell<RsyncTemporaries>>) -> Self {
        Self {
            own: HashSet::new(),
            pins: VecDeque::new(),
            pins_max: capacity.files,
            birthless: Birthless::default(),
            held_max: capacity.held,
            temporary,
            names: VecDeque::new(),
        }
    }

    /// Whether the session created this file.
    pub fn is_own(&self, inode: Inode) -> bool {
        if inode.has_birth() {
            self.own.contains(&inode.into())
        } else {
            self.birthless.contains(inode)
        }
    }

    /// The names of a file with more than one that the session knows to be its
    /// own, as far as nobody else has changed them.
    pub fn names_of(&self, inode: Inode) -> Vec<GivenName> {
        let names = self.names.iter();
        names
            .filter(|given| given.inode == inode)
            .cloned()
            .collect()
    }

    /// Remembers a file that was just created.
    pub fn add(&mut self, inode: Inode, pin: Rc<OwnedFd>) {
        if !inode.has_birth() {
            self.rest();
            let left = self.held_max.saturating_sub(self.pins.len());
            self.birthless.make_room(left);
            self.birthless.add(inode, pin);
            return;
        }
        let now = Instant::now();
        self.birthless.make_room(self.held_max);
        while let Some(oldest) = self.pins.front() {
            let is_full = self.pins.len() + self.birthless.count() >= self.held_max;
            let is_young = oldest.is_young(now);
            // Many are made faster than birth times change: more are held for
            // that long.
            if !is_full && (is_young || self.pins.len() < self.pins_max) {
                break;
            }
            if is_young {
                self.own.remove(&oldest.inode.into());
            }
            self.pins.pop_front();
        }
        if self.own.len() < OWN_MAX {
            self.own.insert(inode.into());
            self.pins.push_back(Pin {
                inode,
                since: now,
                _fd: pin,
            });
        }
    }

    /// Closes files that need not be held any more, so that neither space nor
    /// file systems are kept busy.
    pub fn rest(&mut self) {
        let now = Instant::now();
        self.pins.retain(|pin| pin.is_young(now));
    }

    /// It got a second name. `first` is the name that it had until then, if
    /// there was only one.
    pub fn linked(
        &mut self,
        inode: Inode,
        first: Option<(&DirEntry, FileId)>,
        second: (&DirEntry, FileId),
    ) {
        if let Some((entry, directory)) = first {
            self.names.retain(|given| given.inode != inode);
            self.remember(GivenName::of(inode, entry, directory, false));
        }
        self.remember(GivenName::of(inode, second.0, second.1, true));
        if !inode.has_birth() {
            let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let DirEntry {
                directory, name, ..
            } = second.0;
            if let Ok(fd) = openat(&*directory.fd, &**name, flags, Mode::empty()) {
                self.birthless.linked(inode, fd);
            }
        }
    }

    fn remember(&mut self, name: GivenName) {
        if self.names.len() == NAMES_MAX {
            self.names.pop_front();
        }
        self.names.push_back(name);
    }

    /// Whether the session gave this name to a file as a second one.
    pub fn gave_name(&self, inode: Inode, directory: FileId, name: &CStr) -> bool {
        let mut names = self.names.iter();
        names.any(|given| {
            given.is_second
                && (given.inode, given.directory) == (inode, directory)
                && *given.name == *name
        })
    }

    /// It lost a name; `links` are left. It does not stay the session's own
    /// because of names that others gave it.
    pub fn unlinked(&mut self, inode: Inode, directory: FileId, name: &CStr, links: u32) {
        self.forget_name(directory, name);
        let has_own_name = self.names.iter().any(|given| given.inode == inode);
        if links == 0 || !has_own_name {
            self.own.remove(&inode.into());
            self.birthless.remove(inode);
            self.pins.retain(|pin| pin.inode != inode);
        }
    }

    /// A name of it became another one.
    pub fn renamed(&mut self, old: (FileId, &CStr), new: (&DirEntry, FileId)) {
        let mut names = self.names.iter_mut();
        let known = names.find(|given| given.directory == old.0 && *given.name == *old.1);
        let moved = known.map(|given| GivenName::of(given.inode, new.0, new.1, given.is_second));
        self.forget_name(old.0, old.1);
        if let Some(moved) = moved {
            self.remember(moved);
        }
    }

    /// A name is gone, or now belongs to another file.
    pub fn forget_name(&mut self, directory: FileId, name: &CStr) {
        self.names
            .retain(|given| given.directory != directory || *given.name != *name);
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
    pub fn mark_temporary(&self, entry: &DirEntry, id: FileId, inode: Inode) {
        let Directory { fd, .. } = &entry.directory;
        self.temporary.borrow_mut().0.push(RsyncTemporary {
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
    pub fn take_temporary(&self) -> Vec<RsyncTemporary> {
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
        let capacity = Capacity {
            files: pins_max,
            held: pins_max,
            uploads: 1,
        };
        SessionFiles::holding(capacity, Rc::default())
    }

    fn pin() -> Rc<OwnedFd> {
        Rc::new(std::fs::File::open("/dev/null").unwrap().into())
    }

    #[test]
    fn an_inode_that_is_used_again_is_another_file() {
        let mut files = files(8);
        files.add(inode(1), pin());
        let again = Inode {
            born: (9, 9),
            ..inode(1)
        };
        assert!(!files.is_own(again));
    }

    #[test]
    fn what_is_made_fast_is_held_longer_where_there_is_room() {
        let capacity = Capacity {
            files: 1,
            held: 3,
            uploads: 1,
        };
        let mut files = SessionFiles::holding(capacity, Rc::default());
        (1..=4).for_each(|number| files.add(inode(number), pin()));
        let own = [1, 2, 3, 4].map(|number| files.is_own(inode(number)));
        assert_eq!(own, [false, true, true, true]);
        std::thread::sleep(HELD_MIN * 2);
        files.add(inode(5), pin());
        assert_eq!(files.pins.len(), 1);
        assert!(files.is_own(inode(2)));
    }

    #[test]
    fn what_was_held_too_shortly_is_forgotten() {
        let mut files = files(1);
        files.add(inode(1), pin());
        files.add(inode(2), pin());
        assert!(!files.is_own(inode(1)));
        std::thread::sleep(HELD_MIN * 2);
        files.add(inode(3), pin());
        assert!(files.is_own(inode(2)));
    }
}
