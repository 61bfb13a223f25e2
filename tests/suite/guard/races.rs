//! Paths and links that change while the guard answers: not one forbidden effect in 20,000 attempts of each race, while
//! the same races against a build that lets the kernel continue have one in every row.

use std::io::{Read, Write};
use std::process::{Child, Stdio};

use super::{ATTACK, RSYNC, SFTP, attack, attacked, continuing, number};
use crate::harness::{Account, Host, Snapshot, XFERSH};

/// The calls that both servers may make.
const CALLS: &[&str] = &[
    "write", "truncate", "create", "mkdir", "chmod", "times", "unlink", "rename", "link",
];
/// Those of rsync.
const CALLS_OF_RSYNC: &[&str] = &[
    "write", "truncate", "create", "mkdir", "chmod", "times", "unlink", "rename", "link", "xattr",
];

/// Attempts of each call: more than 20,000 in each race.
const ATTEMPTS: u64 = 2_300;
/// Against the build with the mistake, a race is repeated until the mistake shows, at most this often.
const ROUNDS: usize = 8;

/// Both races may change these names, and the times of their directories.
fn allowed(path: &std::path::Path) -> bool {
    let text = path.to_string_lossy();
    let below = |account: &str| {
        text.strip_prefix(&format!("/home/{account}/uploads"))
            .map(str::to_owned)
    };
    below("alice")
        .or_else(|| below("plain"))
        .is_some_and(|rest| {
            ["", "/nrace", "/spare", "/swap", "/swap-new"].contains(&rest.as_str())
                || rest == "/plain"
                || rest.starts_with("/plain/")
        })
}

/// An ordinary program does not wait for a guard in an attempt, so more attempts fit between two changes.
fn attempts(account: &Account) -> u64 {
    if account.name == "plain" {
        20 * ATTEMPTS
    } else {
        ATTEMPTS
    }
}

/// Makes what a call needs: the same file under an allowed and a forbidden name.
fn furnish(host: &Host, call: &str) {
    host.refurnish();
    host.inside(|| {
        for account in [host.plain(), host.alice()] {
            let at = |name: &str| account.at(&format!("uploads/{name}"));
            for directory in ["plain", ".dot"] {
                std::fs::create_dir(at(directory)).expect("a directory");
            }
            if !["create", "mkdir"].contains(&call) {
                for name in ["nrace", ".race", "plain/file", ".dot/file"] {
                    std::fs::write(at(name), "before\n").expect("a file");
                }
            }
            account.own(&at(""));
        }
    });
}

fn forbidden(before: &Snapshot, host: &Host) -> String {
    before.without(allowed).diff(&host.disk().without(allowed))
}

/// A race: makes attempts of one call as the account, and returns how many there were.
type Race = fn(&Host, &Account, &str) -> u64;

fn rewritten_path(host: &Host, account: &Account, call: &str) -> u64 {
    let words = format!(
        "rewrite {call} uploads/*race uploads/spare {} uploads/nrace",
        attempts(account)
    );
    number(&attack(host, account, RSYNC, &words), "attempts")
}

/// A second session of the account, which changes a link until it is dropped.
struct Swapper(Child);

impl Swapper {
    fn start(host: &Host, account: &Account) -> Self {
        let mut command = host.shell(account);
        let server = if account.name == "plain" {
            ATTACK
        } else {
            SFTP
        };
        command
            .args(["-c", server])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = host.namespace().spawn(&mut command).expect("a session");
        let input = child.stdin.as_mut().expect("stdin is piped");
        input
            .write_all(b"swap uploads/swap plain .dot\n")
            .expect("telling the session");
        let mut said = [0; 9];
        let output = child.stdout.as_mut().expect("stdout is piped");
        output.read_exact(&mut said).expect("the session's word");
        assert_eq!(&said, b"swapping\n");
        Self(child)
    }

    /// How often the link was changed.
    fn end(mut self) -> u64 {
        drop(self.0.stdin.take());
        let mut text = String::new();
        let mut output = self.0.stdout.take().expect("stdout is piped");
        output.read_to_string(&mut text).expect("the count");
        self.0.wait().expect("the session");
        text.trim()
            .strip_prefix("turns ")
            .and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("no count of turns: {text:?}"))
    }
}

fn swapped_link(host: &Host, account: &Account, call: &str) -> u64 {
    let swapper = Swapper::start(host, account);
    let words = format!(
        "strike {call} uploads/swap/file uploads/spare {} uploads/plain/file",
        attempts(account)
    );
    let attempts = number(&attack(host, account, SFTP, &words), "attempts");
    let turns = swapper.end();
    assert!(
        turns > 100,
        "{call}: the link was changed {turns} times only"
    );
    attempts
}

/// The three steps: the race wins in an ordinary account and against the mistaken build, never against ours.
fn run(calls: &[&str], race: Race) {
    let host = attacked("symlinks = \"any\"\n");
    let mut total = 0;
    for call in calls {
        furnish(&host, call);
        let before = host.disk();
        race(&host, host.plain(), call);
        assert_ne!(
            forbidden(&before, &host),
            "",
            "{call}: proves nothing, an ordinary account is not hit"
        );
        furnish(&host, call);
        let before = host.disk();
        total += race(&host, host.alice(), call);
        assert_eq!(forbidden(&before, &host), "", "{call}: the race was won");
    }
    assert!(total >= 20_000, "{total} attempts only");
}

fn run_against_the_mistake(calls: &[&str], race: Race) {
    let host = attacked("symlinks = \"any\"\n");
    host.install(XFERSH, &continuing::CONTINUING.binary());
    for call in calls {
        let won = (0..ROUNDS).any(|_| {
            furnish(&host, call);
            let before = host.disk();
            race(&host, host.alice(), call);
            !forbidden(&before, &host).is_empty()
        });
        assert!(won, "{call}: the test is blind, the mistake does not show");
    }
}

#[test]
fn a_path_rewritten_during_the_call() {
    run(CALLS_OF_RSYNC, rewritten_path);
}

#[test]
fn a_link_swapped_during_the_call() {
    run(CALLS, swapped_link);
}

#[test]
fn a_path_rewritten_wins_where_the_kernel_goes_on() {
    run_against_the_mistake(CALLS_OF_RSYNC, rewritten_path);
}

#[test]
fn a_link_swapped_wins_where_the_kernel_goes_on() {
    run_against_the_mistake(CALLS, swapped_link);
}
