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
            "crate::gather",
            "crate::confine",
            "crate::guard",
            "crate::system",
            "crate::admin",
            "crate::session",
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

/// The allocator and fork(2) count on it (`system::heap`, `system::process`).
#[test]
fn nobody_starts_a_thread() {
    for (path, text) in sources("src") {
        let program = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code(program) {
            let found = line.contains("thread::spawn")
                || line.contains("thread::scope")
                || line.contains("thread::Builder");
            assert!(!found, "{}: {line}", path.display());
        }
    }
}

/// With musl it holds O_PATH: an open by such a descriptor would be judged as something else.
#[test]
fn nobody_uses_the_access_mode_of_the_c_library() {
    for (path, text) in sources("src") {
        for line in code(&text) {
            assert!(!line.contains("O_ACCMODE"), "{}: {line}", path.display());
        }
    }
}

/// What is printed and said is composed here, and written by `console` and `log`; the doctor judges facts.
#[test]
fn composing_and_judging_are_pure() {
    for below in ["src/print", "src/messages.rs", "src/admin/doctor/judge"] {
        assert!(!sources(below).is_empty(), "{below}");
        for (path, text) in sources(below) {
            // Unit tests stand at the end of a file, and may start shells.
            let own = text.split("#[cfg(test)]").next().unwrap_or_default();
            let effects = [
                "std::io::",
                "io::std",
                "std::fs",
                "fs::",
                "std::env",
                "std::process",
                "nix::unistd",
                "canonicalize",
                ".exists()",
                ".is_file()",
                ".metadata()",
            ];
            for line in code(own) {
                let found = effects.iter().find(|word| line.contains(**word));
                assert!(found.is_none(), "{}: {found:?}: {line}", path.display());
            }
        }
    }
}

/// The arguments, the printers and what is gathered know nothing of those who use them.
#[test]
fn what_is_used_does_not_know_its_users() {
    nobody("src/cli.rs", &["crate::admin"]);
    nobody(
        "src/print",
        &["crate::admin", "crate::console", "crate::gather"],
    );
    nobody(
        "src/gather",
        &["crate::log", "crate::admin", "crate::console"],
    );
}

#[test]
fn system_knows_nobody() {
    nobody(
        "src/system",
        &[
            "crate::gather",
            "crate::confine",
            "crate::guard",
            "crate::decide",
            "crate::admin",
            "crate::session",
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

/// What prints a value as it is, in another form than `escape` or `json` does, or with bytes lost.
const UNESCAPED: &[&str] = &[
    ".display()",
    "lossy(",
    "escape_ascii",
    "escape_debug",
    "escape_default",
    "escape_unicode",
    ":?}",
    "print!(",
    "println!(",
    "io::stderr()",
    "io::stdout()",
];

/// Where such a word may stand all the same: a place below src, the word, and why.
const MAY: &[(&str, &str, &str)] = &[
    (
        "console.rs",
        "io::stdout()",
        "the one place that answers an administrator",
    ),
    (
        "guard/connection.rs",
        "io::stdout()",
        "asks whether the other end has gone",
    ),
    (
        "console.rs",
        "io::stderr()",
        "the one place that tells anybody anything",
    ),
    ("admin/probe_rows.rs", ":?}", "the name of an error number"),
    ("admin/report.rs", ":?}", "the name of a Landlock right"),
    (
        "admin/doctor/facts/tool.rs",
        "lossy(",
        "what a tool says is searched for words of ASCII",
    ),
    (
        "admin/doctor/facts/sshd.rs",
        "lossy(",
        "a configuration is searched for keywords",
    ),
    (
        "admin/doctor/facts/jobs.rs",
        "lossy(",
        "a crontab is searched for paths, which are UTF-8",
    ),
    (
        "gather/account/",
        "lossy(",
        "a comment may be in any encoding; a name or home with U+FFFD is refused",
    ),
    (
        "decide/policy/forbidden/for_account.rs",
        "lossy(",
        "no rule there looks at such bytes",
    ),
    (
        "decide/policy/diagnostic.rs",
        "escape_unicode",
        "the line of the file keeps its backslashes",
    ),
];

/// Whoever prints a value goes through `escape::Escaped` or `json::Json`, and through one of two places.
#[test]
fn values_are_printed_escaped_and_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut needed = vec![false; MAY.len()];
    for (path, text) in sources("src") {
        let place = path.strip_prefix(&root).expect("a file of src");
        let name = place.to_string_lossy();
        if name.ends_with("tests.rs") || name.contains("/tests/") {
            continue;
        }
        // Unit tests stand at the end of a file.
        let text = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        for line in code(text) {
            for word in UNESCAPED.iter().filter(|word| line.contains(**word)) {
                let row = MAY
                    .iter()
                    .position(|(at, may, _)| name.starts_with(at) && may == word);
                let row =
                    row.unwrap_or_else(|| panic!("src/{name}: {word} prints unescaped: {line}"));
                needed[row] = true;
            }
        }
    }
    for ((at, word, _), needed) in MAY.iter().zip(needed) {
        assert!(
            needed,
            "nothing in src/{at} needs {word} any more: remove the row"
        );
    }
}
