//! Asks the name service.

use std::path::Path;
use std::process::{Command, Stdio};

use super::AccountError;

pub(super) const GETENT: &str = "/usr/bin/getent";

/// Asks the name service; an empty answer where it knows nothing. A name
/// service that fails may have known something: a group, and with it a rule.
pub(super) fn getent(arguments: &[&str]) -> Result<String, AccountError> {
    /// "One or more supplied keys could not be found" (getent(1)).
    const NOT_FOUND: i32 = 2;
    match Path::new(GETENT).try_exists() {
        Ok(true) => {}
        Ok(false) => return Ok(String::new()),
        Err(error) => return Err(AccountError::Unreadable(GETENT, error)),
    }
    let output = Command::new(GETENT)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let output = output.map_err(|error| AccountError::Unreadable(GETENT, error))?;
    match output.status.code() {
        Some(0) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Some(NOT_FOUND) => Ok(String::new()),
        status => Err(AccountError::NoAnswer(status)),
    }
}
