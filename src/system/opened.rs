//! What a session has opened to look at it, kept for the Landlock rule of the
//! same file: nothing is opened twice, and what was judged is what is granted.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::statx::Status;

/// As many are kept at most: a session has few descriptors, and a policy can
/// name thousands of directories.
const MOST: usize = 16;

/// Files by the path that each was opened by, with all links followed or none
/// met.
#[derive(Debug, Default)]
pub struct Opened(RefCell<Vec<Kept>>);

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    fd: Option<OwnedFd>,
    status: Option<Status>,
}

impl Opened {
    /// Keeps a file, and what is known of it.
    pub fn keep(&self, path: &Path, fd: OwnedFd, status: Option<Status>) {
        let mut kept = self.0.borrow_mut();
        if kept.len() < MOST {
            kept.push(Kept {
                path: path.to_path_buf(),
                fd: Some(fd),
                status,
            });
        }
    }

    /// Gives the file away.
    pub fn take(&self, path: &Path) -> Option<OwnedFd> {
        let mut kept = self.0.borrow_mut();
        // The bytes: a path is compared name by name, which takes longer.
        let path = path.as_os_str();
        let found = kept.iter_mut().find(|kept| kept.path.as_os_str() == path);
        found.and_then(|kept| kept.fd.take())
    }

    /// What was known of it when it was opened.
    pub fn status(&self, path: &Path) -> Option<Status> {
        let kept = self.0.borrow();
        let path = path.as_os_str();
        let found = kept.iter().find(|kept| kept.path.as_os_str() == path);
        found.and_then(|kept| kept.status)
    }
}
