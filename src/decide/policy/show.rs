//! Prints a policy: as lines of a policy file with the origin of each key,
//! and as JSON.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    DirectoryEntry, Dotfiles, LogFormat, LogTarget, NameGlob, Origin, PathTemplate, Policy,
    Protocol, Requirement, Symlinks,
};
use crate::decide::access::Access;
use crate::print::escape::{Escaped, is_printable};
use crate::print::json::Json;

/// A value in a form that can be printed and compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The key has no value: there is no limit, or the host decides.
    None,
    /// A string.
    Text(String),
    /// A number in the key's base unit: seconds, bytes, a count.
    Number(u64),
    /// `true` or `false`.
    Boolean(bool),
    /// A list.
    List(Vec<Self>),
    /// A table (`[[directory]]`).
    Table(Vec<(&'static str, Self)>),
}

impl Policy {
    /// The policy as lines of a policy file, each with its origin.
    pub fn lines(&self) -> Vec<String> {
        let entries = self.entries().into_iter();
        let line = |(key, shown, origin): (_, Shown, Origin)| match shown {
            Shown::None => format!("# {key} is not set   # {origin}"),
            shown => format!("{key} = {shown}   # {origin}"),
        };
        entries.map(line).collect()
    }

    /// The keys that the policy file sets, by [`Self::lines`].
    pub fn lines_of_file(&self) -> Vec<String> {
        let entries = self.entries().into_iter();
        let is_set = entries.map(|(_, _, origin)| origin != Origin::Default);
        let lines = self.lines().into_iter().zip(is_set);
        lines
            .filter_map(|(line, is_set)| is_set.then_some(line))
            .collect()
    }

    /// The keys that limit what a session does where it may write, as the
    /// policy writes them: those that have a value.
    pub fn limits(&self) -> Vec<String> {
        let set = self
            .limit_entries()
            .filter(|(_, shown)| *shown != Shown::None);
        set.map(|(key, shown)| format!("{key} = {shown}")).collect()
    }

    /// The same as an object with every such key.
    pub fn limits_to_json(&self) -> Json {
        Json::Object(
            self.limit_entries()
                .map(|(key, shown)| (key, json(shown)))
                .collect(),
        )
    }

    fn limit_entries(&self) -> impl Iterator<Item = (&'static str, Shown)> {
        let is_limit = |key: &str| {
            let ends = ["_max", "_min", "_timeout", "umask"];
            key.starts_with("max_") || ends.iter().any(|end| key.ends_with(end))
        };
        let entries = self.entries().into_iter();
        let limits = entries.filter(move |(key, ..)| is_limit(key));
        limits.map(|(key, shown, _)| (key, shown))
    }

    /// The policy as an object with every key, in a fixed order; `null` is a
    /// key without a value, times are in seconds, sizes in bytes, modes are
    /// octal strings.
    pub fn to_json(&self) -> Json {
        let entries = self.entries().into_iter();
        Json::Object(entries.map(|(key, shown, _)| (key, json(shown))).collect())
    }
}

fn json(shown: Shown) -> Json {
    match shown {
        Shown::None => Json::Null,
        Shown::Text(text) => Json::Text(text),
        Shown::Number(number) => Json::Number(number),
        Shown::Boolean(value) => Json::Bool(value),
        Shown::List(items) => Json::List(items.into_iter().map(json).collect()),
        Shown::Table(fields) => {
            let fields = fields.into_iter();
            Json::Object(fields.map(|(key, shown)| (key, json(shown))).collect())
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Line(line) => write!(f, "line {line}"),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("\"none\""),
            Self::Text(text) => quote(f, text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    write!(f, "{comma}{item}")?;
                }
                f.write_str("]")
            }
            Self::Table(fields) => {
                for (i, (key, shown)) in fields.iter().enumerate() {
                    let before = if i > 0 { ", " } else { "{ " };
                    write!(f, "{before}{key} = {shown}")?;
                }
                f.write_str(" }")
            }
        }
    }
}

/// A TOML basic string, with everything escaped that a terminal would act on.
fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if is_printable(c) => write!(f, "{c}")?,
            c => write!(f, "\\U{:08X}", u32::from(c))?,
        }
    }
    f.write_str("\"")
}

fn list<T>(items: &[T], show: impl Fn(&T) -> Shown) -> Shown {
    Shown::List(items.iter().map(show).collect())
}

fn word(text: impl Into<String>) -> Shown {
    Shown::Text(text.into())
}

fn number(value: Option<u64>) -> Shown {
    value.map_or(Shown::None, Shown::Number)
}

pub(super) fn protocols(value: &[Protocol]) -> Shown {
    list(value, |protocol| word(protocol.name()))
}

pub(super) fn directories(value: &[DirectoryEntry]) -> Shown {
    list(value, |directory| {
        let mut fields = vec![("path", place(&directory.path))];
        fields.extend(directory.access.map(|value| ("access", access(&value))));
        fields.extend(
            directory
                .dotfiles
                .map(|value| ("dotfiles", dotfiles(&value))),
        );
        Shown::Table(fields)
    })
}

pub(super) fn access(value: &Access) -> Shown {
    match value.name() {
        Some(name) => word(name),
        None => Shown::List(value.rights().map(|right| word(right.name())).collect()),
    }
}

pub(super) fn place(value: &PathTemplate) -> Shown {
    word(value.as_str())
}

pub(super) fn places(value: &[PathTemplate]) -> Shown {
    list(value, place)
}

pub(super) fn globs(value: &[NameGlob]) -> Shown {
    list(value, |glob| word(glob.as_str()))
}

pub(super) fn dotfiles(value: &Dotfiles) -> Shown {
    word(value.name())
}

pub(super) fn symlinks(value: &Symlinks) -> Shown {
    word(value.name())
}

pub(super) fn requirement(value: &Requirement) -> Shown {
    word(value.name())
}

pub(super) fn log_target(value: &LogTarget) -> Shown {
    word(value.written())
}

pub(super) fn log_format(value: &LogFormat) -> Shown {
    word(value.name())
}

pub(super) const fn boolean(value: &bool) -> Shown {
    Shown::Boolean(*value)
}

pub(super) fn mode(value: &Option<u32>) -> Shown {
    value.map_or(Shown::None, |mode| word(format!("{mode:03o}")))
}

pub(super) fn count(value: &Option<u32>) -> Shown {
    number(value.map(u64::from))
}

pub(super) fn duration(value: &Option<Duration>) -> Shown {
    number(value.map(|time| time.as_secs()))
}

pub(super) fn size(value: &Option<u64>) -> Shown {
    number(*value)
}

pub(super) fn path(value: &Option<PathBuf>) -> Shown {
    // A policy is UTF-8, and so are its paths.
    let text = |path: &PathBuf| match path.to_str() {
        Some(text) => text.to_owned(),
        None => Escaped::path(path).to_string(),
    };
    value.as_ref().map_or(Shown::None, |path| word(text(path)))
}

pub(super) fn text(value: &Option<String>) -> Shown {
    value.as_ref().map_or(Shown::None, word)
}
