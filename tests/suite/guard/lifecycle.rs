//! The end of one of the two processes, or of the client, at every step of a transfer: nothing forbidden happens, and
//! nothing of the session is left.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{RSYNC, SFTP, attack, attacked};
use crate::harness::sftp::{Attributes, CREATE, Reply, WRITE};
use crate::harness::{Account, Host, Sftp, Snapshot, children, guard_of};

/// How long what is left of a session may stay.
const GRACE: Duration = Duration::from_secs(1);

/// One step of a transfer; a handle is passed on.
type Step = fn(&mut Sftp, &mut Vec<u8>);

const STEPS: &[(&str, Step)] = &[
    ("open", |sftp, handle| {
        *handle = sftp
            .handle(|sftp| sftp.open("uploads/up", WRITE | CREATE))
            .expect("opening");
    }),
    ("write", |sftp, handle| {
        assert!(sftp.write(handle, 0, b"some content").ok());
    }),
    ("mode", |sftp, handle| {
        assert!(sftp.fsetstat(handle, Attributes::mode(0o640)).ok());
    }),
    ("close", |sftp, handle| assert!(sftp.close(handle).ok())),
    ("times", |sftp, _| {
        assert!(sftp.setstat("uploads/up", Attributes::times(1, 2)).ok());
    }),
    ("rename", |sftp, _| {
        assert!(sftp.posix_rename("uploads/up", "uploads/done").ok());
    }),
    ("mkdir", |sftp, _| assert!(sftp.mkdir("uploads/new").ok())),
    ("remove", |sftp, _| {
        assert!(sftp.remove("uploads/done").ok());
    }),
];

fn send(process: u32, signal: Signal) {
    kill(Pid::from_raw(process.cast_signed()), signal).expect("sending a signal");
}

/// The server is the guard's first child; rsync's has a watchdog as well.
fn server_of(guard: u32) -> u32 {
    let children = children(guard);
    children.into_iter().min().expect("the guard has no child")
}

/// Waits until the account has no process; what is left after the grace time.
fn left(host: &Host, account: &Account) -> Vec<String> {
    let deadline = Instant::now() + GRACE;
    loop {
        let late = Instant::now() > deadline;
        let mut running = host.processes_of(account);
        // A process that has ended and waits to be collected by its parent, the test.
        running.retain(|line| {
            line.split_whitespace()
                .nth(1)
                .is_none_or(|s| !s.starts_with('Z'))
        });
        if running.is_empty() || late {
            return running;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Does a step while the guard is stopped, then runs `meanwhile`; returns what the client saw.
fn step_without_guard(
    sftp: &mut Sftp,
    handle: &mut Vec<u8>,
    step: usize,
    meanwhile: impl FnOnce(),
) -> bool {
    std::thread::scope(|scope| {
        let trying = scope.spawn(|| {
            let silenced = std::panic::AssertUnwindSafe(|| STEPS[step].1(sftp, handle));
            std::panic::catch_unwind(silenced).is_ok()
        });
        std::thread::sleep(Duration::from_millis(100));
        meanwhile();
        trying.join().expect("the client")
    })
}

/// A client that gets no answer sees the end of the stream.
fn up_to(host: &Host, steps: usize) -> (Sftp, Vec<u8>) {
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.greeted, "no session");
    let mut handle = Vec::new();
    for (_, step) in &STEPS[..steps] {
        step(&mut sftp, &mut handle);
    }
    (sftp, handle)
}

#[test]
fn the_guard_is_killed_between_two_steps() {
    let host = Host::new();
    for step in 0..=STEPS.len() {
        host.refurnish();
        let (mut sftp, _) = up_to(&host, step);
        let before = host.disk();
        send(sftp.guard(), Signal::SIGKILL);
        assert_eq!(left(&host, host.alice()), [""; 0], "after {step} steps");
        assert_eq!(
            sftp.mkdir("uploads/after"),
            Reply::End,
            "after {step} steps"
        );
        before.assert_same(&host.disk(), &format!("after {step} steps"));
        sftp.end();
    }
}

#[test]
fn the_guard_is_killed_during_a_step() {
    let host = Host::new();
    for (step, (name, _)) in STEPS.iter().enumerate() {
        host.refurnish();
        let (mut sftp, mut handle) = up_to(&host, step);
        let guard = sftp.guard();
        // Stopped, so that the call is pending and the guard has not received it.
        send(guard, Signal::SIGSTOP);
        let before = host.disk();
        let succeeded = step_without_guard(&mut sftp, &mut handle, step, || {
            send(guard, Signal::SIGKILL);
        });
        assert_eq!(left(&host, host.alice()), [""; 0], "{name}");
        // Writing to an open file and closing it need no guard.
        if ["write", "close"].contains(name) {
            continue;
        }
        assert!(!succeeded, "{name} succeeded without a guard");
        before.assert_same(&host.disk(), name);
    }
}

#[test]
fn a_stopped_guard_stops_changes_and_goes_on() {
    let host = Host::new();
    let (mut sftp, mut handle) = up_to(&host, 0);
    let guard = sftp.guard();
    for (step, (name, _)) in STEPS.iter().enumerate() {
        send(guard, Signal::SIGSTOP);
        let before = host.disk();
        let mut during: Option<Snapshot> = None;
        let succeeded = step_without_guard(&mut sftp, &mut handle, step, || {
            during = Some(host.disk());
            send(guard, Signal::SIGCONT);
        });
        assert!(succeeded, "{name} after the guard went on");
        if *name != "write" {
            before.assert_same(&during.expect("looked at"), name);
        }
        if !["write", "close"].contains(name) {
            assert_ne!(before.diff(&host.disk()), "", "{name} had no effect at all");
        }
    }
    assert_eq!(sftp.end(), 0);
    assert_eq!(left(&host, host.alice()), [""; 0]);
}

#[test]
fn the_server_cannot_signal_the_guard() {
    let host = attacked("");
    for command in [SFTP, RSYNC] {
        for signal in [0, 9, 19] {
            let output = attack(&host, host.alice(), command, &format!("assault {signal}"));
            let text = output.out();
            let reached: Vec<_> = text.lines().filter(|line| line.ends_with("done")).collect();
            // Either the whole session ends at such a call, or every such call is refused.
            assert!(reached.is_empty(), "{command}, signal {signal}: {output}");
            assert!(
                text.ends_with("over\n") || output.status.signal() == Some(31),
                "{command}, signal {signal}: {output}"
            );
            assert_eq!(left(&host, host.alice()), [""; 0], "{command}");
        }
    }
    // The baseline: in an ordinary account each way reaches a process of the account.
    let mut victim = host.shell(host.plain());
    victim
        .args(["-c", "echo $$; exec sleep 60"])
        .stdout(Stdio::piped());
    let mut victim = host.namespace().spawn(&mut victim).expect("a process");
    let mut line = String::new();
    let mut said = std::io::BufReader::new(victim.stdout.take().expect("stdout is piped"));
    std::io::BufRead::read_line(&mut said, &mut line).expect("its number");
    let output = attack(
        &host,
        host.plain(),
        "",
        &format!("assault 0 {}", line.trim()),
    );
    assert_eq!(output.out().matches("refused").count(), 0, "{output}");
    victim.kill().expect("ending it");
    victim.wait().expect("collecting it");
}

#[test]
fn the_server_is_killed() {
    let host = Host::new();
    for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGSEGV] {
        for step in [0, 1, 2] {
            host.refurnish();
            let _ = host.log();
            let mut command = host.shell(host.alice());
            command.args(["-c", SFTP]);
            let mut sftp = Sftp::start(host.namespace(), &mut command);
            assert!(sftp.greeted);
            let mut handle = Vec::new();
            for (_, step) in &STEPS[..step] {
                step(&mut sftp, &mut handle);
            }
            send(server_of(sftp.guard()), signal);
            let status = ended(sftp.into_process());
            assert_eq!(status.signal(), Some(signal as i32), "{signal}: {status}");
            assert_eq!(left(&host, host.alice()), [""; 0], "{signal}");
            let log = host.log();
            let last = &log.last().expect("a closing line").text;
            assert!(
                last.contains(&format!("end server=killed:{signal}")),
                "{last}"
            );
        }
    }
}

/// Waits for the end within the grace time.
fn ended(mut process: Child) -> std::process::ExitStatus {
    let deadline = Instant::now() + GRACE;
    loop {
        if let Some(status) = process.try_wait().expect("waiting") {
            return status;
        }
        if Instant::now() > deadline {
            let _ = process.kill();
            panic!("the guard outlives its server");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The exit status of the server is that of the session.
#[test]
fn the_exit_status_is_passed_on() {
    let host = Host::new();
    host.install_program("attack", crate::harness::Kind::Program);
    host.policy("sftp_server = \"/opt/attack\"\n");
    // `attack` exits with 3 if it is told nothing.
    let output = host.direct(host.alice(), SFTP.as_bytes(), b"");
    assert_eq!(output.code(), 3, "{output}");
    let log = host.log();
    assert!(
        log.last()
            .is_some_and(|line| line.text.contains("end server=exited:3")),
        "{log:?}"
    );
}

#[test]
fn the_client_vanishes() {
    let host = Host::with_sshd();
    for steps in [0, 2] {
        let mut sftp = host.raw_sftp(host.alice());
        let mut handle = Vec::new();
        for (_, step) in &STEPS[..steps] {
            step(&mut sftp, &mut handle);
        }
        assert!(!host.processes_of(host.alice()).is_empty());
        send(sftp.process(), Signal::SIGKILL);
        sftp.end();
        assert_eq!(left(&host, host.alice()), [""; 0], "after {steps} steps");
    }
}

/// rsync's server forks: the processes that it leaves end with the guard and with the server. The kernel's own setting
/// for that (PR_SET_PDEATHSIG) is not inherited.
#[test]
fn forked_processes_end_with_either() {
    let host = attacked("");
    // The server, by a signal of every kind: those from SIGRTMIN on have no names.
    for (victim, signal) in [("server", 9), ("server", 15), ("server", 40), ("guard", 9)] {
        let _ = host.log();
        let mut command = host.shell(host.alice());
        command
            .args(["-c", RSYNC])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut session = host.namespace().spawn(&mut command).expect("a session");
        use std::io::{BufRead, Write};
        let input = session.stdin.as_mut().expect("stdin is piped");
        input.write_all(b"sleepers 5\n").expect("telling it");
        let mut line = String::new();
        let mut said = std::io::BufReader::new(session.stdout.take().expect("stdout is piped"));
        said.read_line(&mut line).expect("its word");
        assert_eq!(line, "sleeping 5\n");
        // The front, the guard, its watchdog, the server, and what that has forked.
        assert_eq!(host.processes_of(host.alice()).len(), 9);
        let guard = guard_of(session.id());
        let process = match victim {
            "guard" => guard,
            _ => server_of(guard),
        };
        let mut kill = std::process::Command::new("kill");
        kill.args([format!("-{signal}"), process.to_string()]);
        assert!(kill.status().expect("kill").success());
        let status = ended(session);
        let what = format!("the {victim} was killed by {signal}");
        assert_eq!(left(&host, host.alice()), [""; 0], "{what}");
        assert_eq!(status.signal(), Some(signal), "{what}: {status}");
        let log = host.log();
        let last = &log.last().expect("a line").text;
        assert_eq!(
            last.contains(" end server=killed:"),
            victim == "server",
            "{what}: {last}"
        );
    }
}

/// A process that the caller had started before it became xfersh (`command="something & exec xfersh --forced"`) is none
/// of the session's: neither its end nor its being stopped is waited for.
#[test]
fn a_child_that_was_there_before_is_not_waited_for() {
    let host = Host::new();
    let alice = host.alice();
    for state in ["", "sleep 0.3; kill -STOP $!;"] {
        let line = format!(
            "sleep 300 </dev/null >/dev/null 2>&1 & {state} exec {} -c /usr/lib/openssh/sftp-server",
            alice.shell_path()
        );
        let mut shell = alice.runs("sh");
        host.run(shell.args(["-c", &line]), b"")
            .succeeded("a session with an older sibling");
        let lines = host.log();
        let ends = lines
            .iter()
            .filter(|line| line.text.contains(" end server=exited:0"));
        assert_eq!(ends.count(), 1, "{lines:#?}");
        host.shell_line(&format!("pkill -KILL -u {} sleep", alice.id));
    }
}
