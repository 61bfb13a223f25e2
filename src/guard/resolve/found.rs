//! What a path of the server was found to be.

use std::cell::OnceCell;
use std::ffi::CString;
use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::libc;

use crate::decide::rules::{FileKind, Place};
use crate::guard::call_error::CallError;
use crate::system::statx::{self, FileId, Status};

/// What kind of file it is.
pub const fn kind(status: &Status) -> FileKind {
    match status.mode & libc::S_IFMT {
        libc::S_IFREG => FileKind::File,
        libc::S_IFDIR => FileKind::Directory,
        libc::S_IFLNK => FileKind::Symlink,
        // Character device 1:3 is /dev/null (Documentation/admin-guide/devices.txt).
        libc::S_IFCHR if matches!(status.device_file, (1, 3)) => FileKind::Null,
        _ => FileKind::Special,
    }
}

/// A directory whose place is verified.
#[derive(Clone, Debug)]
pub struct Directory {
    /// O_PATH.
    pub fd: Rc<OwnedFd>,
    /// Where it is.
    pub place: Place,
    id: OnceCell<FileId>,
}

impl Directory {
    pub(super) fn new(fd: Rc<OwnedFd>, place: Place, id: Option<FileId>) -> Self {
        let id = id.map_or_else(OnceCell::new, OnceCell::from);
        Self { fd, place, id }
    }

    /// Which directory it is.
    pub fn id(&self) -> Result<FileId, CallError> {
        if let Some(id) = self.id.get() {
            return Ok(*id);
        }
        let id = statx::of_fd(self.fd.as_fd())?.inode.file();
        Ok(*self.id.get_or_init(|| id))
    }
}

/// A name in a directory, whether taken or not.
#[derive(Debug)]
pub struct DirEntry {
    /// The directory.
    pub directory: Directory,
    /// The name, without a slash.
    pub name: CString,
    /// Whether the client wrote a slash after it: the kernel then insists on a
    /// directory.
    pub wants_directory: bool,
    /// The place, by the rules of the directory.
    pub place: Place,
}

impl DirEntry {
    /// What the name stands for now; a symbolic link is not followed.
    pub fn status(&self) -> Result<Status, CallError> {
        Ok(statx::of_name(self.directory.fd.as_fd(), &self.name)?)
    }

    /// Whether the name is `.` or `..`, under which nothing is ever created,
    /// removed or renamed.
    pub fn is_dots(&self) -> bool {
        matches!(self.name.to_bytes(), b"." | b"..")
    }

    /// The name in the form for the kernel.
    pub fn written(&self) -> Result<CString, CallError> {
        let mut text = self.name.to_bytes().to_vec();
        if self.wants_directory {
            text.push(b'/');
        }
        CString::new(text).map_err(|_| Errno::EINVAL.into())
    }
}

/// A file that exists.
#[derive(Debug)]
pub struct Object {
    /// The file, O_PATH.
    pub fd: Rc<OwnedFd>,
    /// Its place.
    pub place: Place,
    /// What it is.
    pub status: Status,
    /// The directory that contains it and its name there, if it was reached by
    /// a name and is not itself a directory.
    pub entry: Option<(FileId, CString)>,
    /// No known name leads to it any more.
    pub nameless: bool,
}

impl Object {
    /// What kind of file it is.
    pub const fn kind(&self) -> FileKind {
        kind(&self.status)
    }
}
