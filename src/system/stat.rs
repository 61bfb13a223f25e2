//! What the stat family would write into another process: the kernel's own
//! bytes, not interpreted.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

/// `struct stat` of the kernel, on the 64-bit architectures that xfersh knows.
pub type StatBytes = [u8; size_of::<libc::stat>()];
/// `struct statx`: 256 bytes since Linux 4.11.
pub type StatxBytes = [u8; 256];
/// `struct statfs` of the kernel.
pub type StatfsBytes = [u8; size_of::<libc::statfs>()];

/// What newfstatat(2) writes for the file behind a descriptor.
///
/// # Errors
/// As fstat(2).
pub fn stat(fd: BorrowedFd<'_>) -> io::Result<StatBytes> {
    let mut bytes = [0; size_of::<libc::stat>()];
    // SAFETY: the kernel writes one `struct stat`, whose size is that of the
    // buffer, and reads an empty C string.
    let result = unsafe {
        libc::syscall(
            libc::SYS_newfstatat,
            fd.as_raw_fd(),
            c"".as_ptr(),
            bytes.as_mut_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    check(result)?;
    Ok(bytes)
}

/// What statx(2) writes for the file behind a descriptor. `sync` are the
/// AT_STATX_SYNC_TYPE flags.
///
/// # Errors
/// As statx(2).
pub fn statx(fd: BorrowedFd<'_>, sync: i32, mask: u32) -> io::Result<StatxBytes> {
    let mut bytes = [0; 256];
    // SAFETY: the kernel writes one `struct statx`, whose size is that of the
    // buffer, and reads an empty C string.
    let result = unsafe {
        libc::syscall(
            libc::SYS_statx,
            fd.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | sync,
            mask,
            bytes.as_mut_ptr(),
        )
    };
    check(result)?;
    Ok(bytes)
}

/// What statfs(2) writes for the file system of a descriptor.
///
/// # Errors
/// As fstatfs(2).
pub fn statfs(fd: BorrowedFd<'_>) -> io::Result<StatfsBytes> {
    let mut bytes = [0; size_of::<libc::statfs>()];
    // SAFETY: the kernel writes one `struct statfs`, whose size is that of the
    // buffer.
    let result = unsafe { libc::syscall(libc::SYS_fstatfs, fd.as_raw_fd(), bytes.as_mut_ptr()) };
    check(result)?;
    Ok(bytes)
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
