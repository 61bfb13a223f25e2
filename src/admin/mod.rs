//! What an administrator calls: the dry run, the live probe, the doctor.

pub mod check;
pub mod doctor;
pub mod live;
mod overrides;
pub mod probe;
mod report;

use std::io::Write as _;

use crate::exit::Exit;
use crate::gather::policy_file::PolicyFileError;
use crate::messages;
use crate::print::json::Json;

/// Why a call of an administrator has no answer.
pub enum Unable {
    /// The policy cannot be used.
    Policy(PolicyFileError),
    /// Anything else: a sentence.
    Other(String),
}

impl Unable {
    /// Says so: on stderr to a person, and as one object to who asked for JSON.
    #[must_use]
    pub fn tell(&self, json: bool) -> Exit {
        match self {
            Self::Policy(error) => {
                match error {
                    PolicyFileError::Wrong(errors) => messages::lines(&errors.report()),
                    error => messages::client(&error.to_string()),
                }
                answer(json, || report::unusable_policy(error))
            }
            Self::Other(why) => unable(why, json),
        }
    }
}

/// Says why there is no answer: a sentence.
#[must_use]
pub fn unable(why: &str, json: bool) -> Exit {
    messages::client(why);
    answer(json, || Json::Object(vec![("error", Json::sentence(why))]))
}

fn answer(json: bool, object: impl FnOnce() -> Json) -> Exit {
    if json {
        // Whether it can be written or not, there is no other answer.
        let _ = print(&format!("{}\n", object()));
    }
    Exit::Usage
}

/// Prints on stdout. A reader that has gone (`| head`) is no error.
#[must_use]
pub fn print(text: &str) -> Exit {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            messages::client(&format!("cannot write to stdout: {error}"));
            Exit::Failed
        }
        _ => Exit::Success,
    }
}
