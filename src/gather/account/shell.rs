//! The login shell of an account: sshd runs every command through it.

use std::path::{Path, PathBuf};

use super::{AccountError, AccountKey, PASSWD, getent, passwd, read};
use crate::system::opened::Opened;

/// The login shell of an account.
///
/// # Errors
///
/// If there is no such account, or a source cannot be asked.
pub fn login_shell(key: &AccountKey) -> Result<PathBuf, AccountError> {
    let file = read(PASSWD, &Opened::default())?;
    if let Some(shell) = shell_in(&file, key) {
        return Ok(shell);
    }
    let wanted = match key {
        AccountKey::Uid(uid) => uid.to_string(),
        AccountKey::Name(name) => name.clone(),
    };
    let answer = getent::getent(&["passwd", "--", &wanted])?;
    shell_in(&answer, key).ok_or_else(|| AccountError::Unknown(key.clone()))
}

/// Of two entries for a name or a uid the first counts, as in getpwnam(3).
fn shell_in(text: &str, key: &AccountKey) -> Option<PathBuf> {
    let mut entries = passwd::entries(text);
    let entry = entries.find(|entry| match key {
        AccountKey::Uid(uid) => entry.uid == *uid,
        AccountKey::Name(name) => entry.name == name,
    })?;
    Some(Path::new(named(entry.shell)).to_owned())
}

/// The shell that the last field of a line means (passwd(5)).
pub const fn named(field: &str) -> &str {
    if field.is_empty() { "/bin/sh" } else { field }
}

/// Whether a login shell is xfersh: by its name, or as the very binary that
/// runs.
pub fn is_xfersh(shell: &Path, own: &Path) -> bool {
    shell.file_name().is_some_and(|name| name == "xfersh")
        || shell.canonicalize().is_ok_and(|resolved| resolved == own)
}
