//! Compares the log of the sessions with the disk and with what the servers say that they did (P8).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::report::Violation;
use super::session::{Op, Outcome};
use super::tree::Tree;
use crate::harness::Line;

/// How often a path appeared, minus how often it vanished.
pub type Net = BTreeMap<String, i64>;

/// What the log says about one session.
#[derive(Default)]
pub struct Told {
    /// By full paths.
    pub net: Net,
    /// Rsync's temporary names that the guard removed at the end.
    pub cleaned: Net,
    /// Lines by deed and kind, such as "created file".
    pub lines: BTreeMap<String, u64>,
    /// Names to which a directory was renamed: the line need not say whether an empty one was there.
    pub directories: Net,
    /// The counts of the closing line.
    pub end: BTreeMap<String, u64>,
    /// Bytes of each upload, by its path.
    pub uploads: BTreeMap<String, Vec<u64>>,
    /// Paths to which something was renamed.
    pub renamed_to: BTreeSet<String>,
    pub lost: bool,
    /// Whether the guard ended it because of a limit.
    pub by_bound: bool,
    last: u64,
    gap: bool,
    text: Vec<String>,
}

impl Told {
    fn read(&mut self, sequence: u64, fields: &str, event: &str) {
        self.gap |= sequence != self.last + 1;
        self.last = sequence;
        self.lost |= fields.contains(" lost=") || event.contains("lost=");
        self.by_bound |= event.starts_with("ending the session: ");
        self.text.push(event.to_owned());
        let words: Vec<&str> = event.split(' ').collect();
        let quoted = |key: &str| {
            let (_, rest) = event.split_once(&format!(" {key}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let (deed, what) = (words[0], words.get(1).copied().unwrap_or_default());
        if deed == "end" {
            for word in &words {
                if let Some((key, value)) = word.split_once('=')
                    && let Ok(number) = value.parse()
                {
                    self.end.insert(key.to_owned(), number);
                }
            }
            return;
        }
        let deeds = [
            "created",
            "overwritten",
            "removed",
            "renamed",
            "attributes",
            "cleaned",
            "replaced",
            "incomplete",
        ];
        let (true, Some(path)) = (deeds.contains(&deed), quoted("path")) else {
            return;
        };
        let label = if deed == "attributes" {
            deed.to_owned()
        } else {
            format!("{deed} {what}")
        };
        *self.lines.entry(label).or_default() += 1;
        if words.contains(&"left") {
            *self.lines.entry("left file".into()).or_default() += 1;
        }
        if words.contains(&"by=rename") {
            *self.lines.entry("arrived file".into()).or_default() += 1;
        }
        if deed != "incomplete"
            && let Some(bytes) = words.iter().find_map(|word| word.strip_prefix("bytes="))
        {
            let bytes = bytes.parse().unwrap_or(0);
            self.uploads.entry(path.clone()).or_default().push(bytes);
        }
        let mut add = |path: String, by: i64| *self.net.entry(path).or_default() += by;
        match deed {
            "created" => add(path, 1),
            "removed" => add(path, -1),
            "cleaned" => {
                *self.cleaned.entry(path.clone()).or_default() -= 1;
                // `.NAME.1` is a link, which had its line; `.NAME.XXXXXX` a file, which was there without one.
                let is_file = path.rsplit('.').next().is_some_and(|end| end.len() == 6);
                *self.net.entry(path).or_default() += i64::from(is_file);
            }
            "renamed" => {
                self.renamed_to.insert(path.clone());
                add(quoted("from").unwrap_or_default(), -1);
                if !event.contains(" over=") {
                    add(path.clone(), 1);
                    if what == "directory" {
                        *self.directories.entry(path).or_default() += 1;
                    }
                }
            }
            _ => {}
        }
    }

    pub fn of(&self, deed: &str) -> u64 {
        let begins = |label: &&String| label.split(' ').next() == Some(deed);
        let lines = self.lines.keys().filter(begins);
        lines.map(|label| self.lines[label]).sum()
    }

    fn number(&self, label: &str) -> u64 {
        self.lines.get(label).copied().unwrap_or(0)
    }

    /// No gap, and a closing line whose counts are those of the lines.
    pub fn closes(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if self.gap || self.end.is_empty() {
            let text = format!("gap {}, lines {:#?}", self.gap, self.tail());
            found.push(("the log has a gap or no end", text));
            return found;
        }
        for deed in [
            "created",
            "overwritten",
            "replaced",
            "removed",
            "renamed",
            "attributes",
        ] {
            let (told, lines) = (self.end.get(deed).copied().unwrap_or(0), self.of(deed));
            if told != lines {
                let text = format!("{deed}={told}, but {lines} lines: {:#?}", self.tail());
                found.push(("the closing line counts otherwise than the lines", text));
            }
        }
        found
    }

    pub fn tail(&self) -> &[String] {
        &self.text[self.text.len().saturating_sub(40)..]
    }
}

/// The lines of each session, by the address of its client.
pub fn told(lines: &[Line]) -> BTreeMap<String, Told> {
    let mut all: BTreeMap<String, Told> = BTreeMap::new();
    for line in lines {
        let Some((_, rest)) = line.text.split_once(" seq=") else {
            continue;
        };
        let Some((sequence, rest)) = rest.split_once(' ') else {
            continue;
        };
        let Some((before, rest)) = rest.split_once(" client=") else {
            continue;
        };
        let (client, event) = rest.split_once(' ').unwrap_or((rest, ""));
        // What may be between the client and the event.
        let (marks, event) = match event.split_once(' ') {
            Some((first, behind)) if first.starts_with("lost=") => {
                (format!("{before} {first}"), behind)
            }
            _ => (before.to_owned(), event),
        };
        let told = all.entry(client.to_owned()).or_default();
        told.read(sequence.parse().unwrap_or(0), &marks, event);
    }
    all
}

/// Paths that appeared and vanished between two states, as a log of the one call between them would report.
pub fn disk_events(before: &Tree, after: &Tree, net: &mut Net) {
    let mut add = |path: &Path, by: i64| *net.entry(path.display().to_string()).or_default() += by;
    for (edge, (_, path)) in &before.edges {
        if !after.edges.contains_key(edge) {
            add(path, -1);
        }
    }
    for (edge, (_, path)) in &after.edges {
        if !before.edges.contains_key(edge) {
            add(path, 1);
        }
    }
}

/// Where two accounts differ; `unsure` may be missing on the disk.
pub fn differences(disk: &Net, log: &Net, unsure: &Net) -> Vec<String> {
    let names = disk.keys().chain(log.keys());
    let names: BTreeSet<&String> = names.collect();
    let value = |net: &Net, name: &String| net.get(name).copied().unwrap_or(0);
    let differ = |name: &&String| {
        let over = value(log, name) - value(disk, name);
        over < 0 || over > value(unsure, name)
    };
    let show = |name: &String| {
        format!(
            "{name}: disk {}, log {}",
            value(disk, name),
            value(log, name)
        )
    };
    names.into_iter().filter(differ).map(show).collect()
}

/// The same by the last component alone: a directory that is renamed takes the paths below along, but not their names,
/// so that the order of the lines of several sessions does not matter.
pub fn by_last_component(net: &Net) -> Net {
    let mut sums = Net::new();
    for (path, by) in net {
        let name = path.rsplit('/').next().unwrap_or_default();
        *sums.entry(name.to_owned()).or_default() += by;
    }
    sums
}

/// How many names there are of each last component.
pub fn names(tree: &Tree) -> Net {
    let mut sums = Net::new();
    for (_, name) in tree.edges.keys() {
        *sums
            .entry(String::from_utf8_lossy(name).into_owned())
            .or_default() += 1;
    }
    sums
}

/// Compares the calls that succeeded, as a server that has been taken over counts them, with the lines. `links`: files
/// had several names, so that a rename may have changed nothing.
pub fn calls_and_lines(told: &Told, done: &[(Op, Outcome)], links: bool) -> Vec<Violation> {
    let count = |calls: &[&str]| -> u64 {
        let matching = done.iter().filter(|(op, _)| {
            let onto_itself = calls.contains(&"rename") && op.0.get(1) == op.0.get(2);
            !onto_itself
                && calls.contains(&op.call())
                && (op.call() != "open" || op.word(1).contains(['w', 'b', 't']))
        });
        matching.map(|(_, outcome)| outcome.counts.ok).sum()
    };
    // Of the files that did not get their own name, some were removed by the server, some by the guard at the end.
    let given_up = told.number("incomplete file") - told.number("left file");
    let rows = [
        ("mkdir", count(&["mkdir"]), told.number("created directory")),
        (
            "symlink",
            count(&["symlink"]),
            told.number("created symlink"),
        ),
        ("link", count(&["link"]), told.number("created link")),
        (
            "unlink and rmdir",
            count(&["unlink", "rmdir"]),
            told.of("removed") + given_up,
        ),
        (
            "rename",
            count(&["rename", "move"]),
            told.of("renamed") + told.of("arrived"),
        ),
        (
            "open and truncate",
            count(&["open", "put", "new", "truncate"]),
            told.number("created file")
                + told.number("overwritten file")
                + told.number("replaced file")
                + told.number("incomplete file"),
        ),
    ];
    let mut found = Vec::new();
    for (call, calls, lines) in rows {
        let fine = lines == calls || (call == "rename" && links && lines < calls);
        if !fine {
            let text = format!("{call}: {calls} succeeded, {lines} lines");
            found.push(("calls and lines differ in number", text));
        }
    }
    found
}
