//! Skips the `[[match]]` blocks that cannot apply to an account, so that ten
//! thousand of them do not slow down every start.
//!
//! A block is skipped only if all of it has the simplest form and is correct:
//! each line is blank, a comment, or `key = "…"` or `key = ["…", "…"]` without
//! an escape, or `key = 1` in decimal, and each key and value passes the checks
//! that every policy must pass. It must have a condition on users and none on
//! groups, and none of its patterns may match the account or another entry with
//! its uid. Everything else is left to the full parser, and only that reports
//! errors.

use std::borrow::Cow;

use toml_parser::Span;

use super::errors::Errors;
use super::keys;
use super::section::Seen;
use super::value::{Content, Value};
use crate::decide::policy::{Policy, Setting, glob};

const HEADER: &str = "[[match]]";

/// Skips blocks that are for none of these names.
pub(super) struct Skip<'n, 't> {
    names: &'n [&'n str],
    /// The keys of the current block.
    seen: Seen,
    /// What followed the user in the last block that began with it, up to the
    /// next header, with its lines: it is correct if a user comes before it.
    rest: (&'t str, u32),
    /// The items of the last list: its memory is reused for the next one.
    items: Vec<Value<'t>>,
    /// Never reported. After the first one nothing more is skipped, and the
    /// full parser finds it again.
    errors: Errors,
}

impl<'n, 't> Skip<'n, 't> {
    pub(super) fn new(names: &'n [&'n str]) -> Self {
        Self {
            names,
            seen: Seen::default(),
            rest: ("", 0),
            items: Vec::new(),
            errors: Errors::default(),
        }
    }

    /// The bytes and lines of the blocks at the start of the text that can be
    /// left out.
    pub(super) fn blocks(&mut self, text: &'t str) -> (usize, u32) {
        let mut plain = Plain {
            text,
            at: 0,
            lines: 0,
        };
        let mut skipped = (0, 0);
        while self.errors.count() == 0 && self.block(&mut plain).is_some() {
            skipped = (plain.at, plain.lines);
        }
        skipped
    }

    /// Reads a block up to the next header or the end; `None` if it cannot be
    /// left out.
    fn block(&mut self, text: &mut Plain<'t>) -> Option<()> {
        text.header()?;
        self.seen.clear();
        let mut for_others = false;
        let mut rest = None;
        while !text.block_ends() {
            if text.line_is_empty() {
                continue;
            }
            let first = self.seen.is_empty();
            for_others |= self.line(text)?;
            if first && for_others {
                // Blocks are alike: most differ only in the user.
                if text.block_goes_on_with(self.rest) {
                    return Some(());
                }
                rest = Some((text.at, text.lines));
            }
        }
        if let Some((at, lines)) = rest {
            self.rest = (&text.text[at..text.at], text.lines - lines);
        }
        for_others.then_some(())
    }

    /// Reads a line with a key and checks it; returns whether it is a condition
    /// that none of the names meets.
    fn line(&mut self, text: &mut Plain<'t>) -> Option<bool> {
        let key = text.key()?;
        let value = text.value(&mut self.items)?;
        text.end_of_line()?;
        let is_for_others = self.check(key, &value, text.lines);
        if let Content::List(mut items) = value.content {
            items.clear();
            self.items = items;
        }
        is_for_others
    }

    fn check(&mut self, key: &str, value: &Value<'t>, line: u32) -> Option<bool> {
        let name = match key {
            "user" => "user",
            "address" => "address",
            "profile" => "profile",
            _ => Policy::KEYS.iter().copied().find(|name| *name == key)?,
        };
        let errors = &mut self.errors;
        if !self.seen.note(name, value.span, line, errors) {
            return None;
        }
        match name {
            "user" => {
                let names = self.names;
                let fits = |user: &str| names.iter().any(|name| glob::fits(user, name.as_bytes()));
                let is_for_them = match value.only_item() {
                    Some(item) => fits(keys::name(item, errors)?),
                    None => keys::names(value, errors)?.into_iter().any(fits),
                };
                (!is_for_them).then_some(true)
            }
            "address" => keys::addresses(value, errors).map(|_| false),
            "profile" => keys::profiles(value, errors).map(|_| false),
            _ => Setting::read(name, value, errors)?.map(|_| false),
        }
    }
}

/// Text that is read as far as it has the simplest form.
struct Plain<'t> {
    text: &'t str,
    at: usize,
    /// The line breaks that were read.
    lines: u32,
}

impl<'t> Plain<'t> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Whether the next header or the end is here.
    fn block_ends(&self) -> bool {
        self.is_at_end() || self.is_at_header()
    }

    /// Skips this text and its lines, if the block then ends.
    fn block_goes_on_with(&mut self, (rest, lines): (&str, u32)) -> bool {
        let from = &self.text.as_bytes()[self.at..];
        let ends = from.strip_prefix(rest.as_bytes());
        let ends = ends.is_some_and(|after| after.starts_with(HEADER.as_bytes()));
        if ends {
            self.at += rest.len();
            self.lines += lines;
        }
        ends
    }

    const fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    fn is_at_header(&self) -> bool {
        self.byte() == Some(b'[') && self.text.as_bytes()[self.at..].starts_with(HEADER.as_bytes())
    }

    fn header(&mut self) -> Option<()> {
        if !self.is_at_header() {
            return None;
        }
        self.at += HEADER.len();
        self.end_of_line()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.byte() == Some(byte)).then(|| self.at += 1)
    }

    /// Skips the bytes of this kind. What is read here is short: a plain loop
    /// is faster than a search that is made for long texts.
    fn while_is(&mut self, is: impl Fn(u8) -> bool) -> &'t str {
        let start = self.at;
        let mut rest = self.text.as_bytes()[start..].iter();
        while rest.as_slice().first().is_some_and(|byte| is(*byte)) {
            rest.next();
        }
        self.at = self.text.len() - rest.len();
        &self.text[start..self.at]
    }

    fn blanks(&mut self) {
        while self.byte() == Some(b' ') {
            self.at += 1;
        }
    }

    /// The rest of a line: blanks, a comment, the line break.
    fn end_of_line(&mut self) -> Option<()> {
        self.blanks();
        if self.eat(b'#').is_some() {
            self.while_is(is_plain);
        }
        if self.is_at_end() {
            return Some(());
        }
        self.eat(b'\n').map(|()| self.lines += 1)
    }

    /// Reads a line that says nothing.
    fn line_is_empty(&mut self) -> bool {
        matches!(self.byte(), Some(b'\n' | b' ' | b'#')) && self.end_of_line().is_some()
    }

    /// A bare key and the sign after it.
    fn key(&mut self) -> Option<&'t str> {
        let key = self.while_is(|byte| byte.is_ascii_lowercase() || byte == b'_');
        self.blanks();
        self.eat(b'=')?;
        self.blanks();
        Some(key)
    }

    /// A string, a number, a boolean, or a list of strings, for which there is
    /// memory.
    fn value(&mut self, memory: &mut Vec<Value<'t>>) -> Option<Value<'t>> {
        match self.byte()? {
            b'[' => self.at += 1,
            b'"' => return self.string(),
            b't' | b'f' => return self.boolean(),
            _ => return self.number(),
        }
        let mut items = std::mem::take(memory);
        loop {
            self.blanks();
            items.push(self.string()?);
            self.blanks();
            if self.eat(b',').is_none() {
                break;
            }
        }
        self.eat(b']')?;
        Some(value(Content::List(items)))
    }

    /// A decimal number of one to 18 digits, which fits 64 bits.
    fn number(&mut self) -> Option<Value<'t>> {
        let digits = self.while_is(|byte| byte.is_ascii_digit());
        let sound = (1..=18).contains(&digits.len()) && !digits.starts_with('0');
        sound.then(|| value(Content::Integer(digits.parse().ok())))
    }

    /// `true` or `false`.
    fn boolean(&mut self) -> Option<Value<'t>> {
        match self.while_is(|byte| byte.is_ascii_lowercase()) {
            "true" => Some(value(Content::Boolean(true))),
            "false" => Some(value(Content::Boolean(false))),
            _ => None,
        }
    }

    /// A basic string without an escape.
    fn string(&mut self) -> Option<Value<'t>> {
        self.eat(b'"')?;
        let text = self.while_is(|byte| IN_STRINGS[usize::from(byte)]);
        self.eat(b'"')?;
        Some(value(Content::Text(Cow::Borrowed(text))))
    }
}

/// Its position does not matter: no error is reported about it.
fn value(content: Content<'_>) -> Value<'_> {
    Value {
        content,
        span: Span::default(),
    }
}

/// What [`Plain::string`] reads, for each byte.
const IN_STRINGS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_plain(byte as u8) && !matches!(byte as u8, b'"' | b'\\');
        byte += 1;
    }
    table
};

/// What may be in a comment and, except for the quote and the escape, in a
/// string: everything but control characters. Beyond ASCII the text is UTF-8,
/// of which TOML accepts every character.
const fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f
}

#[cfg(test)]
mod tests;
