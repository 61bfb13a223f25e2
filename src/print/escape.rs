//! Makes what is printed harmless for a log line or a terminal, once.
//!
//! A value (bytes of a client, of the disk, of the policy) goes through
//! [`Escaped`]. A sentence (a reason, a hint, an error) consists of our own
//! words and of escaped values: where it is printed it goes through
//! [`Sentence`], which does not escape its values again.
//!
//! Control characters, bytes that are not UTF-8, and characters that change how
//! their neighbours are shown (direction marks, zero-width and other invisible
//! ones: CVE-2023-28486, "Trojan Source" CVE-2021-42574) are printed as
//! escapes; so are the backslash and the double quote, so that an escaped text
//! can be put between double quotes and read back unambiguously.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

mod sentence;
pub mod word;

pub use sentence::{Cut, Page, Quoted, Sentence};

/// How many bytes of one value are printed if it is [`Escaped::cut`]. A mark
/// replaces the rest and says how much was cut off.
pub const SHOWN_MAX: usize = 1024;

/// How many bytes of a [`bare_field`] are printed. No name of an account is
/// longer (LOGIN_NAME_MAX of limits.h).
const BARE_MAX: usize = 256;

/// Displays bytes escaped.
#[derive(Clone, Copy)]
pub struct Escaped<'a> {
    bytes: &'a [u8],
    at_most: usize,
}

impl<'a> Escaped<'a> {
    /// Bytes of any origin.
    pub const fn bytes(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at_most: usize::MAX,
        }
    }

    /// A text.
    pub const fn text(text: &'a str) -> Self {
        Self::bytes(text.as_bytes())
    }

    /// A word of the operating system.
    pub fn os(text: &'a OsStr) -> Self {
        Self::bytes(text.as_bytes())
    }

    /// A path.
    pub fn path(path: &'a Path) -> Self {
        Self::os(path.as_os_str())
    }

    /// The same, cut after [`SHOWN_MAX`] bytes: for a field of a log line and
    /// for a row of text. In a sentence a value stays whole, since the sentence
    /// is also printed as JSON.
    pub const fn cut(self) -> Self {
        self.cut_to(SHOWN_MAX)
    }

    /// The same, cut after this many bytes.
    pub const fn cut_to(self, at_most: usize) -> Self {
        Self { at_most, ..self }
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.bytes[..self.bytes.len().min(self.at_most)];
        for chunk in shown.utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some(c) = rest.chars().next() {
                // Most text needs no escape and is written in one piece.
                let plain = rest.bytes().take_while(|b| is_plain(*b)).count();
                f.write_str(&rest[..plain])?;
                rest = &rest[plain..];
                if plain == 0 {
                    escape_char(f, c)?;
                    rest = &rest[c.len_utf8()..];
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        match self.bytes.len() - shown.len() {
            0 => Ok(()),
            cut => cut_mark(f, cut),
        }
    }
}

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// A text as a field of a log line that is not quoted: a blank in it would end
/// the field, and what follows could look like another one, so it is escaped
/// too.
pub fn bare_field(text: &str) -> String {
    let escaped = Escaped::text(text).cut_to(BARE_MAX);
    escaped.to_string().replace(' ', "\\x20")
}

/// Marks what is cut off. No escape looks like it.
fn cut_mark(f: &mut fmt::Formatter<'_>, bytes: usize) -> fmt::Result {
    write!(f, "\\...[{bytes} more bytes]")
}

/// Whether a terminal shows the character as itself and does nothing else.
pub fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~') || (!c.is_ascii() && !is_invisible(c))
}

/// Whether a byte of UTF-8 is a whole character that needs no escape.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b'"')
}

fn escape_char(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '\\' => f.write_str("\\\\"),
        '"' => f.write_str("\\\""),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        ' '..='~' => f.write_char(c),
        c if c.is_ascii() => write!(f, "\\x{:02x}", c as u32),
        c if is_invisible(c) => write!(f, "\\u{{{:x}}}", c as u32),
        c => f.write_char(c),
    }
}

/// Control, format, separator and private characters beyond ASCII (Unicode
/// general categories Cc, Cf, Zl, Zp, Co and the blanks of Zs), what is
/// rendered as nothing (Hangul fillers, variation selectors), and the code
/// points that are not characters. A test compares it with Unicode's own list.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || u32::from(c) & 0xfffe == 0xfffe
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{16fe4}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_harmless_stays_and_the_rest_is_escaped() {
        let rows: [(&[u8], &str); 12] = [
            (b"scp -t up.txt", "scp -t up.txt"),
            ("up-é-日本.txt".as_bytes(), "up-é-日本.txt"),
            (b"a\nb\r\tc", "a\\nb\\r\\tc"),
            (b"\x1b[2J", "\\x1b[2J"),
            (b"\x7f\x00", "\\x7f\\x00"),
            (b"\xe9t\xe9", "\\xe9t\\xe9"),
            (b"say \"hi\"\\", "say \\\"hi\\\"\\\\"),
            ("\u{202e}gpj".as_bytes(), "\\u{202e}gpj"),
            ("a\u{200b}b".as_bytes(), "a\\u{200b}b"),
            ("\u{9b}2J".as_bytes(), "\\u{9b}2J"),
            ("\u{a0}\u{3000}".as_bytes(), "\\u{a0}\\u{3000}"),
            ("\u{e0041}".as_bytes(), "\\u{e0041}"),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Escaped::bytes(bytes).to_string(), expected);
        }
    }

    #[test]
    fn a_bare_field_has_no_blank() {
        assert_eq!(bare_field("alice"), "alice");
        assert_eq!(bare_field("a b\\ \n"), "a\\x20b\\\\\\x20\\n");
        assert!(!bare_field(&"x ".repeat(SHOWN_MAX)).contains(' '));
    }

    #[test]
    fn a_long_value_is_cut_with_a_mark() {
        let long = vec![b'x'; SHOWN_MAX + 5];
        let shown = Escaped::bytes(&long).cut().to_string();
        assert!(shown.ends_with("x\\...[5 more bytes]"), "{shown}");
        assert_eq!(Escaped::bytes(&long).to_string().len(), SHOWN_MAX + 5);
    }

    /// The characters that Unicode calls control, format, private, unpaired,
    /// separators and blanks, except the space; and other assigned characters
    /// that are displayed as nothing (Default_Ignorable_Code_Point of
    /// DerivedCoreProperties.txt, the empty Braille pattern, the Khitan
    /// filler). Of the unassigned ones, Unicode reserves U+2065, U+FFF0 to
    /// U+FFF8 and the 14th plane for such characters.
    #[test]
    fn what_unicode_calls_invisible_is_escaped_and_nothing_else() {
        use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory as _};
        let shown_as_nothing = |c: char| {
            matches!(c, '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{2065}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
                | '\u{fff0}'..='\u{fff8}' | '\u{16fe4}' | '\u{e0000}'..='\u{effff}')
        };
        let noncharacter = |c: char| {
            matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff) || matches!(c, '\u{fdd0}'..='\u{fdef}')
        };
        let mut wrong = Vec::new();
        for c in '\0'..=char::MAX {
            let category = c.general_category();
            let invisible = shown_as_nothing(c)
                || noncharacter(c)
                || c != ' '
                    && matches!(
                        category,
                        Category::Control
                            | Category::Format
                            | Category::PrivateUse
                            | Category::LineSeparator
                            | Category::ParagraphSeparator
                            | Category::SpaceSeparator
                    );
            if is_printable(c) == invisible {
                wrong.push(format!(
                    "U+{:04X} {category:?} printable: {}",
                    u32::from(c),
                    is_printable(c)
                ));
            }
        }
        assert!(
            wrong.is_empty(),
            "{} {:#?}",
            wrong.len(),
            &wrong[..wrong.len().min(60)]
        );
    }
}
