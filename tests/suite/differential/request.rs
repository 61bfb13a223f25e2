//! A request of SFTP version 3 or of OpenSSH's extensions (PROTOCOL of OpenSSH, section 4), as data: it can be sent to
//! two servers, left out, and printed.

use std::collections::BTreeMap;
use std::fmt;

use crate::harness::Account;
use crate::harness::sftp::{Attributes, Packet, kind};

#[derive(Clone, Copy, PartialEq)]
pub enum Field {
    Path,
    /// What a symbolic link is to say.
    Target,
    Handle,
    Attributes,
    Flags,
    Short,
    Long,
    Data,
    Ids,
    User,
}

use Field::{Attributes as Attrs, Data, Flags, Handle, Ids, Long, Path, Short, Target, User};

/// A kind of request: its number, the name of the extension, its fields, and how often it is made.
pub struct Verb {
    pub name: &'static str,
    kind: u8,
    extension: &'static str,
    pub fields: &'static [Field],
    pub weight: usize,
}

const fn plain(name: &'static str, kind: u8, weight: usize, fields: &'static [Field]) -> Verb {
    Verb {
        name,
        kind,
        extension: "",
        fields,
        weight,
    }
}

const fn extended(
    name: &'static str,
    extension: &'static str,
    weight: usize,
    fields: &'static [Field],
) -> Verb {
    Verb {
        name,
        kind: kind::EXTENDED,
        extension,
        fields,
        weight,
    }
}

pub const VERBS: &[Verb] = &[
    plain("open", kind::OPEN, 14, &[Path, Flags, Attrs]),
    plain("close", kind::CLOSE, 4, &[Handle]),
    plain("read", kind::READ, 6, &[Handle, Long, Short]),
    plain("write", kind::WRITE, 9, &[Handle, Long, Data]),
    plain("lstat", kind::LSTAT, 2, &[Path]),
    plain("fstat", kind::FSTAT, 2, &[Handle]),
    plain("setstat", kind::SETSTAT, 8, &[Path, Attrs]),
    plain("fsetstat", kind::FSETSTAT, 6, &[Handle, Attrs]),
    plain("opendir", kind::OPENDIR, 4, &[Path]),
    plain("readdir", kind::READDIR, 5, &[Handle]),
    plain("remove", kind::REMOVE, 6, &[Path]),
    plain("mkdir", kind::MKDIR, 6, &[Path, Attrs]),
    plain("rmdir", kind::RMDIR, 4, &[Path]),
    plain("realpath", kind::REALPATH, 2, &[Path]),
    plain("stat", kind::STAT, 2, &[Path]),
    plain("rename", kind::RENAME, 6, &[Path, Path]),
    plain("readlink", kind::READLINK, 2, &[Path]),
    plain("symlink", kind::SYMLINK, 5, &[Target, Path]),
    extended("posix-rename", "posix-rename@openssh.com", 8, &[Path, Path]),
    extended("hardlink", "hardlink@openssh.com", 6, &[Path, Path]),
    extended("fsync", "fsync@openssh.com", 2, &[Handle]),
    extended("lsetstat", "lsetstat@openssh.com", 4, &[Path, Attrs]),
    extended("statvfs", "statvfs@openssh.com", 1, &[Path]),
    extended("fstatvfs", "fstatvfs@openssh.com", 1, &[Handle]),
    extended("limits", "limits@openssh.com", 1, &[]),
    extended("expand-path", "expand-path@openssh.com", 2, &[Path]),
    extended(
        "copy-data",
        "copy-data",
        3,
        &[Handle, Long, Long, Handle, Long],
    ),
    extended(
        "users-groups-by-id",
        "users-groups-by-id@openssh.com",
        1,
        &[Ids, Ids],
    ),
    extended("home-directory", "home-directory", 1, &[User]),
    extended("no-such", "no-such@openssh.com", 1, &[Path]),
];

#[derive(Clone, PartialEq)]
pub enum Value {
    /// `@` at the beginning stands for the account's home.
    Path(Vec<u8>),
    /// The handle that the step of this number opened.
    Handle(usize),
    Attributes(Attributes),
    Short(u32),
    Long(u64),
    Data(Vec<u8>),
    /// Counted from the account's own, if it is below a thousand.
    Ids(Vec<u32>),
}

#[derive(Clone)]
pub struct Request {
    pub verb: &'static Verb,
    pub values: Vec<Value>,
}

/// One request of a script: which of the two sessions makes it, and whether it is sent together with the one before.
#[derive(Clone)]
pub struct Step {
    pub number: usize,
    pub session: usize,
    pub joined: bool,
    pub request: Request,
}

/// A path as the account writes it.
pub fn path_of(account: &Account, path: &[u8]) -> Vec<u8> {
    match path.strip_prefix(b"@") {
        Some(rest) => [account.home().as_os_str().as_encoded_bytes(), rest].concat(),
        None => path.to_vec(),
    }
}

impl Request {
    pub fn is(&self, names: &[&str]) -> bool {
        names.contains(&self.verb.name)
    }

    pub fn paths(&self) -> impl Iterator<Item = &[u8]> {
        let fields = self.verb.fields.iter().zip(&self.values);
        fields.filter_map(|(field, value)| match value {
            Value::Path(path) if *field == Path => Some(path.as_slice()),
            _ => None,
        })
    }

    pub fn target(&self) -> Option<&[u8]> {
        match (self.verb.fields.first(), self.values.first()) {
            (Some(Target), Some(Value::Path(path))) => Some(path),
            _ => None,
        }
    }

    pub fn attributes(&self) -> Attributes {
        let found = self.values.iter().find_map(|value| match value {
            Value::Attributes(attributes) => Some(*attributes),
            _ => None,
        });
        found.unwrap_or_default()
    }

    pub fn with(&self, changed: Attributes) -> Self {
        let mut request = self.clone();
        for value in &mut request.values {
            if let Value::Attributes(attributes) = value {
                *attributes = changed;
            }
        }
        request
    }

    pub fn handles(&self) -> impl Iterator<Item = usize> {
        self.values.iter().filter_map(|value| match value {
            Value::Handle(number) => Some(*number),
            _ => None,
        })
    }

    pub fn flags(&self) -> u32 {
        match (self.verb.fields.get(1), self.values.get(1)) {
            (Some(Flags), Some(Value::Short(flags))) => *flags,
            _ => 0,
        }
    }

    /// The packet's type and its body without the number of the request.
    pub fn encode(&self, account: &Account, handles: &BTreeMap<usize, Vec<u8>>) -> (u8, Vec<u8>) {
        let mut packet = Packet::default();
        if !self.verb.extension.is_empty() {
            packet.bytes(self.verb.extension.as_bytes());
        }
        for value in &self.values {
            match value {
                Value::Path(path) => packet.bytes(&path_of(account, path)),
                Value::Handle(number) => {
                    packet.bytes(handles.get(number).map_or(&[0, 0, 0, 200][..], |h| h));
                }
                Value::Attributes(attributes) => {
                    let owner = |(user, group)| (own_id(account, user), own_id(account, group));
                    let owner = attributes.owner.map(owner);
                    Attributes {
                        owner,
                        ..*attributes
                    }
                    .encode(&mut packet);
                }
                Value::Short(number) => packet.number(*number),
                Value::Long(number) => packet.long(*number),
                Value::Data(data) => packet.bytes(data),
                Value::Ids(ids) => {
                    let bytes: Vec<u8> = ids
                        .iter()
                        .flat_map(|id| own_id(account, *id).to_be_bytes())
                        .collect();
                    packet.bytes(&bytes);
                }
            }
        }
        (self.verb.kind, packet.0)
    }
}

/// 1 is the account's own id, 501 that of its team; 0 is root's.
fn own_id(account: &Account, number: u32) -> u32 {
    match number {
        0 => 0,
        number => account.id + number - 1,
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verb.name)?;
        for value in &self.values {
            match value {
                Value::Path(path) if path.len() > 120 => write!(
                    f,
                    " \"{}\"... ({} bytes)",
                    path[..60].escape_ascii(),
                    path.len()
                )?,
                Value::Path(path) => write!(f, " \"{}\"", path.escape_ascii())?,
                Value::Handle(number) => write!(f, " handle of {number}")?,
                Value::Attributes(attributes) => write!(f, " {attributes:?}")?,
                Value::Short(number) => write!(f, " {number:#x}")?,
                Value::Long(number) => write!(f, " {number}")?,
                Value::Data(data) => write!(f, " {} bytes", data.len())?,
                Value::Ids(ids) => write!(f, " {ids:?}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = if self.joined {
            " (sent with the one before)"
        } else {
            ""
        };
        write!(
            f,
            "{:>3} session {}: {}{joined}",
            self.number, self.session, self.request
        )
    }
}
