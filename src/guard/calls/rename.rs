//! rename(2): what moves, over what, and what it takes along.

use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::libc;

use super::decode::PathArg;
use super::tree;
use crate::decide::policy::Symlinks;
use crate::decide::rules::{self, Contents, Denial, FileKind, FileState, Replace};
use crate::guard::Guard;
use crate::guard::call_error::CallError;
use crate::guard::caller::Caller;
use crate::guard::channel::Channel;
use crate::guard::counts::Deed;
use crate::guard::lock::Held;
use crate::guard::resolve::{DirEntry, Directory, kind};
use crate::guard::steps::{Done, Logged, Resolved};
use crate::log::Event;
use crate::system::rename::rename;
use crate::system::statx::{FileId, Inode, Status};

impl Guard<'_> {
    /// rename(2).
    pub(super) fn rename(
        &mut self,
        caller: &Caller,
        from: PathArg,
        to: PathArg,
        flags: u32,
    ) -> Result<Logged, CallError> {
        if flags & !libc::RENAME_NOREPLACE != 0 {
            // As from a file system that supports neither exchange nor
            // whiteout.
            return Err(Errno::EINVAL.into());
        }
        let old_text = caller.path(from.address)?;
        // That it is too long is said after what is wrong with the old one.
        let new_text = caller.path(to.address);
        let held = self.locks.hold()?;
        let busy = |failure| match failure {
            CallError::Errno(Errno::EEXIST) => Errno::EBUSY.into(),
            other => other,
        };
        let resolver = &mut self.resolver;
        // As in the kernel, both ways come before either name, the root directory's included.
        let old = match resolver.entry(caller, from.at, &old_text) {
            Err(root @ CallError::Errno(Errno::EEXIST)) => Err(root),
            other => Ok(other?),
        };
        let new = resolver.entry(caller, to.at, &new_text?).map_err(busy)?;
        let old = old.map_err(busy)?;
        if old.is_dots() || new.is_dots() {
            return Err(Errno::EBUSY.into());
        }
        let (old, status, subject) = match self.named_file(old) {
            Ok(found) => found,
            Err(failure) => {
                return Err(match new.status() {
                    Err(closed @ CallError::Errno(Errno::EACCES)) => closed,
                    _ => failure,
                });
            }
        };
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
        .map_err(|(denial, place)| CallError::at(place)(denial))?;
        if subject.kind == FileKind::Symlink {
            self.may_lead_from(&old, &new)?;
        }
        // What can fail comes before the change: every change that is made gets
        // its line.
        let ids = (old.directory.id()?, new.directory.id()?);
        let allowed = Resolved::under(&held, (old, new)).judged(permit);
        let allowed = allowed.allowed(self.channel.still_waits(caller)?);
        let free_name = flags & libc::RENAME_NOREPLACE != 0 || replace == Replace::Never;
        let done = allowed.act(&held, |(old, new)| {
            rename_entry(old, new, free_name, taken.is_some())
        })?;
        Ok(self.log_rename(held, done, ids, (&status, taken.as_ref())))
    }

    /// Remembers and logs a rename.
    fn log_rename(
        &mut self,
        held: Held,
        done: Done<(DirEntry, DirEntry), ()>,
        (old_id, new_id): (FileId, FileId),
        (status, taken): (&Status, Option<&Status>),
    ) -> Logged {
        let (old, new) = done.what;
        if taken.is_some_and(|taken| taken.inode == status.inode) {
            // Two names of one file: rename(2) does nothing.
            return self.log.unchanged();
        }
        if let Some(taken) = taken {
            let is_directory = kind(taken) == FileKind::Directory;
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
        if let Some(logged) = self.log.arrived(status.inode, new, taken.is_some()) {
            return logged;
        }
        self.settle(status.inode, Some(new));
        if kind(status) == FileKind::Directory {
            self.log.settle_below(old, new, Channel::is_open);
        }
        let what = match (kind(status), taken) {
            (FileKind::Directory, _) => Event::about("directory"),
            (_, Some(_)) => Event::about("file").name("over", "file"),
            (FileKind::Symlink, None) => Event::about("symlink"),
            (_, None) => Event::about("file"),
        };
        self.log.named(Deed::Renamed, what, old, new)
    }

    /// Whether a name is free, or what has it. A directory that must keep its
    /// name is recognised by its identity.
    fn free_or_taken(&self, mut entry: DirEntry) -> Result<(DirEntry, Option<Status>), CallError> {
        match entry.status() {
            Ok(status) => {
                entry.place.is_policy_directory |= self.resolver.keeps(status.inode);
                Ok((entry, Some(status)))
            }
            Err(CallError::Errno(Errno::ENOENT)) => Ok((entry, None)),
            Err(other) => Err(other),
        }
    }

    /// Searches a directory that is to be moved: for what is not the session's
    /// own, and for symbolic links that would lead elsewhere from the new
    /// place.
    fn look_through(
        &mut self,
        old: &DirEntry,
        new: &DirEntry,
        subject: &FileState,
    ) -> Result<Contents, CallError> {
        if subject.kind != FileKind::Directory {
            return Ok(Contents::Own);
        }
        let asked = rules::asks_for_contents(&old.place, &new.place, subject);
        let is_moved = old.directory.id()? != new.directory.id()?;
        let links_matter = is_moved && self.plan.rules.symlinks != Symlinks::Any;
        if !asked && !links_matter {
            return Ok(Contents::Own);
        }
        let unknown = |_| CallError::at(&old.place)(Denial::Unknown);
        let own = |inode: Inode| self.files.is_own(inode);
        let found = match tree::look_through(&old.directory, &old.name, own) {
            // What cannot be listed may contain anything; its links may have
            // any target.
            Err(_) if !links_matter => return Ok(Contents::Others),
            other => other.map_err(unknown)?,
        };
        if links_matter {
            self.resolver.allow_for_links();
            for link in &found.links {
                let leads = self.leads_inside_moved(&new.directory, link);
                leads.map_err(|_| CallError::at(&old.place)(Denial::SymlinkTarget))?;
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
    fn leads_inside_moved(&mut self, new: &Directory, link: &tree::Link) -> Result<(), CallError> {
        let Some((above, rest)) = link.leads_out() else {
            return Ok(());
        };
        let mut directory = new.clone();
        for _ in 1..above {
            directory = self.resolver.above(&directory)?;
        }
        self.leads_inside(&directory, rest)
    }
}

/// Renames. If the file system cannot guarantee that the new name is free, what
/// was seen under the lock must be enough.
fn rename_entry(
    old: &DirEntry,
    new: &DirEntry,
    free_name: bool,
    is_taken: bool,
) -> Result<(), CallError> {
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
