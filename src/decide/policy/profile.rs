//! The name of a profile: blocks of the policy that hold only for sessions
//! that ask for them (`xfersh --forced --profile NAME`).

use std::fmt;

use crate::print::escape::Escaped;

/// The longest name, in bytes.
const LENGTH_MAX: usize = 64;

/// The name of a profile: letters, digits, `-`, `_` and `.`, the first of which
/// is a letter or a digit. It needs no quotes in any shell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProfileName(String);

impl ProfileName {
    /// Vets a name.
    ///
    /// # Errors
    ///
    /// What is wrong with it: a sentence without its end.
    pub fn new(text: &[u8]) -> Result<Self, String> {
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        let begins = text.first().is_some_and(u8::is_ascii_alphanumeric);
        if begins && text.len() <= LENGTH_MAX && text.iter().all(is_name) {
            return Ok(Self(text.iter().copied().map(char::from).collect()));
        }
        let shown = Escaped::bytes(text).cut();
        Err(format!(
            "\"{shown}\" is not the name of a profile: up to {LENGTH_MAX} letters, digits, '-', '_' \
             and '.', the first a letter or a digit"
        ))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["up", "a", "9", "nightly-2.x_y", &"x".repeat(64)] {
            let seen = ProfileName::new(name.as_bytes());
            assert_eq!(seen.unwrap().as_str(), name);
        }
        for wrong in [
            "", "-x", ".x", "_x", "a b", "a/b", "a*", "a?", "a\n", "\u{e9}", "a'b", "a,b",
        ] {
            assert!(ProfileName::new(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(ProfileName::new(&[b'x'; 65]).is_err());
        assert!(ProfileName::new(b"\xff").is_err());
    }
}
