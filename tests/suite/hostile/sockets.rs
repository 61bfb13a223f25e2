//! The ways out of a session that go through sockets.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::Path;

use super::session::{KINDS, Session, command, host, policy};
use crate::harness::account::set_mode;

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
        // What two halves of rsync talk over leads nowhere else.
        let result = session.ask("socketpair 1 2 0 b:8").expect("an answer");
        assert!(result < 0, "a datagram socket can be sent from to any name");
        assert_eq!(session.end(), 0);
        assert_eq!(arrived(), (vec![false; 4], false), "{kind:?}");
    }
}
