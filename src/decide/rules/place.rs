//! Where something is, as the rules see it.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::decide::roots::nesting::Roots;

/// A place on disk. The guard derives it from the identities of directories,
/// the early vetting of a command from the text of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Absolute, without symbolic links.
    pub path: Vec<u8>,
    /// The most specific root that is or contains it: an index into
    /// [`crate::decide::plan::Rules::roots`].
    pub root: Option<usize>,
    /// Where in `path` the part below the root begins; the length of `path` for
    /// the root itself.
    pub below_at: usize,
    /// Where in `path` the name directly in the home begins, if the home is or
    /// contains this place; one more than the length of `path` for the home
    /// itself.
    pub home_at: Option<usize>,
    /// Whether it is, or is an ancestor of, a place of the policy: the home,
    /// the start directory, a root (even if it is still absent).
    pub is_policy_directory: bool,
    /// Whether its file system also knows files by short names
    /// ([`super::names`]).
    pub has_short_names: bool,
}

impl Place {
    /// The place that this path names, if no name on it is a symbolic link.
    pub fn by_text(path: &Path, roots: &Roots, home: &Path) -> Self {
        let bytes = path.as_os_str().as_bytes();
        let found = roots.holding(path);
        let found = found.and_then(|index| Some((index, roots.get(index)?)));
        Self {
            path: bytes.to_vec(),
            root: found.map(|(index, _)| index),
            below_at: found.map_or(bytes.len(), |(_, root)| {
                after(root.path.as_os_str().len(), bytes)
            }),
            home_at: path
                .starts_with(home)
                .then(|| first_name_at(home.as_os_str().len())),
            is_policy_directory: home.starts_with(path) || roots.has_any_in(path),
            has_short_names: false,
        }
    }

    /// The place of `name` in this directory.
    pub fn child(&self, name: &[u8]) -> Self {
        let mut path = Vec::with_capacity(self.path.len() + 1 + name.len());
        path.extend_from_slice(&self.path);
        if path != b"/" {
            path.push(b'/');
        }
        let below_at = if self.is_root() {
            path.len()
        } else {
            self.below_at
        };
        path.extend_from_slice(name);
        Self {
            path,
            below_at,
            is_policy_directory: false,
            ..*self
        }
    }

    /// Whether it is a root itself.
    pub const fn is_root(&self) -> bool {
        self.root.is_some() && self.below_at >= self.path.len()
    }

    /// Whether it is the home.
    pub fn is_home(&self) -> bool {
        self.home_at.is_some_and(|at| at > self.path.len())
            || (self.home_at == Some(1) && self.path == b"/")
    }

    /// Whether its parent directory is the home.
    pub fn is_in_home(&self) -> bool {
        let name_at = self.path.len() - self.name().len();
        self.home_at == Some(name_at) && !self.is_home()
    }

    /// The last component.
    pub fn name(&self) -> &[u8] {
        self.path.rsplit(|&b| b == b'/').next().unwrap_or_default()
    }

    /// The components below the root, each with its offset in `path`.
    pub(super) fn names_below(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut at = self.below_at;
        let below = self.path.get(self.below_at..).unwrap_or_default();
        below
            .split(|&b| b == b'/')
            .map(move |name| {
                let begins = at;
                at += name.len() + 1;
                (begins, name)
            })
            .filter(|(_, name)| !name.is_empty())
    }
}

/// Where the first name in a directory begins, if the directory's path has this
/// length.
pub const fn first_name_at(directory: usize) -> usize {
    // "/" already ends in the slash that others get.
    if directory == 1 { 1 } else { directory + 1 }
}

/// Where the part after a prefix of this length begins.
fn after(prefix: usize, path: &[u8]) -> usize {
    first_name_at(prefix).min(path.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::access::Access;
    use crate::decide::policy::Dotfiles;
    use crate::decide::roots::nesting::Root;

    fn root(path: &str) -> Root {
        Root {
            path: path.into(),
            access: Access::READ_WRITE,
            dotfiles: Dotfiles::Protected,
            exists: true,
            narrowed: None,
        }
    }

    #[test]
    fn text_and_steps_agree() {
        let roots = Roots::from(vec![root("/home/u"), root("/home/u/up"), root("/srv")]);
        let home = Path::new("/home/u");
        let paths = ["/home/u/up/a/b", "/home/u/x/y", "/srv/x", "/home/u/up"];
        for path in paths {
            let place = Place::by_text(path.as_ref(), &roots, home);
            let (parent, name) = path.rsplit_once('/').unwrap();
            let stepped = Place::by_text(parent.as_ref(), &roots, home).child(name.as_bytes());
            if !place.is_root() {
                let flat = Place {
                    is_policy_directory: false,
                    ..place.clone()
                };
                assert_eq!(stepped, flat, "{path}");
            }
            assert_eq!(stepped.is_in_home(), place.is_in_home(), "{path}");
        }
    }

    #[test]
    fn the_home_and_what_is_in_it() {
        let home = Path::new("/home/u");
        let roots = Roots::from(vec![root("/home")]);
        let at = |path: &str| Place::by_text(path.as_ref(), &roots, home);
        assert!(at("/home/u").is_home() && !at("/home/u").is_in_home());
        assert!(at("/home/u/a").is_in_home() && !at("/home/u/a").is_home());
        assert!(!at("/home/u/a/b").is_in_home());
        assert!(!at("/home/ux").is_in_home());
        assert!(at("/home").is_root() && at("/home").is_policy_directory);
        assert!(at("/").is_policy_directory && !at("/").is_home());
    }
}
