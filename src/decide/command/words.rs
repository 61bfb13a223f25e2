//! Splits a command into words, once, without ever giving it to a shell.
//!
//! shell-words removes the quotes as sh(1) does, but it treats operators and
//! expansions as ordinary characters. So the text is scanned once before: what
//! a shell would interpret and xfersh does not is refused, and the few unquoted
//! characters that mean something to xfersh (`~` and those of patterns) are
//! marked, so that after the split each word still knows which of its
//! characters were quoted. The words that are checked are the words that are
//! executed: nothing is joined and split again.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

/// Longest path that is accepted, in bytes (PATH_MAX of `linux/limits.h`).
pub const PATH_MAX: usize = 4096;

/// Whether an unquoted character means something to xfersh: it is part of a
/// pattern (`super::pattern`).
const fn is_meaningful(c: u8) -> bool {
    matches!(c, b'*' | b'?' | b'[' | b']')
}

/// The same after an opening bracket.
const fn is_meaningful_in_brackets(c: u8) -> bool {
    matches!(c, b'!' | b'^' | b'-' | b':' | b'=' | b'.')
}

/// Why a command cannot be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordsError {
    /// An unquoted character that a shell would interpret.
    Metacharacter(u8),
    /// `$` or a backquote, unquoted or between double quotes.
    Expansion(u8),
    /// A quote that is not closed, or a backslash at the end.
    Unbalanced,
    /// A NUL byte, which no program argument can contain.
    Nul,
}

impl std::fmt::Display for WordsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Metacharacter(b'\n' | b'\r') => f.write_str("an unquoted line break"),
            Self::Metacharacter(c) => write!(f, "an unquoted '{}'", char::from(*c)),
            Self::Expansion(c) => write!(f, "an expansion with '{}'", char::from(*c)),
            Self::Unbalanced => f.write_str("an unbalanced quote or backslash"),
            Self::Nul => f.write_str("a NUL byte"),
        }
    }
}

/// One word of the command, its quotes removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    bytes: Vec<u8>,
    /// Positions in `bytes` of unquoted characters with a meaning, in ascending
    /// order.
    active: Vec<usize>,
}

impl Word {
    /// The bytes, quotes removed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The word as it goes into an argument vector.
    pub fn to_os(&self) -> OsString {
        OsString::from_vec(self.bytes.clone())
    }

    /// Whether it begins with an unquoted `~`.
    pub fn has_tilde(&self) -> bool {
        self.bytes.first() == Some(&b'~') && self.active.first() == Some(&0)
    }

    /// The same word with its first `count` bytes replaced; the replacement is
    /// literal.
    pub fn with_prefix(&self, count: usize, prefix: &[u8]) -> Self {
        let bytes = [prefix, &self.bytes[count..]].concat();
        let shifted = self.active.iter().filter(|at| **at >= count);
        let active = shifted.map(|at| at - count + prefix.len()).collect();
        Self { bytes, active }
    }

    /// The word as a pattern: a backslash precedes each quoted character that
    /// would have a meaning in a pattern.
    pub fn pattern(&self) -> OsString {
        let mut out = Vec::with_capacity(self.bytes.len());
        let mut active = self.active.iter().peekable();
        let mut bracket = false;
        for (at, c) in self.bytes.iter().enumerate() {
            let is_active = active.next_if_eq(&&at).is_some();
            bracket |= is_active && *c == b'[';
            let meaningful = is_meaningful(*c) || bracket && is_meaningful_in_brackets(*c);
            if !is_active && (*c == b'\\' || meaningful) {
                out.push(b'\\');
            }
            out.push(*c);
        }
        OsString::from_vec(out)
    }
}

/// Splits a command.
///
/// # Errors
///
/// The first thing in it that a shell would interpret and xfersh does not.
pub fn split(command: &[u8]) -> Result<Vec<Word>, WordsError> {
    if command.contains(&0) {
        return Err(WordsError::Nul);
    }
    let marked = mark(command)?;
    let words = shell_words::split(&marked).map_err(|_| WordsError::Unbalanced)?;
    Ok(words.iter().map(|word| unmark(word)).collect())
}

/// Offset of the private-use characters that stand for marked bytes. Plain
/// bytes become U+0000 to U+00FF, so that commands need not be UTF-8.
const MARK: u32 = 0xe000;

#[derive(Clone, Copy, PartialEq)]
enum Quote {
    None,
    Single,
    Double,
}

fn mark(command: &[u8]) -> Result<String, WordsError> {
    let mut out = String::with_capacity(command.len());
    let mut quote = Quote::None;
    let mut word_start = true;
    // Whether an unquoted bracket precedes in the word.
    let mut bracket = false;
    let mut bytes = command.iter();
    let mut after_backslash = false;
    while let Some(&c) = bytes.next() {
        let mut shown = char::from(c);
        match (quote, c) {
            (Quote::Single, b'\'') | (Quote::Double, b'"') => quote = Quote::None,
            (Quote::Single, _) => {}
            // A client that escapes twice turns `\'` into `\\'`. A quote that
            // comes about in this way and is never closed is an apostrophe in
            // the file name; sh(1) would give up there.
            (Quote::None, b'\'') if after_backslash && !bytes.as_slice().contains(&c) => {
                out.push('\\');
            }
            (Quote::None, b'\'') => quote = Quote::Single,
            (Quote::None, b'"') => quote = Quote::Double,
            (_, b'\\') => {
                out.push('\\');
                shown = char::from(*bytes.next().ok_or(WordsError::Unbalanced)?);
            }
            (_, b'$' | b'`') => return Err(WordsError::Expansion(c)),
            (Quote::Double, _) => {}
            (Quote::None, b'\n' | b'\r' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')') => {
                return Err(WordsError::Metacharacter(c));
            }
            (Quote::None, b'#') if word_start => return Err(WordsError::Metacharacter(c)),
            (Quote::None, b'~') if word_start && is_tilde_prefix(bytes.as_slice()) => {
                shown = marked(c);
            }
            (Quote::None, _) if is_meaningful(c) => {
                bracket |= c == b'[';
                shown = marked(c);
            }
            (Quote::None, _) if bracket && is_meaningful_in_brackets(c) => shown = marked(c),
            (Quote::None, _) => {}
        }
        let escaped = c == b'\\';
        after_backslash = escaped && shown == '\\';
        word_start = match shown {
            // A line continuation (XCU 2.2.1): as if both characters were not
            // there.
            '\n' if escaped => word_start,
            // A blank after a backslash is part of the word.
            ' ' | '\t' => quote == Quote::None && !escaped,
            _ => false,
        };
        bracket &= !word_start;
        out.push(shown);
    }
    Ok(out)
}

/// Whether a `~` at the start of a word, followed by this, is a tilde-prefix:
/// up to the first slash nothing may be quoted, not even with empty quotes
/// (POSIX.1-2024, XCU 2.6.1).
fn is_tilde_prefix(mut rest: &[u8]) -> bool {
    loop {
        rest = match rest {
            [b'\\', b'\n', rest @ ..] => rest,
            [b'\'' | b'"' | b'\\', ..] => return false,
            [] | [b'/' | b' ' | b'\t' | b'\n', ..] => return true,
            [_, rest @ ..] => rest,
        };
    }
}

fn marked(c: u8) -> char {
    char::from_u32(MARK + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn unmark(word: &str) -> Word {
    let mut bytes = Vec::with_capacity(word.len());
    let mut active = Vec::new();
    for c in word.chars() {
        let code = u32::from(c);
        if code >= MARK {
            active.push(bytes.len());
        }
        // Both ranges hold one byte: the low eight bits.
        bytes.push((code & 0xff) as u8);
    }
    Word { bytes, active }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &str) -> Result<Vec<String>, WordsError> {
        let words = split(command.as_bytes())?;
        let text = |word: &Word| String::from_utf8_lossy(word.bytes()).into_owned();
        Ok(words.iter().map(text).collect())
    }

    #[test]
    fn quotes_go_and_words_stay() {
        let rows: [(&str, &[&str]); 16] = [
            ("", &[]),
            ("  \t ", &[]),
            ("scp\t-t  /t ", &["scp", "-t", "/t"]),
            ("scp -t 'a b'", &["scp", "-t", "a b"]),
            (r#"'/tmp/it'"'"'s'"#, &["/tmp/it's"]),
            (r#""a'b""#, &["a'b"]),
            (r"a\ b", &["a b"]),
            (r"'a'\!'b'", &["a!b"]),
            (r"a\$b\;c", &["a$b;c"]),
            (r"'/x|y&z'", &["/x|y&z"]),
            (r#"scp -t """#, &["scp", "-t", ""]),
            ("a#b", &["a#b"]),
            (r"a\ #b", &["a #b"]),
            ("a\\\n#b", &["a#b"]),
            (r"it\\'s.txt", &[r"it\'s.txt"]),
            (r"a\\'b c'", &[r"a\b c"]),
        ];
        for (command, expected) in rows {
            assert_eq!(words(command).unwrap(), expected, "{command}");
        }
    }

    #[test]
    fn what_a_shell_would_interpret_is_refused() {
        let rows = [
            ("a;b", WordsError::Metacharacter(b';')),
            ("a & b", WordsError::Metacharacter(b'&')),
            ("a|b", WordsError::Metacharacter(b'|')),
            ("a>b", WordsError::Metacharacter(b'>')),
            ("a <(b)", WordsError::Metacharacter(b'<')),
            ("(a)", WordsError::Metacharacter(b'(')),
            ("a\nb", WordsError::Metacharacter(b'\n')),
            ("a\rb", WordsError::Metacharacter(b'\r')),
            ("a #b", WordsError::Metacharacter(b'#')),
            ("#b", WordsError::Metacharacter(b'#')),
            ("\\\n#b", WordsError::Metacharacter(b'#')),
            ("$a", WordsError::Expansion(b'$')),
            ("\"$a\"", WordsError::Expansion(b'$')),
            ("\"`a`\"", WordsError::Expansion(b'`')),
            ("'a", WordsError::Unbalanced),
            ("a'b", WordsError::Unbalanced),
            (r"a\'b'c", WordsError::Unbalanced),
            ("\"a", WordsError::Unbalanced),
            ("a\\", WordsError::Unbalanced),
            ("'a\0'", WordsError::Nul),
        ];
        for (command, expected) in rows {
            assert_eq!(words(command), Err(expected), "{command:?}");
        }
    }

    #[test]
    fn bytes_beyond_ascii_survive() {
        let word = &split(b"/tmp/\xe9\xff'\xc3\xa9'").unwrap()[0];
        assert_eq!(word.bytes(), b"/tmp/\xe9\xff\xc3\xa9");
        // A private-use character from the client is not one of our marks.
        let word = &split("\u{e02a}".as_bytes()).unwrap()[0];
        assert_eq!(word.bytes(), "\u{e02a}".as_bytes());
        assert_eq!(word.pattern(), "\u{e02a}");
    }

    #[test]
    fn only_unquoted_wildcards_and_tildes_are_active() {
        let rows: [(&str, bool, &str); 29] = [
            ("*.c", false, "*.c"),
            ("'*'.c", false, r"\*.c"),
            (r"\*x?", false, r"\*x?"),
            ("a[bc]", false, "a[bc]"),
            ("a[b'-'c]", false, r"a[b\-c]"),
            ("[a.]-b", false, "[a.]-b"),
            (r"[a\ -z]", false, "[a -z]"),
            ("[-z]", false, "[-z]"),
            (r"[\!a'^']", false, r"[\!a\^]"),
            (r"[[':'alpha:]]", false, r"[[\:alpha:]]"),
            (r"a\\b", false, r"a\\b"),
            ("~/x", true, "~/x"),
            ("~", true, "~"),
            ("~ b", true, "~"),
            ("~alice/x", true, "~alice/x"),
            ("~/'x'", true, "~/x"),
            ("\\\n~/x", true, "~/x"),
            ("~\\\n/x", true, "~/x"),
            ("'~'/x", false, "~/x"),
            (r"\~/x", false, "~/x"),
            (r#"""~"#, false, "~"),
            (r#"""~/x"#, false, "~/x"),
            (r#"~"""#, false, "~"),
            ("~''/x", false, "~/x"),
            ("~al'i'ce/x", false, "~alice/x"),
            (r"~\alice", false, "~alice"),
            (r"\ ~/x", false, " ~/x"),
            ("--temp-dir=~/x", false, "--temp-dir=~/x"),
            ("a~", false, "a~"),
        ];
        for (command, tilde, pattern) in rows {
            let word = &split(command.as_bytes()).unwrap()[0];
            assert_eq!(word.has_tilde(), tilde, "{command}");
            assert_eq!(word.pattern(), pattern, "{command}");
        }
    }

    #[test]
    fn a_prefix_is_literal() {
        let word = &split(b"~/*x").unwrap()[0];
        let word = word.with_prefix(1, b"/home/a[b]");
        assert_eq!(word.bytes(), b"/home/a[b]/*x");
        assert_eq!(word.pattern(), r"/home/a\[b\]/*x");
        assert!(!word.has_tilde());
    }
}
