//! What did not arrive whole says so, and what did does not: the line of a file that was still open when the server
//! ended, whoever ended it.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::harness::sftp::{CREATE, Reply, WRITE};
use crate::harness::sshd::CLIENT_CONFIG;
use crate::harness::{Host, Line, Sftp};

const LOCAL: &str = "/tmp/local";

fn host() -> Host {
    let host = Host::with_sshd();
    host.policy("protocols = [\"sftp\", \"scp\", \"rsync\"]\n");
    host.shell_line(&format!(
        "mkdir -p {LOCAL} && cd {LOCAL} && head -c 20000000 /dev/zero >big && printf 12345 >small"
    ));
    host
}

/// Waits for the closing line of the one session.
#[track_caller]
fn until_closed(host: &Host) -> Vec<Line> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut lines = Vec::new();
    loop {
        lines.extend(host.log());
        if lines
            .last()
            .is_some_and(|line| line.text.contains(" end server="))
        {
            return lines;
        }
        assert!(Instant::now() < deadline, "no closing line: {lines:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn texts(lines: &[Line], word: &str) -> Vec<String> {
    let found = lines.iter().filter(|line| line.text.contains(word));
    found.map(|line| line.text.clone()).collect()
}

fn client(host: &Host, program: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(LOCAL)
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/tmp");
    host.namespace().spawn(&mut command).expect("a client")
}

/// Waits until something of it is there, and ends the client.
#[track_caller]
fn kill_midway(host: &Host, mut client: Child, below: &str) {
    let directory = host.alice().at("uploads");
    let deadline = Instant::now() + Duration::from_secs(30);
    let has_begun = || {
        host.inside(|| {
            let names = std::fs::read_dir(&directory).expect("listing").flatten();
            names.into_iter().any(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                name.contains(below) && entry.metadata().is_ok_and(|status| status.len() > 0)
            })
        })
    };
    while !has_begun() {
        assert!(Instant::now() < deadline, "the transfer does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    client.kill().expect("ending the client");
    client.wait().expect("collecting it");
}

#[test]
fn a_client_that_is_killed_leaves_an_incomplete_file() {
    let host = host();
    let ssh = format!("ssh -F {CLIENT_CONFIG}");
    let scp = [
        "-O",
        "-q",
        "-F",
        CLIENT_CONFIG,
        "-l",
        "4000",
        "big",
        "alice@host:uploads/by-scp",
    ];
    let new_scp = [
        "-q",
        "-F",
        CLIENT_CONFIG,
        "-l",
        "4000",
        "big",
        "alice@host:uploads/by-sftp",
    ];
    let rsync = [
        "-e",
        &ssh,
        "--bwlimit=500",
        "big",
        "alice@host:uploads/by-rsync",
    ];
    let rows: [(&str, &[&str], &str, &str); 3] = [
        ("scp", &scp, "by-scp", "created file"),
        ("scp", &new_scp, "by-sftp", "created file"),
        ("rsync", &rsync, "by-rsync", "incomplete file"),
    ];
    for (program, arguments, name, deed) in rows {
        let _ = host.log();
        kill_midway(&host, client(&host, program, arguments), name);
        let lines = until_closed(&host);
        let told = texts(&lines, &format!("path=\"/home/alice/uploads/{name}\""));
        assert_eq!(told.len(), 1, "{name}: {lines:#?}");
        assert!(
            told[0].contains(deed) && told[0].contains("incomplete"),
            "{name}: {told:?}"
        );
        assert!(!told[0].contains(" bytes=20000000"), "{name}: {told:?}");
        let end = &lines.last().expect("a closing line").text;
        assert!(end.ends_with(" incomplete=1"), "{name}: {end}");
    }
}

#[test]
fn a_complete_file_is_not_incomplete() {
    let host = host();
    let ssh = format!("ssh -F {CLIENT_CONFIG}");
    let rows: [(&str, &[&str], &str); 4] = [
        (
            "scp",
            &[
                "-O",
                "-q",
                "-F",
                CLIENT_CONFIG,
                "small",
                "alice@host:uploads/by-scp",
            ],
            "created file bytes=5 path=",
        ),
        (
            "scp",
            &[
                "-q",
                "-F",
                CLIENT_CONFIG,
                "small",
                "alice@host:uploads/by-sftp",
            ],
            "created file bytes=5 path=",
        ),
        // One line: the temporary name is no file of its own.
        (
            "rsync",
            &["-e", &ssh, "-t", "small", "alice@host:uploads/by-rsync"],
            "created file bytes=5 by=rename mode=",
        ),
        (
            "rsync",
            &["-e", &ssh, "-I", "small", "alice@host:uploads/by-rsync"],
            "replaced file bytes=5 by=rename mode=",
        ),
    ];
    for (program, arguments, line) in rows {
        let _ = host.log();
        let mut client = client(&host, program, arguments);
        assert!(
            client.wait().expect("its end").success(),
            "{program} {arguments:?}"
        );
        let lines = until_closed(&host);
        let told = texts(&lines, " path=");
        assert_eq!(told.len(), 1, "{arguments:?}: {lines:#?}");
        let name = arguments
            .last()
            .and_then(|last| last.rsplit('/').next())
            .expect("a name");
        assert!(told[0].contains(line), "{told:?}");
        assert!(
            told[0].ends_with(&format!("path=\"/home/alice/uploads/{name}\"")),
            "{told:?}"
        );
        assert!(!told[0].contains("incomplete"), "{told:?}");
        assert!(
            lines
                .last()
                .expect("an end")
                .text
                .ends_with(" incomplete=0"),
            "{lines:#?}"
        );
    }
}

/// Opens a file and writes that much.
fn begin(sftp: &mut Sftp, bytes: usize) -> Vec<u8> {
    let handle = sftp
        .handle(|sftp| sftp.open("uploads/part", WRITE | CREATE))
        .expect("opening");
    assert!(sftp.write(&handle, 0, &vec![b'x'; bytes]).ok());
    handle
}

#[test]
fn a_session_that_is_ended_early_says_why() {
    let host = Host::new();
    let rows: [(&str, &str); 4] = [
        ("max_bytes = \"500B\"\n", "max_bytes"),
        ("max_session_time = 1\n", "max_session_time"),
        ("idle_timeout = 1\n", "idle_timeout"),
        ("max_file_size = 1000\n", "max_file_size"),
    ];
    for (policy, cause) in rows {
        host.policy(&policy.replace("\"500B\"", "500"));
        host.shell_line("rm -f /home/alice/uploads/part");
        let mut sftp = host.raw_sftp_direct(host.alice());
        let handle = begin(&mut sftp, 1000);
        let is_size = cause == "max_file_size";
        if is_size {
            assert!(!sftp.write(&handle, 1000, b"more").ok());
            assert!(sftp.close(&handle).ok());
        } else {
            let deadline = Instant::now() + Duration::from_secs(15);
            let wait = Duration::from_millis(if cause == "idle_timeout" { 3000 } else { 100 });
            loop {
                std::thread::sleep(wait);
                if sftp.stat("uploads") == Reply::End {
                    break;
                }
                assert!(Instant::now() < deadline, "{cause}: it does not end");
            }
        }
        sftp.end();
        let lines = host.log();
        let incomplete = if is_size { "" } else { " incomplete" };
        let line = format!(
            "created file bytes=1000{incomplete} cause={cause} path=\"/home/alice/uploads/part\""
        );
        assert_eq!(texts(&lines, &line).len(), 1, "{cause}: {lines:#?}");
        let end = &lines.last().expect("a closing line").text;
        assert!(end.contains(" end server="), "{end}");
        assert_eq!(end.contains(&format!(" cause={cause} ")), !is_size, "{end}");
        assert!(
            end.ends_with(if is_size {
                " incomplete=0"
            } else {
                " incomplete=1"
            }),
            "{end}"
        );
    }
}

/// A signal from elsewhere, and an orderly end: the file is open in both.
#[test]
fn a_server_that_ends_with_a_file_open_leaves_it_incomplete() {
    let host = Host::new();
    for kills in [true, false] {
        host.shell_line("rm -f /home/alice/uploads/part");
        let mut sftp = host.raw_sftp_direct(host.alice());
        begin(&mut sftp, 1000);
        if kills {
            host.shell_line("pkill -KILL -u alice -x sftp-server");
        }
        sftp.end();
        let lines = host.log();
        let line = "created file bytes=1000 incomplete path=\"/home/alice/uploads/part\"";
        assert_eq!(texts(&lines, line).len(), 1, "{lines:#?}");
        assert!(
            lines
                .last()
                .expect("an end")
                .text
                .ends_with(" incomplete=1"),
            "{lines:#?}"
        );
    }
}
