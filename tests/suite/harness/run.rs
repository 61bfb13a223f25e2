//! Runs one command to its end within a time limit and keeps all its output.

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::namespace::Namespace;

/// Nothing that the tests start takes longer than this, unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub took: Duration,
}

impl Output {
    /// The exit status as a shell shows it: 128 + N for a death by signal N.
    pub fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    #[track_caller]
    pub fn succeeded(self, what: &str) -> Self {
        assert!(self.status.success(), "{what} should succeed, got: {self}");
        self
    }

    #[track_caller]
    pub fn failed(self, what: &str) -> Self {
        assert!(!self.status.success(), "{what} should fail, got: {self}");
        self
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} ms)", self.status, self.took.as_millis())?;
        for (name, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            write!(
                f,
                "\n--- {name}, {} bytes\n{}",
                bytes.len(),
                bytes.escape_ascii()
            )?;
        }
        Ok(())
    }
}

/// Runs `command` inside the namespace, with `input` on its standard input.
#[track_caller]
pub fn run(namespace: &Namespace, command: &mut Command, input: &[u8]) -> Output {
    run_within(namespace, command, input, LIMIT)
}

#[track_caller]
pub fn run_within(
    namespace: &Namespace,
    command: &mut Command,
    input: &[u8],
    limit: Duration,
) -> Output {
    let started = Instant::now();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = namespace
        .spawn(command)
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    finish(child, input, started, limit)
        .unwrap_or_else(|| panic!("{command:?} did not end within {limit:?}"))
}

/// Feeds and drains the pipes of `child` and waits for it. `None`: it was still running at the end of `limit` and was killed.
pub fn finish(mut child: Child, input: &[u8], started: Instant, limit: Duration) -> Option<Output> {
    let stdin = child.stdin.take();
    let input = input.to_vec();
    std::thread::spawn(move || {
        // A command that refuses its input closes the pipe early: that is not our error.
        stdin.map(|mut pipe| pipe.write_all(&input))
    });
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let left = || limit.saturating_sub(started.elapsed());
    let texts = stdout
        .recv_timeout(left())
        .and_then(|out| Ok((out, stderr.recv_timeout(left())?)));
    let mut status = None;
    while texts.is_ok() && status.is_none() && !left().is_zero() {
        status = child.try_wait().expect("waiting for a child");
        if status.is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let (Ok((stdout, stderr)), Some(status)) = (texts, status) else {
        let _ = child.kill();
        let _ = child.wait();
        return None;
    };
    Some(Output {
        status,
        stdout,
        stderr,
        took: started.elapsed(),
    })
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = send.send(bytes);
    });
    receive
}

/// The processes that this one has started, as seen from outside the host.
pub fn children(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect()
}

/// The guard of a session that was started without sshd: the only child of the process that was started, which is the
/// front.
#[track_caller]
pub fn guard_of(front: u32) -> u32 {
    let children = children(front);
    assert_eq!(children.len(), 1, "the children of a front: {children:?}");
    children[0]
}

/// Waits until it is so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to this: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
