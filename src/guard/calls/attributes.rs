//! Mode, owner, times, size and extended attributes.

use std::ffi::{CStr, CString};
use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::sys::stat::{FchmodatFlags, Mode, UtimensatFlags, fchmodat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchownat, ftruncate};

use super::acl;
use super::decode::{On, PathArg, TimesAt};
use super::open::reopen;
use crate::decide::plan::Rules;
use crate::decide::rules::{self, Denial, FileKind};
use crate::guard::Guard;
use crate::guard::call_error::CallError;
use crate::guard::caller::Caller;
use crate::guard::counts::Deed;
use crate::guard::lock::Held;
use crate::guard::resolve::{Object, proc_name};
use crate::guard::steps::{Judged, Logged, Resolved};
use crate::log::Event;
use crate::system::xattr;

/// The access control list of a file itself (acl(5)).
const ACCESS_LIST: &[u8] = b"system.posix_acl_access";
/// XATTR_NAME_MAX of `<linux/limits.h>`, with the NUL.
const ATTRIBUTE_NAME_MAX: usize = 256;
/// XATTR_SIZE_MAX of `<linux/limits.h>`.
const ATTRIBUTE_SIZE_MAX: u64 = 65536;

/// The descriptor that a path names by `/proc/self/fd`, and what follows it.
///
/// The C library does this for fchmodat(2) with AT_SYMLINK_NOFOLLOW, which
/// rsync and sftp-server use, on kernels without fchmodat2(2), and on all
/// kernels before glibc 2.39. rsync 3.5 uses `fd/N/NAME` to set the attributes
/// of what it cannot open.
fn own_descriptor(path: &CStr) -> Option<(i32, Option<&CStr>)> {
    let rest = path.to_bytes_with_nul().strip_prefix(b"/proc/self/fd/")?;
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    let number = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    match rest[digits..].split_first()? {
        (0, _) => Some((number, None)),
        (b'/', below) => Some((number, Some(CStr::from_bytes_with_nul(below).ok()?))),
        _ => None,
    }
}

impl Guard<'_> {
    /// The file that a call operates on.
    pub(super) fn object(&mut self, caller: &Caller, on: On) -> Result<Object, CallError> {
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
                    Some((number, None)) if follow => self.resolver.descriptor(caller, number),
                    Some((number, Some(below))) => {
                        self.resolver.object(caller, number, below, follow)
                    }
                    _ => self.resolver.object(caller, path.at, &text, follow),
                }
            }
        }
    }

    /// The file that a call operates on, if its attributes may be changed;
    /// `also` judges the change itself.
    fn changeable(
        &mut self,
        held: &Held,
        caller: &Caller,
        on: On,
        also: impl FnOnce(&Rules, &Object) -> Result<(), Denial>,
    ) -> Result<Judged<Object>, CallError> {
        let object = self.object(caller, on)?;
        let subject = self.subject(&object);
        let permit = if object.nameless {
            rules::attributes_of_nameless(&subject)
        } else {
            rules::attributes(&self.plan.rules, &object.place, &subject)
        };
        let permit = permit.and_then(|permit| also(&self.plan.rules, &object).map(|()| permit));
        let permit = permit.map_err(CallError::attribute(&object.place))?;
        Ok(Resolved::under(held, object).judged(permit))
    }

    /// chmod(2), fchmod(2).
    pub(super) fn set_mode(
        &mut self,
        caller: &Caller,
        on: On,
        mode: u32,
    ) -> Result<Logged, CallError> {
        let held = self.locks.hold()?;
        let bounded =
            |rules: &Rules, object: &Object| rules::mode(rules, object.kind(), mode & 0o7777);
        let object = self.changeable(&held, caller, on, |rules, object| {
            let mode = bounded(rules, object);
            rules::keeps_access(&object.place, object.status.mode, mode)
        })?;
        let rules = &self.plan.rules;
        let allowed = object.allowed(self.channel.still_waits(caller)?);
        let done = allowed.act(&held, |object| {
            let name = proc_name(object.fd.as_fd());
            let mode = bounded(rules, object);
            let bits = Mode::from_bits_truncate(mode);
            fchmodat(AT_FDCWD, &*name, bits, FchmodatFlags::FollowSymlink)?;
            Ok(mode)
        })?;
        drop(held);
        let Object { place, status, .. } = done.what;
        Ok(self.log.mode_set(status.inode, done.result, &place.path))
    }

    /// chown(2), lchown(2), fchown(2).
    pub(super) fn set_owner(
        &mut self,
        caller: &Caller,
        on: On,
        uid: u32,
        gid: u32,
    ) -> Result<Logged, CallError> {
        let held = self.locks.hold()?;
        let object = self.changeable(&held, caller, on, |_, _| Ok(()))?;
        let given = |id: u32| (id != u32::MAX).then_some(id);
        let (user, group) = (given(uid), given(gid));
        let allowed = object.allowed(self.channel.still_waits(caller)?);
        let done = allowed.act(&held, |object| {
            let name = proc_name(object.fd.as_fd());
            let (user, group) = (user.map(Uid::from_raw), group.map(Gid::from_raw));
            Ok(fchownat(AT_FDCWD, &*name, user, group, AtFlags::empty())?)
        })?;
        drop(held);
        let Object { place, status, .. } = done.what;
        let shown = |id: Option<u32>| id.map_or(-1, i64::from);
        let what = format_args!("{}:{}", shown(user), shown(group));
        Ok(self.log.owner_set(status.inode, &what, &place.path))
    }

    /// utimensat(2) and its older forms.
    pub(super) fn set_times(
        &mut self,
        caller: &Caller,
        on: On,
        times: TimesAt,
    ) -> Result<Logged, CallError> {
        let [accessed, modified] = read_times(caller, times)?;
        let held = self.locks.hold()?;
        let object = self.changeable(&held, caller, on, |_, _| Ok(()))?;
        let allowed = object.allowed(self.channel.still_waits(caller)?);
        let done = allowed.act(&held, |object| {
            let name = proc_name(object.fd.as_fd());
            let flags = UtimensatFlags::FollowSymlink;
            Ok(utimensat(AT_FDCWD, &*name, &accessed, &modified, flags)?)
        })?;
        drop(held);
        let Object { place, status, .. } = done.what;
        Ok(self.log.times_set(status.inode, &place.path))
    }

    /// truncate(2).
    pub(super) fn truncate(
        &mut self,
        caller: &Caller,
        path: PathArg,
        length: i64,
    ) -> Result<Logged, CallError> {
        if length < 0 {
            return Err(Errno::EINVAL.into());
        }
        let text = caller.path(path.address)?;
        let held = self.locks.hold()?;
        let object = self.resolver.object(caller, path.at, &text, true)?;
        if object.kind() == FileKind::Directory {
            return Err(Errno::EISDIR.into());
        }
        let subject = self.subject(&object);
        let permit = rules::write(&self.plan.rules, &object.place, &subject)
            .map_err(CallError::at(&object.place))?;
        let allowed = Resolved::under(&held, object).judged(permit);
        let allowed = allowed.allowed(self.channel.still_waits(caller)?);
        let done = allowed.act(&held, |object| {
            let most = self.plan.limits.max_file_size.unwrap_or(u64::MAX);
            let length_now = length.unsigned_abs();
            if length_now > most && length_now > object.status.size {
                return Err(Errno::EFBIG.into());
            }
            let fd = reopen(object, OFlag::O_WRONLY | OFlag::O_NONBLOCK)?;
            Ok(ftruncate(fd, length)?)
        })?;
        drop(held);
        let what = Event::about("file").number("bytes", length.unsigned_abs());
        let path = &done.what.place.path;
        Ok(self.log.changed(Deed::Overwritten, what, path))
    }

    /// setxattr(2), lsetxattr(2), fsetxattr(2).
    pub(super) fn set_attribute(
        &mut self,
        caller: &Caller,
        on: On,
        name: u64,
        (value, size, flags): (u64, u64, i32),
    ) -> Result<Logged, CallError> {
        let attribute = caller.short_string::<ATTRIBUTE_NAME_MAX>(name)?;
        if size > ATTRIBUTE_SIZE_MAX {
            return Err(Errno::E2BIG.into());
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        if !bytes.is_empty() {
            caller.read(value, &mut bytes)?;
        }
        let held = self.locks.hold()?;
        let object = self.changeable(&held, caller, on, |rules, object| {
            may_set(rules, &attribute)?;
            if attribute.to_bytes() != ACCESS_LIST {
                return Ok(());
            }
            let owner = acl::owner_bits(&bytes).unwrap_or(0);
            rules::keeps_access(&object.place, object.status.mode, owner)
        })?;
        let allowed = object.allowed(self.channel.still_waits(caller)?);
        let done = allowed.act(&held, |object| {
            let path = proc_name(object.fd.as_fd());
            Ok(xattr::set(&path, &attribute, &bytes, flags)?)
        })?;
        drop(held);
        Ok(self.log_attribute(&done.what, "set", &attribute))
    }

    /// removexattr(2), lremovexattr(2), fremovexattr(2).
    pub(super) fn remove_attribute(
        &mut self,
        caller: &Caller,
        on: On,
        name: u64,
    ) -> Result<Logged, CallError> {
        let attribute = caller.short_string::<ATTRIBUTE_NAME_MAX>(name)?;
        let held = self.locks.hold()?;
        let may_set = |rules: &Rules, _: &Object| may_set(rules, &attribute);
        let object = self.changeable(&held, caller, on, may_set)?;
        let allowed = object.allowed(self.channel.still_waits(caller)?);
        let done = allowed.act(&held, |object| {
            let path = proc_name(object.fd.as_fd());
            Ok(xattr::remove(&path, &attribute)?)
        })?;
        drop(held);
        Ok(self.log_attribute(&done.what, "removed", &attribute))
    }

    fn log_attribute(&mut self, object: &Object, what: &str, name: &CString) -> Logged {
        let event = Event::default().name("xattr", what);
        let event = event.bytes("name", name.to_bytes());
        let path = &object.place.path;
        self.log.changed(Deed::Attributes, event, path)
    }
}

/// Allows the user's own attributes; access control lists only if they cannot
/// get around a limit of the mode.
fn may_set(rules: &Rules, name: &CStr) -> Result<(), Denial> {
    let name = name.to_bytes();
    let limits = [
        rules.file_mode_max,
        rules.directory_mode_max,
        rules.file_mode_min,
        rules.directory_mode_min,
    ];
    let bounded = limits.iter().any(Option::is_some);
    let list = name.starts_with(b"system.posix_acl_") && !bounded;
    if name.starts_with(b"user.") || list {
        Ok(())
    } else {
        Err(Denial::Attribute)
    }
}

/// The access and modification times that a call sets.
fn read_times(caller: &Caller, times: TimesAt) -> Result<[TimeSpec; 2], CallError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_descriptors() {
        type Row<'a> = (&'a CStr, Option<(i32, Option<&'a CStr>)>);
        let rows: [Row<'_>; 9] = [
            (c"/proc/self/fd/7", Some((7, None))),
            (c"/proc/self/fd/12/d", Some((12, Some(c"d")))),
            (c"/proc/self/fd/0/a/b", Some((0, Some(c"a/b")))),
            (c"/proc/self/fd/0/", Some((0, Some(c"")))),
            (c"/proc/self/fd/", None),
            (c"/proc/self/fd/x", None),
            (c"/proc/self/fd/1x", None),
            (c"/proc/self/fd/-1", None),
            (c"/proc/self/fd/99999999999", None),
        ];
        for (path, expected) in rows {
            assert_eq!(own_descriptor(path), expected, "{path:?}");
        }
    }
}
