//! Which blocks are skipped, and that nothing else is.

use std::path::Path;

use super::super::{parse, parse_for};

/// The lines of the blocks that are kept for 'al' and 'bo'.
fn kept(text: &str) -> Vec<u32> {
    let file = parse_for(&["al", "bo"], text, Path::new("p"));
    let file = file.unwrap_or_else(|errors| panic!("{text}\n{}", errors.report()));
    file.matches.iter().map(|block| block.line).collect()
}

/// What may follow a user that is none of the names, in a block that is
/// skipped.
const PLAIN: [&str; 13] = [
    "",
    "\n\n  # é \u{1f600} [[match]]\n",
    "access = \"read-only\"\numask = \"022\" # x",
    "access = [\"list\", \"create\"]",
    "writable = [ \"~/a\" , \"/srv/é\" ]",
    "  readable=[\"~\"]  ",
    "address = \"192.0.2.7\"",
    "address = [\"192.0.2.0/24\", \"2001:db8::/32\"]\nmax_sessions = 3",
    "profile = \"p\"\naccess = \"read-only\"",
    "message = \"# [[match]] = x ' é\"",
    "max_sessions = \"none\"",
    "dotfile_names = [\".a*\", \"._?\"]",
    "scp = \"/usr/bin/scp\"\nrsync = \"/usr/bin/rsync\"",
];

/// What is also valid, but does not have the simplest form.
const UNUSUAL: [&str; 16] = [
    "group = \"web\"",
    "max_sessions = 1_0",
    "max_sessions = 0x3",
    "max_bytes = +3",
    "message = \"a\\u0062\"",
    "message = 'a'",
    "message = \"\"\"a\"\"\"",
    "\"message\" = \"a\"",
    "access = [\"list\",]",
    "access = [\n\"list\"]",
    "access\t= \"read-only\"",
    "\taccess = \"read-only\"",
    "access = \"read-only\"\r",
    "# a\tb",
    "[[match.directory]]\npath = \"~/a\"",
    "[[ match ]]\nuser = \"x\"",
];

const WRONG: [&str; 25] = [
    "user = \"y\"",
    "acces = \"read-only\"",
    "access = \"read\"",
    "access = \"\"",
    "access = \"read-only\"\naccess = \"read-only\"",
    "access = \"read-only\" umask = \"022\"",
    "access = [\"list\", \"list\"]",
    "access = []",
    "access \"read-only\"",
    "access",
    "= \"read-only\"",
    "directory = \"~/a\"",
    "max_sessions = 0",
    "max_sessions = 03",
    "max_sessions = 3.0",
    "max_bytes = 99999999999999999999",
    "address = \"192.0.2.1/24\"",
    "profile = \"p q\"",
    "profile = []",
    "profile = \"p\"\nprofile = \"q\"",
    "readable = [\"~/a\u{7f}\"]",
    "readable = [\"~/a\u{1f}\"]",
    "# \u{7f}",
    "# \u{1}",
    "access[[match]]",
];

#[test]
fn plain_blocks_of_others_are_left_out() {
    for rest in PLAIN {
        let text = format!("umask = \"027\"\n\n[[match]]\nuser = \"x\"\n{rest}\n");
        assert_eq!(kept(&text), [0; 0], "{text}");
        let text = text.trim_end();
        assert_eq!(kept(text), [0; 0], "{text}");
        // Between others, of which only the block of 'bo' stays, with its line.
        let last = "[[match]]\nuser = [\"c\", \"b*\"]\n";
        let lines = u32::try_from(text.matches('\n').count()).unwrap() + 2;
        assert_eq!(kept(&format!("{text}\n{last}{last}")), [lines, lines + 2]);
        // The user may come last.
        let text = format!("[[match]]\n{rest}\nuser = [\"x\", \"y\"]\n{last}");
        assert_eq!(kept(&text).len(), 1, "{text}");
    }
}

#[test]
fn what_is_for_one_of_the_names_or_for_all_is_kept() {
    for condition in [
        "user = \"al\"",
        "user = [\"x\", \"bo\"]",
        "user = [\"x\", \"y\", \"?o\"]",
        "user = \"*\"",
        "user = \"a*l\"",
        "address = \"192.0.2.7\"",
        "profile = \"p\"",
        "user = \"x\"\ngroup = \"g\"",
    ] {
        let other = "[[match]]\nuser = \"x\"\n";
        let text = format!("{other}{other}[[match]]\n{condition}\n{other}");
        assert_eq!(kept(&text), [5], "{text}");
    }
}

#[test]
fn what_is_unusual_is_kept() {
    for rest in UNUSUAL {
        for plain in ["", PLAIN[2]] {
            let other = format!("[[match]]\nuser = \"x\"\n{plain}\n");
            let text = format!("{other}[[match]]\nuser = \"x\"\n{rest}\n{other}");
            let seen = kept(&text);
            assert!(!seen.is_empty(), "{text}");
            // The block, and if the next header is unusual also the one before
            // it.
            assert!(seen.len() <= 2, "{text}");
        }
    }
}

/// Whichever block has an error, all errors are reported as usual.
#[test]
fn what_is_wrong_is_refused_in_every_block() {
    let block = |rest: &str| format!("[[match]]\nuser = \"x\"\n{rest}\n");
    for wrong in WRONG {
        for at in 0..3 {
            for plain in ["", PLAIN[2]] {
                let blocks = (0..3).map(|n| block(if n == at { wrong } else { plain }));
                let text: String = blocks.collect();
                let seen = parse_for(&["al"], &text, Path::new("p"));
                let seen = seen.map(|file| panic!("{text}\n{file:?}")).unwrap_err();
                let all = parse(&text, Path::new("p")).unwrap_err();
                assert_eq!(seen.report(), all.report(), "{text}");
            }
        }
    }
    for text in [
        "[[match]]\n[[match]]\nuser = \"x\"\n",
        "[[match]]\nuser = \"\"\n",
        "[[match]]\nuser = [\"x\", \"x\"]\n",
        "[[match]]\nuser = [\"x\", \"!y\"]\n",
        "[[match]]\nuser = \"x\"\n[[directory]]\npath = \"~/a\"\n",
        "[[match]]\nuser = \"x\"\n[[match]] x\n",
        "[[match]]\nuser = \"x\"\n[match]\nuser = \"x\"\n",
    ] {
        assert!(parse_for(&["al"], text, Path::new("p")).is_err(), "{text}");
    }
}
