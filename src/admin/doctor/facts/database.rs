//! The accounts and groups of the host, as a session looks them up.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::decide::account::{Account, AccountSource, Alias};
use crate::gather::account::shell::{self, is_xfersh};
use crate::gather::account::{self, AccountError, AccountKey, group, passwd};
use crate::system::opened::Opened;

/// An account with its login shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The account; its groups are filled in.
    pub account: Account,
    /// The last field of its passwd line.
    pub shell: PathBuf,
}

/// One line of group(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its number.
    pub gid: u32,
}

/// All that is known about accounts and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// Accounts. A name service that does not enumerate hides its accounts.
    pub people: Vec<Person>,
    /// Groups.
    pub groups: Vec<Group>,
    /// Names that have several different lines, and how many.
    pub repeated: Vec<(String, usize)>,
}

impl Database {
    /// Reads the files and asks the name service. `user` is looked up as for a
    /// session.
    ///
    /// # Errors
    ///
    /// Why the database cannot be read, or that there is no such account.
    pub fn read(user: Option<&str>) -> Result<Self, String> {
        let said = |error: AccountError| match error.hint() {
            Some(hint) => format!("{error} ({hint})"),
            None => error.to_string(),
        };
        let key = user.map(|name| AccountKey::Name(name.to_owned()));
        let mut chosen = key
            .map(|key| account::lookup(&key, &Opened::default()))
            .transpose();
        if let Ok(Some(chosen)) = &mut chosen {
            account::add_groups(chosen, &BTreeSet::new(), &Opened::default()).map_err(said)?;
        }
        let chosen = chosen.map_err(said)?;
        let gid = chosen.as_ref().map(|account| account.gid.to_string());
        let names: Vec<&str> = user.into_iter().collect();
        let gids: Vec<&str> = gid.as_deref().into_iter().collect();
        let passwd = account::passwd_text(&names).map_err(said)?;
        let group = account::group_text(&gids).map_err(said)?;
        let mut database = Self::new(&passwd, &group);
        if let Some(chosen) = chosen {
            let mut people = database.people.iter_mut();
            let person = people.find(|person| person.account.name == chosen.name);
            person
                .ok_or("the account was removed while it was being examined")?
                .account = chosen;
        }
        Ok(database)
    }

    /// The database from the text of passwd(5) and group(5). Of two equal names
    /// the first counts, as in getpwnam(3).
    pub fn new(passwd: &str, group: &str) -> Self {
        let mut names = HashSet::new();
        let entries = passwd::entries(passwd).filter(|entry| names.insert(entry.name));
        let mut people: Vec<Person> = entries.map(|entry| person(&entry, group)).collect();
        let all: Vec<_> = people.iter().map(|person| person.account.clone()).collect();
        for person in &mut people {
            let (name, uid) = (&person.account.name, person.account.uid);
            let others = all.iter();
            let others = others.filter(|other| other.uid == uid && other.name != *name);
            person.account.aliases = others.map(alias).collect();
        }
        let mut names = HashSet::new();
        let groups = group::entries(group).filter(|entry| names.insert(entry.name));
        let groups = groups.map(|entry| Group {
            name: entry.name.to_owned(),
            gid: entry.gid,
        });
        // The name service repeats what is in the files.
        let mut seen = HashSet::new();
        let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in passwd::entries(passwd) {
            if seen.insert((entry.name, entry.uid, entry.gid, entry.home, entry.shell)) {
                *lines.entry(entry.name).or_default() += 1;
            }
        }
        let repeated = lines.into_iter().filter(|(_, count)| *count > 1);
        Self {
            people,
            groups: groups.collect(),
            repeated: repeated
                .map(|(name, count)| (name.to_owned(), count))
                .collect(),
        }
    }

    /// How many lines an account has.
    pub fn lines_of(&self, name: &str) -> usize {
        let mut repeated = self.repeated.iter();
        repeated
            .find(|(own, _)| own == name)
            .map_or(1, |(_, count)| *count)
    }

    /// The accounts whose shell is xfersh; `own` is the binary that runs.
    pub fn with_shell(&self, own: &Path) -> Vec<&Person> {
        let people = self.people.iter();
        people
            .filter(|person| is_xfersh(&person.shell, own))
            .collect()
    }

    /// The name of the account with this uid, if there is one.
    pub fn name_of(&self, uid: u32) -> Option<&str> {
        let mut people = self.people.iter();
        let person = people.find(|person| person.account.uid == uid)?;
        Some(&person.account.name)
    }

    /// The account with this name.
    pub fn person(&self, name: &str) -> Option<&Person> {
        self.people
            .iter()
            .find(|person| person.account.name == name)
    }
}

fn person(entry: &passwd::PasswdEntry<'_>, group: &str) -> Person {
    let groups = group::of(group, entry.name, entry.gid);
    let mut groups: Vec<String> = groups.map(|group| group.name.to_owned()).collect();
    let mut seen = HashSet::new();
    groups.retain(|name| seen.insert(name.clone()));
    Person {
        account: Account {
            name: entry.name.to_owned(),
            uid: entry.uid,
            gid: entry.gid,
            home: Path::new(entry.home).to_owned(),
            groups,
            aliases: Vec::new(),
            source: AccountSource::Passwd,
        },
        shell: shell::named(entry.shell).into(),
    }
}

fn alias(other: &Account) -> Alias {
    Alias {
        name: other.name.clone(),
        gid: other.gid,
        home: other.home.clone(),
        groups: other.groups.clone(),
    }
}

/// The lowest uid of an account of a person (login.defs(5), UID_MIN). Those
/// below belong to the system.
pub fn lowest_uid() -> u32 {
    const DEFAULT: u32 = 1000;
    let text = fs::read_to_string("/etc/login.defs").unwrap_or_default();
    let mut lines = text.lines().map(str::split_whitespace);
    let value = lines.find_map(|mut words| (words.next() == Some("UID_MIN")).then(|| words.next()));
    value
        .flatten()
        .and_then(|value| value.parse().ok())
        .unwrap_or(DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_have_groups_and_aliases() {
        let passwd = "alice:x:1001:1001::/home/alice:/usr/bin/xfersh\n\
                      broken line\n\
                      bob:x:1001:1002::/home/bob:\n\
                      alice:x:7:7::/elsewhere:/bin/sh\n\
                      nan:x:x:1::/:/bin/sh\n";
        let group = "alice:x:1001:\nbob:x:1002:\ndocker:x:900:bob,alice\nodd\n";
        let database = Database::new(passwd, group);
        assert_eq!(database.people.len(), 2);
        let alice = database.person("alice").unwrap();
        assert_eq!(alice.account.uid, 1001);
        assert_eq!(alice.account.groups, ["alice", "docker"]);
        let aliases: Vec<_> = alice.account.aliases.iter().map(|a| &a.name).collect();
        assert_eq!(aliases, ["bob"]);
        let bob = database.person("bob").unwrap();
        assert_eq!(bob.shell, Path::new("/bin/sh"));
        assert_eq!(bob.account.groups, ["bob", "docker"]);
        assert_eq!(database.person("carol"), None);
    }
}
