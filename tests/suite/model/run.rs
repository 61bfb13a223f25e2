//! One seed: a policy, a tree, and one round of sessions after the other on it.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::{self, Net, Told};
use super::oracle::{Acting, Oracle};
use super::random::Random;
use super::report::{Report, Violation};
use super::session::{Kind, Op, Outcome, Session};
use super::tree::{Edge, Id, Tree};
use super::world::{Fixed, World};
use crate::harness::{Account, Host};

pub struct Run<'h> {
    pub host: &'h Host,
    pub account: &'h Account,
    pub seed: u64,
    pub random: Random,
    pub world: World,
    pub report: Report,
    /// What was done, as a script.
    pub script: Vec<String>,
}

/// The sessions of one round, and what is known about them.
pub struct Round {
    pub sessions: Vec<Session>,
    pub first: Tree,
    pub first_edges: BTreeSet<(Edge, Id)>,
    pub owners: BTreeMap<Id, usize>,
    pub named: BTreeMap<(Edge, Id), usize>,
    pub rsync: bool,
}

impl<'h> Run<'h> {
    pub fn new(host: &'h Host, seed: u64, fixed: &[Fixed], more: &str) -> Self {
        Self::of(host, host.alice(), seed, fixed, more)
    }

    pub fn of(
        host: &'h Host,
        account: &'h Account,
        seed: u64,
        fixed: &[Fixed],
        more: &str,
    ) -> Self {
        let mut random = Random::new(seed);
        let world = World::new(&mut random, &account.home(), fixed, more);
        world.furnish(host, account, &mut random);
        let _ = host.log();
        let report = Report::of_one_seed();
        Self {
            host,
            account,
            seed,
            random,
            world,
            report,
            script: Vec::new(),
        }
    }

    pub fn tree(&self) -> Tree {
        let tops = self.world.tops();
        self.host.inside(|| Tree::read(&tops))
    }

    /// Starts the sessions; `None` if xfersh refuses one of them.
    pub fn begin(&mut self, kinds: &[Kind]) -> Option<Round> {
        let first = self.tree();
        self.script.push(format!("# sessions {kinds:?}"));
        let mut sessions = Vec::new();
        for kind in kinds {
            self.report.sessions += 1;
            let number = usize::try_from(self.report.sessions).expect("few");
            match Session::start(self.host, self.account, *kind, number) {
                Some(session) => sessions.push(session),
                None => {
                    self.report.refused_sessions += 1;
                    sessions.into_iter().for_each(Session::end);
                    let _ = self.host.log();
                    return None;
                }
            }
        }
        Some(Round {
            sessions,
            first_edges: first.edge_set(),
            first,
            owners: BTreeMap::new(),
            named: BTreeMap::new(),
            rsync: kinds.contains(&Kind::Rsync),
        })
    }

    pub fn found(&mut self, found: Vec<Violation>) {
        for one in found {
            let (policy, script) = (&self.world.policy, &self.script);
            self.report.violation(self.seed, one, policy, script);
        }
    }

    /// Ends the sessions and judges what they leave behind; the caller judges their lines.
    pub fn end(&mut self, round: Round, last: &Tree) -> (Tree, BTreeMap<String, Told>) {
        let Round {
            sessions,
            first_edges,
            owners,
            named,
            rsync,
            ..
        } = round;
        let all: Vec<usize> = (0..sessions.len()).collect();
        let clients: Vec<String> = sessions
            .iter()
            .map(|session| session.client.clone())
            .collect();
        sessions.into_iter().for_each(Session::end);
        let after = self.tree();
        let acting = Acting {
            owners: &owners,
            sessions: &all,
            named: &named,
            held: &BTreeSet::new(),
            first: &first_edges,
            // Only the guard acted, which moves nothing.
            reached: Some(&[]),
            rsync,
        };
        let oracle = Oracle {
            ground: &self.world.ground,
            before: last,
            after: &after,
            acting: &acting,
        };
        let mut found = oracle.judge();
        for (edge, (id, path)) in &after.edges {
            if self.world.ground.protected(path) && !first_edges.contains(&(edge.clone(), *id)) {
                let text = format!("{path:?}: {}", after.show(*id));
                found.push(("a dotfile was left behind", text));
            }
        }
        let mut told = lines::told(&self.host.log());
        for client in &clients {
            match told.get(client) {
                Some(told) if told.lost => self.report.lost_logs += 1,
                Some(told) => found.extend(told.closes()),
                None => found.push((
                    "the log has a gap or no end",
                    format!("no line of {client}"),
                )),
            }
        }
        let lost = told.values().any(|told| told.lost);
        if lost {
            told.clear();
        }
        self.found(found);
        (after, told)
    }

    pub fn count(&mut self, op: &Op, outcome: &Outcome) {
        self.report.count(op.call(), outcome.counts);
    }
}

/// The sum of several counts of names.
pub fn sum<'n>(nets: impl Iterator<Item = &'n Net>) -> Net {
    let mut all = Net::new();
    for (name, by) in nets.flatten() {
        *all.entry(name.clone()).or_default() += by;
    }
    all
}
