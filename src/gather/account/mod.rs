//! The account of a uid.
//!
//! A statically linked program has no dependable name service switch, so the
//! files are read first, and only for an account that is not there `getent` is
//! asked, by an absolute path and with an empty environment: LDAP, SSSD and
//! systemd-userdb accounts work, and local ones cost no process.

mod error;
mod getent;
pub mod group;
mod groups;
mod ids;
pub mod nsswitch;
pub mod passwd;
pub mod shell;

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;

use super::whole;
use crate::decide::account::{Account, AccountSource};
use crate::system::opened::Opened;
use getent::getent;
use nsswitch::{NSSWITCH, Nsswitch};
use passwd::find;

pub use error::AccountError;
pub use groups::add_groups;
pub use ids::{irrevocably_become, temporarily_become};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

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
    let key = &match key {
        AccountKey::Uid(uid) => AccountKey::Uid(*uid),
        AccountKey::Name(name) => AccountKey::Name(canonical(&known, name)),
    };
    let Some(found) = find(&known, key, AccountSource::NameService) else {
        return Err(unknown(key));
    };
    // A session of this account is looked up by its uid, which may be that of
    // another entry.
    if let AccountKey::Name(_) = key {
        known.push('\n');
        known.push_str(passwd);
        known.push('\n');
        known.push_str(&getent(&["passwd", "--", &found.uid.to_string()])?);
    }
    find(&known, key, AccountSource::NameService).ok_or_else(|| unknown(key))
}

/// The name by which a source answers: some take "Alice" for "alice", or
/// "alice@example.org" for "EXAMPLE\\alice". Digits are a uid to getent(1).
fn canonical(known: &str, name: &str) -> String {
    let mut entries = passwd::entries(known);
    let first = entries.next().filter(|_| entries.next().is_none());
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    match first {
        Some(entry) if !is_number => entry.name.to_owned(),
        _ => name.to_owned(),
    }
}

/// No source knows the account; but one that does not run knows none.
fn unknown(key: &AccountKey) -> AccountError {
    match nsswitch(&Opened::default()) {
        Ok(nsswitch) => nsswitch
            .dead_for_accounts()
            .map_or_else(|| AccountError::Unknown(key.clone()), AccountError::Dead),
        Err(error) => error,
    }
}

/// The sources; the file is kept open, since the server reads it as well.
fn nsswitch(opened: &Opened) -> Result<Nsswitch, AccountError> {
    match read(NSSWITCH, opened) {
        Err(AccountError::Unreadable(_, error)) if error.kind() == ErrorKind::NotFound => {
            Ok(Nsswitch::default())
        }
        text => Ok(Nsswitch::parse(&text?)),
    }
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
