//! Why the guard refuses what the server asks for.

use std::fmt;

use nix::errno::Errno;

use crate::decide::access::Right;

/// A reason. The server sees only an error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// In no directory of the policy.
    Outside,
    /// The home itself, or directly in it (P3).
    Home,
    /// A dotfile, or below one (P4).
    Dotfile,
    /// As [`Self::Dotfile`], if dotfiles are hidden.
    Hidden,
    /// The directory's `access` lacks this right.
    Right(Right),
    /// The file has a name that the session did not create, which may be a
    /// dotfile.
    Links,
    /// The directory is, or contains, one that the policy names (P3).
    PolicyDirectory,
    /// A change of mode or access control list after which the account could no
    /// longer enter, list or write a directory of the policy.
    LocksOut,
    /// A move to a directory of the policy that allows something with the file
    /// that its present directory does not.
    Gains,
    /// The directory to be moved contains files that the session did not
    /// create.
    Contents,
    /// The directory to be moved cannot be searched: it cannot be listed, or it
    /// contains too much.
    Unknown,
    /// A device, FIFO or socket; writing to a directory.
    Special,
    /// The symbolic link would lead outside the policy's directories.
    SymlinkTarget,
    /// An extended attribute that is not the user's own.
    Attribute,
    /// A form of the call that no file server uses.
    Unsupported,
    /// A second program.
    Program,
    /// A socket that is not for the name service.
    Socket,
    /// More temporary files than the guard can clean up after.
    TooMany,
    /// More files open for writing than the guard can follow.
    TooManyOpen,
    /// A symbolic link that leads nowhere: nothing is created through it.
    Dangling,
    /// A signal to a process outside the session.
    Stranger,
    /// A change that this kind of server never makes.
    OtherServer,
    /// Another process holds the lock that keeps two sessions apart.
    Locked,
    /// The file that the log is written to.
    Log,
}

impl Denial {
    /// The number of reasons; the rights count as one.
    pub const KINDS: usize = 24;

    /// A number below [`Self::KINDS`] that tells the reasons apart.
    pub const fn index(self) -> usize {
        match self {
            Self::Outside => 0,
            Self::Home => 1,
            Self::Dotfile => 2,
            Self::Hidden => 3,
            Self::Right(_) => 4,
            Self::Links => 5,
            Self::PolicyDirectory => 6,
            Self::LocksOut => 7,
            Self::Gains => 8,
            Self::Contents => 9,
            Self::Unknown => 10,
            Self::Special => 11,
            Self::SymlinkTarget => 12,
            Self::Attribute => 13,
            Self::Unsupported => 14,
            Self::Program => 15,
            Self::Socket => 16,
            Self::TooMany => 17,
            Self::TooManyOpen => 18,
            Self::Dangling => 19,
            Self::Stranger => 20,
            Self::Locked => 21,
            Self::OtherServer => 22,
            Self::Log => 23,
        }
    }

    /// What the server is told: EACCES, unless another error fits better.
    pub const fn errno(self) -> Errno {
        match self {
            // sftp-server then falls back from link and unlink to rename.
            Self::Right(Right::Link)
            | Self::Attribute
            | Self::Program
            | Self::Stranger
            | Self::OtherServer => Errno::EPERM,
            Self::Hidden => Errno::ENOENT,
            Self::Unsupported => Errno::EOPNOTSUPP,
            Self::TooMany => Errno::EDQUOT,
            Self::TooManyOpen => Errno::EMFILE,
            Self::Locked => Errno::EAGAIN,
            _ => Errno::EACCES,
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Right(right) => {
                return write!(f, "the directory's access lacks '{}'", right.name());
            }
            Self::Outside => "outside the writable directories",
            Self::Home => "the home directory itself cannot be changed",
            Self::Dotfile | Self::Hidden => "a dotfile, or below one",
            Self::Links => "the file has another, older name",
            Self::PolicyDirectory => "the policy names this directory or one in it",
            Self::LocksOut => "it would lock the account out of a directory of the policy",
            Self::Gains => "the file would gain rights in the other directory",
            Self::Contents => "the directory holds files that the session did not create",
            Self::Unknown => "the directory cannot be searched before it is moved",
            Self::Special => "not a regular file, nor of a kind that can be created",
            Self::SymlinkTarget => "the symbolic link would lead outside",
            Self::Attribute => "an extended attribute outside user.*",
            Self::Unsupported => "a form of the call that no file server uses",
            Self::Program => "a second program",
            Self::Socket => "a socket that is not for the name service",
            Self::TooMany => "too many temporary files at once",
            Self::TooManyOpen => "too many files open for writing at once",
            Self::Stranger => "a signal to a process outside the session",
            Self::Dangling => "nothing is created through a symbolic link",
            Self::OtherServer => "a change that this server never makes",
            Self::Log => "the file of the log",
            Self::Locked => "another process holds the directory's lock",
        })
    }
}
