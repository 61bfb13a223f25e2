//! The whole tree at one moment: every file with content and metadata, every name with its file.
//!
//! Files are known by device and inode number. That is enough if no number is reused, which is checked once
//! (`numbers_are_not_used_again`): the in-memory file systems of a test host count up.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Device and inode number.
pub type Id = (u64, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
    Symlink,
    Other,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub kind: Kind,
    pub mode: u32,
    pub owner: (u32, u32),
    pub modified: (i64, i64),
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
    pub size: u64,
    /// When the kernel last saw a change; not part of the state.
    stamped: (i64, i64),
    /// The beginning of it, or the target of a link.
    pub content: Vec<u8>,
}

impl Node {
    fn read(path: &Path, facts: &fs::Metadata) -> Self {
        let kind = match facts.file_type() {
            it if it.is_file() => Kind::File,
            it if it.is_dir() => Kind::Directory,
            it if it.is_symlink() => Kind::Symlink,
            _ => Kind::Other,
        };
        let names: Vec<_> = xattr::list(path).into_iter().flatten().collect();
        let value = |name| xattr::get(path, name).ok().flatten().unwrap_or_default();
        Self {
            kind,
            mode: facts.mode() & 0o7777,
            owner: (facts.uid(), facts.gid()),
            modified: (facts.mtime(), facts.mtime_nsec()),
            attributes: names
                .iter()
                .map(|name| (name.as_bytes().to_vec(), value(name)))
                .collect(),
            size: if kind == Kind::Directory {
                0
            } else {
                facts.size()
            },
            stamped: stamp(facts),
            content: content(path, kind),
        }
    }

    /// Whether anything that a client can change differs.
    pub fn differs(&self, other: &Self) -> bool {
        self.stamped != other.stamped
            && Self {
                stamped: other.stamped,
                ..self.clone()
            } != *other
    }

    /// The number in the content of a file of the first tree.
    pub fn token(&self) -> Option<u64> {
        let text = std::str::from_utf8(self.content.strip_prefix(b"old-")?).ok()?;
        text.split_whitespace().next()?.parse().ok()
    }

    pub fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }
}

fn stamp(facts: &fs::Metadata) -> (i64, i64) {
    (facts.ctime(), facts.ctime_nsec())
}

fn content(path: &Path, kind: Kind) -> Vec<u8> {
    /// Longer ones are distinguished by size and time.
    const READ: u64 = 512;
    let mut bytes = Vec::new();
    match kind {
        Kind::File => {
            if let Ok(file) = fs::File::open(path) {
                let _ = file.take(READ).read_to_end(&mut bytes);
            }
        }
        Kind::Symlink => {
            let target = fs::read_link(path).unwrap_or_default();
            bytes.extend(target.as_os_str().as_bytes());
        }
        Kind::Directory | Kind::Other => {}
    }
    bytes
}

/// A name: the directory that it is in, and the last component.
pub type Edge = (Id, Vec<u8>);

#[derive(Clone, Default)]
pub struct Tree {
    pub nodes: BTreeMap<Id, Node>,
    /// Every path with what it leads to and the name that is its last component.
    pub paths: BTreeMap<PathBuf, (Id, Edge)>,
    pub edges: BTreeMap<Edge, (Id, PathBuf)>,
    pub names: BTreeMap<Id, Vec<PathBuf>>,
    /// What changed before that, and not since, is unchanged.
    settled: (i64, i64),
}

impl Tree {
    /// Everything below these directories, including the directories themselves.
    pub fn read(tops: &[PathBuf]) -> Self {
        Self::read_after(tops, &Self::default())
    }

    /// The same, if most is as it was at an earlier look.
    pub fn read_after(tops: &[PathBuf], earlier: &Self) -> Self {
        let mut tree = Self {
            settled: a_moment_ago(),
            ..Self::default()
        };
        let mut waiting: Vec<(PathBuf, Id)> =
            tops.iter().map(|top| (top.clone(), (0, 0))).collect();
        while let Some((path, parent)) = waiting.pop() {
            let Ok(facts) = fs::symlink_metadata(&path) else {
                continue;
            };
            let id = (facts.dev(), facts.ino());
            if facts.is_dir() {
                let listed = fs::read_dir(&path).into_iter().flatten().flatten();
                waiting.extend(listed.map(|entry| (entry.path(), id)));
            }
            let name = path.file_name().expect("no root directory");
            let edge = (parent, name.as_bytes().to_vec());
            tree.nodes
                .entry(id)
                .or_insert_with(|| match earlier.nodes.get(&id) {
                    Some(old) if old.stamped == stamp(&facts) && old.stamped < earlier.settled => {
                        old.clone()
                    }
                    _ => Node::read(&path, &facts),
                });
            tree.edges.insert(edge.clone(), (id, path.clone()));
            tree.names.entry(id).or_default().push(path.clone());
            tree.paths.insert(path, (id, edge));
        }
        tree.names.values_mut().for_each(|names| names.sort());
        tree
    }

    pub fn names_of(&self, id: Id) -> &[PathBuf] {
        self.names.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Whether a file has the same names, content and metadata in both.
    pub fn same_in(&self, other: &Self, id: Id) -> bool {
        let differs = |old: &Node| other.nodes.get(&id).is_none_or(|new| old.differs(new));
        self.names_of(id) == other.names_of(id) && !self.nodes.get(&id).is_none_or(differs)
    }

    pub fn edge_set(&self) -> BTreeSet<(Edge, Id)> {
        let edges = self.edges.iter();
        edges.map(|(edge, (id, _))| (edge.clone(), *id)).collect()
    }

    pub fn show(&self, id: Id) -> String {
        let Some(node) = self.nodes.get(&id) else {
            return "gone".to_owned();
        };
        format!(
            "{:?} {:04o} {}:{} {} bytes, mtime {}.{:09}, \"{}\", names {:?}",
            node.kind,
            node.mode,
            node.owner.0,
            node.owner.1,
            node.size,
            node.modified.0,
            node.modified.1,
            node.content[..node.content.len().min(16)].escape_ascii(),
            self.names_of(id)
        )
    }
}

/// A time so far back that a change now has another time, on clocks that tick a hundred times a second.
fn a_moment_ago() -> (i64, i64) {
    let now = SystemTime::now() - Duration::from_millis(50);
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(0);
    (seconds, since.subsec_nanos().into())
}

/// Panics if the file system gives the number of a removed file to a new one: the checker would mistake one for the
/// other. Birth times are checked too, because the guard knows its own files by them.
pub fn numbers_are_not_used_again(directory: &Path) {
    let path = directory.join("probe");
    let mut numbers = BTreeSet::new();
    for _ in 0..100 {
        fs::write(&path, "").expect("a file");
        let facts = fs::metadata(&path).expect("its status");
        assert!(
            numbers.insert(facts.ino()),
            "THIS FILE SYSTEM USES INODE NUMBERS AGAIN: the checker proves nothing in {directory:?}"
        );
        assert!(
            facts.created().is_ok(),
            "THIS FILE SYSTEM HAS NO BIRTH TIMES: the guard knows no file of its own in {directory:?}"
        );
        fs::remove_file(&path).expect("removing it");
    }
}
