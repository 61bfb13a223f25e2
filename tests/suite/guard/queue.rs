//! Lines about changes wait and are sent together: none is lost, none overtakes another, none waits for long.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{SFTP, attack, attacked, number};
use crate::harness::account::set_mode;
use crate::harness::{Host, Sftp};

const SOCKET: &str = "/dev/log";

/// How long the test waits for a line; a session is much faster.
const LATE: Duration = Duration::from_secs(30);

/// The sequence number of a line.
#[track_caller]
fn sequence(line: &str) -> u64 {
    let number = line
        .split_once(" seq=")
        .and_then(|(_, rest)| rest.split(' ').next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no number in {line:?}"))
}

/// Fails unless these lines of one session begin with the first one, have no gaps, and are in order.
#[track_caller]
fn complete(lines: &[String]) {
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(sequence(line), at as u64 + 1, "{line}\nin {lines:#?}");
        assert!(!line.contains(" lost="), "{line}");
    }
}

fn texts(host: &Host) -> Vec<String> {
    host.log().into_iter().map(|line| line.text).collect()
}

/// Reads the log into `lines` until one contains `text`.
#[track_caller]
fn wait_for(host: &Host, lines: &mut Vec<String>, text: &str) {
    let started = Instant::now();
    while !lines.iter().any(|line| line.contains(text)) {
        assert!(started.elapsed() < LATE, "no {text:?} in {lines:#?}");
        std::thread::sleep(Duration::from_millis(10));
        lines.extend(texts(host));
    }
}

/// Replaces the log daemon's socket with one of the test.
fn bind() -> UnixDatagram {
    let _ = std::fs::remove_file(SOCKET);
    let socket = UnixDatagram::bind(SOCKET).expect("a socket");
    set_mode(SOCKET.as_ref(), 0o666);
    socket
        .set_read_timeout(Some(Duration::from_millis(20)))
        .expect("a time limit");
    socket
}

/// Reads what is waiting at the socket into `lines`.
fn receive(socket: &UnixDatagram, lines: &mut Vec<String>) {
    let mut buffer = [0; 8192];
    while let Ok(length) = socket.recv(&mut buffer) {
        lines.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
}

#[test]
fn lines_of_all_kinds_keep_their_order() {
    let host = Host::new();
    let mut sftp = host.raw_sftp_direct(host.alice());
    let mut expected = vec!["verdict=allowed".to_owned()];
    for index in 0..100 {
        let path = format!("uploads/d{index}");
        assert!(sftp.mkdir(&path).ok());
        expected.push(format!("created directory path=\"/home/alice/{path}\""));
        if index % 10 == 0 {
            // Two reasons in turn: more than five of one would be summarised.
            let wrong = if index % 20 == 0 { ".x" } else { "uploads/.x" };
            assert!(!sftp.mkdir(wrong).ok());
            expected.push("refused call=mkdir".to_owned());
        }
        assert!(sftp.rmdir(&path).ok());
        expected.push(format!("removed directory path=\"/home/alice/{path}\""));
    }
    assert_eq!(sftp.end(), 0);
    expected.push("end server=exited:0".to_owned());
    let lines = texts(&host);
    complete(&lines);
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(&expected) {
        assert!(line.contains(expected), "{expected}\nis not in {line}");
    }
}

#[test]
fn a_flood_of_changes_arrives_complete() {
    const COUNT: u64 = 5_000;
    let host = attacked("");
    let output = attack(
        &host,
        host.alice(),
        SFTP,
        &format!("mkdirs uploads {COUNT}"),
    );
    assert_eq!(number(&output, "made"), COUNT, "{output}");
    let lines = texts(&host);
    complete(&lines);
    let mut seen = BTreeMap::new();
    for line in &lines {
        if let Some((_, path)) = line.split_once(" created directory path=") {
            *seen.entry(path.to_owned()).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.len() as u64, COUNT);
    assert!(seen.values().all(|count| *count == 1), "a line twice");
    let end = lines.last().expect("a closing line");
    assert!(end.contains(&format!(" created={COUNT} ")), "{end}");
}

/// Nothing happens any more, but the line still comes.
#[test]
fn a_session_that_rests_holds_no_line_back() {
    let host = Host::new();
    let mut sftp = host.raw_sftp_direct(host.alice());
    let mut lines = Vec::new();
    for name in ["one", "two", "three"] {
        assert!(sftp.mkdir(&format!("uploads/{name}")).ok());
        wait_for(&host, &mut lines, &format!("/uploads/{name}\""));
    }
    complete(&lines);
    assert_eq!(sftp.end(), 0);
}

/// The server is never idle, and causes no further line: the one that waits gets old and is sent.
#[test]
fn a_session_that_is_busy_holds_no_line_back() {
    let host = Host::new();
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.mkdir("uploads/d").ok());
    let (mut lines, started) = (Vec::new(), Instant::now());
    while !lines
        .iter()
        .any(|line: &String| line.contains("/uploads/d\""))
    {
        assert!(started.elapsed() < LATE, "no line: {lines:#?}");
        for _ in 0..100 {
            assert!(!sftp.mkdir("uploads/d").ok(), "it is there");
        }
        lines.extend(texts(&host));
    }
    assert_eq!(sftp.end(), 0);
}

/// `audit = "required"`: if the client was told that something is done, it is in the log.
#[test]
fn no_line_waits_where_the_log_is_required() {
    let host = Host::new();
    host.policy("audit = \"required\"\n");
    let mut sftp = host.raw_sftp_direct(host.alice());
    let mut lines = texts(&host);
    for index in 0..50 {
        assert!(sftp.mkdir(&format!("uploads/d{index}")).ok());
        lines.extend(texts(&host));
        let last = lines.last().expect("a line");
        assert!(last.contains(&format!("/uploads/d{index}\"")), "{last}");
    }
    complete(&lines);
    assert_eq!(sftp.end(), 0);
}

/// What it had not sent is lost, and nothing else: what was sent is there, no line twice, and without the closing line
/// nobody will think that the log is complete.
#[test]
fn a_guard_that_is_killed_loses_only_what_waits() {
    let host = Host::new();
    for round in 0..5 {
        let mut sftp = host.raw_sftp_direct(host.alice());
        let mut lines = Vec::new();
        assert!(sftp.mkdir(&format!("uploads/{round}")).ok());
        wait_for(&host, &mut lines, &format!("/uploads/{round}\""));
        for index in 0..40 {
            assert!(sftp.mkdir(&format!("uploads/{round}/{index}")).ok());
        }
        let guard = Pid::from_raw(sftp.guard().cast_signed());
        kill(guard, Signal::SIGKILL).expect("killing the guard");
        sftp.end();
        lines.extend(texts(&host));
        complete(&lines);
        // The first full batch was sent before the answer to its last change.
        assert!((2 + 32..=2 + 40).contains(&lines.len()), "{lines:#?}");
        assert!(!lines.iter().any(|line| line.contains(" end ")));
    }
}

/// If a daemon is replaced, no waiting line is lost: they go to the new one.
#[test]
fn a_daemon_that_is_restarted_gets_what_waits() {
    let host = Host::new();
    let old = host.inside(bind);
    let mut sftp = host.raw_sftp_direct(host.alice());
    let mut lines = Vec::new();
    let make = |sftp: &mut Sftp, name: &str, count: usize| {
        for index in 0..count {
            assert!(sftp.mkdir(&format!("uploads/{name}{index}")).ok());
        }
    };
    make(&mut sftp, "first", 10);
    while !lines
        .iter()
        .any(|line: &String| line.contains("uploads/first9"))
    {
        receive(&old, &mut lines);
    }
    // Some wait while the daemon goes, some come while there is none but the old one's closed socket.
    make(&mut sftp, "second", 10);
    receive(&old, &mut lines);
    let new = host.inside(bind);
    receive(&old, &mut lines);
    drop(old);
    let reader = std::thread::spawn(move || {
        let (mut lines, started) = (Vec::new(), Instant::now());
        let is_last = |line: &String| line.contains(" end ");
        while !lines.iter().any(is_last) && started.elapsed() < LATE {
            receive(&new, &mut lines);
        }
        lines
    });
    make(&mut sftp, "third", 100);
    assert_eq!(sftp.end(), 0);
    lines.extend(reader.join().expect("a reader"));
    complete(&lines);
    let end = lines.last().expect("lines");
    assert!(
        end.contains(" end ") && end.contains("created=120 "),
        "{end}"
    );
}

/// A daemon that listens on a stream gets whole lines, each followed by a NUL.
#[test]
fn a_daemon_with_a_stream_gets_every_line() {
    let host = Host::new();
    let listener = host.inside(|| {
        std::fs::remove_file(SOCKET).expect("removing the socket");
        let listener = UnixListener::bind(SOCKET).expect("a socket");
        set_mode(SOCKET.as_ref(), 0o666);
        listener
    });
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut text = Vec::new();
        stream.read_to_end(&mut text).expect("reading");
        text
    });
    let mut sftp = host.raw_sftp_direct(host.alice());
    for index in 0..100 {
        assert!(sftp.mkdir(&format!("uploads/d{index}")).ok());
    }
    assert_eq!(sftp.end(), 0);
    let text = String::from_utf8(reader.join().expect("a reader")).expect("text");
    let lines: Vec<String> = text.split_terminator('\0').map(str::to_owned).collect();
    assert!(lines.iter().all(|line| line.starts_with('<')), "{lines:#?}");
    complete(&lines);
    assert_eq!(lines.len(), 102, "{lines:#?}");
}

/// The point of it all: many lines with few calls.
#[test]
fn lines_go_out_together() {
    const TRACE: &str = "/var/log/trace";
    let host = Host::new();
    let alice = host.alice();
    let mut strace = std::process::Command::new("strace");
    strace
        .args(["-f", "-q", "-e", "trace=sendmmsg,sendto,sendmsg,write"])
        .args(["-o", TRACE, "-u", &alice.name])
        .args([alice.shell_path(), "-c", SFTP])
        .current_dir(alice.home())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("SSH_CONNECTION", "127.0.0.1 1 127.0.0.1 22");
    let mut sftp = Sftp::start(host.namespace(), &mut strace);
    assert!(sftp.greeted, "no session under strace");
    for index in 0..320 {
        assert!(sftp.mkdir(&format!("uploads/d{index}")).ok());
    }
    assert_eq!(sftp.end(), 0);
    let lines = texts(&host);
    complete(&lines);
    let trace = String::from_utf8_lossy(&host.read(TRACE)).into_owned();
    let calls = trace.lines().filter(|line| line.contains("xfersh["));
    let calls = calls.count();
    // A batch that is not full was sent because of its age, on a slow machine.
    assert!(
        (1..lines.len() / 2).contains(&calls),
        "{calls} calls for {} lines",
        lines.len()
    );
}
