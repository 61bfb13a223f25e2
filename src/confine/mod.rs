//! Carries out a plan, up to the moment before the server starts.
//!
//! Every step that fails ends the session. The code below has the steps in
//! their order; each one that can be read back is read back.

#![forbid(unsafe_code)]

pub mod exec;
pub mod expand;
mod layer;
pub mod sanitise;
mod server_layer;
mod session_layer;
pub mod session_slot;

use std::io;

use caps::CapSet;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::chdir;

use crate::decide::plan::Plan;
use crate::error::{Error, Step};
use crate::system::capabilities;
use crate::system::opened::Opened;
use server_layer::ServerLayer;
use session_layer::SessionLayer;
use session_slot::Slot;

/// A plan whose confinement is in force in this process: the only thing that
/// [`crate::confine::exec::exec`] takes.
#[derive(Debug)]
pub struct Confined {
    plan: Plan,
    _session: SessionLayer,
    server: ServerLayer,
    /// Held by the guard as long as the session lasts.
    _slot: Option<Slot>,
}

impl Confined {
    /// The plan that is in force.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// For a session without a guard.
    #[must_use]
    pub fn without_guard(mut self) -> Self {
        self.plan = self.plan.without_guard();
        self
    }

    /// The Landlock layer that is for the server alone.
    pub const fn server_layer(&self) -> &ServerLayer {
        &self.server
    }
}

/// Gives up every privilege and confines this process as planned. There is no
/// way back. What is open already is not opened again.
///
/// # Errors
///
/// The step that failed; the process is then useless.
pub fn irrevocably_confine(
    plan: Plan,
    slot: Option<Slot>,
    opened: &Opened,
) -> Result<Confined, Error> {
    set_limits(&plan)?;
    if let Some(mask) = plan.umask {
        umask(Mode::from_bits_truncate(mask));
    }
    let start = &plan.start.path;
    chdir(&**start).map_err(|error| Error::io(Step::Chdir(start.clone()), error))?;
    drop_capabilities()?;
    set_no_new_privileges()?;
    let session = SessionLayer::enter(&plan, opened)?;
    let server = ServerLayer::prepare(&plan, session.null())?;
    Ok(Confined {
        plan,
        _session: session,
        server,
        _slot: slot,
    })
}

fn set_limits(plan: &Plan) -> Result<(), Error> {
    // A core file would bypass the guard: it would be written into the working
    // directory, with the content of the session.
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
        .map_err(|error| Error::io(Step::Limit("RLIMIT_CORE"), error))?;
    if let Some(size) = plan.limits.max_file_size {
        setrlimit(Resource::RLIMIT_FSIZE, size, size)
            .map_err(|error| Error::io(Step::Limit("RLIMIT_FSIZE"), error))?;
    }
    Ok(())
}

/// Empties the capability sets. An ordinary account has none, but a PAM module
/// (pam_cap) may have granted some. Emptying the bounding set needs
/// CAP_SETPCAP, and that set limits nothing once no_new_privs is set.
fn drop_capabilities() -> Result<(), Error> {
    let failed =
        |error: caps::errors::CapsError| Error::text(Step::Capabilities, error.to_string());
    if none_held()? {
        return Ok(());
    }
    let may_bound = caps::has_cap(None, CapSet::Effective, caps::Capability::CAP_SETPCAP);
    if may_bound.map_err(failed)? {
        caps::clear(None, CapSet::Bounding).map_err(failed)?;
    }
    // Clearing permitted clears effective, and clearing these two clears
    // ambient (see capabilities(7): ambient capabilities are permitted and
    // inheritable).
    for set in [CapSet::Inheritable, CapSet::Permitted] {
        caps::clear(None, set).map_err(failed)?;
    }
    if none_held()? {
        Ok(())
    } else {
        Err(Error::text(Step::Capabilities, "a set is not empty"))
    }
}

fn none_held() -> Result<bool, Error> {
    capabilities::none_held().map_err(|error| Error::io(Step::Capabilities, error))
}

/// Sets it, which the kernel wants before a domain and before a filter, and
/// reads it back.
fn set_no_new_privileges() -> Result<(), Error> {
    let is_set = prctl::set_no_new_privs().and_then(|()| prctl::get_no_new_privs());
    if is_set.map_err(|error| Error::io(Step::NoNewPrivileges, error))? {
        Ok(())
    } else {
        let error = io::Error::other("it is not set");
        Err(Error::io(Step::NoNewPrivileges, error))
    }
}
