//! Links: creating them, and where symbolic ones may lead.

use std::ffi::CString;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStringExt as _;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, readlinkat};
use nix::libc;
use nix::unistd::{linkat, symlinkat};

use super::decode::PathArg;
use crate::decide::policy::Symlinks;
use crate::decide::rules::{self, Denial, FileKind, FileState, Permit};
use crate::guard::Guard;
use crate::guard::call_error::CallError;
use crate::guard::caller::Caller;
use crate::guard::counts::Deed;
use crate::guard::resolve::{DirEntry, Directory, Object, proc_name};
use crate::guard::steps::{Logged, Resolved};
use crate::log::Event;
use crate::system::statx::FileId;

impl Guard<'_> {
    /// symlink(2).
    pub(super) fn make_symlink(
        &mut self,
        caller: &Caller,
        target: u64,
        path: PathArg,
    ) -> Result<Logged, CallError> {
        let target = caller.path(target)?;
        if target.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        let text = caller.path(path.address)?;
        let held = self.locks.hold()?;
        let entry = self.resolver.entry(caller, path.at, &text)?;
        if entry.is_dots() {
            return Err(Errno::EEXIST.into());
        }
        let (permit, temporary) = self.may_make_link(&entry)?;
        self.may_lead(&entry, &target)?;
        // What can fail comes before the change: every change that is made gets
        // its line.
        let id = entry.directory.id()?;
        let allowed = Resolved::under(&held, entry).judged(permit);
        let allowed = allowed.allowed(self.channel.still_waits(caller)?);
        let done = allowed.act(&held, |entry| {
            Ok(symlinkat(
                &*target,
                &*entry.directory.fd,
                &*entry.written()?,
            )?)
        })?;
        if temporary && let Ok(status) = done.what.status() {
            self.files.mark_temporary(&done.what, id, status.inode);
        }
        self.remember(held, done, "symlink")
    }

    /// Whether a link may be created under this name, and whether only because
    /// rsync's receiver creates its links that way.
    fn may_make_link(&self, entry: &DirEntry) -> Result<(Permit, bool), CallError> {
        let rules = &self.plan.rules;
        let denial = match rules::create(rules, &entry.place, FileKind::Symlink) {
            Ok(permit) => return Ok((permit, false)),
            Err(denial) => denial,
        };
        let Ok(permit) = rules::create_temporary_link(rules, &entry.place) else {
            return Err(self.taken_or(entry, CallError::at(&entry.place)(denial)));
        };
        if self.files.has_room_for_temporary() {
            return Ok((permit, true));
        }
        Err(CallError::at(&entry.place)(Denial::TooMany))
    }

    /// Whether a symbolic link with this name may have this target.
    fn may_lead(&mut self, entry: &DirEntry, target: &CString) -> Result<(), CallError> {
        let denied = || CallError::at(&entry.place)(Denial::SymlinkTarget);
        match self.plan.rules.symlinks {
            Symlinks::Any => Ok(()),
            Symlinks::None => Err(denied()),
            Symlinks::Inside => self
                .leads_inside(&entry.directory, target.to_bytes())
                .map_err(|_| denied()),
        }
    }

    /// Whether a link in this directory leads into the policy's directories.
    pub(super) fn leads_inside(
        &mut self,
        directory: &Directory,
        target: &[u8],
    ) -> Result<(), CallError> {
        let place = self.resolver.target(directory, target)?;
        Ok(rules::symlink_target(&self.plan.rules, &place)?)
    }

    /// As [`Self::may_lead`], for a link that exists and gets this name.
    pub(super) fn may_lead_from(
        &mut self,
        old: &DirEntry,
        new: &DirEntry,
    ) -> Result<(), CallError> {
        if self.plan.rules.symlinks == Symlinks::Any {
            return Ok(());
        }
        let target = readlinkat(&*old.directory.fd, &*old.name)?.into_vec();
        let target = CString::new(target).map_err(|_| Errno::EINVAL)?;
        self.may_lead(new, &target)
    }

    /// link(2).
    pub(super) fn link(
        &mut self,
        caller: &Caller,
        from: PathArg,
        to: PathArg,
        flags: i32,
    ) -> Result<Logged, CallError> {
        if flags & !libc::AT_SYMLINK_FOLLOW != 0 {
            // An empty path would give a name to a file that has none.
            return Err(Denial::Unsupported.into());
        }
        let old_text = caller.path(from.address)?;
        // That it is too long is said after what is wrong with the old one.
        let new_text = caller.path(to.address);
        let follow = flags & libc::AT_SYMLINK_FOLLOW != 0;
        let held = self.locks.hold()?;
        let object = self.resolver.object(caller, from.at, &old_text, follow)?;
        let new = self.resolver.entry(caller, to.at, &new_text?)?;
        if new.is_dots() {
            return Err(Errno::EEXIST.into());
        }
        let rules = &self.plan.rules;
        let subject = self.subject(&object);
        rules::visible(rules, &object.place, subject.is_rsync_temporary)
            .map_err(CallError::at(&object.place))?;
        if object.kind() == FileKind::Directory {
            // As in the kernel, the new name comes first.
            return Err(match new.status() {
                Err(CallError::Errno(Errno::ENAMETOOLONG)) => Errno::ENAMETOOLONG.into(),
                Err(_) if new.wants_directory => Errno::ENOENT.into(),
                _ => self.taken_or(&new, Errno::EPERM.into()),
            });
        }
        let (permit, temporary) = self.may_link(&object, &new, &subject)?;
        if object.kind() == FileKind::Symlink && rules.symlinks != Symlinks::Any {
            // rsync -H and --link-dest: the target is relative to the new
            // place.
            let target = readlinkat(&*object.fd, c"")?.into_vec();
            let target = CString::new(target).map_err(|_| Errno::EINVAL)?;
            self.may_lead(&new, &target)?;
        }
        let (id, first) = (new.directory.id()?, self.only_name(&object)?);
        let allowed = Resolved::under(&held, (object, new)).judged(permit);
        let allowed = allowed.allowed(self.channel.still_waits(caller)?);
        let done = allowed.act(&held, |(object, new)| {
            let name = proc_name(object.fd.as_fd());
            let follow = AtFlags::AT_SYMLINK_FOLLOW;
            let written = new.written()?;
            Ok(linkat(
                AT_FDCWD,
                &*name,
                &*new.directory.fd,
                &*written,
                follow,
            )?)
        })?;
        let (object, new) = done.what;
        let inode = object.status.inode;
        let first = first.as_ref().map(|(entry, id)| (entry, *id));
        self.files.linked(inode, first, (&new, id));
        if temporary {
            self.files.mark_temporary(&new, id, inode);
        }
        drop(held);
        let (old, new) = (&object.place.path, &new.place.path);
        self.log.linked(inode, new);
        Ok(self
            .log
            .named(Deed::Created, Event::about("link"), old, new))
    }

    /// The only name of a file, before it gets a second one.
    fn only_name(&mut self, object: &Object) -> Result<Option<(DirEntry, FileId)>, CallError> {
        if object.status.links != 1 {
            return Ok(None);
        }
        let entry = self.resolver.entry_at(&object.place.path)?;
        let id = entry.directory.id()?;
        Ok(Some((entry, id)))
    }

    /// Whether a file may get this second name, and whether only because
    /// rsync's receiver gives its links such names.
    fn may_link(
        &self,
        object: &Object,
        new: &DirEntry,
        subject: &FileState,
    ) -> Result<(Permit, bool), CallError> {
        let rules = &self.plan.rules;
        let link = |temporary| rules::link(rules, &object.place, &new.place, subject, temporary);
        let denied = |(denial, place)| self.taken_or(new, CallError::at(place)(denial));
        match link(false) {
            Err((Denial::Dotfile | Denial::Hidden, _))
                if rules::create_temporary_link(rules, &new.place).is_ok() =>
            {
                if !self.files.has_room_for_temporary() {
                    return Err(CallError::at(&new.place)(Denial::TooMany));
                }
                link(true).map(|permit| (permit, true)).map_err(denied)
            }
            other => other.map(|permit| (permit, false)).map_err(denied),
        }
    }
}
