//! Lines for syslog, formatted once and kept in one block of memory until they
//! are sent.

use std::fmt::{self, Write as _};
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

use syslog::{Facility, Severity};

use crate::system::send::{AT_ONCE, Sent, sendmmsg};

/// How much of the memory is kept between two batches, in bytes.
const KEPT: usize = 16 * 1024;

/// How important a line is (syslog(3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// What was asked for and done.
    Info,
    /// What was refused.
    Warning,
    /// What failed, or could not be ensured.
    Error,
}

impl Importance {
    const fn severity(self) -> Severity {
        match self {
            Self::Info => Severity::LOG_INFO,
            Self::Warning => Severity::LOG_WARNING,
            Self::Error => Severity::LOG_ERR,
        }
    }
}

/// How lines are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Each is a message.
    Datagram,
    /// Each ends with a NUL.
    Stream,
}

/// Lines in their order.
#[derive(Debug, Default)]
pub struct Lines {
    process: u32,
    text: String,
    lines: Vec<Line>,
}

/// Where a line is: `text[start..middle]` names the session and the event is in
/// `text[middle..end]`. Between them goes the number of lost lines, which is
/// known only when the line is sent.
#[derive(Clone, Copy, Debug)]
struct Line {
    start: usize,
    middle: usize,
    end: usize,
}

impl Lines {
    /// No lines yet, for this process.
    pub fn new(process: u32) -> Self {
        Self {
            process,
            ..Self::default()
        }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether they fill one call.
    pub const fn is_full(&self) -> bool {
        self.len() >= AT_ONCE
    }

    /// Adds a line in the form of the C library's syslog(3), but without a
    /// time: the daemon adds its own, and so no line depends on TZ.
    pub fn append(
        &mut self,
        importance: Importance,
        head: &dyn fmt::Display,
        event: &dyn fmt::Display,
    ) {
        let priority = Facility::LOG_AUTHPRIV as u8 | importance.severity() as u8;
        let process = self.process;
        let start = self.text.len();
        // Writing to a string does not fail.
        let _ = write!(self.text, "<{priority}>xfersh[{process}]: {head}");
        let middle = self.text.len();
        let _ = write!(self.text, " {event}");
        let end = self.text.len();
        self.lines.push(Line { start, middle, end });
    }

    /// Sends lines, starting with that one, as many as one call takes. The
    /// first of them reports what was lost before.
    ///
    /// # Errors
    ///
    /// Those of [`sendmmsg`].
    pub fn send(
        &self,
        socket: BorrowedFd<'_>,
        frame: Frame,
        from: usize,
        lost: &str,
    ) -> io::Result<Sent> {
        let text = self.text.as_bytes();
        let end: &[u8] = match frame {
            Frame::Datagram => b"",
            Frame::Stream => b"\0",
        };
        let mut messages = [[IoSlice::new(b""); 4]; AT_ONCE];
        let lines = &self.lines[from..];
        for (message, line) in messages.iter_mut().zip(lines) {
            message[0] = IoSlice::new(&text[line.start..line.middle]);
            message[2] = IoSlice::new(&text[line.middle..line.end]);
            message[3] = IoSlice::new(end);
        }
        messages[0][1] = IoSlice::new(lost.as_bytes());
        sendmmsg(socket, &messages[..lines.len().min(AT_ONCE)])
    }

    /// Forgets them. The memory of a batch of long lines is released.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.text.clear();
        self.text.shrink_to(KEPT);
    }
}
