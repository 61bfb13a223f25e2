//! Which blocks of the policy apply to one account and one client.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use super::{
    Match, NameGlob, Origin, PathTarget, Policy, PolicyFile, ProfileName, Protocol, Settings,
    forbidden,
};
use crate::decide::account::{Account, Conflict};

/// Where the client is, as far as that is known, and which profile the session
/// asks for.
pub type Circumstances<'a> = (Option<IpAddr>, Option<&'a ProfileName>);

impl PolicyFile {
    /// The policy of a host without a policy file: the defaults.
    pub fn absent() -> Self {
        Self {
            source: None,
            base: Settings::default(),
            matches: Vec::new(),
        }
    }

    /// The policy outside all blocks, for whomever.
    pub fn outside_blocks(&self) -> Policy {
        self.with_blocks(&[])
    }

    /// The policy for this account and client: the defaults, then the keys
    /// outside all blocks, then each matching block in the order of the file. A
    /// later block overrides key by key.
    pub fn effective(&self, account: &Account, client: Option<IpAddr>) -> Policy {
        let blocks = self.blocks_for(&account.name, &account.groups, (client, None));
        self.for_account(&blocks, account)
    }

    /// The same with the blocks of a profile. `None` if no block that asks for
    /// it holds for this account and client: then the name may be misspelt, and
    /// what was meant is not known.
    pub fn effective_with(
        &self,
        profile: &ProfileName,
        account: &Account,
        client: Option<IpAddr>,
    ) -> Option<Policy> {
        let session = (client, Some(profile));
        let blocks = self.blocks_for(&account.name, &account.groups, session);
        let is_of_profile = |index: &usize| !self.matches[*index].profiles.is_empty();
        let is_known = blocks.iter().any(is_of_profile);
        is_known.then(|| self.for_account(&blocks, account))
    }

    fn for_account(&self, blocks: &[usize], account: &Account) -> Policy {
        let mut policy = self.with_blocks(blocks);
        policy.leave_out_defaults(account);
        policy
    }

    /// The other entries with this uid that cannot be served like this one: the
    /// home or the policy differs. A session knows only its uid. The same
    /// values from other lines are not a difference; `%u` in a directory is.
    pub fn conflicts<'a>(
        &self,
        account: &'a Account,
        session: Circumstances<'_>,
    ) -> impl Iterator<Item = Conflict<'a>> {
        let own_blocks = self.blocks_for(&account.name, &account.groups, session);
        let own = self.with_blocks(&own_blocks);
        let names_user = !account.aliases.is_empty() && own.names_user();
        account.aliases.iter().filter_map(move |alias| {
            let by_home = alias.home != account.home;
            let same_policy = || {
                // The same blocks give the same policy: usually there is
                // nothing to compare.
                let blocks = self.blocks_for(&alias.name, &alias.groups, session);
                let is_same = blocks == own_blocks || self.with_blocks(&blocks).same_values(&own);
                !names_user && is_same
            };
            (by_home || !same_policy()).then_some(Conflict {
                account,
                alias,
                by_home,
            })
        })
    }

    /// Whether any block with this profile is for the account, for a client at
    /// some address.
    pub fn has_profile(&self, profile: &ProfileName, account: &Account) -> bool {
        self.matches.iter().any(|block| {
            block.profiles.contains(profile) && block.is_for(&account.name, &account.groups)
        })
    }

    /// Whether any block has a condition on groups: only then are they looked
    /// up.
    pub fn asks_for_groups(&self) -> bool {
        self.matches.iter().any(|block| !block.groups.is_empty())
    }

    /// The groups that blocks name in full.
    pub fn named_groups(&self) -> BTreeSet<&str> {
        let exact = self.matches.iter().flat_map(|block| block.groups.exact());
        exact.map(NameGlob::as_str).collect()
    }

    /// Which of the blocks apply.
    fn blocks_for(&self, name: &str, groups: &[String], session: Circumstances<'_>) -> Vec<usize> {
        let blocks = self.matches.iter().enumerate();
        let holding = blocks.filter(|(_, block)| block.holds(name, groups, session));
        holding.map(|(index, _)| index).collect()
    }

    fn with_blocks(&self, blocks: &[usize]) -> Policy {
        let mut policy = Policy::default();
        policy.apply(&self.base);
        for block in blocks.iter().filter_map(|index| self.matches.get(*index)) {
            policy.apply(&block.settings);
        }
        policy
    }
}

impl Policy {
    /// The defaults are for a home that can hold files. An account whose home is
    /// in a file system of the kernel, such as /dev/null, has none: a policy that
    /// names its directories is not refused because of what it does not say.
    fn leave_out_defaults(&mut self, account: &Account) {
        let is_set = |origin: Origin| origin != Origin::Default;
        let names_any = is_set(self.writable.origin)
            || is_set(self.readable.origin)
            || is_set(self.directory.origin);
        if !names_any || !forbidden::for_account::is_the_kernels(&account.home) {
            return;
        }
        for key in [&mut self.writable, &mut self.readable] {
            if key.origin == Origin::Default {
                key.value.clear();
            }
        }
    }

    /// Whether every key has the same value, wherever it was set.
    fn same_values(&self, other: &Self) -> bool {
        let (own, other) = (self.entries(), other.entries());
        let mut pairs = own.iter().zip(&other);
        pairs.all(|(own, other)| own.1 == other.1)
    }

    /// Whether a directory of the policy depends on the login name.
    fn names_user(&self) -> bool {
        let mut places = self.places();
        self.start.value.names_user() || places.any(|place| place.template.names_user())
    }
}

impl Match {
    fn holds(&self, name: &str, groups: &[String], (client, profile): Circumstances<'_>) -> bool {
        let address = self.addresses.is_empty()
            || client.is_some_and(|ip| self.addresses.iter().any(|block| block.contains(ip)));
        let is_asked_for = |asked| self.profiles.contains(asked);
        let profile = self.profiles.is_empty() || profile.is_some_and(is_asked_for);
        self.is_for(name, groups) && address && profile
    }

    fn is_for(&self, name: &str, groups: &[String]) -> bool {
        let user = self.users.is_empty() || self.users.matches(name.as_bytes());
        let is_named = |group: &String| self.groups.matches(group.as_bytes());
        user && (self.groups.is_empty() || groups.iter().any(is_named))
    }
}

impl Policy {
    /// The program that the policy sets for a protocol.
    pub const fn program(&self, protocol: Protocol) -> Option<&PathBuf> {
        match protocol {
            Protocol::Sftp => self.sftp_server.value.as_ref(),
            Protocol::Scp => self.scp.value.as_ref(),
            Protocol::Rsync => self.rsync.value.as_ref(),
        }
    }

    /// Whether it gives any right to write.
    pub fn writes_at_all(&self) -> bool {
        self.all().all(|policy| {
            let own = policy.directory.value.iter();
            let mut own = own.filter_map(|directory| directory.access);
            policy.access.value.writes() || own.any(|access| access.writes())
        })
    }

    /// Where the server starts, and where relative paths begin.
    pub fn start_directory(&self, account: &Account) -> PathBuf {
        match self.start.value.target(account) {
            PathTarget::Directory(path) => path,
            PathTarget::HomeChildren => account.home.clone(),
        }
    }
}
