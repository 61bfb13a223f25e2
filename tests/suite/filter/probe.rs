//! A child under the real filter, and a responder that answers what it notifies.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;

use nix::libc;
use xfersh::system::seccomp::Listener;

/// The errno that the responder gives, which the kernel never gives here.
pub const NOTIFIED: i64 = -(libc::EHWPOISON as i64);

/// What the responder does.
#[derive(Clone, Copy)]
pub enum Respond {
    /// Fails each call with [`NOTIFIED`].
    Mark,
    /// Lets each through, which only a test may do.
    LetThrough,
}

/// What became of the child.
pub struct Action {
    pub stdout: Vec<u8>,
    pub stderr: String,
    pub status: ExitStatus,
    /// Notified calls by number.
    pub notified: BTreeMap<u32, usize>,
}

impl Action {
    /// Its lines as numbers.
    pub fn results(&self) -> Vec<i64> {
        let text = std::str::from_utf8(&self.stdout).unwrap();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }
}

/// Starts `filter_probe` with these words and `input` on standard input.
pub fn probe(words: &[&str], input: &[u8], respond: Respond) -> Action {
    converse(words, respond, |stdin, _| {
        // A child that was killed does not read it.
        drop(stdin.write_all(input));
        Vec::new()
    })
}

/// Like [`probe`], with one SFTP packet after the other, each after the reply to the last: sftp-server ends at the end
/// of its input, even if something is pending.
pub fn probe_sftp(words: &[&str], packets: &[Vec<u8>]) -> Action {
    converse(words, Respond::LetThrough, |stdin, stdout| {
        let mut replies = Vec::new();
        for packet in packets {
            stdin.write_all(packet).expect("sftp-server reads");
            let mut length = [0; 4];
            stdout.read_exact(&mut length).expect("sftp-server replies");
            let mut body = vec![0; u32::from_be_bytes(length) as usize];
            stdout.read_exact(&mut body).expect("sftp-server replies");
            replies.extend(body);
        }
        replies
    })
}

/// Starts it and gives `talk` its input and output.
pub fn converse(
    words: &[&str],
    respond: Respond,
    talk: impl FnOnce(&mut ChildStdin, &mut ChildStdout) -> Vec<u8>,
) -> Action {
    let mut child = Command::new(program())
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starting filter_probe");
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let responder = (words[0] != "none").then(|| {
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let number = line
            .trim()
            .parse()
            .unwrap_or_else(|_| panic!("filter_probe: {line}"));
        respond_to(take_descriptor(&child, number), respond)
    });
    let mut stdin = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut stdout = talk(&mut stdin, &mut output);
    drop(stdin);
    output.read_to_end(&mut stdout).unwrap();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    let status = child.wait().unwrap();
    let notified = responder
        .map(|thread| thread.join().unwrap())
        .unwrap_or_default();
    Action {
        stdout,
        stderr: rest,
        status,
        notified,
    }
}

/// Built on first use: `cargo test --test suite` leaves examples out.
pub fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--example", "filter_probe"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("starting cargo");
        assert!(status.success(), "cannot build filter_probe");
        let mut path = std::env::current_exe().unwrap();
        path.pop();
        path.pop();
        path.join("examples/filter_probe")
    })
}

/// A descriptor of the child, as the guard takes it.
fn take_descriptor(child: &Child, number: i32) -> OwnedFd {
    // SAFETY: pidfd_open takes two integers.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
    assert!(
        pidfd >= 0,
        "pidfd_open: {}",
        std::io::Error::last_os_error()
    );
    // SAFETY: the call above made it, and nothing else owns it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd as i32) };
    // SAFETY: pidfd_getfd takes three integers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number, 0) };
    assert!(fd >= 0, "pidfd_getfd: {}", std::io::Error::last_os_error());
    // SAFETY: the call above made it, and nothing else owns it.
    unsafe { OwnedFd::from_raw_fd(fd as i32) }
}

fn respond_to(fd: OwnedFd, respond: Respond) -> JoinHandle<BTreeMap<u32, usize>> {
    let listener = Listener::new(fd, true).expect("the structures fit");
    std::thread::spawn(move || {
        let mut seen = BTreeMap::new();
        while waits(&listener) {
            let Ok(call) = listener.receive() else {
                continue;
            };
            *seen.entry(call.number).or_default() += 1;
            assert!(listener.still_waits(call.id));
            let sent = match respond {
                Respond::Mark => listener.fail(call.id, libc::EHWPOISON),
                Respond::LetThrough => listener.let_through_unchecked(call.id),
            };
            sent.expect("answering");
            assert!(!listener.still_waits(call.id));
        }
        seen
    })
}

/// Waits for a notification; false once no process is left under the filter.
fn waits(listener: &Listener) -> bool {
    let fd = listener.as_fd().as_raw_fd();
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one `pollfd`, borrowed for the time of the call.
    let ready = unsafe { libc::poll(&mut poll, 1, 30_000) };
    assert!(
        ready == 1,
        "the child neither called nor ended in 30 seconds"
    );
    poll.revents & libc::POLLIN != 0
}
