//! Whether the places that a client names can lie within the policy at all.
//!
//! This comes before the kernel's answer, not in its stead: what the policy
//! can never allow is refused at once, with a reason in the log, whether the
//! place exists or not.

use std::path::Path;

use super::access::Access;
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
    let below = || usage.recursive && roots.is_reachable_in(path, writes);
    match root {
        Some(root) if rules::is_closed_dotfile(root, dotfile_names, &place, writes) => {
            Err(refuse("a dotfile").hint("see 'dotfiles' in xfersh.toml(5)"))
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
        direction: Direction::Source,
        recursive,
    };
    vet(path, usage, &rules.roots, &rules.dotfile_names)
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
            };
            let seen = vet(Path::new(path), usage, &roots, &names).is_ok();
            assert_eq!(seen, expected, "{path} {usage:?}");
        }
    }
}
