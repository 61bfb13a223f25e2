//! Name by name: symbolic links are followed here and not by the kernel, so
//! that every directory on the way is seen, and every name is judged before
//! anything behind it is looked at.

use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStringExt as _;
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{OFlag, readlinkat};
use nix::libc;

use super::{DirEntry, Directory, Object, Resolver, kind, open_path, root_directory};
use crate::decide::rules::{self, Denial, FileKind, Place};
use crate::guard::call_error::CallError;
use crate::guard::caller::Caller;
use crate::system::statx::{self, FileId};

/// What the caller wants to know about the last component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// Its name, without looking at it.
    Name,
    /// What it leads to.
    Object {
        /// Whether a symbolic link is followed there too.
        follow: bool,
    },
}

/// The result of a walk.
#[derive(Debug)]
pub enum Reached {
    /// A name.
    DirEntry(Box<DirEntry>),
    /// A file.
    Object(Box<Object>),
}

/// As many links as the kernel follows (path_resolution(7)).
const LINKS_MAX: u32 = 40;

/// The state of a walk.
struct Way {
    here: Directory,
    /// Names that are still to be walked, the next one last.
    ahead: Vec<Vec<u8>>,
    /// Whether what is reached must be a directory.
    wants_directory: bool,
    links: u32,
    follows_links: bool,
}

impl Way {
    fn from(here: Directory, path: &[u8]) -> Self {
        let mut way = Self {
            here,
            ahead: Vec::new(),
            wants_directory: false,
            links: 0,
            follows_links: true,
        };
        way.push(path);
        way
    }

    /// Puts the names of a path before those still to be walked.
    fn push(&mut self, path: &[u8]) {
        if self.ahead.is_empty() {
            self.wants_directory |= path.ends_with(b"/") || path.ends_with(b"/.");
        }
        let names = path.split(|&b| b == b'/').rev();
        let names = names.filter(|name| !matches!(*name, b"" | b"."));
        self.ahead.extend(names.map(<[u8]>::to_vec));
    }
}

/// The result of one step.
enum NextStep {
    /// The walk continues.
    On,
    /// What the last name stands for, if it is not a directory.
    Leaf(Box<Object>),
}

impl Resolver {
    /// Walks a path of the server.
    pub(super) fn walk(
        &mut self,
        caller: &Caller,
        at: i32,
        path: &[u8],
        last: Last,
    ) -> Result<Reached, CallError> {
        if path.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        let start = self.start(caller, at, path)?;
        // Nothing can be created or removed under a name such as `a/.`, but `a` may be missing or a file.
        if last == Last::Name
            && let (parent, name @ (b"." | b".."), slash) = super::text::split(path)?
        {
            let here = self.directory_at(start, parent)?;
            return self.named(here, name, slash).map(reached_name);
        }
        let mut way = Way::from(start, path);
        while let Some(name) = way.ahead.pop() {
            let is_last = way.ahead.is_empty();
            if is_last && last == Last::Name {
                let here = way.here;
                return self
                    .named(here, &name, way.wants_directory)
                    .map(reached_name);
            }
            let follow = !is_last || way.wants_directory || last == Last::Object { follow: true };
            match self.step(&mut way, &name, follow)? {
                NextStep::On => {}
                NextStep::Leaf(object) => return Ok(Reached::Object(object)),
            }
        }
        self.here(way.here)
            .map(|here| Reached::Object(Box::new(here)))
    }

    /// The directory that all names of a path lead to.
    fn directory_at(&mut self, start: Directory, path: &[u8]) -> Result<Directory, CallError> {
        let mut way = Way::from(start, path);
        while let Some(name) = way.ahead.pop() {
            match self.step(&mut way, &name, true)? {
                NextStep::On => {}
                NextStep::Leaf(_) => return Err(Errno::ENOTDIR.into()),
            }
        }
        // Even `.` needs the right to search it.
        open_path(way.here.fd.as_fd(), c".", OFlag::O_DIRECTORY)?;
        Ok(way.here)
    }

    /// Where a symbolic link here would lead.
    pub(super) fn walk_target(
        &mut self,
        here: Directory,
        target: &[u8],
    ) -> Result<Place, CallError> {
        let here = if target.first() == Some(&b'/') {
            self.top()?
        } else {
            here
        };
        let mut way = Way::from(here, target);
        while let Some(name) = way.ahead.pop() {
            match self.step(&mut way, &name, true) {
                Ok(NextStep::On) => {}
                Ok(NextStep::Leaf(object)) => return Ok(object.place),
                // Nothing, not a directory, or links in a circle: the rest is
                // taken by its names. What a link leads to is judged when the
                // link is created.
                Err(CallError::Errno(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP)) => {
                    self.count_steps(way.ahead.len())?;
                    return by_names(&way, &name);
                }
                Err(other) => return Err(other),
            }
        }
        Ok(way.here.place)
    }

    /// The place and identity of the directory at an absolute path, without
    /// following links.
    pub(super) fn walk_text(&mut self, path: &[u8]) -> Result<(FileId, Place), CallError> {
        let found = self.walk_text_to_directory(path)?;
        Ok((found.id()?, found.place))
    }

    /// The directory at an absolute path, without following links.
    pub(super) fn walk_text_to_directory(&mut self, path: &[u8]) -> Result<Directory, CallError> {
        let mut way = Way::from(self.top()?, path);
        way.follows_links = false;
        while let Some(name) = way.ahead.pop() {
            if let NextStep::Leaf(_) = self.step(&mut way, &name, true)? {
                return Err(Errno::ENOTDIR.into());
            }
        }
        Ok(way.here)
    }

    /// The directory where a path begins.
    fn start(&mut self, caller: &Caller, at: i32, path: &[u8]) -> Result<Directory, CallError> {
        if path.first() == Some(&b'/') {
            return self.top();
        }
        let fd = if at != libc::AT_FDCWD {
            caller.descriptor(at)?
        } else if caller.is_where_the_guard_is {
            open_path(nix::fcntl::AT_FDCWD, c".", OFlag::O_DIRECTORY)?
        } else {
            caller.working_directory()?
        };
        let fd = Rc::new(fd);
        let status = statx::of_fd(fd.as_fd())?;
        if kind(&status) != FileKind::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        let place = self.locate(&fd, &status)?;
        Ok(Directory::new(fd, place, Some(status.inode.file())))
    }

    fn top(&mut self) -> Result<Directory, CallError> {
        let fd = Rc::new(root_directory()?);
        let status = statx::of_fd(fd.as_fd())?;
        let mut place = super::outside(b"/".to_vec());
        place.is_policy_directory = true;
        Ok(Directory::new(fd, place, Some(status.inode.file())))
    }

    /// One name further.
    fn step(&mut self, way: &mut Way, name: &[u8], follow: bool) -> Result<NextStep, CallError> {
        self.count_steps(1)?;
        if name == b".." {
            way.here = self.above(&way.here)?;
            return Ok(NextStep::On);
        }
        let entry = self.named(way.here.clone(), name, false)?;
        self.judge_name(&entry)?;
        let object = self.entry_object(&entry)?;
        match object.kind() {
            FileKind::Directory => {
                let id = object.status.inode.file();
                self.keep_out_of_procfs(&object)?;
                way.here = Directory::new(object.fd, object.place, Some(id));
                Ok(NextStep::On)
            }
            FileKind::Symlink if follow => {
                way.links += 1;
                if way.links > LINKS_MAX || !way.follows_links {
                    return Err(Errno::ELOOP.into());
                }
                may_follow(way, &object)?;
                let target = readlinkat(&*object.fd, c"")?.into_vec();
                if target.is_empty() {
                    return Err(Errno::ENOENT.into());
                }
                if target.first() == Some(&b'/') {
                    way.here = self.top()?;
                }
                way.push(&target);
                Ok(NextStep::On)
            }
            _ if !way.ahead.is_empty() || way.wants_directory => Err(Errno::ENOTDIR.into()),
            _ => Ok(NextStep::Leaf(Box::new(object))),
        }
    }

    /// A directory as the object of a call.
    fn here(&mut self, here: Directory) -> Result<Object, CallError> {
        let status = statx::of_fd(here.fd.as_fd())?;
        Ok(Object {
            fd: here.fd,
            place: here.place,
            status,
            entry: None,
            nameless: false,
        })
    }
}

fn reached_name(entry: DirEntry) -> Reached {
    Reached::DirEntry(Box::new(entry))
}

/// What the kernel's protected_symlinks demands (proc(5)), which would
/// otherwise be bypassed since links are followed here: in a world-writable
/// sticky directory, only the follower's own links and those of the directory's
/// owner are followed.
fn may_follow(way: &Way, link: &Object) -> Result<(), CallError> {
    const SHARED: u32 = 0o1002;
    let directory = statx::of_fd(way.here.fd.as_fd())?;
    let is_shared = directory.mode & SHARED == SHARED;
    let own = nix::unistd::geteuid().as_raw();
    if is_shared && link.status.owner != own && link.status.owner != directory.owner {
        return Err(Errno::EACCES.into());
    }
    Ok(())
}

/// The place of names the first of which is not a directory.
fn by_names(way: &Way, name: &[u8]) -> Result<Place, CallError> {
    let mut place = way.here.place.child(name);
    for name in way.ahead.iter().rev() {
        if name == b".." {
            return Err(Denial::SymlinkTarget.into());
        }
        place = place.child(name);
    }
    Ok(place)
}

impl Resolver {
    /// If dotfiles are hidden, a hidden name is answered like one that does not
    /// exist, before anything behind it is looked at.
    fn judge_name(&self, entry: &DirEntry) -> Result<(), CallError> {
        let Some(rules) = &self.hidden else {
            return Ok(());
        };
        let name = (entry.directory.id()?, entry.name.as_bytes());
        let temporary = self.temporary_names.borrow().has(name);
        rules::visible(rules, &entry.place, temporary).map_err(CallError::at(&entry.place))
    }

    /// In procfs the guard would find its own entries where the server means
    /// the server's.
    fn keep_out_of_procfs(&self, object: &Object) -> Result<(), CallError> {
        if object.status.is_mount_root
            && object.place.root.is_none()
            && super::mounts::is_procfs(object.fd.as_fd())?
        {
            return Err(CallError::at(&object.place)(Denial::Outside));
        }
        Ok(())
    }
}
