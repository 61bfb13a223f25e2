//! What must be true whatever bytes come in, for the known commands and for seeded mutations of them. `tests/fuzz`
//! checks the same with bytes that a fuzzer generates.

#[path = "../fuzz/src/lib.rs"]
pub mod checks;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use crate::corpus::commands;
use crate::wildcards::words::Random;

/// How many inputs each property is tested with.
const INPUTS: usize = 40_000;

/// Pieces that mean something to one of the parsers.
const PIECES: &[&[u8]] = &[
    b"'",
    b"\"",
    b"\\",
    b" ",
    b"~",
    b"~/",
    b"*",
    b"?",
    b"[",
    b"]",
    b"[!a-z]",
    b"[[:alpha:]]",
    b"..",
    b"/",
    b"/../",
    b"./",
    b"-",
    b"--",
    b"-e",
    b"-t",
    b"-f",
    b"--server",
    b"--sender",
    b".",
    b"scp",
    b"rsync",
    b"sftp-server",
    b"/usr/bin/",
    b"!#:+",
    b"--temp-dir=",
    b"--files-from",
    b"--suffix=",
    b"--link-dest",
    b"-R",
    b"-P",
    b"-u",
    b"077",
    b"\n",
    b"\t",
    b"\0",
    b"\x1b[2J",
    b"\xff",
    b"\xe2\x80\xae",
    b"=",
    b",",
    b"#",
    b"$(id)",
    b";",
    b"&",
    b"{a,b}",
    b"/home/alice/",
    b"/srv/a b/",
    b"/etc/passwd",
    b"alice",
];

/// The bytes of a known input, cut, doubled and mixed with such pieces.
fn changed(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let bytes = seeds[random.below(seeds.len())].clone();
    mixed(bytes, PIECES, seeds, random)
}

fn mixed(mut bytes: Vec<u8>, pieces: &[&[u8]], seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    for _ in 0..random.below(5) {
        let at = random.below(bytes.len() + 1);
        match random.below(5) {
            0 => bytes.truncate(at),
            1 => {
                let end = at + random.below(bytes.len() - at + 1);
                bytes.drain(at..end);
            }
            2 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                bytes.splice(at..at, other[from..].iter().copied());
            }
            _ => {
                bytes.splice(at..at, random.of(pieces).iter().copied());
            }
        }
    }
    bytes
}

fn try_all(seed: u64, seeds: &[Vec<u8>], check: impl Fn(&[u8])) {
    try_some(INPUTS, seed, seeds, check);
}

fn try_some(inputs: usize, seed: u64, seeds: &[Vec<u8>], check: impl Fn(&[u8])) {
    seeds.iter().for_each(|bytes| check(bytes));
    let mut random = Random::seeded(seed);
    for _ in 0..inputs {
        check(&changed(seeds, &mut random));
    }
}

#[test]
fn an_accepted_command_is_accepted_again_from_its_own_plan() {
    for policy in 0..5u8 {
        let seeds: Vec<_> = commands()
            .iter()
            .map(|command| [&[policy], &command[..]].concat())
            .collect();
        try_all(u64::from(policy) + 1, &seeds, checks::command);
    }
}

#[test]
fn words_quoted_are_the_same_words() {
    try_all(11, &commands(), checks::words);
}

#[test]
fn a_pattern_matches_what_fnmatch_matches() {
    let seeds: [&[u8]; 7] = [
        b"*.c\na.c",
        b".?*\n.ab",
        b"?*?\nabc",
        b"a\\*b\na*b",
        b"**\n.a",
        b"*a*b*c\naabbcc",
        b"\\?\n?",
    ];
    try_all(12, &seeds.map(<[u8]>::to_vec), checks::pattern);
}

#[test]
fn what_is_printed_is_one_harmless_line() {
    try_all(13, &commands(), checks::text);
}

#[test]
fn a_policy_is_read_or_all_its_errors_are_told() {
    // With its keys in force, which are comments there.
    let example = include_str!("../../install/xfersh.toml");
    let example = example.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') => format!("{key}\n"),
        _ => format!("{line}\n"),
    });
    let example = example.collect::<String>().into_bytes();
    let seeds = [
        example,
        b"protocols = [\"sftp\"]\nwritable = [\"~/up\", \"/srv/x\"]\n".to_vec(),
        b"[[match]]\nuser = [\"a*\"]\naccess = [\"read\", \"list\"]\n[[match.directory]]\npath = \"~/x\"\n".to_vec(),
        b"[[directory]]\npath = \"/srv/in\"\naccess = \"upload-only\"\ndotfiles = \"allowed\"\n".to_vec(),
        b"max_bytes = \"10G\"\nidle_timeout = 60\numask = \"027\"\nmessage = \"No.\"\n".to_vec(),
    ];
    try_all(14, &seeds, checks::policy);
}

/// Lines of blocks: plain, unusual and wrong ones.
const LINES: &[&str] = &[
    "user = \"alice\"",
    "user = \"x\"",
    "user = \"x\"",
    "user = [\"x\"]",
    "user = [\"x\", \"y\"]",
    "user = [\"x\", \"bo\"]",
    "user = [\"x*\", \"?eb-1\"]",
    "user = [\"x*\", \"y?\"]",
    "user = \"*\"",
    "group = \"web\"",
    "address = \"192.0.2.0/24\"",
    "profile = \"p\"",
    "address = [\"198.51.100.9\", \"2001:db8::/32\"]",
    "profile = [\"p\", \"q-1\"]",
    "profile = \"p q\"",
    "access = \"read-only\"",
    "access = \"upload-only\"",
    "access = [\"list\", \"create\"]",
    "writable = [\"~/in\"]",
    "start = \"/srv/%u\"",
    "max_sessions = 3",
    "max_bytes = \"2G\"",
    "umask = \"027\" # x",
    "message = \"No.\"",
    "message = 'No.'",
    "message = \"\\u0041\"",
    "dotfile_names = [\".a*\", \".b\"]",
    "",
    "  ",
    "# access = \"read-only\"",
    "# \u{7f}",
    "readable = [\"~/a\u{7f}\"]",
    "\tumask = \"022\"",
    "[[match.directory]]\npath = \"~/d\"",
    "protocols = [\n\"sftp\",\n]",
    "umask = \"999\"",
    "umsak = \"022\"",
];

/// What changes the meaning of a line, or none of it.
const MARKS: &[&[u8]] = &[
    b"\"",
    b"'",
    b"\"\"\"",
    b"[",
    b"]",
    b"[[match]]",
    b"[[match]]\n",
    b"=",
    b",",
    b"#",
    b"\\",
    b"\n",
    b"\r",
    b"\r\n",
    b"\t",
    b" ",
    b"\0",
    b"\x7f",
    b"\x1b",
    b"\xef\xbb\xbf",
    b"\xc3\xa9",
    b"*",
    b"?",
    b"!",
    b".",
    b"0",
    b"1_0",
    b"alice",
    b"user = \"x\"\n",
    b"user",
    b"profile = \"p\"\n",
];

/// A policy of up to six blocks.
fn blocks(random: &mut Random) -> Vec<u8> {
    let mut text = random
        .of(&[
            "",
            "",
            "umask = \"022\"\n",
            "\n# x\n",
            "[[directory]]\npath = \"~/d\"\n",
        ])
        .to_owned();
    for _ in 0..random.below(7) {
        text += random.of(&[
            "[[match]]\n",
            "[[match]]\n",
            "[[match]] # x\n",
            "\n[[match]]\n",
            " [[match]]\n",
        ]);
        // Most blocks are valid: these lines first, and few of the others.
        text += random.of(&LINES[..9]);
        text += "\n";
        for _ in 0..random.below(3) {
            text += random.of(&LINES[9..]);
            text += "\n";
        }
    }
    text.into_bytes()
}

#[test]
fn a_session_reads_the_policy_that_all_of_the_file_is() {
    let mut random = Random::seeded(17);
    let (mut left_out, mut with_some) = (0, 0);
    for round in 0..INPUTS {
        let mut text = blocks(&mut random);
        if round % 2 == 0 {
            let other = blocks(&mut random);
            text = mixed(text, MARKS, &[other], &mut random);
        }
        let count = checks::policy_for(&text);
        left_out += count;
        with_some += usize::from(count > 0);
    }
    assert!(
        with_some > INPUTS / 10 && left_out > INPUTS / 5,
        "{with_some} {left_out}"
    );
}

#[test]
fn the_client_s_address_survives_its_printing() {
    let seeds = [
        b"192.0.2.7 50000 192.0.2.1 22".to_vec(),
        b"2001:db8::7 50000 2001:db8::1 22".to_vec(),
        b"fe80::1%eth0 1 fe80::2%eth0 2".to_vec(),
        b"::ffff:192.0.2.7 65535 ::1 0".to_vec(),
    ];
    try_all(15, &seeds, checks::client);
}

#[test]
fn every_call_can_be_read() {
    let mut random = Random::seeded(16);
    for _ in 0..INPUTS {
        let bytes: Vec<u8> = (0..56)
            .map(|_| u8::try_from(random.below(256)).expect("a byte"))
            .collect();
        checks::call(&bytes);
    }
}

/// Bytes of a real server, changed at places that mean something: the first 4 KiB, and the dynamic section's.
#[test]
fn every_program_can_be_read() {
    let mut random = Random::seeded(17);
    let program = std::fs::read("/usr/lib/openssh/sftp-server").expect("sftp-server");
    checks::elf(&program);
    for _ in 0..2_000 {
        let mut bytes = program.clone();
        for _ in 0..=random.below(4) {
            let at = match random.below(3) {
                0 => random.below(1024),
                1 => random.below(8192),
                _ => random.below(bytes.len()),
            };
            bytes[at] = u8::try_from(random.below(256)).expect("a byte");
        }
        if random.below(8) == 0 {
            bytes.truncate(random.below(bytes.len()));
        }
        checks::elf(&bytes);
    }
}

/// Inputs that a fuzzer found worth keeping (`tests/extended/fuzz --keep`), and every one that once broke something: a
/// line each, with the escapes of `escape_ascii`.
#[test]
fn what_a_fuzzer_found_stays_true() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let names = |of: &str| -> BTreeSet<String> {
        let files = std::fs::read_dir(directory.join(of)).expect("listing");
        let stem = |file: std::fs::DirEntry| file.path().file_stem().map(OsStr::to_os_string);
        let stems = files.flatten().filter_map(stem);
        stems
            .map(|name| name.into_string().expect("UTF-8"))
            .collect()
    };
    let targets: BTreeSet<String> = checks::TARGETS.iter().map(|row| row.0.to_owned()).collect();
    assert_eq!(targets, names("fuzz_targets"));
    assert_eq!(targets, names("kept"));
    for (name, check) in checks::TARGETS {
        let inputs = kept(name);
        assert!(inputs.len() > 3, "{name}: hardly an input");
        for input in inputs {
            let done = std::panic::catch_unwind(|| check(&input));
            assert!(
                done.is_ok(),
                "tests/fuzz/kept/{name}: {}",
                input.escape_ascii()
            );
        }
    }
}

/// The inputs that are kept for a target.
pub fn kept(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/kept");
    let text = std::fs::read_to_string(directory.join(target)).expect("reading");
    text.lines().map(unescaped).collect()
}

fn unescaped(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend(before.bytes());
        let (digits, after) = after.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
        rest = after;
    }
    bytes.extend(rest.bytes());
    bytes
}

#[test]
fn a_log_line_is_one_harmless_line() {
    let seeds: Vec<_> = commands()
        .iter()
        .map(|command| [b"\0", &command[..]].concat())
        .collect();
    // Each is four lines in two files.
    try_some(INPUTS / 8, 18, &seeds, checks::log_line);
}

/// The tables are asked for what must not be in them, too.
#[test]
fn an_option_is_of_the_table_or_not() {
    let rows: [(&[u8], bool); 14] = [
        (b"--delete", true),
        (b"--delete=x", false),
        (b"--backup-dir=x", true),
        (b"--backup-dir", false),
        (b"--rsh=x", false),
        (b"--copy-links", false),
        (b"-logDtpre.iLsfxCIvu", true),
        (b"-re/bin/sh", false),
        (b"-rs", false),
        (b"-rL", false),
        (b"-B700", true),
        (b"-@-1", true),
        (b"-B", false),
        (b"r", false),
    ];
    for (argument, expected) in rows {
        let found = checks::rsync_table::has(argument);
        assert_eq!(found, expected, "{}", argument.escape_ascii());
    }
}
