//! What is found out about the disk before the decision: a fact that cannot be determined refuses the session, and
//! removes no rule of the policy.

mod absent;
mod entries;
mod growth;
mod homes;
mod links;
mod locked;
mod start;

use crate::harness::{Account, Host, XFERSH};

/// Both protocols, reading and writing.
const COMMANDS: [&str; 3] = [
    "/usr/lib/openssh/sftp-server",
    "scp -f uploads",
    "scp -t uploads",
];

/// Each of these refuses and says the same: a session (in the log), `--check`, and the doctor.
#[track_caller]
fn refused(host: &Host, account: &Account, stage: &str, said: &[&str]) -> String {
    let before = host.disk();
    let mut hint = String::new();
    for command in COMMANDS {
        host.log();
        let session = host.direct(account, command.as_bytes(), b"");
        assert_eq!(session.code(), 126, "{command}: {session}");
        assert!(session.stdout.is_empty(), "{command}: {session}");
        let lines = host.log();
        let line = &lines.first().expect("a log line").text;
        let start = format!("verdict=refused stage={stage} ");
        assert!(line.contains(&start), "{line}");
        let check = host.root(XFERSH, &["--check", "--user", &account.name, "-c", command]);
        assert_eq!(check.code(), 126, "{command}: {check}");
        for word in said {
            assert!(line.contains(word), "{word} is not in the log: {line}");
            assert!(check.out().contains(word), "{word}: {check}");
        }
        line.split_once("hint=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .expect("a hint")
            .0
            .clone_into(&mut hint);
    }
    let lint = host.root(XFERSH, &["--check", "--user", &account.name]);
    assert_eq!(lint.code(), 1, "{lint}");
    let doctor = host.root(XFERSH, &["--doctor", "--user", &account.name]);
    for word in said {
        assert!(lint.out().contains(word), "{word}: {lint}");
        assert!(doctor.out().contains(word), "{word}: {doctor}");
    }
    before.assert_same(&host.disk(), "a refused session");
    hint
}

/// A session of each kind starts.
#[track_caller]
fn served(host: &Host, account: &Account, what: &str) {
    let check = host.root(
        XFERSH,
        &["--check", "--user", &account.name, "-c", "sftp-server"],
    );
    assert_eq!(check.code(), 0, "{what}: {check}");
    let sftp = host.raw_sftp_direct(account);
    assert!(sftp.greeted, "{what}: no session");
    sftp.end();
}
