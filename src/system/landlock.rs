//! landlock(7): the version, a rule, and the step into a ruleset.
//!
//! Rulesets are made with the landlock crate, which knows what each kernel
//! handles. It looks at the type of each file that gets a rule and asks for the
//! version each time: a third of the calls of a session's start. So rules are
//! added here, to the ruleset that it made; the kernel refuses one that does
//! not fit its file.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use nix::libc;

/// LANDLOCK_CREATE_RULESET_VERSION of `linux/landlock.h`.
const VERSION: u32 = 1;
/// LANDLOCK_RULE_PATH_BENEATH of `linux/landlock.h`.
const PATH_BENEATH: u32 = 1;

/// `struct landlock_path_beneath_attr` of `linux/landlock.h`.
#[repr(C, packed)]
struct PathBeneath {
    allowed_access: u64,
    parent_fd: i32,
}

/// The Landlock ABI of the kernel; 0 if it is missing or switched off.
pub fn abi() -> u32 {
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag the call takes no ruleset: a null pointer and a
    // size of 0 are what landlock_create_ruleset(2) asks for.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0, VERSION) };
    u32::try_from(abi).unwrap_or(0)
}

/// Allows `access`, as bits of LANDLOCK_ACCESS_FS, for a file, or for a
/// directory and everything below it.
///
/// # Errors
/// EINVAL for rights that the ruleset does not handle, or that a file cannot
/// have; ENOMEM.
pub fn allow_beneath(
    ruleset: BorrowedFd<'_>,
    beneath: BorrowedFd<'_>,
    access: u64,
) -> io::Result<()> {
    let rule = PathBeneath {
        allowed_access: access,
        parent_fd: beneath.as_raw_fd(),
    };
    // SAFETY: the kernel reads one `struct landlock_path_beneath_attr`, whose
    // layout `PathBeneath` has, from the pointer that borrows `rule`.
    let result = unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            ruleset.as_raw_fd(),
            PATH_BENEATH,
            &raw const rule,
            0,
        )
    };
    check(result)
}

/// Puts the calling thread, and all that it starts, under the ruleset.
///
/// # Errors
/// EPERM without `no_new_privs`; E2BIG for more than 16 layers.
pub fn irrevocably_restrict_self(ruleset: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the call takes two numbers and no pointer.
    let result = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) };
    check(result)
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
