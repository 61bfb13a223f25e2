//! One look, one act: the lock that keeps the guards of other sessions out from
//! the moment a call is judged until it is carried out.
//!
//! Each session has its own guard, and another session could replace what one
//! guard has looked at before that guard acts. So a guard holds an flock(2)
//! from its first look to its last act. Servers cannot take it: their filter
//! refuses flock(2) and the locks of fcntl(2).
//!
//! Two guards that can touch the same directory must take the same lock,
//! whatever their policies and accounts. So the lock depends only on the path
//! and on what a client cannot change: going down from `/`, it is on the first
//! directory that somebody other than root can change (for
//! `/home/alice/uploads` that is `/home/alice`). A session with roots below
//! several such directories takes all of them, always in the same order.
//!
//! If the file system has no such lock (NFS requires a descriptor open for
//! writing), the next directory above is used, for all accounts alike. The same
//! goes for a directory of root in which some may write but not list. A session
//! whose account may not open the directory that other sessions lock is
//! refused.
//!
//! Any local process that can read the directory can hold the lock too. So the
//! guard waits for it only for a limited time: then the call fails with EAGAIN,
//! and the log says why.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;

use super::call_error::CallError;
use super::resolve::PolicyDirectories;
use crate::decide::plan::Plan;
use crate::decide::rules::Denial;
use crate::print::escape::Escaped;
use crate::system::lock::{try_lock, unlock};
use crate::system::statx::{self, FileId, Status};

/// How long a call waits for the lock.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// The pauses between two tries: a guard holds the lock for a few microseconds.
const PAUSE_MIN: Duration = Duration::from_micros(20);
const PAUSE_MAX: Duration = Duration::from_millis(2);

/// The most directories that are locked for each call. There is more than one
/// for the directories in a home only if root owns the home.
const LOCKS_MAX: usize = 128;

/// The locks of one session.
#[derive(Debug, Default)]
pub struct Locks {
    /// In the order of their identities, which is the same for every guard.
    directories: Vec<Rc<OwnedFd>>,
}

/// The locks are held until this is dropped.
#[derive(Debug)]
pub struct Held(Vec<Rc<OwnedFd>>);

impl Drop for Held {
    fn drop(&mut self) {
        for directory in &self.0 {
            // Releasing a lock that is held does not fail.
            let _ = unlock(directory.as_fd());
        }
    }
}

impl Locks {
    /// Opens the directories that are locked for the plan. This must come
    /// before the session's Landlock domain, which may not allow opening them.
    ///
    /// # Errors
    /// If there is a root for which no directory can be locked, or there are too
    /// many of them.
    pub fn open(plan: &Plan, directories: &PolicyDirectories) -> io::Result<Self> {
        let writable = plan.rules.roots.iter();
        let writable = writable.filter(|root| root.access.writes());
        let mut places: Vec<PathBuf> = writable
            .map(|root| changeable(&root.path, directories))
            .collect();
        places.sort_unstable();
        places.dedup();
        if places.len() > LOCKS_MAX {
            let count = places.len();
            return Err(io::Error::other(format!(
                "{count} writable directories of the policy are in directories that only root can \
                 change, and at most {LOCKS_MAX} can be locked: let the account own the directory \
                 that holds them, or name fewer"
            )));
        }
        let mut found = BTreeMap::new();
        for place in places {
            let (id, directory) = lockable(&place, |path| directories.status(path))?;
            found.insert((id.device, id.number), Rc::new(directory));
        }
        Ok(Self {
            directories: found.into_values().collect(),
        })
    }

    /// Takes all locks.
    ///
    /// # Errors
    /// [`Denial::Locked`] if somebody else holds one of them.
    pub fn hold(&self) -> Result<Held, CallError> {
        let mut started = None;
        let mut pause = PAUSE_MIN;
        loop {
            if let Some(held) = self.try_hold()? {
                return Ok(held);
            }
            let started: Instant = *started.get_or_insert_with(Instant::now);
            if started.elapsed() > WAIT_MAX {
                return Err(Denial::Locked.into());
            }
            sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// All or none: locks that were taken are released before the next try, so
    /// that two guards cannot wait for each other.
    fn try_hold(&self) -> Result<Option<Held>, CallError> {
        let mut held = Held(Vec::with_capacity(self.directories.len()));
        for directory in &self.directories {
            match try_lock(directory.as_fd()) {
                Ok(true) => held.0.push(Rc::clone(directory)),
                Ok(false) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(held))
    }
}

/// The first directory on the way to `root` that somebody other than root can
/// change; the root itself where there is none.
fn changeable(root: &Path, directories: &PolicyDirectories) -> PathBuf {
    let mut last = Path::new("/");
    let mut way: Vec<&Path> = root.ancestors().collect();
    way.reverse();
    for directory in way {
        let Some(status) = directories.status(directory) else {
            break;
        };
        last = directory;
        if can_be_changed(&status) {
            break;
        }
    }
    last.to_path_buf()
}

/// With an access control list, the bits of the group are its mask (acl(5)).
const fn can_be_changed(status: &Status) -> bool {
    status.owner != 0 || status.mode & 0o022 != 0
}

/// Opens the first directory, from `place` upwards, that every account can
/// lock.
fn lockable(
    place: &Path,
    known: impl Fn(&Path) -> Option<Status>,
) -> io::Result<(FileId, OwnedFd)> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let mut last = io::Error::from(Errno::ENOENT);
    for candidate in place.ancestors() {
        let status = known(candidate).map_or_else(|| status(candidate), Ok)?;
        if is_closed_to_some(&status) {
            continue;
        }
        let directory = match openat(AT_FDCWD, candidate, flags, Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::EACCES) if can_be_changed(&status) => {
                let shown = Escaped::path(candidate);
                return Err(io::Error::other(format!(
                    "the account may not list {shown}, which sessions of other accounts lock: let \
                     it (chmod or setfacl), or let only root change the directory"
                )));
            }
            Err(error) => {
                last = error.into();
                continue;
            }
        };
        match try_lock(directory.as_fd()) {
            Ok(is_ours) => {
                if is_ours {
                    let _ = unlock(directory.as_fd());
                }
                return Ok((status.inode.file(), directory));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Whether it is a directory of root in which some may write but not list. Only
/// root can change that, so it is the same for every session.
const fn is_closed_to_some(status: &Status) -> bool {
    let writes = status.mode & 0o222;
    let reads = (status.mode & 0o444) >> 1;
    status.owner == 0 && writes & !reads != 0
}

fn status(directory: &Path) -> io::Result<Status> {
    let name = CString::new(directory.as_os_str().as_bytes())?;
    statx::of_name(AT_FDCWD, &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_keeps_others_out_until_it_is_dropped() {
        let place = std::env::temp_dir();
        let one = Locks {
            directories: vec![Rc::new(lockable(&place, |_| None).unwrap().1)],
        };
        let other = Locks {
            directories: vec![Rc::new(lockable(&place, |_| None).unwrap().1)],
        };
        let held = one.hold().unwrap();
        assert!(other.try_hold().unwrap().is_none());
        drop(held);
        assert!(other.try_hold().unwrap().is_some());
    }
}
