//! The checker: policies, trees and calls of two and three sessions from a seed, and an oracle that looks at the whole
//! tree and at the log afterwards.
//!
//! `world` makes a policy and a tree, `calls` the calls, `sequential` and `racing` have sessions make them, `bounds`
//! writes more than it may; `oracle` judges two states of the tree and `lines` the log against them.

mod calls;
mod ground;
mod lines;
mod oracle;
mod racing;
mod random;
mod report;
mod run;
mod scenarios;
mod sequential;
mod session;
mod tree;
mod world;

use random::Random;
use report::Report;
use run::Run;
use session::Kind;

use crate::harness::{Host, Kind as Program};

fn host() -> Host {
    let host = Host::new();
    host.install_program("model", Program::Program);
    host.inside(|| {
        for place in ["/home", "/srv"] {
            tree::numbers_are_not_used_again(place.as_ref());
        }
    });
    host
}

/// Calls one after the other, without anything prepared.
fn sequential(host: &Host, seed: u64) -> Report {
    let mut run = Run::new(host, seed, &[], "");
    for _ in 0..3 {
        let kinds: Vec<Kind> = (0..2 + run.random.below(2))
            .map(|_| *run.random.pick(&[Kind::Plain, Kind::Sftp, Kind::Rsync]))
            .collect();
        run.sequential(&kinds, &[], 100);
    }
    run.report
}

/// A scenario with calls of chance behind it.
fn prepared(host: &Host, seed: u64) -> Report {
    let mut random = Random::new(seed);
    let calls = 30;
    let (fixed, scenario): (_, fn(&mut Run, usize)) = match seed % 3 {
        0 => (scenarios::blinded(&mut random), scenarios::blind),
        1 => (scenarios::carried(&mut random), scenarios::carry),
        _ => (scenarios::temporaries(), scenarios::temporary),
    };
    let mut run = Run::new(host, seed, &fixed, "");
    scenario(&mut run, calls);
    run.report
}

/// Sessions at the same time; `repeat` times over.
fn racing(host: &Host, seed: u64, repeat: usize) -> Report {
    let mut random = Random::new(seed);
    let (fixed, scenario): (_, fn(&mut Run, usize)) = match seed % 5 {
        0 => (scenarios::exchanged(&mut random), scenarios::exchange),
        1 => (scenarios::borrowed(), scenarios::borrow),
        2 => (scenarios::crossed(), scenarios::cross),
        3 => (Vec::new(), |run, repeat| {
            let parts = run.cycles(repeat / 2);
            run.race(&parts);
        }),
        _ => (Vec::new(), |run, repeat| {
            let parts = run.mixture(repeat / 60);
            run.race(&parts);
        }),
    };
    let mut run = Run::new(host, seed, &fixed, "");
    scenario(&mut run, repeat);
    run.report
}

fn many(seeds: impl Iterator<Item = u64>, one: impl Fn(&Host, u64) -> Report) -> Report {
    let host = host();
    let mut all = Report::default();
    for seed in seeds {
        all.add(one(&host, seed));
    }
    println!("{all}");
    all
}

#[test]
fn calls_one_after_the_other() {
    many(1..=15, sequential).assert_clean();
}

#[test]
fn scenarios_one_after_the_other() {
    many(1..=18, prepared).assert_clean();
}

#[test]
fn calls_at_the_same_time() {
    many(1..=10, |host, seed| racing(host, seed, 3000)).assert_clean();
}
