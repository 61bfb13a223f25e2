//! The server's own Landlock layer, inside the session's: it may change nothing
//! but /dev/null, so that a system call that the table forgot fails too, and it
//! can neither signal nor trace the guard.

use landlock::{
    ABI, AccessFs, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope, make_bitflags,
};

use crate::decide::plan::Plan;
use crate::decide::policy::Requirement;
use crate::error::{Error, Step};

/// The newest ABI whose rights this layer handles: with 9, this includes
/// connecting to a socket by its path.
const NEWEST: ABI = ABI::V9;

/// Puts the server's side into its own layer. Returns whether it is in force.
///
/// # Errors
///
/// If the kernel has no Landlock and the plan requires it, or a step fails.
pub fn restrict(plan: &Plan) -> Result<bool, Error> {
    let failed = |error: landlock::RulesetError| Error::text(Step::Landlock, error.to_string());
    let null =
        PathFd::new("/dev/null").map_err(|error| Error::text(Step::Landlock, error.to_string()))?;
    let rule = PathBeneath::new(null, make_bitflags!(AccessFs::{WriteFile | Truncate}));
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_write(NEWEST))
        .and_then(|ruleset| ruleset.scope(Scope::Signal | Scope::AbstractUnixSocket))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rule(rule))
        .and_then(|ruleset| ruleset.restrict_self())
        .map_err(failed)?;
    match status.ruleset {
        RulesetStatus::NotEnforced if plan.confinement == Requirement::Required => Err(
            Error::text(Step::Landlock, "this kernel does not support it"),
        ),
        RulesetStatus::NotEnforced => Ok(false),
        _ => Ok(true),
    }
}
