//! Which calls failed, and on what: an attempt that the system refuses is in
//! the log like one that the policy refuses.

use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::decode::{Call, On};
use crate::guard::Guard;
use crate::guard::call_error::CallError;
use crate::guard::caller::Caller;
use crate::guard::resolve::path_of;

impl Guard<'_> {
    /// Counts a call that the system refused; the first ones for each error get
    /// a line. The caller still waits, so its memory still says what it wanted.
    pub(in crate::guard) fn note_failure(&mut self, caller: &Caller, call: Call, errno: Errno) {
        let Some(on) = call.object() else {
            return;
        };
        if is_an_answer(errno) || self.is_own_read(call) {
            return;
        }
        if self.log.shows_failure(errno) {
            let path = self.object_path(caller, on).unwrap_or_default();
            self.log.failed(call.name(), errno, &path);
        }
    }

    /// Whether a library opens one of its files: no attempt of the client.
    fn is_own_read(&self, call: Call) -> bool {
        let Call::Open { flags, .. } = call else {
            return false;
        };
        let flags = OFlag::from_bits_retain(flags);
        !super::open::changes(flags)
            && flags.contains(OFlag::O_CLOEXEC)
            && !flags.contains(OFlag::O_DIRECTORY)
    }

    /// The path of what a call is about: resolved, if that is possible, or as
    /// the server wrote it.
    pub(in crate::guard) fn object_path(
        &mut self,
        caller: &Caller,
        on: On,
    ) -> Result<Vec<u8>, CallError> {
        let by_descriptor = |number| {
            let fd = caller.descriptor(number)?;
            Ok(path_of(fd.as_fd()).unwrap_or_default())
        };
        let path = match on {
            On::Descriptor(number) => return by_descriptor(number),
            On::Path { path, .. } => path,
        };
        let text = caller.path(path.address)?;
        if text.is_empty() {
            return by_descriptor(path.at);
        }
        match self.resolver.entry(caller, path.at, &text) {
            Ok(entry) => Ok(entry.place.path),
            Err(_) => Ok(text.into_bytes()),
        }
    }
}

/// Whether an error only says what is there, as a server expects it of many
/// calls: no attempt failed for a want of rights or of space.
const fn is_an_answer(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::ENOENT
            | Errno::EEXIST
            | Errno::ENOTDIR
            | Errno::EISDIR
            | Errno::ENOTEMPTY
            | Errno::ELOOP
            | Errno::ENAMETOOLONG
            | Errno::EXDEV
            | Errno::EINVAL
            | Errno::EBADF
            | Errno::EFAULT
            | Errno::EOPNOTSUPP
            | Errno::ENOSYS
            | Errno::ENODATA
            | Errno::ERANGE
            | Errno::ESRCH
            | Errno::EINTR
    )
}
