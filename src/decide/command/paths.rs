//! The paths that a request names, and what each is for.

use super::Direction;
use super::words::Word;

/// What a place is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Which way the files go.
    pub direction: Direction,
    /// Whether places below it are affected too.
    pub recursive: bool,
    /// Whether what is sent is then removed.
    pub removes: bool,
    /// Whether most requests that name it do not use it. A dotfile is then
    /// refused only when it is used.
    pub unused: bool,
}

impl Default for Use {
    /// To read only this place.
    fn default() -> Self {
        Self {
            direction: Direction::Source,
            recursive: false,
            removes: false,
            unused: false,
        }
    }
}

/// Where a relative path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The working directory of the server.
    Start,
    /// The target as a directory.
    Target,
    /// The directory that contains the target, if the target is not a
    /// directory.
    BesideTarget,
}

impl Base {
    /// Whether a path can begin there, given what is at the target.
    pub(in crate::decide) const fn holds(self, target_is_directory: bool) -> bool {
        match self {
            Self::Start | Self::Target => true,
            Self::BesideTarget => !target_is_directory,
        }
    }
}

/// A path as a request names it.
pub(in crate::decide) struct NamedPath<'a> {
    /// The path.
    pub word: &'a Word,
    /// What it is for.
    pub usage: Use,
    /// Whether wildcards in it are expanded: only in sources, as users expect
    /// from a shell.
    pub expands: bool,
    /// Where it begins, if it is relative.
    pub base: Base,
    /// The option that names it, without its dashes.
    pub option: Option<&'static str>,
}
