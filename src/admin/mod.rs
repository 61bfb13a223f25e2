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
pub mod sessions;
mod summary;

use std::net::IpAddr;

use crate::console;
use crate::decide::invocation::{Client, Invocation};
use crate::exit::Exit;
use crate::gather::policy_file::PolicyFileError;
use crate::print::json::Json;

/// The mask under which sshd starts a shell (session.c; login.defs(5)).
const SSHD_UMASK: u32 = 0o022;

/// A call as sshd would make it, for whatever asks what would come of it.
fn invocation(command: Option<Vec<u8>>, address: Option<IpAddr>) -> Invocation {
    Invocation {
        command,
        forced: false,
        client: address.map(Client::from_address).unwrap_or_default(),
        terminal: false,
        umask: SSHD_UMASK,
    }
}

/// Why an administrator's call has no answer.
pub enum Unable {
    /// The policy cannot be used.
    Policy(PolicyFileError),
    /// Anything else: a sentence.
    Other(String),
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
