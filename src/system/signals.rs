//! Signal dispositions that the process inherited.

use std::io;

use nix::libc;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};

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

/// Ends this process by a signal, whatever was set for it. Returns if it does
/// not: the number is of none that ends a process.
pub fn end_by(number: i32) {
    // If any of this fails, so does the end.
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
    // SAFETY: the action is the kernel's own, so none of our code runs in
    // signal context.
    unsafe { libc::signal(number, libc::SIG_DFL) };
    // SAFETY: the call takes a number.
    unsafe { libc::raise(number) };
}

/// Does something while a signal is ignored.
///
/// # Errors
///
/// Those of sigaction(2).
pub fn while_ignored<T>(number: Signal, work: impl FnOnce() -> T) -> io::Result<T> {
    let before = replace(number, SigHandler::SigIgn)?;
    let result = work();
    replace(number, before)?;
    Ok(result)
}

fn set(number: Signal, action: SigHandler) -> io::Result<()> {
    replace(number, action).map(|_| ())
}

fn replace(number: Signal, action: SigHandler) -> io::Result<SigHandler> {
    debug_assert!(!matches!(action, SigHandler::Handler(_)));
    // SAFETY: both actions in this module are the kernel's own, and this
    // program sets no others, so none of our code runs in signal context.
    unsafe { signal(number, action) }.map_err(io::Error::from)
}
