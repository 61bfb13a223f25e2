//! Mode, owner, times, size and extended attributes.

use std::ffi::{CStr, CString};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::sys::stat::{FchmodatFlags, Mode, UtimensatFlags, fchmodat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchownat, ftruncate};

use super::call::{On, PathArg, TimesAt};
use super::caller::Caller;
use super::judge;
use super::ledger::Deed;
use super::opens::reopen;
use super::place::{Object, proc_name};
use super::refusal::{Failure, Refusal};
use super::{Answer, Guard};
use crate::system::statx::Kind;
use crate::system::xattr;

/// XATTR_NAME_MAX of `<linux/limits.h>`, with the NUL.
const ATTRIBUTE_NAME_MAX: usize = 256;
/// XATTR_SIZE_MAX of `<linux/limits.h>`.
const ATTRIBUTE_SIZE_MAX: u64 = 65536;

/// The descriptor that a path names by `/proc/self/fd`. The C library does so
/// for fchmodat(2) with AT_SYMLINK_NOFOLLOW, which rsync and sftp-server use,
/// on kernels without fchmodat2(2), and before glibc 2.39 on all.
fn own_descriptor(path: &CStr) -> Option<i32> {
    let number = path.to_str().ok()?.strip_prefix("/proc/self/fd/")?;
    let plain = number.bytes().all(|c| c.is_ascii_digit());
    plain.then(|| number.parse().ok()).flatten()
}

impl Guard<'_> {
    /// The file that a call is done on.
    pub(super) fn object(&self, caller: &Caller, on: On) -> Result<Object, Failure> {
        match on {
            On::Descriptor(number) => self.resolver.descriptor(caller, number),
            On::Path {
                path,
                follow,
                empty,
            } => {
                let text = caller.path(path.address)?;
                match own_descriptor(&text) {
                    _ if empty && text.is_empty() => self.resolver.descriptor(caller, path.at),
                    Some(number) if follow => self.resolver.descriptor(caller, number),
                    _ => self.resolver.object(caller, path.at, &text, follow),
                }
            }
        }
    }

    /// The file that a call is done on, if its attributes may be changed.
    fn changeable(&self, caller: &Caller, on: On) -> Result<Object, Failure> {
        let object = self.object(caller, on)?;
        let subject = self.subject(&object);
        let refused = |refusal| Failure::attribute(&object.place)(refusal);
        if object.nameless {
            // An unlinked file that is open is nobody's but the server's; one
            // that lost this name only may have another.
            let own = subject.made.is_some_and(|made| made.links >= subject.links);
            if subject.kind != Kind::File || !(own || subject.links == 0) {
                return Err(refused(Refusal::Links));
            }
        } else {
            judge::attributes(&self.plan.rules, &object.place, &subject).map_err(refused)?;
        }
        self.confirm(caller)?;
        Ok(object)
    }

    /// chmod(2), fchmod(2).
    pub(super) fn set_mode(
        &mut self,
        caller: &Caller,
        on: On,
        mode: u32,
    ) -> Result<Answer, Failure> {
        let object = self.changeable(caller, on)?;
        let mode = judge::mode(&self.plan.rules, object.status.kind, mode & 0o7777);
        let name = proc_name(object.fd.as_fd());
        let bits = Mode::from_bits_truncate(mode);
        fchmodat(AT_FDCWD, &*name, bits, FchmodatFlags::FollowSymlink)?;
        if !self.ledger.mode_set(object.status.inode, mode) {
            let what = format_args!("mode={mode:04o}");
            self.re_attributed(&object, &what);
        }
        Ok(Answer::Value(0))
    }

    /// chown(2), lchown(2), fchown(2).
    pub(super) fn set_owner(
        &mut self,
        caller: &Caller,
        on: On,
        uid: u32,
        gid: u32,
    ) -> Result<Answer, Failure> {
        let object = self.changeable(caller, on)?;
        let given = |id: u32| (id != u32::MAX).then_some(id);
        let (user, group) = (given(uid), given(gid));
        let name = proc_name(object.fd.as_fd());
        fchownat(
            AT_FDCWD,
            &*name,
            user.map(Uid::from_raw),
            group.map(Gid::from_raw),
            AtFlags::empty(),
        )?;
        if !self.ledger.owner_set(object.status.inode) {
            let shown = |id: Option<u32>| id.map_or(-1, i64::from);
            let what = format_args!("owner={}:{}", shown(user), shown(group));
            self.re_attributed(&object, &what);
        }
        Ok(Answer::Value(0))
    }

    /// utimensat(2) and its older forms.
    pub(super) fn set_times(
        &mut self,
        caller: &Caller,
        on: On,
        times: TimesAt,
    ) -> Result<Answer, Failure> {
        let [accessed, modified] = read_times(caller, times)?;
        let object = self.changeable(caller, on)?;
        let name = proc_name(object.fd.as_fd());
        let flags = UtimensatFlags::FollowSymlink;
        utimensat(AT_FDCWD, &*name, &accessed, &modified, flags)?;
        if !self.ledger.times_set(object.status.inode) {
            self.re_attributed(&object, &"times=set");
        }
        Ok(Answer::Value(0))
    }

    /// truncate(2).
    pub(super) fn truncate(
        &mut self,
        caller: &Caller,
        path: PathArg,
        length: i64,
    ) -> Result<Answer, Failure> {
        if length < 0 {
            return Err(Errno::EINVAL.into());
        }
        let text = caller.path(path.address)?;
        let object = self.resolver.object(caller, path.at, &text, true)?;
        if object.status.kind == Kind::Directory {
            return Err(Errno::EISDIR.into());
        }
        let subject = self.subject(&object);
        judge::write(&self.plan.rules, &object.place, &subject)
            .map_err(Failure::at(&object.place))?;
        self.confirm(caller)?;
        let fd = reopen(&object, OFlag::O_WRONLY | OFlag::O_NONBLOCK)?;
        ftruncate(fd, length)?;
        let what = format_args!("file bytes={length}");
        let path = &object.place.path;
        self.ledger
            .changed(self.audit, Deed::Overwritten, &what, path);
        Ok(Answer::Value(0))
    }

    /// setxattr(2), lsetxattr(2), fsetxattr(2).
    pub(super) fn set_attribute(
        &mut self,
        caller: &Caller,
        on: On,
        name: u64,
        (value, size, flags): (u64, u64, i32),
    ) -> Result<Answer, Failure> {
        let attribute = caller.short_string::<ATTRIBUTE_NAME_MAX>(name)?;
        if size > ATTRIBUTE_SIZE_MAX {
            return Err(Errno::E2BIG.into());
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        if !bytes.is_empty() {
            caller.read(value, &mut bytes)?;
        }
        let object = self.changeable(caller, on)?;
        self.may_set(&object, &attribute)?;
        let path = proc_name(object.fd.as_fd());
        xattr::set(&path, &attribute, &bytes, flags)?;
        self.log_attribute(&object, "set", &attribute);
        Ok(Answer::Value(0))
    }

    /// removexattr(2), lremovexattr(2), fremovexattr(2).
    pub(super) fn remove_attribute(
        &mut self,
        caller: &Caller,
        on: On,
        name: u64,
    ) -> Result<Answer, Failure> {
        let attribute = caller.short_string::<ATTRIBUTE_NAME_MAX>(name)?;
        let object = self.changeable(caller, on)?;
        self.may_set(&object, &attribute)?;
        let path = proc_name(object.fd.as_fd());
        xattr::remove(&path, &attribute)?;
        self.log_attribute(&object, "removed", &attribute);
        Ok(Answer::Value(0))
    }

    /// The user's own attributes; access control lists only where no bound of
    /// the mode could be got round by them.
    fn may_set(&self, object: &Object, name: &CString) -> Result<(), Failure> {
        let name = name.to_bytes();
        let rules = &self.plan.rules;
        let bounded = rules.file_mode_max.is_some() || rules.directory_mode_max.is_some();
        let list = name.starts_with(b"system.posix_acl_") && !bounded;
        if name.starts_with(b"user.") || list {
            Ok(())
        } else {
            Err(Failure::attribute(&object.place)(Refusal::Attribute))
        }
    }

    fn log_attribute(&mut self, object: &Object, what: &str, name: &CString) {
        let name = crate::escape::Escaped::bytes(name.to_bytes());
        let what = format_args!("xattr={what} name=\"{name}\"");
        self.re_attributed(object, &what);
    }

    fn re_attributed(&mut self, object: &Object, what: &dyn std::fmt::Display) {
        let path = &object.place.path;
        self.ledger
            .changed(self.audit, Deed::Attributes, what, path);
    }
}

/// The access and modification time that a call gives.
fn read_times(caller: &Caller, times: TimesAt) -> Result<[TimeSpec; 2], Failure> {
    let (TimesAt::Nanoseconds(address)
    | TimesAt::Microseconds(address)
    | TimesAt::Seconds(address)) = times;
    if address == 0 {
        return Ok([TimeSpec::UTIME_NOW; 2]);
    }
    let mut words = [0_i64; 4];
    let count = if matches!(times, TimesAt::Seconds(_)) {
        2
    } else {
        4
    };
    for (i, word) in words.iter_mut().enumerate().take(count) {
        let mut bytes = [0; 8];
        caller.read(address.wrapping_add(8 * i as u64), &mut bytes)?;
        *word = i64::from_ne_bytes(bytes);
    }
    let [a, b, c, d] = words;
    match times {
        TimesAt::Nanoseconds(_) => Ok([TimeSpec::new(a, b), TimeSpec::new(c, d)]),
        TimesAt::Seconds(_) => Ok([TimeSpec::new(a, 0), TimeSpec::new(b, 0)]),
        TimesAt::Microseconds(_) => {
            if !(0..1_000_000).contains(&b) || !(0..1_000_000).contains(&d) {
                return Err(Errno::EINVAL.into());
            }
            Ok([TimeSpec::new(a, b * 1000), TimeSpec::new(c, d * 1000)])
        }
    }
}
