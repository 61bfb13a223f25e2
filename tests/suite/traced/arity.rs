//! Whether each option that we accept has a value exactly if the real rsync takes one: a wrong answer would change the
//! meaning of every word after it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::lines::{letters, table};
use crate::harness::Host;

#[derive(Debug, PartialEq)]
enum Arity {
    Flag,
    Value,
    /// This version does not have it, and ends.
    Unknown,
}

/// A word that is an option's value, or an error.
const NO_OPTION: &str = "--this-is-no-option";

/// Asks rsync about each option. rsync waits a moment before it exits with an error: hence many at once.
fn arities(host: &Host, options: &[&str]) -> Vec<Arity> {
    let each =
        format!("rsync --server \"$1\" {NO_OPTION} . /nowhere </dev/null >\"/mnt/said$1\" 2>&1; :");
    let mut command = Command::new("xargs");
    command.args(["-P", "30", "-I", "{}", "sh", "-c", &each, "sh", "{}"]);
    let list = options.join("\n");
    host.run(command.current_dir("/"), list.as_bytes())
        .succeeded("asking rsync");
    let answers = options.iter().map(|option| {
        let said = host.read(format!("/mnt/said{option}"));
        let said = String::from_utf8_lossy(&said);
        let is_refused = said.contains(&format!("{option}: ")) || said.contains("not support");
        if said.contains(&format!("{NO_OPTION}: unknown option")) {
            Arity::Flag
        } else if is_refused && !said.contains(NO_OPTION) {
            Arity::Unknown
        } else {
            Arity::Value
        }
    });
    answers.collect()
}

/// Compares our tables with a program; returns which options it does not have.
pub fn compare(host: &Host) -> Vec<String> {
    let known = ["--no-such-option", "--recursive", "--rsync-path"];
    let answers = arities(host, &known);
    assert_eq!(answers, [Arity::Unknown, Arity::Flag, Arity::Value]);
    let long = table().into_iter().map(|(name, kind)| {
        let expected = if kind == "None" {
            Arity::Flag
        } else {
            Arity::Value
        };
        (format!("--{name}"), expected)
    });
    let short = letters()
        .chars()
        .map(|letter| (format!("-{letter}"), Arity::Flag));
    let numbers = ["-B", "-@"].map(|option| (option.to_owned(), Arity::Value));
    let capabilities = [("-e".to_owned(), Arity::Value)];
    let rows: Vec<_> = long
        .chain(short)
        .chain(numbers)
        .chain(capabilities)
        .collect();
    let options: Vec<_> = rows.iter().map(|(option, _)| option.as_str()).collect();
    let mut missing = Vec::new();
    for ((option, expected), seen) in rows.iter().zip(arities(host, &options)) {
        if seen == Arity::Unknown {
            missing.push(option.clone());
        } else {
            assert_eq!(seen, *expected, "{option}");
        }
    }
    missing
}

/// The rsync that the environment names, to be used instead of the machine's.
pub fn other() -> Option<PathBuf> {
    std::env::var_os("XFERSH_TEST_RSYNC").map(PathBuf::from)
}

/// Replaces the machine's rsync with another.
pub fn exchange(host: &Host, program: &Path) {
    let program =
        std::fs::read(program).unwrap_or_else(|error| panic!("cannot read {program:?}: {error}"));
    host.install("/opt/rsync", &program);
    host.root("mount", &["--bind", "/opt/rsync", "/usr/bin/rsync"])
        .succeeded("mount");
}

#[test]
fn every_option_has_a_value_where_rsync_takes_one() {
    let host = Host::new();
    if let Some(program) = other() {
        exchange(&host, &program);
    }
    let missing = compare(&host);
    println!("unknown to the machine's rsync: {missing:?}");
    assert!(missing.len() < 20, "{missing:?}");
}
