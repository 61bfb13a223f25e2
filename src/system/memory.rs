//! process_vm_readv(2) and process_vm_writev(2): the memory of a process that
//! waits in a notified call.
//!
//! What is read is a copy: the process (or one that shares its memory) may
//! change the original meanwhile, so the copy is judged and the same copy is
//! used.

use std::io;

use nix::libc;

/// The smallest page size of any Linux: a read that does not cross a multiple
/// of it is either completely mapped or not at all.
const PAGE: u64 = 4096;

/// Reads `into.len()` bytes at `address`, or fewer if the mapping ends.
///
/// # Errors
/// EFAULT for unmapped memory, ESRCH, EPERM if tracing is forbidden.
pub fn read(pid: i32, address: u64, into: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: into.len(),
    };
    let remote = remote(address, into.len())?;
    // SAFETY: the kernel writes at most `iov_len` bytes to the local vector,
    // which is the borrowed slice; the remote address is in another process.
    let got = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(got).map_err(|_| io::Error::last_os_error())
}

/// Writes all of `from` to `address`.
///
/// # Errors
/// EFAULT if not all of it is mapped and writable; ESRCH, EPERM.
pub fn write(pid: i32, address: u64, from: &[u8]) -> io::Result<()> {
    let local = libc::iovec {
        iov_base: from.as_ptr().cast_mut().cast(),
        iov_len: from.len(),
    };
    let remote = remote(address, from.len())?;
    // SAFETY: the kernel only reads the local vector, which is the borrowed
    // slice; the remote address is in another process.
    let got = unsafe { libc::process_vm_writev(pid, &raw const local, 1, &raw const remote, 1, 0) };
    match usize::try_from(got) {
        Ok(n) if n == from.len() => Ok(()),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Reads a string up to its NUL byte, page by page so that one at the end of a
/// mapping is read as the kernel reads it. Returns its length without the NUL.
///
/// # Errors
/// ENAMETOOLONG if there is no NUL among the first `into.len()` bytes;
/// otherwise as [`read`].
pub fn read_string(pid: i32, address: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut have = 0;
    while have < into.len() {
        let at = address
            .checked_add(have as u64)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::EFAULT))?;
        let to_page_end = usize::try_from(PAGE - at % PAGE).unwrap_or(into.len());
        let end = into.len().min(have + to_page_end);
        let got = read(pid, at, &mut into[have..end])?;
        if let Some(nul) = into[have..have + got].iter().position(|&b| b == 0) {
            return Ok(have + nul);
        }
        if got == 0 {
            return Err(io::Error::from_raw_os_error(libc::EFAULT));
        }
        have += got;
    }
    Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG))
}

fn remote(address: u64, len: usize) -> io::Result<libc::iovec> {
    let address =
        usize::try_from(address).map_err(|_| io::Error::from_raw_os_error(libc::EFAULT))?;
    Ok(libc::iovec {
        iov_base: std::ptr::without_provenance_mut(address),
        iov_len: len,
    })
}
