//! The Landlock domain of the session, from the plan's grants.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use landlock::{ABI, Access as _, AccessFs, AccessNet, RulesetAttr as _, Scope};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;

use super::layer::Layer;
use crate::decide::plan::{Grant, Lookup, Plan};
use crate::error::{Error, Step};
use crate::system::opened::Opened;

/// The newest ABI whose file rights the session's domain handles. Those of
/// ABI 9 (pathname sockets) are left to the server's own layer: the guard
/// must be able to reach a log daemon that was restarted.
const NEWEST: ABI = ABI::V8;

/// A row of the start-up table that the server's own layer grants as well.
const NULL: &str = "/dev/null";

/// How many descriptors of rules are left open until the process ends, which
/// saves a close(2) each. A home may have more directories than a process may
/// have descriptors.
const KEPT: usize = 24;

/// The domain, and what it leaves to the server's own layer. What is open here
/// closes when the server starts, all at once, instead of one system call each.
#[derive(Debug, Default)]
pub struct SessionLayer {
    layer: Option<Layer>,
    null: Option<OwnedFd>,
    others: Vec<OwnedFd>,
}

impl SessionLayer {
    /// Puts the process and all that it starts into a domain that allows what
    /// the plan grants and nothing else.
    ///
    /// # Errors
    ///
    /// If the kernel has no Landlock and the plan requires it, or a step fails.
    pub fn enter(plan: &Plan, opened: &Opened) -> Result<Self, Error> {
        let mut entered = Self::default();
        let layer = Layer::create(plan.confinement, |ruleset| {
            let ruleset = ruleset.handle_access(AccessFs::from_all(NEWEST))?;
            let ruleset = ruleset.handle_access(AccessNet::from_all(NEWEST))?;
            ruleset.scope(Scope::from_all(NEWEST))
        })?;
        let Some(mut layer) = layer else {
            return Ok(entered);
        };
        let mut was_there = false;
        for grant in &plan.grants {
            let beneath = match opened.take(&grant.path) {
                Some(known) => Some(known),
                None if grant.lookup == Lookup::FollowLast && !was_there => None,
                None => open_granted(grant)?,
            };
            was_there = beneath.is_some();
            if let Some(beneath) = beneath {
                let allowed = layer.allow(beneath.as_fd(), grant.access);
                allowed.map_err(|error| Error::io(Step::Rule(grant.path.clone()), error))?;
                entered.keep(grant, beneath);
            }
        }
        layer.irrevocably_enter()?;
        entered.layer = Some(layer);
        prove().map(|()| entered)
    }

    fn keep(&mut self, grant: &Grant, beneath: OwnedFd) {
        if grant.path.as_os_str() == NULL {
            self.null = Some(beneath);
        } else if self.others.len() < KEPT {
            self.others.push(beneath);
        }
    }

    /// /dev/null, where a domain is in force and allows it.
    pub const fn null(&self) -> Option<&OwnedFd> {
        self.null.as_ref()
    }
}

/// Opens what a grant names; `None` if a row for other hosts does not exist
/// here.
///
/// A directory of the policy was resolved while the facts were gathered, so a
/// symbolic link in it now means that it was replaced since.
fn open_granted(grant: &Grant) -> Result<Option<OwnedFd>, Error> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let itself = flags | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    match grant.lookup {
        Lookup::Exact => open_resolved(&grant.path, flags)
            .map(Some)
            .map_err(|error| Error::io(Step::Rule(grant.path.clone()), error)),
        Lookup::Follow | Lookup::FollowLast => if_there(grant, open_at(&grant.path, flags)),
        Lookup::DirectoryItself => if_there(grant, open_at(&grant.path, itself)),
    }
}

/// What cannot be opened here is not needed, unless there were too few
/// descriptors to tell.
fn if_there(grant: &Grant, opened: Result<OwnedFd, Errno>) -> Result<Option<OwnedFd>, Error> {
    match opened {
        Ok(fd) => Ok(Some(fd)),
        Err(error @ (Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM)) => {
            Err(Error::io(Step::Rule(grant.path.clone()), error))
        }
        Err(_) => Ok(None),
    }
}

fn open_resolved(path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new()
        .flags(flags)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    match openat2(AT_FDCWD, path, how) {
        // A sandbox without openat2: at least the last component must not be a
        // link.
        Err(Errno::ENOSYS | Errno::EPERM) => open_at(path, flags | OFlag::O_NOFOLLOW),
        opened => opened,
    }
}

/// As open(2), without musl's second call for O_CLOEXEC.
fn open_at(path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
    openat(AT_FDCWD, path, flags, Mode::empty())
}

/// Tries what the domain must refuse: listing the root directory, which no
/// policy can grant and everybody else may do.
fn prove() -> Result<(), Error> {
    match File::open("/") {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(Error::io(
            Step::Proof("the root directory is closed"),
            error,
        )),
        Ok(_) => Err(Error::text(
            Step::Proof("the root directory is closed"),
            "it can be opened",
        )),
    }
}
