//! fork(2) and descriptors of processes: pidfd_open(2), pidfd_getfd(2).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
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

/// A descriptor for process `pid`.
///
/// # Errors
/// ESRCH if there is none; EINVAL (ENOENT from 6.9 on) if `pid` is a thread.
pub fn pidfd_open(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two numbers and no pointer.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    new_fd(fd)
}

/// A duplicate, here and close-on-exec, of descriptor `number` there.
///
/// # Errors
/// EBADF if it is not open there; EPERM where tracing is forbidden.
pub fn pidfd_getfd(pidfd: BorrowedFd<'_>, number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the call takes three numbers and no pointer.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number, 0) };
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
        // SAFETY: both callers' system calls return a new descriptor that
        // nothing else owns.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
