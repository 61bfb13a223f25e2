//! Where one process becomes two.
//!
//! The listener need not be sent: while the server's side loads its filter, the
//! two processes have one table of descriptors, so that the listener is in the
//! guard's as well. Then the server's side takes a table of its own and tells
//! the number. It can go on at once, since its first execve(2) waits for the
//! guard. So the filter has to let no sendmsg(2) through, and the start needs
//! no pidfd_getfd(2), which containers refuse.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::waitpid;
use nix::unistd::{
    ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, getpid, getppid, pipe2, setpgid,
};

use super::calls::Sockets;
use super::capacity::Capacity;
use super::channel::Channel;
use super::limits::Clock;
use super::lock::Locks;
use super::resolve::Resolver;
use super::rsync_temporaries::RsyncTemporaries;
use super::session_files::SessionFiles;
use super::transfer_log::TransferLog;
use super::umask::Umasks;
use super::watchdog::Watchdog;
use super::{Connection, Guard, own_filter, preflight};
use crate::confine::server_layer;
use crate::decide::plan::Plan;
use crate::decide::policy::Requirement;
use crate::decide::seccomp::server::{SessionValues, program};
use crate::decide::verdict::{Refusal, Stage, Verdict};
use crate::error::{Error, Step};
use crate::exit::Exit;
use crate::log::{Audit, Importance};
use crate::messages::UNGUARDED;
use crate::print::escape::Quoted;
use crate::system::seccomp::{FilterError, Listener, Loaded, load_irrevocably};
use crate::system::{descriptors, process, signals};

/// Which of the two processes this is now.
#[allow(missing_debug_implementations, reason = "the log has none")]
pub enum Side<'a> {
    /// The child: to be replaced by the server.
    Server(Server),
    /// The parent.
    Guard(Box<Guard<'a>>),
    /// The only process: there can be no guard here, and the policy allows to
    /// do without. The log says so already.
    Unguarded,
}

/// The server's side, under its filter. Keep it until execve(2).
#[derive(Debug)]
pub struct Server {
    _loaded: Loaded,
    pipe: File,
}

/// What the server's side tells first: the listener's number, and whether
/// signals wait. Instead of the number, the error number of what failed,
/// negative, and a text behind it.
const HELLO: usize = 5;
/// What failed was no error of the system.
const NO_CODE: i32 = i32::MIN;

/// Signals that a client can send (RFC 4254, 6.9) and that are the server's to
/// handle: passed on to it, so that the guard is there for its end. Not those
/// that are raised by what a process does itself.
const PASSED_ON: [Signal; 7] = [
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGALRM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// What has to be looked at and opened while the session's Landlock domain is
/// not in force yet.
#[derive(Debug)]
pub struct Prepared {
    resolver: Resolver,
    locks: Locks,
    temporary: Rc<RefCell<RsyncTemporaries>>,
}

impl Prepared {
    /// Looks at the directories of a granted plan and opens those that are locked.
    /// A session for which that fails is refused: the dry run asks here as well.
    pub fn survey(verdict: Verdict) -> (Verdict, Option<Self>) {
        let Verdict::Granted(plan) = &verdict else {
            return (verdict, None);
        };
        match Self::for_plan(plan) {
            Ok(prepared) => (verdict, Some(prepared)),
            Err(error) => {
                let reason = format!("cannot lock the directories of the policy: {error}");
                (Verdict::Refused(Refusal::new(Stage::Host, reason)), None)
            }
        }
    }

    fn for_plan(plan: &Plan) -> io::Result<Self> {
        let temporary = Rc::default();
        let resolver = Resolver::new(plan, Rc::clone(&temporary))?;
        let locks = Locks::open(plan, resolver.policy_directories())?;
        Ok(Self {
            resolver,
            locks,
            temporary,
        })
    }
}

/// Forks. The parent becomes the guard; the child is put under the second
/// Landlock layer and the filter. `no_new_privs` and the first layer are set.
///
/// # Errors
///
/// In the parent, whatever failed on either side; then no server is left. The
/// child never returns an error: it tells it to the parent and ends.
pub fn split<'a>(
    plan: &'a Plan,
    (connection, prepared): (Connection, Prepared),
    audit: &'a mut Audit,
) -> Result<Side<'a>, Error> {
    let failed = |what| move |error: io::Error| Error::io(Step::Guard(what), error);
    // A file that grows beyond its limit is an error of the write, not the
    // end of the server.
    signals::ignore(Signal::SIGXFSZ).map_err(failed("SIGXFSZ"))?;
    let (read, write) =
        pipe2(OFlag::O_CLOEXEC).map_err(|error| Error::io(Step::Guard("pipe"), error))?;
    let guard = getpid();
    // From here on nothing is opened or closed in the parent until the other
    // side says that it has a table of its own.
    let child = match process::fork_sharing_descriptors().map_err(failed("fork"))? {
        ForkResult::Child => {
            return Ok(Side::Server(become_server(plan, guard, read, write)));
        }
        ForkResult::Parent { child } => child,
    };
    let mut pipe = File::from(read);
    let heard = hear(&mut pipe, write, child);
    let is_heard = heard.is_ok();
    let met = heard.and_then(|hello| meet(child, hello));
    let guard = match met {
        Ok(server) => become_guard(plan, audit, (connection, prepared), server, pipe),
        Err(error) => {
            // It may wait in its execve, and is no child of a server.
            let _ = kill(child, Signal::SIGKILL);
            let _ = waitpid(child, None);
            let words = is_heard.then(|| last_words(&mut pipe)).flatten();
            let error = words.unwrap_or(error);
            return do_without(plan, audit, error);
        }
    };
    if guard.is_err() {
        // Nobody would answer its execve.
        let _ = kill(child, Signal::SIGKILL);
    }
    guard.map(|guard| Side::Guard(Box::new(guard)))
}

/// What the server's side said when it ended by itself, before it could be
/// looked into. It has no writer any more.
fn last_words(pipe: &mut File) -> Option<Error> {
    let mut text = String::new();
    pipe.read_to_string(&mut text).ok()?;
    let step = Step::Guard("the server's side");
    (!text.is_empty()).then(|| Error::repeated(step, text))
}

/// Goes on without a guard where the policy allows it, for a kernel that has
/// no means. A limit that was met is no such reason: a client could bring it
/// about with sessions enough.
fn do_without<'a>(plan: &Plan, audit: &mut Audit, error: Error) -> Result<Side<'a>, Error> {
    let is_no_lack = error.shortage().is_some() || error.for_client().is_none();
    if plan.confinement == Requirement::Required || is_no_lack {
        return Err(error);
    }
    let cause = error.to_string();
    let cause = Quoted(&cause);
    let weaker = format_args!("weaker missing=\"the guard\" cause={cause} open=\"{UNGUARDED}\"");
    audit.event(Importance::Error, &weaker);
    Ok(Side::Unguarded)
}

fn become_server(plan: &Plan, guard: Pid, read: OwnedFd, write: OwnedFd) -> Server {
    let confined = confine_server(plan, guard);
    // As long as the table is common, nothing here may be closed.
    if descriptors::take_own_table().is_err() {
        std::process::exit(i32::from(Exit::Failed.code()));
    }
    drop(read);
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

fn confine_server(plan: &Plan, guard: Pid) -> Result<Loaded, Error> {
    let io = |what| move |error: nix::Error| Error::io(Step::Guard(what), error);
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(io("death signal"))?;
    if getppid() != guard {
        return Err(Error::text(Step::Guard("death signal"), "it is gone"));
    }
    // A process group of its own, which the filter lets nobody leave: the
    // guard can end it as a whole.
    setpgid(Pid::from_raw(0), Pid::from_raw(0)).map_err(io("process group"))?;
    // See the row of rt_sigaction.
    signals::ignore(Signal::SIGVTALRM).map_err(|error| Error::io(Step::Guard("signals"), error))?;
    let nested = server_layer::restrict(plan)?;
    let own_pid = u32::try_from(getpid().as_raw())
        .ok()
        .and_then(NonZeroU32::new);
    let session = SessionValues {
        own_pid: own_pid.ok_or_else(|| Error::text(Step::Guard("pid"), "it is 0"))?,
        watch_reads: plan.rules.watch_reads,
        watch_named_reads: plan.rules.watch_named_reads,
        name_service: !plan.rules.name_service_sockets.is_empty(),
        null_device_only: nested && !plan.writes(),
    };
    load_irrevocably(&program(plan.kind, session)).map_err(|error| match error {
        FilterError::Refused(cause) => Error::io(Step::Guard("system call filter"), cause),
        other => Error::text(Step::Guard("system call filter"), other.to_string()),
    })
}

/// What the server's side tells once it is confined.
#[derive(Clone, Copy, Debug)]
struct Hello {
    /// The listener's number.
    listener: i32,
    wait_killable: bool,
}

/// Waits until the server's side is confined. The other end of the pipe is
/// closed only when that has come to an end, since until then it may be the
/// server's side's as well.
fn hear(pipe: &mut File, other_end: OwnedFd, child: Pid) -> Result<Hello, Error> {
    let failed = |error: io::Error| Error::io(Step::Guard("the server's side"), error);
    await_word(pipe, child).map_err(failed)?;
    drop(other_end);
    let mut hello = [0; HELLO];
    pipe.read_exact(&mut hello)
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => {
                Error::text(Step::Guard("the server's side"), "it ended without a word")
            }
            _ => failed(error),
        })?;
    let [a, b, c, d, wait_killable] = hello;
    let listener = i32::from_ne_bytes([a, b, c, d]);
    if listener >= 0 {
        return Ok(Hello {
            listener,
            wait_killable: wait_killable != 0,
        });
    }
    let mut text = String::new();
    pipe.read_to_string(&mut text).map_err(failed)?;
    let code = (listener != NO_CODE).then(|| -listener);
    Err(Error::told(Step::Guard("the server's side"), text, code))
}

/// Waits until the server's side has said something, or ended.
fn await_word(pipe: &File, child: Pid) -> io::Result<()> {
    // Close-on-exec: where the table is common, the server does not get it.
    let child = process::pidfd_open(child)?;
    let mut fds = [
        PollFd::new(pipe.as_fd(), PollFlags::POLLIN),
        PollFd::new(child.as_fd(), PollFlags::POLLIN),
    ];
    loop {
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The server's side, reached: from here on its calls can be answered.
struct Met {
    server: Pid,
    listener: Listener,
    wait_killable: bool,
}

/// Takes the listener, and proves that the server's side can be looked into:
/// its memory and its descriptors.
fn meet(server: Pid, hello: Hello) -> Result<Met, Error> {
    let failed = |error: io::Error| Error::io(Step::Guard("listener"), error);
    let listener = descriptors::adopt(hello.listener)
        .and_then(Listener::new)
        .map_err(failed)?;
    preflight::prove(server)?;
    Ok(Met {
        server,
        listener,
        wait_killable: hello.wait_killable,
    })
}

fn become_guard<'a>(
    plan: &'a Plan,
    audit: &'a mut Audit,
    (connection, prepared): (Connection, Prepared),
    met: Met,
    complaint: File,
) -> Result<Guard<'a>, Error> {
    let failed = |what| move |error: io::Error| Error::io(Step::Guard(what), error);
    let watchdog = Watchdog::start(plan.kind, met.server).map_err(failed("watchdog"))?;
    let room = Capacity::claim().map_err(|error| Error::io(Step::Guard("descriptors"), error))?;
    let signals = take_signals().map_err(failed("signals"))?;
    prctl::set_child_subreaper(true).map_err(|error| Error::io(Step::Guard("subreaper"), error))?;
    own_filter::load().map_err(failed("own filter"))?;
    prctl::set_dumpable(false).map_err(|error| Error::io(Step::Guard("dumpable"), error))?;
    leave_standard(&signals).map_err(failed("standard descriptors"))?;
    Ok(Guard {
        plan,
        channel: Channel {
            listener: met.listener,
            wait_killable: met.wait_killable,
            server: met.server,
        },
        locks: prepared.locks,
        resolver: prepared.resolver,
        files: SessionFiles::holding(room.files, prepared.temporary),
        log: TransferLog::following(audit, room.uploads),
        umasks: Umasks::default(),
        clock: Clock::start(),
        signals,
        connection,
        sockets: Sockets::default(),
        watchdog,
        complaint: complaint.into(),
        executed: false,
    })
}

/// Gives up the client's descriptors, so that sshd sees their end when the
/// server closes them. What takes their numbers cannot be written to: a
/// message to stderr must never land in a file.
fn leave_standard(signals: &SignalFd) -> io::Result<()> {
    dup2_stdin(signals)?;
    dup2_stdout(signals)?;
    dup2_stderr(signals)?;
    Ok(())
}

/// Blocks the signals that the guard sees to, and reads them by a descriptor.
fn take_signals() -> io::Result<SignalFd> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    PASSED_ON.iter().for_each(|signal| set.add(*signal));
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)?;
    Ok(SignalFd::with_flags(
        &set,
        SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
    )?)
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
