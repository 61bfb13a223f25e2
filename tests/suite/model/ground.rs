//! What the policy says about a place: the checker's own interpretation, by paths. It can use paths since it knows
//! every name of every file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dotfiles {
    Protected,
    Hidden,
    Allowed,
}

impl Dotfiles {
    pub fn name(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::Hidden => "hidden",
            Self::Allowed => "allowed",
        }
    }
}

/// Which symbolic links may be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symlinks {
    Any,
    Inside,
    None,
}

pub type Rights = BTreeSet<&'static str>;

pub const ALL: &[&str] = &[
    "list",
    "read",
    "create",
    "overwrite",
    "remove",
    "rename",
    "rename-directories",
    "mkdir",
    "attributes",
    "link",
];

/// A directory of the policy.
#[derive(Clone, Debug)]
pub struct Root {
    pub path: PathBuf,
    pub rights: Rights,
    pub dotfiles: Dotfiles,
}

#[derive(Clone, Debug)]
pub struct Ground {
    pub home: PathBuf,
    pub roots: Vec<Root>,
    /// Names beginning with a dot that may be written nevertheless; `*` at the end stands for any characters.
    pub dot_names: Vec<&'static str>,
    pub symlinks: Symlinks,
}

impl Ground {
    /// The most specific root that is or contains the path.
    pub fn root(&self, path: &Path) -> Option<&Root> {
        let holding = self
            .roots
            .iter()
            .filter(|root| path.starts_with(&root.path));
        holding.max_by_key(|root| root.path.as_os_str().len())
    }

    pub fn rights(&self, path: &Path) -> Rights {
        self.root(path)
            .map_or_else(Rights::new, |root| root.rights.clone())
    }

    /// Whether a name on the way from the root down to the path is a dotfile that must not be changed (P4).
    pub fn protected(&self, path: &Path) -> bool {
        let Some(root) = self.root(path) else {
            return false;
        };
        let below = path.strip_prefix(&root.path).expect("the root holds it");
        below.iter().any(|name| {
            let name = name.as_encoded_bytes();
            name.starts_with(b".") && root.dotfiles != Dotfiles::Allowed && !self.is_allowed(name)
        })
    }

    pub fn hidden(&self, path: &Path) -> bool {
        self.protected(path)
            && self
                .root(path)
                .is_some_and(|root| root.dotfiles == Dotfiles::Hidden)
    }

    fn is_allowed(&self, name: &[u8]) -> bool {
        self.dot_names
            .iter()
            .any(|glob| match glob.strip_suffix('*') {
                Some(begin) => name.starts_with(begin.as_bytes()),
                None => name == glob.as_bytes(),
            })
    }

    /// Whether the path is a directory of the policy, the home, or above one of them.
    pub fn holds(&self, path: &Path) -> bool {
        self.home.starts_with(path) || self.roots.iter().any(|root| root.path.starts_with(path))
    }

    pub fn is_home(&self, path: &Path) -> bool {
        path == self.home
    }

    pub fn in_home(&self, path: &Path) -> bool {
        path.parent() == Some(&self.home)
    }
}

/// Whether rsync creates its temporary files or links under such a name: `.NAME.XXXXXX`, `.NAME.NUMBER`.
pub fn temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let Some(rest) = name.strip_prefix(b".") else {
        return false;
    };
    let Some(point) = rest.iter().rposition(|&byte| byte == b'.') else {
        return false;
    };
    let (target, end) = (&rest[..point], &rest[point + 1..]);
    let random = end.len() == 6 && end.iter().all(u8::is_ascii_alphanumeric);
    let number = (1..=6).contains(&end.len()) && end.iter().all(u8::is_ascii_digit);
    !target.is_empty() && target[0] != b'.' && (random || number)
}
