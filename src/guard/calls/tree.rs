//! What is in a directory that is to be moved?

use std::ffi::{CStr, CString, OsStr};
use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::rc::Rc;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use crate::guard::resolve::{Directory, proc_name};
use crate::system::statx::{self, Inode};

/// The most names that are looked at; a directory with more is not moved.
const NAMES_MAX: usize = 200_000;
/// The most levels of directories; each is open while it is searched.
const DEPTH_MAX: usize = 128;

/// A symbolic link in the directory.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    /// How many levels below the moved directory it is: 1 for a link directly
    /// in it.
    depth: usize,
    target: Vec<u8>,
}

impl Link {
    /// How many levels above the moved directory a relative target climbs, and
    /// what follows; `None` if the move changes nothing.
    pub fn leads_out(&self) -> Option<(usize, &[u8])> {
        if self.target.first() == Some(&b'/') {
            return None;
        }
        let mut rest = &self.target[..];
        let mut climbs: usize = 0;
        loop {
            let (name, more) = match rest.iter().position(|&b| b == b'/') {
                Some(slash) => (&rest[..slash], &rest[slash + 1..]),
                None => (rest, &b""[..]),
            };
            match name {
                b".." => climbs += 1,
                b"." | b"" if !rest.is_empty() => {}
                _ => break,
            }
            rest = more;
        }
        // `..` after a name is not trusted: its meaning is not known.
        if rest.split(|&b| b == b'/').any(|name| name == b"..") {
            return Some((1, &self.target));
        }
        let above = climbs.checked_sub(self.depth - 1)?;
        let rest = if rest.is_empty() { b"." } else { rest };
        // One level up from a link in the moved directory is that directory
        // itself.
        (above > 0).then_some((above, rest))
    }
}

/// What was found.
#[derive(Debug)]
pub struct TreeContents {
    /// Whether the session created all of it.
    pub is_all_own: bool,
    /// The symbolic links.
    pub links: Vec<Link>,
}

/// Searches the directory `name`. `is_own` says what the session created.
///
/// # Errors
/// If something cannot be listed, or there is too much.
pub fn look_through(
    directory: &Directory,
    name: &CStr,
    is_own: impl Fn(Inode) -> bool,
) -> io::Result<TreeContents> {
    let mut found = TreeContents {
        is_all_own: true,
        links: Vec::new(),
    };
    let mut seen = 0;
    let mut waiting = vec![(Rc::clone(&directory.fd), name.to_owned(), 1)];
    while let Some((parent, name, depth)) = waiting.pop() {
        if depth > DEPTH_MAX {
            return Err(io::Error::other("too deep"));
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let here = Rc::new(openat(&*parent, &*name, flags, Mode::empty())?);
        let listed = proc_name(here.as_fd());
        for entry in fs::read_dir(OsStr::from_bytes(listed.to_bytes()))? {
            let entry = entry?;
            seen += 1;
            if seen > NAMES_MAX {
                return Err(io::Error::other("too much"));
            }
            let name = CString::new(entry.file_name().into_vec())?;
            let kind = entry.file_type()?;
            if kind.is_symlink() {
                let target = nix::fcntl::readlinkat(&*here, &*name)?.into_vec();
                found.links.push(Link { depth, target });
            }
            if found.is_all_own {
                let status = statx::of_name(here.as_fd(), &name)?;
                found.is_all_own = is_own(status.inode);
            }
            if kind.is_dir() {
                waiting.push((Rc::clone(&here), name, depth + 1));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_links_lead_from() {
        type Row = (usize, &'static str, Option<(usize, &'static str)>);
        let rows: [Row; 10] = [
            (1, "a", None),
            (1, "../a", Some((1, "a"))),
            (2, "../a", None),
            (2, "../../a/b", Some((1, "a/b"))),
            (1, "../../etc/passwd", Some((2, "etc/passwd"))),
            (1, "./..//../x", Some((2, "x"))),
            (3, "../../../../..", Some((3, "."))),
            (1, "/etc", None),
            (1, "..", Some((1, "."))),
            (1, "a/../../b", Some((1, "a/../../b"))),
        ];
        for (depth, target, expected) in rows {
            let link = Link {
                depth,
                target: target.as_bytes().to_vec(),
            };
            let expected = expected.map(|(above, rest)| (above, rest.as_bytes()));
            assert_eq!(link.leads_out(), expected, "{depth} {target}");
        }
    }
}
