//! Names: creating and removing them.

use std::os::fd::AsFd as _;
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::libc;
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, mkdirat, mknodat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::decode::PathArg;
use crate::decide::rules::{self, FileKind, FileState, Permit};
use crate::guard::Guard;
use crate::guard::call_error::CallError;
use crate::guard::caller::Caller;
use crate::guard::counts::Deed;
use crate::guard::lock::Held;
use crate::guard::resolve::{DirEntry, kind};
use crate::guard::steps::{Done, Logged, Resolved};
use crate::log::Event;
use crate::system::statx::{self, Status};

impl Guard<'_> {
    /// mkdir(2).
    pub(super) fn make_directory(
        &mut self,
        caller: &Caller,
        path: PathArg,
        mode: u32,
    ) -> Result<Logged, CallError> {
        let held = self.locks.hold()?;
        let (entry, permit) = self.new_entry(&held, caller, path, FileKind::Directory)?;
        let allowed = entry
            .judged(permit)
            .allowed(self.channel.still_waits(caller)?);
        let rules = &self.plan.rules;
        let least = rules::mode_min(rules, FileKind::Directory);
        self.umasks.take(caller.pid, least);
        let mode = rules::mode(rules, FileKind::Directory, mode);
        let done = allowed.act(&held, |entry| {
            let bits = Mode::from_bits_truncate(mode);
            mkdirat(&*entry.directory.fd, &*entry.written()?, bits)?;
            complete(entry, least);
            Ok(())
        })?;
        self.remember(held, done, "directory")
    }

    /// mknod(2): regular files only.
    pub(super) fn make_node(
        &mut self,
        caller: &Caller,
        path: PathArg,
        mode: u32,
    ) -> Result<Logged, CallError> {
        let kind = match mode & libc::S_IFMT {
            0 | libc::S_IFREG => FileKind::File,
            _ => FileKind::Special,
        };
        let held = self.locks.hold()?;
        let (entry, permit) = self.new_entry(&held, caller, path, kind)?;
        let allowed = entry
            .judged(permit)
            .allowed(self.channel.still_waits(caller)?);
        let rules = &self.plan.rules;
        self.umasks.take(caller.pid, rules::mode_min(rules, kind));
        let mode = rules::mode(rules, kind, mode & 0o7777);
        let done = allowed.act(&held, |entry| {
            let bits = Mode::from_bits_truncate(mode);
            let name = entry.written()?;
            Ok(mknodat(
                &*entry.directory.fd,
                &*name,
                SFlag::S_IFREG,
                bits,
                0,
            )?)
        })?;
        self.remember(held, done, "file")
    }

    /// unlink(2), rmdir(2).
    pub(super) fn remove(
        &mut self,
        caller: &Caller,
        path: PathArg,
        directory: bool,
    ) -> Result<Logged, CallError> {
        let text = caller.path(path.address)?;
        let held = self.locks.hold()?;
        let entry = match self.resolver.entry(caller, path.at, &text) {
            // The root directory.
            Err(CallError::Errno(Errno::EEXIST)) if directory => return Err(Errno::EBUSY.into()),
            Err(CallError::Errno(Errno::EEXIST)) => return Err(Errno::EISDIR.into()),
            other => other?,
        };
        if entry.is_dots() {
            return Err(match (directory, entry.name.to_bytes()) {
                (false, _) => Errno::EISDIR.into(),
                (true, b".") => Errno::EINVAL.into(),
                (true, _) => Errno::ENOTEMPTY.into(),
            });
        }
        let (entry, status, subject) = self.named_file(entry)?;
        let id = entry.directory.id()?;
        let own_name = self.files.gave_name(status.inode, id, &entry.name);
        let permit = rules::remove(&self.plan.rules, &entry.place, &subject, own_name)
            .map_err(CallError::at(&entry.place))?;
        let allowed = Resolved::under(&held, entry).judged(permit);
        let allowed = allowed.allowed(self.channel.still_waits(caller)?);
        let flags = if directory {
            UnlinkatFlags::RemoveDir
        } else {
            UnlinkatFlags::NoRemoveDir
        };
        let done = allowed.act(&held, |entry| {
            Ok(unlinkat(&*entry.directory.fd, &*entry.written()?, flags)?)
        })?;
        let links = status.links.saturating_sub(1);
        let links = if directory { 0 } else { links };
        self.files
            .unlinked(status.inode, id, &done.what.name, links);
        drop(held);
        if subject.is_rsync_temporary
            && let Some(logged) = self.log.given_up(status.inode)
        {
            return Ok(logged);
        }
        let path = self.log.name_after(status.inode, &done.what.place.path);
        self.settle(status.inode, path.as_deref());
        let what = kind_name(kind(&status));
        Ok(self
            .log
            .changed(Deed::Removed, Event::about(what), &done.what.place.path))
    }

    /// What a name stands for, for the rules; ENOENT if it is hidden, whether
    /// it exists or not.
    pub(super) fn named_file(
        &mut self,
        mut entry: DirEntry,
    ) -> Result<(DirEntry, Status, FileState), CallError> {
        let status = entry.status();
        let known = match &status {
            Ok(status) => Some(self.subject_named(status, &entry)?),
            Err(_) => None,
        };
        let temporary = known.is_some_and(|subject| subject.is_rsync_temporary);
        rules::visible(&self.plan.rules, &entry.place, temporary)
            .map_err(CallError::at(&entry.place))?;
        match (status, known) {
            (Ok(status), Some(subject)) => {
                entry.place.is_policy_directory |= self.resolver.keeps(status.inode);
                Ok((entry, status, subject))
            }
            (Err(failure), _) => Err(failure),
            (Ok(_), None) => Err(Errno::ENOENT.into()),
        }
    }

    /// The name under which something new may be created.
    fn new_entry(
        &mut self,
        held: &Held,
        caller: &Caller,
        path: PathArg,
        kind: FileKind,
    ) -> Result<(Resolved<DirEntry>, Permit), CallError> {
        let text = caller.path(path.address)?;
        let entry = self.resolver.entry(caller, path.at, &text)?;
        if entry.is_dots() {
            return Err(Errno::EEXIST.into());
        }
        let permit = rules::create(&self.plan.rules, &entry.place, kind)
            .map_err(|denial| self.taken_or(&entry, CallError::at(&entry.place)(denial)))?;
        Ok((Resolved::under(held, entry), permit))
    }

    /// Remembers and logs what was just created under a name.
    pub(super) fn remember(
        &mut self,
        held: Held,
        done: Done<DirEntry, ()>,
        what: &str,
    ) -> Result<Logged, CallError> {
        let entry = done.what;
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        // No other guard could act since. If somebody else took the name, the
        // session treats what is there as older than itself, and the call has
        // succeeded anyway.
        if let Ok(fd) = openat(&*entry.directory.fd, &*entry.name, flags, Mode::empty())
            && let Ok(status) = statx::of_fd(fd.as_fd())
        {
            self.files.add(status.inode, Rc::new(fd));
            if kind(&status) == FileKind::Directory {
                // If it fails, it is tried again on the way into the directory.
                let _ = self.resolver.appeared(&entry, status.inode);
            }
        }
        drop(held);
        let what = Event::about(what);
        Ok(self.log.changed(Deed::Created, what, &entry.place.path))
    }
}

/// Gives a new directory what mkdir(2) does not: the set-gid bit of the least
/// mode, and if it is a directory of the policy, the account's own rights. Else
/// the next session would find none of its rules.
fn complete(entry: &DirEntry, least: u32) {
    const OWNER: u32 = 0o700;
    const SET_GID: u32 = 0o2000;
    let own = if entry.place.is_policy_directory {
        OWNER
    } else {
        0
    };
    let wanted = own | (least & SET_GID);
    if wanted != 0
        && let Ok(status) = entry.status()
        && status.mode & wanted != wanted
    {
        let mode = Mode::from_bits_truncate((status.mode | wanted) & 0o7777);
        // If it fails, the next session is refused and says why.
        let follow = FchmodatFlags::FollowSymlink;
        let _ = fchmodat(&*entry.directory.fd, &*entry.name, mode, follow);
    }
}

const fn kind_name(kind: FileKind) -> &'static str {
    match kind {
        FileKind::File => "file",
        FileKind::Directory => "directory",
        FileKind::Symlink => "symlink",
        FileKind::Null | FileKind::Special => "special",
    }
}
