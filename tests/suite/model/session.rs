//! One session of the account and what it is told to do: a server that has been taken over, or an unmodified one with
//! our SFTP client.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::report::Counts;
use super::world::SERVER;
use crate::harness::sftp::{APPEND, Attributes, CREATE, EXCLUSIVE, READ, Reply, TRUNCATE, WRITE};
use crate::harness::{Account, Host, Sftp, Shell};

const LIMIT: Duration = Duration::from_secs(60);
/// Descriptors that operations name.
pub const SLOTS: usize = 8;

/// One call, as the line that `tests/programs/model.c` reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Op(pub Vec<String>);

impl Op {
    pub fn new(line: &str) -> Self {
        Self(line.split_whitespace().map(str::to_owned).collect())
    }

    pub fn call(&self) -> &str {
        &self.0[0]
    }

    pub fn word(&self, at: usize) -> &str {
        &self.0[at]
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// The result of one line of a batch.
#[derive(Clone, Copy, Default)]
pub struct Outcome {
    pub counts: Counts,
}

impl Outcome {
    pub fn well(&self) -> bool {
        self.counts.ok > 0
    }
}

/// The result of a batch: one for each line, and the numbers of the files of the first tree that were read.
pub struct Answer {
    pub outcomes: Vec<Outcome>,
    pub tokens: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// sftp-server as it is.
    Plain,
    /// Taken over, in place of sftp-server.
    Sftp,
    /// Taken over, in place of rsync.
    Rsync,
}

/// What a client holds open, each with the offset of its next write.
type Handles = [Option<(Vec<u8>, u64)>; SLOTS];

enum Server {
    Plain {
        sftp: Box<Sftp>,
        handles: Box<Handles>,
    },
    Taken {
        child: Child,
        to: Option<ChildStdin>,
        from: Receiver<String>,
    },
}

pub struct Session {
    /// The address of the client, which the log names.
    pub client: String,
    server: Server,
}

impl Session {
    /// `None` if xfersh does not start it.
    pub fn start(host: &Host, account: &Account, kind: Kind, number: usize) -> Option<Self> {
        let network = if kind == Kind::Plain { 2 } else { 1 };
        let client = format!("10.{network}.{}.{}", number / 250, number % 250 + 1);
        let mut command = host.shell(account);
        command
            .env("SSH_CLIENT", format!("{client} 40000 22"))
            .env("SSH_CONNECTION", format!("{client} 40000 10.0.0.1 22"));
        let server = match kind {
            _ if account.shell == Shell::Plain => {
                taken(host, command.args(["-c", &format!("exec {SERVER}")]))
            }
            Kind::Plain => {
                command.args(["-c", "/usr/lib/openssh/sftp-server"]);
                let sftp = Sftp::start(host.namespace(), &mut command);
                if !sftp.greeted {
                    sftp.end();
                    return None;
                }
                Server::Plain {
                    sftp: Box::new(sftp),
                    handles: Box::default(),
                }
            }
            Kind::Sftp => taken(host, command.args(["-c", "/usr/lib/openssh/sftp-server"])),
            Kind::Rsync => taken(
                host,
                command.args(["-c", "rsync --server -logDtpre.iLsfxCIvu . ."]),
            ),
        };
        let mut session = Self { client, server };
        session.batch(&[Op::new("sleep 0")], 1).map(|_| session)
    }

    /// The process id of the guard, as seen from outside the host.
    pub fn guard(&self) -> u32 {
        match &self.server {
            Server::Plain { sftp, .. } => sftp.guard(),
            Server::Taken { child, .. } => crate::harness::guard_of(child.id()),
        }
    }

    /// Does all that this many times. `None` if the session has ended.
    pub fn batch(&mut self, ops: &[Op], repeat: usize) -> Option<Answer> {
        match &mut self.server {
            Server::Plain { sftp, handles } => plain(sftp, handles, ops, repeat),
            Server::Taken { to, from, .. } => {
                let mut text = format!("batch {} {repeat}\n", ops.len());
                for op in ops {
                    text += &format!("{op}\n");
                }
                let to = to.as_mut().expect("not ended");
                // One that has ended no longer reads: the missing answer shows that.
                let _ = to.write_all(text.as_bytes());
                answer(from, ops.len())
            }
        }
    }

    /// Ends the input and waits.
    pub fn end(self) {
        match self.server {
            Server::Plain { sftp, .. } => {
                sftp.end();
            }
            Server::Taken { mut child, to, .. } => {
                drop(to);
                let started = Instant::now();
                while child.try_wait().expect("waiting for a session").is_none() {
                    if started.elapsed() > LIMIT {
                        let _ = child.kill();
                        panic!("a session did not end");
                    }
                    std::thread::sleep(Duration::from_micros(300));
                }
            }
        }
    }
}

fn taken(host: &Host, command: &mut std::process::Command) -> Server {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = host.namespace().spawn(command).expect("starting a session");
    let stdout = child.stdout.take().expect("a pipe");
    let to = child.stdin.take();
    let (send, from) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { return };
            if send.send(line).is_err() {
                return;
            }
        }
    });
    Server::Taken { child, to, from }
}

fn answer(from: &Receiver<String>, count: usize) -> Option<Answer> {
    let mut outcomes = vec![Outcome::default(); count];
    let mut tokens = Vec::new();
    loop {
        let line = match from.recv_timeout(LIMIT) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => panic!("a session did not answer within {LIMIT:?}"),
        };
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["end"] => return Some(Answer { outcomes, tokens }),
            ["read", token] => tokens.push(token.parse().expect("a number")),
            [at, ok, denied, failed, _errno, _value] => {
                let number = |word: &str| word.parse::<u64>().expect("a number");
                let at = usize::try_from(number(at)).expect("an index");
                outcomes[at] = Outcome {
                    counts: Counts {
                        ok: number(ok),
                        denied: number(denied),
                        failed: number(failed),
                    },
                };
            }
            _ => panic!("an unknown answer: {line}"),
        }
    }
}

fn plain(sftp: &mut Sftp, handles: &mut Handles, ops: &[Op], repeat: usize) -> Option<Answer> {
    let mut outcomes = vec![Outcome::default(); ops.len()];
    let mut tokens = Vec::new();
    for _ in 0..repeat {
        for (op, outcome) in ops.iter().zip(&mut outcomes) {
            let Some(reply) = request(sftp, handles, op, &mut tokens) else {
                continue;
            };
            match reply.code() {
                u32::MAX => return None,
                0 => outcome.counts.ok += 1,
                crate::harness::sftp::PERMISSION_DENIED => outcome.counts.denied += 1,
                _ => outcome.counts.failed += 1,
            }
        }
    }
    Some(Answer { outcomes, tokens })
}

/// `None` for what an SFTP client cannot ask for.
fn request(
    sftp: &mut Sftp,
    handles: &mut Handles,
    op: &Op,
    tokens: &mut Vec<u64>,
) -> Option<Reply> {
    let number = |at: usize| op.word(at).parse::<u64>().expect("a number");
    let mode = |at: usize| u32::from_str_radix(op.word(at), 8).expect("an octal number");
    let slot = |at: usize| usize::try_from(number(at)).expect("a slot");
    let held = |handles: &Handles| Some(handles[slot(1)].as_ref()?.0.clone());
    Some(match op.call() {
        "open" => {
            let reply = sftp.open(op.word(3), flags(op.word(1)));
            if let Reply::Handle(handle) = &reply
                && let Some((old, _)) = handles[slot(2)].replace((handle.clone(), 0))
            {
                sftp.close(&old);
            }
            reply
        }
        "write" => {
            let length = number(2).min(30_000);
            let data = vec![b'n'; usize::try_from(length).expect("short")];
            let (handle, offset) = handles[slot(1)].as_mut()?;
            let reply = sftp.write(handle, *offset, &data);
            *offset += if reply.ok() { length } else { 0 };
            reply
        }
        "read" => {
            let reply = sftp.read(&held(handles)?, 0, 32);
            if let Reply::Data(data) = &reply {
                tokens.extend(token(data));
            }
            reply
        }
        "close" => sftp.close(&handles[slot(1)].take()?.0),
        "fsize" => sftp.fsetstat(&held(handles)?, Attributes::size(number(2))),
        "fmode" => sftp.fsetstat(&held(handles)?, Attributes::mode(mode(2))),
        "size" => sftp.fstat(&held(handles)?),
        "put" => sftp.put(op.word(1), b"new content\n"),
        "new" => match sftp.handle(|sftp| sftp.open(op.word(1), WRITE | CREATE | EXCLUSIVE)) {
            Ok(handle) => {
                sftp.write(&handle, 0, b"new content\n");
                sftp.close(&handle)
            }
            Err(reply) => reply,
        },
        "slurp" => match sftp.get(op.word(1)) {
            Ok(data) => {
                tokens.extend(token(&data));
                Reply::Data(data)
            }
            Err(reply) => reply,
        },
        "list" => match sftp.list(op.word(1)) {
            Ok(names) => Reply::Names(names),
            Err(reply) => reply,
        },
        "sleep" => {
            std::thread::sleep(Duration::from_millis(number(1)));
            return None;
        }
        "stat" => sftp.lstat(op.word(1)),
        "mkdir" => sftp.mkdir(op.word(1)),
        "rmdir" => sftp.rmdir(op.word(1)),
        "unlink" => sftp.remove(op.word(1)),
        "rename" => sftp.posix_rename(op.word(1), op.word(2)),
        "move" => sftp.rename(op.word(1), op.word(2)),
        "link" => sftp.hardlink(op.word(1), op.word(2)),
        "symlink" => sftp.symlink(op.word(1), op.word(2)),
        "mode" => sftp.setstat(op.word(2), Attributes::mode(mode(1))),
        "times" => sftp.setstat(op.word(1), Attributes::times(77, 77)),
        "truncate" => sftp.setstat(op.word(2), Attributes::size(number(1))),
        _ => return None,
    })
}

fn flags(how: &str) -> u32 {
    how.chars().fold(0, |flags, letter| {
        flags
            | match letter {
                'r' => READ,
                'w' => WRITE,
                'b' => READ | WRITE,
                'c' => CREATE,
                'x' => EXCLUSIVE | CREATE,
                't' => TRUNCATE,
                _ => APPEND,
            }
    })
}

fn token(content: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(content.strip_prefix(b"old-")?).ok()?;
    text.split_whitespace().next()?.parse().ok()
}
