//! Records, written once and kept in one block of memory until they are sent.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use syslog::{Facility, Severity};

use super::event::Event;
use super::form::{Carrier, Form, Head};
use crate::decide::policy::LogFormat;
use crate::system::log_file::LogFile;
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
    /// The number of our facility.
    pub(super) const FACILITY: u8 = Facility::LOG_AUTHPRIV as u8 >> 3;

    /// The number of the severity.
    pub(super) const fn severity(self) -> u8 {
        match self {
            Self::Info => Severity::LOG_INFO as u8,
            Self::Warning => Severity::LOG_WARNING as u8,
            Self::Error => Severity::LOG_ERR as u8,
        }
    }

    /// Facility and severity as one number.
    pub(super) const fn priority(self) -> u8 {
        Self::FACILITY << 3 | self.severity()
    }

    /// The name of the severity.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How messages are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Each is a datagram.
    Datagram,
    /// Each ends with a NUL.
    Stream,
}

/// Lines in their order.
#[derive(Debug)]
pub struct Lines {
    form: Form,
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

impl Default for Lines {
    fn default() -> Self {
        Self::of(Form {
            carrier: Carrier::Syslog,
            format: LogFormat::Text,
        })
    }
}

impl Lines {
    /// No lines yet, to be written in this form: for syslog that of the C
    /// library's syslog(3), but without a time, since the daemon adds its own,
    /// and so no line depends on TZ.
    pub(super) const fn of(form: Form) -> Self {
        Self {
            form,
            text: String::new(),
            lines: Vec::new(),
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

    /// Adds a line.
    pub(super) fn append(&mut self, head: &Head<'_>, event: &Event<'_>) {
        let start = self.text.len();
        let middle = self.form.write(&mut self.text, head, event);
        let end = self.text.len();
        self.lines.push(Line { start, middle, end });
    }

    /// Sends lines, starting with that one, as many as one call takes. The
    /// first of them reports how many were lost before.
    ///
    /// # Errors
    ///
    /// Those of [`sendmmsg`].
    pub fn send(
        &self,
        socket: BorrowedFd<'_>,
        frame: Frame,
        from: usize,
        lost: u64,
    ) -> io::Result<Sent> {
        let text = self.text.as_bytes();
        let end: &[u8] = match frame {
            Frame::Datagram => b"",
            Frame::Stream => b"\0",
        };
        let inserted = self.form.inserted(lost);
        let field = match self.form.carrier {
            Carrier::Journal if lost > 0 => format!("LOST={lost}\n"),
            _ => String::new(),
        };
        let mut messages = [[IoSlice::new(b""); 5]; AT_ONCE];
        let lines = &self.lines[from..];
        for (message, line) in messages.iter_mut().zip(lines) {
            message[0] = IoSlice::new(&text[line.start..line.middle]);
            message[2] = IoSlice::new(&text[line.middle..line.end]);
            message[4] = IoSlice::new(end);
        }
        messages[0][1] = IoSlice::new(inserted.as_bytes());
        messages[0][3] = IoSlice::new(field.as_bytes());
        sendmmsg(socket, &messages[..lines.len().min(AT_ONCE)])
    }

    /// Writes that line to a file.
    ///
    /// # Errors
    ///
    /// Those of [`LogFile::write_line`].
    pub fn write(
        &self,
        file: &mut LogFile,
        at: usize,
        lost: u64,
        wait: Duration,
    ) -> io::Result<()> {
        let Line { start, middle, end } = self.lines[at];
        if lost == 0 {
            return file.write_line(&self.text.as_bytes()[start..end], wait);
        }
        let inserted = self.form.inserted(lost);
        let parts = [
            &self.text[start..middle],
            &inserted,
            &self.text[middle..end],
        ];
        file.write_line(parts.concat().as_bytes(), wait)
    }

    /// Forgets them. The memory of a batch of long lines is released.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.text.clear();
        self.text.shrink_to(KEPT);
    }
}
