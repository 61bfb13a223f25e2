//! The checker: policies, trees and calls of two and three sessions from a seed, and an oracle that examines the whole
//! tree and the log afterwards.
//!
//! `world` generates a policy and a tree, `calls` the calls; `sequential` and `racing` let sessions make them, `bounds`
//! writes more than it may; `oracle` judges two states of the tree, and `lines` compares the log with them.

mod bounds;
mod calls;
mod ground;
mod lines;
mod mutants;
mod oracle;
mod racing;
pub mod random;
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

/// A way to make a policy, a tree and calls from a seed.
type Mode = fn(&Host, u64) -> Report;

/// The modes by name. Those at full speed make thousands of calls per seed, the others a few hundred.
const MODES: &[(&str, Mode)] = &[
    ("sequential", sequential),
    ("prepared", prepared),
    ("exchange", |host, seed| {
        let fixed = scenarios::exchanged(&mut Random::new(seed));
        race(host, seed, &fixed, |run| scenarios::exchange(run, 1000))
    }),
    ("borrow", |host, seed| {
        race(host, seed, &scenarios::borrowed(), |run| {
            scenarios::borrow(run, 1500)
        })
    }),
    ("cross", |host, seed| {
        race(host, seed, &scenarios::crossed(), |run| {
            scenarios::cross(run, 1000)
        })
    }),
    ("bounds", bounds),
    ("cycles", |host, seed| {
        race(host, seed, &[], |run| {
            let parts = run.cycles(3000);
            run.race(&parts);
        })
    }),
    ("mixture", |host, seed| {
        race(host, seed, &[], |run| {
            let parts = run.mixture(25);
            run.race(&parts);
        })
    }),
];

/// Limits of a session: odd seeds test bytes, even ones time.
fn bounds(host: &Host, seed: u64) -> Report {
    let mut run = Run::new(host, seed, &bounds::fixed(), bounds::line(seed));
    run.bounds();
    run.report
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

/// A scenario followed by random calls.
fn prepared(host: &Host, seed: u64) -> Report {
    let mut random = Random::new(seed);
    let calls = 30;
    let (fixed, scenario): (_, fn(&mut Run, usize)) = match seed % 4 {
        0 => (scenarios::blinded(&mut random), scenarios::blind),
        1 => (scenarios::carried(&mut random), scenarios::carry),
        2 => (scenarios::opened(), scenarios::open),
        _ => (scenarios::temporaries(), scenarios::temporary),
    };
    let mut run = Run::new(host, seed, &fixed, "");
    scenario(&mut run, calls);
    run.report
}

fn race(host: &Host, seed: u64, fixed: &[world::Fixed], act: impl Fn(&mut Run)) -> Report {
    let mut run = Run::new(host, seed, fixed, "");
    act(&mut run);
    run.report
}

fn mode(name: &str) -> Mode {
    let found = MODES.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no mode {name:?}")).1
}

/// Runs these seeds in this mode.
fn seeds(host: &Host, name: &str, seeds: impl IntoIterator<Item = u64>) -> Report {
    let mut all = Report::default();
    for seed in seeds {
        all.add(mode(name)(host, seed).told_by(name));
    }
    all
}

#[test]
fn calls_one_after_the_other() {
    let host = host();
    let mut all = seeds(&host, "sequential", 1..=40);
    all.add(seeds(&host, "prepared", 1..=36));
    all.assert_clean();
    all.assert_reached();
}

#[test]
fn calls_at_the_same_time() {
    let host = host();
    let mut all = Report::default();
    for (name, most) in [
        ("exchange", 6),
        ("borrow", 6),
        ("cross", 4),
        ("cycles", 12),
        ("mixture", 8),
    ] {
        all.add(seeds(&host, name, 1..=most));
    }
    all.assert_clean();
}

/// The checker is not blind: if nothing prevents it, all of this happens.
#[test]
fn an_ordinary_account_does_it_all() {
    let host = host();
    let mut all = Report::default();
    for seed in 1..=8 {
        let mut run = Run::of(&host, host.plain(), seed, &[], "");
        run.sequential(&[Kind::Sftp, Kind::Sftp], &[], 150);
        all.add(run.report);
    }
    let kinds = all.kinds();
    for expected in [
        "a directory of the policy lost its name",
        "a dotfile was changed",
        "a dotfile was left behind",
        "a dotfile was made",
        "a dotfile was removed or renamed",
        "an older file got a name without the right",
        "an older name is gone without the right",
        "made without the right",
        "older content changed without the right",
        "older metadata changed without the right",
        "opened for writing without the right",
        "outside the roots",
        "read without the right",
        "the account lost its rights on a directory of the policy",
        "the home was changed",
        "the log has a gap or no end",
    ] {
        assert!(kinds.contains(&expected), "{expected}: never seen\n{all}");
    }
}

#[test]
fn bounds_always_bind() {
    seeds(&host(), "bounds", 1..=2).assert_clean();
}

/// `XFERSH_MODEL_OPERATIONS=1000000 cargo test --test suite -- --ignored --nocapture model::a_long_run`, with
/// `XFERSH_MODEL_SEED` to begin at another seed and `XFERSH_MODEL_MODE` for one mode only.
#[test]
#[ignore = "as long as XFERSH_MODEL_OPERATIONS says"]
fn a_long_run() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let most = number("XFERSH_MODEL_OPERATIONS").unwrap_or(100_000);
    let mut seed = number("XFERSH_MODEL_SEED").unwrap_or(1000);
    let only = std::env::var("XFERSH_MODEL_MODE").ok();
    let host = host();
    let mut all = Report::default();
    let started = std::time::Instant::now();
    loop {
        for (name, _) in MODES {
            // They mostly wait.
            let rarely = *name == "bounds" && only.is_none() && seed % 50 > 1;
            if only.as_deref().is_none_or(|only| only == *name) && !rarely {
                all.add(seeds(&host, name, [seed]));
            }
        }
        seed += 1;
        if all.operations() >= most {
            break;
        }
    }
    println!("{all}\nin {} s", started.elapsed().as_secs());
    all.assert_clean();
}
