//! Runs a system tool to learn what only it knows.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a tool said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolOutput {
    /// Whether it exited with 0.
    pub success: bool,
    /// Its standard output, or its errors if it failed.
    pub text: String,
}

/// The first of these programs that exists.
pub fn find(places: &[&str]) -> Option<PathBuf> {
    let mut places = places.iter().map(Path::new);
    places.find(|path| path.is_file()).map(Path::to_owned)
}

/// Runs a program, named by its absolute path, with an empty environment.
///
/// # Errors
///
/// That it cannot be started.
pub fn ask(program: &Path, arguments: &[&str]) -> io::Result<ToolOutput> {
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .output()?;
    let success = output.status.success();
    let bytes = if success {
        output.stdout
    } else {
        output.stderr
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(ToolOutput { success, text })
}
