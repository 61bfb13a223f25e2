//! The Landlock domain of the session, from the plan's grants.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, LandlockStatus,
    PathBeneath, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

use crate::decide::plan::{Grant, Lookup, Plan};
use crate::decide::policy::Requirement;
use crate::error::{Error, Step};

/// The newest ABI whose file rights the session's domain handles. Those of
/// ABI 9 (pathname sockets) are left to the server's own layer: the guard
/// must be able to reach a log daemon that was restarted.
const NEWEST: ABI = ABI::V8;

/// How many descriptors of rules are left open until the process ends, which
/// saves a close(2) each. A home may have more directories than a process may
/// have descriptors.
const KEPT: usize = 24;

/// Puts the process and all that it starts into a domain that allows what
/// the plan grants and nothing else.
///
/// # Errors
///
/// If the kernel has no Landlock and the plan requires it, or a step fails.
///
/// Returns the descriptors of the rules: they close when the server starts, all
/// at once, instead of one system call each.
pub fn restrict(plan: &Plan) -> Result<Vec<OwnedFd>, Error> {
    let failed = |error: landlock::RulesetError| Error::text(Step::Landlock, error.to_string());
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .map_err(failed)?;
    let mut granted = Vec::with_capacity(KEPT);
    for grant in &plan.grants {
        if let Some(beneath) = open_granted(grant)? {
            let rule = PathBeneath::new(&beneath, grant.access);
            ruleset = ruleset.add_rule(rule).map_err(failed)?;
            if granted.len() < KEPT {
                granted.push(beneath);
            }
        }
    }
    let status = ruleset.restrict_self().map_err(failed)?;
    let available = matches!(status.landlock, LandlockStatus::Available { .. });
    let enforced = available && status.ruleset != RulesetStatus::NotEnforced;
    match plan.confinement {
        Requirement::Required if !enforced => Err(Error::text(
            Step::Landlock,
            "this kernel does not support it",
        )),
        _ if enforced => prove().map(|()| granted),
        _ => Ok(granted),
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
        Lookup::Follow => Ok(open(&grant.path, flags, Mode::empty()).ok()),
        Lookup::DirectoryItself => Ok(open(&grant.path, itself, Mode::empty()).ok()),
    }
}

fn open_resolved(path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new()
        .flags(flags)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    match openat2(AT_FDCWD, path, how) {
        // A sandbox without openat2: at least the last component must not be a
        // link.
        Err(Errno::ENOSYS | Errno::EPERM) => open(path, flags | OFlag::O_NOFOLLOW, Mode::empty()),
        opened => opened,
    }
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
