//! What sshd says about the connection: the invocation of a session.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use nix::sys::stat::{Mode, umask};

use crate::decide::command::ForcedLine;
use crate::decide::invocation::{AskedProfile, Client, Invocation, ProfileEffect};
use crate::decide::policy::ProfileName;
use crate::decide::verdict::{Refusal, Stage};

/// What a call asks for.
#[derive(Debug, Default)]
pub struct Asked {
    command: Option<Vec<u8>>,
    forced: bool,
    profile: Option<AskedProfile>,
    /// Why it is refused, whatever it asks for.
    pub refused: Option<Refusal>,
}

impl Asked {
    /// By a login shell: what sshd passes on is the client's command, or a
    /// forced one. Which of the two cannot be told, so a forced line gives
    /// nothing that the account does not have: it only names a profile that
    /// takes rights away.
    pub fn of_shell(command: Option<OsString>) -> Self {
        let command = command.map(OsString::into_vec);
        match command.as_deref().and_then(ForcedLine::read) {
            Some(ForcedLine::Profile(name)) => {
                Self::original().with_profile(name, ProfileEffect::Narrows)
            }
            Some(ForcedLine::Plain) | None => Self {
                command,
                ..Self::default()
            },
        }
    }

    /// By a forced command that another shell runs: sshd keeps from a client
    /// that it chooses the arguments.
    pub fn of_forced(profile: Option<&OsStr>) -> Self {
        match profile {
            None => Self::original(),
            Some(name) => {
                let name = ProfileName::new(name.as_bytes());
                Self::original().with_profile(name, ProfileEffect::Selects)
            }
        }
    }

    /// Nothing, for this reason.
    pub fn refused(what: &'static str) -> Self {
        Self {
            refused: Some(Refusal::new(Stage::Form, what)),
            ..Self::default()
        }
    }

    /// What the client sent to sshd, which started a forced command instead.
    fn original() -> Self {
        Self {
            command: env::var_os("SSH_ORIGINAL_COMMAND").map(OsString::into_vec),
            forced: true,
            ..Self::default()
        }
    }

    fn with_profile(mut self, name: Result<ProfileName, String>, effect: ProfileEffect) -> Self {
        match name {
            Ok(name) => self.profile = Some(AskedProfile { name, effect }),
            Err(fault) => {
                let hint = "correct the name after --profile in the forced command";
                self.refused = Some(Refusal::new(Stage::Account, fault).hint(hint));
            }
        }
        self
    }
}

/// Gathers what was asked. The environment is not trusted: only the variables
/// SSH_CONNECTION and SSH_ORIGINAL_COMMAND are read, which sshd sets itself,
/// after all others.
pub fn gather(asked: Asked, terminal: bool) -> Invocation {
    let connection = env::var_os("SSH_CONNECTION").unwrap_or_default();
    Invocation {
        command: asked.command,
        forced: asked.forced,
        profile: asked.profile,
        client: Client::from_ssh_connection(connection.as_bytes()),
        terminal,
        umask: inherited_umask(),
    }
}

/// The mask can only be read by setting it.
fn inherited_umask() -> u32 {
    let mask = umask(Mode::from_bits_truncate(0o077));
    umask(mask);
    mask.bits()
}
