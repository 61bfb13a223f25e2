//! What the pure rooms may use of the world outside the crate. It is a list of what is allowed: a crate that nobody
//! thought of is refused.

use std::path::Path;

use super::{production, sources};

/// Folders and files that do no input or output, have no clock and no environment.
const PURE: [&str; 4] = [
    "src/decide",
    "src/print",
    "src/messages.rs",
    "src/admin/doctor/judge",
];

/// What may follow `CRATE::` there.
const ALLOWED: &[(&str, &[&str])] = &[
    (
        "std",
        &[
            "array",
            "borrow",
            "cell",
            "char",
            "cmp",
            "collections",
            "convert",
            "ffi",
            "fmt",
            "io::Error",
            "io::ErrorKind",
            "hash",
            "iter",
            "mem",
            "net::IpAddr",
            "net::Ipv4Addr",
            "net::Ipv6Addr",
            "net::SocketAddr",
            "num",
            "ops",
            "option",
            "os::unix::ffi",
            "path",
            "ptr",
            "rc",
            "result",
            "slice",
            "str",
            "string",
            "time::Duration",
            "vec",
        ],
    ),
    // Numbers and names of errors alone.
    ("nix", &["libc", "errno::Errno"]),
    ("landlock", &["AccessFs", "BitFlags", "make_bitflags"]),
    ("toml_parser", &[""]),
    ("shell_words", &[""]),
    ("unicode_width", &[""]),
];

/// Functions of the libc crate and methods of paths that ask the system.
const ASKS: &[&str] = &[
    "libc::open",
    "libc::read",
    "libc::getpid",
    ".exists()",
    ".try_exists(",
    ".is_dir()",
    ".is_file()",
    ".is_symlink()",
    ".canonicalize(",
    ".metadata(",
    ".symlink_metadata(",
    ".read_dir(",
    ".read_link(",
    "env!(\"",
    "option_env!(",
];

/// The crates that the program can use, and the language's own.
fn crates() -> Vec<String> {
    let manifest =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let manifest = manifest.expect("the manifest");
    let table = manifest
        .split("\n[dependencies]\n")
        .nth(1)
        .expect("dependencies");
    let lines = table.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_")));
    let names = names.filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'));
    names
        .chain(["std", "core", "alloc"].map(str::to_owned))
        .collect()
}

/// Why this text of a pure room is not pure.
fn impure(text: &str, crates: &[String]) -> Option<String> {
    for name in crates {
        let path = format!("{name}::");
        for (at, _) in text.match_indices(&path) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let rest = &text[at + path.len()..];
            let allowed = ALLOWED.iter().find(|(known, _)| known == name);
            let allowed = allowed.map_or(&[][..], |(_, allowed)| *allowed);
            let names = names(rest);
            let bad = names
                .iter()
                .find(|name| !allowed.iter().any(|allowed| is_below(name, allowed)));
            if let Some(bad) = bad {
                return Some(format!("{name}::{bad}"));
            }
        }
    }
    let asks = ASKS.iter().find(|word| text.contains(**word));
    asks.map(|word| (*word).to_owned())
}

/// Whether a path is the one that is allowed, or below it.
fn is_below(path: &str, allowed: &str) -> bool {
    allowed.is_empty()
        || path == allowed
        || path
            .strip_prefix(allowed)
            .is_some_and(|rest| rest.starts_with("::"))
}

/// Every path behind `CRATE::`, groups written out.
fn names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut prefixes = vec![String::new()];
    let mut path = String::new();
    for c in text.chars() {
        match c {
            '{' => prefixes.push(std::mem::take(&mut path)),
            ',' | '}' => {
                let prefix = prefixes.last().cloned().unwrap_or_default();
                if !path.is_empty() {
                    names.push(
                        (prefix + &std::mem::take(&mut path))
                            .trim_end_matches("::self")
                            .to_owned(),
                    );
                }
                if c == '}' {
                    prefixes.pop();
                }
                if prefixes.len() <= 1 {
                    return names;
                }
                // What is nested begins with what is around it.
                path.clear();
            }
            c if c.is_alphanumeric() || c == '_' || c == ':' || c == '*' => path.push(c),
            c if c.is_whitespace() && prefixes.len() > 1 => {}
            _ => break,
        }
    }
    if names.is_empty() {
        names.push(path.trim_end_matches(':').to_owned());
    }
    names
}

#[test]
fn the_pure_rooms_are_pure() {
    let crates = crates();
    for below in PURE {
        let files = sources(below);
        assert!(!files.is_empty(), "{below} has no source");
        for (path, text) in files {
            let Some(text) = production(&path, &text) else {
                continue;
            };
            let found = impure(&text, &crates);
            assert_eq!(found, None, "{}: not pure", path.display());
        }
    }
}

#[test]
fn every_form_of_input_and_output_is_seen() {
    let crates = crates();
    let rows = [
        "use std::fs;",
        "use std::{fs, path::Path};",
        "use std::{ffi::OsStr, io::{self, Read}};",
        "let text = std::fs::read(path);",
        "use std::net::TcpStream;",
        "use std::net::{IpAddr, UdpSocket};",
        "use std::time::{Duration, Instant};",
        "use nix::unistd::getpid;",
        "use nix::{errno::Errno, unistd};",
        "use landlock::{AccessFs, Ruleset};",
        "use syslog::Facility;",
        "path.exists()",
        "core::arch::asm!()",
    ];
    for row in rows {
        assert!(impure(row, &crates).is_some(), "{row}");
    }
    for row in [
        "use std::{ffi::OsStr, path::{self, Path}};",
        "use std::os::unix::ffi::OsStrExt as _;",
        "use nix::libc::{self, sock_filter};",
        "use landlock::{AccessFs, BitFlags};",
        "root.exists",
    ] {
        assert_eq!(impure(row, &crates), None, "{row}");
    }
}
