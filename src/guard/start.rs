//! Splits one process into two.
//!
//! The listener need not be sent: while the server's side loads its filter, the
//! two processes share one descriptor table, so the guard has the listener too.
//! Then the server's side gets its own table and tells the guard the number. It
//! can continue at once, since its first execve(2) waits for the guard. So the
//! filter need not allow sendmsg(2), and the start needs no pidfd_getfd(2),
//! which containers refuse.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroU32;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getpgid, getpid, getppid, pipe2, setpgid};

use super::first_call::Waiting;
use super::lock::Locks;
use super::resolve::Resolver;
use super::rsync_temporaries::RsyncTemporaries;
use super::{Connection, preflight};
use crate::confine::Confined;
use crate::decide::plan::Plan;
use crate::decide::policy::Requirement;
use crate::decide::seccomp::server::{SessionValues, program};
use crate::decide::verdict::{Refusal, Stage, Verdict};
use crate::error::{Error, Step};
use crate::exit::Exit;
use crate::log::{Audit, Event, Importance};
use crate::messages::UNGUARDED;
use crate::system::opened::Opened;
use crate::system::process::{self, Forked};
use crate::system::seccomp::{FilterError, Listener, Loaded, load_irrevocably};
use crate::system::{descriptors, signals};

/// Which of the two processes this is now.
#[allow(missing_debug_implementations, reason = "the log has no Debug")]
pub enum Side<'a> {
    /// The child: to be replaced by the server.
    Server(Box<Server>),
    /// The parent.
    Guard(Box<Waiting<'a>>),
    /// The only process: a guard is not possible here, and the policy allows
    /// sessions without one. The log already says so.
    Unguarded,
}

/// The server's side, under its filter. Keep it until execve(2), which closes
/// all that it has open at once.
#[derive(Debug)]
pub struct Server {
    _loaded: Loaded,
    _open: Open,
    pipe: File,
}

/// What the guard needs and the server's side does not.
type Open = (Connection, Prepared, OwnedFd);

/// The first message of the server's side: the listener's number, and whether
/// signals wait. If something failed: its error number, negative, instead of
/// the listener's, followed by a text.
const HELLO: usize = 5;
/// The failure has no error number of the system.
const NO_CODE: i32 = i32::MIN;

/// What must be examined and opened before the session's Landlock domain is in
/// force.
#[derive(Debug)]
pub struct Prepared {
    pub(super) resolver: Resolver,
    pub(super) locks: Locks,
    pub(super) temporary: Rc<RefCell<RsyncTemporaries>>,
    opened: Opened,
}

impl Prepared {
    /// Examines the directories of a granted plan and opens those that are
    /// locked. If that fails, the session is refused: the dry run asks here
    /// too. What the decision has opened is not looked at again.
    pub fn survey(verdict: Verdict, opened: Opened) -> (Verdict, Option<Self>) {
        let Verdict::Granted(plan) = &verdict else {
            return (verdict, None);
        };
        match Self::for_plan(plan, opened) {
            Ok(prepared) => (verdict, Some(prepared)),
            Err(error) => {
                let reason = format!("cannot lock the directories of the policy: {error}");
                (Verdict::Refused(Refusal::new(Stage::Host, reason)), None)
            }
        }
    }

    fn for_plan(plan: &Plan, opened: Opened) -> io::Result<Self> {
        let temporary = Rc::default();
        let resolver = Resolver::new(plan, &opened, Rc::clone(&temporary))?;
        let locks = Locks::open(plan, resolver.policy_directories())?;
        Ok(Self {
            resolver,
            locks,
            temporary,
            opened,
        })
    }

    /// What is open already.
    pub const fn opened(&self) -> &Opened {
        &self.opened
    }
}

/// Forks. The parent becomes the guard; the child is put under the second
/// Landlock layer and the filter. `no_new_privs` and the first layer are set.
///
/// # Errors
///
/// In the parent, whatever failed on either side; then no server is left. The
/// child never returns an error: it reports it to the parent and ends.
pub fn split<'a>(
    confined: &'a Confined,
    (connection, prepared): (Connection, Prepared),
    audit: &'a mut Audit,
) -> Result<Side<'a>, Error> {
    let failed = |what| move |error: io::Error| Error::io(Step::Guard(what), error);
    let plan = confined.plan();
    let (read, write) =
        pipe2(OFlag::O_CLOEXEC).map_err(|error| Error::io(Step::Guard("pipe"), error))?;
    let guard = getpid();
    // From here on nothing is opened or closed in the parent until the other
    // side says that it has its own table.
    let (child, pidfd) = match process::fork_sharing_descriptors().map_err(failed("fork"))? {
        Forked::Child(own) => {
            let open = (connection, prepared, read);
            let server = become_server(confined, (guard, own), open, write);
            return Ok(Side::Server(Box::new(server)));
        }
        Forked::Parent(child, pidfd) => (child, pidfd),
    };
    let mut pipe = File::from(read);
    let heard = hear(&mut pipe, write, &pidfd);
    let is_heard = heard.is_ok();
    match heard.and_then(|(hello, write)| Ok((meet(child, pidfd, hello)?, write))) {
        Ok((met, write)) => Ok(Side::Guard(Box::new(Waiting {
            plan,
            audit,
            connection,
            prepared,
            met,
            complaint: pipe,
            other_end: write,
        }))),
        Err(error) => {
            // It may wait in its execve, and is not a child of a server.
            let _ = kill(child, Signal::SIGKILL);
            let _ = waitpid(child, None);
            let words = is_heard.then(|| last_words(&mut pipe)).flatten();
            let error = words.unwrap_or(error);
            let side = do_without(plan, audit, error, &connection)?;
            confined.limit_server()?;
            Ok(side)
        }
    }
}

/// What the server's side said when it ended by itself, before the guard could
/// look into it. The pipe has no writer any more.
fn last_words(pipe: &mut File) -> Option<Error> {
    let mut text = String::new();
    pipe.read_to_string(&mut text).ok()?;
    let step = Step::Guard("the server's side");
    (!text.is_empty()).then(|| Error::repeated(step, text))
}

/// Continues without a guard if the policy allows it and the kernel lacks a
/// mechanism. Reaching a limit is not such a reason: a client could cause that
/// with enough sessions.
fn do_without<'a>(
    plan: &Plan,
    audit: &mut Audit,
    error: Error,
    connection: &Connection,
) -> Result<Side<'a>, Error> {
    if plan.confinement == Requirement::Required || !error.may_be_a_lack() {
        return Err(error);
    }
    let cause = error.to_string();
    let weaker = Event::of("weaker").words("missing", &"the guard");
    let weaker = weaker.sentence("cause", &cause).words("open", &UNGUARDED);
    audit.event(Importance::Error, &weaker);
    stay_alone(connection)?;
    Ok(Side::Unguarded)
}

/// What the server's program of a session finds where there is no guard: signals
/// as sshd leaves them, the process group that sshd passes signals to, which is the
/// front's, and its own end with that of the front.
fn stay_alone(connection: &Connection) -> Result<(), Error> {
    let failed = |error: Errno| Error::io(Step::Guard("signals"), error);
    if !connection.has_front() {
        return Ok(());
    }
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(failed)?;
    let group = getpgid(Some(getppid())).map_err(failed)?;
    // A front that ended before that has not been noticed.
    connection.still_there()?;
    setpgid(Pid::from_raw(0), group).map_err(failed)?;
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None).map_err(failed)
}

fn become_server(
    confined: &Confined,
    (guard, own): (Pid, Pid),
    open: Open,
    write: OwnedFd,
) -> Server {
    let confined = confine_server(confined, (guard, own), open.0.has_front());
    // As long as the table is shared, nothing here may be closed.
    if descriptors::take_own_table().is_err() {
        std::process::exit(i32::from(Exit::Failed.code()));
    }
    let mut pipe = File::from(write);
    match confined {
        Ok(loaded) => {
            let mut hello = [0; HELLO];
            hello[..4].copy_from_slice(&loaded.listener.as_raw_fd().to_ne_bytes());
            hello[4] = loaded.wait_killable.into();
            // If the guard is gone, the first execve fails.
            let _ = pipe.write_all(&hello);
            Server {
                _loaded: loaded,
                _open: open,
                pipe,
            }
        }
        Err(error) => {
            let code = error.code().map_or(NO_CODE, |code| -code.abs());
            let mut text = code.to_ne_bytes().to_vec();
            text.push(0);
            let _ = write!(text, "{error}");
            let _ = pipe.write_all(&text);
            std::process::exit(i32::from(Exit::Failed.code()));
        }
    }
}

fn confine_server(
    confined: &Confined,
    (guard, own): (Pid, Pid),
    has_front: bool,
) -> Result<Loaded, Error> {
    let plan = confined.plan();
    let io = |what| move |error: nix::Error| Error::io(Step::Guard(what), error);
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(io("death signal"))?;
    if getppid() != guard {
        return Err(Error::text(Step::Guard("death signal"), "it is gone"));
    }
    // A process group of its own, which the filter lets nobody leave: the
    // guard can end it as a whole.
    setpgid(Pid::from_raw(0), Pid::from_raw(0)).map_err(io("process group"))?;
    // What waits for the guard is not for the server.
    if has_front {
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
            .map_err(io("signals"))?;
    }
    // See the row of rt_sigaction.
    signals::ignore(Signal::SIGVTALRM).map_err(|error| Error::io(Step::Guard("signals"), error))?;
    confined.limit_server()?;
    confined.server_layer().irrevocably_enter()?;
    let own_pid = u32::try_from(own.as_raw()).ok().and_then(NonZeroU32::new);
    let session = SessionValues {
        own_pid: own_pid.ok_or_else(|| Error::text(Step::Guard("pid"), "it is 0"))?,
        watch_reads: plan.rules.watch_reads,
        watch_named_reads: plan.rules.watch_named_reads,
        name_service: !plan.rules.name_service_sockets.is_empty(),
        log_reads: plan.rules.log_reads,
        writes: plan.writes(),
    };
    load_irrevocably(&program(plan.kind, session)).map_err(|error| match error {
        FilterError::Refused(cause) => Error::io(Step::Guard("system call filter"), cause),
        other => Error::text(Step::Guard("system call filter"), other.to_string()),
    })
}

/// What the server's side reports once it is confined.
#[derive(Clone, Copy, Debug)]
struct Hello {
    /// The listener's number.
    listener: i32,
    wait_killable: bool,
}

/// Waits until the server's side is confined. The other end of the pipe is
/// closed only when that has come to an end, since until then it may be the
/// server's side's as well; where all went well it is given back.
fn hear(pipe: &mut File, other_end: OwnedFd, server: &OwnedFd) -> Result<(Hello, OwnedFd), Error> {
    let step = || Step::Guard("the server's side");
    let failed = |error: io::Error| Error::io(step(), error);
    if !says_something(pipe.as_fd(), server).map_err(failed)? {
        return Err(Error::ended(step(), "it ended without saying why"));
    }
    let mut hello = [0; HELLO];
    pipe.read_exact(&mut hello).map_err(failed)?;
    let [a, b, c, d, wait_killable] = hello;
    let listener = i32::from_ne_bytes([a, b, c, d]);
    if listener >= 0 {
        let wait_killable = wait_killable != 0;
        let hello = Hello {
            listener,
            wait_killable,
        };
        return Ok((hello, other_end));
    }
    drop(other_end);
    let mut text = String::new();
    pipe.read_to_string(&mut text).map_err(failed)?;
    let code = (listener != NO_CODE).then(|| -listener);
    Err(Error::told(step(), text, code))
}

/// Waits until there is something to read here, or the server's side has
/// ended; which of the two. What it said last before it ended is read first.
pub(super) fn says_something(here: BorrowedFd<'_>, server: &OwnedFd) -> io::Result<bool> {
    let mut fds = [
        PollFd::new(here, PollFlags::POLLIN),
        PollFd::new(server.as_fd(), PollFlags::POLLIN),
    ];
    while let Err(error) = poll(&mut fds, PollTimeout::NONE) {
        if error != Errno::EINTR {
            return Err(error.into());
        }
    }
    let events = fds[0].revents().unwrap_or(PollFlags::empty());
    Ok(events.contains(PollFlags::POLLIN))
}

/// The server's side is reached: from here on its calls can be answered.
pub(super) struct Met {
    pub server: Pid,
    /// The same process.
    pub pidfd: OwnedFd,
    pub listener: Listener,
}

/// Takes the listener, and proves that the guard can look into the server's
/// side: its memory and its descriptors.
fn meet(server: Pid, pidfd: OwnedFd, hello: Hello) -> Result<Met, Error> {
    let failed = |error: io::Error| Error::io(Step::Guard("listener"), error);
    let listener = descriptors::adopt(hello.listener)
        .and_then(|fd| Listener::new(fd, hello.wait_killable))
        .map_err(failed)?;
    preflight::prove(server)?;
    Ok(Met {
        server,
        pidfd,
        listener,
    })
}

impl Server {
    /// Tells the guard, which has the log, why the server did not start, and
    /// ends.
    pub fn fail(&mut self, error: &Error) -> ! {
        // If the guard is gone there is nobody left to tell.
        let _ = write!(self.pipe, "{error}");
        std::process::exit(i32::from(Exit::Failed.code()))
    }
}
