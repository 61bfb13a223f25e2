//! renameat2(2), which not every C library wraps.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

/// Renames; with `free_name` only to a name that is not taken
/// (RENAME_NOREPLACE).
///
/// # Errors
/// As rename(2); EEXIST if `free_name` and the name is taken; EINVAL if the
/// file system cannot guarantee that.
pub fn rename(
    from: (BorrowedFd<'_>, &CStr),
    to: (BorrowedFd<'_>, &CStr),
    free_name: bool,
) -> io::Result<()> {
    let flags = if free_name { libc::RENAME_NOREPLACE } else { 0 };
    // SAFETY: both names are borrowed C strings, which the kernel only reads.
    let result = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            from.0.as_raw_fd(),
            from.1.as_ptr(),
            to.0.as_raw_fd(),
            to.1.as_ptr(),
            flags,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
