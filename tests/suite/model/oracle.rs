//! May the tree have changed like this? Not how the guard decides, but what must be true whatever it does: P2, P3, P4
//! and the access modes, as statements about two states of the whole tree.
//!
//! Between the two, one session made one call, or several made many. In the second case a file may have passed through
//! other directories on its way, so it has the rights of all that it could have been moved to.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::ground::{Dotfiles, Ground, Rights, Root, Symlinks, temporary};
use super::report::Violation;
use super::tree::{Edge, Id, Kind, Node, Tree};

/// The sessions that acted, and what is known about them.
pub struct Acting<'a> {
    /// Who created which file: somebody else's file counts as older.
    pub owners: &'a BTreeMap<Id, usize>,
    pub sessions: &'a [usize],
    /// Who gave a file a name: whoever gave a file an additional name may remove it again.
    pub named: &'a BTreeMap<(Edge, Id), usize>,
    /// Files that they opened for writing when they were allowed to.
    pub held: &'a BTreeSet<Id>,
    /// Names that existed when the sessions began.
    pub first: &'a BTreeSet<(Edge, Id)>,
    /// If there was more than one call: the roots that they could reach.
    pub reached: Option<&'a [PathBuf]>,
    /// Whether one of them is rsync.
    pub rsync: bool,
}

pub struct Oracle<'a> {
    pub ground: &'a Ground,
    pub before: &'a Tree,
    pub after: &'a Tree,
    pub acting: &'a Acting<'a>,
}

impl Oracle<'_> {
    pub fn judge(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        let differ = |id: &Id| !self.before.same_in(self.after, *id);
        for (id, node) in self.before.nodes.iter().filter(|(id, _)| differ(id)) {
            self.names_lost(*id, node, &mut found);
            self.names_gained(*id, node, &mut found);
            self.carried(*id, &mut found);
            if let Some(now) = self.after.nodes.get(id) {
                self.changed(*id, node, now, &mut found);
            }
        }
        for (id, node) in &self.after.nodes {
            if !self.before.nodes.contains_key(id) {
                self.made(*id, node, &mut found);
            }
        }
        found
    }

    fn is_older(&self, id: Id) -> bool {
        let owner = self.acting.owners.get(&id);
        !owner.is_some_and(|owner| self.acting.sessions.contains(owner))
    }

    /// A name of rsync's, which may exist while the session lasts.
    fn passing(&self, path: &Path, edge: &Edge, id: Id) -> bool {
        self.acting.rsync && temporary(path) && !self.acting.first.contains(&(edge.clone(), id))
    }

    /// The rights on a file under this name, wherever it could have been moved to.
    fn rights(&self, path: &Path, node: &Node) -> Rights {
        let start = self.ground.rights(path);
        let Some(reached) = self.acting.reached else {
            return start;
        };
        let by_name = if node.is_directory() {
            start.contains("rename-directories")
        } else {
            start.contains("rename") || (start.contains("link") && start.contains("remove"))
        };
        // It may also have been in a directory that was renamed.
        if !by_name && !start.contains("rename-directories") {
            return start;
        }
        let arrives = if by_name && !node.is_directory() {
            "create"
        } else {
            "mkdir"
        };
        let others = self
            .ground
            .roots
            .iter()
            .filter(|root| reached.contains(&root.path) && root.rights.contains(arrives));
        others.fold(start.clone(), |all, root| &all | &root.rights)
    }

    fn names_lost(&self, id: Id, node: &Node, found: &mut Vec<Violation>) {
        for path in self.before.names_of(id) {
            let edge = &self.before.paths[path].1;
            let now = self.after.edges.get(edge).map(|(id, _)| *id);
            if now == Some(id) {
                continue;
            }
            let say = || format!("{path:?} is gone: {}", self.before.show(id));
            let Some(_) = self.place(path, "removed from", found) else {
                continue;
            };
            if self.ground.holds(path) && node.is_directory() {
                found.push(("a directory of the policy lost its name", say()));
            }
            if self.ground.protected(path) && !self.passing(path, edge, id) {
                found.push(("a dotfile was removed or renamed", say()));
            }
            if !self.is_older(id) || self.passing(path, edge, id) {
                continue;
            }
            let rights = self.rights(path, node);
            let rename = if node.is_directory() {
                "rename-directories"
            } else {
                "rename"
            };
            let mine = self.acting.named.get(&(edge.clone(), id));
            let is_mine = mine.is_some_and(|who| self.acting.sessions.contains(who));
            if is_mine && !self.after.names_of(id).is_empty() {
                continue;
            }
            let has_other = self.gained(id).next().is_some();
            let replaced = now.is_some() || self.acting.reached.is_some();
            let by_rename = has_other && rights.contains(rename);
            let by_replacing = replaced && rights.contains("overwrite");
            if !rights.contains("remove") && !by_rename && !by_replacing {
                found.push(("an older name is gone without the right", say()));
            }
        }
    }

    /// Names that the file has now and did not have before.
    fn gained(&self, id: Id) -> impl Iterator<Item = &PathBuf> {
        self.after.names_of(id).iter().filter(move |path| {
            let edge = &self.after.paths[*path].1;
            self.before
                .edges
                .get(edge)
                .is_none_or(|(old, _)| *old != id)
        })
    }

    fn names_gained(&self, id: Id, node: &Node, found: &mut Vec<Violation>) {
        for path in self.gained(id) {
            self.new_name(id, path, node, found);
            if !self.is_older(id) || (self.acting.rsync && temporary(path)) {
                continue;
            }
            let olds = self.before.names_of(id);
            let all = olds.iter().map(|old| self.rights(old, node));
            let rights = all.fold(Rights::new(), |all, rights| &all | &rights);
            let named = ["rename", "rename-directories", "link"];
            if !named.iter().any(|right| rights.contains(right)) {
                let text = format!("{path:?}: {}", self.before.show(id));
                found.push(("an older file got a name without the right", text));
            }
        }
    }

    /// What applies to any new name, of any file.
    fn new_name(&self, id: Id, path: &Path, node: &Node, found: &mut Vec<Violation>) {
        let Some(rights) = self.place(path, "made in", found) else {
            return;
        };
        let say = || format!("{path:?}: {}", self.after.show(id));
        let edge = &self.after.paths[path].1;
        if self.ground.protected(path) && !self.passing(path, edge, id) {
            found.push(("a dotfile was made", say()));
        }
        if self.ground.roots.iter().any(|root| root.path == path) && !node.is_directory() {
            found.push(("a place of the policy was taken by no directory", say()));
        }
        let right = if node.is_directory() {
            "mkdir"
        } else {
            "create"
        };
        let above = path.parent().map(|parent| self.ground.rights(parent));
        let into = above.is_some_and(|above| above.contains(right));
        // What is renamed within one root needs no right to arrive.
        let stays = self.before.names_of(id).iter().any(|old| {
            self.ground.root(old).map(|root| &root.path)
                == self.ground.root(path).map(|root| &root.path)
        });
        let carried = self.acting.reached.is_some() && rights.contains("mkdir");
        if !rights.contains(right) && !into && !stays && !carried {
            found.push(("made without the right", say()));
        }
        if self.before.nodes.contains_key(&id) {
            return;
        }
        if node.kind == Kind::Symlink && self.ground.symlinks == Symlinks::None {
            found.push(("a symbolic link was made", say()));
        }
        if self.leads_out(id, path) {
            found.push(("a symbolic link leads out", say()));
        }
    }

    /// Whether it is a link that under this name leads outside the directories of the policy, if the policy forbids
    /// that.
    fn leads_out(&self, id: Id, path: &Path) -> bool {
        let Some(node) = self.after.nodes.get(&id) else {
            return false;
        };
        if node.kind != Kind::Symlink || self.ground.symlinks != Symlinks::Inside {
            return false;
        }
        let mut to = path.parent().unwrap_or(path).to_owned();
        for part in Path::new(OsStr::from_bytes(&node.content)).components() {
            match part {
                Component::RootDir => to = PathBuf::from("/"),
                Component::ParentDir => drop(to.pop()),
                Component::Normal(name) => to.push(name),
                Component::CurDir | Component::Prefix(_) => {}
            }
        }
        self.ground.root(&to).is_none()
    }

    fn made(&self, id: Id, node: &Node, found: &mut Vec<Violation>) {
        for path in self.after.names_of(id) {
            self.new_name(id, path, node, found);
        }
    }

    /// The rights of a place; outside the roots and directly in the home nothing may happen at all.
    fn place(&self, path: &Path, what: &str, found: &mut Vec<Violation>) -> Option<Rights> {
        if self.ground.in_home(path) {
            found.push(("the home was changed", format!("{what} it: {path:?}")));
            return None;
        }
        match self.ground.root(path) {
            Some(root) => Some(root.rights.clone()),
            None => {
                found.push(("outside the roots", format!("{what}: {path:?}")));
                None
            }
        }
    }

    /// A name that stayed, but an ancestor was renamed, so that other rules apply.
    fn carried(&self, id: Id, found: &mut Vec<Violation>) {
        for old in self.before.names_of(id) {
            let edge = &self.before.paths[old].1;
            let Some((now_id, new)) = self.after.edges.get(edge) else {
                continue;
            };
            if *now_id != id || new == old {
                continue;
            }
            let say = || format!("{old:?} is now {new:?}: {}", self.after.show(id));
            let (from, to) = (self.ground.root(old), self.ground.root(new));
            let mode = |root: Option<&Root>| root.map(|root| root.dotfiles);
            let has_dot = |path: &Path| {
                path.iter()
                    .any(|name| name.as_encoded_bytes().starts_with(b"."))
            };
            if has_dot(new)
                && mode(from) != mode(to)
                && mode(to) != Some(Dotfiles::Allowed)
                && self.ground.protected(new)
                && !self.passing(new, edge, id)
            {
                found.push(("a dotfile was made", say()));
            }
            if self.ground.protected(new) && !self.ground.protected(old) && mode(from) == mode(to) {
                found.push(("a dotfile was made", say()));
            }
            // Below a dotfile it is out of sight, whatever the policy says about dotfiles.
            let below = |root: Option<&Root>, path: &Path| {
                root.is_some_and(|root| has_dot(path.strip_prefix(&root.path).unwrap_or(path)))
            };
            let same = from.map(|root| &root.path) == to.map(|root| &root.path)
                && (below(from, old) || !below(to, new));
            let moves = from.is_some_and(|root| root.rights.contains("rename-directories"));
            if self.is_older(id) && !same && !moves {
                found.push(("an older file was carried to other rules", say()));
            }
            if !moves && self.leads_out(id, new) {
                found.push(("a symbolic link leads out", say()));
            }
        }
    }

    fn changed(&self, id: Id, old: &Node, new: &Node, found: &mut Vec<Violation>) {
        if !old.differs(new) {
            return;
        }
        let content = old.content != new.content || old.size != new.size;
        let metadata =
            old.mode != new.mode || old.owner != new.owner || old.attributes != new.attributes;
        let times = old.modified != new.modified;
        let say = || format!("{}\n  now {}", self.before.show(id), self.after.show(id));
        for path in self.before.names_of(id) {
            let edge = &self.before.paths[path].1;
            if self.ground.is_home(path) {
                found.push(("the home was changed", say()));
                continue;
            }
            // The time of a directory changes with what is in it.
            let entries = old.is_directory() && !metadata;
            let Some(root) = self.ground.root(path) else {
                if !(entries && path.starts_with(&self.ground.home)) {
                    found.push(("outside the roots", say()));
                }
                continue;
            };
            if root.path == self.ground.home && !entries {
                found.push(("the home was changed", say()));
            }
            if self.ground.protected(path) && !self.passing(path, edge, id) {
                found.push(("a dotfile was changed", say()));
            }
            if old.is_directory() && self.ground.holds(path) && old.mode & 0o700 & !new.mode != 0 {
                found.push((
                    "the account lost its rights on a directory of the policy",
                    say(),
                ));
            }
            if !self.is_older(id) || self.passing(path, edge, id) {
                continue;
            }
            let rights = self.rights(path, old);
            let held = self.acting.held.contains(&id);
            if content && !held && !rights.contains("overwrite") {
                found.push(("older content changed without the right", say()));
            }
            if metadata && !rights.contains("attributes") {
                found.push(("older metadata changed without the right", say()));
            }
            let by_writing = old.is_directory() || held || rights.contains("overwrite");
            if times && !by_writing && !rights.contains("attributes") {
                found.push(("an older time changed without the right", say()));
            }
        }
    }

    /// Whether this file may be opened for writing now.
    pub fn may_write(&self, id: Id) -> bool {
        let Some(node) = self.before.nodes.get(&id) else {
            return true;
        };
        let right = |path: &PathBuf| {
            let older = self.is_older(id);
            let edge = &self.before.paths[path].1;
            (!older || self.rights(path, node).contains("overwrite"))
                && (!self.ground.protected(path) || self.passing(path, edge, id))
        };
        self.before.names_of(id).iter().all(right)
    }

    /// Whether the content of this file may have been read.
    pub fn may_read(&self, id: Id) -> bool {
        self.may_see(id, "read")
    }

    pub fn may_list(&self, id: Id) -> bool {
        self.may_see(id, "list")
    }

    fn may_see(&self, id: Id, right: &str) -> bool {
        let Some(node) = self.before.nodes.get(&id) else {
            return true;
        };
        let seen = |path: &PathBuf| {
            let edge = &self.before.paths[path].1;
            !self.ground.hidden(path) || self.passing(path, edge, id)
        };
        let mut names = self.before.names_of(id).iter();
        names.any(|path| seen(path) && self.rights(path, node).contains(right))
    }
}
