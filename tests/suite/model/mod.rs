//! The checker: policies, trees and calls of two and three sessions from a seed, and an oracle that looks at the whole
//! tree and at the log afterwards.
//!
//! `world` makes a policy and a tree, `calls` the calls, `sequential` and `racing` have sessions make them, `bounds`
//! writes more than it may; `oracle` judges two states of the tree and `lines` the log against them.

mod calls;
mod ground;
mod lines;
mod oracle;
mod random;
mod report;
mod run;
mod sequential;
mod session;
mod tree;
mod world;

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

fn sequential_seed(host: &Host, seed: u64) -> Report {
    let mut run = Run::new(host, seed, &[], "");
    for _ in 0..3 {
        let kinds: Vec<Kind> = (0..2 + run.random.below(2))
            .map(|_| *run.random.pick(&[Kind::Plain, Kind::Sftp, Kind::Rsync]))
            .collect();
        run.sequential(&kinds, &[], 120);
    }
    run.report
}

#[test]
fn calls_one_after_the_other() {
    let host = host();
    let mut all = Report::default();
    for seed in 1..=20 {
        all.add(sequential_seed(&host, seed));
    }
    println!("{all}");
    all.assert_clean();
}
