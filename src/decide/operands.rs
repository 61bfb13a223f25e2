//! Whether the places that a client names can be within the policy at all.
//!
//! This comes before the kernel's answer and does not replace it: what the
//! policy can never allow is refused at once, with a reason in the log, whether
//! the place exists or not.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::access::{Access, Right};
use super::account::Account;
use super::command::paths::{Base, NamedPath, Use};
use super::command::pattern::Pattern;
use super::command::words::Word;
use super::command::{Direction, Request, ScpRequest, rsync};
use super::plan::{Argument, DotfileExceptions, Rules};
use super::roots::nesting::{Roots, is_reachable};
use super::rules::{self, Place};
use super::verdict::{Refusal, Stage};

/// A place that the client names, and what it is for: as named in an
/// [`Inquiry`](super::form::Inquiry), resolved in [`Facts`](super::facts::Facts).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// The place.
    pub path: PathBuf,
    /// What it is for.
    pub usage: Use,
    /// Where a relative path begins.
    pub base: Base,
    /// The option that names it, without its dashes.
    pub option: Option<&'static str>,
}

/// The paths of a request: its operands, then those of its options.
fn named(request: &Request) -> Vec<NamedPath<'_>> {
    match request {
        Request::Sftp(_) => Vec::new(),
        Request::Scp(scp) => scp.operands.iter().map(|word| of_scp(scp, word)).collect(),
        Request::Rsync(request) => rsync::paths::named(request).collect(),
    }
}

fn of_scp<'a>(scp: &ScpRequest, word: &'a Word) -> NamedPath<'a> {
    NamedPath {
        word,
        usage: Use {
            direction: scp.direction,
            // A source above all readable directories cannot be
            // listed, so nothing below it would be sent.
            recursive: scp.recursive && scp.direction == Direction::Sink,
            ..Use::default()
        },
        expands: scp.direction == Direction::Source,
        base: Base::Start,
        option: None,
    }
}

/// The places that the client names, with `~` expanded. For a source with
/// wildcards, this is the directory in which the first wildcard is looked up:
/// the rest is known, and judged, when it has been expanded.
pub(super) fn operands(account: &Account, request: &Request) -> Result<Vec<Operand>, Refusal> {
    let mut operands: Vec<Operand> = Vec::new();
    for named in named(request) {
        let target = operands.first().map(|operand| operand.path.clone());
        let operand = operand(account, &named, target.as_deref())?;
        // rsync also resolves `..` in the text; scp leaves it to the kernel.
        let collapsed = match request {
            Request::Rsync(_) => collapsed(&operand.path),
            Request::Scp(_) | Request::Sftp(_) => None,
        };
        let twin = collapsed.map(|path| Operand { path, ..operand });
        operands.push(operand);
        operands.extend(twin);
    }
    Ok(operands)
}

/// One place; `target` is the path of the first operand.
fn operand(
    account: &Account,
    named: &NamedPath<'_>,
    target: Option<&Path>,
) -> Result<Operand, Refusal> {
    let word = expand_tilde(named.word, account)?;
    let pattern = named
        .expands
        .then(|| Pattern::parse(word.pattern().as_bytes()));
    let pattern = pattern.filter(Pattern::is_wild);
    if pattern.as_ref().is_some_and(Pattern::climbs) {
        return Err(climbs());
    }
    let path = pattern.as_ref().map_or(word.bytes(), Pattern::directory);
    let base = match (named.base, target) {
        (Base::Start, _) | (_, None) => PathBuf::new(),
        (Base::Target, Some(target)) => target.to_path_buf(),
        (Base::BesideTarget, Some(target)) => beside(target),
    };
    Ok(Operand {
        path: base.join(OsStr::from_bytes(path)),
        usage: named.usage,
        base: named.base,
        option: named.option,
    })
}

/// The directory that contains a target: the text up to its last name.
fn beside(target: &Path) -> PathBuf {
    let mut text = target.as_os_str().as_bytes();
    while let Some(shorter) = text.strip_suffix(b"/") {
        text = shorter;
    }
    match text.iter().rposition(|c| *c == b'/') {
        Some(slash) => PathBuf::from(OsStr::from_bytes(&text[..=slash])),
        None if text == b".." => PathBuf::from("../.."),
        None => PathBuf::new(),
    }
}

fn climbs() -> Refusal {
    Refusal::new(Stage::Path, "'..' after a wildcard")
        .hint("its meaning depends on the names that match: name the directory itself")
}

/// `~`, `~/…` and `~NAME` for the account itself mean its home.
pub(super) fn expand_tilde(word: &Word, account: &Account) -> Result<Word, Refusal> {
    if !word.has_tilde() {
        return Ok(word.clone());
    }
    let bytes = word.bytes();
    let slash = bytes.iter().position(|c| *c == b'/');
    let end = slash.unwrap_or(bytes.len());
    let name = &bytes[1..end];
    if !name.is_empty() && name != account.name.as_bytes() {
        return Err(Refusal::new(
            Stage::Form,
            "the home of another account ('~NAME')",
        ));
    }
    Ok(word.with_prefix(end, account.home.as_os_str().as_bytes()))
}

/// One path of the client in the argument vector. Only a source is expanded, as
/// users expect from a shell; a target is one name.
pub(super) fn argument(
    word: &Word,
    direction: Direction,
    recursive: bool,
    account: &Account,
) -> Result<Argument, Refusal> {
    let word = expand_tilde(word, account)?;
    let (pattern, literal) = (word.pattern(), word.to_os());
    let expands = direction == Direction::Source && Pattern::parse(pattern.as_bytes()).is_wild();
    Ok(if expands {
        Argument::Pattern {
            pattern,
            literal,
            recursive,
        }
    } else {
        Argument::Literal(literal)
    })
}

/// Refuses the first of these places that no right of the policy reaches.
/// Whether the target is a directory decides where some of them begin.
pub(super) fn vet_all(
    operands: &[Operand],
    target_is_directory: bool,
    names: &DotfileExceptions,
    roots: &Roots,
) -> Result<(), Refusal> {
    let mut counted = operands
        .iter()
        .filter(|operand| operand.base.holds(target_is_directory));
    counted.try_for_each(|operand| {
        let vetted = vet(&operand.path, operand.usage, roots, names);
        let vetted = vetted.map_err(|refusal| refusal.at(&operand.path));
        vetted.map_err(|refusal| match operand.option {
            Some(option) => refusal.of_option(option, operand.base == Base::BesideTarget),
            None => refusal,
        })
    })
}

/// Refuses a place that no right of the policy reaches.
pub(super) fn vet(
    path: &Path,
    usage: Use,
    roots: &Roots,
    dotfile_names: &DotfileExceptions,
) -> Result<(), Refusal> {
    let writes = usage.direction == Direction::Sink;
    let reachable = |access: Access| is_reachable(access, writes);
    // Nothing directly in the home is below a writable root.
    let place = Place {
        home_at: None,
        ..Place::by_text(path, roots, Path::new("/"))
    };
    let root = place.root.and_then(|index| roots.get(index));
    let root = root.filter(|root| reachable(root.access));
    // A tree can go into (or come from) directories below the named one: `scp
    // -r site host:` writes into ~/site.
    let below = || {
        let beside = path.parent().filter(|_| usage.unused);
        let above = beside.unwrap_or(path);
        usage.recursive && !usage.removes && roots.is_reachable_in(above, writes)
    };
    match root {
        Some(root)
            if !usage.unused && rules::is_closed_dotfile(root, dotfile_names, &place, writes) =>
        {
            Err(refuse("a dotfile").hint("see 'dotfiles' in xfersh.toml(5)"))
        }
        Some(root) if usage.removes && !root.access.has(Right::Remove) => {
            let mut refusal = refuse("nothing may be removed from the source");
            refusal.told = Some(format!(
                "The option --remove-source-files is refused: {}.",
                refusal.reason
            ));
            Err(refusal)
        }
        Some(_) => Ok(()),
        None if below() => Ok(()),
        None if writes => {
            let mut there = roots.iter().filter(|root| root.exists);
            let writable = there.find(|root| reachable(root.access));
            let writable = writable.map(|root| root.path.clone());
            Err(refuse("the target is not in a writable directory").writable(writable))
        }
        None => Err(refuse("the source is not in a readable directory")),
    }
}

/// The same for a source that becomes known only now: a name that a wildcard
/// matches. `path` is resolved.
///
/// # Errors
///
/// The refusal that the client would have seen, had it named the place.
pub fn vet_source(path: &Path, recursive: bool, rules: &Rules) -> Result<(), Refusal> {
    let usage = Use {
        recursive,
        ..Use::default()
    };
    vet(path, usage, &rules.roots, &rules.dotfile_names)
}

/// The same path with each `..` removed together with the name before it, as
/// rsync does in the text (`clean_fname` in util1.c). If that name is a
/// symbolic link, the kernel goes elsewhere. `None` if nothing changes.
pub fn collapsed(path: &Path) -> Option<PathBuf> {
    let mut parts = Vec::new();
    let mut changed = false;
    for part in path.components() {
        if part == Component::ParentDir && matches!(parts.last(), Some(Component::Normal(_))) {
            parts.pop();
            changed = true;
        } else {
            parts.push(part);
        }
    }
    changed.then(|| parts.iter().collect())
}

fn refuse(reason: &'static str) -> Refusal {
    Refusal::new(Stage::Path, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::policy::{Dotfiles, NameGlob, NameGlobs};
    use crate::decide::roots::nesting::Root;

    fn root(path: &str, access: Access, dotfiles: Dotfiles) -> Root {
        Root {
            path: path.into(),
            exists: true,
            access,
            dotfiles,
            narrowed: None,
        }
    }

    #[test]
    fn two_dots_as_text() {
        for (path, expected) in [
            ("/a/b", None),
            ("/../a", None),
            ("/a/..", Some("/")),
            ("/a/l/../c", Some("/a/c")),
            ("/a/l//.././c/../..", Some("/")),
            ("/a/../../b", Some("/../b")),
        ] {
            assert_eq!(
                collapsed(Path::new(path)),
                expected.map(PathBuf::from),
                "{path}"
            );
        }
    }

    #[test]
    fn places() {
        use Direction::{Sink, Source};
        let roots = vec![
            root("/home/a", Access::READ_ONLY, Dotfiles::Protected),
            root("/home/a/up", Access::READ_WRITE, Dotfiles::Protected),
            root("/home/a/in", Access::UPLOAD_ONLY, Dotfiles::Protected),
            root("/srv/.data/x", Access::READ_WRITE, Dotfiles::Protected),
            root("/srv/h", Access::READ_WRITE, Dotfiles::Hidden),
        ];
        let roots = Roots::from(roots);
        let names = NameGlobs::from(vec![NameGlob::new(".DS_Store".to_owned())]).into();
        let rows = [
            ("/home/a/up", Sink, false, true),
            ("/home/a/up/x", Sink, false, true),
            ("/home/a/up/x/.y", Sink, false, false),
            ("/home/a/up/.x/y", Sink, false, false),
            ("/home/a/up/.DS_Store", Sink, false, true),
            ("/home/a/up/.x", Source, false, true),
            ("/home/a", Sink, false, false),
            ("/home/a", Sink, true, true),
            ("/home/a/x", Sink, false, false),
            ("/home/a/x", Sink, true, false),
            ("/home/a/.ssh/authorized_keys", Sink, true, false),
            ("/home/a/upper", Sink, false, false),
            ("/home/a", Source, true, true),
            ("/home/a/in/x", Source, false, false),
            ("/home/a/in/x", Sink, false, true),
            ("/etc/passwd", Source, false, false),
            ("/", Source, false, false),
            ("/srv/.data/x/y", Sink, false, true),
            ("/srv/.data", Sink, false, false),
            ("/srv/h/.x", Source, false, false),
        ];
        for (path, direction, recursive, expected) in rows {
            let usage = Use {
                direction,
                recursive,
                ..Use::default()
            };
            let seen = vet(Path::new(path), usage, &roots, &names).is_ok();
            assert_eq!(seen, expected, "{path} {usage:?}");
        }
    }
}
