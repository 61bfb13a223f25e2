//! What an administrator calls: the dry run, the live probe, the doctor,
//! the open sessions.

pub mod check;
pub mod doctor;
mod entry;
pub mod live;
mod overrides;
pub mod probe;
mod probe_rows;
mod report;
mod server_answer;
pub mod sessions;
mod set_id;
mod summary;

use std::net::IpAddr;

use crate::cli::Check;
use crate::console;
use crate::decide::invocation::{AskedProfile, Client, Invocation, ProfileEffect};
use crate::decide::policy::ProfileName;
use crate::decide::verdict::Refusal;
use crate::exit::Exit;
use crate::gather::account::AccountKey;
use crate::gather::account::shell::{is_xfersh, login_shell};
use crate::gather::policy_file::PolicyFileError;
use crate::print::json::Json;

/// The mask under which sshd starts a shell (session.c; login.defs(5)).
const SSHD_UMASK: u32 = 0o022;

/// A call as sshd would make it, for whatever asks what would come of it.
fn invocation(command: Option<Vec<u8>>, address: Option<IpAddr>) -> Invocation {
    Invocation {
        command,
        forced: false,
        profile: None,
        client: address.map(Client::from_address).unwrap_or_default(),
        terminal: false,
        umask: SSHD_UMASK,
    }
}

/// The call that `--check` asks about. With a profile it is what the forced
/// command would be for the account: its login shell decides how sshd starts it.
///
/// # Errors
///
/// That the name is none, or the login shell is not known.
fn asked_invocation(
    check: &Check,
    command: Option<Vec<u8>>,
    key: &AccountKey,
) -> Result<Invocation, Unable> {
    let mut invocation = invocation(command, check.address);
    invocation.forced = check.forced;
    if let Some(name) = &check.profile {
        let name = ProfileName::new(name.as_bytes()).map_err(Unable::Other)?;
        let shell = login_shell(key).map_err(|error| Unable::Other(error.to_string()))?;
        let own = std::env::current_exe().unwrap_or_default();
        let effect = if is_xfersh(&shell, &own) {
            ProfileEffect::Narrows
        } else {
            ProfileEffect::Selects
        };
        invocation.forced = true;
        invocation.profile = Some(AskedProfile { name, effect });
    }
    Ok(invocation)
}

/// Why an administrator's call has no answer.
pub enum Unable {
    /// The policy cannot be used.
    Policy(PolicyFileError),
    /// Anything else: a sentence.
    Other(String),
}

/// With what can be done about it: whoever asks has no other line to look at.
impl From<Refusal> for Unable {
    fn from(refusal: Refusal) -> Self {
        Self::Other(match &refusal.hint {
            Some(hint) => format!("{refusal} ({hint})"),
            None => refusal.to_string(),
        })
    }
}

impl Unable {
    /// Says so: on stderr, or as one object if JSON was asked for.
    pub fn tell(&self, json: bool) -> Exit {
        match self {
            Self::Policy(error) => {
                match error {
                    PolicyFileError::Wrong(errors) => console::say_lines(&errors.report()),
                    error => console::say(&match error.mend() {
                        Some(mend) => format!("{error} ({mend})"),
                        None => error.to_string(),
                    }),
                }
                answer(json, || report::unusable_policy(error))
            }
            Self::Other(why) => unable(why, json),
        }
    }
}

/// Says why there is no answer: a sentence.
pub fn unable(why: &str, json: bool) -> Exit {
    console::say(why);
    answer(json, || Json::Object(vec![("error", Json::sentence(why))]))
}

fn answer(json: bool, object: impl FnOnce() -> Json) -> Exit {
    if json {
        // Whether it can be written or not, there is no other answer.
        let _ = console::print(&format!("{}\n", object()));
    }
    Exit::Usage
}
