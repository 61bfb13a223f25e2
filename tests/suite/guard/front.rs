//! Signals that a client asks sshd to send (RFC 4254, 6.9): none of them, not even SIGKILL, takes a line from the log or
//! leaves a temporary file behind.

use std::process::Command;
use std::time::{Duration, Instant};

use super::SFTP;
use crate::harness::{Account, Host, Output};

const SHELL: &str = include_str!("../../programs/clients/signal_shell.py");

/// All that sshd passes on (session.c).
const SIGNALS: [&str; 7] = ["HUP", "INT", "KILL", "QUIT", "TERM", "USR1", "USR2"];

/// How long the guard may take: a server that does not end by itself has two seconds.
const LATE: Duration = Duration::from_secs(20);

fn host() -> Host {
    let host = Host::with_sshd();
    host.policy("protocols = [\"sftp\", \"scp\", \"rsync\"]\n");
    host.inside(|| std::fs::write("/opt/signal_shell.py", SHELL))
        .expect("writing");
    host.shell_line(
        // The directory lists what is new first, and a client that does not sort sends the large file last.
        "mkdir /tmp/local/tree && cd /tmp/local/tree && head -c 8000000 /dev/urandom >z
         for f in $(seq 20); do echo $f >n$f; done
         printf '#!/bin/sh\nexec /usr/bin/python3 /opt/signal_shell.py \"$@\"\n' >/opt/signal_shell
         chmod 755 /opt/signal_shell",
    );
    host
}

/// Twenty small files and a large one, in which the signal comes.
fn upload(host: &Host, account: &Account, (client, signal): (&str, &str)) -> Output {
    let to = format!("{}@host:uploads/", account.name);
    let mut command = Command::new(client);
    match client {
        "rsync" => command.args(["-r", "-e", "/opt/signal_shell", "tree/", &to]),
        "scp" => command.args(["-O", "-r", "-S", "/opt/signal_shell", "tree", &to]),
        _ => command.args(["-s", SFTP, "-S", "/opt/signal_shell", &to[..to.len() - 1]]),
    };
    command
        .env("SIGNAL", signal)
        .env("AFTER", "4000000")
        .env("KEY", "/etc/ssh/test_client_key")
        .current_dir("/tmp/local");
    let lines = b"put -r tree\n";
    let output = host.run(&mut command, lines);
    assert!(
        output.err().contains("ended: "),
        "{client} {signal}: {output}"
    );
    output
}

/// Waits until the account has no process; what is left in its directory of a temporary name.
fn left(host: &Host, account: &Account) -> String {
    let deadline = Instant::now() + LATE;
    while !host.processes_of(account).is_empty() {
        let running = host.processes_of(account);
        assert!(Instant::now() < deadline, "left behind: {running:#?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let directory = account.at("uploads").display().to_string();
    host.root("find", &[&directory, "-name", ".*.*"]).out()
}

/// The control: an ordinary rsync is killed, and leaves its file.
#[test]
fn no_signal_of_a_client_takes_a_line_or_leaves_a_file() {
    let host = host();
    upload(&host, host.plain(), ("rsync", "KILL"));
    let temporary = left(&host, host.plain());
    assert!(temporary.contains("/.z."), "proves nothing: {temporary}");
    for signal in SIGNALS {
        for client in ["rsync", "scp", "sftp"] {
            if client != "rsync" && signal != "KILL" {
                continue;
            }
            let what = format!("{client} {signal}");
            host.refurnish();
            let _ = host.log();
            upload(&host, host.alice(), (client, signal));
            assert_eq!(left(&host, host.alice()), "", "{what}");
            let lines = host.log();
            for (index, line) in lines.iter().enumerate() {
                let number = format!(" seq={} ", index + 1);
                assert!(line.text.contains(&number), "{what}: {lines:#?}");
                assert!(!line.text.contains(" lost="), "{what}: {lines:#?}");
            }
            let last = &lines.last().expect("lines").text;
            assert!(last.contains(" end server="), "{what}: {lines:#?}");
            let created = |line: &&crate::harness::Line| line.text.contains(" created file ");
            let there = "find /home/alice/uploads -name 'n[0-9]*' | wc -l";
            let there = host.shell_line(there).trim().parse().expect("a number");
            assert!(there > 0, "{what}: proves nothing");
            assert!(
                lines.iter().filter(created).count() >= there,
                "{what}: {lines:#?}"
            );
        }
    }
}

/// dropbear does not lead a session into a group of its own, and passes a signal on to the process that it started, as
/// root.
#[test]
fn a_signal_to_the_process_that_was_started() {
    let host = Host::new();
    for signal in SIGNALS {
        let _ = host.log();
        let mut sftp = host.raw_sftp_direct(host.alice());
        for index in 0..10 {
            assert!(sftp.mkdir(&format!("uploads/{signal}{index}")).ok());
        }
        let started = sftp.process().to_string();
        let mut kill = Command::new("kill");
        let sent = kill.args(["-s", signal, &started]).status();
        assert!(sent.expect("kill").success());
        // A server that has a handler for it goes on; then its input ends.
        sftp.end();
        left(&host, host.alice());
        let lines = host.log();
        let made = lines.iter().filter(|line| line.text.contains("/uploads/"));
        assert!(made.count() >= 10, "{signal}: {lines:#?}");
        let last = &lines.last().expect("lines").text;
        assert!(last.contains(" end server="), "{signal}: {lines:#?}");
        assert!(!last.contains(" by_uid="), "{signal}: {lines:#?}");
    }
}
