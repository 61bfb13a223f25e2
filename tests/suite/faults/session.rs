//! One session under strace(1), which puts one fault into it: an upload, and an attempt that the policy forbids.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{Account, Host, Output, Snapshot};

const TRACE: &str = "/var/log/trace";
const SFTP: &str = "/usr/lib/openssh/sftp-server";
/// What the upload makes, and what no session of xfersh may make: a dotfile.
pub const UPLOADED: &str = "uploads/up";
pub const FORBIDDEN: &str = ".new";
/// A session that takes longer than this hangs.
const SECONDS: &str = "20";

/// What is put into a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The call is not made and ends with this error.
    Error(&'static str),
    Kill,
    /// Whoever is stopped is continued a moment later.
    Stop,
}

/// The call of this name that comes `when`th in its process, in each process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    pub call: String,
    pub when: usize,
}

pub struct Session {
    pub output: Output,
    pub trace: String,
    pub disk: Snapshot,
    /// What still runs as the account.
    pub left: Vec<String>,
    pub log: Vec<String>,
}

fn packet(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len() + 1).expect("a short packet");
    [&length.to_be_bytes()[..], &[kind], &body].concat()
}

fn string(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("a short string");
    [&length.to_be_bytes(), text].concat()
}

/// The requests of SFTP version 3. The first handle of OpenSSH's server is the number 0.
fn requests() -> Vec<u8> {
    let (create, no_attributes) = (10_u32.to_be_bytes(), [0; 4]);
    let id = |number: u32| number.to_be_bytes();
    let open = |number, path: &str| {
        let path = string(path.as_bytes());
        packet(3, &[&id(number), &path, &create, &no_attributes])
    };
    let handle = string(&[0; 4]);
    [
        packet(1, &[&3_u32.to_be_bytes()]),
        open(1, UPLOADED),
        packet(6, &[&id(2), &handle, &[0; 8], &string(b"content")]),
        packet(4, &[&id(3), &handle]),
        open(4, FORBIDDEN),
        // The server reads 16 KiB, answers one request, reads again, and ends with its input, whatever still waits. So
        // much of a request that never becomes whole comes behind those that are to be answered.
        250_000_u32.to_be_bytes().to_vec(),
        vec![6; 240_000],
    ]
    .concat()
}

/// Stopped processes are continued, also if the front is one of them. No other host shares the numbers of processes.
const CONTINUING: &str = "exec 3<&0; \"$@\" <&3 & pid=$!; \
    while kill -0 $pid 2>/dev/null; do sleep 0.05; pkill -CONT -u $ACCOUNT; done; wait $pid";

/// The account's home and what is beside it, without times: they differ from one run to the next.
pub fn disk(host: &Host, account: &Account) -> Snapshot {
    let places = [account.home(), "/srv".into(), "/etc".into()];
    host.inside(|| Snapshot::of(&places))
        .comparable(account.id, 0)
}

/// What still runs after a while: who is killed together with the process that would have collected it is collected by
/// the host's first process, in its own time.
fn left(host: &Host, account: &Account) -> Vec<String> {
    let late = Instant::now() + Duration::from_secs(10);
    loop {
        let left = host.processes_of(account);
        if left.is_empty() || Instant::now() > late {
            return left;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs the session in a home as it was made.
pub fn run(host: &Host, account: &Account, fault: Fault, step: &Step) -> Session {
    host.refurnish();
    let _ = host.log();
    let traced = match fault {
        Fault::None => "trace=all".to_owned(),
        _ => format!("trace=execve,seccomp,landlock_restrict_self,{}", step.call),
    };
    let Step { call, when } = step;
    let inject = match fault {
        Fault::None => None,
        Fault::Error(error) => Some(format!("inject={call}:error={error}:when={when}")),
        Fault::Kill => Some(format!("inject={call}:signal=KILL:when={when}")),
        Fault::Stop => Some(format!("inject={call}:signal=STOP:when={when}")),
    };
    let mut command = Command::new("timeout");
    if fault == Fault::Stop {
        command = Command::new("sh");
        command.args(["-c", CONTINUING, "sh", "timeout"]);
    }
    command.args(["-k", "1", SECONDS, "strace", "-f", "-q", "-X", "raw"]);
    command.args(["-o", TRACE, "-u", &account.name, "-e", &traced]);
    command.args(inject.iter().flat_map(|inject| ["-e", inject]));
    command
        .args([account.shell_path(), "-c", SFTP])
        .current_dir(account.home())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("ACCOUNT", account.id.to_string())
        .env("SSH_CONNECTION", "127.0.0.1 1 127.0.0.1 22");
    let mut output = host.run(&mut command, &requests());
    // A tracer that gives up says nothing about the session; it does so now and then where a stopped process goes on.
    if output.err().contains("strace: Unexpected wait status") {
        host.refurnish();
        let _ = host.log();
        output = host.run(&mut command, &requests());
    }
    Session {
        output,
        trace: String::from_utf8_lossy(&host.read(TRACE)).into_owned(),
        left: left(host, account),
        disk: disk(host, account),
        log: host.log().into_iter().map(|line| line.text).collect(),
    }
}
