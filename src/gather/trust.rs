//! Looks at a file and at everything on the way to it, for the rule of
//! [`decide::trust`](crate::decide::trust).

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::walk::{WalkEnd, walk};
use crate::decide::trust::{Distrust, EntryKind, EntryStatus};
use nix::errno::Errno;

/// An entry of a directory, as lstat(2) sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathEntry {
    /// Its path, absolute.
    pub path: PathBuf,
    /// Its status.
    pub status: EntryStatus,
}

impl PathEntry {
    /// Looks at an entry, without following it.
    ///
    /// # Errors
    ///
    /// Those of lstat(2).
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            status: status(&fs::symlink_metadata(path)?),
        })
    }
}

/// What of an entry's metadata trust depends on.
pub fn status(metadata: &Metadata) -> EntryStatus {
    let kind = match metadata.file_type() {
        kind if kind.is_file() => EntryKind::File,
        kind if kind.is_dir() => EntryKind::Directory,
        kind if kind.is_symlink() => EntryKind::Link,
        _ => EntryKind::Other,
    };
    EntryStatus {
        kind,
        uid: metadata.uid(),
        mode: metadata.mode() & 0o7777,
    }
}

/// Where a way could not be followed, and why.
#[derive(Debug)]
pub struct WayError {
    /// The entry that could not be looked at.
    pub at: PathBuf,
    /// Why.
    pub error: io::Error,
}

/// A way, as far as it goes.
#[derive(Debug)]
pub struct FollowedWay {
    /// Everything on it, from `/` on: each directory, each link, each directory
    /// on the way of a link, and last what it leads to, if that exists.
    pub entries: Vec<PathEntry>,
    /// Where it ends.
    pub end: WalkEnd,
}

/// Follows a path.
///
/// # Errors
///
/// That `/` cannot be looked at.
pub fn way(path: &Path) -> Result<FollowedWay, WayError> {
    let root = Path::new("/");
    let first = PathEntry::of(root).map_err(|error| WayError {
        at: root.to_owned(),
        error,
    })?;
    let mut entries = vec![first];
    let end = walk(path, |path, metadata| {
        if entries.iter().all(|seen| seen.path != path) {
            entries.push(PathEntry {
                path: path.to_owned(),
                status: status(metadata),
            });
        }
        Ok(true)
    });
    // A way can lead back to what it has passed.
    if let WalkEnd::Found(found) = &end
        && let Some(at) = entries.iter().position(|entry| entry.path == *found)
    {
        let last = entries.remove(at);
        entries.push(last);
    }
    Ok(FollowedWay { entries, end })
}

/// Everything on the way to a file, and last the file itself.
///
/// # Errors
///
/// The first entry that cannot be looked at; ENOENT where there is no such
/// file.
pub fn way_to(path: &Path) -> Result<Vec<PathEntry>, WayError> {
    let FollowedWay { entries, end } = way(path)?;
    match end {
        WalkEnd::Found(_) => Ok(entries),
        WalkEnd::Failed(at, error) => Err(WayError { at, error }),
        WalkEnd::Absent(at) | WalkEnd::Refused(at) => Err(WayError {
            at,
            error: Errno::ENOENT.into(),
        }),
    }
}

/// The first entry on a way to a program or its library that others than root
/// can change.
pub fn distrusted(way: &[PathEntry]) -> Option<(&PathEntry, Distrust)> {
    let is_closed_store = |at: usize, entry: &PathEntry| {
        let of_it = |other: &&PathEntry| other.path.parent() == Some(&entry.path);
        let within: Vec<_> = way.iter().filter(of_it).map(|other| other.status).collect();
        at + 1 < way.len() && entry.status.is_closed_store(&within)
    };
    way.iter().enumerate().find_map(|(at, entry)| {
        let why = entry.status.distrust_for_program().next()?;
        (!is_closed_store(at, entry)).then_some((entry, why))
    })
}

/// Whether root alone could have made this link, and can replace it.
///
/// # Errors
///
/// Those of lstat(2) on the directory that holds it.
pub fn is_roots_link(link: &Path, metadata: &Metadata) -> io::Result<bool> {
    let holder = PathEntry::of(link.parent().unwrap_or_else(|| Path::new("/")))?;
    Ok(holder.status.is_trusted() && status(metadata).is_trusted())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_has_each_directory_and_link_and_ends_with_the_file() {
        let below = std::env::temp_dir().join(format!("xfersh-way-{}", std::process::id()));
        let below = fs::canonicalize(below.parent().unwrap())
            .unwrap()
            .join(below.file_name().unwrap());
        fs::create_dir_all(below.join("a/b")).unwrap();
        fs::write(below.join("file"), "").unwrap();
        std::os::unix::fs::symlink("a/b/../../file", below.join("link")).unwrap();
        let names = |name: &str| {
            let way = way_to(&below.join(name)).unwrap();
            let inside = way.iter().filter_map(|entry| {
                let name = entry.path.strip_prefix(&below).ok()?;
                Some(name.to_str().unwrap().to_owned())
            });
            (way[0].path.clone(), inside.collect::<Vec<_>>())
        };
        let root = PathBuf::from("/");
        let rows: [(&str, &[&str]); 4] = [
            ("file", &["", "file"]),
            ("link", &["", "link", "a", "a/b", "file"]),
            ("a/b", &["", "a", "a/b"]),
            ("a/b/..", &["", "a/b", "a"]),
        ];
        for (name, expected) in rows {
            let expected: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(names(name), (root.clone(), expected), "{name}");
        }
        let missing = way_to(&below.join("no/such")).unwrap_err();
        assert_eq!(missing.error.raw_os_error(), Some(Errno::ENOENT as i32));
        assert_eq!(missing.at, below.join("no/such"));
        fs::remove_dir_all(&below).unwrap();
    }
}
