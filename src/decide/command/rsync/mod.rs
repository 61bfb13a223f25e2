//! `rsync --server`: the remote side of rsync.
//!
//! The first word must be `--server`: after any other option rsync may take it
//! for that option's value and run as a client, which starts programs
//! (CVE-2004-1161, CVE-2012-2251, CVE-2019-3463). The arguments are rebuilt
//! from what was checked, with `--` before the paths, because popt(3) also
//! looks for options after them.

pub(in crate::decide) mod argv;
mod options;
pub(in crate::decide) mod paths;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use super::words::Word;
use crate::decide::verdict::Refusal;
use options::OptionValue;

pub use options::PathPurpose;

/// A request for rsync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsyncRequest {
    /// `--sender`: the server sends. Otherwise it receives.
    pub sender: bool,
    /// The options after `--server` and `--sender`, in their order.
    pub options: Vec<RsyncOption>,
    /// The target of a receiver, or one or more sources.
    pub operands: Vec<Word>,
}

/// One option that the server is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RsyncOption {
    /// Passed as it is.
    Plain(OsString),
    /// An option that names a path.
    Path(PathOption),
}

/// A path that an option names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathOption {
    /// The option's long name, without its dashes.
    pub option: &'static str,
    /// The path.
    pub word: Word,
    /// What the server does with it.
    pub purpose: PathPurpose,
}

impl PathOption {
    /// The option with `path` instead of its word.
    pub fn argument(&self, path: &[u8]) -> OsString {
        OsString::from_vec([b"--", self.option.as_bytes(), b"=", path].concat())
    }
}

impl RsyncRequest {
    /// The paths that the options name and that this side of the transfer uses.
    pub fn places(&self) -> impl Iterator<Item = &PathOption> {
        self.options.iter().filter_map(|option| match option {
            RsyncOption::Path(place) if !self.sender || place.purpose.concerns_sender() => {
                Some(place)
            }
            _ => None,
        })
    }

    /// Whether a sender removes the files that it has sent.
    pub fn removes_sources(&self) -> bool {
        self.sender && (self.has("--remove-source-files") || self.has("--remove-sent-files"))
    }

    /// Whether a list names the files of the transfer (`--files-from`).
    pub fn has_list(&self) -> bool {
        let mut places = self.places();
        self.has("--files-from=-") || places.any(|place| place.purpose == PathPurpose::Names)
    }

    /// Whether nothing will be changed (`--dry-run`).
    pub fn is_dry(&self) -> bool {
        self.has_flag(b"n")
    }

    /// Whether files go to (or come from) directories below the operand:
    /// with directories in the transfer, or with relative names.
    pub fn reaches_below(&self) -> bool {
        let long = ["--recursive", "--dirs", "--relative"];
        long.iter().any(|name| self.has(name)) || self.has_flag(b"rdR")
    }

    /// Whether one of these letters is in a cluster.
    fn has_flag(&self, letters: &[u8]) -> bool {
        self.plain().any(|option| {
            let flags = option.split(|c| *c == b'e').next().unwrap_or_default();
            !option.starts_with(b"--") && flags.iter().any(|c| letters.contains(c))
        })
    }

    fn has(&self, name: &str) -> bool {
        self.plain().any(|option| option == name.as_bytes())
    }

    fn plain(&self) -> impl Iterator<Item = &[u8]> {
        self.options.iter().filter_map(|option| match option {
            RsyncOption::Plain(option) => Some(option.as_encoded_bytes()),
            RsyncOption::Path(_) => None,
        })
    }
}

/// Reads the words after `rsync`.
pub(super) fn parse(arguments: &[Word]) -> Result<RsyncRequest, Refusal> {
    let Some((b"--server", mut rest)) = split_first(arguments) else {
        return Err(Refusal::form(
            "rsync in client mode: the first word is not --server",
        ));
    };
    let sender = split_first(rest).is_some_and(|(first, _)| first == b"--sender");
    if sender {
        rest = &rest[1..];
    }
    let mut options = Vec::new();
    let dot = loop {
        let Some((first, tail)) = rest.split_first() else {
            return Err(Refusal::form("no '.' after the options"));
        };
        rest = tail;
        match first.bytes() {
            b"." => break first,
            [b'-', b'-', long @ ..] => options.push(long_option(first, long, &mut rest, sender)?),
            [b'-', letters @ ..] => {
                short_options(letters)?;
                options.push(RsyncOption::Plain(first.to_os()));
            }
            _ => return Err(Refusal::form("a path before the '.'")),
        }
    };
    rest.iter().try_for_each(vet_path)?;
    let operands = match rest {
        // The working directory: `rsync x host:` sends no path.
        [] => vec![dot.clone()],
        [_, _, ..] if !sender => return Err(Refusal::form("more than one target")),
        _ => rest.to_vec(),
    };
    Ok(RsyncRequest {
        sender,
        options,
        operands,
    })
}

/// rsync removes each `./` at the front, so what follows it must not become
/// another path.
fn vet_path(word: &Word) -> Result<(), Refusal> {
    let mut rest = word.bytes();
    while let Some(shorter) = rest.strip_prefix(b"./") {
        rest = shorter;
    }
    if rest.starts_with(b"/") && rest.len() < word.bytes().len() {
        return Err(Refusal::form("a path with './' before a further slash"));
    }
    super::vet_path(word)
}

fn split_first(words: &[Word]) -> Option<(&[u8], &[Word])> {
    let (first, rest) = words.split_first()?;
    Some((first.bytes(), rest))
}

/// Reads a cluster of option letters.
fn short_options(letters: &[u8]) -> Result<(), Refusal> {
    if let [letter, number @ ..] = letters
        && options::NUMBER_LETTERS.contains(letter)
    {
        return if options::is_number(number) {
            Ok(())
        } else {
            Err(Refusal::of_word(
                &[b'-', *letter],
                "its value is not a number",
            ))
        };
    }
    for (at, letter) in letters.iter().enumerate() {
        if *letter == b'e' {
            return if options::is_capability(&letters[at + 1..]) {
                Ok(())
            } else {
                let why = "its value is not a list of capabilities";
                Err(Refusal::of_word(b"-e", why))
            };
        }
        if !options::LETTERS.contains(letter) {
            let refused = options::REFUSED
                .iter()
                .find(|row| row.letters.contains(letter));
            return Err(refusal(&[b'-', *letter], refused));
        }
    }
    if letters.is_empty() {
        return Err(Refusal::form("a lone '-'"));
    }
    Ok(())
}

/// Reads one long option; `rest` loses the value if that is a separate word.
fn long_option(
    word: &Word,
    long: &[u8],
    rest: &mut &[Word],
    sender: bool,
) -> Result<RsyncOption, Refusal> {
    let equals = long.iter().position(|c| *c == b'=');
    let name = &long[..equals.unwrap_or(long.len())];
    let Some((name, value)) = options::LONG
        .iter()
        .find(|row| row.0.as_bytes() == name)
        .copied()
    else {
        let refused = options::REFUSED
            .iter()
            .find(|row| row.names.iter().any(|long| long.as_bytes() == name));
        return Err(refusal(&[b"--", name].concat(), refused));
    };
    let refused = |why: &'static str| Refusal::of_word(&[b"--", name.as_bytes()].concat(), why);
    let given = match (value, equals) {
        (OptionValue::None, None) => return Ok(RsyncOption::Plain(word.to_os())),
        (OptionValue::None, Some(_)) => return Err(refused("it takes no value")),
        (_, Some(at)) => word.with_prefix(b"--".len() + at + b"=".len(), b""),
        (_, None) => {
            let (first, tail) = rest
                .split_first()
                .ok_or_else(|| refused("it needs a value"))?;
            *rest = tail;
            first.clone()
        }
    };
    if !value.holds(given.bytes()) {
        return Err(refused("it does not accept this value"));
    }
    if options::is_rewritten(given.bytes()) {
        return Err(refused("popt(3) replaces '!#:+' with another word"));
    }
    let place = |purpose| PathOption {
        option: name,
        word: given.clone(),
        purpose,
    };
    match value {
        // The list comes through the connection.
        OptionValue::Path(PathPurpose::Names) if given.bytes() == b"-" => {}
        OptionValue::Path(PathPurpose::Log) if sender => {
            let why = "a server that only sends keeps no log of its own";
            return Err(refused(why).hint("the system log records every session"));
        }
        OptionValue::Path(purpose) => {
            vet_path(&given).map_err(|refusal| refusal.of_option(name, false))?;
            return Ok(RsyncOption::Path(place(purpose)));
        }
        _ => {}
    }
    let plain = place(PathPurpose::Names).argument(given.bytes());
    Ok(RsyncOption::Plain(plain))
}

fn refusal(option: &[u8], refused: Option<&options::RefusedOption>) -> Refusal {
    match refused {
        Some(row) => Refusal::of_word(option, row.reason).advice(row.hint),
        None => Refusal::of_word(option, "no rsync client sends it"),
    }
}

#[cfg(test)]
mod tests;
