//! flock(2), without waiting.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use nix::libc;

/// Takes the exclusive lock on the file behind a descriptor. Returns `false` if
/// another open file description has it.
///
/// # Errors
/// EBADF on network file systems that require a descriptor open for writing;
/// EINTR, ENOLCK.
pub fn try_lock(fd: BorrowedFd<'_>) -> io::Result<bool> {
    match flock(fd, libc::LOCK_EX | libc::LOCK_NB) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        other => other.map(|()| true),
    }
}

/// Releases the lock.
///
/// # Errors
/// None for a lock that is held.
pub fn unlock(fd: BorrowedFd<'_>) -> io::Result<()> {
    flock(fd, libc::LOCK_UN)
}

fn flock(fd: BorrowedFd<'_>, operation: libc::c_int) -> io::Result<()> {
    // SAFETY: the call takes two numbers and no pointer.
    let result = unsafe { libc::flock(fd.as_raw_fd(), operation) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
