//! Nothing outlives its connection: servers that do not end when their input does.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{ATTACKED, RSYNC, SFTP};
use crate::harness::sftp::{CREATE, READ, Reply, WRITE};
use crate::harness::{Account, Host, Kind, SshdConfig};

/// Longer than the guard waits, and far longer than it then takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than the guard lets a server keep running.
const LONG_ENOUGH: Duration = Duration::from_secs(4);

fn host() -> Host {
    let host = Host::with_sshd();
    host.install_program("attack", Kind::Program);
    host
}

fn attacked() -> Host {
    let host = host();
    host.policy(ATTACKED);
    host
}

/// An ssh client whose server side does what the line says; returns once that has printed something.
fn client(host: &Host, account: &Account, line: &str) -> Child {
    let command = if account.name == "plain" {
        super::ATTACK
    } else {
        RSYNC
    };
    let mut ssh = host.client("ssh");
    ssh.arg(format!("{}@host", account.name))
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut client = host.namespace().spawn(&mut ssh).expect("a client");
    let input = client.stdin.as_mut().expect("stdin is piped");
    input
        .write_all(format!("{line}\n").as_bytes())
        .expect("telling it");
    let mut word = String::new();
    let said = client.stdout.take().expect("stdout is piped");
    BufReader::new(said).read_line(&mut word).expect("its word");
    assert_ne!(word, "", "{line}: it does not run");
    client
}

/// The processes of the account that do the work: not sshd's, and not those that only wait to be collected.
fn working(host: &Host, account: &Account) -> Vec<String> {
    let mut running = host.processes_of(account);
    running.retain(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_over = words.next().is_none_or(|state| state.starts_with('Z'));
        !is_over && !line.contains("sshd")
    });
    running
}

fn sshd_of(host: &Host, account: &Account) -> Vec<String> {
    let all = host.processes_of(account);
    let sshd = all.iter().filter(|line| line.contains("sshd"));
    sshd.filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .collect()
}

fn size_of(host: &Host, path: &str) -> u64 {
    let path = host.alice().at(path);
    host.inside(|| std::fs::metadata(path).map_or(0, |status| status.len()))
}

#[track_caller]
fn all_end(host: &Host, account: &Account, what: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = working(host, account);
        if left.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{what}: {} processes outlive the connection, such as {}",
            left.len(),
            left[0]
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[track_caller]
fn log_says_so(host: &Host, what: &str) {
    let log = host.log();
    let last = &log.last().expect("a closing line").text;
    assert!(
        last.contains("end server=killed:SIGKILL cause=connection "),
        "{what}: {log:#?}"
    );
}

fn drop_client(mut client: Child) {
    client.kill().expect("ending the client");
    client.wait().expect("collecting the client");
}

fn cut(host: &Host, client: Child, way: &str) {
    if way == "the client vanishes" {
        return drop_client(client);
    }
    let line = format!("kill -9 {}", sshd_of(host, host.alice()).join(" "));
    host.shell_line(&line);
    drop_client(client);
}

#[test]
fn a_server_that_goes_on_writing() {
    let host = attacked();
    let line = "noise quiet uploads/growing";
    // The baseline: an ordinary account's program keeps running.
    let plain = client(&host, host.plain(), line);
    drop_client(plain);
    std::thread::sleep(LONG_ENOUGH);
    let size = |account: &Account| host.read(account.at("uploads/growing")).len();
    let (before, left) = (size(host.plain()), working(&host, host.plain()));
    assert_ne!(left, [""; 0], "proves nothing");
    std::thread::sleep(Duration::from_millis(200));
    assert!(size(host.plain()) > before, "proves nothing");
    host.shell_line("pkill -9 -u plain");
    for way in ["the client vanishes", "sshd is killed"] {
        let _ = host.log();
        let client = client(&host, host.alice(), line);
        cut(&host, client, way);
        all_end(&host, host.alice(), way);
        let after = size(host.alice());
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(size(host.alice()), after, "{way}");
        log_says_so(&host, way);
    }
}

#[test]
fn a_tree_of_processes() {
    let host = attacked();
    for way in ["the client vanishes", "sshd is killed"] {
        let _ = host.log();
        let client = client(&host, host.alice(), "sleepers 400");
        assert!(working(&host, host.alice()).len() > 400);
        cut(&host, client, way);
        all_end(&host, host.alice(), way);
        log_says_so(&host, way);
    }
}

/// The real server, reading a file that it makes longer while it reads.
#[test]
fn a_file_copied_into_itself() {
    let host = host();
    // Not without end, so that a failure does not fill the disk.
    host.policy("max_file_size = \"4G\"\n");
    let mut sftp = host.raw_sftp(host.alice());
    assert!(sftp.put("uploads/self", &[b'x'; 30_000]).ok());
    let from = sftp
        .handle(|sftp| sftp.open("uploads/self", READ))
        .expect("opening");
    // By another name, since the server compares names.
    let to = sftp
        .handle(|sftp| sftp.open("uploads/./self", WRITE))
        .expect("opening");
    sftp.send_copy_data(&from, &to, 30_000);
    let size = || size_of(&host, "uploads/self");
    let deadline = Instant::now() + PATIENCE;
    while size() < 1 << 20 {
        assert!(Instant::now() < deadline, "proves nothing: no copy-data");
        std::thread::sleep(Duration::from_millis(5));
    }
    // It would reach the bound sooner than the guard ends it on a machine that
    // copies gigabytes in a second. So most of the time it is stopped.
    let id = host.alice().id;
    let slow = format!(
        "while pkill -STOP -u {id} -x sftp-server; do sleep 0.1; pkill -CONT -u {id} -x sftp-server; done"
    );
    let mut slow = host
        .namespace()
        .spawn(std::process::Command::new("sh").args(["-c", &slow]))
        .expect("a shell");
    let _ = host.log();
    kill(Pid::from_raw(sftp.process().cast_signed()), Signal::SIGKILL).expect("ending the client");
    sftp.end();
    all_end(&host, host.alice(), "copy-data");
    slow.wait().expect("its end");
    assert!(size() < 4 << 30, "it ended at the bound of size");
    log_says_so(&host, "copy-data");
}

/// Between sshd and xfersh there may be the shell of an ordinary account, which waits for xfersh.
#[test]
fn behind_an_ordinary_shell() {
    let mut host = attacked();
    let forced = "ForceCommand sh -c '/opt/xfersh --forced; exit $?'; exit $?";
    host.start_sshd(&SshdConfig::with(forced));
    host.policy(&format!("{ATTACKED}[[match]]\nuser = \"plain\"\n"));
    let mut ssh = host.client("ssh");
    ssh.args(["plain@host", RSYNC])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut client = host.namespace().spawn(&mut ssh).expect("a client");
    let input = client.stdin.as_mut().expect("stdin is piped");
    input
        .write_all(b"noise quiet uploads/growing\n")
        .expect("telling it");
    let mut word = String::new();
    let said = client.stdout.take().expect("stdout is piped");
    BufReader::new(said).read_line(&mut word).expect("its word");
    assert!(word.starts_with("noisy "), "{word:?}: {:#?}", host.log());
    let shells = working(&host, host.plain());
    let between = shells.iter().filter(|line| line.contains("sh -c"));
    assert!(between.count() >= 2, "{shells:?}");
    let _ = host.log();
    drop_client(client);
    all_end(&host, host.plain(), "two shells between");
    log_says_so(&host, "two shells between");
}

/// A server that ends by itself is not cut off, and the log does not say that it was.
#[test]
fn an_ordinary_server_ends_by_itself() {
    let host = host();
    let _ = host.log();
    let mut sftp = host.raw_sftp(host.alice());
    let handle = sftp
        .handle(|sftp| sftp.open("uploads/part", WRITE | CREATE))
        .expect("opening");
    assert!(sftp.write(&handle, 0, b"part").ok());
    kill(Pid::from_raw(sftp.process().cast_signed()), Signal::SIGKILL).expect("ending the client");
    assert_eq!(sftp.stat("uploads"), Reply::End);
    all_end(&host, host.alice(), "an ordinary server");
    let log = host.log();
    let last = &log.last().expect("a closing line").text;
    assert!(last.contains("end server=exited:"), "{log:#?}");
    assert!(!last.contains("cause="), "{log:#?}");
}

/// What is left of an interrupted upload is kept, as rsync's own server keeps it.
#[test]
fn rsync_keeps_its_partial_file() {
    let host = host();
    host.policy("protocols = [\"rsync\"]\n");
    host.shell_line("head -c 20000000 /dev/urandom >/tmp/local/large");
    let mut rsync = host.client("rsync");
    let mut command = std::process::Command::new("rsync");
    command
        .args(["-e", "ssh -F /etc/ssh/client_test_config"])
        .args(["--partial", "--bwlimit=2000"])
        .args(["/tmp/local/large", "alice@host:uploads/large"])
        .envs(rsync.get_envs().filter_map(|(k, v)| Some((k, v?))))
        .current_dir("/tmp/local");
    rsync = command;
    let client = host.namespace().spawn(&mut rsync).expect("a client");
    let deadline = Instant::now() + PATIENCE;
    while host
        .shell_line("find /home/alice/uploads -name '.large.*' -size +1000k")
        .is_empty()
    {
        assert!(Instant::now() < deadline, "no upload begins");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop_client(client);
    all_end(&host, host.alice(), "rsync");
    let kept = size_of(&host, "uploads/large");
    assert!(kept > 100_000, "{kept}");
}

/// The process that started the session has ended before the session begins, and so has the connection: what the
/// client sent before that must not be served without it.
#[test]
fn a_connection_that_ended_before_the_start() {
    let host = Host::new();
    let start = |vanish: bool| {
        let vanish = if vanish { "kill -9 $reader" } else { ":" };
        let line = format!(
            "mkfifo /tmp/in /tmp/out; chmod 666 /tmp/in /tmp/out
            sleep 100 </tmp/out & reader=$!
            sleep 100 >/tmp/in & writer=$!
            setpriv --reuid alice --regid alice --init-groups sh -c \
                'while [ ! -e /tmp/go ]; do sleep 0.05; done; cd; exec /opt/xfersh -c {SFTP}' \
                </tmp/in >/tmp/out 2>/dev/null & session=$!
            sleep 0.3; {vanish}; touch /tmp/go; sleep 2
            ps -u alice -o comm= | grep -cx sftp-server
            kill -9 $reader $writer $session 2>/dev/null; rm /tmp/in /tmp/out /tmp/go; true"
        );
        host.shell_line(&line).trim().to_owned()
    };
    assert_eq!(start(false), "1", "proves nothing");
    let _ = host.log();
    assert_eq!(start(true), "0", "the session began");
    let log = host.log();
    let last = &log.last().expect("a line").text;
    assert!(last.contains("watch the connection"), "{log:#?}");
}
