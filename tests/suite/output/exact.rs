//! `--json`: one object whatever happens, with every value as it is.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use serde_json::{Value, json};

use super::{check, object};
use crate::harness::{Host, Output, XFERSH};

/// A value of the object as bytes, in the form that xfersh(8) states.
#[track_caller]
fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(bytes) => {
            let byte = |byte: &Value| byte.as_u64().and_then(|byte| u8::try_from(byte).ok());
            let bytes: Option<Vec<u8>> = bytes.iter().map(byte).collect();
            bytes.unwrap_or_else(|| panic!("no bytes: {value}"))
        }
        other => panic!("no value: {other}"),
    }
}

#[track_caller]
fn check_bytes(host: &Host, command: &[u8]) -> Output {
    let mut call = Command::new(XFERSH);
    call.args(["--check", "--json", "--user", "alice", "-c"]);
    call.arg(OsStr::from_bytes(command)).current_dir("/");
    host.run(&mut call, b"")
}

const NAMES: &[&[u8]] = &[
    b"plain",
    b"it's",
    b"a\\b",
    b"a\\\\b\\",
    b"a\"b",
    b"a\x1b[2J\x07\x7f",
    b"a\nb\tc",
    b"n\xff",
    b"\xe2\x80",
    "\u{202e}gpj\u{200b}\u{e0041}\u{9b}".as_bytes(),
    b"\\x1b\\n\\u{202e}",
];

/// As a client quotes it.
fn quoted(name: &[u8]) -> Vec<u8> {
    let mut out = b"'".to_vec();
    for byte in name {
        match byte {
            b'\'' => out.extend_from_slice(b"'\\''"),
            byte => out.push(*byte),
        }
    }
    out.push(b'\'');
    out
}

#[test]
fn argv_is_what_the_server_gets() {
    let host = Host::new();
    // Instead of the server, one that prints its arguments.
    host.install("/opt/scp", b"#!/bin/sh\nprintf '%s\\0' \"$@\"\n");
    let long = vec![b'l'; 3000];
    for name in NAMES.iter().copied().chain([&long[..]]) {
        let path = [b"uploads/", name].concat();
        let command = [b"scp -t ".as_slice(), &quoted(&path)].concat();
        let output = check_bytes(&host, &command);
        let object = object(&output);
        assert_eq!(object["verdict"], "allowed", "{output}");
        let argv: Vec<Vec<u8>> = object["argv"]
            .as_array()
            .expect("a list")
            .iter()
            .map(bytes)
            .collect();
        assert_eq!(
            argv,
            [b"scp".to_vec(), b"-t".to_vec(), b"--".to_vec(), path],
            "{output}"
        );
    }
}

#[test]
fn paths_are_exact_and_whole() {
    let host = Host::new();
    let long = ["x".repeat(200).as_str(); 15].join("/");
    let policy = format!(
        "writable = ['~/a\\b\"c', \"~/\\u001b[2J\\u202e\"]\nreadable = [\"~/{long}\"]\nstart = \"~/uploads\"\n"
    );
    host.policy(&policy);
    host.inside(|| {
        std::fs::create_dir("/home/alice/a\\b\"c").expect("a directory");
    });
    let object = object(&check(
        &host,
        &["--json", "--user", "alice", "-c", "sftp-server"],
    ));
    let list = |key: &str| -> Vec<String> {
        let list = object[key].as_array().expect("a list").iter();
        list.map(|path| path.as_str().expect("a string").to_owned())
            .collect()
    };
    for path in ["/home/alice/a\\b\"c", "/home/alice/\x1b[2J\u{202e}"] {
        assert!(
            list("writable").contains(&path.to_owned()),
            "{path:?}: {object}"
        );
    }
    assert!(
        list("absent").contains(&"/home/alice/\x1b[2J\u{202e}".to_owned()),
        "{object}"
    );
    assert!(
        list("readable").contains(&format!("/home/alice/{long}")),
        "{object}"
    );
    assert_eq!(object["start"], "/home/alice/uploads");
    assert_eq!(object["environment"]["USER"], "alice");
    assert_eq!(
        object["policy"]["writable"],
        json!(["~/a\\b\"c", "~/\x1b[2J\u{202e}"])
    );
    let examined = super::object(&check(&host, &["--json", "--user", "alice"]));
    let absent = examined["absent"].as_array().expect("a list");
    assert!(
        absent.contains(&json!(format!("/home/alice/{long}"))),
        "{examined}"
    );
    let faults = examined["faults"].to_string();
    assert!(
        faults.contains(&long) && !faults.contains("more bytes"),
        "{examined}"
    );
}

/// The words of a refusal are complete, and the same as in the text.
#[test]
fn a_refusal_reads_alike_as_text_and_as_json() {
    let host = Host::new();
    host.policy("protocols = [\"scp\", \"sftp\", \"rsync\"]\n");
    let option = format!("rsync --server '--a\\b\"{}' . x", "o".repeat(2000));
    for command in [
        "id",
        "scp -t /etc/x",
        "sftp-server -d /",
        &option,
        "scp -t .ssh/x",
    ] {
        let arguments = ["--user", "alice", "-c", command];
        let text = check(&host, &arguments);
        let object = object(&check(&host, &[&["--json"], &arguments[..]].concat()));
        let text = text.out();
        let row = |label: &str| {
            let row = text
                .lines()
                .find_map(|line| line.trim_start().strip_prefix(label));
            row.map(|row| row.trim_start().to_owned())
        };
        assert_eq!(
            row("reason ").as_deref(),
            object["reason"].as_str(),
            "{text}{object}"
        );
        assert_eq!(
            row("hint ").as_deref(),
            object["hint"].as_str(),
            "{text}{object}"
        );
        assert!(!object.to_string().contains("more bytes"), "{object}");
    }
}

/// Each call that can have no answer, with the words that must be in the error.
#[test]
fn a_call_without_an_answer_is_one_object_as_well() {
    let host = Host::new();
    let rows: [(&[&str], &str); 14] = [
        (&["--check", "--json", "--nonsense"], "--nonsense"),
        (&["--check", "--nonsense", "--json"], "--nonsense"),
        (&["--json", "--check"], "--json"),
        (&["--check", "--json", "--address", "x"], "'x'"),
        (&["--check", "--json", "--user"], "--user"),
        (&["--check", "--json", "-c", "a", "-c", "b"], "-c"),
        (
            &["--check", "--json", "--user", "nobody-of-that-name"],
            "nobody-of-that-name",
        ),
        (
            &["--check", "--json", "--config", "/no/such/file"],
            "/no/such/file",
        ),
        (&["--check", "--json", "--config", "/etc"], ""),
        (&["--check", "--json", "--live"], "--user"),
        (
            &[
                "--check",
                "--json",
                "--live",
                "--user",
                "nobody-of-that-name",
            ],
            "nobody-of-that-name",
        ),
        (
            &["--check", "--json", "--live", "--user", "alice", "-c", "x"],
            "--live",
        ),
        (&["--doctor", "--json", "--nonsense"], "--nonsense"),
        (
            &["--doctor", "--json", "--user", "nobody-of-that-name"],
            "nobody-of-that-name",
        ),
    ];
    for (arguments, word) in rows {
        let output = host.root(XFERSH, arguments);
        assert_eq!(output.code(), 2, "{arguments:?}: {output}");
        let object = object(&output);
        let error = object["error"].as_str().expect("an error");
        assert!(
            !error.is_empty() && error.contains(word),
            "{arguments:?}: {output}"
        );
        assert!(
            output.err().starts_with("xfersh: "),
            "{arguments:?}: {output}"
        );
    }
    for arguments in [
        &["--check", "--json", "--user", "plain", "-c", "sftp-server"][..],
        &["--check", "--json", "--live", "--user", "plain"],
        &["--doctor", "--json"],
    ] {
        let output = host.run(host.shell(host.alice()).args(arguments), b"");
        let error = object(&output)["error"]
            .as_str()
            .expect("an error")
            .to_owned();
        assert!(
            error.contains("root") && output.code() == 2,
            "{arguments:?}: {output}"
        );
    }
}

#[test]
fn a_policy_that_cannot_be_used_is_told_of_in_full() {
    let host = Host::new();
    host.policy("protocol = [\"sftp\"]\numask = \"9\"\n");
    for arguments in [
        &["--check", "--json"][..],
        &["--check", "--json", "--user", "alice", "-c", "sftp-server"],
        &["--check", "--json", "--live", "--user", "alice"],
        &["--check", "--json", "--config", "/etc/xfersh.toml"],
    ] {
        let output = host.root(XFERSH, arguments);
        assert_eq!(output.code(), 2, "{output}");
        let object = object(&output);
        assert_eq!(object["verdict"], "refused");
        assert_eq!(object["stage"], "host");
        assert_eq!(object["reason"], object["error"]);
        assert_eq!(object["omitted"], 0);
        let errors = object["errors"].as_array().expect("a list");
        let lines: Vec<_> = errors.iter().map(|error| error["line"].clone()).collect();
        assert_eq!(lines, [json!(1), json!(2)], "{object}");
        assert_eq!(errors[0]["column"], 1);
        let hint = errors[0]["hint"].as_str().expect("a hint");
        assert!(hint.contains("protocols"), "{object}");
        assert!(
            errors[1]["message"]
                .as_str()
                .expect("a message")
                .contains("'9'"),
            "{object}"
        );
        assert!(output.err().contains(" | umask = \"9\""), "{output}");
    }
    host.shell_line("echo >/etc/xfersh.toml; chmod 666 /etc/xfersh.toml");
    let output = host.root(XFERSH, &["--check", "--json"]);
    let object = object(&output);
    assert!(
        object["error"].as_str().expect("an error").contains("0666"),
        "{object}"
    );
    assert_eq!(object["errors"], json!([]));
}

/// The session of the probe is refused in the child.
#[test]
fn a_probe_that_fails_is_one_object_as_well() {
    let host = Host::new();
    host.shell_line("mkdir -m 700 /opt/locked");
    host.policy("readable = [\"/opt/locked/in\"]\n");
    let arguments = ["--check", "--live", "--json", "--user", "alice"];
    let output = host.root(XFERSH, &arguments);
    assert_eq!(output.code(), 2, "{output}");
    let error = object(&output)["error"].clone();
    let error = error.as_str().expect("an error");
    assert!(error.contains("the probe did not run"), "{output}");
    assert!(output.err().contains("/opt/locked"), "{output}");
}

/// An entry of passwd(5) is bytes. A comment may be in any encoding; a home that is not UTF-8 could be mistaken for
/// another.
#[test]
fn an_account_whose_home_is_no_text_is_refused() {
    let host = Host::new();
    host.inside(|| {
        let mut passwd = std::fs::read("/etc/passwd").expect("reading");
        passwd.extend_from_slice(b"latin:x:64120:64120:M\xfcller:/home/alice:/opt/xfersh\n");
        passwd.extend_from_slice(b"lost:x:64121:64121::/home/n\xff:/opt/xfersh\n");
        std::fs::write("/etc/passwd", passwd).expect("writing");
        // Where the home would be looked for.
        std::fs::create_dir("/home/n\u{fffd}").expect("a directory");
    });
    let sound = check(&host, &["--json", "--user", "latin", "-c", "sftp-server"]);
    assert_eq!(object(&sound)["verdict"], "allowed", "{sound}");
    for arguments in [
        &["--check", "--json", "--user", "lost", "-c", "sftp-server"][..],
        &["--doctor", "--json", "--user", "lost"],
    ] {
        let output = host.root(XFERSH, arguments);
        let error = object(&output)["error"]
            .as_str()
            .expect("an error")
            .to_owned();
        assert!(
            error.contains("is not UTF-8") && output.code() == 2,
            "{output}"
        );
    }
}
