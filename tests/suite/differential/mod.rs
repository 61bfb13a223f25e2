//! The session against plain OpenSSH: scripts of raw SFTP requests from a seed, made by both accounts in lock-step on
//! the same trees. Each answer must be the same, and so must the trees at the end; what is not must be a documented
//! difference (`rules`). Such a request is then left out for plain OpenSSH, and the script is run again: so a request
//! that was refused must have changed nothing.
//!
//! A difference that nothing explains is printed with its seed and the shortest script that still shows it.

mod answer;
mod generate;
mod pair;
mod request;
mod rules;

use std::collections::BTreeMap;
use std::time::Instant;

use pair::{Difference, Instead, run};
use request::Step;

use crate::harness::Host;

/// What was seen in a number of scripts.
#[derive(Default)]
struct Seen {
    scripts: u64,
    /// Pairs of sessions, those of repetitions included.
    pairs: u64,
    requests: u64,
    /// Answers that were the same, by kind of request.
    by_verb: BTreeMap<&'static str, u64>,
    by_rule: BTreeMap<&'static str, u64>,
    unexplained: Vec<String>,
}

/// Runs a script until nothing is left that a rule explains. `None`: the two are the same.
fn settle(
    host: &Host,
    script: &[Step],
    mut fired: impl FnMut(&'static str),
    pairs: &mut u64,
) -> Option<Difference> {
    let mut instead: BTreeMap<usize, Instead> = BTreeMap::new();
    loop {
        *pairs += 1;
        let mut found = run(host, script, &instead, false)?;
        if (found.rule.is_none() || !found.disk.is_empty()) && script.len() > 1 {
            // After which request did the trees differ? An answer may only tell of it.
            *pairs += 1;
            found = run(host, script, &instead, true).unwrap_or(found);
        }
        let Some((name, other)) = found.rule.take() else {
            return Some(found);
        };
        if instead.insert(found.step.number, other).is_some() {
            return Some(found);
        }
        fired(name);
    }
}

/// Leaves out what is not needed for a difference at a request of the same kind.
fn shrink(host: &Host, mut script: Vec<Step>, difference: Difference) -> (Vec<Step>, Difference) {
    let mut smallest = difference;
    let mut at = script.len();
    while at > 0 {
        at -= 1;
        if at >= script.len() {
            continue;
        }
        let mut shorter = script.clone();
        shorter.remove(at);
        let found = settle(host, &shorter, |_| {}, &mut 0);
        if let Some(found) = found
            && found.step.request.verb.name == smallest.step.request.verb.name
        {
            script = shorter;
            smallest = found;
        }
    }
    (script, smallest)
}

fn shown(seed: u64, script: &[Step], difference: &Difference) -> String {
    let lines: Vec<String> = script.iter().map(ToString::to_string).collect();
    format!(
        "seed {seed}:\n{}\n  at {}\n  OpenSSH: {}\n  here:    {}\n{}",
        lines.join("\n"),
        difference.step.number,
        difference.plain,
        difference.ours,
        difference.disk
    )
}

fn compare(host: &Host, seeds: impl IntoIterator<Item = u64>, enough: usize) -> Seen {
    let mut seen = Seen::default();
    for seed in seeds {
        let script = generate::script(seed);
        seen.scripts += 1;
        seen.requests += script.len() as u64;
        for step in &script {
            *seen.by_verb.entry(step.request.verb.name).or_default() += 1;
        }
        let (rules, pairs) = (&mut seen.by_rule, &mut seen.pairs);
        let found = settle(
            host,
            &script,
            |name| *rules.entry(name).or_default() += 1,
            pairs,
        );
        // The log of the host is not looked at here, and would grow.
        host.log();
        if let Some(found) = found {
            let (script, found) = shrink(host, script, found);
            let text = shown(seed, &script, &found);
            println!("{text}");
            seen.unexplained.push(text);
            if seen.unexplained.len() >= enough {
                break;
            }
        }
    }
    seen
}

fn number(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(otherwise, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is {text:?}, not a number"))
    })
}

#[test]
fn the_documented_differences_are_the_only_ones() {
    let host = Host::new();
    let first = number("XFERSH_DIFFERENTIAL_SEED", 1);
    let count = number("XFERSH_DIFFERENTIAL_SCRIPTS", 25);
    let started = Instant::now();
    let seen = compare(&host, first..first + count, 5);
    let table = table(&seen, first);
    println!("{table}\nin {} s", started.elapsed().as_secs());
    if let Ok(path) = std::env::var("XFERSH_DIFFERENTIAL_TABLE") {
        std::fs::write(path, table).expect("writing the table");
    }
    assert!(
        seen.unexplained.is_empty(),
        "{} scripts end differently:\n{}",
        seen.unexplained.len(),
        seen.unexplained.join("\n")
    );
    if count >= 1000 {
        let silent = rules::RULES.iter().map(|rule| rule.name);
        let silent: Vec<&str> = silent
            .filter(|name| !seen.by_rule.contains_key(name))
            .collect();
        assert!(silent.is_empty(), "rules that explain nothing: {silent:?}");
    }
}

fn table(seen: &Seen, first: u64) -> String {
    let mut text = format!(
        "{} scripts (seeds {first} to {}), {} requests; with the repetitions {} pairs of runs; {} that nothing explains.\n\n\
         | documented difference | times seen |\n|---|---|\n",
        seen.scripts,
        first + seen.scripts - 1,
        seen.requests,
        seen.pairs,
        seen.unexplained.len()
    );
    for rule in rules::RULES {
        let count = seen.by_rule.get(rule.name).unwrap_or(&0);
        text += &format!("| {} | {count} |\n", rule.name);
    }
    text += "\n| request | times |\n|---|---|\n";
    for (name, count) in &seen.by_verb {
        text += &format!("| {name} | {count} |\n");
    }
    text
}

#[test]
fn each_rule_is_in_the_document() {
    let document = include_str!("../../../docs/differences.md");
    for rule in rules::RULES {
        assert!(document.contains(rule.says), "{}: {}", rule.name, rule.says);
    }
}
