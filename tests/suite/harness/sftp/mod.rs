//! A small SFTP client of protocol version 3 (draft-ietf-secsh-filexfer-02) that sends exactly the request it is told to.
//!
//! Ordinary clients stat, retry and give up on their own; a test of one mutating request needs exactly its status.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

mod wire;

use super::namespace::Namespace;
use super::run::guard_of;
pub use wire::{Attributes, EOF, FAILURE, NO_SUCH_FILE, OK, PERMISSION_DENIED, Reply, UNSUPPORTED};
pub use wire::{Packet, kind, number, string};
use wire::{decode, packets};

const PATIENCE: Duration = Duration::from_secs(30);

/// Flags of SSH_FXP_OPEN (section 6.3).
pub const READ: u32 = 0x01;
pub const WRITE: u32 = 0x02;
pub const APPEND: u32 = 0x04;
pub const CREATE: u32 = 0x08;
pub const TRUNCATE: u32 = 0x10;
pub const EXCLUSIVE: u32 = 0x20;

pub struct Sftp {
    process: Child,
    to: ChildStdin,
    from: Receiver<Vec<u8>>,
    next: u32,
    /// Whether the server answered the first packet.
    pub greeted: bool,
}

impl Sftp {
    #[track_caller]
    pub fn start(namespace: &Namespace, command: &mut Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = namespace
            .spawn(command)
            .expect("cannot start the client side of sftp");
        let to = process.stdin.take().expect("stdin is piped");
        let from = packets(process.stdout.take().expect("stdout is piped"));
        let mut sftp = Self {
            process,
            to,
            from,
            next: 0,
            greeted: false,
        };
        sftp.send(kind::INIT, &3_u32.to_be_bytes());
        let version = sftp.from.recv_timeout(PATIENCE).ok();
        sftp.greeted = version.is_some_and(|packet| packet.first() == Some(&kind::VERSION));
        sftp
    }

    fn send(&mut self, kind: u8, body: &[u8]) {
        let mut packet = Packet::default();
        packet.number(u32::try_from(body.len() + 1).expect("a short packet"));
        packet.0.push(kind);
        packet.0.extend(body);
        // A server that has gone shows as `Reply::End`.
        let _ = self.to.write_all(&packet.0);
    }

    fn ask(&mut self, kind: u8, fill: impl FnOnce(&mut Packet)) -> Reply {
        self.next += 1;
        let mut packet = Packet::default();
        packet.number(self.next);
        fill(&mut packet);
        self.send(kind, &packet.0);
        match self.from.recv_timeout(PATIENCE) {
            Ok(answer) => decode(&answer),
            Err(_) => Reply::End,
        }
    }

    /// Sends these requests, each with its type and what follows its number, in one write, and waits for nothing.
    pub fn send_together(&mut self, requests: &[(u8, Vec<u8>)]) {
        let mut all = Packet::default();
        for (kind, body) in requests {
            self.next += 1;
            all.number(u32::try_from(body.len() + 5).expect("a short packet"));
            all.0.push(*kind);
            all.number(self.next);
            all.0.extend(body);
        }
        // A server that has gone shows when it does not answer.
        let _ = self.to.write_all(&all.0);
    }

    /// The next answer as it came, without its length.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        self.from.recv_timeout(PATIENCE).ok()
    }

    pub fn open(&mut self, path: &str, flags: u32) -> Reply {
        self.open_with(path, flags, Attributes::default())
    }

    pub fn open_with(&mut self, path: &str, flags: u32, attributes: Attributes) -> Reply {
        self.ask(kind::OPEN, |packet| {
            packet.bytes(path.as_bytes());
            packet.number(flags);
            attributes.encode(packet);
        })
    }

    pub fn close(&mut self, handle: &[u8]) -> Reply {
        self.ask(kind::CLOSE, |packet| packet.bytes(handle))
    }

    pub fn read(&mut self, handle: &[u8], offset: u64, count: u32) -> Reply {
        self.ask(kind::READ, |packet| {
            packet.bytes(handle);
            packet.long(offset);
            packet.number(count);
        })
    }

    pub fn write(&mut self, handle: &[u8], offset: u64, data: &[u8]) -> Reply {
        self.ask(kind::WRITE, |packet| {
            packet.bytes(handle);
            packet.long(offset);
            packet.bytes(data);
        })
    }

    pub fn setstat(&mut self, path: &str, attributes: Attributes) -> Reply {
        self.ask(kind::SETSTAT, |packet| {
            packet.bytes(path.as_bytes());
            attributes.encode(packet);
        })
    }

    pub fn fsetstat(&mut self, handle: &[u8], attributes: Attributes) -> Reply {
        self.ask(kind::FSETSTAT, |packet| {
            packet.bytes(handle);
            attributes.encode(packet);
        })
    }

    pub fn lsetstat(&mut self, path: &str, attributes: Attributes) -> Reply {
        self.ask(kind::EXTENDED, |packet| {
            packet.bytes(b"lsetstat@openssh.com");
            packet.bytes(path.as_bytes());
            attributes.encode(packet);
        })
    }

    pub fn remove(&mut self, path: &str) -> Reply {
        self.ask(kind::REMOVE, |packet| packet.bytes(path.as_bytes()))
    }

    pub fn mkdir(&mut self, path: &str) -> Reply {
        self.ask(kind::MKDIR, |packet| {
            packet.bytes(path.as_bytes());
            Attributes::mode(0o755).encode(packet);
        })
    }

    pub fn rmdir(&mut self, path: &str) -> Reply {
        self.ask(kind::RMDIR, |packet| packet.bytes(path.as_bytes()))
    }

    pub fn stat(&mut self, path: &str) -> Reply {
        self.ask(kind::STAT, |packet| packet.bytes(path.as_bytes()))
    }

    pub fn lstat(&mut self, path: &str) -> Reply {
        self.ask(kind::LSTAT, |packet| packet.bytes(path.as_bytes()))
    }

    pub fn fstat(&mut self, handle: &[u8]) -> Reply {
        self.ask(kind::FSTAT, |packet| packet.bytes(handle))
    }

    pub fn realpath(&mut self, path: &str) -> Reply {
        self.ask(kind::REALPATH, |packet| packet.bytes(path.as_bytes()))
    }

    pub fn readlink(&mut self, path: &str) -> Reply {
        self.ask(kind::READLINK, |packet| packet.bytes(path.as_bytes()))
    }

    pub fn rename(&mut self, old: &str, new: &str) -> Reply {
        self.ask(kind::RENAME, |packet| {
            packet.bytes(old.as_bytes());
            packet.bytes(new.as_bytes());
        })
    }

    /// OpenSSH sends and expects the target first, against the draft.
    pub fn symlink(&mut self, target: &str, link: &str) -> Reply {
        self.ask(kind::SYMLINK, |packet| {
            packet.bytes(target.as_bytes());
            packet.bytes(link.as_bytes());
        })
    }

    pub fn posix_rename(&mut self, old: &str, new: &str) -> Reply {
        self.extended(
            b"posix-rename@openssh.com",
            &[old.as_bytes(), new.as_bytes()],
        )
    }

    pub fn hardlink(&mut self, old: &str, new: &str) -> Reply {
        self.extended(b"hardlink@openssh.com", &[old.as_bytes(), new.as_bytes()])
    }

    pub fn fsync(&mut self, handle: &[u8]) -> Reply {
        self.extended(b"fsync@openssh.com", &[handle])
    }

    /// An extended request whose arguments are all strings.
    pub fn extended(&mut self, name: &[u8], arguments: &[&[u8]]) -> Reply {
        self.ask(kind::EXTENDED, |packet| {
            packet.bytes(name);
            arguments.iter().for_each(|argument| packet.bytes(argument));
        })
    }

    /// copy-data of a whole file (PROTOCOL of OpenSSH, 4.10), without waiting for an answer.
    pub fn send_copy_data(&mut self, from: &[u8], to: &[u8], at: u64) {
        self.next += 1;
        let mut packet = Packet::default();
        packet.number(self.next);
        packet.bytes(b"copy-data");
        packet.bytes(from);
        packet.long(0);
        packet.long(0);
        packet.bytes(to);
        packet.long(at);
        self.send(kind::EXTENDED, &packet.0);
    }

    pub fn opendir(&mut self, path: &str) -> Reply {
        self.ask(kind::OPENDIR, |packet| packet.bytes(path.as_bytes()))
    }

    pub fn readdir(&mut self, handle: &[u8]) -> Reply {
        self.ask(kind::READDIR, |packet| packet.bytes(handle))
    }

    /// The whole file, or the reply that ended the attempt.
    pub fn get(&mut self, path: &str) -> Result<Vec<u8>, Reply> {
        let handle = self.handle(|sftp| sftp.open(path, READ))?;
        let mut content = Vec::new();
        loop {
            match self.read(&handle, content.len() as u64, 32768) {
                Reply::Data(data) => content.extend(data),
                Reply::Status(EOF, _) => break,
                other => return Err(other),
            }
        }
        self.close(&handle);
        Ok(content)
    }

    /// Creates or replaces a file; the reply is the first failure or the success of the write.
    pub fn put(&mut self, path: &str, content: &[u8]) -> Reply {
        match self.handle(|sftp| sftp.open(path, WRITE | CREATE | TRUNCATE)) {
            Ok(handle) => {
                let reply = self.write(&handle, 0, content);
                self.close(&handle);
                reply
            }
            Err(reply) => reply,
        }
    }

    /// The names in a directory, or the reply that ended the attempt.
    pub fn list(&mut self, path: &str) -> Result<Vec<Vec<u8>>, Reply> {
        let handle = self.handle(|sftp| sftp.opendir(path))?;
        let mut all = Vec::new();
        loop {
            match self.readdir(&handle) {
                Reply::Names(names) => all.extend(names),
                Reply::Status(EOF, _) => break,
                other => return Err(other),
            }
        }
        self.close(&handle);
        Ok(all)
    }

    /// The handle that a request opened.
    pub fn handle(&mut self, request: impl FnOnce(&mut Self) -> Reply) -> Result<Vec<u8>, Reply> {
        match request(self) {
            Reply::Handle(handle) => Ok(handle),
            other => Err(other),
        }
    }

    /// The process id of the local end, as seen from outside the namespace.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// The process id of the guard of a session that was started without sshd.
    #[track_caller]
    pub fn guard(&self) -> u32 {
        guard_of(self.process())
    }

    /// Gives up the conversation but not the session: its process is left.
    pub fn into_process(self) -> Child {
        // Standard input stays open in the process, so that it does not end because of that.
        let Self {
            mut process, to, ..
        } = self;
        process.stdin = Some(to);
        process
    }

    /// Closes the connection and returns the exit status of the session.
    pub fn end(self) -> i32 {
        let Self {
            mut process,
            to,
            from,
            ..
        } = self;
        drop(to);
        drop(from);
        process
            .wait()
            .ok()
            .and_then(|status| status.code())
            .unwrap_or(-1)
    }
}
