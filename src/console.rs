//! Standard output and standard error: the one place that writes to them, and
//! that asks whether a terminal is there.

use std::io::{self, IsTerminal as _, Write as _};

use crate::exit::Exit;
use crate::print::escape::{Page, Sentence};
use crate::print::style::Style;

/// Says one sentence on stderr, to a client or an administrator. Nobody may be
/// listening: that is no error.
pub fn say(sentence: &str) {
    let line = format!("xfersh: {}\n", Sentence(sentence));
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Says several lines to an administrator, on stderr.
pub fn say_lines(text: &str) {
    let text = Page(text).to_string();
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints the answer to an administrator on stdout. A reader that has gone
/// (`| head`) is no error.
pub fn print(text: &str) -> Exit {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            say(&format!("cannot write to stdout: {error}"));
            Exit::Failed
        }
        _ => Exit::Success,
    }
}

/// The style for what is printed on stdout.
pub fn style() -> Style {
    Style::of(
        io::stdout().is_terminal(),
        std::env::var_os("NO_COLOR").as_deref(),
        std::env::var_os("TERM").as_deref(),
    )
}
