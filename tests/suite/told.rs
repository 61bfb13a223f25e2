//! What a refused client is told: what it can act on, and nothing of the disk.

use crate::harness::{Host, XFERSH};

const SENTENCE: &str = "This account is for file transfer only.";

/// The policy, the command, and what is said after the sentence.
type Row = (&'static str, &'static str, &'static str);

const ALL: &str = "protocols = [\"sftp\", \"scp\", \"rsync\"]\n";
const SFTP: &str = "protocols = [\"sftp\"]\n";
const LOOSE: &str = "it could loosen what the policy allows.";

const ROWS: &[Row] = &[
    // A protocol that is not served.
    (
        "",
        "rsync --server . uploads/x",
        "It serves sftp and scp, not rsync.",
    ),
    ("", "rsync --daemon", "It serves sftp and scp, not rsync."),
    (SFTP, "scp -t uploads/x", "It serves sftp, not scp."),
    (
        SFTP,
        "/usr/bin/scp -f uploads/x",
        "It serves sftp, not scp.",
    ),
    (
        "protocols = [\"rsync\", \"scp\"]\n",
        "sftp-server",
        "It serves rsync and scp, not sftp.",
    ),
    // Whoever asks for no server at all is told no more.
    ("", "id", ""),
    ("", "", ""),
    ("", "/bin/sh", ""),
    (ALL, "rsync", ""),
    // A refused option of each program.
    (ALL, "sftp-server -d /", LOOSE),
    (
        ALL,
        "sftp-server -RR",
        "The option -R is refused: it takes no value.",
    ),
    (
        ALL,
        "sftp-server -u 000",
        "The option -u is refused: it loosens the mask 022.",
    ),
    (
        ALL,
        "sftp-server -l QUIET",
        "The option -l is refused: it logs less than the default, ERROR.",
    ),
    (
        ALL,
        "scp -S x -t y",
        "The option -S is refused: it is an option of scp's client side.",
    ),
    (
        ALL,
        "scp -t uploads/x -r",
        "The option -r is refused: it stands after a path.",
    ),
    (
        ALL,
        "scp -lx -t y",
        "The option -l is refused: its value is not a number.",
    ),
    (
        ALL,
        "rsync --server -s . x",
        "The option -s is refused: it sends the arguments where they cannot be vetted.",
    ),
    (
        ALL,
        "rsync --server --nonsense . x",
        "The option --nonsense is refused: no rsync client sends it.",
    ),
    (
        ALL,
        "nice rsync --server . x",
        "Call rsync directly, without nice before it.",
    ),
    // A place.
    (ALL, "scp -t /etc/x", "It can write in /home/alice/empty."),
];

#[test]
fn a_refused_client_learns_what_it_can_do() {
    let host = Host::new();
    let mut wrong = Vec::new();
    for (policy, command, more) in ROWS {
        host.policy(policy);
        let before = host.disk();
        let output = host.direct(host.alice(), command.as_bytes(), b"");
        before.assert_same(&host.disk(), command);
        let said = output.err();
        let start = format!("xfersh: {SENTENCE}");
        let rest = said.strip_prefix(&start).map(str::trim_end);
        let is_right = rest.is_some_and(|rest| match *more {
            "" => rest.is_empty(),
            more => rest.starts_with(' ') && rest.contains(more),
        });
        if !is_right
            || output.code() != 126
            || !output.stdout.is_empty()
            || said.lines().count() != 1
        {
            wrong.push(format!("{policy}{command}: expected {more:?}: {output}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the administrator wrote stands instead of the sentence and of the protocols.
#[test]
fn the_message_of_the_policy_comes_first() {
    let host = Host::new();
    let own = "message = \"Ask the desk.\"\n";
    for (command, said) in [
        ("id", "xfersh: Ask the desk.\n"),
        ("rsync --server . x", "xfersh: Ask the desk.\n"),
        (
            "scp -t /etc/x",
            "xfersh: Ask the desk. It can write in /home/alice/empty.\n",
        ),
        (
            "scp -S x -t y",
            "xfersh: Ask the desk. The option -S is refused: it is an option of scp's client side.\n",
        ),
    ] {
        host.policy(own);
        let output = host.direct(host.alice(), command.as_bytes(), b"");
        assert_eq!(
            (output.code(), output.err().as_str()),
            (126, said),
            "{command}"
        );
    }
}

/// What a client sent is said back to it harmlessly, and not endlessly; whole only to the administrator.
#[test]
fn an_option_is_said_back_escaped_and_bounded() {
    let host = Host::new();
    host.policy(ALL);
    let long = "o".repeat(100_000);
    for (option, shown) in [
        ("--a\x1b[2J\u{202e}b", r"--a\x1b[2J\u{202e}b"),
        ("--a\nb", r"--a\nb"),
        ("--a\\b\"c", r#"--a\\b\"c"#),
        (&*format!("--{long}"), "more bytes]"),
    ] {
        let command = format!("rsync --server '{option}' . x");
        let output = host.direct(host.alice(), command.as_bytes(), b"");
        let said = output.err();
        assert!(said.contains(shown), "{shown}: {output}");
        assert!(
            said.len() < 2_000 && said.lines().count() == 1,
            "{} bytes",
            said.len()
        );
        assert!(!said.trim_end().chars().any(char::is_control), "{output}");
        let check = host.root(
            XFERSH,
            &["--check", "--user", "alice", "--json", "-c", &command],
        );
        let check: serde_json::Value = serde_json::from_slice(&check.stdout).expect("one object");
        let reason = check["reason"].as_str().expect("a reason");
        assert!(
            !reason.contains("more bytes") && reason.len() > option.len(),
            "{reason}"
        );
    }
}

/// The README: a client that starts a command shows what is said; an sftp client does not, since sshd discards it.
#[test]
fn clients_of_scp_and_rsync_show_it_and_those_of_sftp_do_not() {
    let host = Host::with_sshd();
    host.write("/tmp/local/up", b"x");
    host.policy("protocols = [\"sftp\"]\n");
    let scp = host.scp_to(host.alice(), &["-O"], &["up"], "uploads/x");
    let scp = scp.failed("a protocol that is not served");
    assert!(scp.err().contains("It serves sftp, not scp."), "{scp}");
    host.policy("protocols = [\"scp\"]\n");
    for output in [
        host.sftp(host.alice(), "pwd\n"),
        host.scp_to(host.alice(), &[], &["up"], "uploads/x"),
        host.run(host.client("ssh").args(["-s", "alice@host", "sftp"]), b""),
    ] {
        let output = output.failed("a protocol that is not served");
        assert!(!output.err().contains(SENTENCE), "{output}");
    }
    let sftp = host.sftp(host.alice(), "pwd\n");
    assert!(sftp.err().contains("Connection closed"), "{sftp}");
    let lines = host.log();
    assert!(
        lines
            .iter()
            .any(|line| line.text.contains("the policy does not allow sftp")),
        "{lines:?}"
    );
}
