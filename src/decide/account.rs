//! The account that asks: facts from the user database, no I/O here.

use std::path::PathBuf;

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
    /// Names of all groups of the account, where they were asked for.
    pub groups: Vec<String>,
    /// Other login names with the same uid: only a policy that treats them
    /// alike can be applied, since the uid is all that a session knows.
    pub aliases: Vec<String>,
    /// Where the entry was found.
    pub source: AccountSource,
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
