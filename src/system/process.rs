//! fork(2), with a separate or a shared descriptor table, and pidfd_open(2).

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::libc;
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

/// Forks, and both processes share one descriptor table until one of them calls
/// [`super::descriptors::take_own_table`]. Until then the parent must not open
/// or close anything.
///
/// # Errors
/// As [`fork`].
pub fn fork_sharing_descriptors() -> io::Result<ForkResult> {
    let flags = libc::CLONE_FILES | libc::SIGCHLD;
    // SAFETY: without CLONE_VM and without a stack of its own the child is a
    // copy of the process, as after fork(2); the zeros are the arguments that
    // these flags do not use, in whichever order the architecture has them.
    // What else the C library does in fork(3) is for processes with threads or
    // with pthread_atfork(3) handlers, and xfersh has neither.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match i32::try_from(pid) {
        Ok(0) => Ok(ForkResult::Child),
        Ok(pid) if pid > 0 => Ok(ForkResult::Parent {
            child: Pid::from_raw(pid),
        }),
        _ => Err(io::Error::last_os_error()),
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
