//! Which pages of the program, and of its stack, stay in memory.

use std::ffi::{c_int, c_void};
use std::io;

use nix::libc;

/// Releases the pages of the program's own code and constants: those that are
/// used again come back from the page cache. So a process that runs for hours
/// with little of its code uses little memory.
///
/// # Errors
/// The first of madvise(2).
pub fn release_code() -> io::Result<()> {
    let mut result: c_int = 0;
    // SAFETY: `release` has the type that dl_iterate_phdr(3) calls, and gets
    // back the pointer to `result`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(release), (&raw mut result).cast()) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(result))
    }
}

/// Lets go of the stack that the start of the session has used and that nothing
/// uses now.
///
/// # Errors
/// Those of madvise(2).
pub fn release_unused_stack() -> io::Result<()> {
    /// The smallest page of any Linux.
    const PAGE: usize = 4096;
    /// What the call itself may take.
    const OWN: usize = 2 * PAGE;
    /// The kernel maps more than that from the start (setup_arg_pages).
    const LENGTH: usize = 96 * 1024;
    let here = 0_u8;
    let end = ((&raw const here).addr() & !(PAGE - 1)) - OWN;
    let start = std::ptr::without_provenance_mut(end - LENGTH);
    // SAFETY: the stack grows downwards, so nothing is kept that far below a
    // variable of the innermost function; what is written there later does
    // not depend on what was there.
    let done = unsafe { libc::madvise(start, LENGTH, libc::MADV_DONTNEED) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Called for each loaded object; a static program has itself and the vDSO.
unsafe extern "C" fn release(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    result: *mut c_void,
) -> c_int {
    // SAFETY: dl_iterate_phdr(3) passes a valid object for the time of the call.
    let info = unsafe { &*info };
    // SAFETY: as dl_iterate_phdr(3) says, `dlpi_phnum` headers begin there.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let read_only = |header: &&libc::Elf64_Phdr| {
        header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0
    };
    for header in headers.iter().filter(read_only) {
        let page = 4096;
        let start = (info.dlpi_addr + header.p_vaddr) & !(page - 1);
        let end = info.dlpi_addr + header.p_vaddr + header.p_memsz;
        let (Ok(start), Ok(length)) = (usize::try_from(start), usize::try_from(end - start)) else {
            continue;
        };
        // SAFETY: the segment is mapped from the program's file and never
        // written (no PF_W), so that every page comes back as it was.
        let done = unsafe {
            libc::madvise(
                std::ptr::without_provenance_mut(start),
                length,
                libc::MADV_DONTNEED,
            )
        };
        if done < 0 {
            let errno = io::Error::last_os_error().raw_os_error();
            // SAFETY: `release_code` passed a pointer to its own c_int.
            unsafe { *result.cast::<c_int>() = errno.unwrap_or(libc::EIO) };
        }
    }
    // Only the first object, which is the program itself.
    1
}
