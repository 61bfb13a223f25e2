//! Kernels that lack something, simulated by an outer filter: refused by default, with a line that says what is
//! missing; weaker only if the policy says so.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::harness::{Account, Host, Kind, Output, Sftp};

const WITHOUT: &str = "/opt/without";
const SFTP: &str = "/usr/lib/openssh/sftp-server";

fn host() -> Host {
    let host = Host::new();
    host.install_program("without", Kind::Program);
    host
}

/// The account's shell on a kernel that lacks `feature`.
fn shell(host: &Host, account: &Account, feature: &str) -> Command {
    let mut command = host.shell(account);
    let (environment, directory): (Vec<_>, _) = (
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect(),
        account.home(),
    );
    let shell = account.shell_path();
    command = Command::new(WITHOUT);
    command
        .args([feature, shell, "-c", SFTP])
        .uid(account.id)
        .gid(account.id)
        .current_dir(directory)
        .env_clear()
        .envs(environment);
    command
}

/// A session of rsync's server for which `attack` stands in.
fn rsync_shell(host: &Host, feature: &str) -> Command {
    let mut command = host.alice().runs(WITHOUT);
    command.args([feature, host.alice().shell_path(), "-c", super::RSYNC]);
    command
}

fn session(host: &Host, feature: &str) -> Output {
    host.run(&mut shell(host, host.alice(), feature), b"")
}

#[track_caller]
fn log(host: &Host) -> String {
    let lines = host.log();
    lines
        .iter()
        .map(|line| format!("{}\n", line.text))
        .collect()
}

/// What is missing, and a word of the log line that says so.
const MISSING: &[(&str, &str)] = &[
    ("landlock", "Landlock"),
    ("notify", "system call filter"),
    ("reading", "process_vm_readv is refused"),
    ("tracing", "ptrace_scope"),
    ("listener", "another program already listens"),
];

#[test]
fn refused_by_default() {
    let host = host();
    for (feature, word) in MISSING {
        let _ = host.log();
        let before = host.disk();
        let output = session(&host, feature);
        assert_eq!(output.code(), 125, "{feature}: {output}");
        assert_eq!(output.out(), "", "{feature}");
        assert_eq!(
            output.err().lines().count(),
            1,
            "{feature}: one sentence for the client: {output}"
        );
        let log = log(&host);
        assert!(log.contains(word), "{feature}: no {word:?} in:\n{log}");
        before.assert_same(&host.disk(), feature);
        assert_eq!(host.processes_of(host.alice()), [""; 0], "{feature}");
    }
    // The stand-in itself does no harm.
    let mut sftp = Sftp::start(host.namespace(), &mut shell(&host, host.alice(), "nothing"));
    assert!(sftp.greeted);
    assert!(sftp.put("uploads/new", b"x").ok());
    assert_eq!(sftp.end(), 0);
}

#[test]
fn weaker_where_the_policy_says_so() {
    let host = host();
    host.policy("confinement = \"best-effort\"\n");
    for (feature, word) in MISSING {
        let _ = host.log();
        host.refurnish();
        let mut sftp = Sftp::start(host.namespace(), &mut shell(&host, host.alice(), feature));
        assert!(sftp.greeted, "{feature}: {}", log(&host));
        assert!(
            sftp.put("uploads/new", b"x").ok(),
            "{feature}: {}",
            log(&host)
        );
        // What is left of the confinement still works.
        let before = host.disk();
        let refused = sftp.put(".forward", b"x");
        assert!(!refused.ok(), "{feature}: {refused:?}");
        before.assert_same(&host.disk(), feature);
        assert_eq!(sftp.end(), 0, "{feature}");
        let log = log(&host);
        assert!(
            log.contains("weaker") && log.contains(word),
            "{feature}: the log does not say what is open:\n{log}"
        );
    }
}

/// As an administrator checks, without a session. Whether there already is a listener cannot be asked, only tried.
#[test]
fn the_check_says_what_is_open() {
    let host = host();
    let scope = "mount -t tmpfs tmpfs /proc/sys/kernel && mkdir /proc/sys/kernel/yama && \
                 echo 2 >/proc/sys/kernel/yama/ptrace_scope";
    for (feature, word) in [
        ("landlock", "Landlock"),
        ("notify", "user notification"),
        ("nothing", "ptrace_scope"),
    ] {
        if feature == "nothing" {
            host.shell_line(scope);
        }
        for (policy, verdict) in [
            ("", "refused"),
            ("confinement = \"best-effort\"\n", "allowed"),
        ] {
            host.policy(policy);
            let output = host.root(
                WITHOUT,
                &[
                    feature,
                    "/opt/xfersh",
                    "--check",
                    "--user",
                    "alice",
                    "-c",
                    SFTP,
                ],
            );
            let text = output.out();
            let said = text
                .lines()
                .any(|line| line.trim_start().starts_with("weaker") && line.contains(word));
            assert!(
                said,
                "{feature}, policy {policy:?}: no {word:?} in: {output}"
            );
            assert!(
                text.starts_with(verdict),
                "{feature}, policy {policy:?}: {output}"
            );
        }
    }
}

/// That a process ended shows nothing about the kernel, and somebody could cause it.
#[test]
fn a_death_is_no_missing_feature() {
    let host = host();
    for policy in ["", "confinement = \"best-effort\"\n"] {
        host.policy(policy);
        let output = session(&host, "dying");
        assert_eq!(
            (output.code(), output.out().as_str()),
            (125, ""),
            "{policy}: {output}"
        );
        let log = log(&host);
        assert!(
            log.contains("it ended without saying why"),
            "{policy}: {log}"
        );
        assert!(
            !log.contains("weaker missing=\"the guard\""),
            "{policy}: {log}"
        );
        assert!(!log.contains("or set 'confinement"), "{policy}: {log}");
    }
}

/// Without a guard, a signal of a client reaches all processes of the server, as it does in an ordinary account.
#[test]
fn signals_without_a_guard() {
    let host = super::attacked("confinement = \"best-effort\"\n");
    host.install_program("without", Kind::Program);
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let mut command = rsync_shell(&host, "notify");
        // As sshd starts it.
        command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut session = host.namespace().spawn(&mut command).expect("a session");
        let input = session.stdin.as_mut().expect("stdin is piped");
        input.write_all(b"sleepers 5\n").expect("telling it");
        let mut line = String::new();
        let mut said = BufReader::new(session.stdout.take().expect("stdout is piped"));
        said.read_line(&mut line).expect("its word");
        assert_eq!(line, "sleeping 5\n", "{}", log(&host));
        assert!(log(&host).contains("weaker missing=\"the guard\""));
        killpg(Pid::from_raw(session.id().cast_signed()), signal).expect("a signal");
        let status = session.wait().expect("its end");
        assert_eq!(status.signal(), Some(signal as i32), "{status}");
        // The others need not have ended first.
        let deadline = Instant::now() + Duration::from_secs(5);
        while !host.processes_of(host.alice()).is_empty() {
            let left = host.processes_of(host.alice());
            assert!(Instant::now() < deadline, "{signal}: {left:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
