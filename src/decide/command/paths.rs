//! The paths that a request names, and what is asked of each.

use super::Direction;
use super::words::Word;

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

/// From where a relative path is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The working directory of the server.
    Start,
    /// The target as a directory.
    Target,
    /// The directory that holds the target, if that is no directory.
    BesideTarget,
}

impl Base {
    /// Whether a path is counted from there when this is at the target.
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
    /// What is asked of it.
    pub usage: Use,
    /// Whether wildcards in it are expanded: in those of sources alone, as the
    /// client's user expects of a shell.
    pub expands: bool,
    /// From where it is counted.
    pub base: Base,
    /// The option that names it, without its dashes.
    pub option: Option<&'static str>,
}
