//! The shape of the source: what may know what, where `unsafe` may stand, and how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(below: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(below)];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(
                fs::read_dir(&path)
                    .expect("listing")
                    .flatten()
                    .map(|name| name.path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("reading a source file");
            found.push((path, text));
        }
    }
    found
}

/// The lines of code, without comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

#[track_caller]
fn nobody(below: &str, forbidden: &[&str]) {
    let files = sources(below);
    for (path, text) in &files {
        // Unit tests may read what they compare with.
        if path.ends_with("tests.rs") {
            continue;
        }
        for line in code(text) {
            let found = forbidden.iter().find(|word| line.contains(**word));
            assert!(
                found.is_none(),
                "{}: {below} must not know {found:?}: {line}",
                path.display()
            );
        }
    }
}

#[test]
fn decide_is_pure_and_knows_nobody() {
    assert!(!sources("src/decide").is_empty());
    nobody(
        "src/decide",
        &[
            "crate::enforce",
            "crate::guard",
            "crate::system",
            "crate::check",
            "crate::shell",
        ],
    );
    nobody(
        "src/decide",
        &[
            "std::fs::",
            "std::net::Tcp",
            "std::process",
            "std::env",
            "std::time::Instant",
            "SystemTime",
            "unsafe ",
        ],
    );
}

#[test]
fn system_knows_nobody() {
    nobody(
        "src/system",
        &[
            "crate::enforce",
            "crate::guard",
            "crate::decide",
            "crate::check",
            "crate::shell",
        ],
    );
}

#[test]
fn unsafe_stands_in_system_only() {
    for (path, text) in sources("src") {
        if path.components().any(|part| part.as_os_str() == "system") {
            continue;
        }
        for line in code(&text) {
            let word = line.contains("unsafe {")
                || line.contains("unsafe fn")
                || line.contains("unsafe impl");
            assert!(
                !word,
                "{}: unsafe outside src/system: {line}",
                path.display()
            );
        }
    }
}

#[test]
fn no_file_is_too_long() {
    for below in ["src", "tests"] {
        for (path, text) in sources(below) {
            let count = text.lines().count();
            assert!(
                count <= 500,
                "{} has {count} lines: split it",
                path.display()
            );
        }
    }
}
