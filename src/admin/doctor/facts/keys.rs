//! The keys that let somebody in as an account, as sshd reads them.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;

use super::sshd::KeyFile;
use crate::decide::account::Account;
use crate::gather::account::temporarily_become;
use crate::gather::trust::PathEntry;
use crate::gather::walk::{WalkEnd, is_absent, walk};

/// One file of sshd's AuthorizedKeysFile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Where sshd is told to look.
    pub path: PathBuf,
    /// Whose the file is.
    pub owner: Option<u32>,
    /// What it finds.
    pub content: KeysContent,
}

/// What is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysContent {
    /// There is no such file.
    Absent,
    /// sshd, which reads with the rights of the account, cannot: the entry that
    /// stops it, and why.
    Unreadable(PathEntry, String),
    /// Its keys.
    Keys(Vec<AuthorizedKey>),
}

/// One line with a key (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedKey {
    /// The line, counted from 1.
    pub line: usize,
    /// Its options, as they are written.
    pub options: Vec<String>,
}

impl AuthorizedKey {
    /// The value of an option that has one, without its quotes.
    pub fn value(&self, name: &str) -> Option<String> {
        let mut values = self.options.iter().filter_map(|option| {
            let (own, value) = option.split_once('=')?;
            own.eq_ignore_ascii_case(name).then_some(value)
        });
        let value = values.next()?;
        let inner = value.strip_prefix('"').unwrap_or(value);
        let inner = inner.strip_suffix('"').unwrap_or(inner);
        Some(inner.replace("\\\"", "\""))
    }

    /// Whether something is off for this key: by `no-…`, or by `restrict`
    /// without the option that allows it again.
    pub fn forbids(&self, what: &str) -> bool {
        let has = |name: &str| {
            let mut own = self.options.iter();
            own.any(|option| option.eq_ignore_ascii_case(name))
        };
        has(&format!("no-{what}")) || (has("restrict") && !has(what))
    }
}

/// Reads key files as sshd does, with the rights of the account.
///
/// # Errors
///
/// Those of taking on the ids of the account.
pub fn gather(files: &[KeyFile], account: &Account) -> io::Result<Vec<Keys>> {
    let paths: Vec<_> = files.iter().map(|file| file.path.clone()).collect();
    gather_paths(&paths, account)
}

/// The same, for files that are named otherwise.
///
/// # Errors
///
/// The same.
pub fn gather_paths(paths: &[PathBuf], account: &Account) -> io::Result<Vec<Keys>> {
    temporarily_become(account, || {
        let read = |path: &PathBuf| Keys {
            path: path.clone(),
            owner: path.metadata().ok().map(|facts| facts.uid()),
            content: read(path),
        };
        paths.iter().map(read).collect()
    })
}

/// As sshd opens it (auth.c, auth_openfile): a FIFO or a device does not hold
/// it up, and is no key file. No more is read than keys can sensibly take.
fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(Errno::EINVAL.into());
    }
    let mut bytes = Vec::new();
    file.take(KEYS_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Ten thousand keys, in bytes.
const KEYS_MAX: u64 = 8 << 20;

fn read(path: &Path) -> KeysContent {
    match bytes_of(path) {
        Ok(bytes) => KeysContent::Keys(parse(&String::from_utf8_lossy(&bytes))),
        Err(error) if is_absent(&error) => KeysContent::Absent,
        Err(error) => {
            let at = match walk(path, |_, _| Ok(true)) {
                WalkEnd::Failed(at, _) => at.parent().map(Path::to_owned),
                _ => None,
            };
            match PathEntry::of(at.as_deref().unwrap_or(path)) {
                Ok(entry) => KeysContent::Unreadable(entry, error.to_string()),
                Err(_) => KeysContent::Absent,
            }
        }
    }
}

/// The keys in the text of a file.
pub fn parse(text: &str) -> Vec<AuthorizedKey> {
    let lines = text.lines().enumerate();
    let keys = lines.filter_map(|(index, line)| {
        let line = line.trim_start_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let options = if starts_with_key(line) {
            Vec::new()
        } else {
            let (options, rest) = split_options(line);
            if !starts_with_key(rest.trim_start_matches([' ', '\t'])) {
                return None;
            }
            options
        };
        Some(AuthorizedKey {
            line: index + 1,
            options,
        })
    });
    keys.collect()
}

/// Whether a line begins with a type of key and the key.
fn starts_with_key(line: &str) -> bool {
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let kind = words.next().unwrap_or_default();
    let is_kind = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-", "webauthn-"]
        .iter()
        .any(|prefix| kind.starts_with(prefix));
    is_kind && words.next().is_some_and(|key| key.starts_with("AAAA"))
}

/// Options end at the first blank outside of quotes; a quote in quotes has a
/// backslash.
fn split_options(line: &str) -> (Vec<String>, &str) {
    let (mut options, mut current) = (Vec::new(), String::new());
    let (mut quoted, mut escaped) = (false, false);
    let mut end = line.len();
    for (at, c) in line.char_indices() {
        match c {
            ' ' | '\t' if !quoted => {
                end = at;
                break;
            }
            ',' if !quoted => options.push(std::mem::take(&mut current)),
            '"' if !escaped => {
                quoted = !quoted;
                current.push(c);
            }
            c => current.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    options.push(current);
    (options, &line[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_each_line() {
        let text = "# a comment\n\nssh-ed25519 AAAAC3 a b\n\
            restrict,command=\"internal-sftp -R, \\\"x\\\"\",no-pty ssh-rsa AAAAB3 c\n\
            no-PTY ecdsa-sha2-nistp256 AAAAE2\nnothing useful\n  cert-authority ssh-rsa AAAAB3\n";
        let keys = parse(text);
        let seen: Vec<_> = keys
            .iter()
            .map(|key| (key.line, key.options.len()))
            .collect();
        assert_eq!(seen, [(3, 0), (4, 3), (5, 1), (7, 1)]);
        assert_eq!(
            keys[1].value("Command").as_deref(),
            Some("internal-sftp -R, \"x\"")
        );
        assert!(keys[1].forbids("port-forwarding"));
        assert!(keys[2].forbids("pty") && !keys[2].forbids("agent-forwarding"));
        assert_eq!(keys[0].value("command"), None);
    }

    #[test]
    fn what_is_allowed_again_is_not_forbidden() {
        let keys = parse("restrict,pty ssh-ed25519 AAAAC3\n");
        assert!(!keys[0].forbids("pty") && keys[0].forbids("port-forwarding"));
    }
}
