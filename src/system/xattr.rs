//! setxattr(2) and removexattr(2), by path.

use std::ffi::CStr;
use std::io;

use nix::libc;

/// Sets an extended attribute of the file that `path` leads to.
///
/// # Errors
/// As setxattr(2).
pub fn set(path: &CStr, name: &CStr, value: &[u8], flags: i32) -> io::Result<()> {
    // SAFETY: the kernel reads two borrowed C strings and `value.len()` bytes
    // of the borrowed slice.
    let result = unsafe {
        libc::setxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            flags,
        )
    };
    check(result)
}

/// Removes an extended attribute of the file that `path` leads to.
///
/// # Errors
/// As removexattr(2).
pub fn remove(path: &CStr, name: &CStr) -> io::Result<()> {
    // SAFETY: the kernel reads two borrowed C strings.
    let result = unsafe { libc::removexattr(path.as_ptr(), name.as_ptr()) };
    check(result)
}

/// Reads an extended attribute of the file that `path` leads to; with an empty
/// `into`, only its length.
///
/// # Errors
/// As getxattr(2).
pub fn get(path: &CStr, name: &CStr, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads two borrowed C strings and writes at most
    // `into.len()` bytes to the borrowed slice.
    let length = unsafe {
        libc::getxattr(
            path.as_ptr(),
            name.as_ptr(),
            into.as_mut_ptr().cast(),
            into.len(),
        )
    };
    usize::try_from(length).map_err(|_| io::Error::last_os_error())
}

/// The names of the extended attributes, each followed by a NUL; with an empty
/// `into`, only their length.
///
/// # Errors
/// As listxattr(2).
pub fn list(path: &CStr, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads a borrowed C string and writes at most
    // `into.len()` bytes to the borrowed slice.
    let length = unsafe { libc::listxattr(path.as_ptr(), into.as_mut_ptr().cast(), into.len()) };
    usize::try_from(length).map_err(|_| io::Error::last_os_error())
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
