//! What is printed, to a person, a terminal, a log or a script: escaped once, complete in JSON, and never anything that
//! a terminal acts on.

use std::os::unix::ffi::OsStrExt as _;

use serde_json::Value;

use crate::harness::{Host, Output, Shell, XFERSH};

mod exact;
mod hostile;
mod once;
mod terminal;

/// A name with all that a terminal acts on, or does not show, or that an escape could be confused with: clear the
/// screen, bell, a CSI of one character, a direction mark, a zero-width space, a filler that counts as a letter, a
/// backslash, a double and a single quote, something that only looks like an escape.
const ODD: &str = "o\x1b[2J\x07\u{9b}31m\u{202e}d\u{200b}\u{3164}\\\"'\\x1b";

/// As much of it as a login name can contain: no slash, no colon, no line break.
const ACCOUNT: &str = "a\x1b[2J\u{202e}\u{200b}\\\"b";

/// A host on which an account, and what lies in its home, have such names.
fn odd_host() -> Host {
    let host = Host::with_accounts(&[
        ("plain", Shell::Plain),
        ("alice", Shell::Xfersh),
        (ACCOUNT, Shell::Xfersh),
    ]);
    host.inside(|| {
        let home = host.account(ACCOUNT).home();
        for (name, mode) in [
            (ODD, 0o777),
            ("uploads/\u{202e}\n\t", 0o777),
            ("uploads/end\n", 0o777),
        ] {
            let path = home.join(name);
            std::fs::create_dir(&path).expect("an odd directory");
            crate::harness::account::set_mode(&path, mode);
        }
        let bytes = home.join(std::ffi::OsStr::from_bytes(b"n\xff\x1b"));
        std::fs::create_dir(&bytes).expect("a directory whose name is no text");
        crate::harness::account::set_mode(&bytes, 0o777);
        let key = home.join(".ssh").join(ODD);
        std::fs::write(&key, "").expect("an odd file");
        crate::harness::account::set_mode(&key, 0o666);
        let add = |file: &str, line: String| {
            let text = std::fs::read_to_string(file).expect("reading");
            std::fs::write(file, text + &line).expect("writing");
        };
        // A member of odd groups, with an odd twin and an odd shell beside it.
        add(
            "/etc/group",
            format!("{ODD}:x:64990:{ACCOUNT}\ndocker:x:64991:{ACCOUNT}\n"),
        );
        add(
            "/etc/passwd",
            format!(
                "shell{ACCOUNT}:x:64992:64992:{ACCOUNT}:/home/{ODD}:/opt/{ODD}/xfersh\n\
                 twin{ACCOUNT}:x:64993:64993::/home/one{ODD}:/opt/xfersh\n\
                 twin2{ACCOUNT}:x:64993:64993::/home/two{ODD}:/opt/xfersh\n\
                 nowhere{ACCOUNT}:x:64994:64994::{ODD}:/opt/xfersh\n\
                 toor{ACCOUNT}:x:0:0::/root:/opt/xfersh\n"
            ),
        );
    });
    host
}

/// `xfersh --check ARGUMENTS`.
fn check(host: &Host, arguments: &[&str]) -> Output {
    host.root(XFERSH, &[&["--check"], arguments].concat())
}

/// The one JSON object that was printed.
#[track_caller]
fn object(output: &Output) -> Value {
    let object: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    assert!(object.is_object(), "{output}");
    assert_eq!(output.out().matches('\n').count(), 1, "{output}");
    object
}

/// The first character that a terminal would act on or not show. A line break does not count.
fn harm(bytes: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Some("bytes that are not UTF-8".to_owned());
    };
    let is_harmful = |c: &char| {
        let c = *c;
        c != '\n' && (c.is_control() || (c.is_whitespace() && c != ' ') || is_unseen(c))
    };
    text.chars().find(is_harmful).map(|c| format!("{c:?}"))
}

/// Direction marks, zero-width characters and fillers: a list that is separate from the program's.
fn is_unseen(c: char) -> bool {
    matches!(c as u32,
        0xad | 0x61c | 0x115f | 0x1160 | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f
        | 0x3164 | 0xfeff | 0xffa0 | 0xe000..=0xf8ff | 0xe0000..=0xe0fff)
}

/// The text after the escapes are undone once.
fn read_back(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let Some(after) = rest.strip_prefix('\\') else {
            bytes.extend_from_slice(&rest.as_bytes()[..c.len_utf8()]);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        let (byte, length) = match after.as_bytes().first() {
            Some(b'x') => (u8::from_str_radix(&after[1..3], 16).expect("two digits"), 3),
            Some(b'u') => {
                let end = after.find('}').expect("an end");
                let code = u32::from_str_radix(&after[2..end], 16).expect("digits");
                let c = char::from_u32(code).expect("a character");
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &after[end + 1..];
                continue;
            }
            Some(b'n') => (b'\n', 1),
            Some(b't') => (b'\t', 1),
            Some(b'r') => (b'\r', 1),
            Some(other) => (*other, 1),
            None => panic!("a backslash at the end of {text}"),
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    bytes
}
