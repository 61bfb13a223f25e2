use std::net::IpAddr;

use super::*;

fn names() -> Names {
    Names {
        account: Some("al\\x20ice".to_owned()),
        uid: 1001,
        client: Some("192.0.2.7".parse::<IpAddr>().unwrap().to_string()),
    }
}

fn written(carrier: Carrier, format: LogFormat, event: &Event<'_>) -> (String, usize) {
    let names = names();
    let head = Head {
        importance: Importance::Info,
        process: 7,
        session: 0xabc,
        sequence: 3,
        names: &names,
    };
    let mut out = String::new();
    let middle = Form { carrier, format }.write(&mut out, &head, event);
    (out, middle)
}

fn file(longest: usize) -> Carrier {
    Carrier::File {
        host: "h".to_owned(),
        longest,
    }
}

const HEAD: &str = "session=0000000000000abc seq=3 account=al\\x20ice uid=1001 client=192.0.2.7";
const HOSTILE: &[u8] = b"a\"\n\x1b[2J\xff\\\xe2\x80\xae";

fn created() -> Event<'static> {
    Event::about("file")
        .operation("created")
        .number("bytes", 5)
        .state(Some("incomplete"))
        .mode("mode", 0o640)
        .word("errno", &"EACCES")
        .bytes("path", HOSTILE)
}

#[test]
fn text() {
    let (out, middle) = written(Carrier::Syslog, LogFormat::Text, &created());
    let path = r#"a\"\n\x1b[2J\xff\\\u{202e}"#;
    let event = format!(" created file bytes=5 incomplete mode=0640 errno=EACCES path=\"{path}\"");
    assert_eq!(out, format!("<86>xfersh[7]: {HEAD}{event}"));
    assert_eq!(&out[middle..], event);
    let (out, _) = written(file(usize::MAX), LogFormat::Text, &created());
    let (time, rest) = out.split_once(' ').unwrap();
    assert!(time.ends_with('Z') && time.len() == 27, "{time}");
    assert_eq!(rest, format!("h xfersh[7]: {HEAD}{event}\n"));
}

#[test]
fn leads_and_what_is_not_there() {
    let rows = [
        (
            Event::told("failed", "event=failed"),
            " event=failed",
            "failed",
        ),
        (
            Event::told("ending", "ending: x").also("reason", &"x"),
            " ending: x",
            "ending\",\"reason\":\"x",
        ),
        (
            Event::by_field("verdict").name("verdict", "allowed"),
            " verdict=allowed",
            "verdict\",\"verdict\":\"allowed",
        ),
        (
            Event::of("x").sentence("reason", r#"say "hi" to a\x1b"#),
            r#" x reason="say \"hi\" to a\x1b""#,
            r#"x","reason":"say \"hi\" to a\\x1b"#,
        ),
    ];
    for (event, text, json) in rows {
        let (out, middle) = written(Carrier::Syslog, LogFormat::Text, &event);
        assert_eq!(&out[middle..], text);
        let (out, middle) = written(Carrier::Syslog, LogFormat::Json, &event);
        assert_eq!(out[middle..], format!(",\"operation\":\"{json}\"}}"));
    }
    let none = Event::of("x").bytes_or_none("command", None);
    assert!(
        written(Carrier::Syslog, LogFormat::Text, &none)
            .0
            .ends_with(" x command=-")
    );
    assert!(
        written(Carrier::Syslog, LogFormat::Json, &none)
            .0
            .ends_with("\"command\":null}")
    );
    assert!(
        !written(Carrier::Journal, LogFormat::Text, &none)
            .0
            .contains("COMMAND")
    );
}

#[test]
fn json_is_one_harmless_line_that_says_the_same() {
    let (out, middle) = written(file(usize::MAX), LogFormat::Json, &created());
    let line = out.strip_suffix('\n').unwrap();
    assert!(
        line.chars().all(crate::print::escape::is_printable),
        "{line}"
    );
    let read: serde_json::Value = serde_json::from_str(line).unwrap();
    let path = r#"a\"\n\x1b[2J\xff\\\u{202e}"#;
    for (name, value) in [
        ("identifier", "xfersh"),
        ("severity", "info"),
        ("session", "0000000000000abc"),
        ("account", "al\\x20ice"),
        ("client", "192.0.2.7"),
        ("operation", "created"),
        ("kind", "file"),
        ("state", "incomplete"),
        ("mode", "0640"),
        ("errno", "EACCES"),
        ("host", "h"),
        ("path", path),
    ] {
        assert_eq!(read[name], value, "{name}");
    }
    for (name, value) in [("pid", 7), ("sequence", 3), ("uid", 1001), ("bytes", 5)] {
        assert_eq!(read[name], value, "{name}");
    }
    let form = Form {
        carrier: Carrier::Syslog,
        format: LogFormat::Json,
    };
    let more = format!("{}{}{}", &line[..middle], form.inserted(9), &line[middle..]);
    let read: serde_json::Value = serde_json::from_str(&more).unwrap();
    assert_eq!(read["lost"], 9);
    let (out, _) = written(Carrier::Syslog, LogFormat::Json, &created());
    assert!(out.starts_with("<86>xfersh[7]: {\"identifier\""), "{out}");
}

#[test]
fn journald_gets_a_field_on_each_line() {
    let (out, middle) = written(Carrier::Journal, LogFormat::Text, &created());
    let (message, fields) = out.split_once('\n').unwrap();
    let text = written(Carrier::Syslog, LogFormat::Text, &created()).0;
    assert_eq!(
        message.strip_prefix("MESSAGE="),
        text.strip_prefix("<86>xfersh[7]: ")
    );
    assert_eq!(out.as_bytes()[middle], b' ');
    let expected = [
        "PRIORITY=6",
        "SYSLOG_FACILITY=10",
        "SYSLOG_IDENTIFIER=xfersh",
        "SYSLOG_PID=7",
        "SESSION=0000000000000abc",
        "SEQUENCE=3",
        "UID=1001",
        "ACCOUNT=al\\x20ice",
        "CLIENT=192.0.2.7",
        "OPERATION=created",
        "KIND=file",
        "BYTES=5",
        "STATE=incomplete",
        "MODE=0640",
        "ERRNO_NAME=EACCES",
        r#"PATH=a\"\n\x1b[2J\xff\\\u{202e}"#,
    ];
    assert_eq!(fields.lines().collect::<Vec<_>>(), expected);
    // Not even a word of our own begins another field.
    let event = Event::of("x").words("cause", &"a\nUID=0");
    let out = written(Carrier::Journal, LogFormat::Text, &event).0;
    assert!(out.ends_with("\nCAUSE=a\\nUID=0\n"), "{out}");
}

/// A FIFO takes 4,096 bytes as a whole.
#[test]
fn a_line_for_a_fifo_always_fits() {
    for byte in [b'x', 0x1b, b'\\', 0xff, b'"'] {
        let long = vec![byte; 100_000];
        let sentence = Escaped::bytes(&long).to_string();
        let event = Event::by_field("verdict")
            .bytes("program", &long)
            .bytes("start", &long)
            .sentence("start_reason", &sentence)
            .sentence("reason", &sentence)
            .sentence("hint", &sentence)
            .bytes("command", &long);
        for format in [LogFormat::Text, LogFormat::Json] {
            let (out, middle) = written(file(4096), format, &event);
            assert!(out.len() + INSERTED_MAX <= 4096, "{byte} {}", out.len());
            assert!(out.ends_with('\n') && middle < out.len());
            assert!(out.contains("more bytes]"), "{out}");
            if format == LogFormat::Json {
                let read: serde_json::Value = serde_json::from_str(&out).unwrap();
                assert!(read["command"].as_str().unwrap().len() >= 24);
            }
        }
    }
    // What fits is not cut.
    let path = vec![b'x'; 1000];
    let event = Event::of("x").bytes("path", &path);
    let out = written(file(4096), LogFormat::Text, &event).0;
    assert!(out.contains(&"x".repeat(1000)), "{out}");
}
