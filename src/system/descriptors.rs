//! Descriptors that the process inherited.

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

use nix::libc;

/// Closes every descriptor from `first` upwards (close_range(2), Linux 5.9).
///
/// # Errors
///
/// Those of close_range(2).
pub fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: close_range takes no pointers. The caller is at the start of
    // the process, where no value owns a descriptor from `first` on, or is the
    // guard's watchdog, which uses no such value up to its end.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Gives this process its own descriptor table, a copy of the one that it
/// shares with another process (close_range(2), `CLOSE_RANGE_UNSHARE`).
///
/// # Errors
///
/// ENOMEM, EMFILE.
pub fn take_own_table() -> io::Result<()> {
    // SAFETY: close_range takes no pointers. No descriptor has the highest
    // number, so none is closed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            u32::MAX,
            u32::MAX,
            libc::CLOSE_RANGE_UNSHARE,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Takes over a descriptor that another process has put into the table while
/// that was common to both, and whose number it has told. That process must
/// still be one of ours.
///
/// # Errors
///
/// `EBADF` for what is no number of a descriptor.
pub fn adopt(number: i32) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: the kernel gave that process the number, for a descriptor that
    // stayed open, and no value of this process owns it: the other one opened
    // it after its memory had become a copy of its own.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// The type of the file behind a descriptor: the bits S_IFMT of inode(7).
///
/// # Errors
///
/// `EBADF` if no descriptor has the number.
pub fn file_type(number: i32) -> io::Result<libc::mode_t> {
    let mut status = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat writes one `struct stat` to the pointer, and only there.
    if unsafe { libc::fstat(number, status.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fstat succeeded, so it has written all of it.
    Ok(unsafe { status.assume_init() }.st_mode & libc::S_IFMT)
}

/// Whether the descriptor with this number is a socket of a type other than
/// SOCK_STREAM.
pub fn is_other_than_stream(number: i32) -> bool {
    let mut kind: libc::c_int = 0;
    let mut size = libc::socklen_t::try_from(size_of_val(&kind)).unwrap_or(0);
    // SAFETY: the kernel writes at most `size` bytes, the size of `kind`, to
    // the pointer that borrows it.
    let result = unsafe {
        libc::getsockopt(
            number,
            libc::SOL_SOCKET,
            libc::SO_TYPE,
            (&raw mut kind).cast(),
            &raw mut size,
        )
    };
    result == 0 && kind != libc::SOCK_STREAM
}

/// Whether the descriptor with this number is a terminal.
///
/// # Errors
///
/// `EBADF` if no descriptor has the number.
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

/// Whether a descriptor with this number is open.
pub fn is_open(number: i32) -> bool {
    // SAFETY: F_GETFD takes no third argument and only looks.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    flags != -1
}
