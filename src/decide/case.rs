//! What is asked: everything that is known before looking at the disk.

use super::account::Account;
use super::invocation::Invocation;
use super::policy::Policy;

/// Everything that is known before looking at the disk.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The policy for the account and its client.
    pub policy: &'a Policy,
    /// The account.
    pub account: &'a Account,
    /// What was asked.
    pub invocation: &'a Invocation,
}
