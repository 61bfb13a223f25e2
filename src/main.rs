//! The binary; everything is in the library.
#![no_main]
xfersh::entry_point!(xfersh::run);

/// The allocator of musl asks the kernel for each few pages, and gives each of
/// them back at once: 17 system calls more before the server starts.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;
