//! The packets of SFTP version 3: how a request is written and a reply is read.

use std::io::Read;
use std::process::ChildStdout;
use std::sync::mpsc::{Receiver, channel};

/// SSH_FXP_STATUS codes (section 7).
pub const OK: u32 = 0;
pub const EOF: u32 = 1;
pub const NO_SUCH_FILE: u32 = 2;
pub const PERMISSION_DENIED: u32 = 3;
pub const FAILURE: u32 = 4;
pub const UNSUPPORTED: u32 = 8;

/// Packet types (section 3).
pub mod kind {
    pub const INIT: u8 = 1;
    pub const VERSION: u8 = 2;
    pub const OPEN: u8 = 3;
    pub const CLOSE: u8 = 4;
    pub const READ: u8 = 5;
    pub const WRITE: u8 = 6;
    pub const LSTAT: u8 = 7;
    pub const FSTAT: u8 = 8;
    pub const SETSTAT: u8 = 9;
    pub const FSETSTAT: u8 = 10;
    pub const OPENDIR: u8 = 11;
    pub const READDIR: u8 = 12;
    pub const REMOVE: u8 = 13;
    pub const MKDIR: u8 = 14;
    pub const RMDIR: u8 = 15;
    pub const REALPATH: u8 = 16;
    pub const STAT: u8 = 17;
    pub const RENAME: u8 = 18;
    pub const READLINK: u8 = 19;
    pub const SYMLINK: u8 = 20;
    pub const STATUS: u8 = 101;
    pub const HANDLE: u8 = 102;
    pub const DATA: u8 = 103;
    pub const NAME: u8 = 104;
    pub const ATTRS: u8 = 105;
    pub const EXTENDED: u8 = 200;
}

/// The attributes of a request (section 5); only those that are set are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Attributes {
    pub size: Option<u64>,
    pub owner: Option<(u32, u32)>,
    pub mode: Option<u32>,
    pub times: Option<(u32, u32)>,
}

impl Attributes {
    pub fn mode(mode: u32) -> Self {
        Self {
            mode: Some(mode),
            ..Self::default()
        }
    }

    pub fn size(size: u64) -> Self {
        Self {
            size: Some(size),
            ..Self::default()
        }
    }

    pub fn times(access: u32, modified: u32) -> Self {
        Self {
            times: Some((access, modified)),
            ..Self::default()
        }
    }

    pub fn owner(user: u32, group: u32) -> Self {
        Self {
            owner: Some((user, group)),
            ..Self::default()
        }
    }

    pub fn encode(self, packet: &mut Packet) {
        let flag = |set: bool, bit: u32| if set { bit } else { 0 };
        packet.number(
            flag(self.size.is_some(), 1)
                | flag(self.owner.is_some(), 2)
                | flag(self.mode.is_some(), 4)
                | flag(self.times.is_some(), 8),
        );
        if let Some(size) = self.size {
            packet.long(size);
        }
        if let Some((user, group)) = self.owner {
            packet.number(user);
            packet.number(group);
        }
        if let Some(mode) = self.mode {
            packet.number(mode);
        }
        if let Some((access, modified)) = self.times {
            packet.number(access);
            packet.number(modified);
        }
    }
}

/// What the server said.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Status(u32, String),
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<Vec<u8>>),
    Attributes(Vec<u8>),
    Other(u8),
    /// The server is gone.
    End,
}

impl Reply {
    /// The status code; 0 for a reply that is the success of its request.
    pub fn code(&self) -> u32 {
        match self {
            Self::Status(code, _) => *code,
            Self::End => u32::MAX,
            _ => OK,
        }
    }

    pub fn ok(&self) -> bool {
        self.code() == OK
    }
}

#[derive(Default)]
pub struct Packet(pub Vec<u8>);

impl Packet {
    pub fn number(&mut self, value: u32) {
        self.0.extend(value.to_be_bytes());
    }

    pub fn long(&mut self, value: u64) {
        self.0.extend(value.to_be_bytes());
    }

    pub fn bytes(&mut self, value: &[u8]) {
        self.number(u32::try_from(value.len()).expect("a short string"));
        self.0.extend(value);
    }
}

pub fn packets(mut pipe: ChildStdout) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        loop {
            let mut length = [0; 4];
            if pipe.read_exact(&mut length).is_err() {
                return;
            }
            // Text from something that is not an sftp server must not cause a huge allocation.
            let length = u32::from_be_bytes(length) as usize;
            let mut packet = vec![0; length.min(1 << 20)];
            if pipe.read_exact(&mut packet).is_err() || send.send(packet).is_err() {
                return;
            }
        }
    });
    receive
}

pub fn decode(packet: &[u8]) -> Reply {
    let body = packet.get(5..).unwrap_or_default();
    match packet.first() {
        Some(&kind::STATUS) => {
            let (code, rest) = number(body);
            Reply::Status(code, String::from_utf8_lossy(string(rest).0).into_owned())
        }
        Some(&kind::HANDLE) => Reply::Handle(string(body).0.to_vec()),
        Some(&kind::DATA) => Reply::Data(string(body).0.to_vec()),
        Some(&kind::NAME) => {
            let (count, mut rest) = number(body);
            let mut names = Vec::new();
            for _ in 0..count {
                let (name, after) = string(rest);
                let (_long, after) = string(after);
                names.push(name.to_vec());
                rest = after_attributes(after);
            }
            Reply::Names(names)
        }
        Some(&kind::ATTRS) => Reply::Attributes(body.to_vec()),
        Some(other) => Reply::Other(*other),
        None => Reply::End,
    }
}

pub fn number(bytes: &[u8]) -> (u32, &[u8]) {
    bytes
        .split_first_chunk()
        .map_or((0, &[][..]), |(first, rest)| {
            (u32::from_be_bytes(*first), rest)
        })
}

pub fn string(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = number(bytes);
    rest.split_at_checked(length as usize).unwrap_or((&[], &[]))
}

fn after_attributes(bytes: &[u8]) -> &[u8] {
    let (flags, rest) = number(bytes);
    let sizes = [(1, 8), (2, 8), (4, 4), (8, 8)];
    let length = sizes
        .iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, size)| size)
        .sum::<usize>();
    rest.get(length..).unwrap_or_default()
}
