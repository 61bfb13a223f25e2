//! One Landlock layer in the making: what it handles, its rules, the step into
//! it. The session's and the server's are made so.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, CreateRulesetError,
    Ruleset, RulesetError,
};
use nix::errno::Errno;

use crate::decide::policy::Requirement;
use crate::error::{Error, Step};
use crate::system::landlock as kernel;

/// A layer that is not in force yet.
///
/// Its descriptor is left open: it closes when the server starts, with all
/// others at once.
#[derive(Debug)]
pub struct Layer {
    ruleset: OwnedFd,
    /// The rights of which the kernel is known to know no other.
    rights: BitFlags<AccessFs>,
}

impl Layer {
    /// Makes one that handles what `handle` asks for, as far as the kernel
    /// knows it; `None` where there is no Landlock and none is required.
    ///
    /// # Errors
    ///
    /// If the kernel has none and it is required, or the layer cannot be made.
    pub fn create(
        requirement: Requirement,
        handle: impl FnOnce(Ruleset) -> Result<Ruleset, RulesetError>,
    ) -> Result<Option<Self>, Error> {
        let best_effort = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
        let created = handle(best_effort).and_then(Ruleset::create);
        let created = created.map_err(|error| match error {
            RulesetError::CreateRuleset(CreateRulesetError::CreateRulesetCall {
                source, ..
            }) => Error::io(Step::Landlock, source),
            other => Error::text(Step::Landlock, other.to_string()),
        })?;
        match (Option::<OwnedFd>::from(created), requirement) {
            (Some(ruleset), _) => Ok(Some(Self {
                ruleset,
                rights: BitFlags::all(),
            })),
            (None, Requirement::BestEffort) => Ok(None),
            (None, Requirement::Required) => Err(Error::text(
                Step::Landlock,
                "this kernel does not support it",
            )),
        }
    }

    /// Allows `access` there and below; of it what the kernel knows.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn allow(&mut self, beneath: BorrowedFd<'_>, access: BitFlags<AccessFs>) -> io::Result<()> {
        let known = access & self.rights;
        match self.add(beneath, known) {
            // An older kernel, which is asked for its version only now.
            Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => {
                let version = i32::try_from(kernel::abi()).unwrap_or(i32::MAX);
                self.rights = AccessFs::from_all(ABI::from(version));
                match access & self.rights {
                    same if same == known => Err(error),
                    fewer => self.add(beneath, fewer),
                }
            }
            added => added,
        }
    }

    fn add(&self, beneath: BorrowedFd<'_>, access: BitFlags<AccessFs>) -> io::Result<()> {
        kernel::allow_beneath(self.ruleset.as_fd(), beneath, access.bits())
    }

    /// Puts this process into it.
    ///
    /// # Errors
    ///
    /// The kernel's; `no_new_privs` must be set.
    pub fn irrevocably_enter(&self) -> Result<(), Error> {
        kernel::irrevocably_restrict_self(self.ruleset.as_fd())
            .map_err(|error| Error::io(Step::Landlock, error))
    }
}
