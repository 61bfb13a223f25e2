//! Reads the policy file, if nobody but root could have written it.
//!
//! The path to the file is walked name by name, on descriptors: each directory
//! is judged by the descriptor in which the next name is opened, and so is the
//! file, which is opened once. Nothing that is judged here can be replaced
//! before it is used. Links on the way, and one that has the file's own name,
//! are followed by the same rule, so that the directories they lead to are
//! judged too.
//!
//! There is no policy only if [`POLICY`] does not exist in a directory that is
//! sound. Every other error refuses: a policy that cannot be found must not
//! turn into the defaults.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat};
use nix::sys::stat::Mode;

use super::trust;
use super::whole;
use crate::decide::account::Account;
use crate::decide::policy::{self, PolicyErrors, PolicyFile};
use crate::print::escape::Escaped;
use crate::print::escape::word::{hinted, quoted};

/// Where the policy is.
pub const POLICY: &str = "/etc/xfersh.toml";

/// The largest policy that is read, in bytes.
const SIZE_MAX: u64 = 1 << 20;

/// As many links as the kernel follows (path_resolution(7)).
const LINKS_MAX: u32 = 40;

/// Why a policy cannot be used. Without a usable policy nothing is served.
#[derive(Debug)]
pub enum PolicyFileError {
    /// It cannot be opened or read.
    Io {
        /// The policy.
        policy: PathBuf,
        /// The part of its path that failed.
        at: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Somebody else could have written it, or it is not a readable file.
    Unsafe(String),
    /// It has errors.
    Wrong(PolicyErrors),
}

impl std::fmt::Display for PolicyFileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io { policy, at, error } => {
                write!(f, "cannot read the policy {}: ", Escaped::path(policy))?;
                if at != policy {
                    write!(f, "{}: ", Escaped::path(at))?;
                }
                write!(f, "{error}")?;
                let is_closed = error.kind() == io::ErrorKind::PermissionDenied;
                if is_closed && policy == Path::new(POLICY) {
                    write!(
                        f,
                        "; a session reads it with the rights of its account: chmod a+r {POLICY}"
                    )?;
                }
                Ok(())
            }
            Self::Unsafe(why) => f.write_str(why),
            Self::Wrong(errors) => write!(f, "{errors}"),
        }
    }
}

/// The text of a sound policy file, not yet judged.
pub struct PolicyText {
    /// The file and its text; `None` if there is no file.
    file: Option<(PathBuf, String)>,
}

impl PolicyText {
    /// The whole policy. If there is no file, the defaults apply.
    ///
    /// # Errors
    ///
    /// If it has any error.
    pub fn parse(&self) -> Result<PolicyFile, PolicyFileError> {
        self.with(policy::parse)
    }

    /// The policy for one account: blocks that apply neither to it nor to
    /// another entry with its uid may be missing.
    ///
    /// # Errors
    ///
    /// If it has any error, even in those blocks.
    pub fn parse_for(&self, account: &Account) -> Result<PolicyFile, PolicyFileError> {
        let names: Vec<&str> = account.names().collect();
        self.with(|text, path| policy::parse_for(&names, text, path))
    }

    fn with(
        &self,
        parse: impl FnOnce(&str, &Path) -> Result<PolicyFile, PolicyErrors>,
    ) -> Result<PolicyFile, PolicyFileError> {
        match &self.file {
            Some((path, text)) => parse(text, path).map_err(PolicyFileError::Wrong),
            None => Ok(PolicyFile::absent()),
        }
    }
}

/// Reads the policy of the host.
///
/// # Errors
///
/// If it cannot be read, or is not safe. It is not an error if there is none.
pub fn host_text() -> Result<PolicyText, PolicyFileError> {
    let path = Path::new(POLICY);
    let policy = match open_directly(path) {
        Some(policy) => Some(policy),
        None => open_safely(path).map_err(|error| error.of(path))?,
    };
    let text = policy.map(|policy| read(&policy, path)).transpose()?;
    Ok(PolicyText {
        file: text.map(|text| (path.to_path_buf(), text)),
    })
}

/// Reads the whole policy of the host. If there is no file, the defaults apply.
///
/// # Errors
///
/// Everything else that is not a sound policy.
pub fn host_policy() -> Result<PolicyFile, PolicyFileError> {
    host_text()?.parse()
}

/// Reads a policy that an administrator names, or else the host's. A named one
/// must exist.
///
/// # Errors
///
/// If it cannot be read, or is not safe.
pub fn named_text(name: Option<&Path>) -> Result<PolicyText, PolicyFileError> {
    let Some(name) = name else {
        return host_text();
    };
    let path = absolute(name)?;
    match open_safely(&path).map_err(|error| error.of(&path))? {
        Some(policy) => read(&policy, &path).map(|text| PolicyText {
            file: Some((path, text)),
        }),
        None => Err(cannot(&path)(Errno::ENOENT.into()).of(&path)),
    }
}

/// An error at this part of the path.
fn cannot(at: &Path) -> impl Fn(io::Error) -> PolicyFileError + Copy {
    move |error| PolicyFileError::Io {
        policy: PathBuf::new(),
        at: at.to_path_buf(),
        error,
    }
}

impl PolicyFileError {
    /// The command that lets every account read the policy, if that is what
    /// failed. To be asked with the rights that failed.
    pub fn mend(&self) -> Option<String> {
        let Self::Io { at, error, .. } = self else {
            return None;
        };
        if error.kind() != io::ErrorKind::PermissionDenied {
            return None;
        }
        // What cannot even be looked at is behind a closed directory.
        let parent = at.parent().unwrap_or(at);
        let (right, path) = match fs::symlink_metadata(at) {
            Ok(facts) if facts.is_dir() => ("x", at.as_path()),
            Ok(_) => ("r", at.as_path()),
            Err(_) => ("x", parent),
        };
        let path = hinted(quoted(path), "PATH");
        Some(format!(
            "each session reads the policy as its account; as root: chmod a+{right} {path}"
        ))
    }

    /// The same error, with the policy that was wanted.
    fn of(mut self, wanted: &Path) -> Self {
        if let Self::Io { policy, .. } = &mut self {
            *policy = wanted.to_path_buf();
        }
        self
    }
}

/// The absolute path. `..` stays: it is walked like any name.
fn absolute(name: &Path) -> Result<PathBuf, PolicyFileError> {
    if name.as_os_str().is_empty() {
        let why = "cannot read the policy: its name is empty".to_owned();
        return Err(PolicyFileError::Unsafe(why));
    }
    let whole = std::path::absolute(name).ok();
    // For a directory that cannot be reached from here, Linux says
    // "(unreachable)/..." (getcwd(3)).
    whole.filter(|path| path.is_absolute()).ok_or_else(|| {
        let shown = Escaped::path(name);
        PolicyFileError::Unsafe(format!(
            "cannot read the policy: {shown} is relative, and the working directory is gone: give an absolute path"
        ))
    })
}

fn read(policy: &OpenPolicy, path: &Path) -> Result<String, PolicyFileError> {
    let shown = Escaped::path(path);
    let read = whole::read(&policy.file, policy.size, SIZE_MAX);
    let bytes = read.map_err(|error| cannot(path)(error).of(path))?;
    if bytes.len() as u64 > SIZE_MAX {
        return Err(PolicyFileError::Unsafe(format!(
            "{shown} is larger than 1 MiB"
        )));
    }
    String::from_utf8(bytes)
        .map_err(|_| PolicyFileError::Unsafe(format!("{shown} is not UTF-8 text")))
}

/// The policy, judged.
struct OpenPolicy {
    file: File,
    size: u64,
}

/// The usual case in half as many calls: on the way to the file there is no
/// link, and no directory that anybody but root could change. Then each of them
/// is still what it was when the next name is looked up, though it is not held.
/// `None` in every other case, which [`open_safely`] looks into.
fn open_directly(path: &Path) -> Option<OpenPolicy> {
    let mut way: Vec<&Path> = path.ancestors().skip(1).collect();
    way.reverse();
    // Not even a sticky one: others could make the next name.
    let is_roots = |facts: &Metadata| facts.uid() == 0 && facts.mode() & 0o022 == 0;
    for directory in way {
        let facts = fs::symlink_metadata(directory).ok()?;
        if !facts.is_dir() || !is_roots(&facts) {
            return None;
        }
    }
    let how = OpenHow::new()
        .flags(POLICY_FLAGS)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    let file = File::from(openat2(AT_FDCWD, path, how).ok()?);
    let facts = file.metadata().ok()?;
    (facts.is_file() && is_roots(&facts)).then(|| OpenPolicy {
        file,
        size: facts.len(),
    })
}

/// How the policy is opened. O_NONBLOCK: opening a FIFO must not wait for a
/// writer.
const POLICY_FLAGS: OFlag = OFlag::O_NOFOLLOW
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_CLOEXEC)
    .union(OFlag::O_NOCTTY);

/// How a name on the way is opened: a link itself is examined.
const WAY: OFlag = OFlag::O_PATH
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// A directory on the way to the file, judged.
struct OpenDirectory {
    opened: File,
    path: PathBuf,
}

/// What a name on the way is.
enum PolicyStep {
    OpenDirectory(OpenDirectory),
    /// A link owned by root, and its target.
    Link(PathBuf),
    /// The file.
    Policy(OpenPolicy),
    /// There is no file of that name.
    Absent,
}

/// How often a walk is begun again, if a name that it was led to is gone.
const WALKS_MAX: u32 = 3;

/// Opens the file; `None` if its directory does not contain it.
///
/// Where the policy is delivered by links, as Kubernetes does it, an update
/// points a link to a new directory and removes the old one. A walk that is on
/// its way there then meets a name that is gone; another one finds the new one.
fn open_safely(path: &Path) -> Result<Option<OpenPolicy>, PolicyFileError> {
    let mut walks = 1;
    loop {
        match walk_to_file(path) {
            Err(PolicyFileError::Io { error, .. })
                if error.kind() == io::ErrorKind::NotFound && walks < WALKS_MAX =>
            {
                walks += 1;
            }
            end => return end,
        }
    }
}

fn walk_to_file(path: &Path) -> Result<Option<OpenPolicy>, PolicyFileError> {
    let mut rest = names(path);
    let mut directory = OpenDirectory::root()?;
    let mut links = 0;
    // Once a link has had the file's name, somebody wants a policy: that its
    // target is absent is an error, and never means the defaults.
    let mut is_led = false;
    loop {
        let name = rest.pop().unwrap_or_else(|| PathBuf::from("."));
        let is_file = rest.is_empty();
        let step = match is_file {
            true => directory.open(&name)?,
            false => directory.step(&name)?,
        };
        match step {
            PolicyStep::OpenDirectory(next) => directory = next,
            PolicyStep::Policy(policy) => return Ok(Some(policy)),
            PolicyStep::Absent if is_led => {
                return Err(cannot(&directory.join(&name))(Errno::ENOENT.into()));
            }
            PolicyStep::Absent => return Ok(None),
            PolicyStep::Link(_) if links == LINKS_MAX => {
                let path = directory.join(&name);
                return Err(cannot(&path)(Errno::ELOOP.into()));
            }
            PolicyStep::Link(target) => {
                links += 1;
                is_led |= is_file;
                if target.is_absolute() {
                    directory = OpenDirectory::root()?;
                }
                rest.extend(names(&target));
            }
        }
    }
}

/// The names of a path, the last one first.
fn names(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().rev();
    let named = parts.filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    named.map(|part| PathBuf::from(part.as_os_str())).collect()
}

impl OpenDirectory {
    fn root() -> Result<Self, PolicyFileError> {
        let path = PathBuf::from("/");
        let failed = cannot(&path);
        let opened = openat(AT_FDCWD, "/", WAY, Mode::empty());
        let opened = File::from(opened.map_err(|error| failed(error.into()))?);
        vet_owner(&opened.metadata().map_err(failed)?, &path)?;
        Ok(Self { opened, path })
    }

    /// The path of a name in it, for messages.
    fn join(&self, name: &Path) -> PathBuf {
        match name.to_str() {
            Some("..") => self.path.parent().unwrap_or(&self.path).to_path_buf(),
            Some(".") => self.path.clone(),
            _ => self.path.join(name),
        }
    }

    /// What has this name on the way, judged.
    fn step(&self, name: &Path) -> Result<PolicyStep, PolicyFileError> {
        let path = self.join(name);
        let failed = cannot(&path);
        let opened = openat(&self.opened, name, WAY, Mode::empty());
        let opened = File::from(opened.map_err(|error| failed(error.into()))?);
        let facts = opened.metadata().map_err(failed)?;
        if facts.is_symlink() {
            // In a sticky directory anybody may have created it.
            vet_owner(&facts, &path)?;
            let target = readlinkat(&opened, "");
            return match target {
                Ok(target) => Ok(PolicyStep::Link(target.into())),
                Err(error) => Err(failed(error.into())),
            };
        }
        if !facts.is_dir() {
            return Err(failed(Errno::ENOTDIR.into()));
        }
        vet_owner(&facts, &path)?;
        Ok(PolicyStep::OpenDirectory(Self { opened, path }))
    }

    /// Opens the file with this name, or reads the link that has it.
    fn open(&self, name: &Path) -> Result<PolicyStep, PolicyFileError> {
        let path = self.join(name);
        let unfit = |why: &str| {
            let shown = Escaped::path(&path);
            Err(PolicyFileError::Unsafe(format!("{shown} {why}")))
        };
        let file = match openat(&self.opened, name, POLICY_FLAGS, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::ENOENT) => return self.is_there().map(|()| PolicyStep::Absent),
            Err(Errno::ELOOP) => {
                return match self.step(name)? {
                    link @ PolicyStep::Link(_) => Ok(link),
                    // It is no link any more.
                    _ => Err(cannot(&path)(Errno::ELOOP.into())),
                };
            }
            // A socket, or a device without a driver.
            Err(Errno::ENXIO) => return unfit("is not a regular file"),
            Err(error) => return Err(cannot(&path)(error.into())),
        };
        let facts = file.metadata();
        let facts = facts.map_err(cannot(&path))?;
        if !facts.is_file() {
            return unfit("is not a regular file");
        }
        vet_owner(&facts, &path)?;
        let size = facts.len();
        Ok(PolicyStep::Policy(OpenPolicy { file, size }))
    }

    /// A directory that was removed contains no file either, which says nothing
    /// about the directory that has its name now.
    fn is_there(&self) -> Result<(), PolicyFileError> {
        let failed = cannot(&self.path);
        match self.opened.metadata().map_err(failed)?.nlink() {
            0 => Err(failed(Errno::ENOENT.into())),
            _ => Ok(()),
        }
    }
}

/// See [`EntryStatus::distrust`](crate::decide::trust::EntryStatus::distrust).
fn vet_owner(metadata: &Metadata, path: &Path) -> Result<(), PolicyFileError> {
    match trust::status(metadata).distrust().next() {
        None => Ok(()),
        Some(why) => {
            let shown = Escaped::path(path);
            Err(PolicyFileError::Unsafe(format!("{shown} {why}")))
        }
    }
}
