//! How a record is written: text or JSON, and what the way to its reader adds.
//!
//! A value of a client or of the disk is escaped in the same way in each form,
//! so that what a reader decodes is harmless as well.

use std::fmt::{self, Display, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use super::event::{Datum, Event, Lead};
use super::{Importance, Names};
use crate::decide::policy::LogFormat;
use crate::print::calendar;
use crate::print::escape::{Cut, Escaped, SHOWN_MAX};
use crate::print::json::JsonString;

/// How the program is called in its lines.
const IDENTIFIER: &str = "xfersh";

/// A sentence may be this many times as long as a value.
const SENTENCES: usize = 4;

/// How much of a value is shown, from what is usual to what always fits.
const STEPS: [usize; 6] = [SHOWN_MAX, 512, 256, 128, 64, 24];

/// What carries a record to its reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// A syslog daemon, which adds the time.
    Syslog,
    /// journald, which wants fields.
    Journal,
    /// A file, where nobody adds anything; the name of this host.
    File {
        /// The name of this host, escaped.
        host: String,
        /// How long a line may be, with its line break.
        longest: usize,
    },
}

/// The form of all records that are written from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub carrier: Carrier,
    pub format: LogFormat,
}

/// What each record says of the session.
pub(super) struct Head<'a> {
    pub importance: Importance,
    pub process: u32,
    pub session: u64,
    pub sequence: u64,
    pub names: &'a Names,
}

/// The most that is inserted into a record when it is sent.
const INSERTED_MAX: usize = 32;

impl Form {
    /// Appends a record. Returns where in it the number of lost lines goes,
    /// which is known only when it is sent.
    pub(super) fn write(&self, out: &mut String, head: &Head<'_>, event: &Event<'_>) -> usize {
        let start = out.len();
        let longest = match self.carrier {
            Carrier::File { longest, .. } => longest,
            Carrier::Syslog | Carrier::Journal => usize::MAX,
        };
        let mut middle = start;
        for at_most in STEPS {
            out.truncate(start);
            middle = self.write_once(out, head, event, at_most);
            if out.len() - start + INSERTED_MAX <= longest {
                break;
            }
        }
        middle
    }

    fn write_once(
        &self,
        out: &mut String,
        head: &Head<'_>,
        event: &Event<'_>,
        at_most: usize,
    ) -> usize {
        // Writing to a string does not fail.
        let _ = match (&self.carrier, self.format) {
            (Carrier::Syslog, _) => {
                let (priority, process) = (head.importance.priority(), head.process);
                write!(out, "<{priority}>{IDENTIFIER}[{process}]: ")
            }
            (Carrier::Journal, _) => write!(out, "MESSAGE="),
            (Carrier::File { host, .. }, LogFormat::Text) => {
                let process = head.process;
                write!(out, "{} {host} {IDENTIFIER}[{process}]: ", now())
            }
            (Carrier::File { host, .. }, LogFormat::Json) => {
                write!(
                    out,
                    "{{\"time\":\"{}\",\"host\":{},",
                    now(),
                    JsonString(host)
                )
            }
        };
        let middle = match self.format {
            LogFormat::Text => {
                let (session, sequence, names) = (head.session, head.sequence, head.names);
                let _ = write!(out, "session={session:016x} seq={sequence} {names}");
                let middle = out.len();
                write_text(out, event, at_most);
                middle
            }
            LogFormat::Json => {
                if !matches!(self.carrier, Carrier::File { .. }) {
                    out.push('{');
                }
                write_json_head(out, head);
                let middle = out.len();
                write_json(out, event, at_most);
                middle
            }
        };
        match self.carrier {
            Carrier::Syslog => {}
            Carrier::Journal => write_fields(out, head, event, at_most),
            Carrier::File { .. } => out.push('\n'),
        }
        middle
    }

    /// What is inserted into a record about the lines before it.
    pub(super) fn inserted(&self, lost: u64) -> String {
        match (lost, self.format) {
            (0, _) => String::new(),
            (_, LogFormat::Text) => format!(" lost={lost}"),
            (_, LogFormat::Json) => format!(",\"lost\":{lost}"),
        }
    }
}

/// The time, by the clock of the host, in UTC.
fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    calendar::precise_time(since.unwrap_or_default())
}

fn write_text(out: &mut String, event: &Event<'_>, at_most: usize) {
    let _ = match event.lead {
        Lead::Operation if !event.operation.is_empty() => write!(out, " {}", event.operation),
        Lead::Words(words) => write!(out, " {words}"),
        Lead::Operation | Lead::Field => Ok(()),
    };
    for (name, datum) in &event.fields {
        let value = FieldValue { datum, at_most };
        let _ = match datum {
            Datum::Told(_) => Ok(()),
            Datum::Marker(word) => write!(out, " {word}"),
            Datum::Name(_) | Datum::Word(_) | Datum::Number(_) | Datum::Mode(_) => {
                write!(out, " {name}={value}")
            }
            Datum::None => write!(out, " {name}=-"),
            Datum::Words(_) | Datum::Bytes(_) => write!(out, " {name}=\"{value}\""),
            Datum::Sentence(text) => {
                let text = cut(text, at_most, true);
                write!(out, " {name}=\"{text}\"")
            }
        };
    }
}

fn write_json_head(out: &mut String, head: &Head<'_>) {
    let (severity, process) = (head.importance.name(), head.process);
    let (session, sequence) = (head.session, head.sequence);
    let Names {
        account,
        uid,
        client,
    } = head.names;
    let _ = write!(
        out,
        "\"identifier\":\"{IDENTIFIER}\",\"pid\":{process},\"severity\":\"{severity}\",\
         \"session\":\"{session:016x}\",\"sequence\":{sequence},\"account\":{},\"uid\":{uid},\
         \"client\":{}",
        OrNull(account.as_ref()),
        OrNull(client.as_ref()),
    );
}

struct OrNull<'a>(Option<&'a String>);

impl Display for OrNull<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(f, "{}", JsonString(text)),
            None => f.write_str("null"),
        }
    }
}

fn write_json(out: &mut String, event: &Event<'_>, at_most: usize) {
    let _ = write!(out, ",\"operation\":\"{}\"", event.operation);
    for (name, datum) in &event.fields {
        let value = FieldValue { datum, at_most };
        let _ = match datum {
            Datum::None => write!(out, ",\"{name}\":null"),
            Datum::Number(number) => write!(out, ",\"{name}\":{number}"),
            _ => write!(out, ",\"{name}\":{}", JsonString(&value)),
        };
    }
    out.push('}');
}

/// The fields of a record for journald, after its message (systemd.journal-fields(7)
/// and "Journal Native Protocol" of systemd). No value has a line break: what
/// others say is escaped, and [`FieldLine`] sees to the rest.
fn write_fields(out: &mut String, head: &Head<'_>, event: &Event<'_>, at_most: usize) {
    let (severity, facility) = (head.importance.severity(), Importance::FACILITY);
    let (process, session, sequence) = (head.process, head.session, head.sequence);
    let Names {
        account,
        uid,
        client,
    } = head.names;
    let _ = write!(
        out,
        "\nPRIORITY={severity}\nSYSLOG_FACILITY={facility}\nSYSLOG_IDENTIFIER={IDENTIFIER}\n\
         SYSLOG_PID={process}\nSESSION={session:016x}\nSEQUENCE={sequence}\nUID={uid}\n"
    );
    for (name, value) in [("ACCOUNT", account), ("CLIENT", client)] {
        if let Some(value) = value {
            let _ = writeln!(out, "{name}={}", FieldLine(value));
        }
    }
    let _ = writeln!(out, "OPERATION={}", event.operation);
    for (name, datum) in &event.fields {
        if matches!(datum, Datum::None) {
            continue;
        }
        let value = FieldValue { datum, at_most };
        let _ = writeln!(out, "{}={}", FieldName(name), FieldLine(&value));
    }
}

/// The name of a field as journald wants it. Its own ERRNO is a number.
struct FieldName<'a>(&'a str);

impl Display for FieldName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let upper = |c: char| c.to_ascii_uppercase();
        self.0
            .chars()
            .try_for_each(|c| f.write_char(if c == '-' { '_' } else { upper(c) }))?;
        match self.0 {
            "errno" => f.write_str("_NAME"),
            _ => Ok(()),
        }
    }
}

/// What is displayed, on one line.
struct FieldLine<'a>(&'a dyn Display);

impl Display for FieldLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(OneLine(f), "{}", self.0)
    }
}

struct OneLine<'f, 'a>(&'f mut fmt::Formatter<'a>);

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut lines = text.split('\n');
        self.0.write_str(lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| write!(self.0, "\\n{line}"))
    }
}

/// What a field says, without what surrounds it.
struct FieldValue<'v, 'a> {
    datum: &'v Datum<'a>,
    at_most: usize,
}

impl Display for FieldValue<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.datum {
            Datum::Marker(word) | Datum::Name(word) => f.write_str(word),
            Datum::Word(words) | Datum::Words(words) | Datum::Told(words) => words.fmt(f),
            Datum::Number(number) => number.fmt(f),
            Datum::Mode(mode) => write!(f, "{mode:04o}"),
            Datum::Bytes(bytes) => Escaped::bytes(bytes).cut_to(self.at_most).fmt(f),
            Datum::Sentence(text) => cut(text, self.at_most, false).fmt(f),
            Datum::None => f.write_str("-"),
        }
    }
}

const fn cut(text: &str, at_most: usize, quotes: bool) -> Cut<'_> {
    Cut {
        text,
        at_most: at_most * SENTENCES,
        quotes,
    }
}

#[cfg(test)]
mod tests;
