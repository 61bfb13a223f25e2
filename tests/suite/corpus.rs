//! Every command of the corpus, through the real binary: the dry run and the shell itself.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::harness::{Host, Kind, Output, XFERSH};

const TABLES: &[(&str, &str)] = &[
    ("clients.tsv", include_str!("../corpus/clients.tsv")),
    ("commands.tsv", include_str!("../corpus/commands.tsv")),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Accept,
    Reject,
    /// Refused, or served without an effect outside the policy.
    Confine,
    Either,
}

struct Row {
    id: &'static str,
    protocols: &'static str,
    expected: Expected,
    command: Vec<u8>,
}

impl Row {
    fn is_forced(&self) -> bool {
        self.protocols == "forced"
    }
}

/// The commands of both tables.
pub fn commands() -> Vec<Vec<u8>> {
    rows().into_iter().map(|row| row.command).collect()
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (table, text) in TABLES {
        for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
            let columns: Vec<&'static str> = line.split('\t').collect();
            let [id, _class, protocols, expected, command, ..] = columns[..] else {
                panic!("{table}: a row of fewer than five columns: {line}");
            };
            let expected = match expected {
                "ACCEPT" => Expected::Accept,
                "REJECT" => Expected::Reject,
                "CONFINE" => Expected::Confine,
                "EITHER" => Expected::Either,
                other => panic!("{table}, {id}: what is {other}?"),
            };
            rows.push(Row {
                id,
                protocols,
                expected,
                command: unescape(command),
            });
        }
    }
    rows
}

/// The escapes of tests/corpus/README.md.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&kind, after) = rest
            .split_first()
            .expect("a lone backslash at the end of a command");
        rest = after;
        match kind {
            b'\\' => bytes.push(b'\\'),
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'r' => bytes.push(b'\r'),
            b'x' => {
                let (digits, after) = rest.split_at(2);
                let digits = std::str::from_utf8(digits).expect("hexadecimal digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal digits"));
                rest = after;
            }
            other => panic!("unknown escape \\{}", char::from(other)),
        }
    }
    bytes
}

/// What both say about one row, or what is wrong with it.
struct Seen {
    allowed: bool,
    stage: String,
    reason: String,
}

fn check(host: &Host, row: &Row) -> Result<Seen, String> {
    let mut command = Command::new(XFERSH);
    command
        .args(["--check", "--user", "alice", "--json"])
        .args(row.is_forced().then_some("--forced"))
        .arg("-c")
        .arg(OsStr::from_bytes(&row.command));
    let output = host.run(command.current_dir("/"), b"");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("--check --json: {error}: {output}"))?;
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let allowed = match (json["verdict"].as_str(), output.code()) {
        (Some("allowed"), 0) => true,
        (Some("refused"), 126) => false,
        _ => return Err(format!("--check says neither yes nor no: {output}")),
    };
    Ok(Seen {
        allowed,
        stage: text("stage"),
        reason: text("reason"),
    })
}

/// Runs the row as the account, with empty standard input: a server that is started ends at once.
fn shell(host: &Host, row: &Row) -> (bool, Output) {
    let output = if row.is_forced() {
        let mut shell = host.shell(host.alice());
        let command = OsStr::from_bytes(&row.command);
        shell.env("SSH_ORIGINAL_COMMAND", command);
        host.run(shell.arg("--forced"), b"")
    } else {
        host.direct(host.alice(), &row.command, b"")
    };
    (output.code() != 126, output)
}

fn judge(host: &Host, row: &Row, expected: Expected) -> Result<(), String> {
    let dry = check(host, row)?;
    let _ = host.log();
    let (allowed, output) = shell(host, row);
    let log = host.log();
    if dry.allowed != allowed {
        return Err(format!(
            "--check says {}, the shell {allowed}: {} {output}",
            dry.allowed, dry.reason
        ));
    }
    if output.code() == 125 || output.code() == 2 {
        return Err(format!("the shell itself failed: {output}\n{log:?}"));
    }
    if !allowed {
        refused_in_form(&output)?;
        if log.len() != 1 || !log[0].text.contains(&dry.reason) || dry.reason.is_empty() {
            return Err(format!(
                "a refusal for {:?} has one log line with that reason, got {log:?}",
                dry.reason
            ));
        }
    } else if log.is_empty() {
        return Err("an accepted request has a log line, got none".to_owned());
    }
    if log
        .iter()
        .any(|line| line.raw.iter().any(u8::is_ascii_control))
    {
        return Err(format!("raw bytes of the client in the log: {log:?}"));
    }
    match expected {
        Expected::Accept if !allowed && dry.stage != "path" => Err(format!(
            "should be accepted, refused at stage {:?}: {}",
            dry.stage, dry.reason
        )),
        Expected::Reject if allowed => Err(format!("should be refused: {output}")),
        _ => Ok(()),
    }
}

/// Exit status 126, nothing on stdout, one sentence on stderr.
fn refused_in_form(output: &Output) -> Result<(), String> {
    let sentence = output.err();
    let one = sentence.ends_with('\n') && sentence.lines().count() == 1 && sentence.len() > 10;
    if output.code() == 126 && output.stdout.is_empty() && one {
        return Ok(());
    }
    Err(format!(
        "a refusal is 126, nothing on stdout and one sentence on stderr: {output}"
    ))
}

fn judge_all(host: &Host, rows: &[(Row, Expected)]) {
    let before = host.disk();
    let mut wrong = Vec::new();
    for (row, expected) in rows {
        if let Err(what) = judge(host, row, *expected) {
            wrong.push(format!(
                "{}: {}: {what}",
                row.id,
                row.command.escape_ascii()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} rows:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
    before.assert_same(&host.disk(), "the corpus");
}

fn of_policy(protocols: &str, expected: impl Fn(&Row) -> Expected) -> Vec<(Row, Expected)> {
    let rows = rows().into_iter().filter(|row| row.protocols == protocols);
    rows.map(|row| {
        let expected = expected(&row);
        (row, expected)
    })
    .collect()
}

#[test]
fn the_tables_are_whole() {
    let rows = rows();
    let count = |protocols: &str| rows.iter().filter(|row| row.protocols == protocols).count();
    assert_eq!(
        (
            count("default"),
            count("rsync"),
            count("forced"),
            rows.len()
        ),
        (253, 117, 21, 391)
    );
    assert_eq!(unescape(r"a\\b\n\t\r\xe9"), b"a\\b\n\t\r\xe9");
}

#[test]
fn default_rows_under_the_default_policy() {
    let rows = of_policy("default", |row| row.expected);
    judge_all(&Host::new(), &rows);
}

#[test]
fn forced_rows_under_the_default_policy() {
    judge_all(&Host::new(), &of_policy("forced", |row| row.expected));
}

#[test]
fn rsync_rows_are_all_refused_under_the_default_policy() {
    let rows = of_policy("rsync", |_| Expected::Reject);
    judge_all(&Host::new(), &rows);
}

#[test]
fn rsync_rows_under_an_rsync_policy() {
    let host = Host::new();
    host.policy("protocols = [\"sftp\", \"scp\", \"rsync\"]\n");
    judge_all(&host, &of_policy("rsync", |row| row.expected));
}

/// Rows that are accepted for their form and name a place that no policy can give: the home itself, a device, and
/// a way up that leads to /etc.
const NOWHERE: [&str; 3] = ["client-114", "client-115", "scp-opt-118"];

/// What each accepted row starts where its places are allowed, word by word.
#[test]
fn accepted_rows_start_what_they_say() {
    let host = Host::new();
    let server = host.install_program("argv", Kind::Program);
    let server = server.display();
    host.shell_line("mkdir -m 777 -p /srv/c /srv/c/d /tmp /var/tmp /home/u");
    host.policy(&format!(
        "protocols = [\"sftp\", \"scp\", \"rsync\"]\nsftp_server = \"{server}\"\nscp = \"{server}\"\nrsync = \
         \"{server}\"\nstart = \"/srv/c\"\nwritable = [\"/srv/c\", \"/t\", \"/x\", \"/tmp\", \"/var/tmp\", \
         \"/home/u\", \"/a'b\"]\nreadable = [\"~\", \"/a\", \"/x|y&z\"]\n"
    ));
    let accepted = rows().into_iter();
    let accepted = accepted.filter(|row| row.expected == Expected::Accept);
    let (mut wrong, mut refused, mut count) = (String::new(), BTreeSet::new(), 0);
    for row in accepted {
        let (allowed, output) = shell(&host, &row);
        if !allowed {
            refused.insert(row.id);
            continue;
        }
        count += 1;
        let words = output.stdout.strip_suffix(b"\0").unwrap_or_default();
        let seen: Vec<_> = words.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        let expected = vector(&row.command);
        if seen != expected {
            let text = |words: &[Vec<u8>]| words.join(&b'|').escape_ascii().to_string();
            let (seen, expected) = (text(&seen), text(&expected));
            wrong += &format!("{}: {seen}\n  instead of {expected}\n  {output}\n", row.id);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(refused, BTreeSet::from(NOWHERE));
    assert_eq!(count, 201);
}

/// The argument vector that a command asks for, made another way: its words, with the options of scp in the order
/// of the table and without those that mean nothing to a server, and `--` before the places.
fn vector(command: &[u8]) -> Vec<Vec<u8>> {
    let fallback = command.starts_with(b"test -x ");
    // shell-words reads text: a byte for each character.
    let text: String = command.iter().map(|byte| char::from(*byte)).collect();
    // A client that escapes twice means an apostrophe.
    let words = shell_words::split(&text)
        .or_else(|_| shell_words::split(&text.replace("\\\\'", "\\\\\\'")));
    let words = words.unwrap_or_else(|_| panic!("{text}"));
    let program = words[0].rsplit('/').next().unwrap_or_default();
    let mut rest = words[1..].to_vec();
    if fallback {
        return vec![b"sftp-server".to_vec()];
    }
    let mut vector: Vec<String> = Vec::new();
    match program {
        "sftp-server" | "internal-sftp" => {
            vector.push("sftp-server".to_owned());
            vector.append(&mut rest);
        }
        "scp" => {
            let mut set = String::new();
            let is_option = |word: &String| word.len() > 1 && word.starts_with('-');
            while let Some(word) = rest.first().filter(|word| is_option(word)) {
                let ends = word == "--";
                set += &rest.remove(0);
                if ends {
                    break;
                }
            }
            vector.push("scp".to_owned());
            let letters = "vrpdtf".chars().filter(|letter| set.contains(*letter));
            vector.extend(letters.map(|letter| format!("-{letter}")));
            vector.push("--".to_owned());
            vector.extend(rest.iter().map(|word| place(word)));
        }
        _ => {
            let dot = rest
                .iter()
                .position(|word| word == ".")
                .expect("rsync's dot");
            let mut places = rest.split_off(dot + 1);
            if places.is_empty() {
                // An empty place of the client means where the server starts.
                places.push(".".to_owned());
            }
            rest.pop();
            vector.push("rsync".to_owned());
            vector.append(&mut rest);
            vector.extend(["--".to_owned(), ".".to_owned()]);
            vector.extend(places.iter().map(|word| place(word)));
        }
    }
    let bytes = |word: String| {
        word.chars()
            .map(|c| u8::try_from(c).expect("a byte"))
            .collect()
    };
    vector.into_iter().map(bytes).collect()
}

fn place(word: &str) -> String {
    let below = |rest: &str| format!("/home/alice{rest}");
    match word.strip_prefix("~alice").or(word.strip_prefix('~')) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => below(rest),
        _ => word.to_owned(),
    }
}
