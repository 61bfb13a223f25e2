//! What an administrator calls: the dry run, the live probe, the doctor.

pub mod doctor;
pub mod dry_run;
pub mod live;
mod overrides;
pub mod probe;
mod report;
mod table;

use std::io::Write as _;

use crate::exit::Exit;

/// Prints on stdout. A reader that has gone (`| head`) is no error.
#[must_use]
pub fn print(text: &str) -> Exit {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            crate::tell::client(&format!("cannot write to stdout: {error}"));
            Exit::Failed
        }
        _ => Exit::Success,
    }
}
