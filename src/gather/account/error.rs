//! Why an account could not be looked up.

use std::io;

use super::AccountKey;
use super::getent::{GETENT, PATIENCE};
use super::nsswitch::{Daemon, NSSWITCH, Nsswitch};
use crate::print::escape::Escaped;

/// Why there is no account.
#[derive(Debug)]
pub enum AccountError {
    /// No source knows it.
    Unknown(AccountKey),
    /// A source could not be asked.
    Unreadable(&'static str, io::Error),
    /// The name service was asked and failed, with this exit status.
    NoAnswer(Option<i32>),
    /// It was asked this and did not answer in time.
    Silent(String),
    /// A source knows nothing, since its daemon does not run.
    Dead(&'static Daemon),
    /// The account is in this group, which has no name: a rule for the group
    /// could be missed.
    Nameless(String, u32),
    /// No source knows this group, for which the policy has a block, and the
    /// server of one of them may be away: the block could be missed.
    UnknownGroup(String),
    /// The source that knew the account does not know it any more.
    Changed(String),
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
            Self::Silent(question) => {
                let question = Escaped::text(question);
                let seconds = PATIENCE.as_secs();
                write!(
                    f,
                    "the name service does not answer: '{GETENT} {question}' had {seconds} seconds, together with the questions before it"
                )?;
                match Nsswitch::read() {
                    Ok(nsswitch) => {
                        let sources = nsswitch.sources("passwd").join(" ");
                        write!(f, " ({NSSWITCH}: {})", Escaped::text(&sources))
                    }
                    Err(_) => Ok(()),
                }
            }
            Self::Dead(Daemon { source, socket, .. }) => write!(
                f,
                "the source '{source}' of {NSSWITCH} does not answer: nothing listens at {socket}"
            ),
            Self::Nameless(name, gid) => {
                let name = Escaped::text(name);
                write!(
                    f,
                    "'{name}' is in the group {gid}, for which the name service has no name, and the policy has blocks for groups"
                )
            }
            Self::UnknownGroup(name) => {
                let name = Escaped::text(name);
                write!(
                    f,
                    "the policy has a block for the group '{name}', which no source of {NSSWITCH} knows: the server of one may be away"
                )
            }
            Self::Changed(name) => {
                let name = Escaped::text(name);
                write!(
                    f,
                    "the name service answered for '{name}' and then no longer, or otherwise"
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

impl AccountError {
    /// What the administrator can do about it, if that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Dead(Daemon { unit, .. }) => Some(format!(
                "start its daemon: systemctl restart {unit}; 'systemctl status {unit}' says why it ended"
            )),
            Self::Silent(question) => Some(format!(
                "restart the daemon that hangs or is slow; 'getent {}' then answers at once",
                Escaped::text(question)
            )),
            Self::Nameless(_, gid) => Some(format!(
                "see that 'getent group {gid}' answers: the source is not reached, or the group needs a name there"
            )),
            Self::UnknownGroup(name) => Some(format!(
                "see that 'getent group' knows '{}'; if there is no such group any more, take it out of the policy",
                Escaped::text(name)
            )),
            Self::Unknown(key) => {
                let nsswitch = Nsswitch::read().ok()?;
                let remote = nsswitch.remote_for_accounts().join(" ");
                let wanted = match key {
                    AccountKey::Uid(uid) => uid.to_string(),
                    AccountKey::Name(name) => name.clone(),
                };
                (!remote.is_empty()).then(|| {
                    format!(
                        "see that 'getent passwd' knows '{}': a source that is away ({NSSWITCH}: {}) says that there is no such account",
                        Escaped::text(&wanted),
                        Escaped::text(&remote)
                    )
                })
            }
            _ => None,
        }
    }
}
