//! The account of a uid.
//!
//! A statically linked program has no dependable name service switch, so the
//! files are read first, and only for an account that is not there `getent` is
//! asked, by an absolute path and with an empty environment: LDAP, SSSD and
//! systemd-userdb accounts work, and local ones cost no process.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::prctl;
use nix::sys::stat::Mode;
use nix::unistd::{
    Gid, Uid, getegid, geteuid, getgroups, setegid, seteuid, setgroups, setresgid, setresuid,
};

use super::whole;
use crate::decide::account::{Account, AccountSource, Alias};
use crate::print::escape::Escaped;
use crate::system::opened::Opened;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
const GETENT: &str = "/usr/bin/getent";

/// Why there is no account.
#[derive(Debug)]
pub enum AccountError {
    /// No source knows it.
    Unknown(AccountKey),
    /// A source could not be asked.
    Unreadable(&'static str, io::Error),
    /// The name service was asked and failed, with this exit status.
    NoAnswer(Option<i32>),
    /// The entry has no absolute home directory.
    Home(String),
    /// The entry, or another one of its uid, has a name or a home that is not
    /// UTF-8: another one would be taken for it.
    Encoding(String),
}

impl std::fmt::Display for AccountError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(AccountKey::Uid(uid)) => write!(f, "no account has the uid {uid}"),
            Self::Unknown(AccountKey::Name(name)) => {
                write!(f, "no account is called '{}'", Escaped::text(name))
            }
            Self::Unreadable(source, error) => write!(f, "cannot read {source}: {error}"),
            Self::NoAnswer(status) => {
                let status = status.map_or("killed".to_owned(), |code| format!("status {code}"));
                write!(
                    f,
                    "the name service does not answer: {GETENT} ended with {status}"
                )
            }
            Self::Home(name) => {
                let name = Escaped::text(name);
                write!(f, "the account '{name}' has no absolute home directory")
            }
            Self::Encoding(name) => {
                let name = Escaped::text(name);
                write!(
                    f,
                    "the name or the home of the account '{name}' is not UTF-8"
                )
            }
        }
    }
}

/// What an account is looked up by.
#[derive(Clone, Debug)]
pub enum AccountKey {
    /// The uid: a session.
    Uid(u32),
    /// The login name: an administrator's call.
    Name(String),
}

/// Looks an account up; its groups and those of its aliases only if they are
/// asked for. The files are kept open, since the server reads them as well.
///
/// # Errors
///
/// If there is none, or it is no use.
pub fn lookup(
    key: &AccountKey,
    with_groups: bool,
    opened: &Opened,
) -> Result<Account, AccountError> {
    let passwd = read(PASSWD, opened)?;
    let mut account = match find(&passwd, key, AccountSource::Passwd) {
        Some(account) => account,
        None => ask_getent(key, &passwd)?,
    };
    let aliases = account.aliases.iter();
    let aliases = aliases.map(|alias| (&alias.name, &alias.home));
    let mut entries = std::iter::once((&account.name, &account.home)).chain(aliases);
    if let Some((name, _)) = entries.find(|(name, home)| is_replaced(name, home)) {
        return Err(AccountError::Encoding(name.clone()));
    }
    if !account.home.is_absolute() {
        return Err(AccountError::Home(account.name));
    }
    if with_groups {
        let file = read(GROUP, opened)?;
        account.groups = groups(&file, &account.name, account.gid, account.source)?;
        for alias in &mut account.aliases {
            alias.groups = groups(&file, &alias.name, alias.gid, account.source)?;
        }
    }
    Ok(account)
}

fn read(path: &'static str, opened: &Opened) -> Result<String, AccountError> {
    let failed = |error| AccountError::Unreadable(path, error);
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let file = openat(AT_FDCWD, path, flags, Mode::empty());
    let file = File::from(file.map_err(|error| failed(error.into()))?);
    let size = file.metadata().map_err(failed)?.len();
    let bytes = whole::read(&file, size, u64::MAX).map_err(failed)?;
    opened.keep(Path::new(path), file.into(), None);
    // Text is taken as it is; only bytes that are none cost a copy.
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Whether bytes of an entry were no UTF-8, for which U+FFFD then stands.
#[must_use]
pub fn is_replaced(name: &str, home: &Path) -> bool {
    let mark = |text: &str| text.contains(char::REPLACEMENT_CHARACTER);
    mark(name) || home.to_str().is_none_or(mark)
}

/// Finds the entry in text of the form of passwd(5). For a uid the first
/// entry counts, as for getpwuid(3); the others are its aliases.
fn find(passwd: &str, key: &AccountKey, source: AccountSource) -> Option<Account> {
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

struct Entry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

fn entries(passwd: &str) -> impl Iterator<Item = Entry<'_>> {
    Lines(passwd).filter_map(|mut line| {
        let name = line.field()?;
        let _password = line.field()?;
        let uid = line.field()?;
        let gid = line.field()?;
        let _comment = line.field()?;
        let home = line.field().unwrap_or(line.0);
        // Lines of nis-compat ("+::::::") name no account.
        let named = !name.is_empty() && !name.starts_with(['+', '-', '#']);
        named.then_some(Entry {
            name,
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home,
        })
    })
}

/// Text by its lines. Lines and fields are short, and a host can have thousands
/// of them: plain loops beat `lines` and `split`, whose search is made for long
/// texts.
struct Lines<'a>(&'a str);

/// What is left of a line.
struct Line<'a>(&'a str);

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let (line, rest) = cut(self.0, b'\n').unwrap_or((self.0, ""));
        self.0 = rest;
        Some(Line(line.strip_suffix('\r').unwrap_or(line)))
    }
}

impl<'a> Line<'a> {
    /// The field before the next colon, which is taken off; `None` if there is
    /// no colon.
    fn field(&mut self) -> Option<&'a str> {
        let (field, rest) = cut(self.0, b':')?;
        self.0 = rest;
        Some(field)
    }
}

/// What is before the first such byte, and what is behind it.
fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() && bytes[end] != at {
        end += 1;
    }
    (end < bytes.len()).then(|| (&text[..end], &text[end + 1..]))
}

fn ask_getent(key: &AccountKey, passwd: &str) -> Result<Account, AccountError> {
    let wanted = match key {
        AccountKey::Uid(uid) => uid.to_string(),
        AccountKey::Name(name) => name.clone(),
    };
    let mut known = getent(&["passwd", "--", &wanted])?;
    let found = find(&known, key, AccountSource::NameService);
    let found = found.ok_or_else(|| AccountError::Unknown(key.clone()))?;
    // A session of this account is looked up by its uid, which may be that of
    // another entry.
    if let AccountKey::Name(_) = key {
        known.push('\n');
        known.push_str(passwd);
        known.push('\n');
        known.push_str(&getent(&["passwd", "--", &found.uid.to_string()])?);
    }
    find(&known, key, AccountSource::NameService).ok_or_else(|| AccountError::Unknown(key.clone()))
}

/// The names of an entry's groups: of its primary one and of those that list
/// it as a member.
fn groups(
    file: &str,
    name: &str,
    gid: u32,
    source: AccountSource,
) -> Result<Vec<String>, AccountError> {
    let mut names = group_names(file, name, gid);
    if source == AccountSource::NameService {
        // "NAME GID GID…", then the name of each.
        let answer = getent(&["initgroups", "--", name])?;
        for gid in answer.split_whitespace().skip(1) {
            let entry = getent(&["group", "--", gid])?;
            names.extend(entry.split(':').next().map(str::to_owned));
        }
        let entry = getent(&["group", "--", &gid.to_string()])?;
        names.extend(entry.split(':').next().map(str::to_owned));
    }
    Ok(names)
}

fn group_names(group: &str, name: &str, gid: u32) -> Vec<String> {
    let own = group_entries(group).filter(|entry| entry.gid == gid || entry.has(name));
    own.map(|entry| entry.name.to_owned()).collect()
}

struct GroupEntry<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

impl GroupEntry<'_> {
    fn has(&self, name: &str) -> bool {
        !self.members.is_empty() && self.members.split(',').any(|member| member == name)
    }
}

/// The entries of text of the form of group(5).
fn group_entries(group: &str) -> impl Iterator<Item = GroupEntry<'_>> {
    Lines(group).filter_map(|mut line| {
        let name = line.field()?;
        let _password = line.field()?;
        let gid = line.field()?;
        let members = line.field().unwrap_or(line.0);
        Some(GroupEntry {
            name,
            gid: gid.parse().ok()?,
            members,
        })
    })
}

/// Asks the name service; an empty answer where it knows nothing. A name
/// service that fails may have known something: a group, and with it a rule.
fn getent(arguments: &[&str]) -> Result<String, AccountError> {
    /// "One or more supplied keys could not be found" (getent(1)).
    const NOT_FOUND: i32 = 2;
    match Path::new(GETENT).try_exists() {
        Ok(true) => {}
        Ok(false) => return Ok(String::new()),
        Err(error) => return Err(AccountError::Unreadable(GETENT, error)),
    }
    let output = Command::new(GETENT)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let output = output.map_err(|error| AccountError::Unreadable(GETENT, error))?;
    match output.status.code() {
        Some(0) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Some(NOT_FOUND) => Ok(String::new()),
        status => Err(AccountError::NoAnswer(status)),
    }
}

/// Takes on the ids of an account, for good: the process must be root's. The
/// supplementary groups are those of the group file.
///
/// # Errors
///
/// Those of setgroups(2), setresgid(2) and setresuid(2).
pub fn irrevocably_become(account: &Account) -> io::Result<()> {
    let group = fs::read(GROUP)?;
    let gids = group_ids(&String::from_utf8_lossy(&group), account);
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    setgroups(&gids)?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    // A change of ids makes a process undumpable (prctl(2)), which execve(2)
    // by sshd undoes for a session; a guard could not read its server else.
    prctl::set_dumpable(true)?;
    Ok(())
}

/// Looks at the disk with the rights of an account, and takes root's back. Of
/// no use against the account: for that see [`irrevocably_become`]. Where this
/// process is not root's, it looks with its own rights.
///
/// # Errors
///
/// Those of setgroups(2), setegid(2) and seteuid(2).
pub fn temporarily_become<T>(account: &Account, look: impl FnOnce() -> T) -> io::Result<T> {
    let (uid, gid) = (geteuid(), getegid());
    if !uid.is_root() {
        return Ok(look());
    }
    let group = fs::read(GROUP)?;
    let own = getgroups()?;
    setgroups(&group_ids(&String::from_utf8_lossy(&group), account))?;
    let seen = setegid(Gid::from_raw(account.gid))
        .and_then(|()| seteuid(Uid::from_raw(account.uid)))
        .map(|()| look());
    seteuid(uid)?;
    setegid(gid)?;
    setgroups(&own)?;
    Ok(seen?)
}

fn group_ids(group: &str, account: &Account) -> Vec<Gid> {
    let members = group_entries(group).filter(|entry| entry.has(&account.name));
    members.map(|entry| Gid::from_raw(entry.gid)).collect()
}

#[cfg(test)]
mod tests {
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
    fn groups_are_the_primary_one_and_those_with_the_member() {
        let account = by_uid(1000).unwrap();
        let group = "alice:x:1000:\nsftp:x:200:bob,alice\nstaff:x:50:alicex\n";
        assert_eq!(
            group_names(group, &account.name, account.gid),
            ["alice", "sftp"]
        );
    }
}
