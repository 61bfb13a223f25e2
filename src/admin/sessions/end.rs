//! `--end`: ends open sessions. Their guards write into the log who did it.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
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
    let mut ended = 0;
    let started = Instant::now();
    // One that was about to start is met in the next round.
    loop {
        let sessions = super::all().map_err(|error| format!("cannot read /proc: {error}"))?;
        let sessions = sessions.iter().filter(|session| is_meant(target, session));
        let sessions: Vec<_> = sessions.collect();
        if sessions.is_empty() {
            break;
        }
        if started.elapsed() > PATIENCE {
            console::say(&format!(
                "new sessions come as fast as they are ended ({ended} so far): disable the account \
                 first ('usermod -e 1 NAME'), then end its sessions"
            ));
            return Ok(Exit::Finding);
        }
        for session in sessions {
            if !end_one(session, by).map_err(|error| failed(session, &error))? {
                console::say(&format!(
                    "{} has not ended after {} seconds; 'kill -9 {}' ends it without its last \
                     lines in the log",
                    name(session),
                    PATIENCE.as_secs(),
                    session.pid
                ));
                return Ok(Exit::Finding);
            }
            ended += 1;
            console::print(&format!("Ended {}.\n", name(session)));
        }
    }
    if ended > 0 {
        return Ok(Exit::Success);
    }
    let what = match target {
        Target::Session(id) => format!("no session '{}' is open", Escaped::text(id)),
        Target::Account(name) => {
            format!("the account '{}' has no open session", Escaped::text(name))
        }
    };
    console::say(&format!("{what}; see 'xfersh --who'"));
    Ok(Exit::Finding)
}

fn is_meant(target: &Target, session: &OpenSession) -> bool {
    match target {
        Target::Session(id) => session.title.session.as_ref() == Some(id),
        // The title has the name as the log has it.
        Target::Account(name) => match &session.title.account {
            Some(account) => *account == bare_field(name),
            None => uid_of(name) == Some(session.uid),
        },
    }
}

fn uid_of(name: &str) -> Option<u32> {
    let key = AccountKey::Name(name.to_owned());
    Some(account::lookup(&key, &Opened::default()).ok()?.uid)
}

/// Ends one session; `false` if it goes on.
fn end_one(session: &OpenSession, by: Uid) -> io::Result<bool> {
    let guard = match process::pidfd_open(Pid::from_raw(session.pid)) {
        Ok(guard) => guard,
        Err(error) if is_gone(&error) => return Ok(true),
        Err(error) => return Err(error),
    };
    // The number may have become another process's before it was opened.
    if !super::is_still(session)? {
        return Ok(true);
    }
    match signal_as(by, session.uid, &guard) {
        Ok(()) => {}
        Err(error) if is_gone(&error) => return Ok(true),
        Err(error) => return Err(error),
    }
    wait_for(&guard, Instant::now() + PATIENCE)
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
    setresuid(real, root, root)?;
    let sent = process::pidfd_send_signal(guard.as_fd(), Signal::SIGTERM);
    setresuid(root, root, root)?;
    sent
}

fn wait_for(guard: &OwnedFd, deadline: Instant) -> io::Result<bool> {
    let mut fds = [PollFd::new(guard.as_fd(), PollFlags::POLLIN)];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, left) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::ESRCH)
}

fn name(session: &OpenSession) -> String {
    let id = session.title.session.as_deref().unwrap_or("-");
    let account = match &session.title.account {
        Some(account) => format!("'{account}'"),
        None => format!("uid {}", session.uid),
    };
    format!("session {} of {account}", Escaped::text(id))
}

fn failed(session: &OpenSession, error: &io::Error) -> String {
    format!("cannot end {}: {error}", name(session))
}
