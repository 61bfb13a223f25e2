//! Hundreds of sessions of one account that come and go at the same time, and end as badly as they can: what a client was
//! told is on the disk, nothing forbidden is, nothing is left running, and the log is complete.
//!
//! `tests/extended/churn` runs it for ten minutes with 500 sessions; the suite for some seconds with fewer.

mod files;
mod judge;
mod steady;
mod worker;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Host, Snapshot, SshdConfig, until};
use crate::model::random::Random;
use judge::{Told, Verdict};
use worker::{Ending, Worker};

/// A place whose files no session may change, and a limit that sessions run into.
const POLICY: &str = "\
writable = [\"~/uploads\"]
max_file_size = \"1M\"
[[directory]]
path = \"~/site\"
access = \"append-only\"
";

/// One session in so many goes through the real sshd, which costs twenty times as much to start.
const THROUGH_SSHD: usize = 12;

/// What all workers share.
pub struct Field {
    pub host: Host,
    pub until: Instant,
    /// The longest pause before a request, in milliseconds: the more sessions, the longer each lives, since no more of
    /// them can start in a second.
    pub pause: usize,
    /// The sessions that are open now, and the most that were.
    open: AtomicUsize,
    most: AtomicUsize,
    /// How many sessions ended in each way.
    endings: Mutex<BTreeMap<Ending, usize>>,
}

impl Field {
    fn enter(&self) {
        let now = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
    }

    fn leave(&self, how: Ending) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        let mut endings = self.endings.lock().expect("no worker panics here");
        *endings.entry(how).or_default() += 1;
    }

    pub fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |value| value.parse().expect("a number"))
}

#[test]
fn sessions_come_and_go() {
    let sessions = usize::try_from(setting("XFERSH_CHURN_SESSIONS", 40)).expect("a count");
    let seconds = setting("XFERSH_CHURN_SECONDS", 8);
    let seed = setting("XFERSH_CHURN_SEED", 1);
    let mut host = Host::new();
    host.policy(POLICY);
    host.start_sshd(&SshdConfig::default());
    let before = still(&host);
    let sshd_files = steady::open_files(host.sshd().process());
    let field = Field {
        host,
        until: Instant::now() + Duration::from_secs(seconds),
        pause: 4 * sessions,
        open: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        endings: Mutex::default(),
    };
    let host = &field.host;
    let mut workers: Vec<Worker> = (0..sessions)
        .map(|number| {
            let random = Random::new(seed.wrapping_mul(1_000_003) + number as u64);
            Worker::new(number, number % THROUGH_SSHD == 0, random)
        })
        .collect();
    let mut steady = steady::Steady::new(host);
    std::thread::scope(|scope| {
        scope.spawn(|| steady.work(&field));
        for worker in &mut workers {
            scope.spawn(|| worker.work(&field));
        }
    });
    let memory = steady.end(host);

    until("all processes of the account have ended", || {
        host.processes_of(host.alice()).is_empty()
    });
    let lines = host.log();
    let told = Told::of(&lines);
    let mut verdict = Verdict::default();
    for worker in &workers {
        verdict.files(host, &worker.files);
    }
    verdict.stillness(&before, &still(host));
    verdict.log(
        &told,
        workers.iter().flat_map(|worker| &worker.sessions),
        steady::SESSIONS,
    );
    verdict.number(
        "open files of sshd",
        sshd_files,
        steady::open_files(host.sshd().process()),
    );
    verdict.memory(&memory);
    assert!(verdict.found.is_empty(), "seed {seed}:\n{}", verdict.text());

    // Each judge sees what it is there for.
    let damaged = judge::damage(host, &workers, &lines);
    let mut again = Verdict::default();
    for worker in &workers {
        again.files(host, &worker.files);
    }
    again.stillness(&before, &still(host));
    again.log(
        &Told::of(&damaged),
        workers.iter().flat_map(|worker| &worker.sessions),
        steady::SESSIONS,
    );
    for kind in ["a committed file", "what was still", "the log"] {
        let seen = again.found.iter().any(|(what, _)| *what == kind);
        assert!(seen, "the damage to {kind} was not seen: {}", again.text());
    }

    let sum = |of: fn(&Worker) -> u64| workers.iter().map(of).sum::<u64>();
    let endings = field.endings.lock().expect("all workers have ended");
    let all: usize = endings.values().sum();
    assert!(all > sessions, "nobody came and went: {endings:?}");
    report(&format!(
        "| {seconds} | {all} | {} | {} | {} | {} | {} | {} | {memory} |\n",
        field.most.load(Ordering::Relaxed),
        endings
            .iter()
            .map(|(how, count)| format!("{} {count}", how.name()))
            .collect::<Vec<_>>()
            .join(", "),
        sum(|worker| worker.done),
        sum(|worker| worker.refused),
        sum(|worker| worker.failed),
        lines.len(),
    ));
}

/// What no session may change: everything but the files of workers, and the times of the directory that they are in.
fn still(host: &Host) -> Snapshot {
    let uploads = host.alice().at("uploads");
    let all = host.inside(|| Snapshot::of(&["/home", "/srv", "/opt"]));
    all.without(|path| {
        let name = path
            .strip_prefix(&uploads)
            .ok()
            .and_then(|rest| rest.to_str());
        name.is_some_and(|name| {
            name.is_empty() || name.starts_with("steady") || name.starts_with('w')
        })
    })
}

fn report(row: &str) {
    eprint!("{row}");
    if let Some(path) = std::env::var_os("XFERSH_CHURN_TABLE") {
        std::fs::write(path, row).expect("writing the table");
    }
}
