//! Whether a session with a fault in it ended as promised.

use std::path::Path;

use super::session::{FORBIDDEN, Fault, Session, UPLOADED};

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// As without the fault.
    Whole,
    /// Nothing was served, and a line of the log, or sshd's client, is told so.
    Refused,
    /// The process that could have told was killed.
    Ended,
    /// The front or the guard met the fault while the server was at work: a request failed or the session ended early, and
    /// a line of the log, or sshd's client, is told so.
    Cut,
    /// The server's own process met the fault after its program had started: a request failed, or it ended early.
    Later,
}

/// One line of the trace: the process, and what it did.
fn events(trace: &str) -> impl Iterator<Item = (&str, &str)> {
    trace.lines().filter_map(|line| {
        let (process, event) = line.split_once(' ')?;
        Some((process, event.trim_start()))
    })
}

fn starts_server(event: &str) -> bool {
    event.starts_with("execve(\"/usr/lib/openssh/sftp-server\"")
}

/// Whether the program was started by a process without Landlock or without a filter.
fn unconfined(trace: &str) -> Option<String> {
    let all: Vec<(&str, &str)> = events(trace).collect();
    let (at, (server, _)) = all.iter().enumerate().find(|(at, (process, event))| {
        let own = |other: &&(&str, &str)| other.0 == *process;
        let end = if event.ends_with("<unfinished ...>") {
            let mut after = all[at + 1..].iter().filter(own);
            after.find(|(_, event)| event.starts_with("<... execve resumed"))
        } else {
            Some(&all[*at])
        };
        starts_server(event) && end.is_some_and(|(_, event)| event.ends_with("= 0"))
    })?;
    let did = |call: &str| {
        let mut before = all[..at].iter();
        before.any(|(process, event)| {
            process == server && event.starts_with(call) && !event.contains("= -1")
        })
    };
    let lacks: Vec<&str> = ["landlock_restrict_self(", "seccomp(0x1,"]
        .into_iter()
        .filter(|call| !did(call))
        .collect();
    (!lacks.is_empty()).then(|| format!("the server started without {lacks:?}"))
}

/// Whether the server's own process met a fault after its program was asked for. Each process counts its own calls, so
/// that the front or the guard may have met it too. The server's filter also ends the program for the call -1, which is
/// what strace makes of a call that is to fail.
fn server_met_it(trace: &str) -> bool {
    let all: Vec<(&str, &str)> = events(trace).collect();
    let starts = all.iter().position(|(_, event)| starts_server(event));
    starts.is_some_and(|at| {
        let mut after = all[at..]
            .iter()
            .filter(|(process, _)| *process == all[at].0);
        after.any(|(_, event)| event.contains("(INJECTED)") || event.contains("killed by SIG"))
    })
}

/// Whether the server's program was asked for before a fault came.
fn is_at_work(trace: &str) -> bool {
    let mut events = events(trace).map(|(_, event)| event);
    let before = |event: &str| event.contains("(INJECTED)") || event.contains("killed by SIG");
    events
        .find(|event| starts_server(event) || before(event))
        .is_some_and(starts_server)
}

/// Whether somebody learns that there was no whole session: from the log, or from what the client is told.
fn told(session: &Session) -> bool {
    let says = |line: &String| {
        let ended = line.contains(" end server=") && !line.contains(" end server=exited:0 ");
        ended || line.contains("event=failed") || line.contains("verdict=refused")
    };
    session.log.iter().any(says) || !session.output.stderr.is_empty()
}

/// What became of a session; an error is a promise that was not kept.
pub fn judge(
    session: &Session,
    fault: Fault,
    before: &Session,
    whole: &Session,
) -> Result<Outcome, String> {
    let Session {
        output,
        trace,
        disk,
        left,
        log,
    } = session;
    let wrong = |what: &str| Err(format!("{what}: {output}\n{log:#?}"));
    if let Some(what) = unconfined(trace) {
        return wrong(&what);
    }
    if output.code() == 124 {
        return wrong("it hangs");
    }
    if !left.is_empty() {
        return wrong(&format!("it leaves {left:?}"));
    }
    if disk.paths().any(|path| path.ends_with(FORBIDDEN)) {
        return wrong("a dotfile was made");
    }
    // A directory's size may say how much is in it.
    let without_upload = |session: &Session| {
        let upload = |path: &Path| path.ends_with(UPLOADED) || path.ends_with("uploads");
        session.disk.without(upload)
    };
    let untouched = before.disk.diff(disk).is_empty();
    if !without_upload(before)
        .diff(&without_upload(session))
        .is_empty()
    {
        return wrong("the disk has changed beyond the upload");
    }
    // Where the front is killed, the server has a moment for what it has already been asked.
    let status = output.code() == 0 || fault == Fault::Kill;
    if output.stdout == whole.output.stdout && status && whole.disk.diff(disk).is_empty() {
        return Ok(Outcome::Whole);
    }
    if fault == Fault::Stop {
        return wrong("stopped and continued, it is not whole");
    }
    if server_met_it(trace) {
        return Ok(Outcome::Later);
    }
    if is_at_work(trace) {
        // A request failed, of which the client and the log have the error.
        if log.iter().any(|line| line.contains(" failed call=")) {
            return Ok(Outcome::Cut);
        }
        // What it answered until then is what it would have answered.
        let answers = whole.output.stdout.starts_with(&output.stdout);
        if !answers || output.code() == 0 {
            return wrong("it was cut short, and looks whole");
        }
        return match told(session) {
            true => Ok(Outcome::Cut),
            false if fault == Fault::Kill => Ok(Outcome::Ended),
            false => wrong("it was cut short without a word"),
        };
    }
    if !output.stdout.is_empty() || !untouched || output.code() == 0 {
        return wrong("it is neither whole nor refused");
    }
    if told(session) {
        return Ok(Outcome::Refused);
    }
    if fault == Fault::Kill {
        return Ok(Outcome::Ended);
    }
    wrong("it was refused without a word")
}
