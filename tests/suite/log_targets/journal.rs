//! Where journald takes the lines: the commands of the guide about its fields, the list of sessions, and the live check.

use super::{Reader, policy};
use crate::harness::{Host, XFERSH, until};

const GUIDE: &str = include_str!("../../../docs/administrators-guide.md");
const JOURNAL: &str = "/run/systemd/journal/socket";

/// journald as the host's only log daemon.
fn journald(host: &Host) -> Reader {
    host.shell_line(
        "printf '[Journal]\\nStorage=volatile\\nReadKMsg=no\\nAudit=no\\nRateLimitBurst=0\\n' >/etc/systemd/journald.conf
         [ -s /etc/machine-id ] || echo 0123456789abcdef0123456789abcdef >/etc/machine-id
         rm -rf /etc/systemd/journald.conf.d
         mkdir -p /run/systemd/journal /run/systemd/system /run/log/journal",
    );
    let journald = Reader::start(host, "exec /lib/systemd/systemd-journald");
    until("journald listens", || host.exists(JOURNAL));
    host.policy(&policy("journal", "text"));
    journald
}

fn journal(host: &Host, question: &str) -> String {
    host.shell_line(&format!("journalctl --sync; journalctl -q {question}"))
}

/// The commands of the guide that name a field, without their comments.
fn commands() -> Vec<&'static str> {
    let lines = GUIDE.lines().map(str::trim);
    let fields = lines.filter(|line| {
        line.starts_with("journalctl ")
            && line.split(' ').any(|word| {
                let name = word.split('=').next().unwrap_or_default();
                word.contains('=') && !name.starts_with('-') && name == name.to_uppercase()
            })
    });
    fields.collect()
}

#[test]
fn the_commands_of_the_guide_find_lines_by_field() {
    let host = Host::with_sshd();
    let _journald = journald(&host);
    host.shell_line("cd /tmp/local; echo one >a");
    host.sftp(
        host.alice(),
        "put a uploads/found\nmkdir uploads/folder\n-put a .profile\n",
    )
    .succeeded("sftp");
    // Of another account there is nothing to find.
    host.sftp(host.plain(), "put a uploads/other\n")
        .succeeded("an ordinary account");
    let by_field: Vec<&str> = commands()
        .into_iter()
        .filter(|line| line.contains("ACCOUNT=") || line.contains("CLIENT="))
        .collect();
    let [created, client] = by_field[..] else {
        panic!("the guide's commands: {by_field:?}");
    };
    host.shell_line("journalctl --sync");
    assert!(created.contains("OPERATION=created"), "{created}");
    let created = host.shell_line(&format!("{created} -o cat"));
    let made: Vec<&str> = created.lines().collect();
    assert_eq!(made.len(), 2, "{created}");
    for path in ["/home/alice/uploads/found", "/home/alice/uploads/folder"] {
        let path = format!("path=\"{path}\"");
        assert!(made.iter().any(|line| line.ends_with(&path)), "{created}");
    }
    let all = host.shell_line(&client.replace("192.0.2.7", "127.0.0.1"));
    let objects = all.lines().map(|line| {
        serde_json::from_str::<serde_json::Value>(line)
            .unwrap_or_else(|error| panic!("{error}: {line}"))
    });
    let operations: Vec<String> = objects
        .map(|object| object["OPERATION"].as_str().unwrap_or("-").to_owned())
        .collect();
    assert!(
        operations.iter().any(|one| one == "created"),
        "{operations:?}"
    );
    assert!(operations.len() > 3, "{operations:?}");
    let nobody = host.shell_line(&client.replace("192.0.2.7", "198.51.100.7"));
    assert_eq!(nobody, "", "another client");
}

#[test]
fn sessions_are_listed_and_ended_and_it_says_so() {
    let host = Host::new();
    let _journald = journald(&host);
    let sftp = host.raw_sftp_direct(host.alice());
    let who = || host.root(XFERSH, &["--who"]).succeeded("--who").out();
    let mut listed = String::new();
    until("the session is listed", || {
        listed = who();
        listed.contains("alice")
    });
    let line = listed.lines().find(|line| line.contains("alice"));
    let session = line
        .and_then(|line| line.split_whitespace().next())
        .expect("a session");
    host.root(XFERSH, &["--end", session]).succeeded("--end");
    sftp.end();
    assert_eq!(who(), "No session is open.\n");
    let found = journal(&host, &format!("-o cat SESSION={session}"));
    let end = found
        .lines()
        .rfind(|line| line.contains(" end server=killed:"));
    assert!(
        end.is_some_and(|line| line.contains(" cause=terminated by_uid=0 ")),
        "{found}"
    );
    assert_eq!(host.log(), [], "nothing goes to syslog");
}

#[test]
fn the_live_check_writes_there_and_its_server_does_not() {
    let host = Host::new();
    let _journald = journald(&host);
    let arguments = ["--check", "--live", "--json", "--user", "alice"];
    let live = host.root(XFERSH, &arguments).succeeded("--live");
    let answer: serde_json::Value = serde_json::from_slice(&live.stdout).expect("JSON");
    let probes = answer["probes"].as_array().expect("probes");
    let journal_row = probes
        .iter()
        .find(|probe| probe["probe"] == "connect to the journal");
    assert!(
        journal_row.is_some_and(|probe| probe["kept"] == true),
        "{answer}"
    );
    let found = journal(&host, "-o cat SYSLOG_IDENTIFIER=xfersh ACCOUNT=alice");
    assert!(
        found.contains("event=test by=\"--check --live\""),
        "{found}"
    );
    assert_eq!(host.log(), [], "nothing goes to syslog");
}
