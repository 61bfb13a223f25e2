//! Why a call fails.

use nix::errno::Errno;

use crate::decide::rules::{Denial, Place};

/// An error of the kernel, or a denial by the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// What the kernel would return to any process.
    Errno(Errno),
    /// The reason by the policy, what the server is told, and the place.
    Denied(Denial, Errno, Vec<u8>),
}

impl CallError {
    /// A denial at a place.
    pub fn at(place: &Place) -> impl Fn(Denial) -> Self {
        |denial| Self::Denied(denial, denial.errno(), place.path.clone())
    }

    /// A denied change of an attribute: EPERM, as for a file with another owner
    /// (chmod(2)).
    pub fn attribute(place: &Place) -> impl Fn(Denial) -> Self {
        |denial| {
            let errno = match denial {
                Denial::Hidden => denial.errno(),
                _ => Errno::EPERM,
            };
            Self::Denied(denial, errno, place.path.clone())
        }
    }
}

impl From<Errno> for CallError {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<std::io::Error> for CallError {
    fn from(error: std::io::Error) -> Self {
        Self::Errno(Errno::from_raw(
            error.raw_os_error().unwrap_or(nix::libc::EIO),
        ))
    }
}

impl From<Denial> for CallError {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial, denial.errno(), Vec::new())
    }
}
