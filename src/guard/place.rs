//! Where is it really? Paths of the server are resolved by the guard, as the
//! account, on descriptors of its own.
//!
//! The place is what the kernel says of the *descriptor* on which the
//! operation will be done (`/proc/self/fd/N`), never what the client wrote.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::libc;

use super::caller::Caller;
use super::refusal::{Failure, Refusal};
use crate::system::statx::{self, Inode, Status};

/// A resolved place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Absolute, without symbolic links.
    pub path: Vec<u8>,
    /// Whether it is the home directory, by device and inode.
    pub is_home: bool,
    /// Whether the directory that holds it is the home, by device and inode.
    pub in_home: bool,
}

impl Place {
    /// The last component.
    pub fn name(&self) -> &[u8] {
        self.path.rsplit(|&b| b == b'/').next().unwrap_or_default()
    }

    /// The path of the directory that holds it.
    pub fn directory(&self) -> &[u8] {
        match self.path.iter().rposition(|&b| b == b'/') {
            None | Some(0) => b"/",
            Some(slash) => &self.path[..slash],
        }
    }
}

/// A name in a directory, whether taken or not.
#[derive(Debug)]
pub struct Entry {
    /// The directory, O_PATH.
    pub directory: OwnedFd,
    /// The name, with a slash behind it where the client wrote one: the kernel
    /// then insists on a directory.
    pub name: CString,
    /// The place.
    pub place: Place,
}

impl Entry {
    /// What the name stands for now; a symbolic link is not followed.
    pub fn status(&self) -> Result<Status, Failure> {
        let name = self.bare_name()?;
        Ok(statx::of_name(self.directory.as_fd(), &name)?)
    }

    /// The name without a slash behind it.
    pub fn bare_name(&self) -> Result<CString, Failure> {
        CString::new(self.place.name()).map_err(|_| Errno::EINVAL.into())
    }

    /// Whether the name is `.` or `..`, under which nothing is ever made,
    /// removed or renamed.
    pub fn is_dots(&self) -> bool {
        matches!(self.place.name(), b"." | b"..")
    }

    /// Whether the client wrote a slash behind the name.
    pub fn wants_directory(&self) -> bool {
        self.name.as_bytes().last() == Some(&b'/')
    }
}

/// A file that exists.
#[derive(Debug)]
pub struct Object {
    /// The file; O_PATH unless it is the server's own descriptor.
    pub fd: OwnedFd,
    /// Its place.
    pub place: Place,
    /// What it is.
    pub status: Status,
    /// No name leads to it any more.
    pub nameless: bool,
}

/// Where a path starts.
enum Base {
    /// At the root directory, or in the guard's own working directory.
    Own,
    At(OwnedFd),
}

impl Base {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own => AT_FDCWD,
            Self::At(fd) => fd.as_fd(),
        }
    }
}

/// Resolves paths of the server.
#[derive(Debug)]
pub struct Resolver {
    home: Inode,
    home_path: Vec<u8>,
}

const O_PATH: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);

impl Resolver {
    /// A resolver that knows the home by its inode.
    ///
    /// # Errors
    /// If the home cannot be looked at: without it P3 cannot be kept.
    pub fn new(home: &std::path::Path) -> Result<Self, Errno> {
        use std::os::unix::ffi::OsStrExt;
        let fd = nix::fcntl::open(home, O_PATH | OFlag::O_DIRECTORY, mode_zero())?;
        let status = statx::of_fd(fd.as_fd()).map_err(errno)?;
        Ok(Self {
            home: status.inode,
            home_path: home.as_os_str().as_bytes().to_vec(),
        })
    }

    /// The directory and name that `path` stands for; the last component is
    /// not looked at.
    pub fn entry(&self, caller: &Caller, at: i32, path: &CStr) -> Result<Entry, Failure> {
        let (parent, name, slash) = split(path.to_bytes())?;
        let base = base(caller, at, path)?;
        let directory = open_path(base.fd(), &parent, OFlag::O_DIRECTORY)?;
        let place = self.named(directory.as_fd(), name)?;
        let mut text = name.to_vec();
        if slash {
            text.push(b'/');
        }
        Ok(Entry {
            directory,
            name: CString::new(text).map_err(|_| Errno::EINVAL)?,
            place,
        })
    }

    /// The file that `path` leads to, with or without following a symbolic
    /// link in the last component.
    pub fn object(
        &self,
        caller: &Caller,
        at: i32,
        path: &CStr,
        follow: bool,
    ) -> Result<Object, Failure> {
        if path.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        let base = base(caller, at, path)?;
        let extra = if follow {
            OFlag::empty()
        } else {
            OFlag::O_NOFOLLOW
        };
        self.of_fd(open_path(base.fd(), path, extra)?)
    }

    /// The file behind a descriptor of the server.
    pub fn descriptor(&self, caller: &Caller, number: i32) -> Result<Object, Failure> {
        let fd = if number == libc::AT_FDCWD {
            caller.working_directory()?
        } else {
            caller.descriptor(number)?
        };
        self.of_fd(fd)
    }

    /// The name as an object: what it stands for, not followed.
    pub fn entry_object(&self, entry: &Entry) -> Result<Object, Failure> {
        let name = entry.bare_name()?;
        let fd = open_path(entry.directory.as_fd(), &name, OFlag::O_NOFOLLOW)?;
        let status = statx::of_fd(fd.as_fd())?;
        let mut place = entry.place.clone();
        place.is_home = status.inode.is(self.home);
        Ok(Object {
            fd,
            place,
            status,
            nameless: false,
        })
    }

    /// What and where the file behind a descriptor of the guard is.
    pub fn of_fd(&self, fd: OwnedFd) -> Result<Object, Failure> {
        let status = statx::of_fd(fd.as_fd())?;
        let path = path_of(fd.as_fd())?;
        let nameless = is_unlinked(&status, &path);
        let mut place = Place {
            path,
            is_home: status.inode.is(self.home),
            in_home: false,
        };
        place.in_home = self.is_home_path(place.directory());
        Ok(Object {
            fd,
            place,
            status,
            nameless,
        })
    }

    /// The place of `name` in an open directory.
    fn named(&self, directory: BorrowedFd<'_>, name: &[u8]) -> Result<Place, Failure> {
        let status = statx::of_fd(directory)?;
        let mut path = path_of(directory)?;
        if is_unlinked(&status, &path) {
            return Err(Errno::ENOENT.into());
        }
        if path != b"/" {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Ok(Place {
            is_home: path == self.home_path,
            in_home: status.inode.is(self.home),
            path,
        })
    }

    /// Where a symbolic link in `directory` with this target would lead. What
    /// does not exist yet is taken by name, below what does; `..` is not
    /// believed there, nor behind any name: what has that name now could be
    /// exchanged for a link to elsewhere.
    pub fn target(&self, directory: BorrowedFd<'_>, target: &CStr) -> Result<Place, Failure> {
        if climbs_behind_a_name(target.to_bytes()) {
            return Err(Refusal::SymlinkTarget.into());
        }
        let mut known = target.to_bytes().to_vec();
        let mut missing: Vec<Vec<u8>> = Vec::new();
        loop {
            let text = CString::new(known.as_slice()).map_err(|_| Errno::EINVAL)?;
            let start = if known.is_empty() { c"." } else { &*text };
            match open_path(directory, start, OFlag::empty()) {
                Ok(fd) => return self.append(fd, &missing),
                Err(Failure::Errno(Errno::ENOENT)) => {}
                Err(_) => return Err(Refusal::SymlinkTarget.into()),
            }
            while known.len() > 1 && known.last() == Some(&b'/') {
                known.pop();
            }
            let cut = known.iter().rposition(|&b| b == b'/').map_or(0, |i| i + 1);
            let name = known.split_off(cut);
            // A dangling link on the way counts as missing as well: what it
            // leads to is judged when it is made.
            if name == b".." || name.is_empty() {
                return Err(Refusal::SymlinkTarget.into());
            }
            if name != b"." {
                missing.push(name);
            }
        }
    }

    fn append(&self, fd: OwnedFd, missing: &[Vec<u8>]) -> Result<Place, Failure> {
        let mut place = self.of_fd(fd)?.place;
        for name in missing.iter().rev() {
            if place.path != b"/" {
                place.path.push(b'/');
            }
            place.path.extend_from_slice(name);
            place.in_home = place.is_home;
            place.is_home = false;
        }
        Ok(place)
    }

    fn is_home_path(&self, path: &[u8]) -> bool {
        if path == self.home_path {
            return true;
        }
        CString::new(path).is_ok_and(|path| {
            statx::of_name(AT_FDCWD, &path).is_ok_and(|status| status.inode.is(self.home))
        })
    }
}

/// The parent, the last component, and whether a slash stands behind it.
fn split(path: &[u8]) -> Result<(CString, &[u8], bool), Failure> {
    let end = path.iter().rposition(|&b| b != b'/');
    let Some(end) = end else {
        // Empty, or the root directory.
        return Err(if path.is_empty() {
            Errno::ENOENT.into()
        } else {
            Errno::EEXIST.into()
        });
    };
    let slash = end + 1 < path.len();
    let path = &path[..=end];
    let cut = path.iter().rposition(|&b| b == b'/').map_or(0, |i| i + 1);
    let (parent, name) = path.split_at(cut);
    let parent = if parent.is_empty() { b"." } else { parent };
    let parent = CString::new(parent).map_err(|_| Errno::EINVAL)?;
    Ok((parent, name, slash))
}

/// Whether `..` follows a name in a path.
fn climbs_behind_a_name(path: &[u8]) -> bool {
    path.split(|&b| b == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .skip_while(|part| *part == b"..")
        .any(|part| part == b"..")
}

fn base(caller: &Caller, at: i32, path: &CStr) -> Result<Base, Failure> {
    let is_absolute = path.to_bytes().first() == Some(&b'/');
    if is_absolute || (at == libc::AT_FDCWD && caller.is_where_the_guard_is) {
        return Ok(Base::Own);
    }
    Ok(Base::At(if at == libc::AT_FDCWD {
        caller.working_directory()?
    } else {
        caller.descriptor(at)?
    }))
}

/// Opens with O_PATH, through no magic link of procfs: `/proc/self` would be
/// the guard.
fn open_path(base: BorrowedFd<'_>, path: &CStr, extra: OFlag) -> Result<OwnedFd, Failure> {
    let how = OpenHow::new()
        .flags(O_PATH | extra)
        .resolve(ResolveFlag::RESOLVE_NO_MAGICLINKS);
    Ok(openat2(base, path, how)?)
}

/// The path by which the kernel knows a descriptor.
///
/// # Errors
/// EACCES for what has no path (a pipe, a socket, a place outside the mounts
/// that the guard sees).
pub fn path_of(fd: BorrowedFd<'_>) -> Result<Vec<u8>, Failure> {
    use std::os::unix::ffi::OsStringExt;
    let link = nix::fcntl::readlink(&*proc_name(fd))?.into_vec();
    if link.first() != Some(&b'/') {
        return Err(Refusal::Outside.into());
    }
    Ok(link)
}

/// `/proc/self/fd/N`: by this name the guard reaches what a descriptor holds,
/// and nothing else.
pub fn proc_name(fd: BorrowedFd<'_>) -> CString {
    use std::os::fd::AsRawFd;
    let text = format!("/proc/self/fd/{}", fd.as_raw_fd());
    CString::new(text).unwrap_or_default()
}

/// Whether a path that the kernel gave ends in its mark for "no name any
/// more" and means it: a file may be called `x (deleted)`.
fn is_unlinked(status: &Status, path: &[u8]) -> bool {
    if !path.ends_with(b" (deleted)") {
        return false;
    }
    if status.links == 0 {
        return true;
    }
    let named = CString::new(path)
        .ok()
        .and_then(|path| statx::of_name(AT_FDCWD, &path).ok());
    !named.is_some_and(|named| named.inode.is(status.inode))
}

fn mode_zero() -> nix::sys::stat::Mode {
    nix::sys::stat::Mode::empty()
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_behind_names() {
        for path in ["a/..", "../a/..", "/a/../b", "a/./../b", "a//.."] {
            assert!(climbs_behind_a_name(path.as_bytes()), "{path}");
        }
        for path in ["..", "../../a/b", "/../a", "./../a", "a/...", "a/..b", ""] {
            assert!(!climbs_behind_a_name(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn paths_are_split() {
        type Row<'a> = (&'a str, Option<(&'a str, &'a str, bool)>);
        let rows: [Row<'_>; 9] = [
            ("a", Some((".", "a", false))),
            ("a/", Some((".", "a", true))),
            ("a//b", Some(("a//", "b", false))),
            ("/a", Some(("/", "a", false))),
            ("/a//", Some(("/", "a", true))),
            ("a/..", Some(("a/", "..", false))),
            ("./a", Some(("./", "a", false))),
            ("", None),
            ("//", None),
        ];
        for (path, expected) in rows {
            let seen = split(path.as_bytes()).ok();
            let seen = seen.as_ref().map(|(parent, name, slash)| {
                let name = std::str::from_utf8(name).unwrap();
                (parent.to_str().unwrap(), name, *slash)
            });
            assert_eq!(seen, expected, "{path}");
        }
    }
}
