//! The administrator's side of the command line.

use crate::harness::{Host, Output, XFERSH};

fn check(host: &Host, arguments: &[&str]) -> Output {
    host.root(XFERSH, &[&["--check"], arguments].concat())
}

#[test]
fn help_and_version() {
    let host = Host::new();
    let help = host.root(XFERSH, &["--help"]).succeeded("--help");
    for flag in [
        "-c",
        "--check",
        "--user",
        "--address",
        "--config",
        "--json",
        "--live",
        "--doctor",
        "--forced",
        "--version",
    ] {
        assert!(help.out().contains(flag), "{flag} is not in --help");
    }
    assert!(
        help.stderr.is_empty() && help.out().lines().all(|line| line.len() <= 80),
        "{help}"
    );
    let version = host.root(XFERSH, &["--version"]).succeeded("--version");
    assert_eq!(
        version.out(),
        format!("xfersh {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn wrong_usage_is_status_2() {
    let host = Host::new();
    for arguments in [
        &["--nonsense"][..],
        &["--check", "--nonsense"],
        &["--check", "--user"],
        &["--check", "--address", "x"],
        &["--json"],
    ] {
        let output = host.root(XFERSH, arguments);
        assert_eq!(
            (output.code(), output.stdout.len()),
            (2, 0),
            "{arguments:?}: {output}"
        );
        assert!(
            output.err().starts_with("xfersh: "),
            "{arguments:?}: {output}"
        );
    }
    let output = check(
        &host,
        &["--user", "nobody-of-that-name", "-c", "sftp-server"],
    );
    assert_eq!(output.code(), 2, "{output}");
    assert!(output.err().contains("nobody-of-that-name"), "{output}");
    let output = check(
        &host,
        &[
            "--config",
            "/no/such/file",
            "--user",
            "alice",
            "-c",
            "sftp-server",
        ],
    );
    assert_eq!(output.code(), 2, "{output}");
    assert!(output.err().contains("/no/such/file"), "{output}");
}

#[test]
fn the_dry_run_says_what_would_happen_and_does_nothing() {
    let host = Host::new();
    let before = host.disk();
    let allowed = check(&host, &["--user", "alice", "-c", "scp -t uploads"]);
    assert_eq!(allowed.code(), 0, "{allowed}");
    for word in ["/usr/bin/scp", "/home/alice/uploads"] {
        assert!(allowed.out().contains(word), "{word}: {allowed}");
    }
    let refused = check(&host, &["--user", "alice", "-c", "id"]);
    assert_eq!(refused.code(), 126, "{refused}");
    before.assert_same(&host.disk(), "a dry run");
    assert!(host.log().is_empty(), "a dry run is no session");
}

#[test]
fn json_has_the_promised_keys() {
    let host = Host::new();
    for (command, verdict) in [
        ("scp -f note.txt", "allowed"),
        ("sftp-server", "allowed"),
        ("id", "refused"),
        ("scp -t .ssh", "refused"),
    ] {
        let output = check(&host, &["--user", "alice", "--json", "-c", command]);
        let json: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("one JSON object");
        for key in [
            "verdict", "reason", "stage", "protocol", "program", "argv", "writable", "readable",
            "weaker", "policy",
        ] {
            assert!(json.get(key).is_some(), "{command}: no {key}: {json}");
        }
        assert_eq!(json["verdict"], verdict, "{command}: {json}");
        if verdict == "allowed" {
            assert!(
                json["argv"].is_array()
                    && json["program"]
                        .as_str()
                        .is_some_and(|path| path.starts_with('/')),
                "{json}"
            );
        }
    }
    let json = |command: &str| -> serde_json::Value {
        let output = check(&host, &["--user", "alice", "--json", "-c", command]);
        serde_json::from_slice(&output.stdout).expect("one JSON object")
    };
    // Each request gets the least privilege.
    assert_eq!(json("scp -f note.txt")["writable"], serde_json::json!([]));
    let writable = json("sftp-server")["writable"].clone();
    let writable: Vec<&str> = writable
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|path| path.as_str())
        .collect();
    assert!(writable.contains(&"/home/alice/uploads"), "{writable:?}");
    assert!(
        !writable
            .iter()
            .any(|path| *path == "/home/alice" || path.contains("/.")),
        "{writable:?}"
    );
}

/// Facts are gathered as the account: root sees no more than the session would (P9).
#[test]
fn the_dry_run_of_root_and_of_the_account_agree() {
    let host = Host::new();
    host.inside(|| {
        std::fs::create_dir_all("/srv/closed/in").expect("a directory");
        crate::harness::account::set_mode("/srv/closed".as_ref(), 0o700);
    });
    for command in [
        "sftp-server",
        "scp -t /srv/closed/in",
        "scp -f /srv/closed/in",
        "scp -t uploads/to-outside",
        "scp -t uploads",
        "id",
    ] {
        let by_root = check(&host, &["--user", "alice", "--json", "-c", command]);
        let mut own = host.shell(host.alice());
        let own = host.run(own.args(["--check", "--json", "-c", command]), b"");
        assert_eq!(
            (by_root.code(), by_root.out()),
            (own.code(), own.out()),
            "{command}"
        );
    }
}
