//! Which Landlock version the kernel has. Rules are made with the landlock
//! crate, which does not report the version beforehand.

use nix::libc;

/// LANDLOCK_CREATE_RULESET_VERSION of `linux/landlock.h`.
const VERSION: u32 = 1;

/// The Landlock ABI of the kernel; 0 if it is missing or switched off.
#[must_use]
pub fn abi() -> u32 {
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag the call takes no ruleset: a null pointer and a
    // size of 0 are what landlock_create_ruleset(2) asks for.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0, VERSION) };
    u32::try_from(abi).unwrap_or(0)
}
