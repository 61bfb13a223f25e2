//! What xfersh says, and to whom: one fixed sentence for the client, the
//! reason for the log and the administrator. Texts alone: `console` and `log`
//! say them.

use crate::decide::policy::Policy;
use crate::decide::verdict::Refusal;
use crate::print::escape::Escaped;

/// What a refused user sees, unless the policy has another sentence.
pub const MESSAGE: &str = "This account is for file transfer only.";

/// What is not protected without the guard, whatever keeps it from working.
pub const UNGUARDED: &str = "dotfiles below the home's first level, modes, owners, times and the \
    rights finer than reading and writing are not protected, and changes are not logged";

/// The sentence for a refused request, and a second one for somebody who does
/// transfer files, with what to do instead. They depend only on the policy and
/// on what the client sent, never on what exists on the disk. What the
/// administrator wrote stands instead of the first, and of the list of
/// protocols.
pub fn refusal(refusal: &Refusal, policy: Option<&Policy>) -> String {
    let own = policy.and_then(|policy| policy.message.value.as_deref());
    let message = own.unwrap_or(MESSAGE);
    let more = match (&refusal.told, &refusal.writable) {
        (Some(told), _) => told.clone(),
        (None, Some(place)) => format!("It can write in {}.", Escaped::path(place)),
        (None, None) if own.is_some() => String::new(),
        (None, None) => policy
            .and_then(|policy| protocols(refusal, policy))
            .unwrap_or_default(),
    };
    format!("{message} {more}").trim_end().to_owned()
}

/// Which protocols are served, if another one was asked for.
fn protocols(refusal: &Refusal, policy: &Policy) -> Option<String> {
    let served = &policy.protocols.value;
    let asked = refusal
        .protocol
        .filter(|asked| !served.contains(asked))?
        .name();
    let names: Vec<_> = served.iter().map(|served| served.name()).collect();
    let (last, others) = names.split_last()?;
    Some(match others {
        [] => format!("It serves {last}, not {asked}."),
        _ => format!("It serves {} and {last}, not {asked}.", others.join(", ")),
    })
}
