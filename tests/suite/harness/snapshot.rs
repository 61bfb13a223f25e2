//! The state of the disk: everything about a tree that a client could have changed.
//!
//! Access time and change time are left out: the kernel sets them itself.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Longer contents are kept as a hash only.
const KEPT: usize = 1 << 20;
/// How much of a content a message shows.
const SHOWN: usize = 200;

#[derive(Clone, PartialEq)]
pub struct Entry {
    kind: char,
    mode: u32,
    owner: (u32, u32),
    size: u64,
    modified: (i64, i64),
    links: u64,
    device: u64,
    attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    content: Content,
}

#[derive(Clone, PartialEq)]
enum Content {
    None,
    Bytes(Vec<u8>),
    Hash(u64),
}

impl Entry {
    fn of(path: &Path) -> std::io::Result<Self> {
        let facts = std::fs::symlink_metadata(path)?;
        let file_type = facts.file_type();
        let (kind, content) = if file_type.is_symlink() {
            (
                'l',
                Content::Bytes(std::fs::read_link(path)?.as_os_str().as_bytes().to_vec()),
            )
        } else if file_type.is_dir() {
            ('d', Content::None)
        } else if file_type.is_file() {
            ('f', Content::of(std::fs::read(path)?))
        } else if file_type.is_fifo() {
            ('p', Content::None)
        } else if file_type.is_socket() {
            ('s', Content::None)
        } else {
            ('n', Content::None)
        };
        let mut attributes = BTreeMap::new();
        for name in xattr::list(path).into_iter().flatten() {
            let value = xattr::get(path, &name)?.unwrap_or_default();
            attributes.insert(name.as_bytes().to_vec(), value);
        }
        Ok(Self {
            kind,
            mode: facts.mode() & 0o7777,
            owner: (facts.uid(), facts.gid()),
            size: facts.size(),
            modified: (facts.mtime(), facts.mtime_nsec()),
            links: facts.nlink(),
            device: facts.rdev(),
            attributes,
            content,
        })
    }
}

impl Content {
    fn of(bytes: Vec<u8>) -> Self {
        if bytes.len() <= KEPT {
            return Self::Bytes(bytes);
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        Self::Hash(hasher.finish())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            mode,
            owner: (user, group),
            size,
            modified: (seconds, nanos),
            links,
            ..
        } = self;
        write!(
            f,
            "{kind} {mode:04o} {user}:{group} {size} bytes, mtime {seconds}.{nanos:09}, {links} links"
        )?;
        for (name, value) in &self.attributes {
            write!(f, ", {}={}", name.escape_ascii(), value.escape_ascii())?;
        }
        match &self.content {
            Content::None => Ok(()),
            Content::Bytes(bytes) => {
                write!(
                    f,
                    ", \"{}\"",
                    bytes[..bytes.len().min(SHOWN)].escape_ascii()
                )
            }
            Content::Hash(hash) => write!(f, ", content {hash:016x}"),
        }
    }
}

#[derive(Clone, PartialEq)]
pub struct Snapshot(BTreeMap<PathBuf, Entry>);

impl Snapshot {
    /// Reads the trees below `roots`, the roots themselves included.
    pub fn of(roots: &[impl AsRef<Path>]) -> Self {
        let mut entries = BTreeMap::new();
        let mut waiting: Vec<PathBuf> = roots.iter().map(|root| root.as_ref().to_owned()).collect();
        while let Some(path) = waiting.pop() {
            // A name that vanishes between the listing and the look does not exist.
            let Ok(entry) = Entry::of(&path) else {
                continue;
            };
            if entry.kind == 'd' {
                let names = std::fs::read_dir(&path)
                    .unwrap_or_else(|error| panic!("cannot list {path:?}: {error}"));
                waiting.extend(names.flatten().map(|name| name.path()));
            }
            entries.insert(path, entry);
        }
        Self(entries)
    }

    /// One line for each difference, `-` before and `+` after; empty if there is none.
    pub fn diff(&self, after: &Self) -> String {
        let mut lines = String::new();
        for (path, old) in &self.0 {
            match after.0.get(path) {
                Some(new) if new == old => {}
                Some(new) => {
                    lines += &format!("- {} {old}\n+ {} {new}\n", shown(path), shown(path))
                }
                None => lines += &format!("- {} {old}\n", shown(path)),
            }
        }
        for (path, new) in after
            .0
            .iter()
            .filter(|(path, _)| !self.0.contains_key(*path))
        {
            lines += &format!("+ {} {new}\n", shown(path));
        }
        lines
    }

    #[track_caller]
    pub fn assert_same(&self, after: &Self, what: &str) {
        let diff = self.diff(after);
        assert!(diff.is_empty(), "{what}: the disk changed:\n{diff}");
    }

    /// The same tree as if it were at another place, to compare two accounts.
    pub fn moved(&self, from: &str, to: &str) -> Self {
        let moved = |path: &PathBuf| {
            path.strip_prefix(from)
                .map_or_else(|_| path.clone(), |rest| Path::new(to).join(rest))
        };
        Self(
            self.0
                .iter()
                .map(|(path, entry)| (moved(path), entry.clone()))
                .collect(),
        )
    }

    /// The same state except for what `left_out` says, a place where changes are allowed.
    pub fn without(&self, left_out: impl Fn(&Path) -> bool) -> Self {
        let kept = self.0.iter().filter(|(path, _)| !left_out(path));
        Self(
            kept.map(|(path, entry)| (path.clone(), entry.clone()))
                .collect(),
        )
    }

    /// The same state as another account would have it: ids are counted from `id`, and what was changed since
    /// `start` (seconds since 1970) was changed "now".
    pub fn comparable(&self, id: u32, start: i64) -> Self {
        let of = |number: u32| number.checked_sub(id).unwrap_or(number);
        let entry = |entry: &Entry| Entry {
            owner: (of(entry.owner.0), of(entry.owner.1)),
            modified: if entry.modified.0 >= start {
                (i64::MAX, 0)
            } else {
                entry.modified
            },
            ..entry.clone()
        };
        Self(
            self.0
                .iter()
                .map(|(path, old)| (path.clone(), entry(old)))
                .collect(),
        )
    }

    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }
}

fn shown(path: &Path) -> String {
    path.as_os_str().as_bytes().escape_ascii().to_string()
}
