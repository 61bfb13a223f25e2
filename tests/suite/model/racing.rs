//! Several sessions at full speed at the same few names. The tree is examined before and after; the log is checked by
//! sums that do not depend on the order of the lines of different sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::calls::{Calls, cycle};
use super::ground::Ground;
use super::lines::{self, Net};
use super::oracle::{Acting, Oracle};
use super::random::Random;
use super::run::{Run, sum};
use super::session::{Answer, Kind, Op, Session};
use super::tree::{Id, Tree};
use super::world::PLACES;

/// What one session repeats.
pub struct Part {
    pub kind: Kind,
    pub ops: Vec<Op>,
    pub repeat: usize,
}

impl Part {
    pub fn new(kind: Kind, lines: &[&str], repeat: usize) -> Self {
        Self {
            kind,
            ops: lines.iter().map(|line| Op::new(line)).collect(),
            repeat,
        }
    }
}

impl Run<'_> {
    /// Puts a file (or, with a `/` at the end, a directory) of the account there, older than every session.
    pub fn put_there(&self, paths: &[&str]) {
        let (account, home) = (self.account, self.account.home());
        self.host.inside(|| {
            for path in paths {
                let whole = home.join(path);
                let _ = fs::remove_dir_all(&whole);
                let _ = fs::remove_file(&whole);
                if path.ends_with('/') {
                    fs::create_dir_all(&whole).expect("a directory");
                } else {
                    let parent = whole.parent().expect("not the root");
                    fs::create_dir_all(parent).expect("a directory");
                    account.own(parent);
                    fs::write(&whole, format!("old-{} of the scenario\n", number(path)))
                        .expect("a file");
                }
                account.own(&whole);
            }
        });
    }

    /// Only calls on names, at three names in one or two directories of the policy.
    pub fn cycles(&mut self, calls: usize) -> Vec<Part> {
        let home = &self.world.ground.home;
        let usable = self.world.ground.roots.iter().filter(|root| {
            let place = root.path.strip_prefix(home).unwrap_or(&root.path);
            root.rights.contains("create") && PLACES.iter().any(|known| place == Path::new(known))
        });
        let usable: Vec<String> = usable.map(|root| root.path.display().to_string()).collect();
        if usable.is_empty() {
            return Vec::new();
        }
        let directories: Vec<String> = (0..2).map(|_| self.random.pick(&usable).clone()).collect();
        let count = 2 + self.random.below(2);
        let kinds = [Kind::Sftp, Kind::Rsync, Kind::Sftp, Kind::Plain];
        (0..count)
            .map(|_| {
                let ops = cycle(&mut self.random, &directories);
                Part {
                    kind: *self.random.pick(&kinds),
                    repeat: calls / ops.len(),
                    ops,
                }
            })
            .collect()
    }

    /// Any calls, a list of them again and again.
    pub fn mixture(&mut self, repeat: usize) -> Vec<Part> {
        let places = Calls::new(&mut self.random);
        let tree = self.tree();
        let count = 2 + self.random.below(2);
        let mut part = |kind| Part {
            kind,
            ops: (0..60)
                .map(|_| places.any(&mut self.random, &tree, &[]))
                .collect(),
            repeat,
        };
        [Kind::Sftp, Kind::Rsync, Kind::Plain][..count]
            .iter()
            .map(|kind| part(*kind))
            .collect()
    }

    /// One round in which all do their parts at the same time.
    pub fn race(&mut self, parts: &[Part]) {
        let kinds: Vec<Kind> = parts.iter().map(|part| part.kind).collect();
        let Some(mut round) = self.begin(&kinds) else {
            return;
        };
        for (who, part) in parts.iter().enumerate() {
            self.script.push(format!("{who}: {} times:", part.repeat));
            let ops = part.ops.iter().map(|op| format!("  {op}"));
            self.script.extend(ops);
        }
        let interrupter = self
            .random
            .percent(75)
            .then(|| Interrupter::of(&round.sessions, self.random.next()));
        let answers = all_at_once(&mut round.sessions, parts);
        drop(interrupter);
        let before = round.first.clone();
        let after = self.tree();
        let mut found = Vec::new();
        for (who, (answer, part)) in answers.iter().zip(parts).enumerate() {
            match answer {
                Some(answer) => {
                    for (op, outcome) in part.ops.iter().zip(&answer.outcomes) {
                        self.count(op, outcome);
                    }
                }
                None => found.push(("a session ended", format!("session {who}"))),
            }
        }
        let all: Vec<usize> = (0..parts.len()).collect();
        let reached = reached(&self.world.ground, parts);
        let acting = Acting {
            owners: &BTreeMap::new(),
            named: &BTreeMap::new(),
            sessions: &all,
            held: &BTreeSet::new(),
            first: &round.first_edges,
            reached: Some(&reached),
            rsync: round.rsync,
        };
        let oracle = Oracle {
            ground: &self.world.ground,
            before: &before,
            after: &after,
            acting: &acting,
        };
        found.extend(oracle.judge());
        found.extend(read_tokens(&oracle, &answers));
        self.found(found);
        self.close_race(round, parts, &answers, (&before, &after));
    }

    fn close_race(
        &mut self,
        round: super::run::Round,
        parts: &[Part],
        answers: &[Option<Answer>],
        (before, last): (&Tree, &Tree),
    ) {
        let clients: Vec<String> = round.sessions.iter().map(|s| s.client.clone()).collect();
        let (after, told) = self.end(round, last);
        if told.is_empty() {
            return;
        }
        let mut found = Vec::new();
        let mine = || clients.iter().filter_map(|client| told.get(client));
        let disk = difference(&lines::names(before), &lines::names(&after));
        let log = sum(mine().flat_map(|told| [&told.net, &told.cleaned]));
        let unsure = lines::by_last_component(&sum(mine().map(|told| &told.directories)));
        let differ = lines::differences(&disk, &lines::by_last_component(&log), &unsure);
        if !differ.is_empty() {
            found.push((
                "names on the disk and in the log differ",
                format!("{differ:#?}"),
            ));
        }
        // A file with two names may be renamed to the other, which is not a change and has no line.
        let doubles = parts.iter().any(|part| {
            let links = |op: &Op| ["link", "move"].contains(&op.call());
            part.ops.iter().any(links)
        });
        for ((client, part), answer) in clients.iter().zip(parts).zip(answers) {
            let (Some(told), Some(answer)) = (told.get(client), answer) else {
                continue;
            };
            let by_descriptor = |op: &Op| ["open", "fsize"].contains(&op.call());
            // An unmodified server makes several calls for one request.
            if part.kind == Kind::Plain || part.ops.iter().any(by_descriptor) {
                continue;
            }
            let done: Vec<_> = part
                .ops
                .iter()
                .cloned()
                .zip(answer.outcomes.iter().copied())
                .collect();
            found.extend(lines::calls_and_lines(told, &done, doubles));
        }
        self.found(found);
    }
}

/// The roots that these calls name; all of them where a call may go through a link or a directory of the round.
fn reached(ground: &Ground, parts: &[Part]) -> Vec<PathBuf> {
    let ops = || parts.iter().flat_map(|part| &part.ops);
    let words = ops().flat_map(|op| op.0.iter().skip(1));
    let roots = words
        .filter(|word| word.contains('/'))
        .filter_map(|word| ground.root(&ground.home.join(word)));
    let named: BTreeSet<&PathBuf> = roots.map(|root| &root.path).collect();
    let by_names_alone = ops().all(|op| op.call() != "open");
    let all = ground.roots.iter().map(|root| &root.path);
    all.filter(|path| !by_names_alone || named.contains(path))
        .cloned()
        .collect()
}

fn all_at_once(sessions: &mut [Session], parts: &[Part]) -> Vec<Option<Answer>> {
    std::thread::scope(|scope| {
        let pairs = sessions.iter_mut().zip(parts);
        let threads: Vec<_> = pairs
            .map(|(session, part)| scope.spawn(|| session.batch(&part.ops, part.repeat)))
            .collect();
        let answers = threads.into_iter();
        answers
            .map(|thread| thread.join().expect("no session hangs"))
            .collect()
    })
}

/// Stops one guard after the other for a moment, as the scheduler may at any time: so others can act between a look and
/// an act.
struct Interrupter {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Interrupter {
    fn of(sessions: &[Session], seed: u64) -> Self {
        let guards: Vec<Pid> = sessions
            .iter()
            .map(|session| Pid::from_raw(session.guard().cast_signed()))
            .collect();
        let over = Arc::new(AtomicBool::new(false));
        let known = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut random = Random::new(seed);
            let mut pause = |most: usize| {
                std::thread::sleep(Duration::from_micros(random.below(most) as u64));
            };
            for guard in guards.iter().cycle() {
                if known.load(Ordering::Relaxed) {
                    return;
                }
                // One that has ended has not been collected yet: its number belongs to no other process.
                let _ = kill(*guard, Signal::SIGSTOP);
                pause(400);
                let _ = kill(*guard, Signal::SIGCONT);
                pause(200);
            }
        });
        Self {
            over,
            thread: Some(thread),
        }
    }
}

impl Drop for Interrupter {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read_tokens(oracle: &Oracle, answers: &[Option<Answer>]) -> Vec<super::report::Violation> {
    let files: BTreeMap<u64, Id> = oracle
        .before
        .nodes
        .iter()
        .filter_map(|(id, node)| Some((node.token()?, *id)))
        .collect();
    let tokens = answers.iter().flatten().flat_map(|answer| &answer.tokens);
    let ids = tokens.filter_map(|token| files.get(token));
    let read: BTreeSet<&Id> = ids.filter(|id| !oracle.may_read(**id)).collect();
    let show = |id: &Id| ("read without the right", oracle.before.show(*id));
    read.into_iter().map(show).collect()
}

fn difference(before: &Net, after: &Net) -> Net {
    let mut net = after.clone();
    for (name, count) in before {
        *net.entry(name.clone()).or_default() -= count;
    }
    net
}

/// A number for a path of a scenario, beyond those of the first tree.
fn number(path: &str) -> u64 {
    let sum = Path::new(path).as_os_str().as_encoded_bytes();
    10_000
        + sum
            .iter()
            .fold(0, |sum, byte| (sum * 31 + u64::from(*byte)) % 50_000)
}
