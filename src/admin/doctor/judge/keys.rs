//! Do the keys let somebody in, and does sshd call xfersh for them?

use std::path::Path;

use crate::admin::doctor::facts::keys::{AuthorizedKey, Keys, KeysContent};
use crate::admin::doctor::finding::{Finding, decision, quoted, word};
use crate::admin::doctor::fixes::{Fixes, KEYS};
use crate::admin::doctor::judge::profiles::{self, ProfileInputs};
use crate::decide::account::Account;
use crate::decide::command::ForcedLine;
use crate::decide::trust::{EntryKind, is_of_the_system};
use crate::gather::trust::PathEntry;
use crate::print::escape::Escaped;

/// What is judged.
pub struct KeyInputs<'a> {
    /// Whose keys they are.
    pub account: &'a Account,
    /// Whether xfersh is its shell, or sshd's ForceCommand.
    pub is_confined: bool,
    /// What is in each key file.
    pub keys: &'a [Keys],
    /// Whether there is another way to log in, or one that cannot be examined:
    /// a password, a certificate, AuthorizedKeysCommand.
    pub other_ways: bool,
    /// Whether the home belongs to the account, so that it can create files
    /// there.
    pub owns_home: bool,
    /// Whether add-account keeps keys of it, where this sshd does not look.
    pub has_kept_keys: bool,
    /// The commands that concern sshd.
    pub fixes: &'a Fixes,
    /// Whether forwarding is off in sshd's configuration.
    pub forwarding_is_off: bool,
    /// The date, as in `expiry-time`: `YYYYMMDD`.
    pub today: &'a str,
    /// Why the shell would refuse a command.
    pub refusal: &'a dyn Fn(&str) -> Option<String>,
    /// The profiles of the policy.
    pub profiles: &'a ProfileInputs<'a>,
}

/// Which of them are findings.
pub fn judge(inputs: &KeyInputs<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in inputs.keys {
        match &file.content {
            KeysContent::Absent => {}
            KeysContent::Unreadable(entry, why) => {
                findings.push(unreadable(inputs.account, file, entry, why));
            }
            KeysContent::Keys(keys) => {
                findings.extend(keys.iter().flat_map(|key| judge_key(inputs, file, key)));
                findings.extend(
                    keys.iter()
                        .filter_map(|key| judge_profile(inputs, file, key)),
                );
            }
        }
    }
    let unreadable = |file: &Keys| matches!(file.content, KeysContent::Unreadable(..));
    let is_closed = inputs.keys.iter().any(unreadable);
    if !is_closed && !inputs.other_ways && usable(inputs.keys, inputs.today).next().is_none() {
        findings.push(none(inputs));
    }
    findings
}

/// The keys of all files.
pub fn all(files: &[Keys]) -> impl Iterator<Item = &AuthorizedKey> {
    let lists = files.iter().filter_map(|file| match &file.content {
        KeysContent::Keys(keys) => Some(keys),
        _ => None,
    });
    lists.flatten()
}

/// The keys that have not expired.
pub fn usable<'a>(files: &'a [Keys], today: &'a str) -> impl Iterator<Item = &'a AuthorizedKey> {
    all(files).filter(move |key| !is_expired(key, today))
}

fn is_expired(key: &AuthorizedKey, today: &str) -> bool {
    let ends = key.value("expiry-time");
    ends.is_some_and(|ends| ends.get(..8).is_some_and(|day| day < today))
}

/// The keys for which sshd calls xfersh whatever the client asked for.
pub fn is_forced(key: &AuthorizedKey) -> bool {
    key.value("command")
        .is_some_and(|command| super::sshd::is_forced_xfersh(&command))
}

fn unreadable(account: &Account, file: &Keys, entry: &PathEntry, why: &str) -> Finding {
    let (name, at) = (account.shown(), quoted(&entry.path));
    let right = match entry.status.kind {
        EntryKind::Directory => "x",
        _ => "r",
    };
    let say = format!(
        "sshd reads {} with the rights of {name} and cannot ({}: {}): no key lets anybody in.",
        Escaped::path(&file.path),
        Escaped::path(&entry.path),
        Escaped::text(why)
    );
    let own = word(&account.name);
    let fix = if entry.status.uid == account.uid {
        format!("runuser -u {own} -- chmod u+{right} {at}")
    } else if !is_of_the_system(&entry.path) {
        decision(
            "keep the keys where the account may read them: AuthorizedKeysFile /etc/ssh/xfersh_keys/%u",
        )
    } else {
        format!(
            "setfacl -m u:{own}:{right} {at} # lets {name} read its keys, and changes nothing for others"
        )
    };
    Finding::serious("keys-unreadable", say, fix)
}

fn none(inputs: &KeyInputs<'_>) -> Finding {
    let account = inputs.account;
    let (name, own) = (account.shown(), word(&account.name));
    let places: Vec<_> = inputs
        .keys
        .iter()
        .map(|file| Escaped::path(&file.path).to_string())
        .collect();
    let say = format!(
        "No key lets {name} log in, and there is no other way: sshd looks in {}.",
        if places.is_empty() {
            "no file".to_owned()
        } else {
            places.join(" and ")
        }
    );
    let outside = inputs
        .keys
        .iter()
        .find(|file| !file.path.starts_with(&account.home));
    let fix = match (outside, inputs.keys.first()) {
        // Root's place: the file is created as add-account creates it.
        (Some(file), _) => {
            let path = quoted(&file.path);
            let parent = quoted(file.path.parent().unwrap_or(Path::new("/")));
            let readable = match file.content {
                KeysContent::Absent => format!(" && chmod 0644 {path}"),
                _ => String::new(),
            };
            format!(
                "mkdir -p -m 0755 {parent} && cat KEY.pub >>{path}{readable} # KEY.pub is the public key"
            )
        }
        (None, _) if inputs.has_kept_keys => inputs
            .fixes
            .own_block(&format!("AuthorizedKeysFile {KEYS}/%u")),
        (None, _) if !inputs.owns_home => {
            let block = inputs
                .fixes
                .own_block(&format!("AuthorizedKeysFile {KEYS}/%u"));
            format!(
                "mkdir -p -m 0755 {KEYS} && cat KEY.pub >>{KEYS}/{own} && {block} # KEY.pub is the public key"
            )
        }
        (None, Some(file)) => {
            let path = quoted(&file.path);
            let parent = quoted(file.path.parent().unwrap_or(Path::new("/")));
            format!(
                "runuser -u {own} -- sh -c 'umask 077 && mkdir -p \"$1\" && cat >>\"$2\"' sh {parent} {path} <KEY.pub # KEY.pub is the public key"
            )
        }
        (None, None) => {
            decision("sshd has no AuthorizedKeysFile for this account: see sshd_config(5)")
        }
    };
    Finding::serious("keys-none", say, fix)
}

fn judge_key(inputs: &KeyInputs<'_>, file: &Keys, key: &AuthorizedKey) -> Option<Finding> {
    let account = inputs.account;
    let name = account.shown();
    let place = format!("{}:{}", Escaped::path(&file.path), key.line);
    if is_expired(key, inputs.today) {
        let say = format!("The key at {place} has expired.");
        return Some(Finding::note(
            "key-expired",
            say,
            decision("remove the line, or give it another expiry-time"),
        ));
    }
    if !inputs.is_confined {
        let is_open = !inputs.forwarding_is_off
            && ["port-forwarding", "agent-forwarding", "X11-forwarding"]
                .iter()
                .any(|what| !key.forbids(what));
        if !is_forced(key) || !is_open {
            return None;
        }
        let say = format!(
            "The key at {place} of {name} is confined by xfersh, but may forward: connections of this host are open to it."
        );
        let script = format!("{}s/^[[:space:]]*/restrict,/", key.line);
        return Some(Finding::serious(
            "key-not-restricted",
            say,
            edit(account, file, &script),
        ));
    }
    let command = key.value("command")?;
    if let Some(ForcedLine::Profile(_)) = ForcedLine::read(command.as_bytes()) {
        return None;
    }
    let shown = Escaped::text(&command);
    let say = if super::sshd::is_internal(&command) {
        let say = format!(
            "The key at {place} has command=\"{shown}\": sshd serves {name} itself, xfersh never starts and nothing is confined."
        );
        return Some(Finding::serious(
            "key-internal-sftp",
            say,
            edit(account, file, &without_command(key.line)),
        ));
    } else if let Some(why) = (inputs.refusal)(&command) {
        format!(
            "The key at {place} has command=\"{shown}\", which xfersh refuses to {name}: {why}. Nobody gets a session with this key."
        )
    } else {
        return None;
    };
    Some(Finding::serious(
        "key-command",
        say,
        edit(account, file, &without_command(key.line)),
    ))
}

fn judge_profile(inputs: &KeyInputs<'_>, file: &Keys, key: &AuthorizedKey) -> Option<Finding> {
    if is_expired(key, inputs.today) {
        return None;
    }
    let place = format!("{}:{}", Escaped::path(&file.path), key.line);
    profiles::judge_key(inputs.profiles, &place, &key.value("command")?)
}

/// Removes the option `command` of one line, with its comma.
fn without_command(line: usize) -> String {
    const OPTION: &str = r#"command="([^"\\]|\\.)*""#;
    format!("{line}{{s/{OPTION},//I;t;s/,{OPTION}//I;t;s/^[[:space:]]*{OPTION}[[:space:]]+//I}}")
}

/// Edits a key file: with the rights of the account, or as root where nobody
/// else can put another file there meanwhile.
fn edit(account: &Account, file: &Keys, script: &str) -> String {
    let line = format!("sed -Ei {} {}", word(script), quoted(&file.path));
    if file.owner == Some(account.uid) {
        format!("runuser -u {} -- {line}", word(&account.name))
    } else if is_of_the_system(&file.path) {
        line
    } else {
        let path = Escaped::path(&file.path);
        decision(&format!(
            "edit that line of {path}, which belongs to somebody else"
        ))
    }
}
