//! How mounts affect names: a bind mount shows a directory a second time, and
//! some file systems also know a file by a short name.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::sys::statfs::{FsType, fstatfs};

use super::policy_directories::PolicyDirectories;
use crate::decide::rules::{Denial, Place, first_name_at, is_dotfile};
use crate::guard::call_error::CallError;
use crate::system::statx::{FileId, Status};

/// `PROC_SUPER_MAGIC` of `<linux/magic.h>`.
const PROCFS: i64 = 0x9fa0;

/// File systems that have, or may have, short names: `<linux/magic.h>`,
/// fs/ntfs3, fs/smb/client. FUSE may be ntfs-3g.
const SHORT_NAMES: [i64; 8] = [
    0x4d44,      // MSDOS_SUPER_MAGIC, vfat as well
    0x7366_746e, // ntfs3
    0x5346_544e, // ntfs
    0xff53_4d42, // CIFS_SUPER_MAGIC
    0xfe53_4d42, // SMB2_SUPER_MAGIC
    0x517b,      // SMB_SUPER_MAGIC
    0x6573_5546, // FUSE_SUPER_MAGIC
    0x786f_4256, // VBOXSF_SUPER_MAGIC
];

/// Whether this is a file of procfs.
pub fn is_procfs(fd: BorrowedFd<'_>) -> Result<bool, CallError> {
    Ok(magic(fstatfs(fd)?.filesystem_type()) == PROCFS)
}

#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the C libraries give the type different widths"
)]
const fn magic(kind: FsType) -> i64 {
    // Four bytes, which some libraries sign-extend.
    (kind.0 as i64) & 0xffff_ffff
}

/// One line of /proc/self/mountinfo (proc(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    id: u64,
    device: Vec<u8>,
    /// The directory of the file system that is mounted.
    shows: Vec<u8>,
    /// Where.
    point: Vec<u8>,
}

/// The mounts that the guard sees.
#[derive(Debug)]
pub struct Mounts {
    /// Opened before the session's Landlock domain; read when a mount is first
    /// encountered.
    file: Option<File>,
    known: Vec<Mount>,
    /// Of the roots.
    short_names: HashMap<FileId, bool>,
    /// Where the roots are on their file systems, as far as that is known.
    shown: Option<MountLine>,
}

/// The numbers of a device.
type Device = (u32, u32);

/// A directory, by its device, the device of the mount that contains it, and
/// its path on that file system.
type OnDevice = (Device, Vec<u8>, Vec<u8>);

/// Where the roots are on their file systems: what a mount shows is looked up
/// here, however many roots there are.
#[derive(Debug)]
struct MountLine {
    roots: HashMap<OnDevice, usize>,
    /// Devices of roots whose place on the file system is not known.
    unknown: HashSet<Device>,
    /// The version of the directories.
    version: u64,
}

impl Mounts {
    /// Opens the list, which need not exist.
    pub fn open() -> Self {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        Self {
            file: openat(AT_FDCWD, "/proc/self/mountinfo", flags, Mode::empty())
                .ok()
                .map(File::from),
            known: Vec::new(),
            short_names: HashMap::new(),
            shown: None,
        }
    }

    /// Whether files below this root may have short names.
    pub fn short_names_of_root(
        &mut self,
        root: FileId,
        fd: BorrowedFd<'_>,
    ) -> Result<bool, CallError> {
        if let Some(known) = self.short_names.get(&root) {
            return Ok(*known);
        }
        let found = has_short_names(fd)?;
        self.short_names.insert(root, found);
        Ok(found)
    }

    /// The place of a mount that shows something in a root: then the place is
    /// in that root, and not where it is mounted. Or of a mount that shows
    /// something of the home that is protected wherever it is.
    ///
    /// # Errors
    /// If it is not known what the mount shows: it fails closed.
    pub fn inside(
        &mut self,
        directories: &PolicyDirectories,
        place: &Place,
        status: &Status,
    ) -> Result<Option<Place>, CallError> {
        let closed = || CallError::at(place)(Denial::Outside);
        if self.has_changed() {
            self.known.clear();
            self.shown = None;
        }
        let mount = self.find(status.mount).ok_or_else(closed)?;
        let shown = self.roots_shown(directories);
        let device = status.inode.device;
        if shown.unknown.contains(&device) {
            return Err(closed());
        }
        let best = shown.best(device, &mount);
        let home = directories.home_path();
        let of_home = self.shown_of(directories, home, (&mount, status));
        let of_home = of_home.ok_or_else(closed)?;
        Ok(match (best, of_home) {
            (Some((root, within, rest)), of_home) => {
                let mut place =
                    names(&rest).fold(directories.place(root), |place, name| place.child(name));
                if of_home.is_some_and(|(home, _)| home >= within) {
                    place.home_at = Some(first_name_at(home.as_os_str().len()));
                }
                Some(place)
            }
            (None, Some((_, rest))) => {
                let is_directory = status.mode & libc::S_IFMT == libc::S_IFDIR;
                let is_protected =
                    names(&rest).any(is_dotfile) || (names(&rest).count() == 1 && !is_directory);
                is_protected.then(|| super::outside(place.path.clone()))
            }
            (None, None) => None,
        })
    }

    /// Where the roots are, read again when that has changed.
    fn roots_shown(&mut self, directories: &PolicyDirectories) -> &MountLine {
        let known = self.shown.take();
        let known = known.filter(|shown| shown.version == directories.version());
        let shown = known.unwrap_or_else(|| self.look_for_roots(directories));
        self.shown.insert(shown)
    }

    fn look_for_roots(&mut self, directories: &PolicyDirectories) -> MountLine {
        let mut shown = MountLine {
            roots: HashMap::new(),
            unknown: HashSet::new(),
            version: directories.version(),
        };
        for root in 0..directories.count() {
            let (path, Some(_)) = directories.root(root) else {
                continue;
            };
            let Some(seen) = directories.status(path) else {
                continue;
            };
            let device = seen.inode.device;
            let Some(held) = self.find(seen.mount) else {
                shown.unknown.insert(device);
                continue;
            };
            if let Some(within) = on_file_system(&held, path) {
                let key = (device, held.device, within);
                shown.roots.entry(key).or_insert(root);
            }
        }
        shown
    }

    /// If the mount shows this directory or something in it: the length of the
    /// directory's path on the file system, and the path below it. The outer
    /// `None` means that it is not known.
    #[allow(clippy::option_option, reason = "not known is not the same as no")]
    fn shown_of(
        &mut self,
        directories: &PolicyDirectories,
        directory: &Path,
        (mount, status): (&Mount, &Status),
    ) -> Option<Option<(usize, Vec<u8>)>> {
        let Some(seen) = directories.status(directory) else {
            return Some(None);
        };
        if seen.inode.device != status.inode.device {
            return Some(None);
        }
        let held = self.find(seen.mount)?;
        if held.device != mount.device {
            return Some(None);
        }
        Some(on_file_system(&held, directory).and_then(|within| {
            let rest = below(&within, &mount.shows)?;
            Some((within.len(), rest.to_vec()))
        }))
    }

    fn find(&mut self, id: u64) -> Option<Mount> {
        let known = |mounts: &[Mount]| mounts.iter().find(|mount| mount.id == id).cloned();
        known(&self.known).or_else(|| {
            self.known = self.read().ok()?;
            self.shown = None;
            known(&self.known)
        })
    }

    /// Whether anything was mounted or unmounted since the last time this was
    /// asked (proc(5)): the number of a mount that is gone is reused.
    fn has_changed(&self) -> bool {
        let Some(file) = &self.file else {
            return false;
        };
        let mut list = [PollFd::new(file.as_fd(), PollFlags::POLLPRI)];
        // If it is not known, it may have changed.
        poll(&mut list, PollTimeout::ZERO).map_or(true, |ready| ready > 0)
    }

    fn read(&mut self) -> io::Result<Vec<Mount>> {
        let Some(file) = &mut self.file else {
            return Ok(Vec::new());
        };
        let mut text = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut text)?;
        Ok(text.split(|&b| b == b'\n').filter_map(parse).collect())
    }
}

impl MountLine {
    /// The innermost root that contains what a mount shows: which one, the
    /// length of its path on the file system, and the rest of the path.
    fn best(&self, device: Device, mount: &Mount) -> Option<(usize, usize, Vec<u8>)> {
        let whole = Path::new(OsStr::from_bytes(&mount.shows));
        whole.ancestors().find_map(|within| {
            let within = within.as_os_str().as_bytes();
            let key = (device, mount.device.clone(), within.to_vec());
            let root = *self.roots.get(&key)?;
            let rest = below(within, &mount.shows)?;
            Some((root, within.len(), rest.to_vec()))
        })
    }
}

/// Whether the file system of this directory may have short names.
pub fn has_short_names(fd: BorrowedFd<'_>) -> Result<bool, CallError> {
    Ok(SHORT_NAMES.contains(&magic(fstatfs(fd)?.filesystem_type())))
}

/// The names of a path.
fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|name| !name.is_empty())
}

fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&b| b == b' ');
    let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let device = fields.nth(1)?.to_vec();
    let shows = unescape(fields.next()?);
    let point = unescape(fields.next()?);
    Some(Mount {
        id,
        device,
        shows,
        point,
    })
}

/// Space, tab, newline and backslash are written as three octal digits after a
/// backslash.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'\\'
            && let Some(digits) = tail.first_chunk::<3>()
            && digits.iter().all(|digit| (b'0'..b'8').contains(digit))
        {
            let value = digits
                .iter()
                .fold(0_u16, |value, digit| value * 8 + u16::from(digit - b'0'));
            out.push(u8::try_from(value).unwrap_or(b'?'));
            rest = &tail[3..];
        } else {
            out.push(first);
            rest = tail;
        }
    }
    out
}

/// The path of `path` on the file system of the mount that contains it.
fn on_file_system(mount: &Mount, path: &Path) -> Option<Vec<u8>> {
    let rest = below(&mount.point, path.as_os_str().as_bytes())?;
    let mut whole = mount.shows.clone();
    if !rest.is_empty() {
        if whole != b"/" {
            whole.push(b'/');
        }
        whole.extend_from_slice(rest);
    }
    Some(whole)
}

/// The part of `path` below `base`, without a leading slash; `None` if it is
/// not below it.
fn below<'p>(base: &[u8], path: &'p [u8]) -> Option<&'p [u8]> {
    let rest = path.strip_prefix(base)?;
    match rest.first() {
        None => Some(rest),
        Some(b'/') => Some(&rest[1..]),
        Some(_) if base == b"/" => Some(rest),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_mountinfo() {
        let line = b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw";
        let expected = Mount {
            id: 36,
            device: b"98:0".to_vec(),
            shows: b"/mnt1".to_vec(),
            point: b"/mnt 2".to_vec(),
        };
        assert_eq!(parse(line), Some(expected.clone()));
        assert_eq!(parse(b""), None);
        let within = on_file_system(&expected, Path::new("/mnt 2/a/b"));
        assert_eq!(within.as_deref(), Some(&b"/mnt1/a/b"[..]));
        assert_eq!(on_file_system(&expected, Path::new("/mnt 22")), None);
    }
}
