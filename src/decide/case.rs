//! What is asked: everything that is known before the disk is looked at.

use super::account::Account;
use super::invocation::Invocation;
use super::policy::Policy;

/// Everything that is known before the disk is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The policy for the account and its client.
    pub policy: &'a Policy,
    /// The account.
    pub account: &'a Account,
    /// What was asked.
    pub invocation: &'a Invocation,
}
