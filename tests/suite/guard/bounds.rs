//! The limits of a session while something else happens all the time: processes that end, signals that arrive.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{RSYNC, attacked};
use crate::harness::Host;

/// The longest that a session may take to end after its limit: far more than it needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that keeps the guard busy, ignores signals and never ends by itself.
fn noisy(host: &Host, words: &str) -> Child {
    let mut command = host.shell(host.alice());
    command
        .args(["-c", RSYNC])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut session = host.namespace().spawn(&mut command).expect("a session");
    let input = session.stdin.as_mut().expect("stdin is piped");
    input
        .write_all(format!("noise {words}\n").as_bytes())
        .expect("telling it");
    let mut line = String::new();
    let said = session.stdout.take().expect("stdout is piped");
    BufReader::new(said).read_line(&mut line).expect("its word");
    assert!(line.starts_with("noisy "), "{line:?}");
    session
}

/// What a client can send.
const SIGNALS: [Signal; 5] = [
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGALRM,
    Signal::SIGUSR2,
    Signal::SIGHUP,
];

/// Waits for its end; sends the guard signals all the time if asked to.
fn ends(session: &mut Child, signals: bool) -> bool {
    let guard = Pid::from_raw(session.id().cast_signed());
    let started = Instant::now();
    let mut turn = 0;
    while started.elapsed() < PATIENCE {
        turn += 1;
        if session.try_wait().expect("waiting").is_some() {
            return true;
        }
        if signals {
            // It may have ended since.
            let _ = kill(guard, SIGNALS[turn % SIGNALS.len()]);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    session.kill().expect("ending it");
    session.wait().expect("collecting it");
    false
}

#[track_caller]
fn bound_holds(bound: &str, value: &str, writes: bool) {
    for noise in ["orphans", "quiet"] {
        let host = attacked(&format!("{bound} = {value}\n"));
        let file = if writes { "uploads/growing" } else { "" };
        let mut session = noisy(&host, &format!("{noise} {file}"));
        assert!(
            ends(&mut session, noise == "quiet"),
            "{noise}: {bound} does not end the session"
        );
        let log = host.log();
        let why = format!("ending the session: {bound} reached");
        assert!(
            log.iter().any(|line| line.text.contains(&why)),
            "{noise}: {log:#?}"
        );
    }
}

#[test]
fn max_session_time_under_noise() {
    bound_holds("max_session_time", "2", false);
}

#[test]
fn idle_timeout_under_noise() {
    bound_holds("idle_timeout", "2", false);
}

#[test]
fn max_bytes_under_noise() {
    bound_holds("max_bytes", "\"100K\"", true);
}

/// Without a limit the server keeps running: what ended the sessions above was the limit.
#[test]
fn noise_alone_ends_nothing() {
    let host = attacked("");
    let mut session = noisy(&host, "orphans");
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(session.try_wait().expect("waiting"), None);
    session.kill().expect("ending it");
    session.wait().expect("collecting it");
}
