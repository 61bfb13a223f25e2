//! fork(2), with and without a descriptor table of its own, and pidfds.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use nix::libc;
use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, Pid};

/// Forks. The process must have one thread, as xfersh always has.
///
/// # Errors
/// EAGAIN at the limit of processes, ENOMEM.
pub fn fork() -> io::Result<ForkResult> {
    // SAFETY: xfersh starts no thread, so no lock can be held by another one
    // when the child begins, and the child may go on as any process.
    Ok(unsafe { nix::unistd::fork() }?)
}

/// The supplementary groups of this process. nix asks sysconf(3) for their
/// greatest number, which opens and reads a file of /proc.
///
/// # Errors
/// Those of getgroups(2).
pub fn groups() -> io::Result<Vec<libc::gid_t>> {
    // SAFETY: with a size of 0 nothing is written.
    let count = unsafe { libc::getgroups(0, std::ptr::null_mut()) };
    let mut groups = vec![0; usize::try_from(count).map_err(|_| io::Error::last_os_error())?];
    if groups.is_empty() {
        return Ok(groups);
    }
    // SAFETY: the memory has room for `count` groups. Only this process can
    // change their number, and it has one thread.
    let count = unsafe { libc::getgroups(count, groups.as_mut_ptr()) };
    groups.truncate(usize::try_from(count).map_err(|_| io::Error::last_os_error())?);
    Ok(groups)
}

/// Which of two processes this is, and what it can know without asking.
#[derive(Debug)]
pub enum Forked {
    /// The new one, and its own process id.
    Child(Pid),
    /// The old one: the process id of the other, and a descriptor for it
    /// (close-on-exec).
    Parent(Pid, OwnedFd),
}

/// Forks, and both processes share one descriptor table until one of them calls
/// [`super::descriptors::take_own_table`]. Until then the parent must not open
/// or close anything.
///
/// # Errors
/// As [`fork`].
pub fn fork_sharing_descriptors() -> io::Result<Forked> {
    let flags = libc::CLONE_FILES | libc::CLONE_PIDFD | libc::CLONE_CHILD_SETTID | libc::SIGCHLD;
    let mut pidfd: RawFd = -1;
    let mut own: libc::pid_t = 0;
    let own_at = &raw mut own;
    // SAFETY: without CLONE_VM and without a stack of its own the child is a
    // copy of the process, as after fork(2). The kernel writes the descriptor
    // into the parent's `pidfd` and the process id into the child's `own`,
    // which both outlive the call. The place of `own` is the last argument but
    // one or the last, as the architecture has it; what stands in the other of
    // the two is used with CLONE_SETTLS alone. What else the C library does in
    // fork(3) is for processes with threads or with pthread_atfork(3) handlers,
    // and xfersh has neither.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, &raw mut pidfd, own_at, own_at) };
    match i32::try_from(pid) {
        // SAFETY: `own` is written by the kernel, which the compiler is told by
        // the pointer above; it is read as memory that may have changed.
        Ok(0) => Ok(Forked::Child(Pid::from_raw(unsafe {
            own_at.read_volatile()
        }))),
        Ok(pid) if pid > 0 => Ok(Forked::Parent(Pid::from_raw(pid), new_fd(pidfd.into())?)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The ids with which the program was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartedWith {
    /// Real and effective uid.
    pub uids: (u32, u32),
    /// Real and effective gid.
    pub gids: (u32, u32),
}

/// What the kernel wrote down of the ids when it started this program
/// (getauxval(3)): no call is needed. What it did not write reads as 0, the
/// superuser's.
///
/// There is no need to ask for the saved ids: execve(2) makes them equal to the
/// effective ones.
pub fn started_with() -> StartedWith {
    // SAFETY: getauxval reads the vector that the kernel has put on the stack
    // of the process, and takes any key.
    let id = |key| u32::try_from(unsafe { libc::getauxval(key) }).unwrap_or(0);
    StartedWith {
        uids: (id(libc::AT_UID), id(libc::AT_EUID)),
        gids: (id(libc::AT_GID), id(libc::AT_EGID)),
    }
}

/// A descriptor for process `pid`.
///
/// # Errors
/// ESRCH if there is none; EINVAL (ENOENT from 6.9 on) if `pid` is a thread.
pub fn pidfd_open(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two numbers and no pointer.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    new_fd(fd)
}

/// Sends a signal to the process behind a pidfd, as kill(2) does.
///
/// # Errors
/// ESRCH if it has ended; EPERM.
pub fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: Signal) -> io::Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the kernel fills in the sender itself where the pointer is null,
    // and takes no other pointer.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal as i32,
            none,
            0,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// How a process ended. The number of a signal is any: those from SIGRTMIN on
/// have no name in nix, whose own functions fail at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status.
    Exited(i32),
    /// By the signal of this number.
    Killed(i32),
}

/// A child that has ended, which stays to be collected; `None` if none has.
///
/// # Errors
/// ECHILD if there is no child.
pub fn ended_child() -> io::Result<Option<Pid>> {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    loop {
        // SAFETY: the structure is plain data, for which zeros are valid.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes one siginfo to the pointer, which borrows
        // `info` for the time of the call.
        let result = unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, flags) };
        if result == 0 {
            // SAFETY: waitid has filled in the fields of a child, or left the
            // zeros.
            let pid = unsafe { info.si_pid() };
            return Ok((pid != 0).then(|| Pid::from_raw(pid)));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Whether to wait for a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Until it has ended.
    Yes,
    /// Only look.
    No,
}

/// Collects a child that has ended, or one of the process group `-pid`; `None`
/// if it has not ended.
///
/// # Errors
/// ECHILD if there is no such child.
pub fn collect(pid: Pid, wait: Wait) -> io::Result<Option<Ended>> {
    let flags = match wait {
        Wait::Yes => 0,
        Wait::No => libc::WNOHANG,
    };
    let mut status = 0;
    loop {
        // SAFETY: the kernel writes one int to the pointer, which borrows
        // `status` for the time of the call.
        let result = unsafe { libc::waitpid(pid.as_raw(), &raw mut status, flags) };
        if result == 0 {
            return Ok(None);
        }
        if result > 0 {
            // Neither stopped nor continued processes were asked for.
            return Ok(Some(if libc::WIFSIGNALED(status) {
                Ended::Killed(libc::WTERMSIG(status))
            } else {
                Ended::Exited(libc::WEXITSTATUS(status))
            }));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// What the kernel tells of a process by its descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Its parent; 0 where that is in another process namespace.
    pub parent: Pid,
    /// Its real uid.
    pub uid: u32,
}

/// `struct pidfd_info` of `<linux/pidfd.h>`, as long as in Linux 6.13.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    pid: u32,
    tgid: u32,
    ppid: u32,
    ruid: u32,
    others: [u32; 8],
}

const _: () = assert!(size_of::<PidfdInfo>() == 64);

/// Asks for parent and uid of the process behind a pidfd (Linux 6.13).
///
/// # Errors
/// ESRCH if it has ended and was collected; another one on an older kernel.
pub fn pidfd_info(pidfd: BorrowedFd<'_>) -> io::Result<ProcessInfo> {
    /// PIDFD_GET_INFO, and PIDFD_INFO_PID with PIDFD_INFO_CREDS.
    const GET_INFO: u32 = 0xc040_ff0b;
    const WANTED: u64 = 3;
    let mut info = PidfdInfo {
        mask: WANTED,
        ..PidfdInfo::default()
    };
    // SAFETY: the number of the call holds the size of the structure; the
    // kernel reads and writes no more than that of what the pointer borrows.
    let result =
        unsafe { libc::syscall(libc::SYS_ioctl, pidfd.as_raw_fd(), GET_INFO, &raw mut info) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    match i32::try_from(info.ppid) {
        Ok(parent) if info.mask & WANTED == WANTED => Ok(ProcessInfo {
            parent: Pid::from_raw(parent),
            uid: info.ruid,
        }),
        _ => Err(io::Error::from_raw_os_error(libc::ENODATA)),
    }
}

/// The processor time that another process has spent (clock_getcpuclockid(3)).
///
/// # Errors
/// EINVAL if there is no such process.
pub fn processor_time(pid: Pid) -> io::Result<Duration> {
    /// CPUCLOCK_SCHED of `<linux/posix-timers_types.h>`: user and system time.
    const SCHED: libc::clockid_t = 2;
    let clock = (!pid.as_raw() << 3) | SCHED;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes one timespec to the pointer, which borrows
    // `time` for the time of the call.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
    Ok(Duration::new(seconds, nanoseconds))
}

fn new_fd(result: libc::c_long) -> io::Result<OwnedFd> {
    match RawFd::try_from(result) {
        // SAFETY: the caller's system call returned a new descriptor that
        // nothing else owns.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
