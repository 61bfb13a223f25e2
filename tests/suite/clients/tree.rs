//! A tree of files as clients must preserve it: names, kinds, bytes, modes, times; not owners, which differ between
//! accounts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// `f`, `d`, `l` or `?`.
    pub kind: char,
    pub mode: u32,
    /// Seconds since 1970; `None` is a time during the run, which no client has set.
    pub modified: Option<i64>,
    pub bytes: Vec<u8>,
}

/// By path below the root.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tree(pub BTreeMap<Vec<u8>, Node>);

impl Tree {
    /// Reads the tree; times after `since` count as now.
    pub fn read(root: &Path, since: i64) -> Self {
        let mut nodes = BTreeMap::new();
        let mut waiting = vec![root.to_owned()];
        while let Some(path) = waiting.pop() {
            let facts = path.symlink_metadata().expect("lstat of what was listed");
            let kind = facts.file_type();
            let bytes = if kind.is_symlink() {
                std::fs::read_link(&path)
                    .expect("readlink")
                    .as_os_str()
                    .as_bytes()
                    .to_vec()
            } else if kind.is_file() {
                std::fs::read(&path).expect("reading a file")
            } else {
                Vec::new()
            };
            if kind.is_dir() {
                let names = std::fs::read_dir(&path).expect("listing a directory");
                waiting.extend(names.flatten().map(|name| name.path()));
            }
            let below = path.strip_prefix(root).expect("it is below its root");
            let node = Node {
                kind: match () {
                    () if kind.is_symlink() => 'l',
                    () if kind.is_file() => 'f',
                    () if kind.is_dir() => 'd',
                    () => '?',
                },
                mode: facts.mode() & 0o7777,
                modified: (facts.mtime() < since).then(|| facts.mtime()),
                bytes,
            };
            nodes.insert(below.as_os_str().as_bytes().to_vec(), node);
        }
        Self(nodes)
    }

    pub fn get(&self, path: &str) -> Option<&Node> {
        self.0.get(path.as_bytes())
    }

    /// What is below `path`, by its path from there.
    pub fn below(&self, path: &str) -> Self {
        let prefix = format!("{path}/");
        let below = self.0.iter().filter_map(|(name, node)| {
            Some((name.strip_prefix(prefix.as_bytes())?.to_vec(), node.clone()))
        });
        Self(below.collect())
    }

    /// One line for each difference; empty if there is none.
    pub fn diff(&self, other: &Self) -> String {
        let mut lines = String::new();
        let names = self.0.keys().chain(other.0.keys());
        for name in names.collect::<std::collections::BTreeSet<_>>() {
            let (here, there) = (self.0.get(name), other.0.get(name));
            if here != there {
                let _ = writeln!(
                    lines,
                    "{}: {} / {}",
                    name.escape_ascii(),
                    shown(here),
                    shown(there)
                );
            }
        }
        lines
    }
}

fn shown(node: Option<&Node>) -> String {
    let Some(node) = node else {
        return "missing".to_owned();
    };
    let start = &node.bytes[..node.bytes.len().min(24)];
    format!(
        "{} {:04o} mtime {:?}, {} bytes \"{}\"",
        node.kind,
        node.mode,
        node.modified,
        node.bytes.len(),
        start.escape_ascii()
    )
}
