//! Writes JSON (RFC 8259): what `--json` prints.
//!
//! Values are exact and whole. Bytes that are UTF-8 are a string; others are an
//! array of their numbers, as in `journalctl -o json` for fields that are not
//! text. A sentence is the same as in the text output.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::escape::{Sentence, is_printable};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Number(u64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object; the order of the keys is kept.
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    /// Bytes: a string if they are UTF-8, otherwise an array of numbers.
    pub fn bytes(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes).map_or_else(
            |_| {
                Self::List(
                    bytes
                        .iter()
                        .map(|byte| Self::Number((*byte).into()))
                        .collect(),
                )
            },
            |text| Self::Text(text.to_owned()),
        )
    }

    /// A word of the operating system; see [`Self::bytes`].
    pub fn os(text: &OsStr) -> Self {
        Self::bytes(text.as_bytes())
    }

    /// A path; see [`Self::bytes`].
    pub fn path(path: &Path) -> Self {
        Self::os(path.as_os_str())
    }

    /// A sentence, as in the text output.
    pub fn sentence(text: &str) -> Self {
        Self::Text(Sentence(text).to_string())
    }

    /// A string, or `null` if there is none.
    pub fn maybe(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.into()))
    }

    /// An array of strings.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        let texts = texts.into_iter().map(|text| Self::Text(text.into()));
        Self::List(texts.collect())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(text) => string(f, text),
            Self::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    write!(f, "{comma}{item}")?;
                }
                f.write_str("]")
            }
            Self::Object(fields) => {
                f.write_str("{")?;
                for (i, (key, value)) in fields.iter().enumerate() {
                    f.write_str(if i > 0 { "," } else { "" })?;
                    string(f, key)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "{}", JsonString(&text))
}

/// What is displayed, as a string in JSON.
pub struct JsonString<'a>(pub &'a dyn fmt::Display);

impl fmt::Display for JsonString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        write!(Inside(f), "{}", self.0)?;
        f.write_char('"')
    }
}

/// Writes the inside of a string: escapes what RFC 8259 §7 requires, and
/// everything else that a terminal would act on or not show.
struct Inside<'f, 'a>(&'f mut fmt::Formatter<'a>);

impl fmt::Write for Inside<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.write_char(c))
    }

    fn write_char(&mut self, c: char) -> fmt::Result {
        match c {
            '"' => self.0.write_str("\\\""),
            '\\' => self.0.write_str("\\\\"),
            '\n' => self.0.write_str("\\n"),
            c if is_printable(c) => self.0.write_char(c),
            c => {
                let mut units = [0; 2];
                let mut units = c.encode_utf16(&mut units).iter();
                units.try_for_each(|unit| write!(self.0, "\\u{unit:04x}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let value = Json::Object(vec![
            (
                "a",
                Json::List(vec![
                    Json::Text("x\"\\\n\u{1b}\u{7f}".into()),
                    Json::bytes("é".as_bytes()),
                ]),
            ),
            ("b", Json::Null),
            ("c", Json::List(vec![Json::Bool(true), Json::Number(7)])),
            ("d", Json::maybe(None::<String>)),
            ("e", Json::Object(Vec::new())),
        ]);
        let expected = concat!(
            r#"{"a":["x\"\\\n\u001b\u007f","é"],"b":null,"#,
            r#""c":[true,7],"d":null,"e":{}}"#
        );
        assert_eq!(value.to_string(), expected);
    }

    #[test]
    fn bytes_are_exact_and_harmless() {
        let rows: [(&[u8], &str); 5] = [
            (b"up/a\\b", r#""up/a\\b""#),
            (b"\x1b[2J\x7f", r#""\u001b[2J\u007f""#),
            ("\u{202e}\u{200b}".as_bytes(), r#""\u202e\u200b""#),
            ("\u{e0041}".as_bytes(), r#""\udb40\udc41""#),
            (b"n\xff", "[110,255]"),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Json::bytes(bytes).to_string(), expected);
        }
        let long = vec![b'x'; 100_000];
        assert_eq!(Json::bytes(&long).to_string().len(), 100_002);
    }
}
