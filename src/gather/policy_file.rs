//! Reads the policy file, if nobody but root could have written it.
//!
//! The path to the file is walked name by name, on descriptors: each directory
//! is judged by the descriptor in which the next name is opened, and so is the
//! file, which is opened once. Nothing that is judged here can be replaced
//! before it is used. Links on the way are followed by the same rule, so that
//! the directories they lead to are judged too.
//!
//! There is no policy only if [`POLICY`] does not exist in a directory that is
//! sound. Every other error refuses: a policy that cannot be found must not
//! turn into the defaults.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

use crate::decide::account::Account;
use crate::decide::policy::{self, PolicyErrors, PolicyFile};
use crate::print::escape::Escaped;

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
                write!(f, "{error}")
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
    let file = open_safely(path).map_err(|error| error.of(path))?;
    let text = file.map(|file| read(file, path)).transpose()?;
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
        Some(file) => read(file, &path).map(|text| PolicyText {
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

fn read(mut file: File, path: &Path) -> Result<String, PolicyFileError> {
    let shown = Escaped::path(path);
    // Memory for all of it at once; one more byte shows that it ends.
    let size = file
        .metadata()
        .map_err(cannot(path))
        .map_err(|error| error.of(path))?
        .len();
    let mut text = String::with_capacity(usize::try_from(size.min(SIZE_MAX) + 1).unwrap_or(0));
    let read = file.by_ref().take(SIZE_MAX + 1).read_to_string(&mut text);
    match read {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(PolicyFileError::Unsafe(
            format!("{shown} is not UTF-8 text"),
        )),
        Err(error) => Err(cannot(path)(error).of(path)),
        Ok(size) if size as u64 > SIZE_MAX => Err(PolicyFileError::Unsafe(format!(
            "{shown} is larger than 1 MiB"
        ))),
        Ok(_) => Ok(text),
    }
}

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
enum WalkStep {
    OpenDirectory(OpenDirectory),
    /// A link owned by root, and its target.
    Link(PathBuf),
}

/// Opens the file; `None` if its directory does not contain it.
fn open_safely(path: &Path) -> Result<Option<File>, PolicyFileError> {
    let mut rest = names(path);
    // The last name is the file: nothing is followed below it.
    let file = (!rest.is_empty()).then(|| rest.remove(0));
    let mut directory = OpenDirectory::root()?;
    let mut links = 0;
    while let Some(name) = rest.pop() {
        match directory.step(&name)? {
            WalkStep::OpenDirectory(next) => directory = next,
            WalkStep::Link(_) if links == LINKS_MAX => {
                let path = directory.join(&name);
                return Err(cannot(&path)(Errno::ELOOP.into()));
            }
            WalkStep::Link(target) => {
                links += 1;
                if target.is_absolute() {
                    directory = OpenDirectory::root()?;
                }
                rest.extend(names(&target));
            }
        }
    }
    directory.open(file.as_deref().unwrap_or_else(|| Path::new(".")))
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
    fn step(&self, name: &Path) -> Result<WalkStep, PolicyFileError> {
        let path = self.join(name);
        let failed = cannot(&path);
        let opened = openat(&self.opened, name, WAY, Mode::empty());
        let opened = File::from(opened.map_err(|error| failed(error.into()))?);
        let facts = opened.metadata().map_err(failed)?;
        if facts.is_symlink() {
            // In a sticky directory anybody may have created it.
            if facts.uid() != 0 {
                let (shown, uid) = (Escaped::path(&path), facts.uid());
                let why = format!("{shown} is a link owned by uid {uid}, not by root");
                return Err(PolicyFileError::Unsafe(why));
            }
            let target = readlinkat(&opened, "");
            return match target {
                Ok(target) => Ok(WalkStep::Link(target.into())),
                Err(error) => Err(failed(error.into())),
            };
        }
        if !facts.is_dir() {
            return Err(failed(Errno::ENOTDIR.into()));
        }
        vet_owner(&facts, &path)?;
        Ok(WalkStep::OpenDirectory(Self { opened, path }))
    }

    /// Opens the file with this name; `None` if there is none.
    fn open(&self, name: &Path) -> Result<Option<File>, PolicyFileError> {
        let path = self.join(name);
        let unfit = |why: &str| {
            let shown = Escaped::path(&path);
            Err(PolicyFileError::Unsafe(format!("{shown} {why}")))
        };
        // O_NONBLOCK: opening a FIFO must not wait for a writer.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
        let file = match openat(&self.opened, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::ENOENT) => return self.is_there().map(|()| None),
            Err(Errno::ELOOP) => return unfit("is a symbolic link"),
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
        Ok(Some(file))
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

fn vet_owner(metadata: &Metadata, path: &Path) -> Result<(), PolicyFileError> {
    let shown = Escaped::path(path);
    let refuse = |why: &str| Err(PolicyFileError::Unsafe(format!("{shown} {why}")));
    if metadata.uid() != 0 {
        return refuse(&format!("is owned by uid {}, not by root", metadata.uid()));
    }
    // In a sticky directory (/tmp) only the owner can replace the file.
    let sticky = metadata.is_dir() && metadata.mode() & 0o1000 != 0;
    if metadata.mode() & 0o022 != 0 && !sticky {
        let mode = metadata.mode() & 0o7777;
        return refuse(&format!("can be written by others (mode {mode:04o})"));
    }
    Ok(())
}
