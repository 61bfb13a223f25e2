//! `--end`: ends open sessions. Their guards write into the log who did it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, Uid, geteuid, setresuid};

use super::OpenSession;
use crate::cli::{self, Target};
use crate::console;
use crate::exit::Exit;
use crate::gather::account::{self, AccountKey};
use crate::print::escape::{Escaped, bare_field};
use crate::system::opened::Opened;
use crate::system::process;

/// How long a guard may take. It ends its server at once; then it may wait for
/// the log, for a limited time.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a guard is told meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

/// How often new sessions are looked for.
const ROUNDS: u32 = 50;

/// The uid of who has logged in (proc_pid_loginuid(5)); -1 if nobody did.
const LOGIN: &str = "/proc/self/loginuid";

/// Runs `--end`: exit status 1 if no such session is open, or one goes on.
pub fn run(call: &cli::End) -> Exit {
    match end(&call.target) {
        Ok(exit) => exit,
        Err(why) => super::super::unable(&why, false),
    }
}

fn end(target: &Target) -> Result<Exit, String> {
    if !geteuid().is_root() {
        return Err("only root can end the sessions of others: run 'xfersh --end' as root".into());
    }
    let by = sender();
    let account = match target {
        Target::Account(name) => uid_of(name),
        Target::Session(_) => None,
    };
    let mut tried = BTreeSet::new();
    let mut ended = 0;
    let mut is_all = true;
    // One that was about to start is met in the next round.
    for _ in 0..ROUNDS {
        let sessions = super::all().map_err(|error| format!("cannot read /proc: {error}"))?;
        let mut sessions: Vec<_> = sessions
            .into_iter()
            .filter(|session| is_meant(target, account, session))
            // One that has not ended will not end now.
            .filter(|session| tried.insert((session.pid, session.since)))
            .collect();
        if sessions.is_empty() {
            return Ok(sum_up(target, ended, is_all));
        }
        let count = sessions.len();
        let failure = end_these(&mut sessions, by);
        ended += count - sessions.len();
        is_all &= sessions.is_empty();
        for session in &sessions {
            console::say(&goes_on(session, failure.as_ref()));
        }
    }
    console::say(&format!(
        "new sessions come as fast as they are ended ({ended} so far): disable the account first \
         ('usermod -e 1 NAME'), then end its sessions"
    ));
    Ok(Exit::Finding)
}

fn sum_up(target: &Target, ended: usize, is_all: bool) -> Exit {
    if !is_all {
        return Exit::Finding;
    }
    if ended > 0 {
        return Exit::Success;
    }
    let what = match target {
        Target::Session(id) => format!("no session '{}' is open", Escaped::text(id)),
        Target::Account(name) => {
            format!("the account '{}' has no open session", Escaped::text(name))
        }
    };
    console::say(&format!("{what}; see 'xfersh --who'"));
    Exit::Finding
}

/// Whether a session is to be ended; `account` is the uid of the account that
/// was named, if there is one of that name.
fn is_meant(target: &Target, account: Option<u32>, session: &OpenSession) -> bool {
    match (target, account) {
        (Target::Session(id), _) => session.title.session.as_ref() == Some(id),
        // Several names may have this uid. One that it has not, or has no more,
        // says nothing.
        (Target::Account(name), Some(uid)) => {
            let shown = bare_field(name);
            session.uid == uid && session.account.as_ref().is_none_or(|name| *name == shown)
        }
        // It may have been removed since.
        (Target::Account(name), None) => session.title.account == Some(bare_field(name)),
    }
}

fn uid_of(name: &str) -> Option<u32> {
    let key = AccountKey::Name(name.to_owned());
    let account = account::lookup(&key, &Opened::default()).ok()?;
    Some(account.uid)
}

/// Ends these sessions, all at once: none waits for another one. Those that go
/// on are left; returns the last failure.
fn end_these(sessions: &mut Vec<OpenSession>, by: Uid) -> Option<io::Error> {
    let deadline = Instant::now() + PATIENCE;
    let mut failure = None;
    loop {
        // Again and again: a SIGTERM that comes while another one waits to be
        // read is lost, whoever sent that (signal(7)).
        sessions.retain(|session| match terminate(session, by) {
            Ok(true) => true,
            Ok(false) => {
                console::print(&format!("Ended {}.\n", name(session)));
                false
            }
            Err(error) => {
                failure = Some(error);
                true
            }
        });
        if sessions.is_empty() || Instant::now() > deadline {
            return failure;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Sends the signal to the guard; `false` if it has ended.
fn terminate(session: &OpenSession, by: Uid) -> io::Result<bool> {
    let sent = process::pidfd_open(Pid::from_raw(session.pid)).and_then(|guard| {
        // The number may have become another process's before it was opened.
        if !super::is_still(session)? {
            return Ok(false);
        }
        signal_as(by, session.uid, &guard).map(|()| true)
    });
    match sent {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(false),
        other => other,
    }
}

/// Who is at work: the kernel tells the guard the real uid of who sends a
/// signal.
fn sender() -> Uid {
    let login = fs::read_to_string(LOGIN).ok();
    let login = login.and_then(|text| text.trim().parse::<u32>().ok());
    Uid::from_raw(login.filter(|uid| *uid != u32::MAX).unwrap_or(0))
}

/// Sends SIGTERM with this real uid. A guard passes on what comes from its own
/// account, so for that one it is root's.
fn signal_as(by: Uid, account: u32, guard: &OwnedFd) -> io::Result<()> {
    let root = Uid::from_raw(0);
    let real = if by.as_raw() == account { root } else { by };
    // Without CAP_SETUID it is root's.
    let is_changed = setresuid(real, root, root).is_ok();
    let sent = process::pidfd_send_signal(guard.as_fd(), Signal::SIGTERM);
    if is_changed {
        setresuid(root, root, root)?;
    }
    sent
}

fn name(session: &OpenSession) -> String {
    let id = session.title.session.as_deref().unwrap_or("-");
    let account = match &session.account {
        Some(account) => format!("'{account}'"),
        None => format!("uid {}", session.uid),
    };
    format!("session {} of {account}", Escaped::text(id))
}

fn goes_on(session: &OpenSession, failure: Option<&io::Error>) -> String {
    let why = failure.map_or_else(String::new, |error| format!(" ({error})"));
    format!(
        "{} has not ended after {} seconds{why}; 'kill -9 {}' ends it without its last lines in \
         the log",
        name(session),
        PATIENCE.as_secs(),
        session.pid
    )
}
