//! The private `/dev/log`: every line that anything in the namespace sends to syslog.

use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::namespace::Namespace;

const SOCKET: &str = "/dev/log";

/// One datagram as syslog would get it.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Facility and severity, the number between `<` and `>` (RFC 3164, 4.1.1).
    pub priority: u8,
    /// What follows the time stamp: `tag[pid]: message`.
    pub text: String,
    pub raw: Vec<u8>,
}

impl Line {
    fn parse(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw).into_owned();
        let (priority, text) = text
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'))
            .and_then(|(number, rest)| Some((number.parse().ok()?, rest.to_owned())))
            .unwrap_or((0, text.clone()));
        Self {
            priority,
            text,
            raw: raw.to_vec(),
        }
    }
}

pub struct Log {
    lines: Arc<Mutex<Vec<Line>>>,
    marks: AtomicU64,
}

impl Log {
    /// Binds the socket and reads it until the last line was asked for.
    pub fn bind(namespace: &Namespace) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let socket = namespace.inside(|| {
            let socket = UnixDatagram::bind(SOCKET).expect("binding /dev/log of the namespace");
            std::fs::set_permissions(SOCKET, std::fs::Permissions::from_mode(0o666))
                .expect("chmod /dev/log");
            socket
        });
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::downgrade(&lines);
        socket
            .set_read_timeout(Some(Duration::from_millis(200)))
            .expect("a time limit");
        std::thread::spawn(move || {
            let mut buffer = vec![0; 256 * 1024];
            loop {
                let got = socket.recv(&mut buffer);
                let Some(lines) = kept.upgrade() else { return };
                if let Ok(count) = got {
                    lines
                        .lock()
                        .expect("no reader panics")
                        .push(Line::parse(&buffer[..count]));
                }
            }
        });
        Self {
            lines,
            marks: AtomicU64::new(0),
        }
    }

    /// Takes the lines that came since the last call. Everything sent before this call is included: datagrams keep
    /// their order.
    pub fn take(&self, namespace: &Namespace) -> Vec<Line> {
        let mark = format!("<0>mark {}", self.marks.fetch_add(1, Ordering::Relaxed));
        namespace.inside(|| {
            let sender = UnixDatagram::unbound().expect("a socket");
            sender
                .send_to(mark.as_bytes(), SOCKET)
                .expect("marking the log");
        });
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let mut lines = self.lines.lock().expect("no reader panics");
            if let Some(at) = lines.iter().position(|line| line.raw == mark.as_bytes()) {
                let mut taken: Vec<Line> = lines.drain(..=at).collect();
                taken.pop();
                return taken;
            }
            drop(lines);
            assert!(Instant::now() < deadline, "the log reader does not keep up");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
