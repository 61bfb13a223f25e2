//! `scp -t` and `scp -f`, with a client that has already sent everything.

use super::lines::Lines;
use super::stage::{POLICY, Stage, shown};
use crate::model::random::Random;

/// Lines that run in a normal test run, each way.
const LINES: usize = 100;

/// A file, then a directory with one: what would be an error for a target that is a file is left out.
const FILES: &[u8] = b"C0644 4 new\nabcd\0D0755 0 made\nC0644 2 x\nab\0E\n";

fn run(sends: bool, seed: u64) {
    let stage = Stage::new(POLICY);
    let mut lines = Lines {
        random: Random::new(seed),
        sends,
    };
    let (mut tried, mut above, mut accepted, mut changes, mut said) = (0, 0, 0, 0, 0);
    let mut wrong = Vec::new();
    while accepted < LINES {
        let line = lines.scp();
        tried += 1;
        if line.windows(4).any(|part| part == b" -r ") {
            stage.furnish_for_recursion();
        } else {
            stage.furnish();
        }
        let Some(served) = stage.served(&line) else {
            continue;
        };
        let mut operands = served.argv.iter().skip_while(|word| *word != b"--").skip(1);
        if operands.any(|path| stage.lies_above(&served, path)) {
            above += 1;
            continue;
        }
        accepted += 1;
        let input = if sends { vec![0; 64] } else { FILES.to_vec() };
        let seen = stage.run_with_input(&served, &input);
        changes += seen.changes;
        said += seen.client.stdout.len();
        if !seen.outside.is_empty() {
            wrong.push(format!(
                "{}\n    {}",
                shown(&line),
                seen.outside.join("\n    ")
            ));
        }
    }
    println!(
        "{tried} lines, {above} above the policy, {accepted} accepted, {changes} changes, {said} bytes"
    );
    assert!(
        sends || changes > LINES / 2,
        "hardly anything was written: {changes}"
    );
    assert!(said > LINES * 10, "hardly anything was sent: {said}");
    assert!(
        wrong.is_empty(),
        "{} lines:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_is_sent_lies_within_the_policy() {
    run(true, 3);
}

#[test]
fn what_is_received_lies_within_the_policy() {
    run(false, 4);
}

/// A former bug: what followed the first wildcard was not vetted.
#[test]
fn the_tracer_sees_what_stands_behind_a_wildcard() {
    let stage = Stage::new(POLICY);
    let mut served = stage.served(b"scp -f -- pub/a").expect("an accepted line");
    served.argv.pop();
    served.argv.push(b"pub/sub/../../../../etc/passwd".to_vec());
    let seen = stage.run_with_input(&served, &[0; 64]);
    let read = seen
        .outside
        .iter()
        .any(|deed| deed.starts_with("Read /etc/passwd: "));
    assert!(read, "{:#?}", seen.outside);
    assert!(
        stage
            .served(b"scp -f pub/s*/../../../../etc/passwd")
            .is_none()
    );
}
