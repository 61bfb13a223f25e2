//! The checker finds each mistake that it is there for: the program is built with one fix taken out again.

use super::{host, seeds};
use crate::guard::continuing::CONTINUING;
use crate::harness::{Mutant, XFERSH};

struct Row {
    mutant: Mutant,
    /// Where it shows.
    mode: &'static str,
    /// Seeds that are tried until it does.
    most: u64,
    /// One of these must be among what is found.
    kinds: &'static [&'static str],
}

/// Each row is a fix that is not there.
const ROWS: &[Row] = &[Row {
    mutant: CONTINUING,
    mode: "sequential",
    most: 2,
    kinds: &["names on the disk and in the log differ"],
}];

#[test]
#[ignore = "builds the program once for each mistake"]
fn each_mistake_is_found() {
    let only = std::env::var("XFERSH_MODEL_MUTANT").ok();
    let mut missed = Vec::new();
    for row in ROWS {
        let name = row.mutant.name;
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let host = host();
        host.install(XFERSH, &row.mutant.binary());
        let tried = 1..=row.most;
        let found = tried.into_iter().find_map(|seed| {
            let report = seeds(&host, row.mode, [seed]);
            let kinds = report.kinds();
            let kind = row.kinds.iter().find(|kind| kinds.contains(kind))?;
            Some(format!("{name}: {kind} ({} seed {seed})", row.mode))
        });
        match found {
            Some(text) => println!("{text}"),
            None => missed.push(name),
        }
    }
    assert!(missed.is_empty(), "the checker is blind for {missed:?}");
}
