//! What an administrator sees of profiles: `--check`, its JSON, `--live`.

use serde_json::{Value, json};

use crate::harness::{Host, Output, XFERSH};

const POLICY: &str = r#"access = "append-only"
writable = ["~/uploads", "~/site"]
max_sessions = 4

[[match]]
profile = "up"
protocols = ["sftp", "rsync"]
access = "upload-only"
writable = ["~/uploads"]
max_sessions = 9
max_file_size = "1M"

[[match.directory]]
path = "~/uploads/sub"
access = "read-only"

[[match]]
profile = "near"
address = "192.0.2.0/24"
access = "read-only"
"#;

fn check(host: &Host, arguments: &[&str]) -> Output {
    host.root(XFERSH, &[&["--check"], arguments].concat())
}

fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("one object: {output}"))
}

#[test]
fn the_check_answers_for_a_profile() {
    let host = Host::new();
    host.policy(POLICY);
    // The login shell decides, as it does for sshd.
    let plain = check(&host, &["--user", "plain", "--profile", "up", "--json"]).succeeded("plain");
    let plain = object(&plain);
    assert_eq!(plain["profile"], "up");
    assert_eq!(plain["profile_effect"], "selects");
    assert_eq!(plain["within"], Value::Null);
    assert_eq!(plain["protocols"], json!(["sftp", "rsync"]));
    assert_eq!(plain["limits"]["max_sessions"], 9);
    assert_eq!(plain["writable"], json!(["/home/plain/uploads"]));
    let alice = check(&host, &["--user", "alice", "--profile", "up", "--json"]).succeeded("alice");
    let alice = object(&alice);
    assert_eq!(alice["profile_effect"], "narrows");
    assert_eq!(alice["within"]["access"], "append-only");
    assert_eq!(alice["protocols"], json!(["sftp"]));
    assert_eq!(alice["limits"]["max_sessions"], 4);
    assert_eq!(alice["limits"]["max_file_size"], 1_048_576);
    assert_eq!(alice["writable"], json!(["/home/alice/uploads"]));
    let overrides = alice["overrides"].as_array().expect("a list");
    assert!(
        overrides
            .iter()
            .any(|row| row["directory"] == "/home/alice/uploads/sub"),
        "{overrides:?}"
    );
    let without = check(&host, &["--user", "alice", "--json"]).succeeded("without a profile");
    let without = object(&without);
    assert_eq!(without["profile"], Value::Null);
    assert_eq!(
        without["writable"],
        json!(["/home/alice/uploads", "/home/alice/site"])
    );
    let text = check(&host, &["--user", "alice", "--profile", "up"])
        .succeeded("as text")
        .out();
    for expected in [
        "alice can copy files with sftp, and do nothing else.",
        "profile      up: only what it and the account's own policy both allow",
        "limits       max_sessions = 4, max_file_size = 1048576",
        "within       the account's own policy:",
        "access = \"append-only\"   # line 1",
        "directory \"~/uploads/sub\" (line 13): read-only",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

/// The dry run agrees with the session on each command, for both login shells.
#[test]
fn the_check_and_the_session_agree() {
    let host = Host::new();
    host.policy(POLICY);
    let profiles = ["up", "near", "other"];
    let commands = [
        "sftp-server",
        "internal-sftp",
        "scp -t uploads/x",
        "scp -f uploads/old.txt",
        "rsync --server . uploads/y",
        "id",
    ];
    let mut served = 0;
    for (name, profile) in ["plain", "alice"]
        .iter()
        .flat_map(|name| profiles.map(|profile| (name, profile)))
    {
        let account = host.account(name);
        for command in commands {
            let output = check(
                &host,
                &[
                    "--user",
                    name,
                    "--profile",
                    profile,
                    "--json",
                    "-c",
                    command,
                ],
            );
            let by_check = output.code() == 0;
            let line = format!("{XFERSH} --forced --profile {profile}");
            host.log();
            let mut shell = host.shell(account);
            shell.env("SSH_ORIGINAL_COMMAND", command);
            host.run(shell.args(["-c", &line]), b"");
            let log = host.log();
            let verdict = &log.first().expect("a verdict").text;
            assert_eq!(
                verdict.contains("verdict=allowed"),
                by_check,
                "{name} {profile} {command}: {output}\n{verdict}"
            );
            assert!(
                verdict.contains(&format!(" profile={profile} ")),
                "{verdict}"
            );
            served += usize::from(by_check);
        }
    }
    assert_eq!(served, 5, "two and three of the profile 'up'");
    let near = [
        "--user",
        "alice",
        "--profile",
        "near",
        "--address",
        "192.0.2.9",
        "-c",
        "sftp-server",
    ];
    check(&host, &near).succeeded("a client for whom the block holds");
}

#[test]
fn an_unknown_profile_is_refused_and_said() {
    let host = Host::new();
    host.policy(POLICY);
    let output = check(&host, &["--user", "alice", "--profile", "Up"]).failed("an unknown profile");
    assert_eq!(output.code(), 2, "{output}");
    let said = output.err();
    assert!(
        said.contains("no [[match]] with profile = \"Up\" holds for alice"),
        "{said}"
    );
    let output = check(&host, &["--user", "alice", "--profile", "a b"]).failed("a wrong name");
    assert!(
        output.err().contains("is not the name of a profile"),
        "{output}"
    );
    let live =
        check(&host, &["--live", "--user", "alice", "--profile", "up"]).succeeded("the live probe");
    assert!(live.out().contains("P4"), "{live}");
}
