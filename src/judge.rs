//! From an account and an invocation to the verdict: the only way there, for a
//! session and for the dry run.

use crate::decide::account::Account;
use crate::decide::case::Case;
use crate::decide::form::Inquiry;
use crate::decide::invocation::Invocation;
use crate::decide::policy::{Policy, PolicyFile};
use crate::decide::verdict::{Refusal, Stage, Verdict};
use crate::decide::{self};
use crate::gather::account::{self, AccountKey};
use crate::gather::disk;
use crate::gather::policy_file::{self, POLICY};

/// An account and the policy that applies to it.
#[derive(Debug)]
pub struct Subject {
    /// The account.
    pub account: Account,
    /// The policy for this account and client.
    pub policy: Policy,
}

impl Subject {
    /// Applies a loaded policy to the account.
    ///
    /// # Errors
    ///
    /// The refusal, if there is no such account, or the policy cannot be
    /// applied to it.
    pub fn of(
        key: &AccountKey,
        file: &PolicyFile,
        invocation: &Invocation,
    ) -> Result<Self, Refusal> {
        let refuse = |error: account::AccountError| Refusal::new(Stage::Account, error.to_string());
        let account = account::lookup(key, file.asks_for_groups()).map_err(refuse)?;
        let client = invocation.client.address();
        if let Some(conflict) = file.conflicts(&account, client).next() {
            let hint = conflict.hint();
            return Err(Refusal::new(Stage::Account, conflict.to_string()).hint(hint));
        }
        let policy = file.effective(&account, client);
        Ok(Self { account, policy })
    }

    /// Decides on an invocation. Looks at the disk with the rights of this
    /// process, which must be the account's.
    pub fn judge(&self, invocation: &Invocation) -> Verdict {
        let case = Case {
            policy: &self.policy,
            account: &self.account,
            invocation,
        };
        match Inquiry::of(&case) {
            Ok(inquiry) => {
                let facts = disk::gather(&inquiry, &self.account);
                decide::decide(&case, &inquiry, &facts)
            }
            Err(refusal) => Verdict::Refused(refusal),
        }
    }
}

/// Loads the host's policy.
///
/// # Errors
///
/// The refusal of everything, if the policy cannot be used.
pub fn load() -> Result<PolicyFile, Refusal> {
    policy_file::host_policy().map_err(|error| {
        let hint = format!("fix {POLICY}; 'xfersh --check' shows each error");
        Refusal::new(Stage::Host, error.to_string()).hint(hint)
    })
}
