//! The shape of the source: what may know what, where `unsafe` may stand, and how long a file may be.

mod edges;
mod purity;
mod words;

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

/// What of a file of `src` is in the program: without comments and unit tests, which stand at its end or in files of
/// their own.
fn production(path: &Path, text: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.strip_prefix(root).unwrap_or(path);
    let is_test = path.ends_with("tests.rs") || path.iter().any(|part| part == "tests");
    let end = text.find("#[cfg(test)]\nmod tests {");
    let text = &text[..end.unwrap_or(text.len())];
    (!is_test).then(|| code(text).collect::<Vec<_>>().join("\n"))
}

/// fork(2) without the C library's help counts on it (`system::process`), and so does an allocator without locks.
#[test]
fn nobody_starts_a_thread() {
    for (path, text) in sources("src") {
        let Some(text) = production(&path, &text) else {
            continue;
        };
        for word in ["thread::spawn", "thread::scope", "thread::Builder"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

/// With musl it holds O_PATH: an open with both would be judged as something else.
#[test]
fn nobody_uses_the_access_mode_of_the_c_library() {
    for (path, text) in sources("src") {
        for line in code(&text) {
            assert!(!line.contains("O_ACCMODE"), "{}: {line}", path.display());
        }
    }
}

#[test]
fn unsafe_stands_in_system_only() {
    let mut count = 0;
    for (path, text) in sources("src") {
        if path.components().any(|part| part.as_os_str() == "system") {
            count += code(&text).filter(|line| line.contains("unsafe")).count();
            continue;
        }
        for line in code(&text) {
            // Every other part stands between double quotes.
            let outside = line.split('"').step_by(2);
            let words =
                outside.flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_'));
            assert!(
                words.clone().all(|word| word != "unsafe"),
                "{}: unsafe outside src/system: {line}",
                path.display()
            );
        }
    }
    assert!(count > 0, "the word is not found where it must be");
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
    ("guard/attempts.rs", ":?}", "the name of an error number"),
    (
        "admin/doctor/facts/keys.rs",
        "lossy(",
        "options of keys, which sshd compares with ASCII words",
    ),
    (
        "admin/doctor/facts/shadow.rs",
        "lossy(",
        "an account whose name is not UTF-8 is refused",
    ),
    (
        "admin/doctor/facts/host_jobs.rs",
        "lossy(",
        "text of jobs, which is searched and not printed",
    ),
    (
        "admin/server_answer.rs",
        "lossy(",
        "what a server wrote to its standard error, which its judge escapes",
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
