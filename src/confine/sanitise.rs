//! Sanitises what the process inherited, before anything is read.

use std::fs::OpenOptions;
use std::os::fd::IntoRawFd as _;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};

use crate::error::{Error, Step};
use crate::system::{descriptors, signals};

/// Signals that the session depends on to end itself and its server, and that a
/// caller may have left ignored. sshd leaves none ignored.
const SIGNALS: [Signal; 4] = [
    Signal::SIGHUP,
    Signal::SIGPIPE,
    Signal::SIGTERM,
    Signal::SIGCHLD,
];

/// What was found on the standard descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standard {
    /// Whether one of them is a terminal.
    pub terminal: bool,
}

/// Makes sure that descriptors 0 to 2 are open, that no others are, and that
/// signals have their default actions.
///
/// # Errors
///
/// If one of the steps fails: then nothing may be started.
pub fn sanitise() -> Result<Standard, Error> {
    let failed = |error: Errno| Error::io(Step::Sanitise, error);
    let mut terminal = false;
    for number in 0..=2 {
        match descriptors::file_type(number) {
            // Nothing else can be a terminal.
            Ok(libc::S_IFCHR) => terminal |= descriptors::is_terminal(number).unwrap_or(false),
            Ok(libc::S_IFSOCK) if descriptors::is_other_than_stream(number) => {
                let text =
                    "one of 0 to 2 is a socket but not a stream: it could send to any address";
                return Err(Error::text(Step::Sanitise, text));
            }
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => open_null(number)?,
            Ok(_) | Err(_) => {}
        }
    }
    descriptors::close_from(3).map_err(|error| Error::io(Step::Sanitise, error))?;
    for signal in SIGNALS {
        signals::set_default(signal).map_err(|error| Error::io(Step::Sanitise, error))?;
    }
    // A write beyond the size limit is an error for the client; it does not end
    // the server.
    signals::ignore(Signal::SIGXFSZ).map_err(|error| Error::io(Step::Sanitise, error))?;
    let none = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&none), None).map_err(failed)?;
    Ok(Standard { terminal })
}

/// Opens one that is closed on /dev/null: otherwise the next file opened would
/// take its place.
fn open_null(number: i32) -> Result<(), Error> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(|error| Error::io(Step::Sanitise, error))?;
    // It gets the lowest free number: those below are open by now.
    let opened = null.into_raw_fd();
    if opened == number {
        return Ok(());
    }
    let wrong = format!("/dev/null became descriptor {opened}, not {number}");
    Err(Error::text(Step::Sanitise, wrong))
}
