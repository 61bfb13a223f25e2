//! The groups of an account: those of /etc/group, those that the process has,
//! and those that the name service says it has.
//!
//! What is missed here is a rule that is not applied, so half an answer is
//! none: every source must be there, every group must have a name, and the
//! account must still be known when all is asked. A daemon that lives says of
//! each entry that there is none while its own server is away. So where groups
//! can come from a server, each group that the policy names must be known.

use std::collections::BTreeSet;

use nix::unistd::getuid;

use super::getent::{self, getent};
use super::nsswitch::Nsswitch;
use super::passwd::find;
use super::{AccountError, AccountKey, GROUP, group, nsswitch, read};
use crate::decide::account::{Account, AccountSource};
use crate::system::opened::Opened;
use crate::system::process;

/// Looks up the groups of an account and of its aliases, for a policy that
/// names these groups.
///
/// # Errors
///
/// If a source cannot be asked, or does not answer for all of them.
pub fn add_groups(
    account: &mut Account,
    named: &BTreeSet<&str>,
    opened: &Opened,
) -> Result<(), AccountError> {
    let file = read(GROUP, opened)?;
    let nsswitch = nsswitch(opened)?;
    let source = Source {
        file: &file,
        nsswitch: &nsswitch,
        of_account: account.source,
    };
    let is_own = getuid().as_raw() == account.uid;
    account.groups = source.groups(&account.name, account.gid, is_own)?;
    for alias in &mut account.aliases {
        alias.groups = source.groups(&alias.name, alias.gid, false)?;
    }
    if account.source == AccountSource::NameService {
        still_known(account)?;
    }
    source.knows_all(named)
}

/// Where groups come from.
struct Source<'a> {
    file: &'a str,
    nsswitch: &'a Nsswitch,
    of_account: AccountSource,
}

impl Source<'_> {
    /// The names of the groups of an entry. `is_own`: this process has been
    /// given them already.
    fn groups(&self, name: &str, gid: u32, is_own: bool) -> Result<Vec<String>, AccountError> {
        let own: Vec<_> = group::of(self.file, name, gid).collect();
        let mut names: Vec<String> = own.iter().map(|entry| entry.name.to_owned()).collect();
        let is_remote = self.of_account == AccountSource::NameService;
        if !is_remote && !self.nsswitch.has_other_groups() {
            return Ok(names);
        }
        if let Some(daemon) = self.nsswitch.dead_for_groups() {
            return Err(AccountError::Dead(daemon));
        }
        let mut gids = BTreeSet::from([gid]);
        if is_own {
            let given = process::groups()
                .map_err(|error| AccountError::Unreadable("the groups of this process", error))?;
            gids.extend(given);
        }
        // What the process was given may be from when the server was away.
        if is_remote || !is_own || self.nsswitch.has_remote_groups() {
            gids.extend(initgroups(name)?);
        }
        for entry in own {
            gids.remove(&entry.gid);
        }
        self.name(name, gids, &mut names)?;
        Ok(names)
    }

    /// Some source must know each of these groups, where a server may be asked.
    fn knows_all(&self, named: &BTreeSet<&str>) -> Result<(), AccountError> {
        if !self.nsswitch.has_remote_groups() {
            return Ok(());
        }
        let mut unknown = named.clone();
        for entry in group::entries(self.file) {
            unknown.remove(entry.name);
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let mut question = vec!["group", "--"];
        question.extend(unknown.iter().copied());
        let answer = getent(&question)?;
        for entry in group::entries(&answer) {
            unknown.remove(entry.name);
        }
        match unknown.first() {
            Some(name) => Err(AccountError::UnknownGroup((*name).to_owned())),
            None => Ok(()),
        }
    }

    /// Adds the names of these groups of an account.
    fn name(
        &self,
        account: &str,
        mut gids: BTreeSet<u32>,
        names: &mut Vec<String>,
    ) -> Result<(), AccountError> {
        if gids.is_empty() {
            return Ok(());
        }
        let known = group::entries(self.file).filter(|entry| gids.contains(&entry.gid));
        let known: Vec<_> = known.collect();
        for entry in known {
            gids.remove(&entry.gid);
            names.push(entry.name.to_owned());
        }
        if gids.is_empty() {
            return Ok(());
        }
        let numbers: Vec<String> = gids.iter().map(u32::to_string).collect();
        let mut question = vec!["group", "--"];
        question.extend(numbers.iter().map(String::as_str));
        let answer = getent(&question)?;
        for entry in group::entries(&answer) {
            gids.remove(&entry.gid);
            names.push(entry.name.to_owned());
        }
        let must_have_names = self.of_account == AccountSource::NameService
            || self.nsswitch.has_remote_groups()
            || !getent::is_there()?;
        match gids.first() {
            Some(gid) if must_have_names => Err(AccountError::Nameless(account.to_owned(), *gid)),
            _ => Ok(()),
        }
    }
}

/// The gids of an account's groups as the name service has them.
pub(super) fn initgroups(name: &str) -> Result<Vec<u32>, AccountError> {
    // "NAME GID GID…". A name can contain spaces.
    let answer = getent(&["initgroups", "--", name])?;
    let gids = answer.strip_prefix(name).unwrap_or_default();
    Ok(gids
        .split_whitespace()
        .filter_map(|gid| gid.parse().ok())
        .collect())
}

/// A source that ended on the way answered nothing where it knew something.
fn still_known(account: &Account) -> Result<(), AccountError> {
    let answer = getent(&["passwd", "--", &account.uid.to_string()])?;
    let key = AccountKey::Uid(account.uid);
    let again = find(&answer, &key, AccountSource::NameService);
    let is_same = again.is_some_and(|again| {
        let as_account = (&account.name, account.gid, &account.home);
        let aliases = account.aliases.iter();
        let aliases = aliases.map(|alias| (&alias.name, alias.gid, &alias.home));
        let mut known = std::iter::once(as_account).chain(aliases);
        known.any(|known| known == (&again.name, again.gid, &again.home))
    });
    if is_same {
        Ok(())
    } else {
        Err(AccountError::Changed(account.name.clone()))
    }
}
