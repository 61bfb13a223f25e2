//! One thing that the doctor found, and the line that mends it.

use std::path::Path;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A promise does not hold, or no session can start.
    Serious,
    /// Nothing is open because of it alone.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// Every severity, the worst first.
    pub const ALL: [Self; 3] = [Self::Serious, Self::Warning, Self::Note];

    /// The name in the output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serious => "serious",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which check it was: stable, for scripts.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence. Names from the disk are escaped in it.
    pub what: String,
    /// A command for root's shell that mends it.
    pub mend: String,
}

impl Finding {
    /// A finding that breaks a promise or the service.
    pub fn serious(id: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            id,
            severity: Severity::Serious,
            what: what.into(),
            mend: mend.into(),
        }
    }

    /// A finding that leaves nothing open by itself.
    pub fn warning(id: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::serious(id, what, mend)
        }
    }

    /// A finding that is worth knowing.
    pub fn note(id: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::serious(id, what, mend)
        }
    }
}

/// A path as a word for the shell of a mending line.
///
/// Names below a home are made by clients. One with a control character or
/// with bytes that are not UTF-8 could not be pasted as it is; such a byte
/// stands in the `$'…'` form, which is that of POSIX.1-2024.
#[must_use]
pub fn quoted(path: &Path) -> String {
    let plain = path.to_str().filter(|text| {
        text.chars()
            .all(|c| c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ')
    });
    if let Some(text) = plain {
        return shell_words::quote(text).into_owned();
    }
    let mut out = String::from("$'");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\'' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b' '..=b'~' => out.push(char::from(*byte)),
            // Three octal digits: a following digit cannot become part of it.
            _ => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    #[test]
    fn words_for_the_shell() {
        let rows: [(&[u8], &str); 5] = [
            (b"/home/alice/in", "/home/alice/in"),
            (b"/a b", "'/a b'"),
            (b"/a'b", "'/a'\\''b'"),
            (b"/a\x1b'\\1", "$'/a\\033\\'\\\\1'"),
            (b"/\xff", "$'/\\377'"),
        ];
        for (path, expected) in rows {
            assert_eq!(quoted(Path::new(OsStr::from_bytes(path))), expected);
        }
    }
}
