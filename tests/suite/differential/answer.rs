//! What a server says, in a form that does not depend on the account or on the time of day.

use std::fmt;

use crate::harness::Account;
use crate::harness::sftp::{kind, number, string};

/// Times since the comparison began.
const NOW: u32 = u32::MAX;

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Status(u32, String),
    Handle(Vec<u8>),
    Data(Vec<u8>),
    /// Names with the type and mode of `ls -l`, and attributes.
    Names(Vec<(String, String, Vec<u64>)>),
    Attributes(Vec<u64>),
    /// The answer of an extension, as it is.
    Extended(Vec<u8>),
    /// Not compared: the free space of the file system.
    Space,
    /// No answer at all.
    End,
}

impl Answer {
    pub fn of(packet: Option<&[u8]>, request: &str, account: &Account, start: u32) -> Self {
        let Some((kind, rest)) = packet.and_then(<[u8]>::split_first) else {
            return Self::End;
        };
        let body = rest.get(4..).unwrap_or_default();
        match *kind {
            kind::STATUS => {
                let (code, rest) = number(body);
                Self::Status(code, String::from_utf8_lossy(string(rest).0).into_owned())
            }
            kind::HANDLE => Self::Handle(string(body).0.to_vec()),
            kind::DATA => Self::Data(string(body).0.to_vec()),
            kind::NAME => {
                let (count, mut rest) = number(body);
                let mut names = Vec::new();
                for _ in 0..count {
                    let (name, after) = string(rest);
                    let (long, after) = string(after);
                    let (attributes, after) = attributes(after, account, start);
                    let name = name.escape_ascii().to_string();
                    let long = long.escape_ascii().to_string();
                    names.push((
                        name.replace(&account.name, "NAME"),
                        long.chars()
                            .take(10)
                            .filter(|_| long.contains("rw") || long.contains("---"))
                            .collect(),
                        attributes,
                    ));
                    rest = after;
                }
                // The order in a directory is the file system's.
                names.sort();
                Self::Names(names)
            }
            kind::ATTRS => Self::Attributes(attributes(body, account, start).0),
            _ if request.ends_with("statvfs") => Self::Space,
            _ => {
                let text = body.escape_ascii().to_string();
                Self::Extended(text.replace(&account.name, "NAME").into_bytes())
            }
        }
    }

    /// The same but for when each directory or link was last looked into.
    pub fn without_access_times(&self) -> Self {
        let timeless = |all: &[u64]| {
            let mut all = all.to_vec();
            // All of them are sent, and the mode says what it is.
            if let [15, _, _, _, mode, access, _] = all.as_mut_slice()
                && [0o040_000, 0o120_000].contains(&(*mode & 0o170_000))
            {
                *access = 0;
            }
            all
        };
        match self {
            Self::Attributes(all) => Self::Attributes(timeless(all)),
            Self::Names(names) => Self::Names(
                names
                    .iter()
                    .map(|(name, long, all)| (name.clone(), long.clone(), timeless(all)))
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Status(3, _))
    }

    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Status(2, _))
    }

    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Status(4 | 5, _))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(data) if data.len() > 100 => {
                write!(f, "{} bytes, {}...", data.len(), data[..60].escape_ascii())
            }
            Self::Status(code, text) => write!(f, "{code}, {text}"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Size, user, group, mode, access and modification, as far as they are sent (section 5).
fn attributes<'a>(bytes: &'a [u8], account: &Account, start: u32) -> (Vec<u64>, &'a [u8]) {
    let (flags, mut rest) = number(bytes);
    let mut all = vec![u64::from(flags)];
    let mut next = || {
        let (value, after) = number(rest);
        rest = after;
        value
    };
    if flags & 1 != 0 {
        all.push(u64::from(next()) << 32 | u64::from(next()));
    }
    if flags & 2 != 0 {
        for _ in 0..2 {
            let id = next();
            all.push(u64::from(
                id.checked_sub(account.id).map_or(id, |id| id + 1),
            ));
        }
    }
    if flags & 4 != 0 {
        all.push(u64::from(next()));
    }
    if flags & 8 != 0 {
        for _ in 0..2 {
            let time = next();
            all.push(u64::from(if time >= start { NOW } else { time }));
        }
    }
    (all, rest)
}
