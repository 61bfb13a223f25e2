//! What a machine cannot be asked: said, and counted in the last line of `tests/run`.

use std::fs::OpenOptions;
use std::io::Write;

/// The file that `tests/run` counts, a line for each.
const KEPT: &str = "XFERSH_TESTS_SKIPPED";

/// A test, or the part of it that `what` names, is not run here, and why.
pub fn skipped(what: &str, why: &str) {
    println!("SKIPPED: {what}: {why}");
    if let Some(path) = std::env::var_os(KEPT) {
        let line = format!("{what}: {}\n", why.replace('\n', " "));
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .unwrap_or_else(|error| panic!("cannot note a skip in {}: {error}", path.display()));
    }
}
