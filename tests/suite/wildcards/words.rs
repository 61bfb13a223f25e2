//! Random trees of odd names, and random shell words that sometimes match them. The same seed gives the same result.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::harness::account::set_mode;

/// xorshift64*: good enough for making choices.
pub struct Random(u64);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).expect("31 bits") % bound
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Few, so that names meet; each of them means something to a shell or a matcher, or is beyond ASCII.
const BYTES: &[u8] = b"aab.b-z[]!^\\ *?:=A1~'\"$#{,\x80\xe9\xff";

fn name(random: &mut Random) -> Vec<u8> {
    let length = 1 + random.below(4);
    loop {
        let mut name: Vec<u8> = (0..length).map(|_| random.of(BYTES)).collect();
        if random.one_in(5) {
            name.insert(0, b'.');
        }
        if name != b"." && name != b".." {
            return name;
        }
    }
}

/// Creates a tree below `root` and returns the relative paths in it.
pub fn tree(root: &Path, random: &mut Random) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    let mut closed = Vec::new();
    fs::create_dir(root).expect("making the root of a tree");
    fill(root, PathBuf::new(), 3, random, &mut paths, &mut closed);
    for (path, mode) in closed {
        set_mode(&path, mode);
    }
    paths
}

fn fill(
    root: &Path,
    below: PathBuf,
    depth: usize,
    random: &mut Random,
    paths: &mut Vec<Vec<u8>>,
    closed: &mut Vec<(PathBuf, u32)>,
) {
    for _ in 0..5 + random.below(5) {
        let name = name(random);
        let relative = below.join(OsStr::from_bytes(&name));
        let path = root.join(&relative);
        if path.symlink_metadata().is_ok() {
            continue;
        }
        paths.push(relative.as_os_str().as_bytes().to_vec());
        match random.below(8) {
            0 => symlink(random.of(&[".", "..", "nowhere", "a", "/etc"]), &path).expect("a link"),
            1 => {
                let other = paths[random.below(paths.len())].clone();
                symlink(root.join(OsStr::from_bytes(&other)), &path).expect("a link");
            }
            2..=4 if depth > 0 => {
                fs::create_dir(&path).expect("a directory");
                fill(root, relative, depth - 1, random, paths, closed);
                if random.one_in(6) {
                    closed.push((path, random.of(&[0o000, 0o311, 0o444])));
                }
            }
            _ => fs::write(&path, b"x").expect("a file"),
        }
    }
}

/// One byte that stands for itself, quoted in one of the three ways if it must be, and sometimes if it need not be.
fn quoted(byte: u8, random: &mut Random) -> Vec<u8> {
    if (byte.is_ascii_alphanumeric() || b"./-:=!^".contains(&byte)) && !random.one_in(6) {
        return vec![byte];
    }
    match random.below(3) {
        0 if byte != b'\'' => vec![b'\'', byte, b'\''],
        1 if b"\"\\$`".contains(&byte) => vec![b'"', b'\\', byte, b'"'],
        1 => vec![b'"', byte, b'"'],
        _ => vec![b'\\', byte],
    }
}

const CLASSES: &[&str] = &[
    "[:alpha:]",
    "[:digit:]",
    "[:punct:]",
    "[:upper:]",
    "[:space:]",
    "[:graph:]",
    "[:none:]",
    "[:alpha",
    "[.a.]",
    "[.-.]",
];

/// A bracket expression, usually with `byte` in it; sometimes an invalid one.
fn bracket(byte: u8, random: &mut Random) -> Vec<u8> {
    let mut text = vec![b'['];
    if random.one_in(8) {
        text.push(random.of(b"!^!"));
    }
    for _ in 0..random.below(3) {
        match random.below(6) {
            0 => text.extend(random.of(CLASSES).bytes()),
            1 => {
                text.extend(quoted(random.of(b"a!Z0[\x80"), random));
                text.push(b'-');
                text.extend(quoted(random.of(b"bz9]\xff"), random));
            }
            2 => text.push(random.of(b"-!^]:=.")),
            _ => text.extend(quoted(random.of(BYTES), random)),
        }
    }
    if !random.one_in(8) {
        text.extend(quoted(byte, random));
    }
    if !random.one_in(8) {
        text.push(b']');
    }
    text
}

/// A shell word, made from a path of the tree or from nothing.
pub fn word(paths: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let path = match random.below(8) {
        0 => name(random),
        _ => paths[random.below(paths.len())].clone(),
    };
    let eagerness = 2 + random.below(9);
    let mut word = Vec::new();
    for &byte in &path {
        match random.below(3 * eagerness) {
            _ if byte == b'/' => word.extend(random.of(&["/", "/", "/", "/", "//", "/./"]).bytes()),
            0 => word.push(b'?'),
            1 => word.push(b'*'),
            2 => word.extend(bracket(byte, random)),
            3 => {
                word.push(b'*');
                word.extend(quoted(byte, random));
            }
            _ => word.extend(quoted(byte, random)),
        }
    }
    match random.below(8) {
        0 => word.push(b'/'),
        1 => word.extend(b"/*"),
        2 => word.push(b'*'),
        3 => word.extend(b"/.*"),
        _ => {}
    }
    word
}
