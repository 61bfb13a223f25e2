//! The administrator's policy: what `/etc/xfersh.toml` says, and what of it
//! holds for one account and one client.
//!
//! `parse` turns the text into a [`PolicyFile`]; [`PolicyFile::effective`]
//! applies the matching blocks in order and gives the [`Policy`] of one
//! session. Both are pure; `enforce::load` reads the file.

mod diagnostic;
mod effective;
mod glob;
mod place;

use std::path::PathBuf;
use std::time::Duration;

use super::access::Access;

pub use diagnostic::{Diagnostic, PolicyErrors};
pub use glob::{Cidr, NameGlob};
pub use place::{PlaceError, PlaceTarget, PlaceTemplate};

/// Where a value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: the built-in default.
    Default,
    /// This line of the policy file, counted from 1.
    Line(u32),
}

/// A value and the place where the policy gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value itself.
    pub value: T,
    /// Where it was written.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// A built-in default.
    pub const fn default(value: T) -> Self {
        Self {
            value,
            origin: Origin::Default,
        }
    }

    /// A value from this line of the file.
    pub const fn line(value: T, line: u32) -> Self {
        Self {
            value,
            origin: Origin::Line(line),
        }
    }
}

/// A protocol that a policy can allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// `sftp-server`.
    Sftp,
    /// `scp -t` and `scp -f`.
    Scp,
    /// `rsync --server`.
    Rsync,
}

impl Protocol {
    /// Every protocol, in the order in which they are printed.
    pub const ALL: [Self; 3] = [Self::Sftp, Self::Scp, Self::Rsync];

    /// The protocol's name in the policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sftp => "sftp",
            Self::Scp => "scp",
            Self::Rsync => "rsync",
        }
    }
}

/// What happens to names that begin with a dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Dotfiles {
    /// Never changed.
    #[default]
    Protected,
    /// Neither changed nor read nor stat-ed.
    Hidden,
    /// As any other file, but for those directly in the home.
    Allowed,
}

impl Dotfiles {
    /// Every mode with its name in the policy.
    pub const NAMED: [(&'static str, Self); 3] = [
        ("protected", Self::Protected),
        ("hidden", Self::Hidden),
        ("allowed", Self::Allowed),
    ];

    /// The mode's name in the policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMED[self as usize].0
    }
}

/// Which targets a client may write into a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Symlinks {
    /// Those that lead into a readable or writable directory.
    #[default]
    Inside,
    /// Every target.
    Any,
    /// No symbolic link is made at all.
    None,
}

impl Symlinks {
    /// Every choice with its name in the policy.
    pub const NAMED: [(&'static str, Self); 3] = [
        ("inside", Self::Inside),
        ("any", Self::Any),
        ("none", Self::None),
    ];

    /// The choice's name in the policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMED[self as usize].0
    }
}

/// Whether a missing means makes the session fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Requirement {
    /// Without it there is no session.
    #[default]
    Required,
    /// Without it the session goes on, and the log says so.
    BestEffort,
}

impl Requirement {
    /// Both with their names in the policy.
    pub const NAMED: [(&'static str, Self); 2] = [
        ("required", Self::Required),
        ("best-effort", Self::BestEffort),
    ];

    /// The name in the policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMED[self as usize].0
    }
}

/// One `[[directory]]`: a directory with rights of its own. What it leaves
/// out is taken from the account's `access` and `dotfiles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// The directory.
    pub path: PlaceTemplate,
    /// What may be done below it.
    pub access: Option<Access>,
    /// What holds for dotfiles below it.
    pub dotfiles: Option<Dotfiles>,
}

/// The policy file, whole: a key that is not written is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// The file that was read; `None` where there is no file and the defaults
    /// hold.
    pub source: Option<PathBuf>,
    /// The keys outside every `[[match]]` block.
    pub base: Settings,
    /// The `[[match]]` blocks in the order of the file.
    pub matches: Vec<Match>,
}

/// One `[[match]]` block: it holds where every condition that is written is
/// met; several values of one condition are alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The line of `[[match]]`.
    pub line: u32,
    /// Login names; empty means any.
    pub users: Vec<NameGlob>,
    /// Group names; empty means any.
    pub groups: Vec<NameGlob>,
    /// Client addresses; empty means any. A session without a known address
    /// matches none.
    pub addresses: Vec<Cidr>,
    /// What the block sets.
    pub settings: Settings,
}

/// Declares [`Settings`] (every key optional) and [`Policy`] (every key with
/// a value) from one list, so that no key can be in one and not in the other.
macro_rules! keys {
    ($($(#[$doc:meta])* $key:ident: $type:ty = $default:expr,)*) => {
        /// The keys that one part of the file sets.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Settings {
            $($(#[$doc])* pub $key: Option<Sourced<$type>>,)*
        }

        /// The policy that holds for one account and one client.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Policy {
            $($(#[$doc])* pub $key: Sourced<$type>,)*
        }

        impl Policy {
            /// The names of all keys, as the policy file writes them.
            pub const KEYS: &[&str] = &[$(stringify!($key),)*];
        }

        impl Default for Policy {
            fn default() -> Self {
                Self { $($key: Sourced::default($default),)* }
            }
        }

        impl Policy {
            /// Takes over every key that `settings` writes.
            fn apply(&mut self, settings: &Settings) {
                $(if let Some(value) = &settings.$key {
                    self.$key.clone_from(value);
                })*
            }
        }
    };
}

keys! {
    /// Protocols that are served.
    protocols: Vec<Protocol> = vec![Protocol::Sftp, Protocol::Scp],
    /// Directories with rights of their own (`[[directory]]`).
    directory: Vec<Directory> = Vec::new(),
    /// What may be done in the writable directories.
    access: Access = Access::READ_WRITE,
    /// Directories in which `access` holds.
    writable: Vec<PlaceTemplate> = vec![PlaceTemplate::HOME_CHILDREN],
    /// Directories that may be read and listed.
    readable: Vec<PlaceTemplate> = vec![PlaceTemplate::HOME],
    /// What holds for names that begin with a dot.
    dotfiles: Dotfiles = Dotfiles::Protected,
    /// Dot names that may be written all the same.
    dotfile_names: Vec<NameGlob> = Vec::new(),
    /// Targets that may be written into symbolic links.
    symlinks: Symlinks = Symlinks::Inside,
    /// Upper bound of the mode bits of files.
    file_mode_max: Option<u32> = None,
    /// Upper bound of the mode bits of directories.
    directory_mode_max: Option<u32> = None,
    /// Sessions that the account may have at once.
    max_sessions: Option<u32> = None,
    /// How long a session may be without traffic.
    idle_timeout: Option<Duration> = None,
    /// How long a session may last.
    max_session_time: Option<Duration> = None,
    /// Bytes that one session may write, in all.
    max_bytes: Option<u64> = None,
    /// Working directory of the server.
    start: PlaceTemplate = PlaceTemplate::HOME,
    /// File mode creation mask; `None` keeps the inherited one.
    umask: Option<u32> = None,
    /// Largest size of one file, in bytes (RLIMIT_FSIZE).
    max_file_size: Option<u64> = None,
    /// Whether a kernel without Landlock or user notification may serve.
    confinement: Requirement = Requirement::Required,
    /// Whether a host without a log socket may serve.
    audit: Requirement = Requirement::BestEffort,
    /// The sftp server; `None` is found in the known places.
    sftp_server: Option<PathBuf> = None,
    /// The scp program; `None` is found in the known places.
    scp: Option<PathBuf> = None,
    /// The rsync program; `None` is found in the known places.
    rsync: Option<PathBuf> = None,
    /// The sentence that a refused person sees; `None` is the built-in one.
    message: Option<String> = None,
}
