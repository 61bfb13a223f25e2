//! The checker finds each mistake that it is meant to find: the program is built with one fix removed.
//!
//! Where to look for which mistake:
//!
//! | mistake | mode, seeds | found as |
//! |---|---|---|
//! | an error of a look is taken for "absent"; a mode may shut the session out | prepared, 4 to 36 by fours | "read without the right", "a directory of the policy lost its name", "the account lost its rights on a directory of the policy" |
//! | an absent directory of the policy has no rules | sequential, 8 | "a place of the policy was taken by no directory" |
//! | a rename acts on the name, not on what was judged | exchange, 1 and 2 | "a dotfile was made" |
//! | a removal does so; what was made is looked up by name | borrow, 1 to 6 | "an older name is gone without the right", "older content changed without the right" |
//! | rsync's temporary names are remembered by path | prepared, 3 to 35 by fours | "a dotfile was left behind", "a dotfile was removed or renamed" |
//! | an orphan that ends keeps bounds from being looked at | bounds, 1 and 2 | "a bound was passed and the session went on" |
//! | a renamed, copied, removed, forgotten or preallocated upload does not count | bounds, 1; prepared, 2 to 10 by fours | the same, "the log tells fewer bytes than were written", "the size of an upload is not that of its line" |
//! | an own directory carries what is older | prepared, 1 to 33 by fours | "an older file was carried to other rules", "a symbolic link leads out" |
//! | a line says what was judged, not what was done | cross, 1 to 4 | "calls and lines differ in number", "names on the disk and in the log differ" |

use super::{host, seeds};
use crate::guard::continuing::CONTINUING;
use crate::harness::{Mutant, XFERSH};

struct Row {
    mutant: Mutant,
    /// Where it shows.
    mode: &'static str,
    /// Seeds that are tried until it does.
    most: u64,
    /// One of these must be among the findings.
    kinds: &'static [&'static str],
}

/// The guards of two sessions do not wait for each other.
const NO_LOCK: Mutant = Mutant {
    name: "no lock",
    changes: &[(
        "src/guard/lock.rs",
        "Ok(false) => return Ok(None),",
        "Ok(false) => {}",
    )],
};

const BLIND_MOVE: Mutant = Mutant {
    name: "what is in a directory that is moved counts as own",
    changes: &[(
        "src/guard/calls/tree.rs",
        "found.is_all_own = is_own(status.inode);",
        "found.is_all_own = is_own(status.inode) || true;",
    )],
};

const LOCKS_OUT: Mutant = Mutant {
    name: "a mode may shut the account out",
    changes: &[(
        "src/decide/rules/mod.rs",
        "if place.is_policy_directory && old_mode",
        "if false && place.is_policy_directory && old_mode",
    )],
};

/// A mode shuts the account out, what cannot be looked at then counts as absent, and what is absent has no rules.
const ABSENT: Mutant = Mutant {
    name: "an error is taken for absent",
    changes: &[
        (
            "src/gather/walk.rs",
            "matches!(code, Some(Errno::ENOENT | Errno::ENOTDIR))",
            "matches!(code, Some(_))",
        ),
        (
            "src/guard/resolve/policy_directories.rs",
            "Some(libc::ENOENT | libc::ENOTDIR) => Ok(None)",
            "Some(_) => Ok(None)",
        ),
        (
            "src/decide/rules/mod.rs",
            "if place.is_policy_directory && old_mode",
            "if false && place.is_policy_directory && old_mode",
        ),
        (
            "src/decide/mod.rs",
            "roots::roots(case.policy, case.account, &facts.places, most).into();",
            "roots::roots(case.policy, case.account, &facts.places, most)\n            .into_iter().filter(|root| root.exists).collect::<Vec<_>>().into();",
        ),
    ],
};

const LEFT_BEHIND: Mutant = Mutant {
    name: "a closed directory keeps its temporary names",
    changes: &[(
        "src/guard/end.rs",
        "let is_closed = status.mode",
        "let is_closed = false && status.mode",
    )],
};

const CLOSED: Mutant = Mutant {
    name: "an upload that is renamed counts as closed",
    changes: &[(
        "src/guard/upload.rs",
        "self.is_shared || self.holder.is_some_and(holds)",
        "false && self.holder.is_some_and(holds)",
    )],
};

/// Each row is a fix that is removed.
const ROWS: &[Row] = &[
    Row {
        mutant: CONTINUING,
        mode: "sequential",
        most: 2,
        kinds: &["names on the disk and in the log differ"],
    },
    Row {
        mutant: BLIND_MOVE,
        mode: "prepared",
        most: 9,
        kinds: &["an older file was carried to other rules"],
    },
    Row {
        mutant: LOCKS_OUT,
        mode: "prepared",
        most: 12,
        kinds: &["the account lost its rights on a directory of the policy"],
    },
    Row {
        mutant: ABSENT,
        mode: "prepared",
        most: 24,
        kinds: &[
            "read without the right",
            "older content changed without the right",
            "a directory of the policy lost its name",
        ],
    },
    Row {
        mutant: LEFT_BEHIND,
        mode: "prepared",
        most: 40,
        kinds: &["a dotfile was left behind"],
    },
    Row {
        mutant: CLOSED,
        mode: "bounds",
        most: 6,
        kinds: &[
            "a bound was passed and the session went on",
            "the log tells fewer bytes than were written",
        ],
    },
    Row {
        mutant: NO_LOCK,
        mode: "exchange",
        most: 12,
        kinds: &["a dotfile was made"],
    },
    Row {
        mutant: NO_LOCK,
        mode: "borrow",
        most: 20,
        kinds: &[
            "an older name is gone without the right",
            "older content changed without the right",
        ],
    },
    Row {
        mutant: NO_LOCK,
        mode: "cross",
        most: 12,
        kinds: &[
            "calls and lines differ in number",
            "names on the disk and in the log differ",
        ],
    },
];

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
            None => missed.push(format!("{name} ({})", row.mode)),
        }
    }
    assert!(missed.is_empty(), "the checker is blind for {missed:?}");
}
