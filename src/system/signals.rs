//! Signal dispositions that the process inherited.

use std::io;

use nix::sys::signal::{SigHandler, Signal, signal};

/// Sets a signal to its default action (signal(7)).
///
/// # Errors
///
/// Those of sigaction(2).
pub fn set_default(number: Signal) -> io::Result<()> {
    set(number, SigHandler::SigDfl)
}

/// Ignores a signal; this survives execve(2).
///
/// # Errors
///
/// Those of sigaction(2).
pub fn ignore(number: Signal) -> io::Result<()> {
    set(number, SigHandler::SigIgn)
}

fn set(number: Signal, action: SigHandler) -> io::Result<()> {
    debug_assert!(!matches!(action, SigHandler::Handler(_)));
    // SAFETY: both actions in this module are the kernel's own, so none of our
    // code runs in signal context.
    let previous = unsafe { signal(number, action) };
    previous.map(|_| ()).map_err(io::Error::from)
}
