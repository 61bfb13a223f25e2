//! Asks the name service.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::AccountError;

pub(super) const GETENT: &str = "/usr/bin/getent";

/// How long the answers to a process may take together, beyond [`ORDINARY`]
/// for each. A daemon that asks a directory waits for it some seconds; one that
/// hangs would hold the session for ever, and where the C library gives up a
/// daemon by itself (nscd, after some seconds), it does so at every question.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What any answer may take: who asks for many accounts asks often.
const ORDINARY: Duration = Duration::from_secs(1);

/// What is left of [`PATIENCE`].
static LEFT: Mutex<Duration> = Mutex::new(PATIENCE);

/// Whether the name service can be asked at all.
pub(super) fn is_there() -> Result<bool, AccountError> {
    let exists = Path::new(GETENT).try_exists();
    exists.map_err(|error| AccountError::Unreadable(GETENT, error))
}

/// Asks the name service; an empty answer where it knows nothing, and what it
/// knows where that is not all. A name service that fails may have known
/// something: a group, and with it a rule.
pub(super) fn getent(arguments: &[&str]) -> Result<String, AccountError> {
    /// "One or more supplied keys could not be found" (getent(1)).
    const NOT_FOUND: i32 = 2;
    if !is_there()? {
        return Ok(String::new());
    }
    // A thread that panics never holds it: nothing in between can.
    let mut left = LEFT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if left.is_zero() {
        return Err(AccountError::Silent(arguments.join(" ")));
    }
    let asked = Instant::now();
    let child = Command::new(GETENT)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let unreadable = |error| AccountError::Unreadable(GETENT, error);
    let mut child = child.map_err(unreadable)?;
    let answer = read_in_time(&mut child, asked + ORDINARY + *left);
    *left = after(*left, asked.elapsed());
    if !matches!(answer, Ok(Some(_))) {
        // It may have ended by itself just now.
        let _ = child.kill();
    }
    let status = child.wait().map_err(unreadable)?;
    let Some(answer) = answer.map_err(unreadable)? else {
        *left = Duration::ZERO;
        return Err(AccountError::Silent(arguments.join(" ")));
    };
    match status.code() {
        Some(0 | NOT_FOUND) => Ok(String::from_utf8_lossy(&answer).into_owned()),
        status => Err(AccountError::NoAnswer(status)),
    }
}

/// What is left of the patience after an answer that took this long.
fn after(left: Duration, took: Duration) -> Duration {
    left.saturating_sub(took.saturating_sub(ORDINARY))
}

/// What a process writes until it closes its output, which getent does when it
/// ends; `None` if it does not do so in time.
fn read_in_time(child: &mut Child, until: Instant) -> io::Result<Option<Vec<u8>>> {
    let mut answer = Vec::new();
    let Some(output) = &mut child.stdout else {
        return Ok(Some(answer));
    };
    let mut chunk = [0; 4096];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
            Ok(0) => return Ok(None),
            Ok(_) => {}
        }
        match output.read(&mut chunk)? {
            0 => return Ok(Some(answer)),
            size => answer.extend_from_slice(&chunk[..size]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slow_answers_use_up_the_patience() {
        let quick = (0..1000).fold(PATIENCE, |left, _| after(left, ORDINARY));
        assert_eq!(quick, PATIENCE);
        // nscd that hangs: the C library gives it up after five seconds, at each question again.
        let answers = (1..)
            .scan(PATIENCE, |left, n| {
                *left = after(*left, Duration::from_secs(5));
                Some((n, *left))
            })
            .find(|(_, left)| left.is_zero());
        assert_eq!(answers, Some((5, Duration::ZERO)));
        assert_eq!(after(PATIENCE, Duration::MAX), Duration::ZERO);
    }
}
