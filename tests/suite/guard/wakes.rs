//! How often the guard wakes: reading costs nothing.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::SFTP;
use crate::harness::sftp::{CREATE, READ, WRITE};
use crate::harness::{Host, Sftp};

const TRACE: &str = "/var/log/trace";
/// The kernel's number for taking a notification, which strace does not name (`<linux/seccomp.h>`).
const RECEIVE: &str = "0xc0502100";

/// strace, started over the whole session as root, with the calls that the guard makes to take a notification. It
/// runs the account's shell itself, so that not even the first wake is missed.
fn traced(host: &Host, command: &str, calls: &str) -> Command {
    let alice = host.alice();
    let mut strace = Command::new("strace");
    strace
        .args([
            "-f",
            "-q",
            "-X",
            "raw",
            "-e",
            calls,
            "-o",
            TRACE,
            "-u",
            &alice.name,
        ])
        .args([alice.shell_path(), "-c", command])
        .current_dir(alice.home())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("SSH_CONNECTION", "127.0.0.1 1 127.0.0.1 22");
    strace
}

/// The notifications taken, according to the trace.
fn taken(host: &Host) -> usize {
    let trace = String::from_utf8_lossy(&host.read(TRACE)).into_owned();
    trace
        .lines()
        .filter(|line| line.contains(RECEIVE) && line.ends_with("= 0"))
        .count()
}

fn read_a_lot(sftp: &mut Sftp) {
    let handle = sftp
        .handle(|sftp| sftp.open("uploads/old.txt", READ))
        .expect("opening");
    for offset in 0..16 {
        sftp.read(&handle, offset, 4);
    }
    assert!(sftp.close(&handle).ok());
    for path in ["uploads", "site", "uploads/sub"] {
        assert!(sftp.stat(path).ok() && sftp.lstat(path).ok() && sftp.realpath(path).ok());
        assert!(sftp.list(path).is_ok());
    }
    assert!(sftp.readlink("uploads/to-home").ok());
}

#[track_caller]
fn session(host: &Host, act: impl FnOnce(&mut Sftp)) -> usize {
    let mut sftp = Sftp::start(host.namespace(), &mut traced(host, SFTP, "trace=ioctl"));
    assert!(sftp.greeted, "no session under strace");
    act(&mut sftp);
    sftp.end();
    taken(host)
}

#[test]
fn reading_wakes_the_guard_once() {
    let host = Host::new();
    // The counter counts: each of these is a call of its own.
    let made = |sftp: &mut Sftp| {
        for index in 0..5 {
            assert!(sftp.mkdir(&format!("uploads/{index}")).ok());
        }
    };
    let written = session(&host, made);
    let nothing = session(&host, |_| {});
    assert_eq!(written, nothing + 5);
    // sftp-server opens /dev/null for reading and writing when it starts (OpenSSH's sanitise_stdfd), and the
    // filter cannot tell that from a client's open. One that may write tells when it ends, too.
    assert_eq!(session(&host, read_a_lot), 3, "sftp, read-write");
    host.policy("access = \"read-only\"\n");
    assert_eq!(session(&host, read_a_lot), 2, "sftp, read-only");
    host.no_policy();
    // A download by the old protocol, under the ordinary policy.
    let mut scp: Child = host
        .namespace()
        .spawn(
            traced(&host, "scp -f uploads/old.txt", "trace=ioctl")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        )
        .expect("scp under strace");
    scp.stdin
        .take()
        .expect("stdin is piped")
        .write_all(&[0; 16])
        .expect("agreeing");
    let output = scp.wait_with_output().expect("its end");
    assert!(
        output
            .stdout
            .windows(15)
            .any(|window| window == b"uploaded before"),
        "{output:?}"
    );
    // For execve, for /dev/null, and for the file: the guard opens what scp sends (`Rules::watch_named_reads`).
    assert_eq!(taken(&host), 3, "scp -f");
}

/// How many system calls a created file may cost in the guard: poll, receive, read the path, lock, prove the directory,
/// create, look, pin, look, unlock, hand over, answer, three closes. The log's share comes once in 32 files.
const CALLS_OF_A_FILE: usize = 16;

/// What a transfer of small files pays for.
#[test]
fn a_created_file_costs_few_calls() {
    let host = Host::new();
    let mut counts = Vec::new();
    // Two sessions: they differ only in the files.
    for files in [32, 160] {
        host.refurnish();
        let mut sftp = Sftp::start(host.namespace(), &mut traced(&host, SFTP, "trace=all"));
        assert!(sftp.greeted, "no session under strace");
        assert!(sftp.mkdir("uploads/many").ok());
        for index in 0..files {
            assert!(sftp.put(&format!("uploads/many/{index}"), b"x").ok());
        }
        sftp.end();
        let trace = String::from_utf8_lossy(&host.read(TRACE)).into_owned();
        let guard = trace
            .lines()
            .find_map(|line| line.split_whitespace().next())
            .expect("the guard's process");
        // One call can be two lines; before each close(2) a program with debug assertions asks whether the
        // descriptor is open.
        let of_guard = trace
            .lines()
            .filter(|line| line.split_whitespace().next() == Some(guard))
            .filter(|line| !line.contains(" resumed>") && !line.contains(" fcntl("));
        counts.push(of_guard.count());
    }
    let each = (counts[1] - counts[0]) as f64 / 128.0;
    println!("{each:.1} system calls of the guard a created file");
    assert!(
        each <= CALLS_OF_A_FILE as f64 + 0.5,
        "{each:.1} calls: {counts:?}"
    );
}

/// Neither per packet nor per second: an idle or reading session leaves the guard asleep.
#[test]
fn a_session_that_reads_lets_the_guard_sleep() {
    let host = Host::new();
    let mut sftp = host.raw_sftp_direct(host.alice());
    let switches = |process: u32| -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the guard");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|number| number.trim().parse().ok())
            .expect("a count")
    };
    read_a_lot(&mut sftp);
    // A second after the last call it wakes once more, to settle and to become idle.
    std::thread::sleep(Duration::from_millis(2500));
    let before = switches(sftp.guard());
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(2500) {
        read_a_lot(&mut sftp);
    }
    assert_eq!(switches(sftp.guard()), before, "the guard woke");
    // The counter counts.
    let handle = sftp
        .handle(|sftp| sftp.open("uploads/new", WRITE | CREATE))
        .expect("opening");
    assert!(sftp.close(&handle).ok());
    assert!(switches(sftp.guard()) > before);
    assert_eq!(sftp.end(), 0);
}

/// What `log_reads` costs: one wake-up for each open. Without it a read wakes nobody.
#[test]
fn a_read_that_is_logged_wakes_the_guard() {
    let host = Host::new();
    let mut costs = Vec::new();
    for policy in ["", "log_reads = true\n"] {
        host.policy(policy);
        // Ten times a file and three directories more.
        let [fewer, more] =
            [10, 20].map(|times| session(&host, |sftp| (0..times).for_each(|_| read_a_lot(sftp))));
        costs.push(more - fewer);
    }
    assert_eq!(costs, [0, 40], "notifications");
}
