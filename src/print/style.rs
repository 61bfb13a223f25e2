//! Colours, once.

use std::ffi::OsStr;

/// Whether colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// With the colours of a terminal (ECMA-48, SGR).
    Coloured,
}

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// To be looked at.
    Caution,
    /// Worth knowing.
    Note,
}

impl Style {
    /// Colours on a terminal that can show them, unless NO_COLOR is set and
    /// not empty (<https://no-color.org>).
    pub fn of(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> Self {
        let unwanted = no_color.is_some_and(|value| !value.is_empty());
        let dumb = term.is_none_or(|term| term == "dumb");
        if is_terminal && !unwanted && !dumb {
            Self::Coloured
        } else {
            Self::Plain
        }
    }

    /// A text in a colour.
    pub fn paint(self, colour: Colour, text: &str) -> String {
        if self == Self::Plain {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Good => "32",
            Colour::Bad => "1;31",
            Colour::Caution => "33",
            Colour::Note => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let rows = [
            ((true, None, Some("xterm")), Style::Coloured),
            ((true, Some(""), Some("xterm")), Style::Coloured),
            ((true, Some("1"), Some("xterm")), Style::Plain),
            ((true, None, Some("dumb")), Style::Plain),
            ((true, None, None), Style::Plain),
            ((false, None, Some("xterm")), Style::Plain),
        ];
        for ((terminal, no_color, term), expected) in rows {
            let style = Style::of(terminal, no_color.map(OsStr::new), term.map(OsStr::new));
            assert_eq!(style, expected, "{terminal} {no_color:?} {term:?}");
        }
    }
}
