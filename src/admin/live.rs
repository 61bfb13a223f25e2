//! `--check --live`: enters the real confinement as an account and tries what
//! the promises forbid and what they allow.
//!
//! The account's policy decides on `sftp-server` as for a session; the plan is
//! carried out by the same code, but instead of the server it starts xfersh
//! itself, to run the attempts in [`super::probe`]. Then each server that the
//! policy allows is started once, and must answer.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, PipeReader, Read as _, Seek as _, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, dup2_stdout, geteuid};

use super::probe::{Expected, TRIES};
use super::probe_rows::{self, ProbeRow};
use super::server_answer::ServerAnswer;
use super::{Unable, entry, invocation};
use crate::cli::Check;
use crate::console;
use crate::decide::access::{Access, Right};
use crate::decide::invocation::Invocation;
use crate::decide::plan::Plan;
use crate::decide::verdict::Verdict;
use crate::exit::Exit;
use crate::gather::account::AccountKey;
use crate::gather::policy_file;
use crate::guard::SessionEnd;
use crate::judge::Subject;
use crate::print::escape::Escaped;
use crate::system::opened::Opened;
use crate::system::process;

/// What the log says of the sessions that are started here.
const BY: &str = "--check --live";

/// The most that is read of what the log has got since.
const LOG_MAX: u64 = 1 << 20;

/// Commands that no policy serves.
const NEVER: [&str; 4] = [
    "/bin/sh",
    "scp file host:",
    "sftp-server -d /",
    "rsync --daemon",
];

/// Runs the live probe. Nothing is left behind, even if it is interrupted.
pub fn run(check: &Check) -> Exit {
    match examine(check) {
        Ok(rows) => report(&rows, check.json),
        Err(unable) => unable.tell(check.json),
    }
}

fn examine(check: &Check) -> Result<Vec<ProbeRow>, Unable> {
    let text = policy_file::named_text(check.config.as_deref()).map_err(Unable::Policy)?;
    text.parse().map_err(Unable::Policy)?;
    let key = AccountKey::Name(check.user.clone().unwrap_or_default());
    let invocation = super::asked_invocation(check, Some("sftp-server".into()), &key)?;
    let subject = Subject::of(&key, &text, &invocation, &Opened::default())?;
    let own = geteuid().as_raw();
    if own != 0 && own != subject.account.uid {
        let name = subject.account.shown();
        let why = format!("only root can test the account '{name}'");
        return Err(Unable::Other(why));
    }
    let mut rows: Vec<ProbeRow> = NEVER
        .iter()
        .map(|command| never(check, &subject, command))
        .collect();
    let log = LogEnd::of(&subject);
    rows.extend(in_confinement(&subject, &invocation).map_err(Unable::Other)?);
    rows.extend(log.map(LogEnd::row));
    // Nothing is made in these, and they end with this process.
    rows.extend(answers(&subject, &invocation).map_err(Unable::Other)?);
    Ok(rows)
}

/// A log file, at the end that it had before the tries.
struct LogEnd(File);

impl LogEnd {
    /// None where the lines go elsewhere, or this process cannot read them.
    fn of(subject: &Subject) -> Option<Self> {
        let path = subject.policy.log.value.file()?;
        // A FIFO would be waited for, and what is read of it is lost.
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(path)
            .ok()?;
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        file.seek(SeekFrom::End(0)).ok()?;
        is_file.then_some(Self(file))
    }

    /// Whether the line of the tries is there.
    fn row(mut self) -> ProbeRow {
        let mut new = Vec::new();
        let read = (&mut self.0).take(LOG_MAX).read_to_end(&mut new);
        let by = BY.as_bytes();
        let has_line = read.is_ok() && new.windows(by.len()).any(|part| part == by);
        let what = "write the line of the session to the log file".to_owned();
        ProbeRow::new("P8", what, Expected::Works, has_line, None)
    }
}

/// Starts each server that the policy allows, for nothing. A protocol that is
/// refused has no row: that is for `--check`.
fn answers(subject: &Subject, invocation: &Invocation) -> Result<Vec<ProbeRow>, String> {
    let mut rows = Vec::new();
    for protocol in &subject.policy.protocols.value {
        let name = protocol.name();
        let answer = ServerAnswer::of(subject, invocation, *protocol, BY)
            .map_err(|error| format!("cannot start the server of {name}: {error}"))?;
        let Some(answer) = answer else {
            continue;
        };
        if let ServerAnswer::Silent(said) = &answer {
            let said = Escaped::text(said.lines().last().unwrap_or("it says nothing"));
            console::say(&format!("the server of {name} does not answer: {said}"));
        }
        let what = format!("start the server of {name}");
        let spoke = answer == ServerAnswer::Spoke;
        rows.push(ProbeRow::new("P11", what, Expected::Works, spoke, None));
    }
    Ok(rows)
}

/// P1: a command that must be refused.
fn never(check: &Check, subject: &Subject, command: &str) -> ProbeRow {
    let invocation = invocation(Some(command.into()), check.address);
    let verdict = subject.judge(&invocation, &Opened::default());
    let refused = matches!(verdict, Verdict::Refused(_));
    ProbeRow::new(
        "P1",
        format!("serve '{command}'"),
        Expected::Refused,
        !refused,
        None,
    )
}

/// Forks a session and collects the results of its attempts.
fn in_confinement(subject: &Subject, invocation: &Invocation) -> Result<Vec<ProbeRow>, String> {
    let failed = |error: io::Error| format!("cannot start the probe: {error}");
    let name = format!("xfersh-probe-{}", std::process::id());
    let (read, write) = io::pipe().map_err(failed)?;
    let before = hold_interruptions().map_err(|error| failed(error.into()))?;
    match process::fork().map_err(failed)? {
        ForkResult::Child => {
            drop(read);
            let exit = session(subject, invocation, &name, write.into());
            std::process::exit(i32::from(exit.code()));
        }
        ForkResult::Parent { child } => {
            drop(write);
            let rows = collect(read);
            let _ = waitpid(child, None);
            // A signal that is pending now ends this process as usual.
            let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
            let mut rows = rows?;
            if subject.policy.log.value.file().is_none() {
                rows.retain(|row| !row.is_of_log_file());
            }
            Ok(rows)
        }
    }
}

/// Blocks the signals that interrupt a program, and returns what was blocked
/// before: the probe always runs to its end, so that it leaves nothing behind.
fn hold_interruptions() -> nix::Result<SigSet> {
    let mut signals = SigSet::empty();
    signals.extend([
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ]);
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&signals), Some(&mut before))?;
    Ok(before)
}

/// The child: becomes the account, decides, and carries out the plan.
fn session(subject: &Subject, invocation: &Invocation, name: &str, write: OwnedFd) -> Exit {
    match start(subject, invocation, name, write) {
        Ok(end) => end.pass_on(),
        Err(why) => {
            console::say(&why);
            Exit::Failed
        }
    }
}

fn start(
    subject: &Subject,
    invocation: &Invocation,
    name: &str,
    write: OwnedFd,
) -> Result<SessionEnd, String> {
    dup2_stdout(&write).map_err(|error| error.to_string())?;
    drop(write);
    // The guard passes interruptions on to the probe, which inherits this.
    let hold = || hold_interruptions().map_err(|error| error.to_string());
    entry::serve(subject, invocation, BY, |plan| {
        hold()?;
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let log = subject.policy.log.value.file();
        let arguments = probe_arguments(&plan, name, log);
        Ok(plan.with_program(program, arguments))
    })
}

/// `xfersh --probe HOME NAME LOG [DIRECTORY]`: the log file, if it is one, and
/// the first directory in which the session may both create and read back.
fn probe_arguments(plan: &Plan, name: &str, log: Option<&Path>) -> Vec<OsString> {
    let mut roots = plan.rules.roots.iter();
    let both = |access: Access| access.has(Right::Create) && access.has(Right::Read);
    let writable = roots.find(|root| root.exists && both(root.access));
    let mut arguments: Vec<OsString> = vec!["xfersh".into(), "--probe".into()];
    arguments.push(plan.rules.home.clone().into());
    arguments.push(name.into());
    arguments.push(log.map(Into::into).unwrap_or_default());
    arguments.extend(writable.map(|root| root.path.clone().into_os_string()));
    arguments
}

/// Reads one line per attempt: its number, and 0 or an errno. The last attempt
/// replaces the program if it succeeds, so if its line is missing, it did.
fn collect(read: PipeReader) -> Result<Vec<ProbeRow>, String> {
    let mut seen = vec![None; TRIES.len()];
    for line in BufReader::new(read).lines().map_while(Result::ok) {
        let mut numbers = line.split(' ').map(str::parse::<i32>);
        if let (Some(Ok(at)), Some(Ok(errno))) = (numbers.next(), numbers.next())
            && let Some(slot) = usize::try_from(at).ok().and_then(|at| seen.get_mut(at))
        {
            *slot = Some(errno);
        }
    }
    if seen.iter().all(Option::is_none) {
        return Err("the probe did not run (see the log)".to_owned());
    }
    if let Some((_last, others)) = seen.split_last()
        && let Some(at) = others.iter().position(Option::is_none)
    {
        let what = TRIES.get(at).map_or("a try", |row| row.what);
        return Err(format!("the probe ended early, at '{what}' (see the log)"));
    }
    let rows = TRIES.iter().zip(seen).map(|(row, errno)| {
        let worked = errno.is_none_or(|errno| errno == 0);
        let errno = errno.filter(|errno| *errno != 0);
        ProbeRow::new(
            row.promise,
            row.what.to_owned(),
            row.expected,
            worked,
            errno,
        )
    });
    Ok(rows.collect())
}

fn report(rows: &[ProbeRow], json: bool) -> Exit {
    let text = if json {
        probe_rows::json(rows)
    } else {
        probe_rows::text(rows, console::style())
    };
    let kept = rows.iter().all(ProbeRow::is_as_expected);
    match console::print(&text) {
        Exit::Success if kept => Exit::Success,
        Exit::Success => Exit::Finding,
        failed => failed,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// What is collected of this many lines of a probe.
    fn collected(lines: usize) -> Result<Vec<ProbeRow>, String> {
        let (read, mut write) = io::pipe().unwrap();
        for at in 0..lines {
            writeln!(write, "{at} 0").unwrap();
        }
        drop(write);
        collect(read)
    }

    #[test]
    fn only_the_last_line_of_a_probe_may_be_missing() {
        assert!(collected(0).is_err());
        assert!(collected(3).unwrap_err().contains(TRIES[3].what));
        assert!(collected(TRIES.len() - 2).is_err());
        assert_eq!(collected(TRIES.len() - 1).unwrap().len(), TRIES.len());
        assert_eq!(collected(TRIES.len()).unwrap().len(), TRIES.len());
    }
}
