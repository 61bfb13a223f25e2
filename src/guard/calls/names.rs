//! Names: made, removed, changed, linked.

use std::ffi::CString;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStringExt as _;
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, readlinkat};
use nix::libc;
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, mkdirat, mknodat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

use super::decode::PathArg;
use super::tree;
use crate::decide::policy::Symlinks;
use crate::decide::rules::{self, Contents, Denial, Kind, Permit, Replace, Subject};
use crate::guard::Guard;
use crate::guard::caller::Caller;
use crate::guard::channel::Channel;
use crate::guard::failure::Failure;
use crate::guard::lock::Held;
use crate::guard::resolve::{Directory, Entry, Object, kind, proc_name};
use crate::guard::steps::{Done, Logged, Resolved};
use crate::guard::transfer_log::Deed;
use crate::system::rename::rename;
use crate::system::statx::{self, FileId, Inode, Status};

impl Guard<'_> {
    /// mkdir(2).
    pub(super) fn make_directory(
        &mut self,
        caller: &Caller,
        path: PathArg,
        mode: u32,
    ) -> Result<Logged, Failure> {
        let held = self.locks.hold()?;
        let (entry, permit) = self.new_entry(&held, caller, path, Kind::Directory)?;
        let allowed = entry
            .judged(permit)
            .allowed(self.channel.still_waits(caller)?);
        self.umasks.take(caller.pid);
        let mode = rules::mode(&self.plan.rules, Kind::Directory, mode);
        let done = allowed.act(&held, |entry| {
            let bits = Mode::from_bits_truncate(mode);
            mkdirat(&*entry.directory.fd, &*entry.written()?, bits)?;
            keep_usable(entry);
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
    ) -> Result<Logged, Failure> {
        let kind = match mode & libc::S_IFMT {
            0 | libc::S_IFREG => Kind::File,
            _ => Kind::Special,
        };
        let held = self.locks.hold()?;
        let (entry, permit) = self.new_entry(&held, caller, path, kind)?;
        let allowed = entry
            .judged(permit)
            .allowed(self.channel.still_waits(caller)?);
        self.umasks.take(caller.pid);
        let mode = rules::mode(&self.plan.rules, kind, mode & 0o7777);
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

    /// symlink(2).
    pub(super) fn make_symlink(
        &mut self,
        caller: &Caller,
        target: u64,
        path: PathArg,
    ) -> Result<Logged, Failure> {
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
        let allowed = Resolved::under(&held, entry).judged(permit);
        let allowed = allowed.allowed(self.channel.still_waits(caller)?);
        let done = allowed.act(&held, |entry| {
            Ok(symlinkat(
                &*target,
                &*entry.directory.fd,
                &*entry.written()?,
            )?)
        })?;
        if temporary {
            let status = done.what.status()?;
            let id = done.what.directory.id()?;
            self.files.mark_temporary(&done.what, id, status.inode);
        }
        self.remember(held, done, "symlink")
    }

    /// Whether a link may be made under this name, and whether only because
    /// rsync's receiver makes its links so.
    fn may_make_link(&self, entry: &Entry) -> Result<(Permit, bool), Failure> {
        let rules = &self.plan.rules;
        let denial = match rules::create(rules, &entry.place, Kind::Symlink) {
            Ok(permit) => return Ok((permit, false)),
            Err(denial) => denial,
        };
        let Ok(permit) = rules::create_temporary_link(rules, &entry.place) else {
            return Err(self.taken_or(entry, Failure::at(&entry.place)(denial)));
        };
        if self.files.has_room_for_temporary() {
            return Ok((permit, true));
        }
        Err(Failure::at(&entry.place)(Denial::TooMany))
    }

    /// Whether a symbolic link of this name may have this target.
    fn may_lead(&mut self, entry: &Entry, target: &CString) -> Result<(), Failure> {
        let denied = || Failure::at(&entry.place)(Denial::SymlinkTarget);
        match self.plan.rules.symlinks {
            Symlinks::Any => Ok(()),
            Symlinks::None => Err(denied()),
            Symlinks::Inside => self
                .leads_inside(&entry.directory, target.to_bytes())
                .map_err(|_| denied()),
        }
    }

    /// Whether a link in this directory leads into the policy's directories.
    fn leads_inside(&mut self, directory: &Directory, target: &[u8]) -> Result<(), Failure> {
        let place = self.resolver.target(directory, target)?;
        Ok(rules::symlink_target(&self.plan.rules, &place)?)
    }

    /// As [`Self::may_lead`], for a link that exists and gets this name.
    fn may_lead_from(&mut self, old: &Entry, new: &Entry) -> Result<(), Failure> {
        if self.plan.rules.symlinks == Symlinks::Any {
            return Ok(());
        }
        let target = readlinkat(&*old.directory.fd, &*old.name)?.into_vec();
        let target = CString::new(target).map_err(|_| Errno::EINVAL)?;
        self.may_lead(new, &target)
    }

    /// unlink(2), rmdir(2).
    pub(super) fn remove(
        &mut self,
        caller: &Caller,
        path: PathArg,
        directory: bool,
    ) -> Result<Logged, Failure> {
        let text = caller.path(path.address)?;
        let held = self.locks.hold()?;
        let entry = match self.resolver.entry(caller, path.at, &text) {
            // The root directory.
            Err(Failure::Errno(Errno::EEXIST)) if directory => return Err(Errno::EBUSY.into()),
            Err(Failure::Errno(Errno::EEXIST)) => return Err(Errno::EISDIR.into()),
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
            .map_err(Failure::at(&entry.place))?;
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
        let path = self.log.name_after(status.inode, &done.what.place.path);
        self.settle(status.inode, path.as_deref());
        let what = kind_name(kind(&status));
        Ok(self
            .log
            .changed(Deed::Removed, &what, &done.what.place.path))
    }

    /// rename(2).
    pub(super) fn rename(
        &mut self,
        caller: &Caller,
        from: PathArg,
        to: PathArg,
        flags: u32,
    ) -> Result<Logged, Failure> {
        if flags & !libc::RENAME_NOREPLACE != 0 {
            // As a file system that can neither exchange nor white out.
            return Err(Errno::EINVAL.into());
        }
        let (old_text, new_text) = (caller.path(from.address)?, caller.path(to.address)?);
        let held = self.locks.hold()?;
        let busy = |failure| match failure {
            Failure::Errno(Errno::EEXIST) => Errno::EBUSY.into(),
            other => other,
        };
        let resolver = &mut self.resolver;
        let old = resolver.entry(caller, from.at, &old_text).map_err(busy)?;
        let new = resolver.entry(caller, to.at, &new_text).map_err(busy)?;
        if old.is_dots() || new.is_dots() {
            return Err(Errno::EBUSY.into());
        }
        let (old, status, subject) = self.named_file(old)?;
        let (new, taken) = self.free_or_taken(new)?;
        let contents = self.look_through(&old, &new, &subject)?;
        let (from, to) = (&old.place, &new.place);
        let (permit, replace) = rules::rename(
            &self.plan.rules,
            from,
            to,
            &subject,
            contents,
            taken.is_some(),
        )
        .map_err(|(denial, place)| Failure::at(place)(denial))?;
        if subject.kind == Kind::Symlink {
            self.may_lead_from(&old, &new)?;
        }
        let allowed = Resolved::under(&held, (old, new)).judged(permit);
        let allowed = allowed.allowed(self.channel.still_waits(caller)?);
        let free_name = flags & libc::RENAME_NOREPLACE != 0 || replace == Replace::Never;
        let done = allowed.act(&held, |(old, new)| {
            rename_entry(old, new, free_name, taken.is_some())
        })?;
        self.log_rename(held, done, &status, taken.as_ref())
    }

    /// Remembers and logs a rename.
    fn log_rename(
        &mut self,
        held: Held,
        done: Done<(Entry, Entry), ()>,
        status: &Status,
        taken: Option<&Status>,
    ) -> Result<Logged, Failure> {
        let (old, new) = done.what;
        if taken.is_some_and(|taken| taken.inode == status.inode) {
            // Two names of one file: rename(2) does nothing.
            return Ok(self.log.unchanged());
        }
        let (old_id, new_id) = (old.directory.id()?, new.directory.id()?);
        if let Some(taken) = taken {
            let is_directory = kind(taken) == Kind::Directory;
            let links = if is_directory {
                0
            } else {
                taken.links.saturating_sub(1)
            };
            self.files.unlinked(taken.inode, new_id, &new.name, links);
        }
        self.files.renamed((old_id, &old.name), (&new, new_id));
        drop(held);
        if let Some(taken) = taken {
            self.settle(taken.inode, None);
        }
        let (old, new) = (&old.place.path, &new.place.path);
        self.settle(status.inode, Some(new));
        if kind(status) == Kind::Directory {
            self.log.settle_below(old, new, Channel::is_open);
        }
        let what = match (kind(status), taken) {
            (Kind::Directory, _) => "directory",
            (_, Some(_)) => "file over=file",
            (Kind::Symlink, None) => "symlink",
            (_, None) => "file",
        };
        Ok(self.log.named(Deed::Renamed, what, old, new))
    }

    /// What a name is free or taken by. A directory that keeps its name is told
    /// by what it is.
    fn free_or_taken(&self, mut entry: Entry) -> Result<(Entry, Option<Status>), Failure> {
        match entry.status() {
            Ok(status) => {
                entry.place.is_policy_directory |= self.resolver.keeps(status.inode);
                Ok((entry, Some(status)))
            }
            Err(Failure::Errno(Errno::ENOENT)) => Ok((entry, None)),
            Err(other) => Err(other),
        }
    }

    /// Looks through a directory that is to be moved: for what is not the
    /// session's own, and for symbolic links that would lead elsewhere from the
    /// new place.
    fn look_through(
        &mut self,
        old: &Entry,
        new: &Entry,
        subject: &Subject,
    ) -> Result<Contents, Failure> {
        if subject.kind != Kind::Directory {
            return Ok(Contents::Own);
        }
        let asked = rules::asks_for_contents(&old.place, &new.place, subject);
        let is_moved = old.directory.id()? != new.directory.id()?;
        let links_matter = is_moved && self.plan.rules.symlinks != Symlinks::Any;
        if !asked && !links_matter {
            return Ok(Contents::Own);
        }
        let unknown = |_| Failure::at(&old.place)(Denial::Unknown);
        let own = |inode: Inode| self.files.is_own(inode);
        let found = match tree::look_through(&old.directory, &old.name, own) {
            // What cannot be listed may hold anything; its links may have any
            // target.
            Err(_) if !links_matter => return Ok(Contents::Others),
            other => other.map_err(unknown)?,
        };
        if links_matter {
            self.resolver.allow_for_links();
            for link in &found.links {
                let leads = self.leads_inside_moved(&new.directory, link);
                leads.map_err(|_| Failure::at(&old.place)(Denial::SymlinkTarget))?;
            }
        }
        Ok(if found.is_all_own {
            Contents::Own
        } else {
            Contents::Others
        })
    }

    /// Whether a link in a directory that is moved into `new` leads inside from
    /// there.
    fn leads_inside_moved(&mut self, new: &Directory, link: &tree::Link) -> Result<(), Failure> {
        let Some((above, rest)) = link.leads_out() else {
            return Ok(());
        };
        let mut directory = new.clone();
        for _ in 1..above {
            directory = self.resolver.above(&directory)?;
        }
        self.leads_inside(&directory, rest)
    }

    /// link(2).
    pub(super) fn link(
        &mut self,
        caller: &Caller,
        from: PathArg,
        to: PathArg,
        flags: i32,
    ) -> Result<Logged, Failure> {
        if flags & !libc::AT_SYMLINK_FOLLOW != 0 {
            // An empty path would give a name to what has none.
            return Err(Denial::Unsupported.into());
        }
        let (old_text, new_text) = (caller.path(from.address)?, caller.path(to.address)?);
        let follow = flags & libc::AT_SYMLINK_FOLLOW != 0;
        let held = self.locks.hold()?;
        let object = self.resolver.object(caller, from.at, &old_text, follow)?;
        let new = self.resolver.entry(caller, to.at, &new_text)?;
        if new.is_dots() {
            return Err(Errno::EEXIST.into());
        }
        let rules = &self.plan.rules;
        let subject = self.subject(&object);
        rules::visible(rules, &object.place, subject.has_temporary_name)
            .map_err(Failure::at(&object.place))?;
        if object.kind() == Kind::Directory {
            return Err(Errno::EPERM.into());
        }
        let (permit, temporary) = self.may_link(&object, &new, &subject)?;
        if object.kind() == Kind::Symlink && rules.symlinks != Symlinks::Any {
            // rsync -H and --link-dest: the target counts from the new place.
            let target = readlinkat(&*object.fd, c"")?.into_vec();
            let target = CString::new(target).map_err(|_| Errno::EINVAL)?;
            self.may_lead(&new, &target)?;
        }
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
        let (inode, id) = (object.status.inode, new.directory.id()?);
        let first = self.only_name(&object)?;
        let first = first.as_ref().map(|(entry, id)| (entry, *id));
        self.files.linked(inode, first, (&new, id));
        if temporary {
            self.files.mark_temporary(&new, id, inode);
        }
        drop(held);
        let (old, new) = (&object.place.path, &new.place.path);
        self.log.linked(inode, new);
        Ok(self.log.named(Deed::Created, "link", old, new))
    }

    /// The name of a file that had no other, before it got one.
    fn only_name(&mut self, object: &Object) -> Result<Option<(Entry, FileId)>, Failure> {
        if object.status.links != 1 {
            return Ok(None);
        }
        let entry = self.resolver.entry_at(&object.place.path)?;
        let id = entry.directory.id()?;
        Ok(Some((entry, id)))
    }

    /// Whether a file may get this second name, and whether only because rsync's
    /// receiver gives its links such names.
    fn may_link(
        &self,
        object: &Object,
        new: &Entry,
        subject: &Subject,
    ) -> Result<(Permit, bool), Failure> {
        let rules = &self.plan.rules;
        let link = |temporary| rules::link(rules, &object.place, &new.place, subject, temporary);
        let denied = |(denial, place)| self.taken_or(new, Failure::at(place)(denial));
        match link(false) {
            Err((Denial::Dotfile | Denial::Hidden, _))
                if rules::create_temporary_link(rules, &new.place).is_ok() =>
            {
                if !self.files.has_room_for_temporary() {
                    return Err(Failure::at(&new.place)(Denial::TooMany));
                }
                link(true).map(|permit| (permit, true)).map_err(denied)
            }
            other => other.map(|permit| (permit, false)).map_err(denied),
        }
    }

    /// What a name stands for, for the rules; ENOENT where it is hidden, whether
    /// it is there or not.
    fn named_file(&mut self, mut entry: Entry) -> Result<(Entry, Status, Subject), Failure> {
        let status = entry.status();
        let known = match &status {
            Ok(status) => Some(self.subject_named(status, &entry)?),
            Err(_) => None,
        };
        let temporary = known.is_some_and(|subject| subject.has_temporary_name);
        rules::visible(&self.plan.rules, &entry.place, temporary)
            .map_err(Failure::at(&entry.place))?;
        match (status, known) {
            (Ok(status), Some(subject)) => {
                entry.place.is_policy_directory |= self.resolver.keeps(status.inode);
                Ok((entry, status, subject))
            }
            (Err(failure), _) => Err(failure),
            (Ok(_), None) => Err(Errno::ENOENT.into()),
        }
    }

    /// The name under which something new may be made.
    fn new_entry(
        &mut self,
        held: &Held,
        caller: &Caller,
        path: PathArg,
        kind: Kind,
    ) -> Result<(Resolved<Entry>, Permit), Failure> {
        let text = caller.path(path.address)?;
        let entry = self.resolver.entry(caller, path.at, &text)?;
        if entry.is_dots() {
            return Err(Errno::EEXIST.into());
        }
        let permit = rules::create(&self.plan.rules, &entry.place, kind)
            .map_err(|denial| self.taken_or(&entry, Failure::at(&entry.place)(denial)))?;
        Ok((Resolved::under(held, entry), permit))
    }

    /// Remembers and logs what was just made under a name.
    fn remember(
        &mut self,
        held: Held,
        done: Done<Entry, ()>,
        what: &str,
    ) -> Result<Logged, Failure> {
        let entry = done.what;
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        // No other guard was let in since. Where somebody else took the name, it
        // is older than the session to it, and the call has succeeded all the same.
        if let Ok(fd) = openat(&*entry.directory.fd, &*entry.name, flags, Mode::empty())
            && let Ok(status) = statx::of_fd(fd.as_fd())
        {
            self.files.add(status.inode, Rc::new(fd));
            if kind(&status) == Kind::Directory {
                // Where it fails, it is tried again on the way into it.
                let _ = self.resolver.appeared(&entry, status.inode);
            }
        }
        drop(held);
        Ok(self.log.changed(Deed::Created, &what, &entry.place.path))
    }
}

/// A directory of the policy that is made by a client must be one that the
/// account can use, or the next session would find none of its rules.
fn keep_usable(entry: &Entry) {
    const OWNER: u32 = 0o700;
    if !entry.place.is_policy_directory {
        return;
    }
    if let Ok(status) = entry.status()
        && status.mode & OWNER != OWNER
    {
        let mode = Mode::from_bits_truncate((status.mode | OWNER) & 0o7777);
        // Where it fails, the next session is refused and says why.
        let follow = FchmodatFlags::FollowSymlink;
        let _ = fchmodat(&*entry.directory.fd, &*entry.name, mode, follow);
    }
}

/// Renames; where the file system cannot promise that the new name is free,
/// what was seen under the lock has to do.
fn rename_entry(old: &Entry, new: &Entry, free_name: bool, is_taken: bool) -> Result<(), Failure> {
    let (from, to) = (old.written()?, new.written()?);
    let from = (old.directory.fd.as_fd(), &*from);
    let to = (new.directory.fd.as_fd(), &*to);
    match rename(from, to, free_name) {
        Err(error) if free_name && error.raw_os_error() == Some(libc::EINVAL) => {
            if is_taken {
                return Err(Errno::EEXIST.into());
            }
            Ok(rename(from, to, false)?)
        }
        other => Ok(other?),
    }
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink => "symlink",
        Kind::Null | Kind::Special => "special",
    }
}
