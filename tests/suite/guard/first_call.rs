//! What the guard sets up behind the first call: it is in force before another call is taken, and a step that fails
//! ends the session with nothing served.

use std::process::Command;

use super::SFTP;
use crate::harness::{Host, Mutant, Output, XFERSH};

const TRACE: &str = "/var/log/trace";
/// The kernel's number for taking a notification, which strace does not name (`<linux/seccomp.h>`).
const RECEIVE: &str = "0xc0502100";
/// INIT of SFTP version 3, which every server answers.
const INIT: &[u8] = b"\0\0\0\x05\x01\0\0\0\x03";

/// A session under strace, which runs the account's shell as the account.
fn traced(host: &Host, options: &[&str]) -> Output {
    let alice = host.alice();
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-q", "-X", "raw", "-o", TRACE, "-u", &alice.name])
        .args(options)
        .args([alice.shell_path(), "-c", SFTP])
        .current_dir(alice.home())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("SSH_CONNECTION", "127.0.0.1 1 127.0.0.1 22");
    host.run(&mut strace, INIT)
}

/// The guard's own calls, in their order: it is the process that takes calls.
fn calls_of_the_guard(host: &Host) -> Vec<String> {
    let trace = String::from_utf8_lossy(&host.read(TRACE)).into_owned();
    let taking = trace.lines().find(|line| line.contains(RECEIVE));
    let guard = taking.and_then(|line| line.split_whitespace().next());
    let guard = guard.expect("a guard").to_owned();
    let own = trace.lines().filter_map(|line| line.strip_prefix(&guard));
    own.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn all_is_set_up_before_a_call_of_the_program_is_taken() {
    let host = Host::new();
    let output = traced(
        &host,
        &["-e", "trace=seccomp,ioctl,prctl,dup2,dup3,signalfd4"],
    );
    assert_eq!(output.code(), 0, "{output}");
    let calls = calls_of_the_guard(&host);
    let taken: Vec<usize> = (0..calls.len())
        .filter(|at| calls[*at].contains(RECEIVE) && calls[*at].ends_with("= 0"))
        .collect();
    assert!(
        taken.len() >= 2,
        "execve, and /dev/null for writing: {calls:#?}"
    );
    let between = &calls[taken[0]..taken[1]];
    // PR_SET_DUMPABLE: before the program runs.
    let closed = |line: &String| line.contains("prctl(0x4, 0");
    assert!(calls[..taken[0]].iter().any(closed), "{calls:#?}");
    // SECCOMP_SET_MODE_FILTER, PR_SET_CHILD_SUBREAPER.
    for (call, times) in [
        ("seccomp(0x1,", 1),
        ("signalfd4(", 1),
        ("prctl(0x24, 1", 1),
        ("dup", 3),
    ] {
        let found = between.iter().filter(|line| line.contains(call));
        assert_eq!(found.count(), times, "{call}: {calls:#?}");
    }
}

/// Refused before anything of the server was answered, and nothing is left of it.
#[track_caller]
fn nothing_served(host: &Host, output: &Output, before: &crate::harness::Snapshot, word: &str) {
    assert_eq!(output.code(), 125, "{word}: {output}");
    assert!(output.stdout.is_empty(), "{word}: {output}");
    let log = host.log();
    let last = &log.last().expect("a line").text;
    assert!(
        last.contains("event=failed") && last.contains(word),
        "{word}: {log:#?}"
    );
    let running = host.processes_of(host.alice());
    assert!(running.is_empty(), "{word}: {running:#?}");
    before.assert_same(&host.disk(), word);
}

#[test]
fn a_step_that_fails_ends_the_session() {
    let host = Host::new();
    for (call, word) in [
        ("signalfd4", "signals"),
        ("?dup2,dup3", "standard descriptors"),
    ] {
        let inject = format!("inject={call}:error=EMFILE");
        let _ = host.log();
        let before = host.disk();
        let output = traced(&host, &["-e", &inject]);
        nothing_served(&host, &output, &before, word);
    }
}

const NO_OWN_FILTER: Mutant = Mutant {
    name: "the guard's own filter cannot be loaded",
    changes: &[(
        "src/guard/first_call.rs",
        "load_quiet_irrevocably(&seccomp::guard::PROGRAM)",
        "load_quiet_irrevocably(&seccomp::guard::PROGRAM[..0])",
    )],
};

#[test]
fn without_its_own_filter_the_guard_serves_nothing() {
    let host = Host::new();
    host.install(XFERSH, &NO_OWN_FILTER.binary());
    let before = host.disk();
    let output = host.direct(host.alice(), SFTP.as_bytes(), INIT);
    nothing_served(&host, &output, &before, "own filter");
}
