//! Each output escapes exactly once: undoing the escapes once gives back a name with a backslash, a quote and an escape
//! character, in the log, in the dry run, in the doctor, and at the client.

use super::{check, object, read_back};
use crate::harness::{Host, XFERSH};

const NAME: &str = "a\\b\"c\x1bd\\x1b";
/// The same in a basic string of TOML.
const IN_TOML: &str = r#"a\\b\"c\u001bd\\x1b"#;
/// The same as it is printed.
const SHOWN: &str = r#"a\\b\"c\x1bd\\x1b"#;

/// The value of a field of a log line, as it is between the quotes.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let start = line.find(&format!(" {name}=\"")).expect("the field") + name.len() + 3;
    let rest = &line[start..];
    let mut is_escaped = false;
    let end = rest.find(|c: char| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    &rest[..end.expect("the end of the field")]
}

fn holds(text: &[u8], name: &str) -> bool {
    text.windows(name.len()).any(|part| part == name.as_bytes())
}

/// A directory of the policy that cannot be examined: the reason has its name.
fn host() -> Host {
    let host = Host::new();
    host.inside(|| {
        std::fs::create_dir(format!("/opt/{NAME}")).expect("a directory");
        crate::harness::account::set_mode(format!("/opt/{NAME}").as_ref(), 0o700);
    });
    host.policy(&format!(
        "readable = [\"/opt/{IN_TOML}/in\"]\nwritable = [\"~/uploads\"]\n"
    ));
    host
}

#[test]
fn a_reason_is_escaped_once_wherever_it_is_printed() {
    let host = host();
    host.direct(host.alice(), b"scp -t uploads/x", b"")
        .failed("a session");
    let log = host.log();
    let line = log
        .iter()
        .find(|line| line.text.contains("verdict=refused"))
        .expect("a line");
    let reason = field(&line.text, "reason");
    assert!(
        reason.contains(SHOWN) && holds(&read_back(reason), NAME),
        "{line:?}"
    );
    let text = check(&host, &["--user", "alice", "-c", "scp -t uploads/x"]);
    assert!(text.out().contains(SHOWN), "{text}");
    let row = text.out();
    let row = row
        .lines()
        .find(|line| line.trim_start().starts_with("reason"))
        .expect("a reason");
    assert_eq!(
        row.trim_start().trim_start_matches("reason").trim_start(),
        reason
    );
    let answer = object(&check(
        &host,
        &["--json", "--user", "alice", "-c", "scp -t uploads/x"],
    ));
    assert_eq!(answer["reason"], reason);
    let faults = check(&host, &["--user", "alice"]).out();
    assert!(faults.contains(SHOWN), "{faults}");
    let doctor = host.root(XFERSH, &["--doctor", "--user", "alice"]);
    assert!(doctor.out().contains(SHOWN), "{doctor}");
    let doctor = host.root(XFERSH, &["--doctor", "--user", "alice", "--json"]);
    let findings = object(&doctor)["findings"].clone();
    let refused = findings.as_array().expect("a list").iter();
    let mut refused = refused.filter(|finding| finding["id"] == "account-refused");
    let what = refused.next().expect("a finding")["what"].clone();
    assert!(
        what.as_str().is_some_and(|what| what.contains(reason)),
        "{doctor}"
    );
}

/// What the client sent: its command in the log, its argument in the dry run.
#[test]
fn a_word_of_the_client_is_escaped_once() {
    let host = Host::new();
    host.policy("protocols = [\"scp\", \"sftp\", \"rsync\"]\n");
    let command = format!("scp -t 'uploads/{NAME}'");
    let text = check(&host, &["--user", "alice", "-c", &command]);
    let argv = text.out();
    let argv = argv
        .lines()
        .find(|line| line.contains(" argv "))
        .expect("a row");
    assert!(
        argv.ends_with(&format!("\"--\", \"uploads/{SHOWN}\"]")),
        "{argv}"
    );
    // A sink that creates this file.
    let input = format!("C0644 2 {}\nx\n\0", "plain");
    host.direct(host.alice(), command.as_bytes(), input.as_bytes());
    let log = host.log();
    let verdict = log
        .iter()
        .find(|line| line.text.contains("verdict=allowed"))
        .expect("a line");
    assert_eq!(
        read_back(field(&verdict.text, "command")),
        command.as_bytes()
    );
    let created = log
        .iter()
        .find(|line| line.text.contains("created file"))
        .expect("a line");
    let path = format!("/home/alice/uploads/{NAME}");
    assert_eq!(read_back(field(&created.text, "path")), path.as_bytes());
    let option = format!("rsync --server '--{NAME}' . x");
    host.direct(host.alice(), option.as_bytes(), b"")
        .failed("an unknown option");
    let log = host.log();
    let line = log
        .iter()
        .find(|line| line.text.contains("verdict=refused"))
        .expect("a line");
    assert_eq!(read_back(field(&line.text, "command")), option.as_bytes());
    let answer = object(&check(&host, &["--json", "--user", "alice", "-c", &option]));
    assert_eq!(answer["reason"], field(&line.text, "reason"));
}

/// The one sentence of a refusal names a directory of the policy.
#[test]
fn the_client_sees_a_name_escaped_once() {
    let host = Host::new();
    host.policy(&format!("writable = [\"~/{IN_TOML}\"]\n"));
    host.inside(|| std::fs::create_dir(format!("/home/alice/{NAME}")).expect("a directory"));
    let refused = host
        .direct(host.alice(), b"scp -t /srv/outside/x", b"")
        .failed("a session");
    let sentence = refused.err();
    assert!(
        sentence.contains(SHOWN) && !sentence.contains('\x1b'),
        "{refused}"
    );
    assert!(holds(&read_back(sentence.trim_end()), NAME), "{refused}");
}

/// What goes wrong in the child is reported to the client and, through the guard, to the log.
#[test]
fn a_failure_of_the_server_side_is_escaped_once() {
    let host = Host::new();
    // Its interpreter is missing: execve(2) fails after the confinement. The distribution's own is not inspected.
    let place = "/usr/lib/openssh";
    host.shell_line(&format!("mount -t tmpfs -o mode=755 tmpfs {place}"));
    let server = format!("{place}/{NAME}");
    host.install(&server, b"#!/no/such/interpreter\n");
    host.inside(|| std::os::unix::fs::symlink(&server, format!("{place}/sftp-server")))
        .expect("a link");
    host.direct(host.alice(), b"sftp-server", b"")
        .failed("a session");
    let log = host.log();
    let line = log
        .iter()
        .find(|line| line.text.contains(" error="))
        .expect("a line");
    let error = field(&line.text, "error");
    assert!(error.contains(SHOWN), "{line:?}");
    assert!(holds(&read_back(error), &server), "{line:?}");
}

/// So is what wildcards match but the client must not have: a link to a file that every server may read.
#[test]
fn a_match_that_is_refused_is_escaped_once() {
    let host = Host::new();
    host.policy("protocols = [\"rsync\"]\nreadable = [\"~/uploads\"]\n");
    host.inside(|| {
        let link = format!("/home/alice/uploads/{NAME}");
        std::os::unix::fs::symlink("/etc", link).expect("a link");
    });
    let path = format!("uploads/{NAME}/passwd");
    // The guard may find the server's side before or after it has ended: hence several sessions.
    for _ in 0..10 {
        let output = host
            .direct(
                host.alice(),
                b"rsync --server --sender -r . uploads/a*/passwd",
                b"",
            )
            .failed("a session");
        let said = output.err();
        assert!(said.contains(SHOWN), "{output}");
        assert!(holds(&read_back(said.trim_end()), &path), "{output}");
        assert_eq!(said.lines().count(), 1, "{output}");
        let log = host.log();
        let told = log.iter().filter(|line| line.text.contains(SHOWN));
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), 1, "{log:?}");
        let late = told[0].text.contains(" error=");
        let error = field(&told[0].text, if late { "error" } else { "reason" });
        assert!(holds(&read_back(error), &path), "{log:?}");
    }
}

/// A bug in xfersh ends a session with one sentence; the log says where it was, with the message escaped once.
#[test]
fn a_panic_tells_the_client_no_place() {
    use std::os::unix::process::CommandExt;
    let host = Host::new();
    let mut panic = std::process::Command::new(crate::filter::probe::program());
    let alice = host.alice();
    panic
        .args(["none", "-", "panic", NAME])
        .uid(alice.id)
        .gid(alice.id)
        .current_dir("/");
    let output = host.run(&mut panic, b"").failed("a panic");
    assert_eq!(
        output.err(),
        "xfersh: An internal error ended the session; the server's log says where.\n"
    );
    assert!(output.stdout.is_empty(), "{output}");
    let log = host.log();
    let [line] = log.as_slice() else {
        panic!("{log:?} should be one line");
    };
    let reason = field(&line.text, "reason");
    assert!(
        reason.contains("internal error at") && reason.contains(SHOWN),
        "{line:?}"
    );
    assert!(holds(&read_back(reason), NAME), "{line:?}");
}
