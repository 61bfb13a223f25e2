//! The same events in each target and each form.

use serde_json::Value;

use super::{FIFO, FILE, Fields, Reader, comparable, make, of_object, of_text, policy, sessions};
use crate::harness::{Host, until};

const JOURNAL: &str = "/run/systemd/journal/socket";

/// The names of fields in JSON are those of the text.
fn json_name(name: &str) -> Option<String> {
    Some(name.to_owned())
}

/// Those of journald's fields, without what journald adds, and what every program has.
fn journal_name(name: &str) -> Option<String> {
    let others = [
        "MESSAGE",
        "PRIORITY",
        "SYSLOG_IDENTIFIER",
        "SYSLOG_FACILITY",
        "SYSLOG_PID",
    ];
    if name.starts_with('_') || others.contains(&name) {
        return None;
    }
    Some(match name {
        "ERRNO_NAME" => "errno".to_owned(),
        name => name.to_lowercase(),
    })
}

/// The text of syslog, with whose events all others are compared.
fn by_syslog(host: &Host, format: &str) -> Vec<Fields> {
    host.policy(&policy("syslog", format));
    host.refurnish();
    let _ = host.log();
    sessions(host, host.alice());
    let lines = host.log();
    let lines = lines.iter().filter(|line| line.text.starts_with("xfersh["));
    let records = lines.map(|line| match format {
        "text" => of_text(&line.text),
        _ => of_json(line.text.split_once("]: ").expect("a tag").1),
    });
    comparable(records.collect())
}

fn of_json(line: &str) -> Fields {
    let object: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    of_object(&object, json_name)
}

/// The same, from a file that the lines end up in. A FIFO is emptied by its reader, after the sessions.
fn by_file(host: &Host, target: &str, format: &str, file: &str) -> Vec<Fields> {
    host.policy(&policy(&format!("file:{target}"), format));
    host.refurnish();
    sessions(host, host.alice());
    assert_eq!(host.log(), [], "nothing goes to syslog");
    let text = || String::from_utf8(host.read(file)).expect("text");
    let last = ["command=\"id\"", "\"command\":\"id\""];
    until("the last line", || {
        let text = text();
        last.iter().any(|last| text.contains(last)) && text.ends_with('\n')
    });
    let text = text();
    let printable = |c: char| c == '\n' || !c.is_control();
    assert!(
        text.chars().all(printable) && text.ends_with('\n'),
        "{text}"
    );
    let records = text.lines().map(|line| match format {
        "text" => {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            assert!(words[0].ends_with('Z') && words[0].len() == 27, "{line}");
            assert!(words[2].starts_with("xfersh["), "{line}");
            of_text(line)
        }
        _ => of_json(line),
    });
    comparable(records.collect())
}

#[test]
fn each_target_gets_the_same_events() {
    let host = Host::with_sshd();
    let expected = by_syslog(&host, "text");
    let has = |name: &str, value: &str| {
        expected
            .iter()
            .any(|fields| fields.get(name).is_some_and(|known| known == value))
    };
    for words in [
        "created file",
        "renamed file",
        "removed file",
        "end",
        "refused",
        "created directory",
    ] {
        assert!(has("words", words), "{words}: {expected:#?}");
    }
    for path in [
        r#"/home/alice/uploads/b \"q\""#,
        "/home/alice/uploads/by-scp",
        "/home/alice/uploads/tree/c",
    ] {
        assert!(has("path", path), "{path}: {expected:#?}");
    }
    assert!(
        has("verdict", "refused") && has("command", "id"),
        "{expected:#?}"
    );
    assert_eq!(by_syslog(&host, "json"), expected);
    for format in ["text", "json"] {
        make(&host, FILE, ":>");
        assert_eq!(by_file(&host, FILE, format, FILE), expected, "{format}");
        make(&host, FIFO, "mkfifo");
        let copy = format!("/var/log/copy-{format}");
        let _reader = Reader::of_fifo(&host, &copy);
        assert_eq!(by_file(&host, FIFO, format, &copy), expected, "{format}");
    }
}

/// journald itself says what it has got.
#[test]
fn journald_gets_fields() {
    let host = Host::with_sshd();
    let expected = by_syslog(&host, "text");
    host.shell_line(
        "printf '[Journal]\\nStorage=volatile\\nReadKMsg=no\\nAudit=no\\nRateLimitBurst=0\\n' >/etc/systemd/journald.conf
         [ -s /etc/machine-id ] || echo 0123456789abcdef0123456789abcdef >/etc/machine-id
         rm -rf /etc/systemd/journald.conf.d
         mkdir -p /run/systemd/journal /run/systemd/system /run/log/journal",
    );
    let _journald = Reader::start(&host, "exec /lib/systemd/systemd-journald");
    until("journald listens", || host.exists(JOURNAL));
    // The lines of the first run are still there in the second.
    let mut seen = 0;
    for format in ["text", "json"] {
        host.policy(&policy("journal", format));
        host.refurnish();
        sessions(&host, host.alice());
        assert_eq!(host.log(), [], "nothing goes to syslog");
        let list =
            "journalctl --sync; journalctl -o json -q SYSLOG_IDENTIFIER=xfersh ACCOUNT=alice";
        let listed = host.shell_line(list);
        let objects: Vec<Value> = listed
            .lines()
            .skip(seen)
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        seen += objects.len();
        for object in &objects {
            let text = |name: &str| {
                object[name]
                    .as_str()
                    .unwrap_or_else(|| panic!("{name}: {object}"))
            };
            assert_eq!(text("SYSLOG_FACILITY"), "10");
            assert_eq!(text("_TRANSPORT"), "journal");
            assert_eq!(text("_UID"), host.alice().id.to_string());
            assert!(["4", "6"].contains(&text("PRIORITY")), "{object}");
            assert_eq!(text("SESSION").len(), 16);
            let message = text("MESSAGE");
            match format {
                "text" => assert!(message.starts_with("session="), "{message}"),
                _ => {
                    let message: Value = serde_json::from_str(message).expect("JSON");
                    assert_eq!(message["session"], object["SESSION"]);
                    assert_eq!(message["sequence"].to_string(), text("SEQUENCE"));
                }
            }
        }
        let records = objects
            .iter()
            .map(|object| of_object(object, journal_name))
            .collect();
        assert_eq!(comparable(records), expected, "{format}");
    }
    let one =
        host.shell_line("journalctl -q -o cat OPERATION=renamed PATH=/home/alice/uploads/new/a");
    assert_eq!(one.lines().count(), 2, "one of each run: {one}");
}
