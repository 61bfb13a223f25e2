//! Whether the places that a client names can lie within the policy at all.
//!
//! This comes before the kernel's answer, not in its stead: what the policy
//! can never allow is refused at once, with a reason in the log, whether the
//! place exists or not.

use std::path::{Component, Path, PathBuf};

use super::access::{Access, Right};
use super::nesting::{Roots, is_reachable};
use super::plan::Rules;
use super::policy::NameGlobs;
use super::request::Direction;
use super::rules::{self, Place};
use super::verdict::{Refusal, Stage};

/// What is asked of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Which way the files go.
    pub direction: Direction,
    /// Whether places below it are concerned as well.
    pub recursive: bool,
    /// Whether what is sent is removed.
    pub removes: bool,
    /// Whether most requests that name it make no use of it. A dotfile is not
    /// refused then before it is used.
    pub unused: bool,
}

impl Default for Use {
    /// To read this place and no other.
    fn default() -> Self {
        Self {
            direction: Direction::Source,
            recursive: false,
            removes: false,
            unused: false,
        }
    }
}

/// Refuses a place that no right of the policy reaches.
pub(super) fn vet(
    path: &Path,
    usage: Use,
    roots: &Roots,
    dotfile_names: &NameGlobs,
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
    // A tree can go into (or come from) directories below the one that is
    // named: `scp -r site host:` writes into ~/site.
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
            Err(refuse("the target is in no writable directory").writable(writable))
        }
        None => Err(refuse("the source is in no readable directory")),
    }
}

/// The same for a source that is known only now: a name that a wildcard
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

/// The same path with each `..` taken away together with the name before it,
/// as rsync does it with the text (`clean_fname` in util1.c). Where that name
/// is a symbolic link, the kernel goes elsewhere. `None` where nothing
/// changes.
#[must_use]
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
    use crate::decide::plan::Root;
    use crate::decide::policy::{Dotfiles, NameGlob};

    fn root(path: &str, access: Access, dotfiles: Dotfiles) -> Root {
        Root {
            path: path.into(),
            exists: true,
            access,
            dotfiles,
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
        let names = NameGlobs::from(vec![NameGlob::new(".DS_Store".to_owned())]);
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
