//! P4: which names below a root are closed to a client. Under a profile that
//! narrows the account's policy, a name is closed if either of the two says so.

use super::names;
use super::place::Place;
use crate::decide::plan::{DotfileExceptions, Rules};
use crate::decide::policy::{Dotfiles, NameGlobs};
use crate::decide::roots::nesting::{PolicyRights, Root};

/// What one policy says below a root, and the names that it excepts.
type OfPolicy<'r> = (PolicyRights, &'r NameGlobs);

/// Each policy that must allow what is done there.
fn policies<'r>(
    root: &Root,
    exceptions: &'r DotfileExceptions,
) -> impl Iterator<Item = OfPolicy<'r>> {
    root.policies()
        .into_iter()
        .zip([exceptions.own(), &exceptions.names])
        .filter_map(|(rights, names)| Some((rights?, names)))
}

/// Whether a component below the root is a name that P4 protects. `temporary`
/// leaves out the last one.
pub(super) fn has_dotfile(rules: &Rules, root: &Root, place: &Place, temporary: bool) -> bool {
    let mut policies = policies(root, &rules.dotfile_names);
    policies.any(|(rights, names)| names_one(names, rights.dotfiles, place, temporary))
}

fn names_one(patterns: &NameGlobs, dotfiles: Dotfiles, place: &Place, temporary: bool) -> bool {
    let last = place.path.len();
    let mut names = place.names_below();
    names.any(|(begins, name)| {
        if temporary && begins + name.len() == last {
            return false;
        }
        let dotfile = names::is_dotfile(name);
        if dotfile && place.home_at == Some(begins) {
            return true;
        }
        if dotfiles == Dotfiles::Allowed {
            return false;
        }
        let short = place.has_short_names && names::may_be_short_name(name);
        short || (dotfile && !names::is_excepted(name, patterns))
    })
}

/// Whether a directory is below a name that this policy protects, or is one.
pub(in crate::decide) fn is_below_dotfile(
    patterns: &NameGlobs,
    dotfiles: Dotfiles,
    place: &Place,
) -> bool {
    names_one(patterns, dotfiles, place, false)
}

/// Whether a name on the way to this place, or its own, is hidden.
pub(super) fn is_hidden(rules: &Rules, root: &Root, place: &Place, temporary: bool) -> bool {
    let mut policies = policies(root, &rules.dotfile_names);
    policies.any(|(rights, names)| {
        let hides = rights.dotfiles == Dotfiles::Hidden;
        hides && (rights.below_dotfile || names_one(names, rights.dotfiles, place, temporary))
    })
}

/// Whether a dotfile in this place makes it inaccessible to a client that names
/// it: the client writes where dotfiles are protected, or dotfiles are hidden.
pub fn is_closed_dotfile(
    root: &Root,
    exceptions: &DotfileExceptions,
    place: &Place,
    writes: bool,
) -> bool {
    let mut policies = policies(root, exceptions);
    policies.any(|(rights, names)| {
        let concerned = match rights.dotfiles {
            Dotfiles::Allowed => false,
            Dotfiles::Protected => writes,
            Dotfiles::Hidden => true,
        };
        concerned && (rights.below_dotfile || names_one(names, rights.dotfiles, place, false))
    })
}
