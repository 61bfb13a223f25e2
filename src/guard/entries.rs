//! Names: made, removed, changed, linked.

use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt as _;
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, readlinkat};
use nix::libc;
use nix::sys::stat::{Mode, SFlag, mkdirat, mknodat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

use super::call::PathArg;
use super::caller::Caller;
use super::judge::{self, Replace};
use super::ledger::Deed;
use super::place::{Entry, proc_name};
use super::refusal::{Failure, Refusal};
use super::{Answer, Guard};
use crate::decide::policy::Symlinks;
use crate::system::rename::rename;
use crate::system::statx::{Kind, Status};

impl Guard<'_> {
    /// mkdir(2).
    pub(super) fn make_directory(
        &mut self,
        caller: &Caller,
        path: PathArg,
        mode: u32,
    ) -> Result<Answer, Failure> {
        let entry = self.new_entry(caller, path, Kind::Directory)?;
        self.confirm(caller)?;
        self.take_umask(caller.pid);
        let mode = judge::mode(&self.plan.rules, Kind::Directory, mode);
        let mode = Mode::from_bits_truncate(mode);
        mkdirat(&entry.directory, &*entry.name, mode)?;
        self.remember(&entry, "directory")
    }

    /// mknod(2): regular files only.
    pub(super) fn make_node(
        &mut self,
        caller: &Caller,
        path: PathArg,
        mode: u32,
    ) -> Result<Answer, Failure> {
        let kind = match mode & libc::S_IFMT {
            0 | libc::S_IFREG => Kind::File,
            _ => Kind::Special,
        };
        let entry = self.new_entry(caller, path, kind)?;
        self.confirm(caller)?;
        self.take_umask(caller.pid);
        let mode = judge::mode(&self.plan.rules, kind, mode & 0o7777);
        let mode = Mode::from_bits_truncate(mode);
        mknodat(&entry.directory, &*entry.name, SFlag::S_IFREG, mode, 0)?;
        self.remember(&entry, "file")
    }

    /// symlink(2).
    pub(super) fn make_symlink(
        &mut self,
        caller: &Caller,
        target: u64,
        path: PathArg,
    ) -> Result<Answer, Failure> {
        let target = caller.path(target)?;
        if target.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        let (entry, temporary) = self.new_link(caller, path)?;
        self.may_lead(&entry, &target)?;
        self.confirm(caller)?;
        symlinkat(&*target, &entry.directory, &*entry.name)?;
        let answer = self.remember(&entry, "symlink")?;
        if temporary {
            let status = entry.status()?;
            self.made.mark_temporary(status.inode, entry.place.path);
        }
        Ok(answer)
    }

    /// The name of a new symbolic link, and whether it is one of rsync's
    /// temporary names.
    fn new_link(&self, caller: &Caller, path: PathArg) -> Result<(Entry, bool), Failure> {
        let text = caller.path(path.address)?;
        let entry = self.resolver.entry(caller, path.at, &text)?;
        if self.is_temporary_link(&entry)? {
            return Ok((entry, true));
        }
        let entry = self.new_entry(caller, path, Kind::Symlink)?;
        Ok((entry, false))
    }

    /// Whether a link may be made under this name because rsync's receiver
    /// makes its links so.
    fn is_temporary_link(&self, entry: &Entry) -> Result<bool, Failure> {
        let rules = &self.plan.rules;
        let allowed = judge::create(rules, &entry.place, Kind::Symlink).is_ok();
        if allowed || judge::create_temporary_link(rules, &entry.place).is_err() {
            return Ok(false);
        }
        if self.made.has_room_for_temporary() {
            return Ok(true);
        }
        Err(Failure::at(&entry.place)(Refusal::TooMany))
    }

    /// Whether a symbolic link of this name may have this target.
    fn may_lead(&self, entry: &Entry, target: &CString) -> Result<(), Failure> {
        let refused = || Failure::at(&entry.place)(Refusal::SymlinkTarget);
        match self.plan.rules.symlinks {
            Symlinks::Any => Ok(()),
            Symlinks::None => Err(refused()),
            Symlinks::Inside => {
                let directory = entry.directory.as_fd();
                let place = self
                    .resolver
                    .target(directory, target)
                    .map_err(|_| refused())?;
                judge::symlink_target(&self.plan.rules, &place).map_err(|_| refused())
            }
        }
    }

    /// As [`Self::may_lead`], for a link that exists and gets this name.
    fn may_lead_from(&self, old: &Entry, new: &Entry) -> Result<(), Failure> {
        if self.plan.rules.symlinks == Symlinks::Any {
            return Ok(());
        }
        let name = old.bare_name()?;
        let target = readlinkat(&old.directory, &*name)?.into_vec();
        let target = CString::new(target).map_err(|_| Errno::EINVAL)?;
        self.may_lead(new, &target)
    }

    /// unlink(2), rmdir(2).
    pub(super) fn remove(
        &mut self,
        caller: &Caller,
        path: PathArg,
        directory: bool,
    ) -> Result<Answer, Failure> {
        let text = caller.path(path.address)?;
        let entry = match self.resolver.entry(caller, path.at, &text) {
            Err(Failure::Errno(Errno::EEXIST)) => {
                return Err(if directory {
                    Errno::EBUSY.into()
                } else {
                    Errno::EISDIR.into()
                });
            }
            other => other?,
        };
        if entry.is_dots() {
            return Err(match (directory, entry.place.name()) {
                (false, _) => Errno::EISDIR.into(),
                (true, b".") => Errno::EINVAL.into(),
                (true, _) => Errno::ENOTEMPTY.into(),
            });
        }
        let rules = &self.plan.rules;
        let status = self.status_if_visible(&entry)?;
        let subject = self.subject_named(&status, &entry);
        let own_name = self.made.gave_name(status.inode, &entry.place.path);
        judge::remove(rules, &entry.place, &subject, own_name)
            .map_err(Failure::at(&entry.place))?;
        self.confirm(caller)?;
        self.ledger.settle(self.audit, status.inode);
        let flags = if directory {
            UnlinkatFlags::RemoveDir
        } else {
            UnlinkatFlags::NoRemoveDir
        };
        unlinkat(&entry.directory, &*entry.name, flags)?;
        self.made.unlinked(status.inode);
        let path = &entry.place.path;
        self.made.forget_temporary_name(status.inode, path);
        let what = kind_name(&status);
        self.ledger
            .changed(self.audit, Deed::Removed, &what, &entry.place.path);
        Ok(Answer::Value(0))
    }

    /// rename(2).
    pub(super) fn rename(
        &mut self,
        caller: &Caller,
        from: PathArg,
        to: PathArg,
        flags: u32,
    ) -> Result<Answer, Failure> {
        if flags & !libc::RENAME_NOREPLACE != 0 {
            // As a file system that can neither exchange nor white out.
            return Err(Errno::EINVAL.into());
        }
        let (old_text, new_text) = (caller.path(from.address)?, caller.path(to.address)?);
        let busy = |failure| match failure {
            Failure::Errno(Errno::EEXIST) => Errno::EBUSY.into(),
            other => other,
        };
        let old = self
            .resolver
            .entry(caller, from.at, &old_text)
            .map_err(busy)?;
        let new = self
            .resolver
            .entry(caller, to.at, &new_text)
            .map_err(busy)?;
        if old.is_dots() || new.is_dots() {
            return Err(Errno::EBUSY.into());
        }
        let rules = &self.plan.rules;
        let status = self.status_if_visible(&old)?;
        let taken = match new.status() {
            Ok(status) => Some(status),
            Err(Failure::Errno(Errno::ENOENT)) => None,
            Err(other) => return Err(other),
        };
        let subject = self.subject_named(&status, &old);
        let replace = judge::rename(rules, &old.place, &new.place, &subject, taken.is_some())
            .map_err(|(refusal, place)| Failure::at(place)(refusal))?;
        if status.kind == Kind::Symlink {
            self.may_lead_from(&old, &new)?;
        }
        self.confirm(caller)?;
        self.ledger.settle(self.audit, status.inode);
        if let Some(taken) = taken {
            self.ledger.settle(self.audit, taken.inode);
        }
        let free_name = flags & libc::RENAME_NOREPLACE != 0 || replace == Replace::Never;
        rename(
            (old.directory.as_fd(), &old.name),
            (new.directory.as_fd(), &new.name),
            free_name,
        )?;
        self.note_rename(&old, &new, &status, taken.as_ref());
        Ok(Answer::Value(0))
    }

    fn note_rename(&mut self, old: &Entry, new: &Entry, status: &Status, taken: Option<&Status>) {
        match taken {
            // Two names of one file: rename(2) does nothing.
            Some(taken) if taken.inode == status.inode => return,
            Some(taken) => self.made.unlinked(taken.inode),
            None => {}
        }
        self.made.renamed(status.inode);
        let what = match (status.kind, taken) {
            (Kind::Directory, _) => "directory",
            (_, Some(_)) => "file over=file",
            (Kind::Symlink, None) => "symlink",
            (_, None) => "file",
        };
        let (old, new) = (&old.place.path, &new.place.path);
        self.ledger.named(self.audit, Deed::Renamed, what, old, new);
    }

    /// link(2).
    pub(super) fn link(
        &mut self,
        caller: &Caller,
        from: PathArg,
        to: PathArg,
        flags: i32,
    ) -> Result<Answer, Failure> {
        if flags & !libc::AT_SYMLINK_FOLLOW != 0 {
            // An empty path would give a name to what has none.
            return Err(Refusal::Unsupported.into());
        }
        let text = caller.path(from.address)?;
        let follow = flags & libc::AT_SYMLINK_FOLLOW != 0;
        let object = self.resolver.object(caller, from.at, &text, follow)?;
        let text = caller.path(to.address)?;
        let new = self.resolver.entry(caller, to.at, &text)?;
        if new.is_dots() {
            return Err(Errno::EEXIST.into());
        }
        let rules = &self.plan.rules;
        let subject = self.subject(&object);
        judge::visible(rules, &object.place, subject.is_temporary())
            .map_err(Failure::at(&object.place))?;
        if object.status.kind == Kind::Directory {
            return Err(Errno::EPERM.into());
        }
        let temporary = self.is_temporary_link(&new)?;
        judge::link(rules, &object.place, &new.place, &subject, temporary)
            .map_err(|(refusal, place)| self.taken_or(&new, Failure::at(place)(refusal)))?;
        if object.status.kind == Kind::Symlink && rules.symlinks != Symlinks::Any {
            // rsync -H and --link-dest: the target counts from the new place.
            let target = readlinkat(&object.fd, c"")?.into_vec();
            let target = CString::new(target).map_err(|_| Errno::EINVAL)?;
            self.may_lead(&new, &target)?;
        }
        self.confirm(caller)?;
        let name = proc_name(object.fd.as_fd());
        let follow = AtFlags::AT_SYMLINK_FOLLOW;
        linkat(AT_FDCWD, &*name, &new.directory, &*new.name, follow)?;
        self.made.linked(object.status.inode, &new.place.path);
        if temporary {
            let path = new.place.path.clone();
            self.made.mark_temporary_name(object.status.inode, path);
        }
        let (old, new) = (&object.place.path, &new.place.path);
        self.ledger
            .named(self.audit, Deed::Created, "link", old, new);
        Ok(Answer::Value(0))
    }

    /// What a name stands for; ENOENT where it is hidden, whether it is there
    /// or not.
    fn status_if_visible(&self, entry: &Entry) -> Result<Status, Failure> {
        let status = entry.status();
        let known = status.as_ref().ok().map(|status| self.subject_of(status));
        let temporary = known.is_some_and(|subject| subject.is_temporary());
        judge::visible(&self.plan.rules, &entry.place, temporary)
            .map_err(Failure::at(&entry.place))?;
        status
    }

    /// The name under which something new may be made.
    fn new_entry(&self, caller: &Caller, path: PathArg, kind: Kind) -> Result<Entry, Failure> {
        let text = caller.path(path.address)?;
        let entry = self.resolver.entry(caller, path.at, &text)?;
        if entry.is_dots() {
            return Err(Errno::EEXIST.into());
        }
        judge::create(&self.plan.rules, &entry.place, kind)
            .map_err(|refusal| self.taken_or(&entry, Failure::at(&entry.place)(refusal)))?;
        Ok(entry)
    }

    /// Remembers and logs what was just made under a name.
    fn remember(&mut self, entry: &Entry, what: &str) -> Result<Answer, Failure> {
        let name = entry.bare_name()?;
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        // Removed again already by somebody else: then there is nothing to
        // remember, and the call has succeeded all the same.
        if let Ok(fd) = openat(&entry.directory, &*name, flags, Mode::empty())
            && let Ok(object) = self.resolver.of_fd(fd)
        {
            let (status, pin) = (object.status, Rc::new(object.fd));
            self.made.add(status.inode, status.kind, pin);
        }
        self.ledger
            .changed(self.audit, Deed::Created, &what, &entry.place.path);
        Ok(Answer::Value(0))
    }
}

fn kind_name(status: &Status) -> &'static str {
    match status.kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink => "symlink",
        Kind::Null | Kind::Special => "special",
    }
}
