//! Descriptors that the process inherited.

use std::io;

use nix::libc;

/// Closes every descriptor from `first` on (close_range(2), Linux 5.9).
///
/// # Errors
///
/// Those of close_range(2).
pub fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: close_range takes no pointers. The caller is at the start of
    // the process, where no value owns a descriptor from `first` on, or is the
    // guard's keeper, which uses no such value up to its end.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Whether a descriptor of this number is a terminal.
///
/// # Errors
///
/// `EBADF` where no descriptor has the number.
pub fn is_terminal(number: i32) -> io::Result<bool> {
    let mut attributes = std::mem::MaybeUninit::<libc::termios>::uninit();
    // SAFETY: tcgetattr writes one termios to the pointer, and only there;
    // nothing reads it afterwards.
    let result = unsafe { libc::tcgetattr(number, attributes.as_mut_ptr()) };
    let error = io::Error::last_os_error();
    if result == 0 {
        Ok(true)
    } else if error.raw_os_error() == Some(libc::EBADF) {
        Err(error)
    } else {
        Ok(false)
    }
}

/// Whether a descriptor of this number is open.
#[must_use]
pub fn is_open(number: i32) -> bool {
    // SAFETY: F_GETFD takes no third argument and only looks.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    flags != -1
}
