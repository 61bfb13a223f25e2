//! A session whose server is the hostile one: lines in, results out, and a look at the guard from outside.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use xfersh::decide::plan::ServerKind;

use super::places::{drops, furnish};
use crate::harness::{Account, Host, Kind, Snapshot};

pub const HOSTILE: &str = "/opt/hostile";

/// How long one case may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A host where the hostile program replaces each of alice's servers, and plain may run it as a program.
pub fn host() -> Host {
    let host = Host::new();
    host.install_program("hostile", Kind::Program);
    for account in [host.plain(), host.alice()] {
        furnish(&host, account);
    }
    host
}

/// The policy that puts it there, before any `[[directory]]`.
pub fn policy(more: &str) -> String {
    format!(
        "protocols = [\"sftp\", \"scp\", \"rsync\"]\nsftp_server = \"{HOSTILE}\"\nscp = \"{HOSTILE}\"\nrsync = \"{HOSTILE}\"\n{more}"
    )
}

/// What a client asks for to get a server of this kind.
pub const fn command(kind: ServerKind) -> &'static str {
    match kind {
        ServerKind::Sftp => "/usr/lib/openssh/sftp-server",
        ServerKind::ScpSink => "scp -t uploads",
        ServerKind::ScpSource => "scp -f uploads/old.txt",
        ServerKind::RsyncReceiver => "rsync --server -logDtpre.iLsfxCIvu . uploads",
        ServerKind::RsyncSender => "rsync --server --sender -logDtpre.iLsfxCIvu . uploads",
    }
}

pub const KINDS: [ServerKind; 5] = [
    ServerKind::Sftp,
    ServerKind::ScpSink,
    ServerKind::ScpSource,
    ServerKind::RsyncReceiver,
    ServerKind::RsyncSender,
];

pub struct Session {
    child: Child,
    to: Option<ChildStdin>,
    from: Receiver<String>,
    sent: usize,
}

impl Session {
    /// The account's shell with this command; xfersh then runs the hostile server instead of the real one.
    pub fn start(host: &Host, account: &Account, command: &str) -> Self {
        // With its groups, as sshd starts it: a member of a group may give files to it.
        let id = account.id.to_string();
        let mut shell = Command::new("setpriv");
        shell
            .args(["--reuid", &id, "--regid", &id, "--init-groups"])
            .args([account.shell_path(), "-c", command])
            .current_dir(account.home())
            .env_clear()
            .env("USER", &account.name)
            .env("HOME", account.home())
            .env("PATH", "/usr/bin:/bin")
            .env("SSH_CONNECTION", "127.0.0.1 40000 127.0.0.1 22");
        Self::run(host, &mut shell)
    }

    /// The same with this many descriptors at most.
    pub fn limited(host: &Host, account: &Account, command: &str, descriptors: u32) -> Self {
        let id = account.id.to_string();
        let mut shell = Command::new("prlimit");
        shell
            .arg(format!("--nofile={descriptors}:{descriptors}"))
            .args(["setpriv", "--reuid", &id, "--regid", &id, "--init-groups"])
            .args([account.shell_path(), "-c", command])
            .current_dir(account.home());
        Self::run(host, &mut shell)
    }

    /// The hostile program in an ordinary account.
    pub fn plain(host: &Host) -> Self {
        Self::start(host, host.plain(), &format!("exec {HOSTILE}"))
    }

    fn run(host: &Host, command: &mut Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
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
        Self {
            child,
            to,
            from,
            sent: 0,
        }
    }

    /// The result of one case; `None` if the session ended because of it.
    pub fn ask(&mut self, line: &str) -> Option<i64> {
        self.sent += 1;
        let line = format!("{} {}\n", self.sent, super::case::numbered(line));
        // A server that has ended no longer reads: the missing answer shows that.
        let _ = self
            .to
            .as_mut()
            .expect("not ended")
            .write_all(line.as_bytes());
        match self.from.recv_timeout(LIMIT) {
            Ok(answer) => {
                let (id, result) = answer.split_once(' ').expect("two words");
                assert_eq!(
                    id,
                    self.sent.to_string(),
                    "an answer to another case: {answer}"
                );
                Some(result.parse().expect("a number"))
            }
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                let _ = self.child.kill();
                panic!("no answer within {LIMIT:?} to {line}");
            }
        }
    }

    /// The descriptors of the guard.
    pub fn guards_descriptors(&self) -> usize {
        let path = format!("/proc/{}/fd", crate::harness::guard_of(self.child.id()));
        std::fs::read_dir(path).expect("the guard is there").count()
    }

    /// Waits until the guard holds no more descriptors than this: it checks once a second which uploads are closed.
    pub fn guard_lets_go(&self, most: usize) {
        for _ in 0..300 {
            if self.guards_descriptors() <= most {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!(
            "the guard holds {} descriptors, {most} before",
            self.guards_descriptors()
        );
    }

    /// Ends the input and returns the exit status as a shell shows it.
    pub fn end(mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        drop(self.to.take());
        for _ in 0..LIMIT.as_millis() {
            if let Some(status) = self.child.try_wait().expect("waiting for a child") {
                return status.code().unwrap_or(128 + status.signal().unwrap_or(0));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.child.kill();
        panic!("the session did not end");
    }
}

/// The state of everything that an account could change here.
pub fn disk(host: &Host) -> Snapshot {
    host.inside(disk_here)
}

/// The same from inside the host.
pub fn disk_here() -> Snapshot {
    Snapshot::of(&["/home", "/tmp"])
}

/// The paths of a difference, for any account.
pub fn touched(diff: &str, account: &Account) -> BTreeSet<String> {
    let paths = diff.lines().filter_map(|line| line.split(' ').nth(1));
    let mut all: BTreeSet<String> = paths
        .map(|path| {
            drops(account)
                .iter()
                .chain([&account.home().display().to_string()])
                .fold(path.to_owned(), |path, own| {
                    path.replace(own, &own.replace(&account.name, "NAME"))
                })
        })
        .collect();
    all.remove("/home");
    all
}
