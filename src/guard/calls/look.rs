//! Reading by path, if the policy hides something from it: read-only opens and
//! the stat family. Otherwise none of this reaches the guard.
//!
//! A hidden name is answered like one that does not exist.

use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, readlinkat};
use nix::libc;
use nix::unistd::{AccessFlags, faccessat};

use super::decode::{Call, On, PathArg};
use super::open::{reopen, reopen_regular};
use crate::decide::plan::{Grant, Lookup};
use crate::decide::policy::Protocol;
use crate::decide::rules::{self, Denial, FileKind};
use crate::guard::call_error::CallError;
use crate::guard::caller::Caller;
use crate::guard::resolve::{Object, proc_name};
use crate::guard::{Answer, Guard};
use crate::system::{memory, stat, xattr};

/// XATTR_LIST_MAX and XATTR_SIZE_MAX of `<linux/limits.h>`.
const ATTRIBUTES_MAX: u64 = 65536;

impl Guard<'_> {
    /// open(2) for reading, or with O_PATH.
    pub(super) fn open_to_read(
        &mut self,
        caller: &Caller,
        at: i32,
        path: &CStr,
        flags: OFlag,
    ) -> Result<Answer, CallError> {
        let follow = !flags.contains(OFlag::O_NOFOLLOW);
        let object = self.resolver.object(caller, at, path, follow)?;
        let subject = self.subject(&object);
        let (place, kind) = (&object.place, object.kind());
        let rules = &self.plan.rules;
        rules::visible(rules, place, subject.is_rsync_temporary).map_err(CallError::at(place))?;
        if flags.contains(OFlag::O_DIRECTORY) && kind != FileKind::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        // An O_PATH descriptor cannot be handed over (EBADF), and rsync uses
        // them to walk to its directory. Nothing can be read or changed through
        // such a descriptor, and each later call that uses it comes here again,
        // fstat(2) included. So the kernel opens it. An rsync that has been
        // taken over and changes the path meanwhile learns whether a hidden
        // name exists, but no more.
        if flags.contains(OFlag::O_PATH) {
            return if self.plan.kind.protocol() == Protocol::Rsync {
                Ok(Answer::LetThrough)
            } else {
                Err(Denial::Unsupported.into())
            };
        }
        let judged = if flags.contains(OFlag::O_CLOEXEC) {
            rules::read(rules, place, &subject)
        } else {
            rules::read_by_name(rules, place, &subject)
        };
        judged.map_err(CallError::at(place))?;
        let fd = match kind {
            FileKind::Symlink => return Err(Errno::ELOOP.into()),
            // /dev/urandom and the like: the C library has getrandom(2).
            FileKind::Special => return Err(Errno::EACCES.into()),
            FileKind::Null | FileKind::Directory => reopen(&object, flags & OFlag::O_DIRECTORY)?,
            FileKind::File => reopen_regular(&object, OFlag::O_RDONLY, flags)?,
        };
        self.log_read(&object, flags);
        Ok(Answer::opened(fd, flags, false))
    }

    /// Logs what is opened for reading, if the policy wants that.
    pub(super) fn log_read(&mut self, object: &Object, flags: OFlag) {
        let path = &object.place.path;
        match object.kind() {
            FileKind::Directory => {
                let as_directory = flags.contains(OFlag::O_DIRECTORY);
                self.log.listed(path, as_directory);
            }
            FileKind::File if !self.is_for_itself(object, flags) => {
                self.log.read(object.status.size, path);
            }
            _ => {}
        }
    }

    /// Whether the server or one of its libraries opens a file for itself: of
    /// the start-up table, and with O_CLOEXEC, which the servers do not set for
    /// what a client names. A few libraries do not set it either.
    fn is_for_itself(&self, object: &Object, flags: OFlag) -> bool {
        let path = Path::new(OsStr::from_bytes(&object.place.path));
        if !flags.contains(OFlag::O_CLOEXEC) {
            return self
                .plan
                .rules
                .library_files
                .iter()
                .any(|file| file == path);
        }
        let mut grants = self.plan.grants.iter();
        let is_startup =
            |grant: &Grant| grant.lookup != Lookup::Exact && path.starts_with(&grant.path);
        object.place.root.is_none() || grants.any(is_startup)
    }

    /// The stat family.
    pub(super) fn look(&mut self, caller: &Caller, call: Call) -> Result<Answer, CallError> {
        match call {
            Call::Stat(on, buffer) => {
                let file = self.visible(caller, on)?;
                self.give(caller, buffer, &stat::stat(file.as_fd())?)
            }
            Call::Statx {
                on,
                flags,
                mask,
                buffer,
            } => {
                let sync = flags & (libc::AT_STATX_FORCE_SYNC | libc::AT_STATX_DONT_SYNC);
                let file = self.visible(caller, on)?;
                let bytes = stat::statx(file.as_fd(), sync, mask)?;
                self.give(caller, buffer, &bytes)
            }
            Call::FileSystem(path, buffer) => {
                let file = self.visible(caller, followed(path))?;
                self.give(caller, buffer, &stat::statfs(file.as_fd())?)
            }
            Call::Access(on, mode) => {
                let file = self.visible(caller, on)?;
                let mode = AccessFlags::from_bits(mode).ok_or(Errno::EINVAL)?;
                let name = proc_name(file.as_fd());
                faccessat(AT_FDCWD, &*name, mode, AtFlags::empty())?;
                Ok(Answer::Value(0))
            }
            Call::ReadLink(path, buffer, size) => self.read_link(caller, path, buffer, size),
            Call::GetAttribute {
                on,
                name,
                value,
                size,
            } => {
                let attribute = caller.short_string::<256>(name)?;
                self.attribute_bytes(caller, on, value, size, |path, into| {
                    xattr::get(path, &attribute, into)
                })
            }
            Call::ListAttributes(on, value, size) => {
                self.attribute_bytes(caller, on, value, size, xattr::list)
            }
            _ => Err(Denial::Unsupported.into()),
        }
    }

    /// The file that a call looks at, unless it is hidden. A descriptor is
    /// judged too: an O_PATH descriptor may be one that the kernel opened
    /// itself.
    fn visible(&mut self, caller: &Caller, on: On) -> Result<Rc<OwnedFd>, CallError> {
        let object = match on {
            On::Descriptor(number) => {
                let fd = Rc::new(caller.descriptor(number)?);
                match self.resolver.of_shared(&fd) {
                    // A pipe or a socket has no place.
                    Err(CallError::Denied(Denial::Outside, ..)) => return Ok(fd),
                    other => other?,
                }
            }
            On::Path { .. } => self.object(caller, on)?,
        };
        let place = &object.place;
        let temporary = self.subject(&object).is_rsync_temporary;
        rules::visible(&self.plan.rules, place, temporary).map_err(CallError::at(place))?;
        Ok(object.fd)
    }

    fn read_link(
        &mut self,
        caller: &Caller,
        path: PathArg,
        buffer: u64,
        size: u64,
    ) -> Result<Answer, CallError> {
        let on = On::Path {
            path,
            follow: false,
            empty: true,
        };
        let file = self.visible(caller, on)?;
        if size == 0 {
            return Err(Errno::EINVAL.into());
        }
        let mut target = readlinkat(&*file, c"")?.into_vec();
        target.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        let length = i64::try_from(target.len()).unwrap_or(0);
        self.give(caller, buffer, &target)?;
        Ok(Answer::Value(length))
    }

    fn attribute_bytes(
        &mut self,
        caller: &Caller,
        on: On,
        buffer: u64,
        size: u64,
        read: impl Fn(&CStr, &mut [u8]) -> std::io::Result<usize>,
    ) -> Result<Answer, CallError> {
        let file = self.visible(caller, on)?;
        let size = usize::try_from(size.min(ATTRIBUTES_MAX)).unwrap_or(0);
        let mut bytes = vec![0; size];
        let length = read(&proc_name(file.as_fd()), &mut bytes)?;
        if size > 0 {
            self.give(caller, buffer, &bytes[..length])?;
        }
        Ok(Answer::Value(i64::try_from(length).unwrap_or(0)))
    }

    fn give(&self, caller: &Caller, buffer: u64, bytes: &[u8]) -> Result<Answer, CallError> {
        let _waits = self.channel.still_waits(caller)?;
        memory::write(caller.pid, buffer, bytes)?;
        Ok(Answer::Value(0))
    }
}

const fn followed(path: PathArg) -> On {
    On::Path {
        path,
        follow: true,
        empty: false,
    }
}
