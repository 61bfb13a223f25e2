//! One look, one act: the lock that keeps the guards of other sessions out
//! between the moment in which a call is judged and the moment in which it is
//! done.
//!
//! Each session has a guard of its own, and what one of them has looked at
//! another could exchange before the first one acts. So a guard holds an
//! flock(2) from its first look to its last act. Servers cannot take it: their
//! filter refuses flock(2) and the locks of fcntl(2).
//!
//! Two guards that can touch the same directory must take the same lock,
//! whatever their policies and accounts are. So the lock does not depend on
//! the policy: going down from `/`, it is on the first directory that
//! somebody other than root can change (for `/home/alice/uploads` that is
//! `/home/alice`). Where that one cannot be opened for reading or cannot be
//! locked (NFS wants a descriptor for writing), the next one above that can is
//! taken. A session with roots below several such directories takes all of
//! them, always in the same order.
//!
//! Any local process that can read the directory can hold the lock as well. So
//! waiting for it is bounded: the call then fails with EAGAIN, and the log says
//! why.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::failure::Failure;
use super::resolve::Ground;
use crate::decide::plan::Plan;
use crate::decide::rules::Denial;
use crate::system::lock::{try_lock, unlock};
use crate::system::statx::{self, FileId, Status};

/// How long a call waits for the lock.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// The pauses between two tries: a guard holds the lock for some microseconds.
const PAUSE_MIN: Duration = Duration::from_micros(20);
const PAUSE_MAX: Duration = Duration::from_millis(2);

/// Directories that are locked one by one. A policy with more writable
/// directories than that in a directory which only root can change uses the
/// lock of that directory for all of them.
const LOCKS_MAX: usize = 16;

/// The locks of one session.
#[derive(Debug, Default)]
pub struct Locks {
    /// In the order of their identities, which is the same for every guard.
    directories: Vec<Rc<OwnedFd>>,
}

/// The locks are held, until this is dropped.
#[derive(Debug)]
pub struct Held(Vec<Rc<OwnedFd>>);

impl Drop for Held {
    fn drop(&mut self) {
        for directory in &self.0 {
            // A lock that is held can be given back.
            let _ = unlock(directory.as_fd());
        }
    }
}

impl Locks {
    /// Opens the directories that are locked for the plan. This must come before
    /// the session's Landlock domain, which may not let them be opened.
    ///
    /// # Errors
    /// If there is a root for which no directory can be locked.
    pub fn open(plan: &Plan, ground: &Ground) -> Result<Self, Errno> {
        let writable = plan.rules.roots.iter();
        let writable = writable.filter(|root| root.access.writes());
        let mut places: Vec<PathBuf> = writable
            .map(|root| changeable(&root.path, ground))
            .collect();
        places.sort_unstable();
        places.dedup();
        if places.len() > LOCKS_MAX {
            places = vec![common(&places)];
        }
        let mut found = BTreeMap::new();
        for place in places {
            let (id, directory) = lockable(&place)?;
            found.insert((id.device, id.number), Rc::new(directory));
        }
        Ok(Self {
            directories: found.into_values().collect(),
        })
    }

    /// Takes all locks.
    ///
    /// # Errors
    /// [`Denial::Locked`] if somebody else keeps one of them.
    pub fn hold(&self) -> Result<Held, Failure> {
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

    /// All or none: what was taken is given back before the next try, so that
    /// two guards cannot wait for each other.
    fn try_hold(&self) -> Result<Option<Held>, Failure> {
        let mut held = Held(Vec::with_capacity(self.directories.len()));
        for directory in &self.directories {
            match try_lock(directory.as_fd()) {
                Ok(true) => held.0.push(Rc::clone(directory)),
                Ok(false) => return Ok(None),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(held))
    }
}

/// The first directory on the way to `root` that somebody other than root can
/// change; the root itself where there is none.
fn changeable(root: &Path, ground: &Ground) -> PathBuf {
    let mut last = Path::new("/");
    let mut way: Vec<&Path> = root.ancestors().collect();
    way.reverse();
    for directory in way {
        let Some(status) = ground.status(directory) else {
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

/// The directory that holds all of them.
fn common(places: &[PathBuf]) -> PathBuf {
    let all = |candidate: &Path| places.iter().all(|place| place.starts_with(candidate));
    let first = places.first().map_or(Path::new("/"), PathBuf::as_path);
    let mut above = first.ancestors();
    above
        .find(|candidate| all(candidate))
        .unwrap_or(Path::new("/"))
        .to_path_buf()
}

/// Opens the nearest directory from `place` upwards that can be locked.
fn lockable(place: &Path) -> Result<(FileId, OwnedFd), Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let mut last = Errno::ENOENT;
    for candidate in place.ancestors() {
        let directory = match open(candidate, flags, Mode::empty()) {
            Ok(directory) => directory,
            Err(error) => {
                last = error;
                continue;
            }
        };
        match try_lock(directory.as_fd()) {
            Ok(is_ours) => {
                if is_ours {
                    let _ = unlock(directory.as_fd());
                }
                let status = statx::of_fd(directory.as_fd());
                let id = status.map_err(|error| Errno::from_raw(code(&error)))?;
                return Ok((id.inode.file(), directory));
            }
            Err(error) => last = Errno::from_raw(code(&error)),
        }
    }
    Err(last)
}

fn code(error: &std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(nix::libc::EIO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_all_of_them() {
        let rows: [(&[&str], &str); 4] = [
            (&["/home/a/x", "/home/a/y"], "/home/a"),
            (&["/home/a/x", "/srv/y"], "/"),
            (&["/home/a", "/home/ab"], "/home"),
            (&["/home/a"], "/home/a"),
        ];
        for (places, expected) in rows {
            let places: Vec<PathBuf> = places.iter().map(PathBuf::from).collect();
            assert_eq!(common(&places), Path::new(expected), "{places:?}");
        }
    }

    #[test]
    fn a_lock_keeps_others_out_until_it_is_dropped() {
        let place = std::env::temp_dir();
        let one = Locks {
            directories: vec![Rc::new(lockable(&place).unwrap().1)],
        };
        let other = Locks {
            directories: vec![Rc::new(lockable(&place).unwrap().1)],
        };
        let held = one.hold().unwrap();
        assert!(other.try_hold().unwrap().is_none());
        drop(held);
        assert!(other.try_hold().unwrap().is_some());
    }
}
