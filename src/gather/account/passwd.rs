//! Reads text of the form of passwd(5).

use std::path::PathBuf;

use super::AccountKey;
use crate::decide::account::{Account, AccountSource, Alias};

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswdEntry<'a> {
    /// The login name.
    pub name: &'a str,
    /// The uid.
    pub uid: u32,
    /// The primary gid.
    pub gid: u32,
    /// The home directory.
    pub home: &'a str,
    /// The login shell; empty where /bin/sh is meant.
    pub shell: &'a str,
}

/// The entries, in the order of the text. A line that is none is left out.
pub fn entries(passwd: &str) -> impl Iterator<Item = PasswdEntry<'_>> {
    passwd.lines().filter_map(|line| {
        let (name, rest) = cut(line)?;
        let (_password, rest) = cut(rest)?;
        let (uid, rest) = cut(rest)?;
        let (gid, rest) = cut(rest)?;
        let (_comment, rest) = cut(rest)?;
        let (home, shell) = cut(rest).unwrap_or((rest, ""));
        // Lines of nis-compat ("+::::::") name no account.
        let named = !name.is_empty() && !name.starts_with(['+', '-', '#']);
        named.then_some(PasswdEntry {
            name,
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home,
            shell,
        })
    })
}

/// The field before the next colon, and what follows it. Fields are short: a
/// plain loop beats `split`, whose search is made for long texts.
pub(super) fn cut(line: &str) -> Option<(&str, &str)> {
    let colon = line.bytes().position(|byte| byte == b':')?;
    Some((&line[..colon], &line[colon + 1..]))
}

/// Finds the entry in text of the form of passwd(5). For a uid the first
/// entry counts, as for getpwuid(3); the others are its aliases.
pub fn find(passwd: &str, key: &AccountKey, source: AccountSource) -> Option<Account> {
    let uid = match key {
        AccountKey::Uid(uid) => *uid,
        AccountKey::Name(name) => entries(passwd).find(|entry| entry.name == name)?.uid,
    };
    // One pass for all of them: a host can have thousands of accounts.
    let same_uid: Vec<_> = entries(passwd).filter(|entry| entry.uid == uid).collect();
    let found = same_uid.iter().find(|entry| match key {
        AccountKey::Uid(_) => true,
        AccountKey::Name(name) => entry.name == name,
    })?;
    let others = same_uid.iter().filter(|entry| entry.name != found.name);
    let mut aliases: Vec<Alias> = Vec::new();
    for other in others {
        // Of two entries of one name the first counts (getpwnam(3)).
        if aliases.iter().all(|alias| alias.name != other.name) {
            aliases.push(Alias {
                name: other.name.to_owned(),
                gid: other.gid,
                home: PathBuf::from(other.home),
                groups: Vec::new(),
            });
        }
    }
    Some(Account {
        name: found.name.to_owned(),
        uid: found.uid,
        gid: found.gid,
        home: PathBuf::from(found.home),
        groups: Vec::new(),
        aliases,
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        +::::::\n\
        broken\n\
        alice:x:1000:1000:Alice,,,:/home/alice:/usr/bin/xfersh\n\
        upload:x:1000:1000::/srv/upload:/usr/bin/xfersh\n\
        odd:x:notanumber:1000::/home/odd:/bin/sh\n";

    fn by_uid(uid: u32) -> Option<Account> {
        find(PASSWD, &AccountKey::Uid(uid), AccountSource::Passwd)
    }

    #[test]
    fn the_first_entry_of_a_uid_counts_and_the_others_are_aliases() {
        let account = by_uid(1000).unwrap();
        assert_eq!(account.name, "alice");
        assert_eq!(account.home, Path::new("/home/alice"));
        let alias = account.aliases.first().unwrap();
        assert_eq!(alias.name, "upload");
        assert_eq!(alias.home, Path::new("/srv/upload"));
        assert_eq!(account.aliases.len(), 1);
        assert_eq!(by_uid(1001), None);
    }

    #[test]
    fn a_name_is_found_with_its_own_home() {
        let key = AccountKey::Name("upload".to_owned());
        let account = find(PASSWD, &key, AccountSource::Passwd).unwrap();
        assert_eq!(account.home, Path::new("/srv/upload"));
        let aliases: Vec<_> = account.aliases.iter().map(|alias| &alias.name).collect();
        assert_eq!(aliases, ["alice"]);
        let key = AccountKey::Name("odd".to_owned());
        assert_eq!(find(PASSWD, &key, AccountSource::Passwd), None);
    }

    #[test]
    fn lines_that_are_no_entries_are_left_out() {
        let entries: Vec<_> = entries(PASSWD).collect();
        let names: Vec<_> = entries.iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["root", "alice", "upload"]);
        assert_eq!(entries[1].shell, "/usr/bin/xfersh");
    }
}
