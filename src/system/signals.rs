//! Signal dispositions that the process inherited, and waiting for a signal.

use std::io;
use std::ptr;

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

/// Waits for one of these signals, which must be blocked. nix's SigSet::wait takes
/// an error of sigwait(3) for success, and its signal from memory that was never
/// written.
///
/// # Errors
///
/// Those of sigwaitinfo(2), except EINTR.
pub fn wait(signals: &SigSet) -> io::Result<Signal> {
    loop {
        // SAFETY: the set lives as long as the borrow, and the kernel writes no
        // information where there is no pointer.
        let number = unsafe { libc::sigwaitinfo(signals.as_ref(), ptr::null_mut()) };
        if number >= 0 {
            return Signal::try_from(number).map_err(io::Error::from);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
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
