//! One client after the other, each with a session that transfers, tries what is forbidden, and ends somehow.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Field;
use super::files::{Files, Known, content};
use crate::harness::sftp::{Attributes, CREATE, EXCLUSIVE, Reply, TRUNCATE, WRITE};
use crate::harness::{Sftp, children, guard_of};
use crate::model::random::Random;

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// The client closed its side.
    Closed,
    /// The client was killed, or closed its side in the middle of an upload.
    Cut,
    FrontKilled,
    GuardKilled,
    ServerKilled,
}

impl Ending {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Cut => "cut off",
            Self::FrontKilled => "front killed",
            Self::GuardKilled => "guard killed",
            Self::ServerKilled => "server killed",
        }
    }
}

/// A session as the log knows it; the client of one through sshd is not known.
pub struct Session {
    pub client: Option<String>,
    pub ending: Ending,
}

pub struct Worker {
    number: usize,
    through_sshd: bool,
    random: Random,
    made: usize,
    pub files: Files,
    pub sessions: Vec<Session>,
    /// Requests that were done, were refused as they must be, and failed for another reason.
    pub done: u64,
    pub refused: u64,
    pub failed: u64,
}

/// The session has ended.
struct Gone;

impl Worker {
    pub fn new(number: usize, through_sshd: bool, random: Random) -> Self {
        Self {
            number,
            through_sshd,
            random,
            made: 0,
            files: Files::default(),
            sessions: Vec::new(),
            done: 0,
            refused: 0,
            failed: 0,
        }
    }

    pub fn work(&mut self, field: &Field) {
        while !field.is_over() {
            let (mut sftp, client) = self.start(field);
            field.enter();
            let ending = self.session(field, &mut sftp);
            let status = sftp.end();
            if ending == Ending::Closed {
                assert_eq!(status, 0, "a session that was closed");
            }
            field.leave(ending);
            self.sessions.push(Session { client, ending });
        }
    }

    fn start(&mut self, field: &Field) -> (Sftp, Option<String>) {
        let host = &field.host;
        if self.through_sshd {
            let sftp = host.raw_sftp(host.alice());
            assert!(sftp.greeted, "no session through sshd");
            return (sftp, None);
        }
        // The log has no port, so each session has an address.
        let client = format!("fd00::{:x}:{:x}", self.number + 1, self.sessions.len() + 1);
        let mut command = host.shell(host.alice());
        command
            .args(["-c", "/usr/lib/openssh/sftp-server"])
            .env("SSH_CLIENT", format!("{client} 40000 22"))
            .env("SSH_CONNECTION", format!("{client} 40000 fd00::1 22"));
        let sftp = Sftp::start(host.namespace(), &mut command);
        assert!(sftp.greeted, "no session");
        (sftp, Some(client))
    }

    fn session(&mut self, field: &Field, sftp: &mut Sftp) -> Ending {
        let ending = self.ending();
        for _ in 0..self.random.below(30) {
            if field.is_over() {
                return Ending::Closed;
            }
            std::thread::sleep(Duration::from_millis(self.random.below(field.pause) as u64));
            let before = self.random.percent(10) && !self.through_sshd;
            if before {
                // A guard that sleeps at the wrong moment holds the lock meanwhile.
                let guard = guard_of(sftp.process());
                send(guard, Signal::SIGSTOP);
                std::thread::sleep(Duration::from_millis(self.random.below(20) as u64));
                send(guard, Signal::SIGCONT);
            }
            if self.step(sftp).is_err() {
                panic!("a session ended by itself");
            }
        }
        match ending {
            Ending::Closed => {}
            Ending::Cut => self.cut(sftp),
            Ending::FrontKilled => send(sftp.process(), Signal::SIGKILL),
            Ending::GuardKilled => send(guard_of(sftp.process()), Signal::SIGKILL),
            Ending::ServerKilled => {
                let server = children(guard_of(sftp.process())).into_iter().min();
                send(server.expect("a guard has a server"), Signal::SIGKILL);
            }
        }
        if ending != Ending::Closed {
            // It may still answer once, or not.
            let _ = self.step(sftp);
        }
        ending
    }

    fn ending(&mut self) -> Ending {
        if self.random.percent(40) {
            return Ending::Closed;
        }
        if self.through_sshd {
            return Ending::Cut;
        }
        let all = [
            Ending::Cut,
            Ending::FrontKilled,
            Ending::GuardKilled,
            Ending::ServerKilled,
        ];
        *self.random.pick(&all)
    }

    /// In the middle of an upload: through sshd the client is killed, else its side is closed (by whoever ends it).
    fn cut(&mut self, sftp: &mut Sftp) {
        let (name, content) = self.next_file();
        if let Ok(handle) = sftp.handle(|sftp| sftp.open(&name, WRITE | CREATE | EXCLUSIVE)) {
            let half = content.len() / 2;
            let written = sftp.write(&handle, 0, &content[..half]).ok();
            let kept = content[..if written { half } else { 0 }].to_vec();
            self.files.set(&name, Known::AtLeast(kept));
        } else {
            self.files.set(&name, Known::Unsure);
        }
        if self.through_sshd {
            send(sftp.process(), Signal::SIGKILL);
        }
    }

    fn next_file(&mut self) -> (String, Vec<u8>) {
        self.made += 1;
        let name = format!("uploads/w{}-{}", self.number, self.made);
        let length = 1 + self.random.below(30_000);
        (name, content(self.number, self.made, length))
    }

    /// One request or a few that belong together.
    fn step(&mut self, sftp: &mut Sftp) -> Result<(), Gone> {
        let whole = self.files.whole();
        // Few files, so that the disk stays small.
        let choice = if whole.len() > 4 {
            4 + self.random.below(6)
        } else {
            self.random.below(10)
        };
        match (choice, whole.is_empty()) {
            (0..=3, _) | (4..=7, true) => self.upload(sftp),
            (4..=5, false) => {
                let (name, _) = self.random.pick(&whole).clone();
                self.replace(sftp, &name)
            }
            (6, false) => {
                let (name, content) = self.random.pick(&whole).clone();
                self.rename(sftp, &name, content)
            }
            (7, false) => {
                let (name, _) = self.random.pick(&whole).clone();
                self.remove(sftp, &name)
            }
            (8, _) => self.beyond_the_limit(sftp),
            _ => self.forbidden(sftp),
        }
    }

    /// Counts an answer: done, or not done. `Gone` if there is none.
    fn count(&mut self, reply: &Reply) -> Result<bool, Gone> {
        if matches!(reply, Reply::End) {
            return Err(Gone);
        }
        if reply.ok() || matches!(reply, Reply::Handle(_)) {
            self.done += 1;
            return Ok(true);
        }
        // The lock was held for too long, for example by a guard that was stopped.
        self.failed += 1;
        Ok(false)
    }

    fn upload(&mut self, sftp: &mut Sftp) -> Result<(), Gone> {
        let (name, content) = self.next_file();
        self.write(sftp, &name, CREATE | EXCLUSIVE, &content)
    }

    fn replace(&mut self, sftp: &mut Sftp, name: &str) -> Result<(), Gone> {
        let (_, content) = self.next_file();
        self.write(sftp, name, TRUNCATE, &content)
    }

    fn write(
        &mut self,
        sftp: &mut Sftp,
        name: &str,
        flags: u32,
        content: &[u8],
    ) -> Result<(), Gone> {
        let was = self.files.known.get(name).cloned().unwrap_or(Known::Absent);
        self.files.set(name, Known::Unsure);
        let reply = sftp.open(name, WRITE | flags);
        if !self.count(&reply)? {
            self.files.set(name, was);
            return Ok(());
        }
        let Reply::Handle(handle) = reply else {
            return Ok(());
        };
        let mut written = 0;
        for piece in content.chunks(8192) {
            self.files
                .set(name, Known::AtLeast(content[..written].to_vec()));
            let reply = sftp.write(&handle, written as u64, piece);
            if self.count(&reply)? {
                written += piece.len();
            }
        }
        assert_eq!(written, content.len(), "{name}: a write failed");
        self.files.set(name, Known::AtLeast(content.to_vec()));
        let reply = sftp.close(&handle);
        assert!(self.count(&reply)?, "{name}: {reply:?}");
        self.files.set(name, Known::Whole(content.to_vec()));
        Ok(())
    }

    fn rename(&mut self, sftp: &mut Sftp, name: &str, content: Vec<u8>) -> Result<(), Gone> {
        let (new, _) = self.next_file();
        self.files.set(name, Known::Unsure);
        self.files.set(&new, Known::Unsure);
        self.files
            .either
            .push((name.to_owned(), new.clone(), content.clone()));
        let reply = sftp.posix_rename(name, &new);
        let done = self.count(&reply)?;
        self.files.either.pop();
        let (gone, there) = if done { (name, &*new) } else { (&*new, name) };
        self.files.set(gone, Known::Absent);
        self.files.set(there, Known::Whole(content));
        Ok(())
    }

    fn remove(&mut self, sftp: &mut Sftp, name: &str) -> Result<(), Gone> {
        let was = self.files.known.insert(name.to_owned(), Known::Unsure);
        let reply = sftp.remove(name);
        let done = self.count(&reply)?;
        let now = if done { Some(Known::Absent) } else { was };
        self.files.set(name, now.unwrap_or(Known::Absent));
        Ok(())
    }

    fn must_fail(&mut self, what: &str, reply: &Reply) -> Result<(), Gone> {
        if matches!(reply, Reply::End) {
            return Err(Gone);
        }
        assert!(
            !reply.ok() && !matches!(reply, Reply::Handle(_)),
            "{what} was done"
        );
        self.refused += 1;
        Ok(())
    }

    /// A byte behind the largest size.
    fn beyond_the_limit(&mut self, sftp: &mut Sftp) -> Result<(), Gone> {
        let (name, _) = self.next_file();
        self.files.set(&name, Known::Unsure);
        let reply = sftp.open(&name, WRITE | CREATE | EXCLUSIVE);
        if !self.count(&reply)? {
            self.files.set(&name, Known::Absent);
            return Ok(());
        }
        let Reply::Handle(handle) = reply else {
            return Ok(());
        };
        let reply = sftp.write(&handle, 1 << 20, b"x");
        self.must_fail("a write beyond the limit", &reply)?;
        let reply = sftp.close(&handle);
        self.count(&reply)?;
        let reply = sftp.remove(&name);
        if self.count(&reply)? {
            self.files.set(&name, Known::Absent);
        }
        Ok(())
    }

    fn forbidden(&mut self, sftp: &mut Sftp) -> Result<(), Gone> {
        let (name, _) = self.next_file();
        let hidden = format!("uploads/.{}", self.number);
        let reply = match self.random.below(8) {
            0 => sftp.mkdir(&hidden),
            1 => sftp.put(&hidden, b"x"),
            2 => sftp.put(".profile", b"x"),
            3 => sftp.setstat(".", Attributes::mode(0o700)),
            4 => sftp.setstat(".", Attributes::times(1, 1)),
            5 => sftp.remove("site/index.html"),
            6 => sftp.put("site/index.html", b"x"),
            _ => sftp.put(&name.replace("uploads/", ""), b"x"),
        };
        self.must_fail("what is forbidden", &reply)
    }
}

fn send(process: u32, signal: Signal) {
    // It may have ended by itself meanwhile.
    let _ = kill(Pid::from_raw(process.cast_signed()), signal);
}
