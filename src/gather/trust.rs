//! Looks at a file and at everything on the way to it, for the rule of
//! [`decide::trust`](crate::decide::trust).

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::walk::{WalkEnd, walk};
use crate::decide::trust::{EntryKind, EntryStatus};
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

/// Everything on the way to a file, from `/` on, and last the file itself:
/// each directory, each link, and each directory on the way of a link.
///
/// # Errors
///
/// The first entry that cannot be looked at; ENOENT where there is no such
/// file.
pub fn way_to(path: &Path) -> Result<Vec<PathEntry>, WayError> {
    let root = Path::new("/");
    let failed = |at: &Path| {
        let at = at.to_owned();
        move |error| WayError { at, error }
    };
    let mut way = vec![PathEntry::of(root).map_err(failed(root))?];
    let end = walk(path, |path, metadata| {
        if way.iter().all(|seen| seen.path != path) {
            way.push(PathEntry {
                path: path.to_owned(),
                status: status(metadata),
            });
        }
        Ok(true)
    });
    match end {
        WalkEnd::Found(found) => {
            // A way can lead back to what it has passed.
            if let Some(at) = way.iter().position(|entry| entry.path == found) {
                let last = way.remove(at);
                way.push(last);
            }
            Ok(way)
        }
        WalkEnd::Failed(at, error) => Err(failed(&at)(error)),
        WalkEnd::Absent(at) | WalkEnd::Refused(at) => Err(failed(&at)(Errno::ENOENT.into())),
    }
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
