//! What is vetted: the form of the command, and the questions that remain.
//!
//! The decision itself does no I/O. An [`Inquiry`] lists what must be known
//! about the disk for one case. `gather::disk` answers with the rights of the
//! account. The answers come back as [`Facts`](super::facts::Facts). The dry
//! run gathers them the same way.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use super::case::Case;
use super::command::paths::Base;
use super::command::{self, Request, programs};
use super::operands::{Operand, operands};
use super::policy::Protocol;
use super::roots::directories::{Directories, directories};
use super::verdict::{Refusal, Stage};

/// The request, its form accepted, and the questions that remain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// What the client asks for.
    pub request: Request,
    /// Programs that could serve it; the first that exists is used.
    pub programs: Vec<PathBuf>,
    /// Whether the policy names it: then what it needs is inspected, wherever
    /// it is.
    pub is_named: bool,
    /// The directories that the policy names.
    pub directories: Directories,
    /// The places that the client names: operands, then those of options. A
    /// relative one begins where the server will start. One is listed twice if
    /// the program could read it in two ways.
    pub operands: Vec<Operand>,
    /// The first operand, if what is there decides how the others are read.
    pub target: Option<PathBuf>,
}

impl Inquiry {
    /// Vets the form of the command and lists what must be known to decide.
    ///
    /// # Errors
    ///
    /// The refusal, if no fact about the disk could change it.
    pub fn of(case: &Case<'_>) -> Result<Self, Refusal> {
        let request = vet_form(case)?;
        let protocol = request.protocol();
        let refused = |refusal: Refusal| refusal.of(protocol);
        vet_account(case).map_err(refused)?;
        if !case.policy.protocols.value.contains(&protocol) {
            let name = protocol.name();
            let reason = format!("the policy does not allow {name}");
            let hint = format!("add \"{name}\" to 'protocols'");
            return Err(refused(Refusal::new(Stage::Account, reason).hint(hint)));
        }
        let operands = operands(case.account, &request).map_err(refused)?;
        let target = operands.first().map(|operand| operand.path.clone());
        let configured = case.policy.program(protocol);
        Ok(Self {
            is_named: configured.is_some(),
            programs: configured
                .map_or_else(|| programs::places(protocol), |path| vec![path.clone()]),
            request,
            directories: directories(case.policy, case.account),
            target: target.filter(|_| operands.iter().any(|operand| operand.base != Base::Start)),
            operands,
        })
    }
}

/// Reads the command: everything that can be refused by its form alone.
fn vet_form(case: &Case<'_>) -> Result<Request, Refusal> {
    let Some(command) = &case.invocation.command else {
        return Err(Refusal::form("a login without a command"));
    };
    if command.len() > super::invocation::COMMAND_MAX {
        return Err(Refusal::form("a command of more than 128 KiB"));
    }
    let is_configured = |protocol: Protocol, path: &[u8]| {
        let configured = case.policy.program(protocol);
        configured.is_some_and(|program| program.as_os_str().as_bytes() == path)
    };
    let request = command::parse(command, case.invocation.forced, is_configured)?;
    if case.invocation.terminal {
        let hint = "set 'PermitTTY no' in sshd_config";
        return Err(Refusal::form("a terminal is attached")
            .hint(hint)
            .of(request.protocol()));
    }
    if let Request::Sftp(sftp) = &request {
        let floor = case.policy.umask.value.unwrap_or(case.invocation.umask);
        if sftp.umask.is_some_and(|mask| mask & floor != floor) {
            let why = format!("it loosens the mask {floor:03o}");
            let hint = "use the policy key 'umask'";
            let refusal = Refusal::of_word(b"-u", why).hint(hint);
            return Err(refusal.of(Protocol::Sftp));
        }
    }
    Ok(request)
}

fn vet_account(case: &Case<'_>) -> Result<(), Refusal> {
    if case.account.uid == 0 {
        return Err(Refusal::new(Stage::Account, "the superuser is not served"));
    }
    case.policy
        .check_directories(case.account)
        .map_err(|error| {
            let hint = error.hint();
            Refusal::new(Stage::Account, error.to_string()).hint(hint)
        })
}
