//! Why the guard refuses, and what the server is told.

use std::fmt;

use nix::errno::Errno;

use super::place::Place;
use crate::decide::access::Right;

/// A reason. The server sees only an error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// In no directory of the policy.
    Outside,
    /// The home itself, or directly in it (P3).
    Home,
    /// A dotfile, or below one (P4).
    Dotfile,
    /// As [`Self::Dotfile`] where dotfiles are hidden.
    Hidden,
    /// The directory's `access` lacks this right.
    Right(Right),
    /// The file has a name that the session did not make, which may be a
    /// dotfile.
    Links,
    /// The directory is, or holds, one that the policy names.
    HoldsRoot,
    /// A device, FIFO or socket; writing to a directory.
    Special,
    /// The symbolic link would lead out of the policy's directories.
    SymlinkTarget,
    /// An extended attribute that is not the user's own.
    Attribute,
    /// A form of the call that no file server uses.
    Unsupported,
    /// A second program.
    Program,
    /// A socket that is none of the name service's.
    Socket,
    /// More temporary files than the guard can clean up after.
    TooMany,
    /// A symbolic link that leads nowhere: nothing is made through it.
    Dangling,
    /// A signal to a process that is not of the session.
    Stranger,
}

impl Refusal {
    /// How many reasons there are; the rights count as one.
    pub const KINDS: usize = 16;

    /// A number below [`Self::KINDS`] that tells the reasons apart.
    pub const fn index(self) -> usize {
        match self {
            Self::Outside => 0,
            Self::Home => 1,
            Self::Dotfile => 2,
            Self::Hidden => 3,
            Self::Right(_) => 4,
            Self::Links => 5,
            Self::HoldsRoot => 6,
            Self::Special => 7,
            Self::SymlinkTarget => 8,
            Self::Attribute => 9,
            Self::Unsupported => 10,
            Self::Program => 11,
            Self::Socket => 12,
            Self::TooMany => 13,
            Self::Dangling => 14,
            Self::Stranger => 15,
        }
    }

    /// What the server is told, where nothing more special fits: EACCES.
    pub const fn errno(self) -> Errno {
        match self {
            // sftp-server then falls back from link and unlink to rename.
            Self::Right(Right::Link) | Self::Attribute | Self::Program | Self::Stranger => {
                Errno::EPERM
            }
            Self::Hidden => Errno::ENOENT,
            Self::Unsupported => Errno::EOPNOTSUPP,
            Self::TooMany => Errno::EDQUOT,
            _ => Errno::EACCES,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside => f.write_str("outside the writable directories"),
            Self::Home => f.write_str("the home directory itself is never changed"),
            Self::Dotfile | Self::Hidden => f.write_str("a dotfile, or below one"),
            Self::Right(right) => write!(f, "the directory's access lacks '{}'", right.name()),
            Self::Links => f.write_str("the file has another, older name"),
            Self::HoldsRoot => f.write_str("the policy names this directory or one in it"),
            Self::Special => f.write_str("neither a regular file nor one that can be made"),
            Self::SymlinkTarget => f.write_str("the symbolic link would lead out"),
            Self::Attribute => f.write_str("an extended attribute outside user.*"),
            Self::Unsupported => f.write_str("a form of the call that no file server uses"),
            Self::Program => f.write_str("a second program"),
            Self::Socket => f.write_str("a socket that is none of the name service's"),
            Self::TooMany => f.write_str("too many temporary files at once"),
            Self::Stranger => f.write_str("a signal out of the session"),
            Self::Dangling => f.write_str("nothing is made through a symbolic link"),
        }
    }
}

/// Why a call fails: the kernel's word, or a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// As the kernel would have it for any process.
    Errno(Errno),
    /// The policy's word, what the server is told, and the place.
    Refused(Refusal, Errno, Vec<u8>),
}

impl Failure {
    /// A refusal at a place.
    pub fn at(place: &Place) -> impl Fn(Refusal) -> Self {
        |refusal| Self::Refused(refusal, refusal.errno(), place.path.clone())
    }

    /// A refusal to change an attribute: EPERM, as for a file of another
    /// owner (chmod(2)).
    pub fn attribute(place: &Place) -> impl Fn(Refusal) -> Self {
        |refusal| {
            let errno = match refusal {
                Refusal::Hidden => refusal.errno(),
                _ => Errno::EPERM,
            };
            Self::Refused(refusal, errno, place.path.clone())
        }
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Errno(Errno::from_raw(
            error.raw_os_error().unwrap_or(nix::libc::EIO),
        ))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal, refusal.errno(), Vec::new())
    }
}
