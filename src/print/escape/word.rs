//! Words for a line that an administrator pastes into a shell.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::is_printable;

/// A path as a word for the shell, in a command that fixes something.
pub fn quoted(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    if bytes.first() == Some(&b'-') {
        // No program takes it for an option.
        return word_of([b"./", bytes].concat().as_slice());
    }
    word_of(bytes)
}

/// A word of a command line in a hint. A hint is a sentence, in which a
/// backslash belongs to an escape: if the word has one, a placeholder stands
/// for the word. The reason says what is meant.
pub fn hinted(word: String, instead: &str) -> String {
    if word.contains('\\') {
        instead.to_owned()
    } else {
        word
    }
}

/// A text as a word for the shell, in a command that fixes something.
pub fn word(text: &str) -> String {
    word_of(text.as_bytes())
}

/// Bytes as one word, which sh(1) and an interactive bash(1) read alike:
/// anything that is not harmless is put between single quotes, where neither
/// expands anything, not even the `!` of bash's history.
///
/// Clients choose the names below a home. A name with a control character or
/// with bytes that are not UTF-8 could not be pasted as it is, so printf(1)
/// produces it. A newline at the end would be lost there, so it is written
/// literally.
fn word_of(bytes: &[u8]) -> String {
    let is_letter = |c: char| c.is_alphanumeric() && is_printable(c);
    let is_harmless = |c: char| is_letter(c) || "/._-+,:@%".contains(c);
    if let Ok(text) = str::from_utf8(bytes)
        && text
            .chars()
            .all(|c| is_letter(c) || c.is_ascii_graphic() || c == ' ')
    {
        if !text.is_empty() && text.chars().all(is_harmless) {
            return text.to_owned();
        }
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    let newlines = bytes.iter().rev().take_while(|byte| **byte == b'\n');
    let (bytes, newlines) = bytes.split_at(bytes.len() - newlines.count());
    let mut out = String::from("\"$(printf %b '");
    for byte in bytes {
        let plain = char::from(*byte);
        if byte.is_ascii() && is_harmless(plain) {
            out.push(plain);
        } else {
            // POSIX's form for %b: three digits behind the 0.
            out.push_str(&format!("\\0{byte:03o}"));
        }
    }
    out.push_str("')\"");
    if !newlines.is_empty() {
        out.push_str(&format!("'{}'", "\n".repeat(newlines.len())));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    #[test]
    fn a_word_shows_all_of_itself() {
        for name in HOSTILE {
            let word = word_of(name);
            assert!(
                word.chars().all(|c| is_printable(c) || c == '\n'),
                "{word:?}"
            );
        }
    }

    #[test]
    fn a_path_in_a_hint_is_a_word_or_a_place_holder() {
        let rows = [
            ("/home/a/in", "/home/a/in"),
            ("/home/a b", "'/home/a b'"),
            ("/home/a\\b", "PATH"),
            ("/home/a'b", "PATH"),
            ("/home/a\u{1b}b", "PATH"),
        ];
        for (path, expected) in rows {
            assert_eq!(hinted(quoted(Path::new(path)), "PATH"), expected);
        }
    }

    #[test]
    fn words_for_the_shell() {
        let rows: [(&[u8], &str); 8] = [
            (b"/home/alice/in", "/home/alice/in"),
            (b"/a b", "'/a b'"),
            (b"/a'b", "'/a'\\''b'"),
            (b"/a!b", "'/a!b'"),
            (b"/a\x1b'1", "\"$(printf %b '/a\\0033\\00471')\""),
            (b"/\xff", "\"$(printf %b '/\\0377')\""),
            (b"/a\n", "\"$(printf %b '/a')\"'\n'"),
            (b"-r", "./-r"),
        ];
        for (path, expected) in rows {
            assert_eq!(quoted(Path::new(OsStr::from_bytes(path))), expected);
        }
        assert_eq!(word(""), "''");
    }

    /// Names that a shell could take for more than a name.
    const HOSTILE: &[&[u8]] = &[
        b"a b",
        b"a'b",
        b"a\"b",
        b"a!b",
        b"!!",
        b"'!!'",
        b"a'!b'!c!",
        b"it's \"!x\"",
        b"$HOME",
        b"$(id)",
        b"`id`",
        b"a\\b\\0101",
        b"{a,b}",
        b"~root",
        b"^a^b",
        b"#a",
        b"a;id",
        b"a&b|c>d<e",
        b"*?[a]",
        b"=x",
        b"-rf",
        b"--",
        b"a\nb",
        b"a\n!b",
        b"\n",
        b"a\n\n",
        b"a\tb\x1b[2Jc\x7f",
        b"\xff\xfe!",
        b"%s%n!\n",
        "h\u{e9}-\u{65e5}".as_bytes(),
        "\u{202e}gpj".as_bytes(),
        "a\u{a0}b".as_bytes(),
        // Letters to Unicode, but nothing on the screen.
        "a\u{3164}b\u{115f}".as_bytes(),
    ];

    /// What the shell makes of a list of words, one per line of its input.
    fn read_back(shell: &[&str], words: &[String]) -> Vec<Vec<u8>> {
        let mut child = Command::new(shell[0])
            .args(&shell[1..])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let mut input = child.stdin.take().expect("a pipe");
        // What history expansion could use again.
        writeln!(input, ": bygone").expect("writing");
        for word in words {
            writeln!(input, "printf '%s\\0' {word}").expect("writing");
        }
        drop(input);
        let output = child.wait_with_output().expect("the shell's end").stdout;
        let mut words: Vec<Vec<u8>> = output.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
        words.pop();
        words
    }

    /// root pastes the line into whatever shell it has.
    #[test]
    fn every_shell_reads_the_same_word() {
        let paths: Vec<Vec<u8>> = HOSTILE
            .iter()
            .flat_map(|name| [name.to_vec(), [b"/home/a/", *name].concat()])
            .collect();
        let words: Vec<String> = paths
            .iter()
            .map(|path| quoted(Path::new(OsStr::from_bytes(path))))
            .collect();
        for shell in [&["bash", "--norc", "-i"][..], &["dash"], &["bash"]] {
            let read = read_back(shell, &words);
            for ((path, word), read) in paths.iter().zip(&words).zip(&read) {
                let read = match read.strip_prefix(b"./") {
                    Some(rest) if rest.starts_with(b"-") => rest,
                    _ => read,
                };
                assert_eq!(
                    OsStr::from_bytes(read),
                    OsStr::from_bytes(path),
                    "{shell:?}: {word}"
                );
            }
            assert_eq!(read.len(), paths.len(), "{shell:?}");
        }
    }
}
