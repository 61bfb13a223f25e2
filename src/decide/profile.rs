//! Which policy a session has, with the profile that its forced command names.

use super::account::Account;
use super::invocation::{Invocation, ProfileEffect};
use super::policy::{Circumstances, Policy, PolicyFile};
use super::verdict::{Refusal, Stage};
use crate::print::escape::word::{hinted, word};

/// What the policy file gives this account, for this client and profile.
///
/// # Errors
///
/// The refusal, if no block with that profile holds: a misspelt name must not
/// leave the rights that the account has without it.
pub fn policy_of(
    file: &PolicyFile,
    account: &Account,
    invocation: &Invocation,
) -> Result<Policy, Refusal> {
    let client = invocation.client.address();
    let Some(asked) = &invocation.profile else {
        return Ok(file.effective(account, client));
    };
    let Some(profile) = file.effective_with(&asked.name, account, client) else {
        let (name, shown) = (&asked.name, account.shown());
        let user = hinted(word(&account.name), "NAME");
        let reason =
            format!("no [[match]] with profile = \"{name}\" holds for {shown} and this client");
        let hint = format!(
            "add such a block to the policy, or correct the name after --profile in the forced \
             command; 'xfersh --check --user {user} --profile {name}' answers as a session would"
        );
        return Err(Refusal::new(Stage::Account, reason).hint(hint));
    };
    Ok(match asked.effect {
        ProfileEffect::Selects => profile,
        ProfileEffect::Narrows => file
            .effective(account, client)
            .narrow(profile, invocation.umask),
    })
}

/// For which sessions the entries of one uid must have the same policy, so that
/// this one can be served.
pub fn circumstances(invocation: &Invocation) -> impl Iterator<Item = Circumstances<'_>> {
    let client = invocation.client.address();
    let profile = invocation.profile.as_ref();
    let selects = profile.is_some_and(|asked| asked.effect == ProfileEffect::Selects);
    let own = (!selects).then_some((client, None));
    let with_profile = profile.map(|asked| (client, Some(&asked.name)));
    own.into_iter().chain(with_profile)
}
