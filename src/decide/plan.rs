//! All that is needed to serve one granted request, as inert data.
//!
//! A plan can be printed and compared; only `confine` interprets it. Only
//! [`super::decide`] makes one (its constructor is private to `decide`), so
//! there is no plan without a granted verdict.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use landlock::{AccessFs, BitFlags};

use super::log_file::LogFileId;
use super::policy::{NameGlobs, Protocol, Requirement, Symlinks};
use super::roots::nesting::Roots;
use super::roots::start::StartDirectory;

/// Which server runs, as far as the system-call table and the guard care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerKind {
    /// `sftp-server`, read-write.
    Sftp,
    /// `scp -t`: receives.
    ScpSink,
    /// `scp -f`: sends, so it changes nothing.
    ScpSource,
    /// `rsync --server`: receives.
    RsyncReceiver,
    /// `rsync --server --sender`: sends, so it changes nothing unless it
    /// removes what it has sent.
    RsyncSender,
}

impl ServerKind {
    /// The name that is logged.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sftp => "sftp",
            Self::ScpSink => "scp-sink",
            Self::ScpSource => "scp-source",
            Self::RsyncReceiver => "rsync-receiver",
            Self::RsyncSender => "rsync-sender",
        }
    }

    /// The protocol that the server speaks.
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Sftp => Protocol::Sftp,
            Self::ScpSink | Self::ScpSource => Protocol::Scp,
            Self::RsyncReceiver | Self::RsyncSender => Protocol::Rsync,
        }
    }
}

/// One word of the server's argument vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Passed as it is.
    Literal(OsString),
    /// Wildcards ([`super::command::pattern::Pattern`]). After confinement they
    /// are expanded, and what they match is judged. If nothing matches,
    /// `literal` is passed.
    Pattern {
        /// The pattern, with a backslash before what stands for itself.
        pattern: OsString,
        /// The word as the client wrote it.
        literal: OsString,
        /// Whether the server goes into directories.
        recursive: bool,
    },
}

/// One Landlock rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// A file, or a directory with everything below it.
    pub path: PathBuf,
    /// What the kernel allows there.
    pub access: BitFlags<AccessFs>,
    /// Why the server needs it.
    pub reason: &'static str,
    /// How the path is looked up.
    pub lookup: Lookup,
}

/// How the path of a [`Grant`] is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// It must exist, with no symbolic link on the way to it.
    Exact,
    /// Links are followed; a path that does not exist on this host is skipped.
    Follow,
    /// As `Follow`, where the path of the row before it exists.
    FollowLast,
    /// Only a directory counts: a link leads to one that has its own row
    /// (`/lib` where /usr is merged).
    DirectoryItself,
}

/// Dotfile names that may be written nevertheless.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DotfileExceptions {
    /// Those of the session's policy.
    pub names: NameGlobs,
    /// Those of the account's own policy, if a profile narrows it.
    pub own: Option<NameGlobs>,
}

impl DotfileExceptions {
    /// Those of the account's own policy.
    pub fn own(&self) -> &NameGlobs {
        self.own.as_ref().unwrap_or(&self.names)
    }
}

impl From<NameGlobs> for DotfileExceptions {
    fn from(names: NameGlobs) -> Self {
        Self { names, own: None }
    }
}

/// The rules by which the guard judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The home directory, resolved. It is itself never changed.
    pub home: PathBuf,
    /// The directories with rights, in no particular order.
    pub roots: Roots,
    /// Dotfile names that may be written nevertheless, below a root and never
    /// directly in the home.
    pub dotfile_names: DotfileExceptions,
    /// Targets that may be written into symbolic links.
    pub symlinks: Symlinks,
    /// The mode bits that files can have at most.
    pub file_mode_max: Option<u32>,
    /// The mode bits that directories can have at most.
    pub directory_mode_max: Option<u32>,
    /// The mode bits that files always get.
    pub file_mode_min: Option<u32>,
    /// The mode bits that directories always get.
    pub directory_mode_min: Option<u32>,
    /// Whether read-only opens and stat are judged as well: a root that denies
    /// reading is below one that grants it, or dotfiles are hidden.
    pub watch_reads: bool,
    /// Whether the guard opens what the server opens for its client, so that
    /// nothing is sent that the server may read only for itself: for `scp -f`,
    /// which follows links within a tree, and for an rsync that sends what a
    /// list names. Other sources of rsync are judged before it starts, and it
    /// follows no links. For sftp-server it would cost time on every file
    /// (docs/threat-model.md says what it may read).
    pub watch_named_reads: bool,
    /// Whether what the client reads and lists is logged: then the guard opens
    /// what is opened for reading. Nothing else is asked of it.
    pub log_reads: bool,
    /// Files that libraries open in the same way as the server opens what a
    /// client names.
    pub library_files: Vec<PathBuf>,
    /// Whether `.NAME.XXXXXX` may be created as rsync's receiver creates it.
    pub rsync_temporaries: bool,
    /// Paths of the name service sockets that the guard connects to.
    pub name_service_sockets: Vec<PathBuf>,
    /// The file of the log, which no client may reach by any name.
    pub log_file: Option<LogFileId>,
}

/// Limits of one session. `None` means no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Sessions of the account at once.
    pub max_sessions: Option<u32>,
    /// Time without any traffic.
    pub idle_timeout: Option<Duration>,
    /// Time from the start.
    pub max_session_time: Option<Duration>,
    /// Bytes written in total.
    pub max_bytes: Option<u64>,
    /// Size of one file in bytes, RLIMIT_FSIZE of setrlimit(2).
    pub max_file_size: Option<u64>,
}

/// How one granted request is served.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// What kind of server it is.
    pub kind: ServerKind,
    /// The program, from the policy or the table of known places.
    pub program: PathBuf,
    /// Its arguments, `argv[0]` first.
    pub argv: Vec<Argument>,
    /// Its whole environment.
    pub environment: Vec<(&'static str, OsString)>,
    /// Its working directory.
    pub start: StartDirectory,
    /// Its file mode creation mask; `None` keeps the inherited one.
    pub umask: Option<u32>,
    /// The Landlock rules of the session: what is not granted is denied.
    pub grants: Vec<Grant>,
    /// The rules by which the guard judges.
    pub rules: Rules,
    /// Limits of the session.
    pub limits: Limits,
    /// Whether the session starts on a kernel that lacks a mechanism.
    pub confinement: Requirement,
    /// Whether the session starts without a log socket.
    pub audit: Requirement,
}

impl Plan {
    /// The same plan for a session without a guard. An sftp-server that may
    /// change nothing is told so itself: the guard would refuse each attempt,
    /// and log it.
    #[must_use]
    pub fn without_guard(mut self) -> Self {
        let read_only = Argument::Literal("-R".into());
        if self.kind == ServerKind::Sftp && !self.writes() && !self.argv.contains(&read_only) {
            self.argv.push(read_only);
        }
        self
    }

    /// The same plan with another program instead of the server: the live
    /// probe, which is as confined as the server would be.
    #[must_use]
    pub fn with_program(mut self, program: PathBuf, argv: Vec<OsString>) -> Self {
        for grant in &mut self.grants {
            if grant.path == self.program {
                grant.path.clone_from(&program);
            }
        }
        self.program = program;
        self.argv = argv.into_iter().map(Argument::Literal).collect();
        self
    }
}
