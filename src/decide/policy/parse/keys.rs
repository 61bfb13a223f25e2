//! Reads the value of each key that is a name, a list of names or a
//! directory: one function for each kind.

use std::path::PathBuf;

use toml_parser::Span;

use super::errors::{Errors, near, quoted};
use super::value::{Content, Value};
use crate::decide::access::{Access, Right};
use crate::decide::policy::forbidden::{self, RequiredAccess};
use crate::decide::policy::{
    Cidr, DirectoryEntry, Dotfiles, LogFormat, LogTarget, NameGlob, NameGlobs, PathTemplate,
    ProfileName, Protocol, Requirement, Symlinks,
};
use crate::print::escape::is_printable;

/// The longest `message`, in bytes.
const MESSAGE_MAX: usize = 1000;

/// The longest name of a file, in bytes (limits.h).
const NAME_MAX: usize = 255;

/// How many of `dotfile_names` may have a wildcard: the guard compares each of
/// them with each dotfile that a client touches.
const WILD_NAMES_MAX: usize = 1000;

pub(in crate::decide::policy) fn protocols(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Vec<Protocol>> {
    let choices = Protocol::ALL.map(|protocol| (protocol.name(), protocol));
    value.list("a list of protocols", false, errors, |item, errors| {
        item.choice(&choices, errors)
    })
}

/// `directory` is written as a table, not as a value.
pub(in crate::decide::policy) fn no_directory(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Vec<DirectoryEntry>> {
    let hint = "write a [[directory]] line ([[match.directory]] in a block) with its keys below it";
    errors.hint(value.span, "a directory is not written as a value", hint)
}

pub(in crate::decide::policy) fn access(value: &Value<'_>, errors: &mut Errors) -> Option<Access> {
    let wanted = "a name such as \"read-only\" or a list of rights";
    match &value.content {
        Content::Text(name) => match Access::from_name(name) {
            Some(access) => Some(access),
            None => unknown_access(value, name, errors),
        },
        Content::List(_) => {
            let rights = value.list(wanted, false, errors, right)?;
            Some(Access::of(&rights))
        }
        _ => value.wrong_type(wanted, errors),
    }
}

fn unknown_access(value: &Value<'_>, name: &str, errors: &mut Errors) -> Option<Access> {
    let hint = match near(name, Access::names()) {
        _ if Right::from_name(name).is_some() => format!("write it in brackets: [\"{name}\"]"),
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("it must be one of {}", listed(Access::names())),
    };
    errors.hint(value.span, format!("unknown access {}", quoted(name)), hint)
}

fn right(item: &Value<'_>, errors: &mut Errors) -> Option<Right> {
    let name = item.text("the name of a right", errors)?;
    if let Some(right) = Right::from_name(name) {
        return Some(right);
    }
    let names = || Right::ALL.into_iter().map(Right::name);
    let hint = match near(name, names()) {
        _ if Access::from_name(name).is_some() => format!("write it alone: access = \"{name}\""),
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("the rights are {}", listed(names())),
    };
    errors.hint(item.span, format!("unknown right {}", quoted(name)), hint)
}

fn listed(names: impl IntoIterator<Item = &'static str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    format!("\"{}\"", names.join("\", \""))
}

pub(in crate::decide::policy) fn writable(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Vec<PathTemplate>> {
    places(value, RequiredAccess::Write, errors)
}

pub(in crate::decide::policy) fn readable(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Vec<PathTemplate>> {
    places(value, RequiredAccess::Read, errors)
}

fn places(
    value: &Value<'_>,
    purpose: RequiredAccess,
    errors: &mut Errors,
) -> Option<Vec<PathTemplate>> {
    value.list("a list of directories", false, errors, |item, errors| {
        let place = template(item, errors)?;
        vet(&place, item.span, purpose, errors).then_some(place)
    })
}

pub(in crate::decide::policy) fn start(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<PathTemplate> {
    single_place(value, errors)
}

/// One directory; `~/*` is several.
pub(super) fn single_place(value: &Value<'_>, errors: &mut Errors) -> Option<PathTemplate> {
    let place = template(value, errors)?;
    if place == PathTemplate::HOME_CHILDREN {
        let hint = "name one of them, such as \"~/uploads\"";
        return errors.hint(value.span, "'~/*' is not one directory", hint);
    }
    Some(place)
}

fn template(value: &Value<'_>, errors: &mut Errors) -> Option<PathTemplate> {
    let text = value.text("a directory", errors)?;
    match PathTemplate::new(text) {
        Ok(place) => Some(place),
        Err(error) => errors.at(value.span, error.to_string()),
    }
}

/// Whether the directory may be one of a policy.
pub(super) fn vet(
    place: &PathTemplate,
    span: Span,
    purpose: RequiredAccess,
    errors: &mut Errors,
) -> bool {
    let Some(fault) = forbidden::fault(place, purpose) else {
        return true;
    };
    let message = format!("{} {}", quoted(place.as_str()), fault.reason());
    errors.hint::<()>(span, message, fault.hint());
    false
}

pub(in crate::decide::policy) fn dotfiles(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Dotfiles> {
    value.choice(&Dotfiles::NAMED, errors)
}

pub(in crate::decide::policy) fn symlinks(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Symlinks> {
    value.choice(&Symlinks::NAMED, errors)
}

pub(in crate::decide::policy) fn requirement(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Requirement> {
    value.choice(&Requirement::NAMED, errors)
}

pub(in crate::decide::policy) fn log_target(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<LogTarget> {
    let text = value.text("\"syslog\", \"journal\" or \"file:/PATH\"", errors)?;
    match LogTarget::new(text) {
        Ok(target) => Some(target),
        Err(fault) => errors.at(value.span, fault),
    }
}

pub(in crate::decide::policy) fn log_format(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<LogFormat> {
    value.choice(&LogFormat::NAMED, errors)
}

pub(in crate::decide::policy) fn boolean(value: &Value<'_>, errors: &mut Errors) -> Option<bool> {
    match value.content {
        Content::Boolean(value) => Some(value),
        _ => value.wrong_type("true or false", errors),
    }
}

pub(in crate::decide::policy) fn dotfile_names(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<NameGlobs> {
    let names = value.list("a list of names", false, errors, |item, errors| {
        let text = item.text("a name that begins with a dot", errors)?;
        let glob = NameGlob::new(text.to_owned());
        let fault = if text.len() > NAME_MAX {
            "no file name is that long"
        } else if !text.starts_with('.') {
            "a name here must begin with a dot"
        } else if text == "." || text == ".." {
            "'.' and '..' are not file names"
        } else if text.contains(['/', '\0']) {
            "a name cannot contain '/' or a NUL character"
        } else if text.contains(['[', ']', '{', '}']) {
            "the only wildcards are '*' and '?'"
        } else if glob.matches(b".ssh") {
            "the name would match '.ssh', which is never written"
        } else if text.starts_with(".ssh") {
            "a name that begins with '.ssh' is never written"
        } else {
            return Some(glob);
        };
        errors.at(item.span, fault)
    })?;
    let names = NameGlobs::from(names);
    match names.wild().len() {
        0..=WILD_NAMES_MAX => Some(names),
        count => {
            let message = format!("{count} names have a wildcard; the limit is {WILD_NAMES_MAX}");
            let hint = "each is compared with every dotfile; one can cover several: \".a*\"";
            errors.hint(value.span, message, hint)
        }
    }
}

pub(in crate::decide::policy) fn program(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Option<PathBuf>> {
    let text = value.text("the path of a program", errors)?;
    let mut parts = text.split('/').skip(1);
    let fault = if !text.starts_with('/') {
        "the path of a program must begin with '/'"
    } else if text.contains('\0') {
        "a path cannot contain a NUL character"
    } else if parts.clone().any(|part| matches!(part, "" | "." | "..")) {
        "the path of a program cannot have '.', '..' or an empty part"
    } else if parts
        .next()
        .is_some_and(|first| forbidden::KERNEL_TREES.contains(&first))
    {
        "a program cannot be in /proc, /sys or /dev"
    } else {
        return Some(Some(PathBuf::from(text)));
    };
    errors.at(value.span, fault)
}

pub(in crate::decide::policy) fn message(
    value: &Value<'_>,
    errors: &mut Errors,
) -> Option<Option<String>> {
    let text = value.text("a sentence", errors)?;
    if text.len() > MESSAGE_MAX {
        let size = text.len();
        let fault = format!("the message has {size} bytes; the limit is {MESSAGE_MAX}");
        return errors.at(value.span, fault);
    }
    if !text.chars().all(is_printable) {
        let fault = "the message must be one line of printable characters";
        return errors.at(value.span, fault);
    }
    Some(Some(text.to_owned()))
}

/// The patterns for names in a condition of a block.
pub(super) fn names<'v>(value: &'v Value<'_>, errors: &mut Errors) -> Option<Vec<&'v str>> {
    value.list("a name or a list of names", true, errors, name)
}

/// The bytes that no rule about names forbids: ten thousand blocks have a name
/// each.
const USUAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        byte += 1;
    }
    table
};

/// One of these patterns.
pub(super) fn name<'v>(item: &'v Value<'_>, errors: &mut Errors) -> Option<&'v str> {
    let text = item.text("a name", errors)?;
    // Most names consist only of these.
    if text.bytes().all(|byte| USUAL[usize::from(byte)]) {
        return Some(text);
    }
    if text.starts_with('!') {
        let hint =
            "set the key for everyone first, then override it for the exceptions in a later block";
        return errors.hint(item.span, "a name cannot be negated", hint);
    }
    if text.contains(',') {
        let hint = "write a list: [\"alice\", \"bob\"]";
        return errors.hint(item.span, "a name cannot contain a comma", hint);
    }
    if text.starts_with(['@', '%']) {
        let hint = "for a group of the host write group = \"name\"";
        return errors.hint(item.span, "netgroups and %groups are not supported", hint);
    }
    if text.contains(['[', ']', '{', '}']) {
        return errors.at(item.span, "the only wildcards are '*' and '?'");
    }
    if text.contains([':', '/', '\n']) || !text.chars().all(is_printable) {
        return errors.at(item.span, "no account or group has such a name");
    }
    Some(text)
}

/// The profiles in a condition of a block.
pub(super) fn profiles(value: &Value<'_>, errors: &mut Errors) -> Option<Vec<ProfileName>> {
    let wanted = "the name of a profile or a list of names";
    value.list(wanted, true, errors, |item, errors| {
        let text = item.text("the name of a profile", errors)?;
        match ProfileName::new(text.as_bytes()) {
            Ok(name) => Some(name),
            Err(fault) => errors.at(item.span, fault),
        }
    })
}

/// The addresses in a condition of a block.
pub(super) fn addresses(value: &Value<'_>, errors: &mut Errors) -> Option<Vec<Cidr>> {
    let wanted = "an address or a list of addresses";
    value.list(wanted, true, errors, |item, errors| {
        let text = item.text("an address", errors)?;
        match Cidr::new(text) {
            Some(block) => Some(block),
            None => {
                let hint = "write \"192.0.2.7\", \"192.0.2.0/24\" or \"2001:db8::/32\" \
                            (no bit set after the prefix, no host name, no wildcard)";
                let message = format!("{} is not an address or a block of addresses", quoted(text));
                errors.hint(item.span, message, hint)
            }
        }
    })
}
