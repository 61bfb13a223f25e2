//! What takes the lines, and the connection to it.

use std::fmt;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use syslog::{Logger, LoggerBackend};

use super::form::Carrier;
use super::lines::{Frame, Lines};
use crate::print::escape::bare_field;
use crate::system::log_file::LogFile;
use crate::system::send::Sent;
use crate::system::statx::FileId;

/// Where syslog daemons and journald listen.
const SYSLOG: &str = "/dev/log";

/// Where journald takes records with fields.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// What takes the lines. Without a connection, they are lost.
#[allow(
    missing_debug_implementations,
    reason = "the syslog crate's logger has no Debug"
)]
pub(super) enum Output {
    /// A syslog daemon, or journald in its place.
    Syslog(Option<Logger<LoggerBackend, ()>>),
    /// journald.
    Journal(Option<UnixDatagram>),
    /// A file or FIFO, opened before the confinement: it cannot be opened
    /// again.
    File(LogFile),
}

impl Output {
    /// Whether there is somebody to take lines, as far as is known.
    pub(super) const fn is_open(&self) -> bool {
        match self {
            Self::Syslog(logger) => logger.is_some(),
            Self::Journal(socket) => socket.is_some(),
            Self::File(_) => true,
        }
    }

    /// The file, if it is one.
    pub(super) const fn file(&self) -> Option<FileId> {
        match self {
            Self::Syslog(_) | Self::Journal(_) => None,
            Self::File(file) => Some(file.id()),
        }
    }

    /// Connects, if there is no connection.
    pub(super) fn connect(&mut self, wait: Duration) {
        match self {
            Self::Syslog(logger @ None) => *logger = syslog::unix_custom((), SYSLOG).ok(),
            Self::Journal(socket @ None) => *socket = journal().ok(),
            _ => return,
        }
        self.bound_wait(wait);
    }

    /// Gives the connection up.
    pub(super) fn close(&mut self) {
        match self {
            Self::Syslog(logger) => *logger = None,
            Self::Journal(socket) => *socket = None,
            Self::File(_) => {}
        }
    }

    /// Sets how long a line may wait. A socket without the timeout could hang
    /// the session: do without it.
    pub(super) fn bound_wait(&mut self, wait: Duration) {
        let wait = Some(wait);
        let bounded = match self {
            Self::Syslog(Some(Logger { backend, .. })) => match backend {
                LoggerBackend::Unix(socket) => socket.set_write_timeout(wait),
                LoggerBackend::UnixStream(stream) => stream.get_ref().set_write_timeout(wait),
                LoggerBackend::Udp(..) | LoggerBackend::Tcp(_) => Ok(()),
            },
            Self::Journal(Some(socket)) => socket.set_write_timeout(wait),
            Self::Syslog(None) | Self::Journal(None) | Self::File(_) => Ok(()),
        };
        if bounded.is_err() {
            self.close();
        }
    }

    /// Sends lines, starting with that one; `None` if there is no connection.
    pub(super) fn send(
        &mut self,
        lines: &Lines,
        from: usize,
        lost: u64,
        wait: Duration,
    ) -> Option<io::Result<Sent>> {
        let (socket, frame) = match self {
            Self::Syslog(logger) => match &logger.as_ref()?.backend {
                LoggerBackend::Unix(socket) => (socket.as_fd(), Frame::Datagram),
                // Nothing is written through its buffer, which stays empty.
                LoggerBackend::UnixStream(stream) => (stream.get_ref().as_fd(), Frame::Stream),
                LoggerBackend::Udp(..) | LoggerBackend::Tcp(_) => return None,
            },
            Self::Journal(socket) => (socket.as_ref()?.as_fd(), Frame::Datagram),
            Self::File(file) => {
                let written = lines.write(file, from, lost, wait);
                let sent = Sent {
                    count: 1,
                    whole: true,
                };
                return Some(written.map(|()| sent));
            }
        };
        Some(lines.send(socket, frame, from, lost))
    }

    /// What it adds to a record.
    pub(super) fn carrier(&self) -> Carrier {
        match self {
            Self::Syslog(_) => Carrier::Syslog,
            Self::Journal(_) => Carrier::Journal,
            Self::File(file) => Carrier::File {
                host: host(),
                longest: file.longest(),
            },
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syslog(_) => write!(f, "no daemon takes lines at {SYSLOG}"),
            Self::Journal(_) => write!(f, "no journald takes lines at {JOURNAL}"),
            Self::File(_) => f.write_str("the log file takes no lines"),
        }
    }
}

fn journal() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(JOURNAL)?;
    Ok(socket)
}

/// The name of this host, as a syslog daemon writes it before a line.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim_end() {
        "" => "-".to_owned(),
        name => bare_field(name),
    }
}
