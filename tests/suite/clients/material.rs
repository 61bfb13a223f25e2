//! What the clients transfer: the same files for every client, created again for every row.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::harness::account::set_mode;

/// Names that clients and servers stumble over, with the word that the tables use for each.
pub const NAMES: &[(&str, &[u8])] = &[
    ("space", b"two words"),
    ("apostrophe", b"it's"),
    ("quote", b"say \"hi\""),
    ("semicolon", b"a;id"),
    ("command", b"a$(id)"),
    ("star", b"st*r"),
    ("question", b"wh?t"),
    ("bracket", b"[ab]c"),
    ("dash", b"-rf"),
    ("newline", b"two\nlines"),
    ("backslash", b"back\\slash"),
    ("utf-8", "gr\u{fc}\u{df}e-\u{65e5}\u{672c}".as_bytes()),
    ("255 bytes", &[b'n'; 255]),
];

/// Modification time that must be kept, in seconds since 1970, older than any run.
const OLD: u64 = 987_654_321;

/// Files, in `root`: what a client uploads, or finds on the server.
pub fn furnish(root: &Path) {
    fs::create_dir_all(root.join("names")).expect("mkdir");
    write(root, "file.bin", &noise(300_001, 1));
    write(root, "zero", b"");
    write(root, "part.bin", &noise(400_000, 2));
    write(root, "kept.sh", b"#!/bin/sh\necho kept\n");
    set_mode(&root.join("kept.sh"), 0o750);
    make_old(&root.join("kept.sh"));
    for (word, name) in NAMES {
        let path = root.join("names").join(OsStr::from_bytes(name));
        fs::write(path, format!("the file whose name has: {word}\n")).expect("writing");
    }
    for directory in ["tree/a/b", "tree/with space", "tree/void"] {
        fs::create_dir_all(root.join(directory)).expect("mkdir");
    }
    write(root, "tree/top.txt", b"top\n");
    write(root, "tree/a/one.bin", &noise(70_000, 3));
    write(root, "tree/a/b/two.txt", b"two\n");
    write(root, "tree/a/b/empty", b"");
    write(root, "tree/with space/three.txt", b"three\n");
    set_mode(&root.join("tree/a/b/two.txt"), 0o600);
}

/// The first half of `part.bin`, except for its first byte: a client that starts again would correct that.
pub fn first_half(target: &Path) {
    let mut half = noise(400_000, 2);
    half.truncate(200_000);
    half[0] ^= 0xff;
    fs::write(target, half).expect("writing");
}

/// What `part.bin` is after `first_half` was resumed.
pub fn resumed() -> Vec<u8> {
    let mut whole = noise(400_000, 2);
    whole[0] ^= 0xff;
    whole
}

fn write(root: &Path, name: &str, content: &[u8]) {
    fs::write(root.join(name), content).expect("writing");
}

fn make_old(path: &Path) {
    let file = fs::File::options().write(true).open(path).expect("opening");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(OLD))
        .expect("setting the time");
}

/// Bytes that no compression or text mode leaves alone (xorshift).
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    })
    .take(length)
    .collect()
}
