//! The ways out of a session that go through sockets.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::Path;

use xfersh::decide::plan::ServerKind;

use super::session::{KINDS, Session, command, host, policy};
use crate::harness::account::set_mode;
use crate::name_service::move_alice;

/// A name for `struct sockaddr_un`, in hexadecimal, and its length.
fn address(name: &[u8]) -> (String, usize) {
    let bytes: Vec<u8> = [1, 0].iter().chain(name).copied().collect();
    (
        bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        bytes.len(),
    )
}

/// The ways out that a login session has: its bus, an agent, a container daemon, the log; real listeners.
#[test]
fn sockets_of_others() {
    let host = host();
    host.policy(&policy(""));
    let paths = ["/run/user-bus", "/tmp/agent.1", "/run/docker.sock"];
    let (listeners, log, abstracted) = host.inside(|| {
        let bind = |path: &str| {
            let listener = UnixListener::bind(path).expect("a socket");
            set_mode(Path::new(path), 0o666);
            listener.set_nonblocking(true).expect("a flag");
            listener
        };
        let listeners: Vec<UnixListener> = paths.iter().map(|path| bind(path)).collect();
        let log = UnixDatagram::bind("/run/datagrams").expect("a socket");
        set_mode(Path::new("/run/datagrams"), 0o666);
        log.set_nonblocking(true).expect("a flag");
        let name = SocketAddr::from_abstract_name(b"bus").expect("a name");
        let abstracted = UnixListener::bind_addr(&name).expect("a socket");
        abstracted.set_nonblocking(true).expect("a flag");
        (listeners, log, abstracted)
    });
    let mut attempts: Vec<String> = paths
        .iter()
        .map(|path| path.as_bytes())
        .chain([&b"\0bus"[..]])
        .map(|name| {
            let (hex, length) = address(name);
            format!("socket 1 1 0 ; connect $ v:{hex} {length}")
        })
        .collect();
    let (hex, length) = address(b"/run/datagrams");
    attempts.push(format!(
        "socket 1 2 0 ; sendto $ p:forged 6 0 v:{hex} {length}"
    ));
    for family in [1, 2, 10, 16, 38] {
        for kind in [1, 2, 3, 5] {
            attempts.push(format!("socket {family} {kind} 0"));
        }
    }
    let mut plain = Session::plain(&host);
    for (at, steps) in attempts.iter().enumerate() {
        let result = plain.ask(steps).expect("an answer");
        assert!(
            result >= 0 || at > paths.len() + 1,
            "proves nothing: {steps}: {result}"
        );
    }
    plain.end();
    let arrived = || {
        let streams = listeners.iter().chain([&abstracted]);
        let streams: Vec<bool> = streams.map(|listener| listener.accept().is_ok()).collect();
        (streams, log.recv(&mut [0; 16]).is_ok())
    };
    assert_eq!(arrived(), (vec![true; 4], true));
    let families: Vec<String> = (0..46)
        .flat_map(|family| [1, 2, 3, 5, 10].map(|kind| format!("socket {family} {kind} 0")))
        .collect();
    for kind in KINDS {
        let mut session = Session::start(&host, host.alice(), command(kind));
        for steps in attempts.iter().chain(&families) {
            let result = session
                .ask(steps)
                .unwrap_or_else(|| panic!("{steps} ends the session"));
            assert!(result < 0, "{kind:?}: {steps}: {result}");
        }
        // The channel between rsync's halves leads nowhere else.
        let result = session.ask("socketpair 1 2 0 b:8").expect("an answer");
        assert!(result < 0, "a datagram socket can be sent from to any name");
        assert_eq!(session.end(), 0);
        assert_eq!(arrived(), (vec![false; 4], false), "{kind:?}");
    }
}

/// An account that the name service knows has sockets, but none that can send to an address: not to the log, where a
/// line with any text could look like one of xfersh's, nor to any other datagram socket.
#[test]
fn an_account_of_a_name_service_forges_no_line() {
    let host = host();
    host.policy(&policy(""));
    move_alice(&host);
    let line = "<86>xfersh[1]:%20session=0%20account=somebody%20verdict=allowed";
    let message = format!("s:/dev/log={line}");
    let length = line.replace("%20", " ").len();
    let (hex, size) = address(b"/dev/log");
    let forge = [
        format!("socket 1 2 0 ; sendmsg $ {message} 0"),
        format!("socket 1 2 0 ; sendmmsg $ {message} 1 0"),
        format!("socket 1 2 0 ; sendto $ p:{line} {length} 0 v:{hex} {size}"),
        format!("socket 1 0x80802 0 ; sendmsg $ {message} 0"),
        format!("socket 1 5 0 ; sendmsg $ {message} 0"),
        format!("socket 1 3 0 ; sendmsg $ {message} 0"),
        // A stream takes no other address, and there is no other call.
        format!("socket 1 1 0 ; sendmsg $ {message} 0"),
        format!("socket 1 1 0 ; sendmmsg $ {message} 1 0"),
    ];
    let forged = |host: &crate::harness::Host| {
        let log = host.log();
        log.iter()
            .filter(|line| line.text.contains("account=somebody"))
            .count()
    };
    let mut plain = Session::plain(&host);
    for steps in &forge[..3] {
        let result = plain.ask(steps).expect("an answer");
        assert!(result >= 0, "proves nothing: {steps}: {result}");
    }
    assert_eq!(plain.end(), 0);
    assert_eq!(forged(&host), 3, "proves nothing");
    for kind in KINDS {
        let mut session = Session::start(&host, host.alice(), command(kind));
        // It does have sockets.
        assert_eq!(
            session.ask("socket 1 1 0 ; getpid"),
            session.ask("getpid"),
            "{kind:?}"
        );
        for steps in &forge {
            let result = session.ask(steps);
            assert!(
                result.is_some_and(|result| result < 0),
                "{kind:?}: {steps}: {result:?}"
            );
        }
        assert_eq!(session.end(), 0);
        assert_eq!(forged(&host), 0, "{kind:?}");
    }
}

/// winbind's pipe, by both of its names; not the one for privileged clients.
#[test]
fn an_account_of_a_name_service_reaches_its_daemons_alone() {
    let host = host();
    host.policy(&policy(""));
    move_alice(&host);
    let ours = [
        "/run/samba/winbindd/pipe",
        "/run/nslcd/socket",
        "/run/systemd/userdb/io.systemd.DropIn",
    ];
    let others = [
        "/run/samba/winbindd_privileged/pipe",
        "/run/samba/other",
        "/run/systemd/userdb/io.systemd.Other",
        "/run/docker.sock",
    ];
    let bind = |path: &str| {
        let path = Path::new(path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        let listener = UnixListener::bind(path).expect("a socket");
        set_mode(path, 0o666);
        listener.set_nonblocking(true).expect("a flag");
        listener
    };
    let (known, unknown): (Vec<_>, Vec<_>) = host.inside(|| {
        (
            ours.iter().map(|path| bind(path)).collect(),
            others.iter().map(|path| bind(path)).collect(),
        )
    });
    let connect = |path: &str| {
        let (hex, size) = address(path.as_bytes());
        format!("socket 1 1 0 ; connect $ v:{hex} {size}")
    };
    let mut session = Session::start(&host, host.alice(), command(ServerKind::Sftp));
    for path in ours {
        assert_eq!(session.ask(&connect(path)), Some(0), "{path}");
    }
    let other_name = ours[0].replace("/run", "/var/run");
    assert_eq!(session.ask(&connect(&other_name)), Some(0));
    // Only a standard descriptor can be copied, as libraries do that keep these numbers free.
    let (hex, size) = address(ours[0].as_bytes());
    let copied = format!("socket 1 1 0 ; fcntl $ 0 9 ; connect $ v:{hex} {size}");
    assert_eq!(session.ask(&copied), Some(-1));
    for path in others {
        let result = session.ask(&connect(path));
        assert!(
            result.is_some_and(|result| result < 0),
            "{path}: {result:?}"
        );
    }
    // Only a socket that the guard has created is connected.
    for what in ["r:uploads/old.txt", "99", "0", "-1"] {
        let result = session.ask(&format!("connect {what} v:{hex} {size}"));
        assert!(
            result.is_some_and(|result| result < 0),
            "{what}: {result:?}"
        );
    }
    assert_eq!(session.end(), 0);
    let accepted = |listeners: &[UnixListener]| -> usize {
        let each = listeners.iter().map(|listener| listener.incoming());
        each.map(|incoming| incoming.take_while(Result::is_ok).count())
            .sum()
    };
    assert_eq!(accepted(&known), 4);
    assert_eq!(accepted(&unknown), 0);
}

/// A caller other than sshd may hand over a datagram socket: it could send to any address.
#[test]
fn a_datagram_socket_as_a_standard_descriptor() {
    let host = host();
    host.policy(&policy(""));
    for number in 0..3 {
        let (one, _other) = UnixDatagram::pair().expect("a pair");
        let mut shell = host.shell(host.alice());
        shell.args(["-c", command(ServerKind::Sftp)]);
        let given = std::process::Stdio::from(std::os::fd::OwnedFd::from(one));
        match number {
            0 => shell.stdin(given),
            1 => shell.stdout(given),
            _ => shell.stderr(given),
        };
        let mut child = host.namespace().spawn(&mut shell).expect("a session");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let status = loop {
            if let Some(status) = child.try_wait().expect("waiting") {
                break status;
            }
            if std::time::Instant::now() > deadline {
                child.kill().expect("ending it");
                child.wait().expect("collecting it");
                panic!("{number}: a session began");
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(125), "{number}");
        let log = host.log();
        let last = &log.last().expect("a line").text;
        assert!(last.contains("a socket but not a stream"), "{log:#?}");
    }
}
