//! Sentences, as they are printed.

use std::fmt::{self, Write as _};

use super::{cut_mark, escape_char, is_printable};

/// How many bytes of a sentence are printed in a field of a log line.
const QUOTED_MAX: usize = 4096;

/// A sentence: our own words, and values that were escaped when they were
/// inserted. It is printed as it is; only characters that a terminal would act
/// on, which should not be in it, are escaped here.
#[derive(Clone, Copy, Debug)]
pub struct Sentence<'a>(pub &'a str);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            write_char(f, c)?;
        }
        Ok(())
    }
}

/// Several lines of sentences, each with its line break.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a>(pub &'a str);

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\n' => f.write_char(c)?,
                c => write_char(f, c)?,
            }
        }
        Ok(())
    }
}

/// A sentence as a field of a log line: between double quotes that nothing in
/// it can break out of. What is already escaped stays as it is, so that undoing
/// the escapes of the field once gives the values.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        write_cut(f, self.0, QUOTED_MAX, true)?;
        f.write_char('"')
    }
}

/// A sentence, cut after this many bytes. `quotes`: as in [`Quoted`], a quote
/// that is not escaped yet is, and so is a backslash.
#[derive(Clone, Copy, Debug)]
pub struct Cut<'a> {
    /// The sentence.
    pub text: &'a str,
    /// How many bytes are printed; at most as many as of any sentence.
    pub at_most: usize,
    /// Whether it stands between double quotes.
    pub quotes: bool,
}

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_cut(f, self.text, self.at_most.min(QUOTED_MAX), self.quotes)
    }
}

fn write_cut(f: &mut fmt::Formatter<'_>, text: &str, at_most: usize, quotes: bool) -> fmt::Result {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = unit(rest);
        if text.len() - rest.len() + length > at_most {
            return cut_mark(f, rest.len());
        }
        match c {
            // An escape of a value.
            '\\' if length > 1 => f.write_str(&rest[..length])?,
            '\\' | '"' if quotes => write!(f, "\\{c}")?,
            c => write_char(f, c)?,
        }
        rest = &rest[length..];
    }
    Ok(())
}

/// The bytes of the first character, or of the escape that begins with it. A
/// backslash before something unprintable does not begin one.
fn unit(text: &str) -> usize {
    let mut chars = text.chars();
    let first = chars.next().map_or(0, char::len_utf8);
    if !text.starts_with('\\') {
        return first;
    }
    match chars.next() {
        Some('x') if text.len() >= 4 && text.is_char_boundary(4) && is_escape(&text[..4]) => 4,
        Some('u') => match text.find('}') {
            Some(end) if is_escape(&text[..=end]) => end + 1,
            _ => 2,
        },
        Some(c) if is_printable(c) => first + c.len_utf8(),
        _ => first,
    }
}

/// Whether this is `\xNN` or `\u{N}`.
fn is_escape(text: &str) -> bool {
    let digits = text.strip_prefix("\\x").or_else(|| {
        let text = text.strip_prefix("\\u{")?;
        text.strip_suffix('}')
    });
    digits.is_some_and(|digits| digits.len() <= 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn write_char(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    if is_printable(c) {
        f.write_char(c)
    } else {
        escape_char(f, c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::escape::Escaped;

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
            let length = match after.as_bytes()[0] {
                b'x' => {
                    bytes.push(u8::from_str_radix(&after[1..3], 16).unwrap());
                    3
                }
                b'u' => {
                    let end = after.find('}').unwrap();
                    let code = u32::from_str_radix(&after[2..end], 16).unwrap();
                    let c = char::from_u32(code).unwrap();
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    end + 1
                }
                b'n' => {
                    bytes.push(b'\n');
                    1
                }
                other => {
                    bytes.push(other);
                    1
                }
            };
            rest = &after[length..];
        }
        bytes
    }

    const VALUES: [&[u8]; 9] = [
        b"plain",
        b"a\\b",
        b"a\"b",
        b"a\x1b[2J\nb",
        b"\\x1b",
        b"\\\\\\",
        b"\xff\xfe\\",
        "\u{202e}gpj\u{e0041}".as_bytes(),
        b"\\u{202e}\\\"",
    ];

    #[test]
    fn each_output_escapes_exactly_once() {
        for value in VALUES {
            let escaped = Escaped::bytes(value).to_string();
            let sentence = format!("the name {escaped} is \"odd\"");
            assert_eq!(Sentence(&sentence).to_string(), sentence);
            let raw = [b"the name ", value, b" is \"odd\""].concat();
            let field = Quoted(&sentence).to_string();
            let inner = &field[1..field.len() - 1];
            assert_eq!(read_back(inner), raw, "{field}");
            assert_eq!(read_back(&escaped), value);
        }
    }

    #[test]
    fn nothing_breaks_out_of_a_field() {
        let rows = [
            ("", r#""""#),
            ("a\"b", r#""a\"b""#),
            ("a\\", r#""a\\""#),
            ("a\\\"", r#""a\"""#),
            ("a\\\\\"", r#""a\\\"""#),
            ("a\\\u{1b}[2J", r#""a\\\x1b[2J""#),
            ("a\nb", r#""a\nb""#),
            ("\u{202e}", r#""\u{202e}""#),
        ];
        for (sentence, expected) in rows {
            assert_eq!(Quoted(sentence).to_string(), expected);
        }
    }

    #[test]
    fn what_slips_in_raw_is_escaped() {
        let raw = "a\u{1b}[2J\u{9b}\u{202e}\n\t\\n";
        let expected = r"a\x1b[2J\u{9b}\u{202e}\n\t\n";
        assert_eq!(Sentence(raw).to_string(), expected);
        assert_eq!(Page("a\u{7}\nb\n").to_string(), "a\\x07\nb\n");
    }

    #[test]
    fn a_long_field_is_cut_between_escapes() {
        for ahead in QUOTED_MAX - 9..=QUOTED_MAX {
            let sentence = format!("{}\\u{{202e}}{}", "x".repeat(ahead), "y".repeat(20));
            let field = Quoted(&sentence).to_string();
            let (kept, mark) = field.split_once("\\...[").unwrap();
            assert!(kept.ends_with('x') || kept.ends_with('}') || kept.ends_with('y'));
            assert!(mark.ends_with(" more bytes]\""), "{mark}");
        }
    }
}
