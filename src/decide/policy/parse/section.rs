//! Puts statements together: which part of the file each belongs to, and
//! what a finished part must have.

use std::collections::BTreeMap;

use toml_parser::Span;

use super::errors::{Errors, near, quoted};
use super::keys;
use super::statement::{Key, Path, Statement};
use super::value::Value;
use crate::decide::policy::forbidden::RequiredAccess;
use crate::decide::policy::{
    DirectoryEntry, Match, NameGlob, NameGlobs, PathTemplate, Policy, Setting, Settings,
};

/// The conditions of a `[[match]]`.
const CONDITIONS: [&str; 4] = ["user", "group", "address", "profile"];
/// The keys of a `[[directory]]`.
const DIRECTORY_KEYS: [&str; 3] = ["path", "access", "dotfiles"];
const HEADERS: [&str; 3] = ["match", "directory", "match.directory"];

/// The part of the file that keys belong to.
#[derive(Default)]
enum Section {
    /// Before the first header.
    #[default]
    Base,
    /// A `[[match]]`.
    Match,
    /// A `[[directory]]`, of the file or of the last `[[match]]`.
    DirectoryEntry(Box<DirectoryPart>),
    /// After a wrong header, which is reported: its keys are not judged.
    Unknown,
}

/// A `[[directory]]` that is being read.
struct DirectoryPart {
    header: Span,
    line: u32,
    path: Option<(PathTemplate, Span)>,
    access: Option<crate::decide::access::Access>,
    dotfiles: Option<crate::decide::policy::Dotfiles>,
    seen: Seen,
}

/// The keys that a part has, wrong ones included, each with its line.
#[derive(Default)]
pub(super) struct Seen(Vec<(&'static str, u32)>);

impl Seen {
    /// Starts again, for another part.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether no key has been noted yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes a key; reports it if it is already there.
    pub(super) fn note(
        &mut self,
        name: &'static str,
        span: Span,
        line: u32,
        errors: &mut Errors,
    ) -> bool {
        if let Some((_, first)) = self.0.iter().find(|seen| seen.0 == name) {
            let message = format!("{} is already set on line {first}", quoted(name));
            errors.at::<()>(span, message);
            return false;
        }
        self.0.push((name, line));
        true
    }
}

/// The file, as far as it has been read.
#[derive(Default)]
pub(super) struct File {
    section: Section,
    base: Settings,
    matches: Vec<Match>,
    /// The keys of the file, or of the last `[[match]]`.
    seen: Seen,
    /// The header of the last `[[match]]`.
    header: Span,
    /// The lines of the `[[directory]]` of the file, or of the last `[[match]]`.
    directories: BTreeMap<String, u32>,
}

impl File {
    /// Takes the next statement.
    pub(super) fn take(&mut self, line: u32, statement: Statement<'_>, errors: &mut Errors) {
        match statement {
            Statement::Empty | Statement::Broken { header: false } => {}
            Statement::Broken { header: true } => {
                self.close_directory(errors);
                self.section = Section::Unknown;
            }
            Statement::Header { span, array, path } => {
                self.close_directory(errors);
                self.section = self.open(line, span, array, &path, errors);
            }
            Statement::Assignment { path, value } => self.assign(line, &path, &value, errors),
        }
    }

    /// The finished file.
    pub(super) fn finish(mut self, errors: &mut Errors) -> (Settings, Vec<Match>) {
        self.close_directory(errors);
        self.close_match(errors);
        (self.base, self.matches)
    }

    fn open(
        &mut self,
        line: u32,
        span: Span,
        array: bool,
        path: &Path<'_>,
        errors: &mut Errors,
    ) -> Section {
        let mut keys = path.keys().map(|key| &*key.name);
        let names = (keys.next().unwrap_or_default(), keys.next(), keys.next());
        let joined = || {
            path.keys()
                .map(|key| &*key.name)
                .collect::<Vec<_>>()
                .join(".")
        };
        let section = match names {
            ("match", None, None) => {
                self.close_match(errors);
                self.begin_match(line, span);
                Section::Match
            }
            ("directory", None, None) if !self.matches.is_empty() => {
                let hint = "write [[match.directory]] for this block alone, or put [[directory]] \
                            before the first [[match]]";
                let message = "[[directory]] after a [[match]] would apply to every account";
                errors.hint::<()>(span, message, hint);
                return Section::Unknown;
            }
            ("match", Some("directory"), None) if self.matches.is_empty() => {
                let hint = "write [[directory]] if it is for every account";
                errors.hint::<()>(span, "[[match.directory]] belongs in a [[match]]", hint);
                return Section::Unknown;
            }
            ("directory", None, None) | ("match", Some("directory"), None) => {
                Section::DirectoryEntry(Box::new(DirectoryPart {
                    header: span,
                    line,
                    path: None,
                    access: None,
                    dotfiles: None,
                    seen: Seen::default(),
                }))
            }
            _ => {
                unknown_header(span, &joined(), errors);
                return Section::Unknown;
            }
        };
        if !array {
            let hint = format!("write [[{}]]", joined());
            errors.hint::<()>(span, "this header needs double brackets", hint);
        }
        section
    }

    fn assign(&mut self, line: u32, path: &Path<'_>, value: &Value<'_>, errors: &mut Errors) {
        let Some(key) = path.single() else {
            return self.refuse_dotted(path, errors);
        };
        match &mut self.section {
            Section::Unknown => {}
            Section::DirectoryEntry(part) => part.assign(line, key, value, errors),
            Section::Base => {
                setting(
                    &mut self.base,
                    &mut self.seen,
                    line,
                    key,
                    value,
                    &[],
                    errors,
                );
            }
            Section::Match => self.assign_in_match(line, key, value, errors),
        }
    }

    fn refuse_dotted(&self, path: &Path<'_>, errors: &mut Errors) {
        let known = !matches!(self.section, Section::Unknown);
        let (first, last) = (path.keys().next(), path.keys().next_back());
        if let (true, Some(first), Some(last)) = (known, first, last) {
            let span = first.span.append(last.span);
            errors.at::<()>(span, "the keys of a policy have no dots");
        }
    }

    fn assign_in_match(
        &mut self,
        line: u32,
        key: &Key<'_>,
        value: &Value<'_>,
        errors: &mut Errors,
    ) {
        let (Some(block), seen) = (self.matches.last_mut(), &mut self.seen) else {
            return;
        };
        let Some(condition) = CONDITIONS.into_iter().find(|name| *name == key.name) else {
            let settings = &mut block.settings;
            return setting(settings, seen, line, key, value, &CONDITIONS, errors);
        };
        if !seen.note(condition, key.span, line, errors) {
            return;
        }
        match condition {
            "user" => block.users = globs(keys::names(value, errors)),
            "group" => block.groups = globs(keys::names(value, errors)),
            "profile" => block.profiles = keys::profiles(value, errors).unwrap_or_default(),
            _ => block.addresses = keys::addresses(value, errors).unwrap_or_default(),
        }
    }

    fn begin_match(&mut self, line: u32, header: Span) {
        self.seen.clear();
        self.directories.clear();
        self.header = header;
        self.matches.push(Match {
            line,
            users: NameGlobs::default(),
            groups: NameGlobs::default(),
            addresses: Vec::new(),
            profiles: Vec::new(),
            settings: Settings::default(),
        });
    }

    /// A block without a condition is an error: it would apply to everyone,
    /// which the keys before the blocks say more clearly.
    fn close_match(&self, errors: &mut Errors) {
        let conditional = |seen: &(&str, u32)| CONDITIONS.contains(&seen.0);
        if !self.matches.is_empty() && !self.seen.0.iter().any(conditional) {
            let hint =
                "add user, group, address or profile, or put its keys before the first [[match]]";
            errors.hint::<()>(self.header, "the block has no condition", hint);
        }
    }

    fn close_directory(&mut self, errors: &mut Errors) {
        let Section::DirectoryEntry(part) = std::mem::take(&mut self.section) else {
            return;
        };
        self.section = Section::Unknown;
        let settings = match self.matches.last_mut() {
            Some(block) => &mut block.settings,
            None => &mut self.base,
        };
        let line = part.line;
        let Some((directory, span)) = part.finish(errors) else {
            return;
        };
        if let Some(first) = self.directories.get(&directory.path.plain()) {
            let message = format!("the rights of the directory are already set on line {first}");
            errors.at::<()>(span, message);
            return;
        }
        self.directories.insert(directory.path.plain(), line);
        let existing = settings
            .0
            .iter_mut()
            .find_map(|(_, setting)| match setting {
                Setting::DirectoryEntry(directories) => Some(directories),
                _ => None,
            });
        match existing {
            None => settings
                .0
                .push((line, Setting::DirectoryEntry(vec![directory]))),
            Some(rows) => rows.push(directory),
        }
    }
}

impl DirectoryPart {
    fn assign(&mut self, line: u32, key: &Key<'_>, value: &Value<'_>, errors: &mut Errors) {
        let Some(name) = DIRECTORY_KEYS.into_iter().find(|name| *name == key.name) else {
            return unknown_key(key, &DIRECTORY_KEYS, &[], "[[directory]]", errors);
        };
        if !self.seen.note(name, key.span, line, errors) {
            return;
        }
        match name {
            "path" => {
                let place = keys::single_place(value, errors);
                self.path = place.map(|place| (place, value.span));
            }
            "access" => self.access = keys::access(value, errors),
            _ => self.dotfiles = keys::dotfiles(value, errors),
        }
    }

    /// The directory and the place of its path.
    fn finish(self, errors: &mut Errors) -> Option<(DirectoryEntry, Span)> {
        if !self.seen.0.iter().any(|seen| seen.0 == "path") {
            let hint = "add path = \"~/...\"";
            return errors.hint(self.header, "the directory has no path", hint);
        }
        let (path, span) = self.path?;
        // Without its own access it has the account's, which is known when the
        // policy is applied: check_directories checks it then.
        let purpose = match self.access {
            Some(access) if access.writes() => RequiredAccess::Write,
            _ => RequiredAccess::Read,
        };
        let directory = DirectoryEntry {
            path,
            access: self.access,
            dotfiles: self.dotfiles,
            line: self.line,
        };
        keys::vet(&directory.path, span, purpose, errors).then_some((directory, span))
    }
}

fn globs(names: Option<Vec<&str>>) -> NameGlobs {
    let names = names.unwrap_or_default().into_iter();
    let globs: Vec<_> = names.map(|name| NameGlob::new(name.to_owned())).collect();
    globs.into()
}

/// Reads a key of the table into `settings`.
fn setting(
    settings: &mut Settings,
    seen: &mut Seen,
    line: u32,
    key: &Key<'_>,
    value: &Value<'_>,
    others: &[&'static str],
    errors: &mut Errors,
) {
    let Some(name) = Policy::KEYS.iter().find(|name| **name == key.name) else {
        let part = if others.is_empty() {
            "the file"
        } else {
            "[[match]]"
        };
        return unknown_key(key, Policy::KEYS, others, part, errors);
    };
    if !seen.note(name, key.span, line, errors) {
        return;
    }
    if let Some(Some(setting)) = Setting::read(name, value, errors) {
        // Of ten thousand blocks most set one or two keys.
        settings.0.reserve_exact(1);
        settings.0.push((line, setting));
    }
}

fn unknown_key(
    key: &Key<'_>,
    names: &[&'static str],
    others: &[&'static str],
    part: &str,
    errors: &mut Errors,
) {
    if errors.only_counts(key.span) {
        return;
    }
    let message = format!("unknown key {} in {part}", quoted(&key.name));
    let known = || names.iter().chain(others).copied();
    let hint = if CONDITIONS.contains(&&*key.name) {
        "user, group, address and profile are conditions: they belong below a [[match]] line"
            .to_owned()
    } else if Policy::KEYS.contains(&&*key.name) {
        "a directory does not have this key; put it before the [[directory]] line".to_owned()
    } else if let Some(name) = near(&key.name, known()) {
        format!("did you mean '{name}'?")
    } else {
        let known: Vec<&str> = known().collect();
        format!("the keys are {}", known.join(", "))
    };
    errors.hint::<()>(key.span, message, hint);
}

fn unknown_header(span: Span, name: &str, errors: &mut Errors) {
    if errors.only_counts(span) {
        return;
    }
    let message = format!("unknown header {}", quoted(name));
    let hint = match near(name, HEADERS) {
        Some(name) => format!("did you mean [[{name}]]?"),
        None => "the headers are [[match]], [[directory]] and [[match.directory]]".to_owned(),
    };
    errors.hint::<()>(span, message, hint);
}
