//! The accounts and groups of the host, by name service as sshd sees them.

use std::path::{Path, PathBuf};

use super::tool;
use crate::decide::account::{Account, AccountSource, Alias};
use crate::gather::account::is_replaced;
use crate::print::escape::Escaped;

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
    /// Who is in it beside those whose primary group it is.
    pub members: Vec<String>,
}

/// All that is known of accounts and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// Accounts. A name service that does not enumerate hides its own.
    pub people: Vec<Person>,
    /// Groups.
    pub groups: Vec<Group>,
}

const GETENT: [&str; 2] = ["/usr/bin/getent", "/bin/getent"];

impl Database {
    /// Asks the name service; `user` is asked for by name as well.
    ///
    /// # Errors
    ///
    /// Why the database cannot be read, or that there is no such account.
    pub fn read(user: Option<&str>) -> Result<Self, String> {
        let mut passwd = listing("passwd", None)?;
        let mut group = listing("group", None)?;
        if let Some(name) = user {
            passwd.push_str(&listing("passwd", Some(name))?);
            let named = parse_people(&passwd)
                .into_iter()
                .find(|p| p.account.name == name);
            let person =
                named.ok_or_else(|| format!("there is no account '{}'", Escaped::text(name)))?;
            if is_replaced(&person.account.name, &person.account.home) {
                let name = person.account.shown();
                return Err(format!(
                    "the name or the home of the account '{name}' is not UTF-8"
                ));
            }
            let gid = person.account.gid.to_string();
            group.push_str(&listing("group", Some(&gid))?);
        }
        Ok(Self::new(&passwd, &group))
    }

    /// The database from the text of passwd(5) and group(5). Of two equal
    /// names the first counts, as for getpwnam(3).
    #[must_use]
    pub fn new(passwd: &str, group: &str) -> Self {
        let groups = parse_groups(group);
        let mut people = parse_people(passwd);
        for person in &mut people {
            let account = &mut person.account;
            let own = groups
                .iter()
                .filter(|g| g.gid == account.gid || g.members.contains(&account.name));
            account.groups = own.map(|g| g.name.clone()).collect();
        }
        let entries: Vec<_> = people.iter().map(|p| p.account.clone()).collect();
        for person in &mut people {
            let (name, uid) = (&person.account.name, person.account.uid);
            let others = entries.iter();
            let others = others.filter(|other| other.uid == uid && other.name != *name);
            let aliases = others.map(|other| Alias {
                name: other.name.clone(),
                gid: other.gid,
                home: other.home.clone(),
                groups: other.groups.clone(),
            });
            person.account.aliases = aliases.collect();
        }
        Self { people, groups }
    }

    /// The account with this name.
    #[must_use]
    pub fn person(&self, name: &str) -> Option<&Person> {
        self.people
            .iter()
            .find(|person| person.account.name == name)
    }
}

fn listing(database: &str, key: Option<&str>) -> Result<String, String> {
    let getent = tool::find(&GETENT).ok_or("cannot list accounts: getent is not installed")?;
    let mut arguments = vec!["--", database];
    arguments.extend(key);
    let answer = tool::ask(&getent, &arguments)
        .map_err(|e| format!("cannot run {}: {e}", Escaped::path(&getent)))?;
    // 2: the key is not there (getent(1)); the caller sees it by its absence.
    Ok(if answer.success {
        answer.text
    } else {
        String::new()
    })
}

fn parse_people(passwd: &str) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    for line in passwd.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, shell] = fields[..] else {
            continue;
        };
        let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse()) else {
            continue;
        };
        if people.iter().any(|person| person.account.name == name) {
            continue;
        }
        // An empty shell means /bin/sh (passwd(5)).
        let shell = if shell.is_empty() { "/bin/sh" } else { shell };
        people.push(Person {
            account: Account {
                name: name.to_owned(),
                uid,
                gid,
                home: Path::new(home).to_owned(),
                groups: Vec::new(),
                aliases: Vec::new(),
                source: AccountSource::Passwd,
            },
            shell: shell.into(),
        });
    }
    people
}

fn parse_groups(group: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for line in group.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, gid, members] = fields[..] else {
            continue;
        };
        let Ok(gid) = gid.parse() else { continue };
        if groups.iter().any(|group| group.name == name) {
            continue;
        }
        let members = members.split(',').filter(|m| !m.is_empty());
        groups.push(Group {
            name: name.to_owned(),
            gid,
            members: members.map(str::to_owned).collect(),
        });
    }
    groups
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
