//! Where is it really? The guard resolves the server's paths itself, as the
//! account, on its own descriptors.
//!
//! Which root contains a place, and what is between them, is decided by the
//! identities of directories. The text of a path is only a guess: it is trusted
//! once the kernel has walked the same names from the root's own descriptor
//! ([`Resolver::beneath`]). A path that cannot be verified in this way is
//! walked name by name ([`walk`]), and every directory on the way is compared
//! with those of the policy.

mod found;
mod mounts;
mod policy_directories;
mod text;
mod walk;

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::libc;

use super::call_error::CallError;
use super::caller::Caller;
use super::rsync_temporaries::RsyncTemporaries;
use crate::decide::plan::{Plan, Rules};
use crate::decide::rules::{self, Denial, FileKind, Place};
use crate::system::opened::Opened;
use crate::system::statx::{self, Inode, Status};

pub use found::{DirEntry, Directory, Object, kind};
use mounts::Mounts;
pub use policy_directories::PolicyDirectories;
use text::{climbs_behind_a_name, plain_text, split};
pub use walk::Last;

const O_PATH: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);

/// The most names that are walked for one call. A path has at most 4,096 bytes,
/// but may follow 40 links, and each `..` in it asks for the place of a
/// directory, which can be at any depth: while a guard walks, the others wait.
const STEPS_MAX: u32 = 16_384;

/// Resolves paths of the server.
#[derive(Debug)]
pub struct Resolver {
    policy_directories: PolicyDirectories,
    mounts: Mounts,
    /// The guard's working directory, as text.
    start: Vec<u8>,
    /// The rules, if a root hides dotfiles: then each name is judged before
    /// anything behind it is looked at.
    hidden: Option<Rules>,
    /// Names that rsync gave in this session are not hidden from it.
    temporary_names: Rc<RefCell<RsyncTemporaries>>,
    /// The directory that was located last: a guess for the next one.
    last: Option<Place>,
    /// Names that may still be walked for this call.
    steps: u32,
}

impl Resolver {
    /// A resolver for the plan. This must come before the session's Landlock
    /// domain.
    ///
    /// # Errors
    /// If a directory of the policy cannot be examined.
    pub fn new(
        plan: &Plan,
        opened: &Opened,
        temporary_names: Rc<RefCell<RsyncTemporaries>>,
    ) -> io::Result<Self> {
        Ok(Self {
            policy_directories: PolicyDirectories::survey(plan, opened)?,
            mounts: Mounts::open(),
            start: plan.start.path.as_os_str().as_bytes().to_vec(),
            hidden: rules::hides(&plan.rules).then(|| plan.rules.clone()),
            temporary_names,
            last: None,
            steps: STEPS_MAX,
        })
    }

    /// The directories of the policy.
    pub const fn policy_directories(&self) -> &PolicyDirectories {
        &self.policy_directories
    }

    /// Another call begins: its path may be long again.
    pub const fn begin(&mut self) {
        self.steps = STEPS_MAX;
    }

    /// The links in a directory that is moved are walked too; this allows that
    /// many more names for all of them.
    pub const fn allow_for_links(&mut self) {
        self.steps = 8 * STEPS_MAX;
    }

    /// Counts that many more names.
    fn count_steps(&mut self, count: usize) -> Result<(), CallError> {
        let left = u32::try_from(count).ok();
        let left = left.and_then(|count| self.steps.checked_sub(count));
        // Not ELOOP, which has a meaning for the targets of links.
        self.steps = left.ok_or(Errno::ENAMETOOLONG)?;
        Ok(())
    }

    /// Closes what an idle session need not keep open.
    pub fn rest(&mut self) {
        self.policy_directories.rest();
    }

    /// The directory and name that `path` stands for; the last component is not
    /// examined.
    pub fn entry(&mut self, caller: &Caller, at: i32, path: &CStr) -> Result<DirEntry, CallError> {
        let (parent, name, wants_directory) = split(path.to_bytes())?;
        if !matches!(name, b"." | b"..")
            && let Some(directory) = self.proved(caller, at, parent)
        {
            return self.named(directory, name, wants_directory);
        }
        match self.walk(caller, at, path.to_bytes(), Last::Name)? {
            walk::Reached::DirEntry(entry) => Ok(*entry),
            walk::Reached::Object(_) => Err(Errno::EEXIST.into()),
        }
    }

    /// The file that `path` leads to, with or without following a symbolic
    /// link in the last component.
    pub fn object(
        &mut self,
        caller: &Caller,
        at: i32,
        path: &CStr,
        follow: bool,
    ) -> Result<Object, CallError> {
        if let Ok((parent, name, false)) = split(path.to_bytes())
            && !matches!(name, b"." | b"..")
            && let Some(directory) = self.proved(caller, at, parent)
        {
            let entry = self.named(directory, name, false)?;
            let object = self.entry_object(&entry)?;
            if object.kind() != FileKind::Symlink || !follow {
                return Ok(object);
            }
        }
        let last = Last::Object { follow };
        match self.walk(caller, at, path.to_bytes(), last)? {
            walk::Reached::Object(object) => Ok(*object),
            walk::Reached::DirEntry(_) => Err(Errno::ENOENT.into()),
        }
    }

    /// The file behind a descriptor of the server.
    pub fn descriptor(&mut self, caller: &Caller, number: i32) -> Result<Object, CallError> {
        let fd = if number == libc::AT_FDCWD {
            caller.working_directory()?
        } else {
            caller.descriptor(number)?
        };
        self.of_shared(&Rc::new(fd))
    }

    /// The name as an object: what it stands for, not followed.
    pub fn entry_object(&mut self, entry: &DirEntry) -> Result<Object, CallError> {
        let directory = entry.directory.fd.as_fd();
        let fd = Rc::new(open_path(directory, &entry.name, OFlag::O_NOFOLLOW)?);
        let status = statx::of_fd(fd.as_fd())?;
        let place = self.place_of(entry, fd.as_fd(), &status)?;
        Ok(Object {
            fd,
            place,
            status,
            entry: Some((entry.directory.id()?, entry.name.clone())),
            nameless: false,
        })
    }

    /// What and where the file behind a descriptor of the guard is.
    pub fn of_shared(&mut self, fd: &Rc<OwnedFd>) -> Result<Object, CallError> {
        let fd = Rc::clone(fd);
        let status = statx::of_fd(fd.as_fd())?;
        let nameless = |fd, path| Object {
            fd,
            place: outside(path),
            status,
            entry: None,
            nameless: true,
        };
        if status.links == 0 {
            return Ok(nameless(fd, Vec::new()));
        }
        if kind(&status) == FileKind::Directory {
            let place = self.locate(&fd, &status)?;
            return Ok(Object {
                fd,
                place,
                status,
                entry: None,
                nameless: false,
            });
        }
        let path = path_of(fd.as_fd())?;
        // The kernel's own path for it has no links; it may have changed since.
        match self.entry_at(&path) {
            Ok(entry) if entry.status().is_ok_and(|now| now.inode == status.inode) => Ok(Object {
                fd,
                place: entry.place,
                status,
                entry: Some((entry.directory.id()?, entry.name)),
                nameless: false,
            }),
            Ok(_) | Err(CallError::Errno(Errno::ENOENT | Errno::ENOTDIR)) => Ok(nameless(fd, path)),
            Err(other) => Err(other),
        }
    }

    /// Where a symbolic link in `directory` with this target would lead. What
    /// does not exist yet, or cannot be walked through, is taken by name. `..`
    /// is not trusted after any name: what has that name now could be replaced
    /// with a link to elsewhere.
    pub fn target(&mut self, directory: &Directory, target: &[u8]) -> Result<Place, CallError> {
        if climbs_behind_a_name(target) {
            return Err(Denial::SymlinkTarget.into());
        }
        self.walk_target(directory.clone(), target)
    }

    /// The parent directory.
    pub fn above(&mut self, directory: &Directory) -> Result<Directory, CallError> {
        let fd = Rc::new(open_path(directory.fd.as_fd(), c"..", OFlag::O_DIRECTORY)?);
        let status = statx::of_fd(fd.as_fd())?;
        let place = self.locate(&fd, &status)?;
        Ok(Directory::new(fd, place, Some(status.inode.file())))
    }

    /// Notes that a directory was created under this name.
    ///
    /// # Errors
    /// If its identity cannot be determined.
    pub fn appeared(&mut self, entry: &DirEntry, inode: Inode) -> Result<(), CallError> {
        let directory = entry.directory.id()?;
        let id = inode.file();
        self.policy_directories
            .recognise_entry(directory, entry.name.to_bytes(), id)?;
        Ok(self.policy_directories.recognise(&entry.place.path, id)?)
    }

    /// Whether this directory must keep its name, by whatever path it is
    /// reached.
    pub fn keeps(&self, inode: Inode) -> bool {
        self.policy_directories.keeps(inode.file())
    }

    /// A name in a directory.
    fn named(
        &self,
        directory: Directory,
        name: &[u8],
        wants_directory: bool,
    ) -> Result<DirEntry, CallError> {
        let mut place = directory.place.child(name);
        let known = &self.policy_directories;
        place.is_policy_directory = known.keeps_name(&place.path)
            || known.has_absent() && known.keeps_entry(directory.id()?, name);
        Ok(DirEntry {
            directory,
            name: CString::new(name).map_err(|_| Errno::EINVAL)?,
            wants_directory,
            place,
        })
    }

    /// The directory that a path means, if its text leads there directly: from
    /// the root that the text names, by the names in it.
    fn proved(&mut self, caller: &Caller, at: i32, path: &[u8]) -> Option<Directory> {
        // Each name must be judged before anything behind it is looked at.
        if self.hidden.is_some() {
            return None;
        }
        let is_absolute = path.first() == Some(&b'/');
        let is_ours = at == libc::AT_FDCWD && caller.is_where_the_guard_is;
        let base: &[u8] = match (is_absolute, is_ours) {
            (true, _) => b"",
            (false, true) => &self.start,
            (false, false) => return None,
        };
        let text = plain_text(base, path)?;
        self.beneath(&text)
    }

    /// The directory with this absolute path, verified from its root's
    /// descriptor; `None` if that is not possible.
    fn beneath(&mut self, text: &[u8]) -> Option<Directory> {
        let (root, end) = self.policy_directories.guess(text)?;
        let below = text.get(end + 1..).unwrap_or_default();
        if !below.is_empty() && self.policy_directories.holds_others(root) {
            return None;
        }
        let fd = self.policy_directories.open(root).ok()?;
        let mut place = self.policy_directories.place(root);
        let id = self.policy_directories.root(root).1?;
        place.has_short_names = self.mounts.short_names_of_root(id, fd.as_fd()).ok()?;
        if below.is_empty() {
            return Some(Directory::new(fd, place, Some(id)));
        }
        let how = OpenHow::new().flags(O_PATH | OFlag::O_DIRECTORY).resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_XDEV,
        );
        let found = openat2(&*fd, below, how).ok()?;
        let mut place = place.child(below);
        // With case folding, this can be one of the directories that keep their
        // names.
        place.is_policy_directory = false;
        Some(Directory::new(Rc::new(found), place, None))
    }

    /// The place of what a name stands for.
    fn place_of(
        &mut self,
        entry: &DirEntry,
        fd: BorrowedFd<'_>,
        status: &Status,
    ) -> Result<Place, CallError> {
        let id = status.inode.file();
        let is_directory = kind(status) == FileKind::Directory;
        let mut place = entry.place.clone();
        if is_directory {
            if self.policy_directories.has_absent() {
                let (holder, name) = (entry.directory.id()?, entry.name.to_bytes());
                self.policy_directories.recognise_entry(holder, name, id)?;
            }
            self.policy_directories.recognise(&place.path, id)?;
        }
        let root = self.policy_directories.root_of(id).filter(|_| is_directory);
        if let Some(root) = root {
            place = self.policy_directories.place(root);
        } else if status.is_mount_root
            && let Some(inside) = self
                .mounts
                .inside(&self.policy_directories, &place, status)?
        {
            place = inside;
        }
        if is_directory {
            place.is_policy_directory |= self.policy_directories.keeps(id);
            if self.policy_directories.is_home(id) {
                place.home_at = Some(rules::first_name_at(place.path.len()));
            }
        }
        if is_directory && status.is_mount_root || place.is_root() {
            place.has_short_names = mounts::has_short_names(fd)?;
        }
        Ok(place)
    }

    /// The place of a directory that is known only by a descriptor.
    fn locate(&mut self, fd: &Rc<OwnedFd>, status: &Status) -> Result<Place, CallError> {
        let mut place = self.search(fd, status)?;
        // The start directory may be in a root, so its place is found by names.
        place.is_policy_directory |= self.policy_directories.keeps(status.inode.file());
        Ok(place)
    }

    fn search(&mut self, fd: &Rc<OwnedFd>, status: &Status) -> Result<Place, CallError> {
        let id = status.inode.file();
        if let Some(root) = self.policy_directories.root_of(id) {
            let mut place = self.policy_directories.place(root);
            place.has_short_names = self.mounts.short_names_of_root(id, fd.as_fd())?;
            return Ok(place);
        }
        if let Some(last) = self.last.take()
            && let Some(found) = self.beneath(&last.path)
            && found.id()? == id
        {
            self.last = Some(found.place.clone());
            return Ok(found.place);
        }
        let path = path_of(fd.as_fd())?;
        if let Some(found) = self.beneath(&path)
            && found.id()? == id
        {
            self.last = Some(found.place.clone());
            return Ok(found.place);
        }
        // Name by name from the top, through no link.
        let (reached, place) = self.walk_text(&path)?;
        if reached == id {
            return Ok(place);
        }
        Err(CallError::Errno(Errno::ENOENT))
    }

    /// The entry at an absolute path without links.
    pub fn entry_at(&mut self, path: &[u8]) -> Result<DirEntry, CallError> {
        let (parent, name, _) = split(path)?;
        let parent = plain_text(b"", parent).ok_or(Errno::ENOENT)?;
        let directory = match self.beneath(&parent) {
            Some(directory) => directory,
            _ => self.walk_text_to_directory(&parent)?,
        };
        self.named(directory, name, false)
    }
}

/// A place outside all roots.
fn outside(path: Vec<u8>) -> Place {
    Place {
        below_at: path.len(),
        root: None,
        home_at: None,
        is_policy_directory: false,
        has_short_names: false,
        path,
    }
}

/// Opens one name with O_PATH.
fn open_path(base: BorrowedFd<'_>, name: &CStr, extra: OFlag) -> Result<OwnedFd, Errno> {
    nix::fcntl::openat(base, name, O_PATH | extra, nix::sys::stat::Mode::empty())
}

/// The root directory.
fn root_directory() -> Result<OwnedFd, Errno> {
    open_path(AT_FDCWD, c"/", OFlag::O_DIRECTORY)
}

/// The path by which the kernel knows a descriptor.
///
/// # Errors
/// EACCES for what has no path (a pipe, a socket, a place outside the mounts
/// that the guard sees).
pub fn path_of(fd: BorrowedFd<'_>) -> Result<Vec<u8>, CallError> {
    let link = nix::fcntl::readlink(&*proc_name(fd))?.into_vec();
    if link.first() != Some(&b'/') {
        return Err(Denial::Outside.into());
    }
    Ok(link)
}

/// `/proc/self/fd/N`: by this name the guard reaches exactly what a descriptor
/// holds.
pub fn proc_name(fd: BorrowedFd<'_>) -> CString {
    use std::os::fd::AsRawFd as _;
    let text = format!("/proc/self/fd/{}", fd.as_raw_fd());
    CString::new(text).unwrap_or_default()
}
