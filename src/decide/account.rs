//! The account that asks: facts from the user database, no I/O here.

use std::fmt;
use std::path::PathBuf;

use crate::print::escape::Escaped;

/// The account of the real uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Real uid; never 0 in a session.
    pub uid: u32,
    /// Primary gid.
    pub gid: u32,
    /// Home directory as the user database has it.
    pub home: PathBuf,
    /// Names of all groups of the account, if they were asked for.
    pub groups: Vec<String>,
    /// Other entries with the same uid: a policy can be applied only if it
    /// treats them alike, since the uid is all that a session knows.
    pub aliases: Vec<Alias>,
    /// Where the entry was found.
    pub source: AccountSource,
}

impl Account {
    /// The login name, as it is printed.
    pub const fn shown(&self) -> Escaped<'_> {
        Escaped::text(self.name.as_str())
    }

    /// Every login name with the uid, the account's own first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let aliases = self.aliases.iter().map(|alias| alias.name.as_str());
        std::iter::once(self.name.as_str()).chain(aliases)
    }
}

/// Another entry with an account's uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// Login name.
    pub name: String,
    /// Primary gid.
    pub gid: u32,
    /// Home directory.
    pub home: PathBuf,
    /// Names of all its groups, if they were asked for.
    pub groups: Vec<String>,
}

/// Why two entries with one uid cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict<'a> {
    /// The account.
    pub account: &'a Account,
    /// The other entry.
    pub alias: &'a Alias,
    /// Whether the homes differ; otherwise the policies do.
    pub by_home: bool,
}

impl Conflict<'_> {
    /// How to fix it.
    pub const fn hint(&self) -> &'static str {
        if self.by_home {
            "give both the same home, or each a uid of its own"
        } else {
            "give both the same policy, or each a uid of its own"
        }
    }
}

impl fmt::Display for Conflict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (account, alias) = (self.account, self.alias);
        let (name, other) = (account.shown(), Escaped::text(&alias.name));
        write!(f, "'{name}' and '{other}' share the uid {} ", account.uid)?;
        if self.by_home {
            let (home, elsewhere) = (Escaped::path(&account.home), Escaped::path(&alias.home));
            write!(f, "with different homes, {home} and {elsewhere}")
        } else {
            f.write_str("under different policies")
        }
    }
}

/// Where the entry of an account comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountSource {
    /// `/etc/passwd`.
    Passwd,
    /// Another source of the name service switch (LDAP, SSSD, …), asked
    /// through `getent`.
    NameService,
}

#[cfg(test)]
impl Account {
    /// The account of most tables: `u`, uid and gid 1000, home `/home/u`.
    pub fn for_tables() -> Self {
        Self {
            name: "u".to_owned(),
            uid: 1000,
            gid: 1000,
            home: "/home/u".into(),
            groups: Vec::new(),
            aliases: Vec::new(),
            source: AccountSource::Passwd,
        }
    }
}
