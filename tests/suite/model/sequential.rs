//! Calls of several sessions one after the other, in an order from the seed, with a look at the whole tree after each
//! of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::calls::Calls;
use super::lines::{self, Net};
use super::oracle::{Acting, Oracle};
use super::run::{Round, Run, sum};
use super::session::{Kind, Op, Outcome, Session};
use super::tree::{Id, Tree};

/// What is known about the sessions of a round while they act.
#[derive(Default)]
struct Known {
    /// Files that each session opened for writing when it was allowed to.
    held: Vec<BTreeSet<Id>>,
    /// The file of each descriptor, and whether it was allowed to be read when it was opened.
    slots: BTreeMap<(usize, String), (Id, bool)>,
    /// By session: the paths that appeared and vanished.
    nets: Vec<Net>,
    /// Which sessions changed the content of a file; the last number stands for a change of size by name.
    writers: BTreeMap<Id, BTreeSet<usize>>,
}

const BY_NAME: usize = usize::MAX;

impl Run<'_> {
    /// One round of this many calls. `scripted` are made first, by the session that each names.
    pub fn sequential(&mut self, kinds: &[Kind], scripted: &[(usize, Op)], calls: usize) {
        let Some(mut round) = self.begin(kinds) else {
            return;
        };
        let places = Calls::new(&mut self.random);
        let mut known = Known {
            held: vec![BTreeSet::new(); kinds.len()],
            nets: vec![Net::new(); kinds.len()],
            ..Known::default()
        };
        let mut tree = round.first.clone();
        let host = self.host;
        host.inside(|| {
            for turn in 0..scripted.len() + calls {
                let (who, op) = scripted.get(turn).cloned().unwrap_or_else(|| {
                    let who = self.random.below(kinds.len());
                    let mine = known.slots.keys().filter(|(owner, _)| *owner == who);
                    let open: Vec<&str> = mine.map(|(_, slot)| slot.as_str()).collect();
                    (who, places.any(&mut self.random, &tree, &open))
                });
                if !self.one_call(&mut round, &mut known, who, &op, &mut tree) {
                    return;
                }
            }
        });
        self.close(round, known, &tree);
    }

    /// Lets one session make one call, and judges it. `false` if the session has ended.
    fn one_call(
        &mut self,
        round: &mut Round,
        known: &mut Known,
        who: usize,
        op: &Op,
        tree: &mut Tree,
    ) -> bool {
        let session: &mut Session = &mut round.sessions[who];
        let Some(answer) = session.batch(std::slice::from_ref(op), 1) else {
            self.script.push(format!("{who}: {op}: the session ended"));
            self.found(vec![("a session ended", op.to_string())]);
            return false;
        };
        let outcome = answer.outcomes[0];
        let said = ["refused", "done"][usize::from(outcome.well())];
        self.script.push(format!("{who}: {op}   {said}"));
        self.count(op, &outcome);
        let after = Tree::read_after(&self.world.tops(), tree);
        for id in after.nodes.keys().filter(|id| !tree.nodes.contains_key(id)) {
            round.owners.insert(*id, who);
        }
        let mut found = Vec::new();
        let held = known.held[who].clone();
        {
            let acting = Acting {
                owners: &round.owners,
                sessions: &[who],
                named: &round.named,
                held: &held,
                first: &round.first_edges,
                reached: None,
                rsync: round.rsync,
            };
            let oracle = Oracle {
                ground: &self.world.ground,
                before: tree,
                after: &after,
                acting: &acting,
            };
            found.extend(oracle.judge());
            let now = Oracle {
                before: &after,
                ..oracle
            };
            found.extend(reads(&now, known, who, op, &outcome));
        }
        if let Some(id) = opens(&self.world.ground.home, op, &outcome) {
            known.held[who].insert(id);
        }
        for (edge, (id, _)) in &after.edges {
            if tree.edges.get(edge).is_none_or(|(old, _)| old != id) {
                round.named.insert((edge.clone(), *id), who);
            }
        }
        lines::disk_events(tree, &after, &mut known.nets[who]);
        known.note_writers(who, op, tree, &after);
        self.found(found);
        *tree = after;
        true
    }

    fn close(&mut self, round: Round, known: Known, tree: &Tree) {
        let clients: Vec<String> = round.sessions.iter().map(|s| s.client.clone()).collect();
        let owners = round.owners.clone();
        let (after, told) = self.end(round, tree);
        let mut cleaned = Net::new();
        lines::disk_events(tree, &after, &mut cleaned);
        let mut found = Vec::new();
        if told.is_empty() {
            return;
        }
        let mine = || clients.iter().filter_map(|client| told.get(client));
        let differ = lines::differences(
            &cleaned,
            &sum(mine().map(|told| &told.cleaned)),
            &Net::new(),
        );
        if !differ.is_empty() {
            found.push((
                "what was cleaned up is not in the log",
                format!("{differ:#?}"),
            ));
        }
        for (who, client) in clients.iter().enumerate() {
            let Some(told) = told.get(client) else {
                continue;
            };
            let differ = lines::differences(&known.nets[who], &told.net, &told.directories);
            if !differ.is_empty() {
                let text = format!("session {who}: {differ:#?}\nlines: {:#?}", told.tail());
                found.push(("names on the disk and in the log differ", text));
            }
            let alone = |id: &Id| {
                known
                    .writers
                    .get(id)
                    .is_some_and(|all| all.iter().eq([&who]))
            };
            let written: u64 = owners
                .iter()
                .filter(|(id, owner)| **owner == who && alone(id))
                .filter_map(|(id, _)| after.nodes.get(id))
                .filter(|node| node.kind == super::tree::Kind::File)
                .map(|node| node.size)
                .sum();
            for (path, bytes) in &told.uploads {
                let Some((id, _)) = after.paths.get(Path::new(path)) else {
                    continue;
                };
                // Written once, by one session, and still under that name.
                let once = bytes.len() == 1 && !told.renamed_to.contains(path);
                if once
                    && after.nodes[id].kind == super::tree::Kind::File
                    && owners.get(id) == Some(&who)
                    && alone(id)
                    && after.nodes[id].size != bytes[0]
                {
                    let text = format!(
                        "session {who}: {path}: bytes={}, {}",
                        bytes[0],
                        after.show(*id)
                    );
                    found.push(("the size of an upload is not that of its line", text));
                }
            }
            let bytes = told.end.get("bytes").copied().unwrap_or(0);
            if bytes < written {
                let text = format!(
                    "session {who}: {written} bytes on the disk, bytes={bytes}: {:#?}",
                    told.tail()
                );
                found.push(("the log tells fewer bytes than were written", text));
            }
        }
        self.found(found);
    }
}

impl Known {
    fn note_writers(&mut self, who: usize, op: &Op, before: &Tree, after: &Tree) {
        for (id, node) in &after.nodes {
            let same =
                |old: &super::tree::Node| old.content == node.content && old.size == node.size;
            if !before.nodes.get(id).is_some_and(same) {
                let by = if op.call() == "truncate" {
                    BY_NAME
                } else {
                    who
                };
                self.writers.entry(*id).or_default().insert(by);
            }
        }
    }
}

/// The file that a path leads to, if the call opened it for writing.
fn opens(home: &Path, op: &Op, outcome: &Outcome) -> Option<Id> {
    let writes = op.call() == "open" && op.word(1).contains(['w', 'b', 't']);
    (writes && outcome.well()).then(|| leads_to(home, op.word(3)))?
}

fn leads_to(home: &Path, path: &str) -> Option<Id> {
    let facts = fs::metadata(home.join(path)).ok()?;
    Some((facts.dev(), facts.ino()))
}

/// What must not have been read, listed or opened for writing.
fn reads(
    oracle: &Oracle,
    known: &mut Known,
    who: usize,
    op: &Op,
    outcome: &Outcome,
) -> Vec<super::report::Violation> {
    let home = &oracle.ground.home;
    let mut found = Vec::new();
    if !outcome.well() {
        return found;
    }
    match op.call() {
        "open" => {
            let Some(id) = leads_to(home, op.word(3)) else {
                return found;
            };
            let slot = (who, op.word(2).to_owned());
            known.slots.insert(slot, (id, oracle.may_read(id)));
            if op.word(1).contains(['w', 'b', 't']) && !oracle.may_write(id) {
                let text = format!("{op}: {}", oracle.after.show(id));
                found.push(("opened for writing without the right", text));
            }
        }
        "dup" => {
            if let Some(copy) = known.slots.get(&(who, op.word(1).to_owned())).copied() {
                known.slots.insert((who, op.word(2).to_owned()), copy);
            }
        }
        "read" => {
            if let Some((id, false)) = known.slots.get(&(who, op.word(1).to_owned())) {
                found.push((
                    "read without the right",
                    format!("{op}: {}", oracle.after.show(*id)),
                ));
            }
        }
        "close" => {
            known.slots.remove(&(who, op.word(1).to_owned()));
        }
        "slurp" | "list" => {
            let Some(id) = leads_to(home, op.word(1)) else {
                return found;
            };
            let may = if op.call() == "list" {
                oracle.may_list(id)
            } else {
                oracle.may_read(id)
            };
            if !may {
                found.push((
                    "read without the right",
                    format!("{op}: {}", oracle.after.show(id)),
                ));
            }
        }
        _ => {}
    }
    found
}
