//! Forwarding never starts the shell: each kind really works without the drop-in, and really fails with it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::harness::account::Account;
use super::harness::{Host, Snapshot};
use super::prepared::{DROP_IN, prepared, sh};

/// What a client wants to reach through the host.
const SERVICE: u16 = 7001;
const SERVICE_SOCKET: &str = "/run/service.sock";
const GREETING: &[u8] = b"the service\n";
/// Where ssh listens for the client, or sshd for the world.
const ENTRY: u16 = 7002;

/// A service on the host that greets everyone who connects, by TCP or by a socket file that everyone may use.
fn start_service(host: &Host) {
    let (tcp, unix) = host.inside(|| {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, SERVICE)).expect("listening");
        let unix = UnixListener::bind(SERVICE_SOCKET).expect("listening");
        (tcp, unix)
    });
    sh(host, &format!("chmod 666 {SERVICE_SOCKET}"));
    std::thread::spawn(move || {
        tcp.incoming()
            .flatten()
            .for_each(|mut peer| drop(peer.write_all(GREETING)))
    });
    std::thread::spawn(move || {
        unix.incoming()
            .flatten()
            .for_each(|mut peer| drop(peer.write_all(GREETING)))
    });
}

/// A process in the background, until it is dropped.
struct Background(Child);

impl Background {
    /// `ssh OPTIONS carol@host`.
    fn start(host: &Host, account: &Account, options: &[&str], more: &[&str]) -> Self {
        let mut command = host.client("ssh");
        command
            .args(["-o", "ExitOnForwardFailure=yes"])
            .args(options);
        command.env("DISPLAY", "127.0.0.1:99");
        command.arg(format!("{}@host", account.name)).args(more);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Self(host.namespace().spawn(&mut command).expect("starting ssh"))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Tries until `attempt` succeeds, ssh has ended, or time is up.
fn eventually(ssh: &mut Background, attempt: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if attempt() {
            return true;
        }
        if ssh.0.try_wait().expect("waiting for ssh").is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// What the peer says first; `None` if nobody listens.
fn first_words(mut peer: impl Read + Write, say: &[u8], skip: usize) -> Option<Vec<u8>> {
    peer.write_all(say).ok()?;
    let mut words = Vec::new();
    let _ = peer.read_to_end(&mut words);
    Some(words.get(skip..).unwrap_or_default().to_vec())
}

fn entry() -> Option<TcpStream> {
    let peer = TcpStream::connect((Ipv4Addr::LOCALHOST, ENTRY)).ok()?;
    peer.set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a time limit");
    Some(peer)
}

/// Whether the service is reached through `ssh -N OPTIONS`: the first accepted connection decides.
fn reached(host: &Host, account: &Account, options: &[&str], say: &[u8], skip: usize) -> bool {
    let mut options = options.to_vec();
    options.push("-N");
    let mut ssh = Background::start(host, account, &options, &[]);
    let words = std::cell::RefCell::new(None);
    let answered = eventually(&mut ssh, || {
        let heard = host.inside(|| first_words(entry()?, say, skip));
        let is_answer = heard.is_some();
        *words.borrow_mut() = heard;
        is_answer
    });
    answered && words.into_inner().is_some_and(|words| words == GREETING)
}

fn local(host: &Host, account: &Account) -> bool {
    let forward = format!("{ENTRY}:127.0.0.1:{SERVICE}");
    reached(host, account, &["-L", &forward], b"", 0)
}

fn remote(host: &Host, account: &Account) -> bool {
    let forward = format!("{ENTRY}:127.0.0.1:{SERVICE}");
    reached(host, account, &["-R", &forward], b"", 0)
}

fn dynamic(host: &Host, account: &Account) -> bool {
    // SOCKS5 without authentication, CONNECT to 127.0.0.1 (RFC 1928); two answers of 2 and 10 bytes come first.
    let [high, low] = SERVICE.to_be_bytes();
    let say = [5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, high, low];
    reached(host, account, &["-D", &ENTRY.to_string()], &say, 12)
}

fn stdio(host: &Host, account: &Account) -> bool {
    let target = format!("127.0.0.1:{SERVICE}");
    let mut ssh = Background::start(host, account, &["-W", &target], &[]);
    let mut words = Vec::new();
    let _ = ssh.0.stdout.take().expect("a pipe").read_to_end(&mut words);
    words == GREETING
}

fn local_socket(host: &Host, account: &Account) -> bool {
    reached(
        host,
        account,
        &["-L", &format!("{ENTRY}:{SERVICE_SOCKET}")],
        b"",
        0,
    )
}

fn remote_socket(host: &Host, account: &Account) -> bool {
    let entry = "/home/carol/uploads/entry.sock";
    let forward = format!("{entry}:127.0.0.1:{SERVICE}");
    let mut ssh = Background::start(host, account, &["-N", "-R", &forward], &[]);
    eventually(&mut ssh, || {
        let heard = host.inside(|| first_words(UnixStream::connect(entry).ok()?, b"", 0));
        heard.is_some_and(|words| words == GREETING)
    })
}

/// Starts an sftp session that asks for more, and looks for what sshd would create for it once it serves.
fn beside_sftp(host: &Host, account: &Account, options: &[&str], made: impl Fn() -> bool) -> bool {
    let mut ssh = Background::start(host, account, options, &["-s", "sftp"]);
    // SSH_FXP_INIT, version 3: what sshd was asked before is done by the time the server answers.
    let init = [0, 0, 0, 5, 1, 0, 0, 0, 3];
    ssh.0
        .stdin
        .as_mut()
        .expect("a pipe")
        .write_all(&init)
        .expect("writing");
    let mut version = [0; 9];
    let answer = ssh
        .0
        .stdout
        .as_mut()
        .expect("a pipe")
        .read_exact(&mut version);
    answer.expect("the sftp server should answer all the same");
    made()
}

fn agent(host: &Host, account: &Account) -> bool {
    let sockets = || {
        let names = fs::read_dir("/tmp").expect("listing /tmp").flatten();
        names
            .filter(|name| name.file_name().to_string_lossy().starts_with("ssh-"))
            .count()
    };
    sh(host, "rm -f /run/agent.sock");
    let mut agent = Command::new("ssh-agent");
    agent
        .args(["-D", "-a", "/run/agent.sock"])
        .stdout(Stdio::null());
    let mut agent = Background(
        host.namespace()
            .spawn(&mut agent)
            .expect("starting ssh-agent"),
    );
    let is_there = || host.inside(|| UnixStream::connect("/run/agent.sock").is_ok());
    assert!(eventually(&mut agent, is_there), "ssh-agent should listen");
    let before = host.inside(sockets);
    beside_sftp(
        host,
        account,
        &["-A", "-o", "IdentityAgent=/run/agent.sock"],
        || host.inside(sockets) > before,
    )
}

fn x11(host: &Host, account: &Account) -> bool {
    // X11DisplayOffset is 10 (sshd_config(5)), and X11's ports begin at 6000.
    let listens = || TcpStream::connect((Ipv4Addr::LOCALHOST, 6010)).is_ok();
    beside_sftp(host, account, &["-Y"], || host.inside(listens))
}

type Attempt = fn(&Host, &Account) -> bool;

const KINDS: [(&str, Attempt); 8] = [
    ("ssh -L", local),
    ("ssh -R", remote),
    ("ssh -D", dynamic),
    ("ssh -W", stdio),
    ("ssh -L to a socket", local_socket),
    ("ssh -R of a socket", remote_socket),
    ("ssh -A", agent),
    ("ssh -Y", x11),
];

/// `XAuthLocation`: sshd forwards X11 only if it finds xauth; any program will do, and a subsystem runs none.
fn allow_x11_without_xauth(host: &Host) {
    sh(
        host,
        "echo 'XAuthLocation /bin/true' >>/etc/ssh/sshd_config",
    );
}

#[test]
fn every_kind_works_without_the_drop_in_and_fails_with_it() {
    let (mut host, carol) = prepared();
    allow_x11_without_xauth(&host);
    start_service(&host);
    sh(
        &host,
        &format!(
            "mv {DROP_IN} {DROP_IN}.away; install -m 644 /etc/ssh/xfersh_keys/carol /etc/ssh/test_keys"
        ),
    );
    sh(
        &host,
        "echo 'AuthorizedKeysFile /etc/ssh/test_keys' >>/etc/ssh/sshd_config",
    );
    host.start_system_sshd();
    for (kind, attempt) in KINDS {
        assert!(
            attempt(&host, &carol),
            "{kind} should work without the drop-in"
        );
        sh(&host, "rm -f /home/carol/uploads/*");
    }
    sh(&host, &format!("mv {DROP_IN}.away {DROP_IN}"));
    host.start_system_sshd();
    // Not /tmp: the clients also run on this host and keep their own files there.
    let disk = |host: &Host| host.inside(|| Snapshot::of(&["/home", "/etc", "/srv", "/var/tmp"]));
    let before = disk(&host);
    for (kind, attempt) in KINDS {
        assert!(
            !attempt(&host, &carol),
            "{kind} should fail with the drop-in"
        );
    }
    before.assert_same(&disk(&host), "forwarding that is refused");
}
