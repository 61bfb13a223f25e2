//! Runs the rows of a client: first in an ordinary account, which shows that the client does it and that the check
//! notices, then in a restricted one, which must give the same result.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::material::{self, NAMES};
use super::row::{Action, Client, End, Row};
use super::stage;
use super::table::{self, Said};
use super::tree::Tree;
use crate::harness::client::LOCAL;
use crate::harness::run::Output;
use crate::harness::{Account, Host, Snapshot};

/// What one run of a row left behind.
struct Outcome {
    output: Output,
    said: String,
    remote: Tree,
    local: Tree,
    /// Whether the action happened, or what is missing.
    effect: Result<(), String>,
    untouched: bool,
    log: Vec<String>,
}

/// Runs a client's rows; reports everything that went wrong, not only the first failure.
pub fn run(client: &Client) {
    let host = stage::host(client.subsystem);
    if !client.policy.is_empty() {
        host.policy(client.policy);
    }
    let version = stage::run(&host, host.plain(), client.version);
    let version = String::from_utf8_lossy(&version.stdout)
        .lines()
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    let mut wrong = String::new();
    if version.is_empty() {
        wrong += &format!("no version from: {}\n", client.version);
    }
    let mut said = Vec::new();
    for row in client.rows {
        match judge(&host, row) {
            Ok(result) => said.push(Said::of(row, result)),
            Err(problem) => {
                wrong += &format!("\n== {}, {}\n{problem}", row.action.name(), row.line);
                said.push(Said::of(row, table::DIFFERS.to_owned()));
            }
        }
    }
    table::keep(client, &version, &said);
    assert!(wrong.is_empty(), "{} {version}:\n{wrong}", client.name);
}

/// The result of a row in words, or what is wrong with it.
fn judge(host: &Host, row: &Row) -> Result<String, String> {
    if let End::Absent(why) = row.end {
        return Ok(format!("no such function: {why}"));
    }
    let plain = attempt(host, host.plain(), row);
    let ours = attempt(host, host.alice(), row);
    let both = || {
        format!(
            "in an ordinary account: {}\n{:?}\nhere: {}\n{:?}\nlog: {:#?}",
            plain.output, plain.effect, ours.output, ours.effect, ours.log
        )
    };
    let demand = |holds: bool, what: &str| {
        if holds {
            Ok(())
        } else {
            Err(format!("{what}\n{}\n", both()))
        }
    };
    if let End::RefusedSilently = row.end {
        demand(plain.effect.is_ok(), "the baseline has no effect")?;
        demand(ours.untouched, "the disk changed")?;
        let logged = ours.log.iter().any(|line| line.contains("verdict=refused"));
        demand(logged, "the log has no refusal")?;
        demand(
            ours.output.status.success(),
            "the client does report a failure",
        )?;
        return Ok("refused; the client says nothing and ends with status 0".to_owned());
    }
    if let End::Refused(words) = row.end {
        demand(plain.output.status.success(), "the baseline fails")?;
        demand(plain.effect.is_ok(), "the baseline has no effect")?;
        demand(
            !ours.output.status.success(),
            "the client reports no failure",
        )?;
        demand(ours.untouched, "the disk changed")?;
        let line = line_with(&ours.said, words);
        demand(
            line.is_some(),
            &format!("the client does not say {words:?}"),
        )?;
        return Ok(format!("refused: {}", quoted(line.unwrap_or_default())));
    }
    let mut differences = plain.local.diff(&ours.local);
    if !matches!(row.action, Action::Repository(..)) {
        differences += &plain.remote.diff(&ours.remote);
    }
    demand(
        differences.is_empty(),
        &format!("not the same files:\n{differences}"),
    )?;
    demand(
        plain.output.code() == ours.output.code(),
        "not the same status",
    )?;
    match row.end {
        End::Works => {
            demand(plain.output.status.success(), "the baseline fails")?;
            demand(plain.effect.is_ok(), "the baseline has no effect")?;
            Ok("same".to_owned())
        }
        End::Lacks(parts) => {
            let missing = plain.effect.as_ref().err().cloned().unwrap_or_default();
            demand(
                missing == parts.join(", "),
                "the client lacks other parts than listed",
            )?;
            let failed = !plain.output.status.success();
            let line = plain
                .said
                .lines()
                .rfind(|line| failed && !line.trim().is_empty());
            let words = line.map_or_else(String::new, |line| format!(": {}", quoted(line)));
            Ok(format!("same; the client itself lacks {missing}{words}"))
        }
        End::Refused(_) | End::RefusedSilently | End::Absent(_) => unreachable!("answered above"),
    }
}

fn attempt(host: &Host, account: &Account, row: &Row) -> Outcome {
    stage::set(host, account);
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let since = since.as_secs().cast_signed() - 60;
    let state = || host.inside(|| Snapshot::of(&[account.home()]));
    let before = state();
    let output = stage::run(host, account, row.line);
    let untouched = before.diff(&state()).is_empty();
    let (remote, local) = host.inside(|| {
        (
            Tree::read(&account.home(), since),
            Tree::read(Path::new(LOCAL), since),
        )
    });
    let effect = effect(host, account, row.action, &remote, &local);
    let said = stage::neutral(
        account,
        &[&output.stdout[..], b"\n", &output.stderr[..]].concat(),
    );
    Outcome {
        output,
        said,
        remote,
        local: local.below("down"),
        effect,
        untouched,
        log: host.log().into_iter().map(|line| line.text).collect(),
    }
}

/// Whether the action happened; if not, what is missing.
fn effect(
    host: &Host,
    account: &Account,
    action: Action,
    remote: &Tree,
    local: &Tree,
) -> Result<(), String> {
    let same = |to: &Tree, target: &str, from: &Tree, source: &str| {
        let bytes = |tree: &Tree, path: &str| tree.get(path).map(|node| node.bytes.clone());
        let (target_bytes, source_bytes) = (bytes(to, target), bytes(from, source));
        given(
            target_bytes.is_some() && target_bytes == source_bytes,
            target,
        )
    };
    match action {
        Action::Upload => same(remote, "uploads/file.bin", local, "up/file.bin"),
        Action::Download => same(local, "down/file.bin", remote, "out/file.bin"),
        Action::Dotfile => same(remote, stage::PROTECTED, local, "up/file.bin"),
        Action::TreeUp => content(&local.below("up/tree"), &remote.below("uploads/tree")),
        Action::TreeDown => content(&remote.below("out/tree"), &local.below("down/tree")),
        Action::NamesUp => names(&local.below("up/names"), &remote.below("uploads/names")),
        Action::NamesDown => names(&remote.below("out/names"), &local.below("down/names")),
        Action::Empty => {
            same(remote, "uploads/zero", local, "up/zero")?;
            same(local, "down/zero", remote, "out/zero")
        }
        Action::ResumeUp => resumed(remote, "uploads/part.bin"),
        Action::ResumeDown => resumed(local, "down/part.bin"),
        Action::Kept => {
            let mut lost = Vec::new();
            for (tree, path) in [(remote, "uploads/kept.sh"), (local, "down/kept.sh")] {
                let wanted = local.get("up/kept.sh").expect("it was laid there");
                let Some(got) = tree.get(path) else {
                    return Err(path.to_owned());
                };
                for (lacks, what) in [
                    (got.bytes != wanted.bytes, "bytes of"),
                    (got.mode != wanted.mode, "mode of"),
                    (got.modified != wanted.modified, "time of"),
                ] {
                    if lacks {
                        lost.push(format!("{what} {path}"));
                    }
                }
            }
            given(lost.is_empty(), &lost.join(", "))
        }
        Action::Rename => {
            given(
                remote.get("uploads/old.txt").is_none(),
                "the old name is there",
            )?;
            given(remote.get("uploads/new.txt").is_some(), "no new name")
        }
        Action::Delete => given(remote.get("uploads/old.txt").is_none(), "it is still there"),
        Action::Other(_, check) | Action::Repository(_, check) => {
            let output = stage::run(host, account, check);
            given(output.status.success(), &output.to_string())
        }
    }
}

fn given(holds: bool, missing: &str) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(missing.to_owned())
    }
}

/// Names, kinds and bytes of a tree; modes and times are compared between the accounts.
fn content(from: &Tree, to: &Tree) -> Result<(), String> {
    given(!from.0.is_empty(), "the source is empty")?;
    let mut missing = Vec::new();
    for (name, node) in &from.0 {
        let arrived = to.0.get(name);
        if arrived.is_none_or(|arrived| (arrived.kind, &arrived.bytes) != (node.kind, &node.bytes))
        {
            missing.push(name.escape_ascii().to_string());
        }
    }
    given(missing.is_empty(), &missing.join(", "))
}

fn names(from: &Tree, to: &Tree) -> Result<(), String> {
    let mut missing = Vec::new();
    for (word, name) in NAMES {
        let bytes = |tree: &Tree| tree.0.get(*name).map(|node| node.bytes.clone());
        if bytes(from).is_none() || bytes(from) != bytes(to) {
            missing.push(*word);
        }
    }
    given(missing.is_empty(), &missing.join(", "))
}

fn resumed(tree: &Tree, path: &str) -> Result<(), String> {
    let bytes = tree.get(path).map(|node| &node.bytes);
    let started_again = bytes.is_some_and(|bytes| bytes[1..] == material::resumed()[1..]);
    let missing = if started_again {
        "the second half alone"
    } else {
        path
    };
    given(bytes == Some(&material::resumed()), missing)
}

fn line_with<'a>(said: &'a str, words: &str) -> Option<&'a str> {
    said.lines().find(|line| line.contains(words))
}

/// As code in a table cell.
fn quoted(line: &str) -> String {
    table::code(line.trim())
}
