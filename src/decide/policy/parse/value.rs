//! A value in the file with its position, and the forms that keys expect.

use std::borrow::Cow;

use toml_parser::Span;

use super::errors::{Errors, near, quoted};
use crate::decide::policy::show::Shown;

/// A value and its bytes in the file.
pub(in crate::decide::policy) struct Value<'t> {
    pub(super) content: Content<'t>,
    pub(super) span: Span,
}

/// What a value is.
pub(super) enum Content<'t> {
    /// A string.
    Text(Cow<'t, str>),
    /// An integer; `None` if it has more than 64 bits.
    Integer(Option<i64>),
    /// `true` or `false`.
    Boolean(bool),
    /// A list.
    List(Vec<Value<'t>>),
    /// What no key accepts, by name.
    Other(&'static str),
}

impl<'t> Value<'t> {
    /// The value's type in words.
    pub(super) const fn kind(&self) -> &'static str {
        match self.content {
            Content::Text(_) => "a string",
            Content::Integer(_) => "an integer",
            Content::Boolean(_) => "a boolean",
            Content::List(_) => "a list",
            Content::Other(kind) => kind,
        }
    }

    /// The value as a string that is not empty.
    pub(super) fn text<'v>(&'v self, wanted: &str, errors: &mut Errors) -> Option<&'v str> {
        match &self.content {
            Content::Text(text) if text.is_empty() => errors.at(
                self.span,
                format!("expected {wanted}, found an empty string"),
            ),
            Content::Text(text) => Some(text),
            _ => self.wrong_type(wanted, errors),
        }
    }

    pub(super) fn wrong_type<T>(&self, wanted: &str, errors: &mut Errors) -> Option<T> {
        let kind = self.kind();
        errors.at(self.span, format!("expected {wanted}, found {kind}"))
    }

    /// The only item of a list; a string is a list of one.
    pub(super) fn only_item(&self) -> Option<&Self> {
        match &self.content {
            Content::Text(_) => Some(self),
            Content::List(items) => match items.as_slice() {
                [item] => Some(item),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value as a list of at least one item, each different. A single
    /// string is a list of one if `one` says so.
    pub(super) fn list<'v, T: Ord>(
        &'v self,
        wanted: &str,
        one: bool,
        errors: &mut Errors,
        mut read: impl FnMut(&'v Value<'t>, &mut Errors) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = match &self.content {
            Content::List(items) => items.as_slice(),
            Content::Text(_) if one => std::slice::from_ref(self),
            Content::Text(text) => {
                let hint = format!(
                    "write it in brackets: [{}]",
                    Shown::Text((*text).to_string())
                );
                return errors.hint(
                    self.span,
                    format!("expected {wanted}, found a string"),
                    hint,
                );
            }
            _ => return self.wrong_type(wanted, errors),
        };
        if items.is_empty() {
            let hint = "leave the key out to get its default";
            return errors.hint(self.span, "an empty list", hint);
        }
        // Ten thousand blocks have a list of one name each.
        if let [item] = items {
            return read(item, errors).map(|value| vec![value]);
        }
        let mut values = Vec::with_capacity(items.len());
        let mut sound = true;
        for item in items {
            match read(item, errors) {
                Some(value) => values.push((value, item.span)),
                None => sound = false,
            }
        }
        sound &= are_different(&values, errors);
        sound.then(|| values.into_iter().map(|(value, _)| value).collect())
    }

    /// The value as one of these names.
    pub(super) fn choice<T: Copy>(
        &self,
        choices: &[(&'static str, T)],
        errors: &mut Errors,
    ) -> Option<T> {
        let found = match &self.content {
            Content::Text(text) => choices.iter().find(|choice| choice.0 == text),
            _ => None,
        };
        if let Some(choice) = found {
            return Some(choice.1);
        }
        let names: Vec<&str> = choices.iter().map(|choice| choice.0).collect();
        let wanted = format!("one of \"{}\"", names.join("\", \""));
        let text = self.text(&wanted, errors)?;
        let hint = match near(text, names) {
            Some(name) => format!("did you mean \"{name}\"? It must be {wanted}"),
            None => format!("it must be {wanted}"),
        };
        errors.hint(self.span, format!("unknown value {}", quoted(text)), hint)
    }
}

/// Reports each value that occurred before.
fn are_different<T: Ord>(values: &[(T, Span)], errors: &mut Errors) -> bool {
    let mut order: Vec<&(T, Span)> = values.iter().collect();
    // Stable: of two equal values, the later one is the error.
    order.sort_by(|one, other| one.0.cmp(&other.0));
    let mut different = true;
    for pair in order.windows(2) {
        if pair[0].0 == pair[1].0 {
            errors.at::<()>(pair[1].1, "the list has this value twice");
            different = false;
        }
    }
    different
}
