//! Where the server starts, on this disk: [`first_of_use`] decides, this looks.

use std::io;
use std::path::Path;

use nix::unistd::AccessFlags;

use super::disk::{Look, access, cannot_look, directory_place, is_refusal, look};
use crate::decide::account::Account;
use crate::decide::facts::{DirectoryState, DirectoryStates};
use crate::decide::policy::Policy;
use crate::decide::roots::directories::unsafe_link;
use crate::decide::roots::start::{StartDirectory, StartNeeds, first_of_use};
use crate::decide::verdict::Refusal;
use crate::print::escape::Escaped;
use crate::system::opened::Opened;

/// Finds the directory, with the rights of this process, which must be the
/// account's. `/` where there is no other, as with sshd.
///
/// # Errors
///
/// The refusal, if the wanted one could not be determined, or leads through a
/// link that others than root could replace. That it does not exist, or is
/// behind a closed directory, is no such error.
pub fn find(
    wanted: &Path,
    policy: &Policy,
    account: &Account,
    places: &DirectoryStates,
    opened: &Opened,
) -> Result<StartDirectory, Refusal> {
    let seen = match places.named.get(wanted) {
        Some(named) => named.clone(),
        None => match look(wanted) {
            Look::Directory(path, directory) => directory_place(path, directory, account, opened),
            Look::Absent(path) => DirectoryState::Absent(path),
            Look::UnsafeLink(link) => return Err(unsafe_link(wanted, &link)),
            Look::Failed(path, error) if !is_refusal(&error) => {
                return Err(cannot_look(&path, &error, account).refusal());
            }
            Look::Failed(path, error) => {
                DirectoryState::Failed(cannot_look(&path, &error, account))
            }
        },
    };
    let at = match &seen {
        DirectoryState::Directory { path, .. } => Some(path.as_path()),
        _ => None,
    };
    // A home that was listed can be listed: nothing is asked twice.
    let was_listed = |path: &Path| {
        let home = places.directory(&account.home);
        home == Some(path)
            && places
                .home_children
                .as_ref()
                .is_ok_and(|all| !all.is_empty())
    };
    let can = |path: &Path, needs: StartNeeds| {
        let listed = needs == StartNeeds::List && was_listed(path);
        listed || access(path, rights(needs)).is_ok()
    };
    let found = first_of_use(policy, account, places, at, can).unwrap_or(Path::new("/"));
    Ok(StartDirectory {
        path: found.to_path_buf(),
        instead: (at != Some(found)).then(|| why_not(wanted, &seen)),
    })
}

const fn rights(needs: StartNeeds) -> AccessFlags {
    let enter = AccessFlags::X_OK;
    match needs {
        StartNeeds::List => enter.union(AccessFlags::R_OK),
        StartNeeds::Create => enter.union(AccessFlags::W_OK),
        StartNeeds::Enter => enter,
    }
}

/// Why the server does not start where the policy says.
fn why_not(wanted: &Path, seen: &DirectoryState) -> String {
    let shown = Escaped::path(wanted);
    match seen {
        DirectoryState::Directory { path, .. } => match access(path, AccessFlags::X_OK) {
            Err(error) => format!("cannot enter {shown}: {}", io::Error::from(error)),
            Ok(()) => format!("the account cannot list {shown}"),
        },
        DirectoryState::Absent(_) => format!("{shown} is not a directory"),
        DirectoryState::UnsafeLink(link) => unsafe_link(wanted, link).to_string(),
        DirectoryState::Failed(failure) => failure.reason.clone(),
    }
}
