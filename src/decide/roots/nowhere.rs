//! A policy that lets an account write, on a disk that has no place for it.

use super::nesting::Root;
use crate::decide::account::Account;
use crate::decide::policy::{PathTarget, Policy};
use crate::print::escape::Escaped;

/// Why every upload will be refused, though the policy means to allow some;
/// `None` if there is a directory to write to, or the policy allows none.
/// `roots` are the directories with rights, as a server that writes gets them.
pub fn nowhere(policy: &Policy, account: &Account, roots: &[Root]) -> Option<String> {
    let exists = |root: &Root| root.exists && root.access.writes();
    if !policy.writes_at_all() || roots.iter().any(exists) {
        return None;
    }
    let own = policy.directory.value.iter().map(|own| &own.path);
    let mut places = policy.writable.value.iter().chain(own);
    let by_home = places.any(|place| place.target(account) == PathTarget::HomeChildren);
    let (name, home) = (account.shown(), Escaped::path(&account.home));
    Some(if by_home {
        format!("no directory that {name} may write exists: \"~/*\" finds none in {home}")
    } else {
        format!("no directory that {name} may write exists")
    })
}
