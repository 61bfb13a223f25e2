//! What xfersh says, and to whom: one fixed sentence for the client, the
//! reason for the log and the administrator. Texts alone: `console` and `log`
//! say them.

use std::fmt;

use crate::decide::policy::Policy;
use crate::decide::verdict::Refusal;
use crate::error::Error;
use crate::print::escape::{Escaped, Quoted};

/// What a refused user sees, unless the policy has another sentence.
pub const MESSAGE: &str = "This account is for file transfer only.";

/// What is not protected without the guard, whatever keeps it from working.
pub const UNGUARDED: &str = "dotfiles below the home's first level, modes, owners, times and the \
    rights finer than reading and writing are not protected, and changes are not logged";

/// The sentence for a refused request. It depends only on the policy and on
/// what the client sent, never on what exists on the disk.
pub fn refusal(refusal: &Refusal, policy: Option<&Policy>) -> String {
    let message = policy.and_then(|policy| policy.message.value.clone());
    let message = message.unwrap_or_else(|| MESSAGE.to_owned());
    match (&refusal.told, &refusal.writable) {
        (Some(told), _) => format!("{message} {told}"),
        (None, Some(place)) => format!("{message} It can write in {}.", Escaped::path(place)),
        (None, None) => message,
    }
}

/// An error as an event of the log.
pub struct FailedEvent<'a>(pub &'a Error);

impl fmt::Display for FailedEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.0.to_string();
        write!(f, "event=failed reason={}", Quoted(&reason))?;
        match self.0.hint() {
            Some(hint) => write!(f, " hint={}", Quoted(hint)),
            None => Ok(()),
        }
    }
}
