//! Reads the policy file, if nobody but root could have written it.
//!
//! The file is opened once and then judged by its descriptor; its parent
//! directories likewise, since whoever can write in one of them can put
//! another file in its place.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use crate::decide::policy::{self, PolicyErrors, PolicyFile};
use crate::escape::Escaped;

/// Where the policy is.
pub const POLICY: &str = "/etc/xfersh.toml";

/// The largest policy that is read, in bytes.
const SIZE_MAX: u64 = 1 << 20;

/// Why a policy cannot be used. Without a usable policy nothing is served.
#[derive(Debug)]
pub enum LoadError {
    /// It cannot be opened or read.
    Io(io::Error),
    /// Somebody else could have written it.
    Unsafe(String),
    /// Its content is wrong.
    Wrong(PolicyErrors),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot read the policy: {error}"),
            Self::Unsafe(why) => f.write_str(why),
            Self::Wrong(errors) => write!(f, "{errors}"),
        }
    }
}

/// Reads the policy of the host. Where there is no file, the defaults hold.
///
/// # Errors
///
/// Everything else that is not a sound policy.
pub fn policy(path: &Path) -> Result<PolicyFile, LoadError> {
    match open_safely(path)? {
        Some(file) => parse(file, path),
        None => Ok(PolicyFile::absent()),
    }
}

fn parse(mut file: File, path: &Path) -> Result<PolicyFile, LoadError> {
    let shown = Escaped::path(path);
    let mut text = String::new();
    let read = file.by_ref().take(SIZE_MAX + 1).read_to_string(&mut text);
    match read {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(LoadError::Unsafe(format!("{shown} is not UTF-8 text")));
        }
        Err(error) => return Err(LoadError::Io(error)),
        Ok(size) if size as u64 > SIZE_MAX => {
            return Err(LoadError::Unsafe(format!("{shown} is larger than 1 MiB")));
        }
        Ok(_) => {}
    }
    policy::parse(&text, path).map_err(LoadError::Wrong)
}

/// Opens the file, `None` where there is none.
fn open_safely(path: &Path) -> Result<Option<File>, LoadError> {
    for parent in path.ancestors().skip(1) {
        match fs::metadata(parent) {
            Ok(directory) => vet_owner(&directory, parent)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LoadError::Io(error)),
        }
    }
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    let file = match open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::ENOENT) => return Ok(None),
        Err(Errno::ELOOP) => {
            let shown = Escaped::path(path);
            return Err(LoadError::Unsafe(format!("{shown} is a symbolic link")));
        }
        Err(error) => return Err(LoadError::Io(error.into())),
    };
    let metadata = file.metadata().map_err(LoadError::Io)?;
    if !metadata.is_file() {
        let shown = Escaped::path(path);
        return Err(LoadError::Unsafe(format!("{shown} is not a regular file")));
    }
    vet_owner(&metadata, path)?;
    Ok(Some(file))
}

fn vet_owner(metadata: &Metadata, path: &Path) -> Result<(), LoadError> {
    let shown = Escaped::path(path);
    let refuse = |why: &str| Err(LoadError::Unsafe(format!("{shown} {why}")));
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
