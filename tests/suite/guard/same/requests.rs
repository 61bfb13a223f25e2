//! Each request by itself, to both accounts: the same answer, the same effect.

use super::more_rows::{KINDS, ORDER};
use super::rows::{ATTRIBUTES, Act, LINKS, PLACES, Row};
use super::{furnish, home, now};
use crate::harness::sftp::Reply;
use crate::harness::{Account, Host, Snapshot};

/// What the client sees and what the disk shows.
fn outcome(host: &Host, account: &Account, act: Act) -> (Reply, Snapshot) {
    furnish(host);
    let start = now();
    let mut sftp = host.raw_sftp_direct(account);
    assert!(sftp.greeted, "no session for {}", account.name);
    let reply = match act(&mut sftp, account) {
        Reply::Attributes(_) => panic!("times differ: ask for something else"),
        other => other,
    };
    // Handles are numbers of the server, so they are the same in two sessions.
    sftp.end();
    (reply, home(host, account, start))
}

fn shown(reply: &Reply) -> String {
    match reply {
        // A handle: the file is open.
        Reply::Status(0, _) | Reply::Handle(_) => "done".to_owned(),
        Reply::Status(_, text) => text.to_lowercase(),
        other => format!("{other:?}"),
    }
}

/// Makes each request of both accounts. Returns the table of those that are to end differently, and puts what is not as
/// expected in `wrong`.
fn compare(host: &Host, rows: &[&[Row]], wrong: &mut Vec<String>) -> String {
    let mut table = String::from("| request | OpenSSH | here | why |\n|---|---|---|---|\n");
    for Row(name, act, exception) in rows.iter().copied().flatten() {
        let (plain, plain_disk) = outcome(host, host.plain(), *act);
        let (ours, ours_disk) = outcome(host, host.alice(), *act);
        let disk = plain_disk.diff(&ours_disk);
        match exception {
            None if plain != ours || !disk.is_empty() => wrong.push(format!(
                "{name}: {} with OpenSSH, {} here, the disk:\n{disk}",
                shown(&plain),
                shown(&ours)
            )),
            Some(_) if plain == ours && disk.is_empty() => {
                wrong.push(format!("{name}: no difference any more, {}", shown(&ours)));
            }
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
    table
}

#[test]
fn requests_end_as_with_plain_openssh() {
    let host = Host::new();
    let mut wrong = Vec::new();
    let tables = [&[PLACES, ATTRIBUTES, LINKS, KINDS][..], &[ORDER]]
        .map(|rows| compare(&host, rows, &mut wrong));
    assert!(
        wrong.is_empty(),
        "{} requests:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let written = include_str!("../../../../docs/differences.md");
    for table in tables {
        assert!(
            written.contains(&table),
            "docs/differences.md does not hold the table that this test sees:\n{table}"
        );
    }
}
