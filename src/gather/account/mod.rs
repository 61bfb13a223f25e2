//! The account of a uid.
//!
//! A statically linked program has no dependable name service switch, so the
//! files are read first, and only for an account that is not there `getent` is
//! asked, by an absolute path and with an empty environment: LDAP, SSSD and
//! systemd-userdb accounts work, and local ones cost no process.

mod getent;
pub mod group;
mod ids;
pub mod passwd;
pub mod shell;

use std::fs::File;
use std::io;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;

use super::whole;
use crate::decide::account::{Account, AccountSource};
use crate::print::escape::Escaped;
use crate::system::opened::Opened;
use getent::{GETENT, getent};
use passwd::find;

pub use ids::{irrevocably_become, temporarily_become};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

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
                write!(f, "no account is named '{}'", Escaped::text(name))
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

/// Looks an account up, without its groups. The files are kept open, since the
/// server reads them as well.
///
/// # Errors
///
/// If there is none, or it is no use.
pub fn lookup(key: &AccountKey, opened: &Opened) -> Result<Account, AccountError> {
    let passwd = read(PASSWD, opened)?;
    let account = match find(&passwd, key, AccountSource::Passwd) {
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
    Ok(account)
}

/// Looks up the groups of an account and of its aliases.
///
/// # Errors
///
/// If a source cannot be asked.
pub fn add_groups(account: &mut Account, opened: &Opened) -> Result<(), AccountError> {
    let file = read(GROUP, opened)?;
    account.groups = groups(&file, &account.name, account.gid, account.source)?;
    for alias in &mut account.aliases {
        alias.groups = groups(&file, &alias.name, alias.gid, account.source)?;
    }
    Ok(())
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
fn is_replaced(name: &str, home: &Path) -> bool {
    let mark = |text: &str| text.contains(char::REPLACEMENT_CHARACTER);
    mark(name) || home.to_str().is_none_or(mark)
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
    let own = group::of(file, name, gid);
    let mut names: Vec<String> = own.map(|entry| entry.name.to_owned()).collect();
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

/// Everything that is known of accounts, in the form of passwd(5): the file,
/// then what the name service lists, then what it says of these names. A name
/// service that does not list its accounts hides them.
///
/// # Errors
///
/// Those of reading the file and of asking the name service.
pub fn passwd_text(names: &[&str]) -> Result<String, AccountError> {
    text(PASSWD, "passwd", names)
}

/// The same for groups, in the form of group(5).
///
/// # Errors
///
/// Those of [`passwd_text`].
pub fn group_text(names: &[&str]) -> Result<String, AccountError> {
    text(GROUP, "group", names)
}

fn text(file: &'static str, database: &str, keys: &[&str]) -> Result<String, AccountError> {
    let mut text = read(file, &Opened::default())?;
    text.push('\n');
    text.push_str(&getent(&[database])?);
    for key in keys {
        text.push('\n');
        text.push_str(&getent(&[database, "--", key])?);
    }
    Ok(text)
}
