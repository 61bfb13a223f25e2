//! The directories of the policy, known by their identity and not by their
//! names.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::libc;

use super::O_PATH;
use crate::decide::plan::Plan;
use crate::decide::roots::nesting::Roots;
use crate::decide::rules::{Place, first_name_at, folded};
use crate::system::opened::Opened;
use crate::system::statx::{self, FileId, Status};

/// Descriptors of roots that are kept open.
const KEPT: usize = 8;

/// One root of the plan.
#[derive(Debug)]
struct Known {
    path: PathBuf,
    /// `None` while it is absent.
    id: Option<FileId>,
    /// Whether it contains another root or the home.
    holds_others: bool,
}

/// What the guard knows about the policy's directories.
#[derive(Debug)]
pub struct PolicyDirectories {
    /// By the index in the plan's rules.
    roots: Vec<Known>,
    by_id: HashMap<FileId, usize>,
    by_path: HashMap<Vec<u8>, usize>,
    /// The length of the longest path of a root.
    longest: usize,
    /// The home, the start directory, the roots and every directory above them:
    /// each must keep its name.
    kept: HashSet<FileId>,
    /// Their paths, folded: on a file system with case folding, `IN` takes the
    /// name of `in`.
    named: HashMap<Vec<u8>, Vec<PathBuf>>,
    /// Those of them that are absent.
    absent: HashSet<PathBuf>,
    /// How many of them have each folded path.
    absent_names: HashMap<Vec<u8>, usize>,
    /// The same by the directory that they will be in, and their folded name: by
    /// a bind mount a name is reached by another path.
    absent_entries: HashMap<(FileId, Vec<u8>), PathBuf>,
    /// Changes whenever a root becomes another directory.
    version: u64,
    home: Option<FileId>,
    home_path: PathBuf,
    /// What the ancestors of roots looked like at the start.
    statuses: HashMap<PathBuf, Status>,
    open: Vec<(usize, Rc<OwnedFd>)>,
}

impl PolicyDirectories {
    /// Examines every directory of the plan and those above it.
    ///
    /// # Errors
    /// Every error but "absent": what cannot be examined cannot be protected.
    pub fn survey(plan: &Plan, opened: &Opened) -> io::Result<Self> {
        let rules = &plan.rules;
        let mut directories = Self {
            roots: Vec::with_capacity(rules.roots.len()),
            by_id: HashMap::with_capacity(rules.roots.len()),
            by_path: HashMap::with_capacity(rules.roots.len()),
            longest: 0,
            kept: HashSet::new(),
            named: HashMap::new(),
            absent: HashSet::new(),
            absent_names: HashMap::new(),
            absent_entries: HashMap::new(),
            version: 0,
            home: None,
            home_path: rules.home.clone(),
            statuses: HashMap::new(),
            open: Vec::new(),
        };
        directories.home = directories.keep(&rules.home, opened)?;
        directories.keep(&plan.start.path, opened)?;
        for (index, root) in rules.roots.iter().enumerate() {
            let id = directories.keep(&root.path, opened)?;
            if let Some(id) = id {
                // The decision refuses a directory that two entries name.
                directories.by_id.entry(id).or_insert(index);
            }
            let path = root.path.as_os_str().as_bytes().to_vec();
            directories.longest = directories.longest.max(path.len());
            directories.by_path.insert(path, index);
            directories.roots.push(Known {
                path: root.path.clone(),
                id,
                holds_others: false,
            });
        }
        directories.note_holders(&rules.roots);
        let absent: Vec<_> = directories.absent.iter().cloned().collect();
        for path in absent {
            directories.note_absent(path);
        }
        Ok(directories)
    }

    /// Notes which roots contain another root or the home: by their paths, and
    /// by their identities, since a root can be a bind mount that shows them.
    fn note_holders(&mut self, roots: &Roots) {
        for index in holders(roots, &self.home_path) {
            self.roots[index].holds_others = true;
        }
        let mut holding = HashSet::new();
        let mut seen = HashSet::new();
        let above = self.roots.iter().filter_map(|known| known.path.parent());
        for lowest in above.chain([&*self.home_path]) {
            for directory in lowest.ancestors() {
                // What is above it was seen as well.
                if !seen.insert(directory.as_os_str()) {
                    break;
                }
                let status = self.statuses.get(directory);
                holding.extend(status.map(|status| status.inode.file()));
            }
        }
        for known in &mut self.roots {
            known.holds_others |= known.id.is_some_and(|id| holding.contains(&id));
        }
    }

    /// Notes that a directory and those above it must keep their names.
    fn keep(&mut self, path: &Path, opened: &Opened) -> io::Result<Option<FileId>> {
        for directory in path.ancestors() {
            // Then the directories above it are known too.
            if self.statuses.contains_key(directory) || self.absent.contains(directory) {
                break;
            }
            let folded = folded(directory.as_os_str().as_bytes());
            let known = opened
                .status(directory)
                .map_or_else(|| look(directory), |s| Ok(Some(s)));
            match known? {
                Some(status) => {
                    self.kept.insert(status.inode.file());
                    self.statuses.insert(directory.to_path_buf(), status);
                }
                None => {
                    self.absent.insert(directory.to_path_buf());
                    *self.absent_names.entry(folded.clone()).or_default() += 1;
                }
            }
            let named = self.named.entry(folded).or_default();
            named.push(directory.to_path_buf());
        }
        Ok(self.status(path).map(|status| status.inode.file()))
    }

    /// What a root, or a directory above it, looked like at the start.
    pub fn status(&self, path: &Path) -> Option<Status> {
        self.statuses.get(path).copied()
    }

    /// Whether this directory must keep its name.
    pub fn keeps(&self, id: FileId) -> bool {
        self.kept.contains(&id)
    }

    /// Whether this name is reserved for a directory that is still absent.
    pub fn keeps_name(&self, path: &[u8]) -> bool {
        !self.absent.is_empty() && self.absent_names.contains_key(&folded(path))
    }

    /// Whether any directory of the policy is absent.
    pub fn has_absent(&self) -> bool {
        !self.absent.is_empty()
    }

    /// The same by the directory that has the name.
    pub fn keeps_entry(&self, directory: FileId, name: &[u8]) -> bool {
        let key = (directory, folded(name));
        self.absent_entries.contains_key(&key)
    }

    /// Notes the entry of an absent directory, if the directory that will hold
    /// it exists.
    fn note_absent(&mut self, path: PathBuf) {
        let holder = path.parent().and_then(|holder| self.statuses.get(holder));
        if let Some(holder) = holder
            && let Some(name) = path.file_name()
        {
            let key = (holder.inode.file(), folded(name.as_bytes()));
            self.absent_entries.insert(key, path);
        }
    }

    /// A number that changes whenever a directory of the policy is replaced.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The path of the home.
    pub fn home_path(&self) -> &Path {
        &self.home_path
    }

    /// Whether it is the home.
    pub fn is_home(&self, id: FileId) -> bool {
        self.home == Some(id)
    }

    /// The root that this directory is.
    pub fn root_of(&self, id: FileId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// This directory is at this path. If that is the path of a directory of
    /// the policy which was absent before, or was another one, it is that
    /// directory from now on; also if the file system finds it there by another
    /// name.
    ///
    /// # Errors
    /// If that cannot be determined.
    pub fn recognise(&mut self, path: &[u8], id: FileId) -> io::Result<()> {
        if self.kept.contains(&id) {
            return Ok(());
        }
        let folded = folded(path);
        let Some(named) = self.named.get(&folded) else {
            return Ok(());
        };
        for path in named.clone() {
            if let Some(status) = look(&path)?
                && status.inode.file() == id
            {
                self.is_there(&path, &folded);
                self.adopt(&path, status);
            }
        }
        Ok(())
    }

    /// The same for a name in a directory, by whatever path that was reached.
    ///
    /// # Errors
    /// If that cannot be determined.
    pub fn recognise_entry(
        &mut self,
        directory: FileId,
        name: &[u8],
        id: FileId,
    ) -> io::Result<()> {
        let key = (directory, folded(name));
        match self.absent_entries.get(&key).cloned() {
            Some(path) => self.recognise(path.as_os_str().as_bytes(), id),
            None => Ok(()),
        }
    }

    /// A directory that was absent exists now.
    fn is_there(&mut self, path: &Path, folded: &[u8]) {
        if !self.absent.remove(path) {
            return;
        }
        self.absent_entries.retain(|_, absent| absent != path);
        if let Some(count) = self.absent_names.get_mut(folded) {
            *count -= 1;
            if *count == 0 {
                self.absent_names.remove(folded);
            }
        }
    }

    /// This directory is now the one that the policy means by its path.
    fn adopt(&mut self, path: &Path, status: Status) {
        let id = status.inode.file();
        self.version += 1;
        let before = self.statuses.insert(path.to_path_buf(), status);
        let before = before.map(|status| status.inode.file());
        self.kept.insert(id);
        let inside = self
            .absent
            .iter()
            .filter(|absent| absent.parent() == Some(path));
        for absent in inside.cloned().collect::<Vec<_>>() {
            self.note_absent(absent);
        }
        // Also a home that was absent: nothing may be created in it either.
        if path == self.home_path || before.is_some() && self.home == before {
            self.home = Some(id);
        }
        let Some(&index) = self.by_path.get(path.as_os_str().as_bytes()) else {
            return;
        };
        if let Some(before) = self.roots[index].id.replace(id) {
            self.by_id.remove(&before);
        }
        self.by_id.insert(id, index);
        self.open.retain(|(open, _)| *open != index);
    }

    /// The most specific root that contains this path by its text, and where
    /// the part below it begins. Only a guess: [`super::Resolver`] verifies it.
    pub fn guess(&self, path: &[u8]) -> Option<(usize, usize)> {
        let mut end = path.len();
        if end > self.longest {
            // No root is that deep, but a path can be, and each try costs time
            // in proportion to its length.
            let above = path.get(..=self.longest)?;
            end = above.iter().rposition(|&b| b == b'/')?;
        }
        loop {
            if let Some(&index) = self.by_path.get(&path[..end]) {
                return Some((index, end));
            }
            end = path[..end].iter().rposition(|&b| b == b'/')?;
        }
    }

    /// Whether this root contains another root or the home.
    pub fn holds_others(&self, root: usize) -> bool {
        self.roots[root].holds_others
    }

    /// The place of a root.
    pub fn place(&self, root: usize) -> Place {
        let known = &self.roots[root];
        let path = known.path.as_os_str().as_bytes().to_vec();
        let is_home = known.id.is_some() && known.id == self.home;
        Place {
            below_at: path.len(),
            home_at: is_home.then(|| first_name_at(path.len())),
            root: Some(root),
            is_policy_directory: true,
            has_short_names: false,
            path,
        }
    }

    /// The path of a root, and its identity if it exists.
    pub fn root(&self, root: usize) -> (&Path, Option<FileId>) {
        (&self.roots[root].path, self.roots[root].id)
    }

    /// How many roots there are.
    pub const fn count(&self) -> usize {
        self.roots.len()
    }

    /// Opens a root, if it is still the same directory.
    ///
    /// # Errors
    /// ESTALE if another directory has its name now.
    pub fn open(&mut self, root: usize) -> Result<Rc<OwnedFd>, Errno> {
        if let Some((_, fd)) = self.open.iter().find(|(index, _)| *index == root) {
            return Ok(Rc::clone(fd));
        }
        let known = &self.roots[root];
        let fd = open_without_links(&known.path)?;
        let id = identity(fd.as_fd())?;
        if known.id != Some(id) {
            return Err(Errno::ESTALE);
        }
        let fd = Rc::new(fd);
        if self.open.len() == KEPT {
            self.open.remove(0);
        }
        self.open.push((root, Rc::clone(&fd)));
        Ok(fd)
    }

    /// Closes what is open, so that an idle session keeps no file system busy.
    pub fn rest(&mut self) {
        self.open.clear();
    }
}

/// The roots that contain another root or the home.
fn holders(roots: &Roots, home: &Path) -> impl Iterator<Item = usize> {
    let above = (0..roots.len()).filter_map(|index| roots.above(index));
    above.chain(roots.holding(home))
}

fn open_without_links(path: &Path) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new()
        .flags(O_PATH | OFlag::O_DIRECTORY)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(AT_FDCWD, path, how)
}

fn identity(fd: BorrowedFd<'_>) -> Result<FileId, Errno> {
    let status = statx::of_fd(fd);
    let status = status.map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))?;
    Ok(status.inode.file())
}

/// What is at a path; `None` if nothing is.
fn look(path: &Path) -> io::Result<Option<Status>> {
    use std::ffi::CString;
    let text = CString::new(path.as_os_str().as_bytes())?;
    match statx::of_name(AT_FDCWD, &text) {
        Ok(status) => Ok(Some(status)),
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => Ok(None),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::decide::access::Access;
    use crate::decide::policy::Dotfiles;
    use crate::decide::roots::nesting::Root;

    #[test]
    fn who_holds_others() {
        let root = |path: &str| Root {
            path: path.into(),
            access: Access::READ_WRITE,
            dotfiles: Dotfiles::Protected,
            exists: true,
            narrowed: None,
        };
        let paths = [
            "/srv/a",
            "/srv/a-b",
            "/srv/a/c",
            "/home/u/x",
            "/home",
            "/var",
        ];
        let roots = Roots::from(paths.into_iter().map(root).collect::<Vec<_>>());
        let found: BTreeSet<usize> = holders(&roots, Path::new("/home/u")).collect();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [0, 4]);
        let equal = Roots::from(vec![root("/home/u")]);
        assert_eq!(holders(&equal, Path::new("/home/u")).count(), 1);
    }
}
