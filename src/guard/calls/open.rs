//! open(2) in all its forms: the guard opens, the server gets the descriptor.

use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, FcntlArg, OFlag, fcntl, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::ftruncate;

use super::decode::PathArg;
use crate::decide::access::Right;
use crate::decide::rules::{self, Denial, FileKind, FileState, Permit};
use crate::decide::seccomp::table::ACCESS_MODE;
use crate::guard::call_error::CallError;
use crate::guard::caller::Caller;
use crate::guard::channel::Channel;
use crate::guard::counts::Deed;
use crate::guard::lock::Held;
use crate::guard::resolve::{DirEntry, Object, kind, proc_name};
use crate::guard::steps::{Allowed, Logged, Resolved};
use crate::guard::{Answer, Guard};
use crate::log::Event;
use crate::system::statx::{self, Status};

/// How often to retry a name that appears and disappears meanwhile.
const TRIES: usize = 8;

/// Flags that say how an open file behaves; they are passed on as they are. All
/// others are set by the guard, or mean nothing for a regular file.
const KEPT: OFlag = OFlag::O_APPEND
    .union(OFlag::O_SYNC)
    .union(OFlag::O_DSYNC)
    .union(OFlag::O_DIRECT)
    .union(OFlag::O_NOATIME)
    .union(OFlag::O_LARGEFILE);

/// Every open of the guard: never a controlling terminal, never inherited.
const ALWAYS: OFlag = OFlag::O_NOCTTY.union(OFlag::O_CLOEXEC);

impl Guard<'_> {
    /// Opens what `path` leads to, or creates it.
    pub(super) fn open(
        &mut self,
        caller: &Caller,
        path: PathArg,
        flags: i32,
        mode: u32,
    ) -> Result<Answer, CallError> {
        let flags = OFlag::from_bits_retain(flags);
        let text = caller.path(path.address)?;
        if flags.contains(OFlag::O_PATH) || !changes(flags) {
            return self.open_to_read(caller, path.at, &text, flags);
        }
        if flags.contains(OFlag::O_TMPFILE) {
            return Err(Denial::Unsupported.into());
        }
        self.log.make_room(Channel::is_open)?;
        let held = self.locks.hold()?;
        if !flags.contains(OFlag::O_CREAT) {
            let follow = !flags.contains(OFlag::O_NOFOLLOW);
            let object = self.resolver.object(caller, path.at, &text, follow)?;
            return self.open_object(held, caller, object, flags);
        }
        if flags.contains(OFlag::O_DIRECTORY) {
            return Err(Errno::EINVAL.into());
        }
        let mut entry = match self.resolver.entry(caller, path.at, &text) {
            // The root directory.
            Err(CallError::Errno(Errno::EEXIST)) => return Err(Errno::EISDIR.into()),
            other => other?,
        };
        if entry.is_dots() || entry.wants_directory {
            return Err(Errno::EISDIR.into());
        }
        // No other guard can act now, but other programs may create and remove
        // names.
        for _ in 0..TRIES {
            entry = match self.make_file(&held, caller, entry, flags, mode)? {
                Creation::New(answer) => return self.made(held, answer),
                Creation::Taken(entry) if !flags.contains(OFlag::O_EXCL) => entry,
                Creation::Taken(_) => return Err(Errno::EEXIST.into()),
            };
            let object = match self.resolver.entry_object(&entry) {
                Err(CallError::Errno(Errno::ENOENT)) => continue,
                other => other?,
            };
            if object.kind() != FileKind::Symlink {
                return self.open_object(held, caller, object, flags);
            }
            if flags.contains(OFlag::O_NOFOLLOW) {
                return Err(Errno::ELOOP.into());
            }
            return match self.resolver.object(caller, path.at, &text, true) {
                Ok(object) => self.open_object(held, caller, object, flags),
                Err(CallError::Errno(Errno::ENOENT)) => {
                    Err(CallError::at(&entry.place)(Denial::Dangling))
                }
                Err(other) => Err(other),
            };
        }
        Err(Errno::EAGAIN.into())
    }

    /// Creates a new file, unless the name is taken.
    fn make_file(
        &mut self,
        held: &Held,
        caller: &Caller,
        entry: DirEntry,
        flags: OFlag,
        mode: u32,
    ) -> Result<Creation, CallError> {
        let (permit, temporary) = match self.may_make_file(&entry, flags) {
            Err(CallError::Errno(Errno::EEXIST)) => return Ok(Creation::Taken(entry)),
            other => other?,
        };
        if temporary {
            // What can fail comes before the change: what is created is cleaned
            // up.
            entry.directory.id()?;
        }
        let access = self.access_to_hand_out(&entry, flags);
        if access == OFlag::O_RDONLY && !rules::read_back(&self.plan.rules, &entry.place) {
            return Err(CallError::at(&entry.place)(Denial::Right(Right::Read)));
        }
        let rules = &self.plan.rules;
        self.umasks
            .take(caller.pid, rules::mode_min(rules, FileKind::File));
        let bits = Mode::from_bits_truncate(rules::mode(rules, FileKind::File, mode));
        let how = access
            | (flags & (KEPT | OFlag::O_NONBLOCK))
            | OFlag::O_CREAT
            | OFlag::O_EXCL
            | OFlag::O_NOFOLLOW
            | ALWAYS;
        let allowed = Resolved::under(held, entry).judged(permit);
        let allowed: Allowed<DirEntry> = allowed.allowed(self.channel.still_waits(caller)?);
        let done = allowed.act(held, |entry| {
            match openat(&*entry.directory.fd, &*entry.name, how, bits) {
                Err(Errno::EEXIST) => Ok(None),
                other => Ok(Some(other?)),
            }
        })?;
        let Some(fd) = done.result else {
            return Ok(Creation::Taken(done.what));
        };
        Ok(Creation::New(NewFile {
            entry: done.what,
            fd,
            flags,
            temporary,
        }))
    }

    /// Remembers and logs a new file.
    fn made(&mut self, held: Held, new: NewFile) -> Result<Answer, CallError> {
        let status = match statx::of_fd(new.fd.as_fd()) {
            Ok(status) => status,
            // Nothing more is known about it, but it exists.
            Err(error) => {
                let path = &new.entry.place.path;
                let _: Logged = self.log.changed(Deed::Created, empty_file(), path);
                return Err(error.into());
            }
        };
        // The id is known: make_file has asked for it.
        if new.temporary
            && let Ok(id) = new.entry.directory.id()
        {
            self.files.mark_temporary(&new.entry, id, status.inode);
        }
        let pin = match pin(&new, &status) {
            Ok(pin) => Rc::new(pin),
            Err(failure) => return Err(self.made_in_vain(held, new, &status, failure)),
        };
        self.files.add(status.inode, Rc::clone(&pin));
        drop(held);
        let answer = Answer::opened(new.fd, new.flags, true);
        let path = new.entry.place.path;
        let opened = self
            .log
            .opened(Deed::Created, status.inode, path, pin, answer);
        if new.temporary {
            self.log.is_temporary();
        }
        Ok(opened.answer())
    }

    /// A new file that cannot be followed is not handed over: the guard has no
    /// descriptors left. But it exists, so it is remembered and logged.
    fn made_in_vain(
        &mut self,
        held: Held,
        new: NewFile,
        status: &Status,
        failure: CallError,
    ) -> CallError {
        self.files.add(status.inode, Rc::new(new.fd));
        drop(held);
        let path = &new.entry.place.path;
        let _: Logged = self.log.changed(Deed::Created, empty_file(), path);
        failure
    }

    /// Whether a file may be created, and whether it is one of rsync's.
    fn may_make_file(&self, entry: &DirEntry, flags: OFlag) -> Result<(Permit, bool), CallError> {
        let rules = &self.plan.rules;
        let denial = match rules::create(rules, &entry.place, FileKind::File) {
            Ok(permit) => return Ok((permit, false)),
            Err(denial) => denial,
        };
        if flags.contains(OFlag::O_EXCL)
            && matches!(denial, Denial::Dotfile | Denial::Hidden)
            && let Ok(permit) = rules::create_temporary(rules, &entry.place)
        {
            if self.files.has_room_for_temporary() {
                return Ok((permit, true));
            }
            return Err(CallError::at(&entry.place)(Denial::TooMany));
        }
        Err(self.taken_or(entry, CallError::at(&entry.place)(denial)))
    }

    /// The access mode that the server gets: it must not read what the policy
    /// does not let it read, and rsync asks for both reading and writing but
    /// does not read.
    fn access_to_hand_out(&self, entry: &DirEntry, flags: OFlag) -> OFlag {
        let access = access_mode(flags);
        if access == OFlag::O_RDWR && !rules::read_back(&self.plan.rules, &entry.place) {
            return OFlag::O_WRONLY;
        }
        access
    }

    /// Opens a file that exists, for writing or with O_CREAT.
    fn open_object(
        &mut self,
        held: Held,
        caller: &Caller,
        object: Object,
        flags: OFlag,
    ) -> Result<Answer, CallError> {
        let access = access_mode(flags);
        match object.kind() {
            FileKind::Null => {
                let _waits = self.channel.still_waits(caller)?;
                return Ok(Answer::opened(reopen(&object, access)?, flags, false));
            }
            FileKind::Directory => return Err(Errno::EISDIR.into()),
            FileKind::Symlink => return Err(Errno::ELOOP.into()),
            FileKind::File if flags.contains(OFlag::O_DIRECTORY) => {
                return Err(Errno::ENOTDIR.into());
            }
            FileKind::File | FileKind::Special => {}
        }
        let plan = self.plan;
        let rules = &plan.rules;
        let subject = self.subject(&object);
        let place = &object.place;
        let truncate = flags.contains(OFlag::O_TRUNC);
        if access == OFlag::O_RDONLY && !truncate {
            rules::read(rules, place, &subject).map_err(CallError::at(place))?;
            let _waits = self.channel.still_waits(caller)?;
            let fd = reopen_regular(&object, access, flags)?;
            self.log_read(&object, flags);
            return Ok(Answer::opened(fd, flags, false));
        }
        let permit = rules::write(rules, place, &subject).map_err(CallError::at(place))?;
        let readable = rules::read_back(rules, place);
        let access = match access {
            OFlag::O_RDWR if !readable => OFlag::O_WRONLY,
            OFlag::O_RDONLY if !readable => {
                return Err(CallError::at(place)(Denial::Right(Right::Read)));
            }
            other => other,
        };
        let allowed = Resolved::under(&held, object).judged(permit);
        let allowed = allowed.allowed(self.channel.still_waits(caller)?);
        let done = allowed.act(&held, |object| {
            let fd = reopen_regular(object, access, flags)?;
            if truncate && access == OFlag::O_RDONLY {
                ftruncate(reopen(object, OFlag::O_WRONLY | OFlag::O_NONBLOCK)?, 0)?;
            }
            Ok(fd)
        })?;
        drop(held);
        let (object, fd) = (done.what, done.result);
        let inode = object.status.inode;
        // An earlier upload gets its line, with the size that it had.
        self.settle(inode, None);
        if truncate && access != OFlag::O_RDONLY {
            ftruncate(&fd, 0)?;
        }
        let (path, pin) = (object.place.path, object.fd);
        let answer = Answer::opened(fd, flags, true);
        let opened = self.log.opened(Deed::Overwritten, inode, path, pin, answer);
        Ok(opened.answer())
    }

    /// What the session remembers about a file, for the rules.
    pub(super) fn subject(&mut self, object: &Object) -> FileState {
        let is_rsync_temporary = object.entry.as_ref().is_some_and(|(directory, name)| {
            self.files
                .is_temporary((*directory, name), object.status.inode)
        });
        FileState {
            is_rsync_temporary,
            ..self.subject_of(&object.status)
        }
    }

    fn subject_of(&mut self, status: &Status) -> FileState {
        let is_own = self.files.is_own(status.inode);
        FileState {
            kind: kind(status),
            links: status.links,
            own_names: is_own.then(|| self.known_names(status)),
            is_rsync_temporary: false,
            is_log: self.is_log(status),
        }
    }

    /// Whether it is the file of the log, by whatever name.
    fn is_log(&self, status: &Status) -> bool {
        let id = status.inode.file();
        let log = self.plan.rules.log_file;
        log.is_some_and(|log| (log.device, log.number) == (id.device, id.number))
    }

    /// How many names of the session's own file are known to be the session's.
    /// If there are several, each is checked: another session may have removed
    /// one and added another.
    fn known_names(&mut self, status: &Status) -> u32 {
        if status.links <= 1 || kind(status) == FileKind::Directory {
            return 1;
        }
        let mut known = 0;
        for given in self.files.names_of(status.inode) {
            let entry = self.resolver.entry_at(&given.path);
            let is_still = entry.is_ok_and(|entry| {
                entry
                    .directory
                    .id()
                    .and_then(|id| Ok(given.is_still(id, &entry.status()?)))
                    .unwrap_or(false)
            });
            known += u32::from(is_still);
        }
        known
    }

    /// The same for what a name stands for.
    pub(super) fn subject_named(
        &mut self,
        status: &Status,
        entry: &DirEntry,
    ) -> Result<FileState, CallError> {
        let is_rsync_temporary = self.files.has_temporary() && {
            let id = entry.directory.id()?;
            self.files.is_temporary((id, &entry.name), status.inode)
        };
        Ok(FileState {
            is_rsync_temporary,
            ..self.subject_of(status)
        })
    }

    /// EEXIST if the name is taken, since the kernel checks that before
    /// permissions; otherwise the denial.
    pub(super) fn taken_or(&self, entry: &DirEntry, denied: CallError) -> CallError {
        if rules::visible(&self.plan.rules, &entry.place, false).is_ok() && entry.status().is_ok() {
            return Errno::EEXIST.into();
        }
        denied
    }
}

/// A new file of which nothing more is known.
fn empty_file() -> Event<'static> {
    Event::about("file").number("bytes", 0)
}

/// The result of creating a file.
enum Creation {
    New(NewFile),
    /// The name is taken.
    Taken(DirEntry),
}

/// A file that was just created.
struct NewFile {
    entry: DirEntry,
    fd: OwnedFd,
    flags: OFlag,
    temporary: bool,
}

/// Whether it is opened for reading, for writing, or for both.
const fn access_mode(flags: OFlag) -> OFlag {
    OFlag::from_bits_retain(flags.bits() & ACCESS_MODE)
}

/// Whether these flags can change anything.
pub(super) fn changes(flags: OFlag) -> bool {
    let access = access_mode(flags);
    access != OFlag::O_RDONLY
        || flags.intersects(OFlag::O_CREAT | OFlag::O_TRUNC)
        || flags.contains(OFlag::O_TMPFILE)
}

/// Opens a regular file that is held by an O_PATH descriptor. With O_NONBLOCK,
/// a lease that somebody else holds cannot block the guard.
pub(super) fn reopen_regular(
    object: &Object,
    access: OFlag,
    flags: OFlag,
) -> Result<OwnedFd, CallError> {
    let fd = reopen(object, access | (flags & KEPT) | OFlag::O_NONBLOCK)?;
    if !flags.contains(OFlag::O_NONBLOCK) {
        fcntl(&fd, FcntlArg::F_SETFL(flags & KEPT))?;
    }
    Ok(fd)
}

/// Opens what an O_PATH descriptor holds: exactly the file that was judged.
pub(super) fn reopen(object: &Object, flags: OFlag) -> Result<OwnedFd, Errno> {
    let name = proc_name(object.fd.as_fd());
    openat(AT_FDCWD, &*name, flags | ALWAYS, Mode::empty())
}

/// An O_PATH descriptor for a new file: opened by its name, if that is still
/// its own, which costs half as much as through the descriptor.
fn pin(new: &NewFile, status: &Status) -> Result<OwnedFd, CallError> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    if let Ok(fd) = openat(
        &*new.entry.directory.fd,
        &*new.entry.name,
        flags,
        Mode::empty(),
    ) && statx::of_fd(fd.as_fd()).is_ok_and(|seen| seen.inode == status.inode)
    {
        return Ok(fd);
    }
    let name = proc_name(new.fd.as_fd());
    Ok(open(
        &*name,
        OFlag::O_PATH | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?)
}
