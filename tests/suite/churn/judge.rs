//! What must be true when all sessions have ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::files::{Files, Known};
use super::steady::Memory;
use super::worker::{Ending, Session, Worker};
use crate::harness::{Host, Line, Snapshot};

/// What is wrong: the judge, and what it saw.
#[derive(Default)]
pub struct Verdict {
    pub found: Vec<(&'static str, String)>,
}

/// What the log says of one session.
#[derive(Default)]
struct Lines {
    client: String,
    last: u64,
    gaps: u64,
    allowed: bool,
    closed: bool,
    changes: BTreeMap<String, u64>,
    /// The counts of the closing line.
    counts: BTreeMap<String, u64>,
    lost: bool,
}

/// The lines of the log by the session.
pub struct Told(BTreeMap<String, Lines>);

const DEEDS: &[&str] = &[
    "created",
    "overwritten",
    "replaced",
    "removed",
    "renamed",
    "attributes",
];

impl Told {
    pub fn of(lines: &[Line]) -> Self {
        let mut all: BTreeMap<String, Lines> = BTreeMap::new();
        for line in lines {
            let field = |key: &str| {
                let (_, rest) = line.text.split_once(&format!(" {key}="))?;
                Some(rest.split(' ').next().unwrap_or(rest))
            };
            let fields = (field("session"), field("seq"), field("client"));
            let (Some(session), Some(sequence), Some(client)) = fields else {
                continue;
            };
            let event = line.text.split_once(&format!(" client={client} "));
            let event = event.map_or("", |(_, event)| event);
            let lines = all.entry(session.to_owned()).or_default();
            lines.client = client.to_owned();
            let sequence = sequence.parse().unwrap_or(0);
            lines.gaps += u64::from(sequence != lines.last + 1);
            lines.last = sequence;
            lines.allowed |= event.contains("verdict=allowed");
            lines.lost |= line.text.contains(" lost=");
            let deed = event.split(' ').next().unwrap_or_default();
            if DEEDS.contains(&deed) {
                *lines.changes.entry(deed.to_owned()).or_default() += 1;
            }
            if deed == "end" {
                lines.closed = true;
                let counts = event.split(' ').filter_map(|word| word.split_once('='));
                let counts =
                    counts.filter_map(|(key, count)| Some((key.to_owned(), count.parse().ok()?)));
                lines.counts = counts.collect();
            }
        }
        Self(all)
    }
}

impl Lines {
    /// What is wrong with it; a session whose guard was killed has no end.
    fn wrong(&self, ending: Ending) -> Option<String> {
        if self.gaps > 0 || self.lost {
            return Some(format!("{} gaps, lost {}", self.gaps, self.lost));
        }
        if !self.allowed {
            return Some("no line about its start".into());
        }
        if !self.closed {
            return (ending != Ending::GuardKilled).then(|| "no closing line".into());
        }
        let number = |map: &BTreeMap<String, u64>, deed: &str| map.get(deed).copied().unwrap_or(0);
        let other = DEEDS
            .iter()
            .find(|deed| number(&self.counts, deed) != number(&self.changes, deed));
        other.map(|deed| format!("{deed}: {:?}, but lines {:?}", self.counts, self.changes))
    }
}

impl Verdict {
    fn say(&mut self, what: &'static str, text: String) {
        self.found.push((what, text));
    }

    pub fn text(&self) -> String {
        let lines = self.found.iter().take(20);
        let lines: Vec<String> = lines
            .map(|(what, text)| format!("{what}: {text}"))
            .collect();
        format!("{} found\n{}", self.found.len(), lines.join("\n"))
    }

    /// What a worker was told is there.
    pub fn files(&mut self, host: &Host, files: &Files) {
        let read = |name: &String| {
            let path = host.alice().at(name);
            match fs::read(&path) {
                Ok(content) => Some(content),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => panic!("cannot read {path:?}: {error}"),
            }
        };
        let mut wrong = Vec::new();
        host.inside(|| {
            for (name, known) in &files.known {
                let there = read(name);
                let right = match known {
                    Known::Whole(content) => there.as_ref() == Some(content),
                    Known::AtLeast(start) => {
                        there.as_ref().is_some_and(|there| there.starts_with(start))
                    }
                    Known::Absent => there.is_none(),
                    Known::Unsure => true,
                };
                if !right {
                    let length = |content: &Vec<u8>| content.len();
                    let (known, there) = (known.describe(), there.as_ref().map(length));
                    wrong.push(format!("{name}: {known}, there are {there:?} bytes"));
                }
            }
            for (one, other, content) in &files.either {
                if read(one).as_ref() != Some(content) && read(other).as_ref() != Some(content) {
                    wrong.push(format!("neither {one} nor {other} is there"));
                }
            }
        });
        for text in wrong {
            self.say("a committed file", text);
        }
    }

    pub fn stillness(&mut self, before: &Snapshot, after: &Snapshot) {
        let diff = before.diff(after);
        if !diff.is_empty() {
            self.say("what was still", diff);
        }
    }

    /// `others` sessions have no address of their own, as all through sshd, and no guard of them was killed.
    pub fn log<'a>(
        &mut self,
        told: &Told,
        sessions: impl Iterator<Item = &'a Session>,
        mut others: usize,
    ) {
        let mut endings = BTreeMap::new();
        for session in sessions {
            match &session.client {
                None => others += 1,
                Some(client) => {
                    endings.insert(client.as_str(), session.ending);
                }
            }
        }
        let mut seen = BTreeSet::new();
        let mut seen_others = 0;
        for lines in told.0.values() {
            let client = lines.client.as_str();
            let ending = endings.get(client).copied();
            match ending {
                Some(_) => assert!(seen.insert(client), "two sessions of {client}"),
                None => seen_others += 1,
            }
            let ending = ending.unwrap_or(Ending::Closed);
            if let Some(text) = lines.wrong(ending) {
                let ending = ending.name();
                self.say("the log", format!("{client} ({ending}): {text}"));
            }
        }
        for client in endings.keys().filter(|client| !seen.contains(*client)) {
            self.say("the log", format!("no line about {client}"));
        }
        if seen_others != others {
            let text = format!("{others} sessions without an address, {seen_others} in the log");
            self.say("the log", text);
        }
    }

    pub fn number(&mut self, what: &'static str, before: usize, after: usize) {
        if before != after {
            self.say(what, format!("{before} before, {after} after"));
        }
    }

    pub fn memory(&mut self, memory: &Memory) {
        if let Some(text) = memory.growth() {
            self.say("a guard has grown", text);
        }
    }
}

/// Damages a file, what was still and the log, to see that it is seen; returns the damaged log.
pub fn damage(host: &Host, workers: &[Worker], lines: &[Line]) -> Vec<Line> {
    let (name, content) = workers
        .iter()
        .flat_map(|worker| worker.files.whole())
        .next()
        .expect("a file that is there");
    let mut other = content;
    let last = other.last_mut().expect("a byte");
    *last = last.wrapping_add(1);
    host.write(host.alice().at(&name), &other);
    host.shell_line("touch -d @1 /home/alice/site/.htaccess");
    let mut lines = lines.to_vec();
    let middle = lines
        .iter()
        .position(|line| line.text.contains(" client=fd00:") && line.text.contains(" end "));
    lines.remove(middle.expect("a closing line"));
    lines
}
