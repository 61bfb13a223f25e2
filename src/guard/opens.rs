//! open(2) in all its forms: the guard opens, the server gets the descriptor.

use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, FcntlArg, OFlag, fcntl, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::ftruncate;

use super::call::PathArg;
use super::caller::Caller;
use super::judge::{self, Subject};
use super::ledger::Deed;
use super::place::{Entry, Object, proc_name};
use super::refusal::{Failure, Refusal};
use super::{Answer, Guard};
use crate::decide::access::Right;
use crate::system::statx::{self, Kind};

/// How often a name that appears and disappears meanwhile is tried again.
const TRIES: usize = 8;

/// Flags that say how an open file behaves, which are passed on as they are.
/// All others are the guard's own, or have no meaning for a regular file.
const KEPT: OFlag = OFlag::O_APPEND
    .union(OFlag::O_SYNC)
    .union(OFlag::O_DSYNC)
    .union(OFlag::O_DIRECT)
    .union(OFlag::O_NOATIME)
    .union(OFlag::O_LARGEFILE);

/// Every open of the guard: never a controlling terminal, never inherited.
const ALWAYS: OFlag = OFlag::O_NOCTTY.union(OFlag::O_CLOEXEC);

impl Guard<'_> {
    /// Opens what `path` leads to, or makes it.
    pub(super) fn open(
        &mut self,
        caller: &Caller,
        path: PathArg,
        flags: i32,
        mode: u32,
    ) -> Result<Answer, Failure> {
        let flags = OFlag::from_bits_retain(flags);
        let text = caller.path(path.address)?;
        if flags.contains(OFlag::O_PATH) || !changes(flags) {
            return self.open_to_read(caller, path.at, &text, flags);
        }
        if flags.contains(OFlag::O_TMPFILE) {
            return Err(Refusal::Unsupported.into());
        }
        if !flags.contains(OFlag::O_CREAT) {
            let follow = !flags.contains(OFlag::O_NOFOLLOW);
            let object = self.resolver.object(caller, path.at, &text, follow)?;
            return self.open_object(caller, object, flags);
        }
        if flags.contains(OFlag::O_DIRECTORY) {
            return Err(Errno::EINVAL.into());
        }
        let entry = match self.resolver.entry(caller, path.at, &text) {
            // The root directory.
            Err(Failure::Errno(Errno::EEXIST)) => return Err(Errno::EISDIR.into()),
            other => other?,
        };
        if entry.is_dots() || entry.wants_directory() {
            return Err(Errno::EISDIR.into());
        }
        for _ in 0..TRIES {
            match self.make_file(caller, &entry, flags, mode) {
                Err(Failure::Errno(Errno::EEXIST)) if !flags.contains(OFlag::O_EXCL) => {}
                other => return other,
            }
            let object = match self.resolver.entry_object(&entry) {
                Err(Failure::Errno(Errno::ENOENT)) => continue,
                other => other?,
            };
            if object.status.kind != Kind::Symlink {
                return self.open_object(caller, object, flags);
            }
            if flags.contains(OFlag::O_NOFOLLOW) {
                return Err(Errno::ELOOP.into());
            }
            return match self.resolver.object(caller, path.at, &text, true) {
                Ok(object) => self.open_object(caller, object, flags),
                Err(Failure::Errno(Errno::ENOENT)) => {
                    Err(Failure::at(&entry.place)(Refusal::Dangling))
                }
                Err(other) => Err(other),
            };
        }
        Err(Errno::EAGAIN.into())
    }

    /// Makes a new file; EEXIST if the name is taken.
    fn make_file(
        &mut self,
        caller: &Caller,
        entry: &Entry,
        flags: OFlag,
        mode: u32,
    ) -> Result<Answer, Failure> {
        let temporary = self.may_make_file(entry, flags)?;
        let access = self.access_to_hand_out(entry, flags);
        if access == OFlag::O_RDONLY && !judge::read_back(&self.plan.rules, &entry.place) {
            return Err(Failure::at(&entry.place)(Refusal::Right(Right::Read)));
        }
        self.confirm(caller)?;
        self.take_umask(caller.pid);
        let mode = judge::mode(&self.plan.rules, Kind::File, mode);
        let nonblock = flags & OFlag::O_NONBLOCK;
        let how = access
            | (flags & KEPT)
            | nonblock
            | OFlag::O_CREAT
            | OFlag::O_EXCL
            | OFlag::O_NOFOLLOW
            | ALWAYS;
        let name = &*entry.name;
        let fd = openat(&entry.directory, name, how, Mode::from_bits_truncate(mode))?;
        let status = statx::of_fd(fd.as_fd())?;
        let pin = Rc::new(pin(&fd)?);
        self.made.add(status.inode, Kind::File, Rc::clone(&pin));
        if temporary {
            let path = entry.place.path.clone();
            self.made.mark_temporary(status.inode, path);
        }
        let path = entry.place.path.clone();
        self.ledger
            .opened(self.audit, Deed::Created, status.inode, path, pin);
        Ok(Answer::opened(fd, flags, true))
    }

    /// Whether a file may be made, and whether it is one of rsync's.
    fn may_make_file(&self, entry: &Entry, flags: OFlag) -> Result<bool, Failure> {
        let rules = &self.plan.rules;
        let refusal = match judge::create(rules, &entry.place, Kind::File) {
            Ok(()) => return Ok(false),
            Err(refusal) => refusal,
        };
        if flags.contains(OFlag::O_EXCL)
            && matches!(refusal, Refusal::Dotfile | Refusal::Hidden)
            && judge::create_temporary(rules, &entry.place).is_ok()
        {
            if self.made.has_room_for_temporary() {
                return Ok(true);
            }
            return Err(Failure::at(&entry.place)(Refusal::TooMany));
        }
        Err(self.taken_or(entry, Failure::at(&entry.place)(refusal)))
    }

    /// The access mode that the server gets: it may not read what the policy
    /// does not let it read, and rsync asks for both without reading.
    fn access_to_hand_out(&self, entry: &Entry, flags: OFlag) -> OFlag {
        let access = flags & OFlag::O_ACCMODE;
        if access == OFlag::O_RDWR && !judge::read_back(&self.plan.rules, &entry.place) {
            return OFlag::O_WRONLY;
        }
        access
    }

    /// Opens a file that exists, for writing or with O_CREAT.
    fn open_object(
        &mut self,
        caller: &Caller,
        object: Object,
        flags: OFlag,
    ) -> Result<Answer, Failure> {
        let rules = &self.plan.rules;
        let place = &object.place;
        let access = flags & OFlag::O_ACCMODE;
        match object.status.kind {
            Kind::Null => {
                self.confirm(caller)?;
                return Ok(Answer::opened(reopen(&object, access)?, flags, false));
            }
            Kind::Directory => return Err(Errno::EISDIR.into()),
            Kind::Symlink => return Err(Errno::ELOOP.into()),
            Kind::File if flags.contains(OFlag::O_DIRECTORY) => {
                return Err(Errno::ENOTDIR.into());
            }
            Kind::File | Kind::Special => {}
        }
        let truncate = flags.contains(OFlag::O_TRUNC);
        if access == OFlag::O_RDONLY && !truncate {
            judge::read(rules, place, &self.subject(&object)).map_err(Failure::at(place))?;
            self.confirm(caller)?;
            let fd = self.reopen_regular(&object, access, flags)?;
            return Ok(Answer::opened(fd, flags, false));
        }
        let subject = self.subject(&object);
        judge::write(rules, place, &subject).map_err(Failure::at(place))?;
        let readable = judge::read_back(rules, place);
        let access = match access {
            OFlag::O_RDWR if !readable => OFlag::O_WRONLY,
            OFlag::O_RDONLY if !readable => {
                return Err(Failure::at(place)(Refusal::Right(Right::Read)));
            }
            other => other,
        };
        self.confirm(caller)?;
        let fd = self.reopen_regular(&object, access, flags)?;
        // An upload before this one has its line with the size that it had.
        let inode = object.status.inode;
        self.ledger.settle(self.audit, inode);
        if truncate && access == OFlag::O_RDONLY {
            ftruncate(reopen(&object, OFlag::O_WRONLY | OFlag::O_NONBLOCK)?, 0)?;
        } else if truncate {
            ftruncate(&fd, 0)?;
        }
        let (path, pin) = (object.place.path, Rc::new(object.fd));
        self.ledger
            .opened(self.audit, Deed::Overwritten, inode, path, pin);
        Ok(Answer::opened(fd, flags, true))
    }

    /// Opens a regular file that is held by an O_PATH descriptor. O_NONBLOCK
    /// keeps a lease that somebody else holds from stopping the guard.
    pub(super) fn reopen_regular(
        &self,
        object: &Object,
        access: OFlag,
        flags: OFlag,
    ) -> Result<OwnedFd, Failure> {
        let fd = reopen(object, access | (flags & KEPT) | OFlag::O_NONBLOCK)?;
        if !flags.contains(OFlag::O_NONBLOCK) {
            fcntl(&fd, FcntlArg::F_SETFL(flags & KEPT))?;
        }
        Ok(fd)
    }

    /// What the session remembers of a file, for the judge.
    pub(super) fn subject(&self, object: &Object) -> Subject {
        self.subject_of(&object.status)
    }

    /// What the session remembers of a file, for the judge.
    pub(super) fn subject_of(&self, status: &statx::Status) -> Subject {
        Subject {
            kind: status.kind,
            links: status.links,
            made: self.made.find(status.inode),
            temporary_name: false,
        }
    }

    /// The same for what this name leads to.
    pub(super) fn subject_named(&self, status: &statx::Status, entry: &Entry) -> Subject {
        Subject {
            temporary_name: self.made.is_leftover(status.inode, &entry.place.path),
            ..self.subject_of(status)
        }
    }

    /// EEXIST where the name is taken, as the kernel looks at that before it
    /// looks at permissions; else the refusal.
    pub(super) fn taken_or(&self, entry: &Entry, refused: Failure) -> Failure {
        if judge::visible(&self.plan.rules, &entry.place, false).is_ok() && entry.status().is_ok() {
            return Errno::EEXIST.into();
        }
        refused
    }
}

/// Whether these flags can change anything.
fn changes(flags: OFlag) -> bool {
    let access = flags & OFlag::O_ACCMODE;
    access != OFlag::O_RDONLY
        || flags.intersects(OFlag::O_CREAT | OFlag::O_TRUNC)
        || flags.contains(OFlag::O_TMPFILE)
}

/// Opens what an O_PATH descriptor holds: the very file that was judged.
pub(super) fn reopen(object: &Object, flags: OFlag) -> Result<OwnedFd, Errno> {
    let name = proc_name(object.fd.as_fd());
    openat(AT_FDCWD, &*name, flags | ALWAYS, Mode::empty())
}

/// An O_PATH descriptor for the file that another descriptor holds.
fn pin(fd: &OwnedFd) -> Result<OwnedFd, Errno> {
    let name = proc_name(fd.as_fd());
    open(&*name, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
}
