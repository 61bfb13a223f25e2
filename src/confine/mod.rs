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
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::chdir;

use crate::decide::log_file::LogFileId;
use crate::decide::plan::Plan;
use crate::error::{Error, Step};
use crate::system::capabilities;
use crate::system::opened::Opened;
use crate::system::statx::FileId;
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

    /// Makes the limit on the size of files final, for the server.
    ///
    /// # Errors
    ///
    /// Those of setrlimit(2).
    pub fn limit_server(&self) -> Result<(), Error> {
        match (self.plan.limits.max_file_size, self.plan.rules.log_file) {
            (Some(_), Some(_)) => {
                let (size, _) = size_limit()?;
                limit_size(size, size)
            }
            _ => Ok(()),
        }
    }

    /// The Landlock layer that is for the server alone.
    pub const fn server_layer(&self) -> &ServerLayer {
        &self.server
    }
}

/// Gives up every privilege and confines this process as planned. There is no
/// way back. What is open already is not opened again. `log` is the file that
/// takes the lines of the session: another one than that of the plan, if that
/// was replaced meanwhile or the log daemon does not run.
///
/// # Errors
///
/// The step that failed; the process is then useless.
pub fn irrevocably_confine(
    mut plan: Plan,
    log: Option<FileId>,
    slot: Option<Slot>,
    opened: &Opened,
) -> Result<Confined, Error> {
    if let Some(FileId { device, number }) = log {
        plan.rules.log_file = Some(LogFileId { device, number });
    }
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
        // A guard whose log is a file must be able to write beyond it.
        let most = match plan.rules.log_file {
            Some(_) => size_limit()?.1,
            None => size,
        };
        limit_size(size.min(most), most)?;
    }
    Ok(())
}

fn size_limit() -> Result<(u64, u64), Error> {
    getrlimit(Resource::RLIMIT_FSIZE).map_err(|error| Error::io(Step::Limit(FSIZE), error))
}

fn limit_size(size: u64, most: u64) -> Result<(), Error> {
    setrlimit(Resource::RLIMIT_FSIZE, size, most)
        .map_err(|error| Error::io(Step::Limit(FSIZE), error))
}

const FSIZE: &str = "RLIMIT_FSIZE";

/// Lifts the limit on the size of files again, for a guard whose log is a file.
/// It keeps the limit of the policy itself where it changes a size.
///
/// # Errors
///
/// Those of setrlimit(2).
pub fn unlimit_guard(plan: &Plan) -> Result<(), Error> {
    match (plan.limits.max_file_size, plan.rules.log_file) {
        (Some(_), Some(_)) => {
            let (_, most) = size_limit()?;
            limit_size(most, most)
        }
        _ => Ok(()),
    }
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
