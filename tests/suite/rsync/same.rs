//! The same transfers with plain rsync and here: the same exit status, the same trees. What differs is the table in
//! docs/rsync.md, which this test compares with what it sees.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{local, prepare};
use crate::harness::client::LOCAL;
use crate::harness::{Account, Host, Output, Snapshot};

/// A transfer: what the client has, what the account has (both as lines for sh), the words after `rsync`, and why it
/// ends differently, if it does.
struct Row {
    name: &'static str,
    client: &'static str,
    account: &'static str,
    words: &'static str,
    why: Option<&'static str>,
}

const fn same(
    name: &'static str,
    client: &'static str,
    account: &'static str,
    words: &'static str,
) -> Row {
    Row {
        name,
        client,
        account,
        words,
        why: None,
    }
}

const fn differs(why: &'static str, row: Row) -> Row {
    Row {
        why: Some(why),
        ..row
    }
}

/// `note` and `second` are two names of one file.
const TWO: &str = "echo note >note; ln note second";

const ROWS: &[Row] = &[
    // FIFOs and their kind.
    differs(
        "FIFOs and sockets are not created; the rest of the transfer arrives",
        same(
            "`-a`, a new FIFO",
            "mkfifo fifo; echo x >file",
            ":",
            "-a src/ @:uploads/",
        ),
    ),
    same(
        "`-rlpt`, a new FIFO",
        "mkfifo fifo; echo x >file",
        ":",
        "-rlpt src/ @:uploads/",
    ),
    differs(
        "FIFOs and sockets are not created; the rest of the transfer arrives",
        same(
            "`-a`, a new socket",
            "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => \"s\", Listen => 1) or die'",
            ":",
            "-a src/ @:uploads/",
        ),
    ),
    same(
        "a file over a FIFO",
        "echo x >fifo",
        "mkfifo fifo",
        "-a src/ @:uploads/",
    ),
    same(
        "a file over a FIFO, `--inplace`",
        "echo x >fifo",
        "mkfifo fifo",
        "-a --inplace src/ @:uploads/",
    ),
    same(
        "a directory over a FIFO",
        "mkdir fifo",
        "mkfifo fifo",
        "-a src/ @:uploads/",
    ),
    same(
        "`--delete` of a FIFO",
        "echo x >file",
        "mkdir d; mkfifo d/fifo",
        "-a --delete src/ @:uploads/d/",
    ),
    differs(
        "FIFOs are not changed, only removed and replaced",
        same(
            "a FIFO that is there, with another mode",
            "mkfifo -m 600 fifo",
            "mkfifo -m 644 fifo",
            "-a src/ @:uploads/",
        ),
    ),
    same(
        "a download of a FIFO",
        ":",
        "mkfifo fifo",
        "-a @:uploads/fifo back/",
    ),
    // Files with several names.
    same(
        "`-a` over a file with a second name",
        "echo new >note",
        TWO,
        "-a src/ @:uploads/",
    ),
    differs(
        "the other name may be a dotfile; without `--inplace` rsync replaces the file",
        same(
            "`-a --inplace` over a file with a second name",
            "echo new >note",
            TWO,
            "-a --inplace src/ @:uploads/",
        ),
    ),
    differs(
        "the other name may be a dotfile; without `--append` rsync replaces the file",
        same(
            "`-a --append` to a file with a second name",
            "printf 'note\\nmore\\n' >note",
            TWO,
            "-a --append src/ @:uploads/",
        ),
    ),
    differs(
        "the other name may be a dotfile; `-I` replaces the file",
        same(
            "`-a`, only the time of a file with a second name",
            "echo note >note; chmod 644 note",
            TWO,
            "-a --size-only src/ @:uploads/",
        ),
    ),
    differs(
        "the other name may be a dotfile; `-I` replaces the file",
        same(
            "`-a`, only the mode of a file with a second name",
            "echo note >note; chmod 600 note",
            TWO,
            "-a --size-only -O --no-t src/ @:uploads/",
        ),
    ),
    same(
        "`-aH`, two names of a new file",
        TWO,
        ":",
        "-aH src/ @:uploads/",
    ),
    same(
        "`-aH`, two names that are there with other content",
        "echo other >note; ln note second",
        TWO,
        "-aH src/ @:uploads/",
    ),
    differs(
        "the names are older than the session; `-I` replaces the files, and their names are linked again",
        same(
            "`-aH`, two names that are there, only another mode",
            "echo note >note; ln note second; chmod 600 note",
            TWO,
            "-aH --size-only --no-t -O src/ @:uploads/",
        ),
    ),
    same(
        "`-aI`, only the mode of a file with a second name",
        "echo note >note; chmod 600 note",
        TWO,
        "-aI src/ @:uploads/",
    ),
    same(
        "`-aHI`, two names that are there, only another mode",
        "echo note >note; ln note second; chmod 600 note",
        TWO,
        "-aHI src/ @:uploads/",
    ),
    same(
        "`--delete` of one of two names",
        "echo x >file",
        "mkdir d; echo x >d/note; ln d/note second",
        "-a --delete src/ @:uploads/d/",
    ),
    same(
        "`--link-dest`, the same file",
        "echo x >file; chmod 644 file",
        "mkdir old; echo x >old/file; touch -d '2010-11-12 13:14:15' old/file",
        "-a --link-dest=../old src/ @:uploads/new/",
    ),
    same(
        "`--link-dest`, only another mode",
        "echo x >file; chmod 600 file",
        "mkdir old; echo x >old/file; touch -d '2010-11-12 13:14:15' old/file",
        "-a --link-dest=../old src/ @:uploads/new/",
    ),
    // Modes.
    differs(
        "dropped from files; directories keep theirs",
        same(
            "set-user-id and sticky bits",
            "echo x >file; chmod 7755 file",
            ":",
            "-a src/ @:uploads/",
        ),
    ),
    same(
        "set-group-id of a directory",
        "mkdir d; chmod 2755 d",
        ":",
        "-a src/ @:uploads/",
    ),
    // What is wrong by itself, and what is wrong in two ways.
    same(
        "a download of what is missing",
        ":",
        ":",
        "-a @:uploads/none back/",
    ),
    same(
        "an upload below what is missing",
        "echo x >file",
        ":",
        "-a src/file @:uploads/none/deep/file",
    ),
    same(
        "a download of a missing dotfile",
        ":",
        ":",
        "-a @:uploads/.none back/",
    ),
    same(
        "a directory where a file is",
        "mkdir note",
        "echo x >note",
        "-a src/ @:uploads/",
    ),
    same(
        "a file where a full directory is",
        "echo x >d",
        "mkdir d; echo x >d/x",
        "-a src/ @:uploads/",
    ),
    same(
        "a dotfile below a directory that cannot be created",
        "mkdir -p d; echo x >d/.x",
        "echo x >d",
        "-a --ignore-existing src/ @:uploads/",
    ),
];

/// A client that reaches the account's shell as sshd starts it, but without sshd: for many rows.
const AS_ACCOUNT: &str = r#"#!/bin/sh
user=$2; shift 3
shell=$(getent passwd "$user" | cut -d: -f7)
cd "/home/$user"
exec setpriv --reuid "$user" --regid "$user" --init-groups env -i HOME="/home/$user" USER="$user" LOGNAME="$user" \
    PATH=/usr/bin:/bin SHELL="$shell" SSH_CLIENT='127.0.0.1 40000 22' SSH_CONNECTION='127.0.0.1 40000 127.0.0.1 22' \
    "$shell" -c "$*"
"#;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("a clock").as_secs()).expect("not yet")
}

/// What the client is told, what the account's home is then, and what the client has.
fn outcome(host: &Host, account: &Account, row: &Row) -> (Output, Snapshot, Snapshot) {
    host.refurnish();
    prepare(
        host,
        &format!(
            "rm -rf src back; mkdir src back; cd src; {}; cd ..; chown -R root: src; find src back -exec touch -h -d '2010-11-12 13:14:15' {{}} +",
            row.client
        ),
    );
    super::beforehand(host, account, &format!("cd uploads; {}", row.account));
    let home = account.home().display().to_string();
    host.shell_line(&format!(
        "find {home} -newermt 2015-01-01 -exec touch -h -d '2001-02-03 04:05:06' {{}} +"
    ));
    let start = now();
    let mut client = Command::new("rsync");
    client.current_dir(LOCAL).args(["-e", "/opt/as-account"]);
    for word in row.words.split(' ') {
        client.arg(word.replacen('@', &format!("{}@host", account.name), 1));
    }
    let output = host.run(&mut client, b"");
    let after = host.inside(|| Snapshot::of(&[account.home()]));
    let after = after.comparable(account.id, start).moved(&home, "/home");
    let local = host.inside(|| Snapshot::of(&[format!("{LOCAL}/back")]));
    (output, after, local.comparable(account.id, start))
}

fn shown(output: &Output) -> String {
    match output.code() {
        0 => "done".to_owned(),
        code => format!("status {code}"),
    }
}

#[test]
fn transfers_end_as_with_plain_rsync() {
    let host = super::host("");
    host.install("/opt/as-account", AS_ACCOUNT.as_bytes());
    local(&host, &[("src/x", "x\n")]);
    let mut wrong = Vec::new();
    let mut table = String::from("| transfer | rsync | here | why |\n|---|---|---|---|\n");
    for row in ROWS {
        let (plain, plain_disk, plain_back) = outcome(&host, host.plain(), row);
        let (ours, ours_disk, ours_back) = outcome(&host, host.alice(), row);
        let disk = format!(
            "{}{}",
            plain_disk.diff(&ours_disk),
            plain_back.diff(&ours_back)
        );
        let is_same = plain.code() == ours.code() && disk.is_empty();
        let name = row.name;
        match row.why {
            None if !is_same => wrong.push(format!(
                "{name}: plain {}\n{}here {}\n{}the disk:\n{disk}",
                shown(&plain),
                plain.err(),
                shown(&ours),
                ours.err()
            )),
            Some(_) if is_same => wrong.push(format!("{name}: no difference any more")),
            Some(why) => {
                let here = match shown(&ours) {
                    same if same == shown(&plain) => format!("{same}, with another effect"),
                    other => other,
                };
                table += &format!("| {name} | {} | {here} | {why} |\n", shown(&plain));
            }
            None => {}
        }
    }
    assert!(
        wrong.is_empty(),
        "{} transfers:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let written = include_str!("../../../docs/rsync.md");
    assert!(
        written.contains(&table),
        "docs/rsync.md does not hold the table that this test sees:\n{table}"
    );
}
