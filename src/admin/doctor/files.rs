//! Could anyone but root change this file?

use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::finding::{Finding, quoted};
use crate::gather::walk::is_absent;
use crate::print::escape::Escaped;

/// What lstat(2) says of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// The name, absolute.
    pub path: PathBuf,
    /// Its type.
    pub kind: Kind,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits, 07777.
    pub mode: u32,
}

/// The type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, FIFO or socket.
    Other,
}

/// Set-user-ID and set-group-ID (chmod(2)).
const SET_ID: u32 = 0o6000;
const STICKY: u32 = 0o1000;
const GROUP_WRITE: u32 = 0o020;
const OTHER_WRITE: u32 = 0o002;

impl FileFacts {
    /// Looks at a name, without following it.
    ///
    /// # Errors
    ///
    /// Those of lstat(2).
    pub fn of(path: &Path) -> io::Result<Self> {
        let facts = path.symlink_metadata()?;
        let kind = match facts.file_type() {
            t if t.is_file() => Kind::File,
            t if t.is_dir() => Kind::Directory,
            t if t.is_symlink() => Kind::Symlink,
            _ => Kind::Other,
        };
        Ok(Self {
            path: path.to_owned(),
            kind,
            uid: facts.uid(),
            gid: facts.gid(),
            mode: facts.mode() & 0o7777,
        })
    }

    /// Whether the set-user-ID or set-group-ID bit is on.
    #[must_use]
    pub const fn is_set_id(&self) -> bool {
        self.mode & SET_ID != 0
    }

    /// Whether all others may write it, or make names in it.
    #[must_use]
    pub fn other_writable(&self) -> bool {
        self.kind != Kind::Symlink && self.mode & OTHER_WRITE != 0
    }

    /// Whether one who is neither owner nor root may write it. A group of
    /// root's own (gid 0) counts as root; in a sticky directory nobody can
    /// exchange what belongs to others.
    #[must_use]
    pub fn writable_by_others(&self) -> bool {
        let group = self.mode & GROUP_WRITE != 0 && self.gid != 0;
        let other = self.mode & OTHER_WRITE != 0;
        let sticky = self.kind == Kind::Directory && self.mode & STICKY != 0;
        self.kind != Kind::Symlink && (group || other) && !sticky
    }

    /// The path, escaped.
    #[must_use]
    pub fn shown(&self) -> String {
        Escaped::path(&self.path).to_string()
    }
}

/// What could not be looked at may be as weak as anything.
#[must_use]
pub fn not_examined(path: &Path, error: &io::Error) -> Finding {
    let shown = Escaped::path(path);
    let say = format!("{shown} could not be examined: {error}.");
    Finding::serious("not-examined", say, format!("ls -ld {}", quoted(path)))
}

/// What was found; nothing where it is absent, and a finding where that could
/// not be seen.
pub fn unless_absent<T>(
    path: &Path,
    seen: io::Result<T>,
    not_examined: &mut Vec<Finding>,
) -> Option<T> {
    match seen {
        Ok(seen) => Some(seen),
        Err(error) => {
            if !is_absent(&error) {
                not_examined.push(self::not_examined(path, &error));
            }
            None
        }
    }
}

/// What is in a directory; see [`unless_absent`].
pub fn list(directory: &Path, not_examined: &mut Vec<Finding>) -> Vec<DirEntry> {
    let entries = unless_absent(directory, fs::read_dir(directory), not_examined);
    let entries = entries.into_iter().flatten();
    entries
        .map_while(|entry| unless_absent(directory, entry, not_examined))
        .collect()
}

/// A file and every directory and link on the way to it, from `/` on; links
/// are followed, so each of their targets' parts is in the list as well.
///
/// # Errors
///
/// The first name that cannot be looked at.
pub fn way_to(path: &Path) -> io::Result<Vec<FileFacts>> {
    let mut way = parts(path)?;
    let resolved = path.canonicalize()?;
    if resolved != path {
        for part in parts(&resolved)? {
            if !way.contains(&part) {
                way.push(part);
            }
        }
    }
    Ok(way)
}

fn parts(path: &Path) -> io::Result<Vec<FileFacts>> {
    let mut names: Vec<&Path> = path.ancestors().collect();
    names.reverse();
    names.into_iter().map(FileFacts::of).collect()
}

/// The parts of the way that someone else could change: not of root, or
/// writable by others. `id_owner` and `id_writable` name the findings.
#[must_use]
pub fn judge_way(
    what: &str,
    way: &[FileFacts],
    id_owner: &'static str,
    id_writable: &'static str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for part in way {
        let (path, shown) = (quoted(&part.path), part.shown());
        if part.uid != 0 {
            let uid = part.uid;
            let say = format!("{shown} belongs to uid {uid}, who can exchange {what}.");
            findings.push(Finding::serious(
                id_owner,
                say,
                format!("chown -h root {path}"),
            ));
        }
        if part.writable_by_others() {
            let mode = part.mode;
            let say = format!(
                "{shown} (mode {mode:04o}) is writable by others than root, who can change {what}."
            );
            findings.push(Finding::serious(
                id_writable,
                say,
                format!("chmod go-w {path}"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn facts(path: &str, kind: Kind, uid: u32, gid: u32, mode: u32) -> FileFacts {
        FileFacts {
            path: path.into(),
            kind,
            uid,
            gid,
            mode,
        }
    }

    #[test]
    fn who_can_write() {
        let rows: [(Kind, u32, u32, bool); 9] = [
            (Kind::File, 0, 0o755, false),
            (Kind::File, 0, 0o775, false),
            (Kind::File, 50, 0o775, true),
            (Kind::File, 50, 0o755, false),
            (Kind::File, 0, 0o757, true),
            (Kind::Directory, 0, 0o1777, false),
            (Kind::Directory, 0, 0o777, true),
            (Kind::File, 0, 0o1777, true),
            (Kind::Symlink, 0, 0o777, false),
        ];
        for (kind, gid, mode, expected) in rows {
            let seen = facts("/x", kind, 0, gid, mode).writable_by_others();
            assert_eq!(seen, expected, "{kind:?} {gid} {mode:o}");
        }
    }

    #[test]
    fn each_weak_part_gives_its_finding() {
        let way = [
            facts("/", Kind::Directory, 0, 0, 0o755),
            facts("/opt", Kind::Directory, 7, 0, 0o755),
            facts("/opt/x", Kind::File, 0, 0, 0o777),
        ];
        let seen: Vec<_> = judge_way("it", &way, "o", "w")
            .into_iter()
            .map(|f| (f.id, f.mend))
            .collect();
        let expected = [
            ("o", "chown -h root /opt".to_owned()),
            ("w", "chmod go-w /opt/x".to_owned()),
        ];
        assert_eq!(seen, expected);
    }
}
