//! An account that may run any program, and invents sessions or disturbs those that the administrator wants to end.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Account, Host, Kind, SshdConfig, XFERSH};

const SFTP: &str = "/usr/lib/openssh/sftp-server";
const ID: &str = "0123456789abcdef";
const LATE: Duration = Duration::from_secs(20);

/// Runs something as an account, whatever its shell is; its first line of output must be that, if anything.
#[track_caller]
fn as_account(host: &Host, account: &Account, words: &[&str], input: &str, says: &str) -> Child {
    let mut command = account.runs(words[0]);
    command
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = host.namespace().spawn(&mut command).expect("a process");
    let stdin = child.stdin.as_mut().expect("stdin is piped");
    stdin.write_all(input.as_bytes()).expect("telling it");
    if !says.is_empty() {
        let mut line = String::new();
        let said = child.stdout.take().expect("stdout is piped");
        BufReader::new(said).read_line(&mut line).expect("its word");
        assert!(line.starts_with(says), "{words:?}: {line:?}");
    }
    child
}

/// The lines of `--who`, once there are so many.
#[track_caller]
fn who(host: &Host, count: usize) -> Vec<Vec<String>> {
    let deadline = Instant::now() + LATE;
    loop {
        let output = host.root(XFERSH, &["--who"]).succeeded("--who").out();
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        let lines: Vec<Vec<String>> = output.lines().skip(1).map(words).collect();
        if lines.len() == count {
            return lines;
        }
        assert!(Instant::now() < deadline, "not {count}: {output}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The kernel vouches for the uid, and for no name.
#[test]
fn an_account_invents_no_session_of_another() {
    let mut host = Host::new();
    host.install_program("forger", Kind::Program);
    host.policy("[[match]]\nuser = \"plain\"\n");
    host.start_sshd(&SshdConfig::default());
    let (plain, alice) = (host.plain().id, host.alice().id);
    let title = format!(
        "xfersh: session={ID} account=alice uid={alice} client=10.0.0.1 server=sftp files=9 bytes=9"
    );
    // It is the oldest, and does not end.
    let forger = ["/opt/forger", &title];
    let mut forger = as_account(&host, host.plain(), &forger, "", "forged");
    let real = host.raw_sftp(host.alice());
    let lines = who(&host, 3);
    let forged = lines.iter().find(|line| line[0] == ID);
    let forged = forged.expect("proves nothing: it is not even listed");
    assert_eq!(forged[1], format!("uid={plain}"), "{lines:#?}");
    let named: Vec<_> = lines.iter().filter(|line| line[1] == "alice").collect();
    assert_eq!(named.len(), 1, "{lines:#?}");
    let ended = host.root(XFERSH, &["--end", "--account", "alice"]);
    let expected = format!("Ended session {} of 'alice'.\n", named[0][0]);
    assert_eq!(ended.succeeded("--end").out(), expected);
    assert_ne!(real.end(), 0);

    // One of its own that does not end keeps nobody from ending the other.
    let genuine = lines.iter().find(|line| line[1] == "plain");
    let genuine = &genuine.expect("the session that was started")[0];
    let ended = host.root(XFERSH, &["--end", "--account", "plain"]);
    assert_eq!(ended.code(), 1, "{ended}");
    assert_eq!(
        ended.out(),
        format!("Ended session {genuine} of 'plain'.\n")
    );
    let left = format!("session {ID} of uid {plain} has not ended after 10 seconds; 'kill -9 ");
    assert!(ended.err().contains(&left), "{ended}");
    drop(forger.stdin.take());
    forger.wait().expect("its end");
    who(&host, 0);
}

/// Of two signals of one kind that wait only the first counts: the account's own would hide the administrator's.
#[test]
fn a_signal_that_waits_does_not_hide_the_administrators() {
    let host = Host::new();
    host.install_program("attack", Kind::Program);
    host.policy("sftp_server = \"/opt/attack\"\n");
    let session = [XFERSH, "-c", SFTP];
    let mut session = as_account(&host, host.alice(), &session, "noise quiet\n", "noisy");
    let pid = &who(&host, 1)[0][5];
    let kill = format!("setpriv --reuid {} --clear-groups kill", host.alice().id);
    let line = format!(
        "{kill} -STOP {pid}; {kill} -TERM {pid}; (sleep 0.5; {kill} -CONT {pid}) & {XFERSH} --end --account alice"
    );
    let ended = host.shell_line(&line);
    assert!(ended.starts_with("Ended session "), "{ended}");
    session.wait().expect("its end");
    let log = host.log();
    let last = &log.last().expect("a closing line").text;
    assert!(last.contains(" cause=terminated by_uid="), "{log:#?}");
}

/// The title is as long as the arguments and the environment were: however short, the session is seen and ended.
#[test]
fn a_session_that_was_started_with_nothing_is_ended() {
    let host = Host::new();
    let command = ["env", "-i", XFERSH, "-c", "scp -t uploads"];
    let more = [
        "env",
        "-i",
        "ROOM=xxxxxxxxxxxxxx",
        XFERSH,
        "-c",
        "scp -t uploads",
    ];
    let sessions =
        [&command[..], &more].map(|words| as_account(&host, host.alice(), words, "", ""));
    let lines = who(&host, 2);
    let uid = format!("uid={}", host.alice().id);
    assert!(lines.iter().all(|line| line[1] == uid), "{lines:#?}");
    let known = lines.iter().filter(|line| line[0].len() == 16);
    assert_eq!(known.count(), 1, "{lines:#?}");
    host.root(XFERSH, &["--end", "--account", "alice"])
        .succeeded("--end");
    for mut session in sessions {
        session.wait().expect("its end");
    }
    who(&host, 0);
}
