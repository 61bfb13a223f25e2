//! The administrator's policy: what `/etc/xfersh.toml` says, and which parts of
//! it apply to one account and one client.
//!
//! `parse` turns the text into a [`PolicyFile`]; [`PolicyFile::effective`]
//! applies the matching blocks in order and returns the [`Policy`] of one
//! session. Both are pure; `gather::policy_file` reads the file.

mod diagnostic;
mod effective;
pub(crate) mod forbidden;
mod glob;
mod log_target;
mod name_globs;
mod narrow;
pub mod overrides;
mod parse;
mod path_template;
mod profile;
mod show;

use std::path::PathBuf;
use std::time::Duration;

use super::access::Access;

pub use diagnostic::{Diagnostic, PolicyErrors};
pub use effective::Circumstances;
pub use forbidden::Fault;
pub use forbidden::for_account::{ForbiddenDirectory, NamedDirectory};
pub use glob::{Cidr, NameGlob};
pub use log_target::{LogFormat, LogTarget};
pub use name_globs::NameGlobs;
pub use parse::{parse, parse_for};
pub use path_template::{PathTarget, PathTemplate};
pub use profile::ProfileName;

/// Where a value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: the built-in default.
    Default,
    /// This line of the policy file, counted from 1.
    Line(u32),
}

/// A value and the place where the policy sets it.
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
    /// Like any other file, except for those directly in the home.
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
    pub const fn name(self) -> &'static str {
        Self::NAMED[self as usize].0
    }

    /// How much a client may do with them: more with a greater number.
    pub const fn looseness(self) -> u8 {
        match self {
            Self::Hidden => 0,
            Self::Protected => 1,
            Self::Allowed => 2,
        }
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
    /// No symbolic link is created at all.
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
    pub const fn name(self) -> &'static str {
        Self::NAMED[self as usize].0
    }
}

/// Whether a missing mechanism makes the session fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Requirement {
    /// Without it there is no session.
    #[default]
    Required,
    /// Without it the session continues, and the log says so.
    BestEffort,
}

impl Requirement {
    /// Both with their names in the policy.
    pub const NAMED: [(&'static str, Self); 2] = [
        ("required", Self::Required),
        ("best-effort", Self::BestEffort),
    ];

    /// The name in the policy.
    pub const fn name(self) -> &'static str {
        Self::NAMED[self as usize].0
    }
}

/// One `[[directory]]`: a directory with its own rights. Keys that it leaves
/// out are taken from the account's `access` and `dotfiles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The directory.
    pub path: PathTemplate,
    /// What may be done below it.
    pub access: Option<Access>,
    /// What applies to dotfiles below it.
    pub dotfiles: Option<Dotfiles>,
    /// The line of `[[directory]]`.
    pub line: u32,
}

/// The whole policy file: a key that is not set is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// The file that was read; `None` if there is no file and the defaults
    /// apply.
    pub source: Option<PathBuf>,
    /// The keys outside every `[[match]]` block.
    pub base: Settings,
    /// The `[[match]]` blocks in the order of the file.
    pub matches: Vec<Match>,
}

/// One `[[match]]` block: it applies if every condition in it is met; several
/// values of one condition are alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The line of `[[match]]`.
    pub line: u32,
    /// Login names; empty means any.
    pub users: NameGlobs,
    /// Group names; empty means any.
    pub groups: NameGlobs,
    /// Client addresses; empty means any. A session without a known address
    /// matches none.
    pub addresses: Vec<Cidr>,
    /// Profiles; empty means that the block holds whether one is asked for or
    /// not. A session that asks for none matches none.
    pub profiles: Vec<ProfileName>,
    /// What the block sets.
    pub settings: Settings,
}

/// Declares [`Policy`] (every key with a value) and [`Setting`] (one key that
/// the file sets) from one table, with the function that reads each key's value
/// from the file and the one that shows it: no key can be known in one place
/// and forgotten in another.
macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident $key:ident: $type:ty = $default:expr,
        read $read:path, show $show:path;)*) => {
        /// One key and its value in the file.
        #[derive(Clone, Debug, PartialEq, Eq)]
        enum Setting {
            $($name($type),)*
        }

        /// The policy that applies to one account and one client.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Policy {
            $($(#[$doc])* pub $key: Sourced<$type>,)*
            /// The account's own policy, if this is that of a profile which
            /// narrows it ([`Policy::narrow`]): in the directories both must
            /// allow what is done. Every other key is already what both allow.
            pub within: Option<Box<Self>>,
        }

        impl Default for Policy {
            fn default() -> Self {
                Self { $($key: Sourced::default($default),)* within: None }
            }
        }

        impl Policy {
            /// The names of all keys, as the policy file writes them.
            pub const KEYS: &[&str] = &[$(stringify!($key),)*];

            /// Takes over every key that `settings` has.
            fn apply(&mut self, settings: &Settings) {
                for (line, setting) in &settings.0 {
                    match setting {
                        $(Setting::$name(value) => {
                            self.$key = Sourced::line(value.clone(), *line);
                        })*
                    }
                }
            }

            /// Every key with its value and origin, in the order of [`Self::KEYS`].
            fn entries(&self) -> Vec<(&'static str, show::Shown, Origin)> {
                vec![$((stringify!($key), $show(&self.$key.value), self.$key.origin),)*]
            }
        }

        impl Setting {
            /// Reads the value of a key; `None` if there is no such key. An
            /// inner `None` is a wrong value, which is reported.
            fn read(
                key: &str,
                value: &parse::Value<'_>,
                errors: &mut parse::Errors,
            ) -> Option<Option<Self>> {
                match key {
                    $(stringify!($key) => Some($read(value, errors).map(Self::$name)),)*
                    _ => None,
                }
            }
        }
    };
}

/// The keys that one part of the file sets, each with its line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(Vec<(u32, Setting)>);

keys! {
    /// Protocols that are served.
    Protocols protocols: Vec<Protocol> = vec![Protocol::Sftp, Protocol::Scp],
        read parse::protocols, show show::protocols;
    /// Directories with their own rights (`[[directory]]`).
    DirectoryEntry directory: Vec<DirectoryEntry> = Vec::new(),
        read parse::no_directory, show show::directories;
    /// What may be done in the writable directories.
    Access access: Access = Access::READ_WRITE,
        read parse::access, show show::access;
    /// Directories in which `access` applies.
    Writable writable: Vec<PathTemplate> = vec![PathTemplate::HOME_CHILDREN],
        read parse::writable, show show::places;
    /// Directories that may be read and listed.
    Readable readable: Vec<PathTemplate> = vec![PathTemplate::HOME],
        read parse::readable, show show::places;
    /// What applies to names that begin with a dot.
    Dotfiles dotfiles: Dotfiles = Dotfiles::Protected,
        read parse::dotfiles, show show::dotfiles;
    /// Dotfile names that may be written nevertheless.
    DotfileNames dotfile_names: NameGlobs = NameGlobs::default(),
        read parse::dotfile_names, show show::globs;
    /// Targets that may be written into symbolic links.
    Symlinks symlinks: Symlinks = Symlinks::Inside,
        read parse::symlinks, show show::symlinks;
    /// The mode bits that files can have at most.
    FileModeMax file_mode_max: Option<u32> = None,
        read parse::mode_limit, show show::mode;
    /// The mode bits that directories can have at most.
    DirectoryModeMax directory_mode_max: Option<u32> = None,
        read parse::mode_limit, show show::mode;
    /// The mode bits that files always get.
    FileModeMin file_mode_min: Option<u32> = None,
        read parse::mode_limit, show show::mode;
    /// The mode bits that directories always get.
    DirectoryModeMin directory_mode_min: Option<u32> = None,
        read parse::directory_mode_min, show show::mode;
    /// Sessions that the account may have at once.
    MaxSessions max_sessions: Option<u32> = None,
        read parse::count, show show::count;
    /// How long a session may be without traffic.
    IdleTimeout idle_timeout: Option<Duration> = None,
        read parse::duration, show show::duration;
    /// How long a session may last.
    MaxSessionTime max_session_time: Option<Duration> = None,
        read parse::duration, show show::duration;
    /// Bytes that one session may write in total.
    MaxBytes max_bytes: Option<u64> = None,
        read parse::size, show show::size;
    /// Working directory of the server.
    Start start: PathTemplate = PathTemplate::HOME,
        read parse::start, show show::place;
    /// File mode creation mask; `None` keeps the inherited one.
    Umask umask: Option<u32> = None,
        read parse::umask, show show::mode;
    /// Largest size of one file, in bytes (RLIMIT_FSIZE).
    MaxFileSize max_file_size: Option<u64> = None,
        read parse::size, show show::size;
    /// Whether a kernel without Landlock or user notification may serve.
    Confinement confinement: Requirement = Requirement::Required,
        read parse::requirement, show show::requirement;
    /// Whether a host without a log socket may serve.
    Audit audit: Requirement = Requirement::BestEffort,
        read parse::requirement, show show::requirement;
    /// Whether what is read and listed is logged as well.
    LogReads log_reads: bool = false,
        read parse::boolean, show show::boolean;
    /// What takes the lines of the log.
    Log log: LogTarget = LogTarget::Syslog,
        read parse::log_target, show show::log_target;
    /// How a line of the log is written.
    LogFormat log_format: LogFormat = LogFormat::Text,
        read parse::log_format, show show::log_format;
    /// The sftp server; `None` is found in the known places.
    SftpServer sftp_server: Option<PathBuf> = None,
        read parse::program, show show::path;
    /// The scp program; `None` is found in the known places.
    Scp scp: Option<PathBuf> = None,
        read parse::program, show show::path;
    /// The rsync program; `None` is found in the known places.
    Rsync rsync: Option<PathBuf> = None,
        read parse::program, show show::path;
    /// The sentence that a refused user sees; `None` is the built-in one.
    Message message: Option<String> = None,
        read parse::message, show show::text;
}

#[cfg(test)]
mod tests;
