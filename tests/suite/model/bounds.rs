//! Sessions that exceed a limit of the policy, each in its own way: every one of them must be ended, and its closing
//! line must not report less than is on the disk.

use std::time::{Duration, Instant};

use super::ground::{ALL, Dotfiles};
use super::report::Report;
use super::run::{Round, Run};
use super::session::{Kind, Op, Outcome, Session};
use super::world::Fixed;

/// One way: who, what is done first, and what is repeated.
struct Way {
    kind: Kind,
    first: &'static [&'static str],
    again: &'static [&'static str],
}

const fn way(kind: Kind, first: &'static [&'static str], again: &'static [&'static str]) -> Way {
    Way { kind, first, again }
}

const WRITE: &[&str] = &["write 0 30000", "sleep 30"];

/// `DIR` is a separate directory for each way.
const BYTES: &[Way] = &[
    way(Kind::Plain, &["open wc 0 DIR/a"], WRITE),
    way(
        Kind::Plain,
        &["open wc 0 DIR/a", "write 0 10", "rename DIR/a DIR/b"],
        WRITE,
    ),
    way(Kind::Plain, &["open wc 0 DIR/a", "unlink DIR/a"], WRITE),
    way(
        Kind::Sftp,
        &["open wc 1 DIR/a", "dup 1 0", "close 1", "sleep 2200"],
        WRITE,
    ),
    way(
        Kind::Sftp,
        &["open wc 0 DIR/a", "link DIR/a DIR/b"],
        &["write 0 30000", "unlink DIR/a", "sleep 30"],
    ),
    way(Kind::Rsync, &["open wc 0 DIR/a", "move DIR/a DIR/b"], WRITE),
    way(Kind::Rsync, &["orphans 300 100", "open wc 0 DIR/a"], WRITE),
    way(Kind::Sftp, &["open wc 0 DIR/a", "MANY"], WRITE),
    way(
        Kind::Sftp,
        &["open wc 0 DIR/a", "alloc 0 1 4000000"],
        &["sleep 30"],
    ),
    way(
        Kind::Sftp,
        &["open wc 0 DIR/a", "fsize 0 4000000"],
        &["sleep 30"],
    ),
];

const TIME: &[Way] = &[
    way(Kind::Plain, &["mkdir DIR/d"], &["sleep 300", "stat DIR"]),
    way(Kind::Plain, &[], &["stat DIR"]),
    way(Kind::Sftp, &[], &["new DIR/a", "unlink DIR/a"]),
    way(Kind::Rsync, &["orphans 300 100"], &["sleep 30"]),
];

/// What `alloc` and `fsize` ask for.
const GROWTH: u64 = 4_000_000;
/// The 300K of the policy.
const BOUND: u64 = 300 * 1024;
/// Nobody waits longer for the end.
const PATIENCE: Duration = Duration::from_secs(12);
/// More than the guard follows at once.
const MANY: usize = 70;

pub fn fixed() -> Vec<Fixed> {
    vec![("uploads", ALL, Dotfiles::Protected)]
}

/// The policy line of a seed.
pub fn line(seed: u64) -> &'static str {
    if seed % 2 == 1 {
        "max_bytes = \"300K\"\n"
    } else {
        "max_session_time = 2\n"
    }
}

impl Run<'_> {
    pub fn bounds(&mut self) {
        let by_bytes = self.seed % 2 == 1;
        let ways = if by_bytes { BYTES } else { TIME };
        let home = self.account.home();
        let directories: Vec<String> = (0..ways.len())
            .map(|at| format!("uploads/way{at}"))
            .collect();
        self.put_there(
            &directories
                .iter()
                .map(|name| format!("{name}/"))
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        );
        let kinds: Vec<Kind> = ways.iter().map(|way| way.kind).collect();
        let Some(mut round) = self.begin(&kinds) else {
            return;
        };
        let results: Vec<(bool, Report)> = std::thread::scope(|scope| {
            let pairs = round.sessions.iter_mut().zip(ways).zip(&directories);
            let threads: Vec<_> = pairs
                .map(|((session, way), name)| scope.spawn(|| is_ended(session, way, name)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no session hangs"))
                .collect()
        });
        let (mut ended, mut over) = (Vec::new(), Vec::new());
        for (end, report) in results {
            // What was refused exceeds no limit; what is cut off has no answer.
            let bytes = 30_000 * report.counts("write").ok
                + GROWTH * (report.counts("alloc").ok + report.counts("fsize").ok);
            over.push(!by_bytes || bytes > BOUND);
            ended.push(end || (by_bytes && bytes <= BOUND));
            self.report.add(report);
        }
        let sizes: Vec<u64> = self.host.inside(|| {
            directories
                .iter()
                .map(|name| size_of_files(&home.join(name)))
                .collect()
        });
        self.bounds_kept(round, ways, (&ended, &over), &sizes);
    }

    fn bounds_kept(
        &mut self,
        round: Round,
        ways: &[Way],
        (ended, over): (&[bool], &[bool]),
        sizes: &[u64],
    ) {
        let clients: Vec<String> = round.sessions.iter().map(|s| s.client.clone()).collect();
        let tree = self.tree();
        let (_, told) = self.end(round, &tree);
        for (at, way) in ways.iter().enumerate() {
            let what = ["went on", "was ended or did nothing"][usize::from(ended[at])];
            let line = format!(
                "{at}: {:?} {:?} {:?}   {what}",
                way.kind, way.first, way.again
            );
            self.script.push(line);
        }
        let mut found = Vec::new();
        for (at, way) in ways.iter().enumerate() {
            let what = format!("{:?}: {:?}, then {:?}", way.kind, way.first, way.again);
            if !ended[at] {
                found.push(("a bound was passed and the session went on", what.clone()));
            }
            let Some(told) = told.get(&clients[at]) else {
                continue;
            };
            if over[at] && ended[at] && !told.by_bound {
                let text = format!("{what}: {:#?}", told.tail());
                found.push(("a session ended", text));
            }
            let bytes = told.end.get("bytes").copied().unwrap_or(0);
            if bytes < sizes[at] {
                let text = format!("{what}: {} bytes on the disk, bytes={bytes}", sizes[at]);
                found.push(("the log tells fewer bytes than were written", text));
            }
        }
        self.found(found);
    }
}

fn is_ended(session: &mut Session, way: &Way, directory: &str) -> (bool, Report) {
    let mut report = Report::default();
    let fill = |lines: &[&str]| -> Vec<Op> {
        let all = lines.iter().flat_map(|line| match *line {
            "MANY" => (1..=MANY)
                .map(|number| format!("open wc {} DIR/m{number}", 8 + number))
                .collect(),
            line => vec![line.to_owned()],
        });
        all.map(|line| Op::new(&line.replace("DIR", directory)))
            .collect()
    };
    let (first, again) = (fill(way.first), fill(way.again));
    let started = Instant::now();
    // Whether it continues, and whether everything was done.
    let mut act = |ops: &[Op]| {
        let answer = session.batch(ops, 1);
        let outcomes = answer.iter().flat_map(|answer| &answer.outcomes);
        for (op, outcome) in ops.iter().zip(outcomes) {
            report.count(op.call(), outcome.counts);
        }
        let refused = |outcome: &Outcome| outcome.counts.denied + outcome.counts.failed > 0;
        let well = answer
            .as_ref()
            .is_some_and(|answer| !answer.outcomes.iter().any(refused));
        (answer.is_some(), well)
    };
    let (mut goes_on, well) = if first.is_empty() {
        (true, true)
    } else {
        act(&first)
    };
    // A way that is blocked needs no waiting.
    while goes_on && well && started.elapsed() < PATIENCE {
        (goes_on, _) = act(&again);
    }
    (!goes_on, report)
}

fn size_of_files(directory: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| entry.metadata().ok());
    files
        .filter(|facts| facts.is_file())
        .map(|facts| facts.len())
        .sum()
}
