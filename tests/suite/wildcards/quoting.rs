//! Ten thousand command lines of quotes, backslashes, blanks and tildes: xfersh splits them into the same words as dash
//! and bash. What a shell would interpret beyond that is refused, so such lines are not tested.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use xfersh::decide::command::words::{Word, split};

use super::words::Random;
use crate::harness::{Account, Host};

const LINES: usize = 10_000;

/// `\` and a line break are a line continuation.
const PIECES: &[&[u8]] = &[
    b"~",
    b"~",
    b"~/",
    b"'",
    b"'",
    b"\"",
    b"\"",
    b"\\",
    b" ",
    b"\t",
    b"/",
    b"a",
    b"-",
    b"=",
    b":",
    b"''",
    b"\"\"",
    b"\\\n",
    b"\\\\",
    b"#",
    b"!",
    b"^",
    b"{a}",
    b"%",
    b"\xff",
    "é".as_bytes(),
    b"plain",
];

fn line(random: &mut Random, name: &[u8]) -> Vec<u8> {
    let count = 1 + random.below(9);
    let pieces = (0..count).map(|_| match random.of(PIECES) {
        b"plain" => name,
        piece => piece,
    });
    pieces.collect::<Vec<_>>().concat()
}

/// Asks a shell for the words of all lines at once, as the account.
fn by_shell(host: &Host, account: &Account, shell: &str, lines: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    let mut script = b"set -f\np() { printf '%s\\0' \"$#\" \"$@\"; }\n".to_vec();
    for line in lines {
        script.extend_from_slice(b"p ");
        script.extend_from_slice(line);
        script.push(b'\n');
    }
    host.write("/srv/lines", &script);
    let mut command = Command::new(shell);
    // By default bash also expands the tilde in `name=~`.
    command.args((shell == "bash").then_some("--posix"));
    command
        .arg("/srv/lines")
        .uid(account.id)
        .gid(account.id)
        .current_dir("/");
    command
        .env_clear()
        .env("LC_ALL", "C")
        .env("HOME", account.home());
    let output = host.run(&mut command, b"").succeeded(shell);
    let mut fields = output.stdout.split(|byte| *byte == 0);
    let words = |_: &Vec<u8>| {
        let count = String::from_utf8_lossy(fields.next().expect("a count"));
        let count = count.parse().expect("a count");
        fields.by_ref().take(count).map(<[u8]>::to_vec).collect()
    };
    lines.iter().map(words).collect()
}

/// The word with its tilde expanded; `None` for the home of somebody else, which is refused.
fn expanded(word: &Word, account: &Account) -> Option<Vec<u8>> {
    if !word.has_tilde() {
        return Some(word.bytes().to_vec());
    }
    let bytes = word.bytes();
    let end = bytes
        .iter()
        .position(|byte| *byte == b'/')
        .unwrap_or(bytes.len());
    let own = end == 1 || &bytes[1..end] == account.name.as_bytes();
    let home = account.home();
    own.then(|| {
        word.with_prefix(end, home.as_os_str().as_bytes())
            .bytes()
            .to_vec()
    })
}

/// The words of a line; `None` if it is refused, or accepted although a shell would wait for a quote.
fn by_us(line: &[u8], account: &Account) -> Option<Vec<Vec<u8>>> {
    if line.windows(3).any(|part| part == b"\\\\'") {
        return None;
    }
    let words = split(line).ok()?;
    words.iter().map(|word| expanded(word, account)).collect()
}

#[test]
fn ten_thousand_lines_have_the_words_that_sh_finds() {
    let host = Host::new();
    let account = host.plain();
    let mut random = Random::seeded(9);
    let (mut lines, mut ours) = (Vec::new(), Vec::new());
    while lines.len() < LINES {
        let line = line(&mut random, account.name.as_bytes());
        if let Some(words) = by_us(&line, account) {
            lines.push(line);
            ours.push(words);
        }
    }
    let mut wrong = Vec::new();
    for shell in ["dash", "bash"] {
        let theirs = by_shell(&host, account, shell, &lines);
        for ((line, ours), theirs) in lines.iter().zip(&ours).zip(&theirs) {
            if ours != theirs {
                let show = |words: &[Vec<u8>]| words.join(&b"> <"[..]).escape_ascii().to_string();
                wrong.push(format!(
                    "{}: we <{}>, {shell} <{}>",
                    line.escape_ascii(),
                    show(ours),
                    show(theirs)
                ));
            }
        }
    }
    let with_home = ours
        .iter()
        .flatten()
        .filter(|word| word.starts_with(b"/home/"))
        .count();
    assert!(
        with_home > LINES / 20,
        "only {with_home} tildes were expanded"
    );
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
}
