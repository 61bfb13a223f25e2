//! The state of the disk: everything about a tree that a client could have changed.
//!
//! Access time and change time are left out: the kernel sets them itself.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Longer contents are kept once for all entries that have them, such as the program under test.
const SHARED: u64 = 16 << 10;
/// Still longer ones are kept as a hash only, which takes most of a test's time.
const HASHED: u64 = 32 << 20;
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
    Shared(Arc<[u8]>),
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
            ('f', Content::of(path, facts.size())?)
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
    fn of(path: &Path, size: u64) -> std::io::Result<Self> {
        static KNOWN: Mutex<Vec<Weak<[u8]>>> = Mutex::new(Vec::new());
        if size <= SHARED {
            return std::fs::read(path).map(Self::Bytes);
        }
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this_size: Vec<Arc<[u8]>> = known()
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|content| content.len() as u64 == size)
            .collect();
        for content in of_this_size {
            if is(path, &content)? {
                return Ok(Self::Shared(content));
            }
        }
        let bytes = std::fs::read(path)?;
        if bytes.len() as u64 > HASHED {
            let mut hasher = DefaultHasher::new();
            hasher.write(&bytes);
            return Ok(Self::Hash(hasher.finish()));
        }
        let new = Arc::from(bytes);
        let mut known = known();
        known.retain(|content| content.strong_count() > 0);
        known.push(Arc::downgrade(&new));
        Ok(Self::Shared(new))
    }
}

/// Whether the file has this content.
fn is(path: &Path, content: &[u8]) -> std::io::Result<bool> {
    let mut file = BufReader::with_capacity(128 << 10, File::open(path)?);
    let mut rest = content;
    loop {
        let bytes = file.fill_buf()?;
        if bytes.is_empty() {
            return Ok(rest.is_empty());
        }
        let Some(after) = rest.strip_prefix(bytes) else {
            return Ok(false);
        };
        rest = after;
        let count = bytes.len();
        file.consume(count);
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
        let mut content = |bytes: &[u8]| {
            let start = &bytes[..bytes.len().min(SHOWN)];
            write!(f, ", \"{}\"", start.escape_ascii())
        };
        match &self.content {
            Content::None => Ok(()),
            Content::Bytes(bytes) => content(bytes),
            Content::Shared(bytes) => content(bytes),
            Content::Hash(hash) => write!(f, ", content {hash:016x}"),
        }
    }
}

/// The paths are compared as bytes, not by their components, since every test compares thousands of them.
#[derive(Clone, PartialEq)]
pub struct Snapshot(BTreeMap<OsString, Entry>);

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
            entries.insert(path.into_os_string(), entry);
        }
        Self(entries)
    }

    /// One line for each difference, `-` before and `+` after; empty if there is none.
    pub fn diff(&self, after: &Self) -> String {
        let mut lines = String::new();
        if self == after {
            return lines;
        }
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
        let moved = |path: &OsString| match Path::new(path).strip_prefix(from) {
            Ok(rest) => Path::new(to).join(rest).into_os_string(),
            Err(_) => path.clone(),
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
        let kept = self.0.iter().filter(|(path, _)| !left_out(Path::new(path)));
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
        self.0.keys().map(Path::new)
    }
}

fn shown(path: &OsStr) -> String {
    path.as_bytes().escape_ascii().to_string()
}

/// A content that is compared in pieces, kept once or hashed must not hide a change, even one that keeps size and time.
#[test]
fn a_change_shows_in_a_content_of_any_size() {
    let host = super::Host::new();
    for size in [1, SHARED, SHARED + 1, 1 << 20, HASHED + 1] {
        for at in [0, size / 2, size - 1] {
            host.shell_line(&format!(
                "truncate -s {size} /srv/file; touch -d @1 /srv/file"
            ));
            let before = host.disk();
            assert!(before == host.disk());
            host.shell_line(&format!(
                "printf x | dd of=/srv/file bs=1 seek={at} conv=notrunc status=none; touch -d @1 /srv/file"
            ));
            let after = host.disk();
            assert_eq!(before.diff(&after).lines().count(), 2, "{size}, byte {at}");
            host.shell_line("rm /srv/file");
            assert!(after != host.disk());
        }
    }
}
