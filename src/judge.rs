//! From an account and an invocation to the verdict: the only way there, for a
//! session and for the dry run.

use crate::decide::account::Account;
use crate::decide::case::Case;
use crate::decide::form::Inquiry;
use crate::decide::invocation::Invocation;
use crate::decide::policy::Policy;
use crate::decide::profile;
use crate::decide::verdict::{Refusal, Stage, Verdict};
use crate::decide::{self};
use crate::gather::account::{self, AccountError, AccountKey};
use crate::gather::disk;
use crate::gather::policy_file::{self, POLICY, PolicyFileError, PolicyText};
use crate::system::opened::Opened;

/// An account and the policy that applies to it.
#[derive(Debug)]
pub struct Subject {
    /// The account.
    pub account: Account,
    /// The policy for this account and client.
    pub policy: Policy,
}

impl Subject {
    /// Looks up the account and the policy for it.
    ///
    /// # Errors
    ///
    /// The refusal, if the policy has an error, there is no such account, or
    /// the policy cannot be applied to it.
    pub fn of(
        key: &AccountKey,
        text: &PolicyText,
        invocation: &Invocation,
        opened: &Opened,
    ) -> Result<Self, Refusal> {
        let refuse = |error: AccountError| {
            let refusal = Refusal::new(Stage::Account, error.to_string());
            match error.hint() {
                Some(hint) => refusal.hint(hint),
                None => refusal,
            }
        };
        let account = account::lookup(key, opened);
        // A wrong policy serves nobody, whether the account is known or not.
        let file = match &account {
            Ok(account) => text.parse_for(account),
            Err(_) => text.parse(),
        };
        let file = file.map_err(|error| unusable(&error))?;
        let mut account = account.map_err(refuse)?;
        if file.asks_for_groups() {
            account::add_groups(&mut account, &file.named_groups(), opened).map_err(refuse)?;
        }
        let sessions = profile::circumstances(invocation);
        let mut conflicts = sessions.flat_map(|session| file.conflicts(&account, session));
        if let Some(conflict) = conflicts.next() {
            let hint = conflict.hint();
            return Err(Refusal::new(Stage::Account, conflict.to_string()).hint(hint));
        }
        drop(conflicts);
        let policy = profile::policy_of(&file, &account, invocation)?;
        Ok(Self { account, policy })
    }

    /// Decides on an invocation. Looks at the disk with the rights of this
    /// process, which must be the account's.
    pub fn judge(&self, invocation: &Invocation, opened: &Opened) -> Verdict {
        let case = Case {
            policy: &self.policy,
            account: &self.account,
            invocation,
        };
        match Inquiry::of(&case) {
            Ok(inquiry) => {
                let facts = disk::gather(&inquiry, &self.policy, &self.account, opened);
                decide::decide(&case, &inquiry, &facts)
            }
            Err(refusal) => Verdict::Refused(refusal),
        }
    }
}

/// Reads the host's policy.
///
/// # Errors
///
/// The refusal of everything, if the policy cannot be used.
pub fn read() -> Result<PolicyText, Refusal> {
    policy_file::host_text().map_err(|error| unusable(&error))
}

fn unusable(error: &PolicyFileError) -> Refusal {
    let hint = error.mend();
    let hint = hint.unwrap_or_else(|| format!("fix {POLICY}; 'xfersh --check' shows each error"));
    Refusal::new(Stage::Host, error.to_string()).hint(hint)
}
