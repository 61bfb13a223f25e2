//! The server's own Landlock layer, inside the session's: it may change nothing
//! but /dev/null, so that a system call that the table forgot fails too, and it
//! can neither signal nor trace the guard.

use std::os::fd::{AsFd as _, OwnedFd};

use landlock::{ABI, AccessFs, RulesetAttr as _, Scope, make_bitflags};

use super::layer::Layer;
use crate::decide::plan::Plan;
use crate::error::{Error, Step};

/// The newest ABI whose rights this layer handles: with 9, this includes
/// connecting to a socket by its path.
const NEWEST: ABI = ABI::V9;

/// The layer, made before the processes part. `None` inside on a kernel
/// without Landlock.
#[derive(Debug)]
pub struct ServerLayer(Option<Layer>);

impl ServerLayer {
    /// Makes it. A host without /dev/null has nothing that may be written.
    ///
    /// # Errors
    ///
    /// If the kernel has no Landlock and the plan requires it, or a step fails.
    pub fn prepare(plan: &Plan, null: Option<&OwnedFd>) -> Result<Self, Error> {
        let mut layer = Layer::create(plan.confinement, |ruleset| {
            let ruleset = ruleset.handle_access(AccessFs::from_write(NEWEST))?;
            ruleset.scope(Scope::Signal | Scope::AbstractUnixSocket)
        })?;
        if let (Some(layer), Some(null)) = (&mut layer, null) {
            let written = make_bitflags!(AccessFs::{WriteFile | Truncate});
            let allowed = layer.allow(null.as_fd(), written);
            allowed.map_err(|error| Error::io(Step::Rule("/dev/null".into()), error))?;
        }
        Ok(Self(layer))
    }

    /// Puts the server's side into it, if there is one.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn irrevocably_enter(&self) -> Result<(), Error> {
        self.0.as_ref().map_or(Ok(()), Layer::irrevocably_enter)
    }
}
