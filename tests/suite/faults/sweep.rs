//! Every system call of xfersh's own processes, each with an error, a kill and a stop: the session is whole, or nothing is served and
//! that is said; the server's program never runs unconfined, and nothing is left of either.
//!
//! The suite puts the fault into one call of each name. `tests/extended/faults` does it for every call and prints a table.

use std::collections::BTreeMap;

use super::judge::{Outcome, judge};
use super::session::{Fault, Session, Step, disk, run};
use crate::harness::Host;

/// Calls that make a descriptor: what ENFILE is an answer to.
const OPENING: &[&str] = &[
    "accept4",
    "epoll_create1",
    "eventfd2",
    "landlock_create_ruleset",
    "memfd_create",
    "open",
    "open_tree",
    "openat",
    "openat2",
    "pidfd_open",
    "pipe2",
    "recvmsg",
    "signalfd4",
    "socket",
    "socketpair",
];

const NOTHING: Step = Step {
    call: String::new(),
    when: 0,
};

/// The calls of the front and of the guard, and those of the server's side up to the start of its program: of each name
/// as many as the process has that makes the most.
fn steps(trace: &str) -> BTreeMap<String, usize> {
    let mut made: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut server = None;
    for line in trace.lines() {
        let Some((process, event)) = line.split_once(' ') else {
            continue;
        };
        if server == Some(process) {
            continue;
        }
        let Some((call, _)) = event.trim_start().split_once('(') else {
            continue;
        };
        // The first execve is strace's own; processes that end have nothing to say any more.
        let left_out = ["execve", "exit", "exit_group"].contains(&call);
        if !left_out
            && call
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
        {
            *made
                .entry((process.to_owned(), call.to_owned()))
                .or_default() += 1;
        }
        if event.contains("execve(\"/usr/lib/openssh/sftp-server\"") {
            server = Some(process);
        }
    }
    let mut most = BTreeMap::new();
    for ((_, call), times) in made {
        let entry = most.entry(call).or_insert(0);
        *entry = times.max(*entry);
    }
    most
}

/// A home before any session, and after one without a fault; the second proves that both effects are possible.
fn controls(host: &Host) -> (Session, Session) {
    let plain = run(host, host.plain(), Fault::None, &NOTHING);
    assert_eq!(plain.output.code(), 0, "{}", plain.output);
    let whole = run(host, host.alice(), Fault::None, &NOTHING);
    assert_eq!(whole.output.code(), 0, "{}", whole.output);
    let before = Session {
        disk: {
            host.refurnish();
            disk(host, host.alice())
        },
        ..run(host, host.alice(), Fault::None, &NOTHING)
    };
    assert!(!before.disk.diff(&whole.disk).is_empty(), "no upload");
    // What an ordinary account does is what the judge reports: no filter, and a dotfile.
    let seen = judge(&plain, Fault::None, &plain, &plain).unwrap_err();
    assert!(seen.contains("the server started without"), "{seen}");
    let dotfile = Session {
        trace: String::new(),
        ..plain
    };
    let seen = judge(&dotfile, Fault::None, &dotfile, &dotfile).unwrap_err();
    assert!(seen.contains("a dotfile was made"), "{seen}");
    (before, whole)
}

/// Puts the fault into one call of each name, or into every call for a table.
fn sweep(name: &str, fault: Fault) {
    let host = Host::new();
    let (before, whole) = controls(&host);
    let table = std::env::var_os("XFERSH_FAULTS_TABLE");
    let mut outcomes: BTreeMap<Outcome, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut calls = steps(&whole.trace);
    assert!(calls.len() > 20, "{calls:?}");
    if fault == Fault::Error("ENFILE") {
        calls.retain(|call, _| OPENING.contains(&call.as_str()));
        assert!(calls.len() > 5, "{calls:?}");
    }
    for (call, times) in &calls {
        let each: Vec<usize> = match table {
            Some(_) => (1..=*times).collect(),
            None => vec![times.div_ceil(2)],
        };
        for when in each {
            let call = call.clone();
            let step = Step { call, when };
            let session = run(&host, host.alice(), fault, &step);
            match judge(&session, fault, &before, &whole) {
                Ok(outcome) => *outcomes.entry(outcome).or_default() += 1,
                Err(what) => wrong.push(format!("{fault:?} {step:?}: {what}")),
            }
        }
    }
    if let Some(path) = table {
        use std::io::Write as _;
        let of = |outcome| outcomes.get(&outcome).copied().unwrap_or(0);
        let counts = [
            Outcome::Whole,
            Outcome::Refused,
            Outcome::Ended,
            Outcome::Cut,
            Outcome::Later,
        ]
        .map(of);
        let [kept, refused, ended, cut, later] = counts;
        let steps = counts.iter().sum::<usize>() + wrong.len();
        let row = format!(
            "| {name} | {} | {steps} | {kept} | {refused} | {ended} | {cut} | {later} | {} |\n",
            calls.len(),
            wrong.len()
        );
        let mut file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(path)
            .expect("the table");
        file.write_all(row.as_bytes()).expect("a row");
    }
    assert!(
        wrong.is_empty(),
        "{} steps of {outcomes:?}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_call_fails_with_eio() {
    sweep("EIO", Fault::Error("EIO"));
}

#[test]
fn a_call_fails_with_emfile() {
    sweep("EMFILE", Fault::Error("EMFILE"));
}

/// The whole system has no room for another open file. Root may pass that limit, so it cannot be had on a quiet host.
#[test]
fn a_call_fails_with_enfile() {
    sweep("ENFILE", Fault::Error("ENFILE"));
}

#[test]
fn a_call_fails_with_enomem() {
    sweep("ENOMEM", Fault::Error("ENOMEM"));
}

#[test]
fn a_process_is_killed() {
    sweep("SIGKILL", Fault::Kill);
}

#[test]
fn a_process_is_stopped_and_continued() {
    sweep("SIGSTOP, SIGCONT", Fault::Stop);
}
