//! The names of rsync's temporary files, which are the only exception to P4.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use crate::system::statx::{FileId, Inode};

/// A name that rsync's receiver gave under the exception to P4.
#[derive(Clone, Debug)]
pub struct RsyncTemporary {
    /// The directory, held.
    pub directory: Rc<OwnedFd>,
    pub(super) directory_id: FileId,
    /// The name there.
    pub name: CString,
    /// Which file has it.
    pub inode: Inode,
    /// Where it was when it was created: for the log.
    pub path: Vec<u8>,
}

/// The temporary names of the session.
#[derive(Debug, Default)]
pub struct RsyncTemporaries(pub(super) Vec<RsyncTemporary>);

impl RsyncTemporaries {
    /// Whether this name in this directory is one of them.
    pub fn has(&self, (directory, name): (FileId, &[u8])) -> bool {
        let mut names = self.0.iter();
        names.any(|known| known.directory_id == directory && known.name.as_bytes() == name)
    }

    /// Whether this name is one of them, and belongs to this file.
    pub fn is(&self, (directory, name): (FileId, &CStr), inode: Inode) -> bool {
        let mut names = self.0.iter();
        names.any(|known| {
            known.directory_id == directory && *known.name == *name && known.inode == inode
        })
    }
}
