//! Which of the directories with rights contains which: found by a search,
//! since a policy can have a hundred thousand of them and a command tens of
//! thousands of paths.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use crate::decide::access::{Access, Right};
use crate::decide::policy::Dotfiles;

/// A directory in which the guard allows changes (or, if reads are watched,
/// reads). The most specific root applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The directory, resolved: without symbolic links. If it does not exist,
    /// the existing part is resolved.
    pub path: PathBuf,
    /// Whether the directory existed when the session began. One that did not
    /// still applies: nothing else may take its name.
    pub exists: bool,
    /// What may be done below it.
    pub access: Access,
    /// What applies to dotfiles below it; components of the root itself are not
    /// judged.
    pub dotfiles: Dotfiles,
    /// What each of two policies says there, where a profile narrows the
    /// account's own; `access` and `dotfiles` are what follows from both.
    pub narrowed: Option<Narrowed>,
}

/// What two policies say in a directory; `None` for one that gives no rights
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Narrowed {
    /// The account's own policy.
    pub own: Option<PolicyRights>,
    /// That of the profile.
    pub profile: Option<PolicyRights>,
}

/// What one policy says in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyRights {
    /// What may be done below it.
    pub access: Access,
    /// What applies to dotfiles below it.
    pub dotfiles: Dotfiles,
    /// Whether the policy names this directory, not one above it.
    pub is_root: bool,
    /// Whether it is, or is below, a dotfile that this policy protects.
    pub below_dotfile: bool,
}

impl Narrowed {
    /// What both allow.
    pub fn access(&self) -> Access {
        match (self.own, self.profile) {
            (Some(own), Some(profile)) => own.access.and(profile.access),
            _ => Access::NONE,
        }
    }

    /// What holds for dotfiles: the stricter of the two.
    pub fn dotfiles(&self) -> Dotfiles {
        let all = [self.own, self.profile].into_iter().flatten();
        all.map(|rights| rights.dotfiles)
            .min_by_key(|dotfiles| dotfiles.looseness())
            .unwrap_or_default()
    }
}

impl Root {
    /// What each policy says here that must allow what is done; the last one is
    /// that of the session, the first one the account's own if a profile
    /// narrows it.
    pub const fn policies(&self) -> [Option<PolicyRights>; 2] {
        match self.narrowed {
            Some(Narrowed { own, profile }) => [own, profile],
            None => [
                None,
                Some(PolicyRights {
                    access: self.access,
                    dotfiles: self.dotfiles,
                    is_root: true,
                    below_dotfile: false,
                }),
            ],
        }
    }

    /// Whether every policy gives rights here that must allow what is done.
    pub const fn is_of_all(&self) -> bool {
        match self.narrowed {
            Some(Narrowed { own, profile }) => own.is_some() && profile.is_some(),
            None => true,
        }
    }
}

/// The directories with rights, and their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    list: Vec<Root>,
    /// Indices into the list, with the paths sorted name by name: what is
    /// inside a directory follows it.
    order: Vec<usize>,
    /// For each in the list, the most specific other one that contains it.
    above: Vec<Option<usize>>,
    /// For each position in that order, how many of the roots before it can be
    /// read, and written.
    reached: Vec<[u32; 2]>,
}

/// Whether a directory with these rights is of any use to a client.
pub(in crate::decide) const fn is_reachable(access: Access, writes: bool) -> bool {
    if writes {
        access.has(Right::Create) || access.has(Right::Overwrite)
    } else {
        access.has(Right::Read) || access.has(Right::List)
    }
}

impl From<Vec<Root>> for Roots {
    fn from(list: Vec<Root>) -> Self {
        let mut order: Vec<usize> = (0..list.len()).collect();
        // Those of the home are already in order, which a stable sort exploits.
        order.sort_by(|one, other| list[*one].path.cmp(&list[*other].path));
        let mut above = vec![None; list.len()];
        let mut reached = Vec::with_capacity(list.len() + 1);
        let mut counts = [0, 0];
        reached.push(counts);
        // The path down to the current one.
        let mut way: Vec<usize> = Vec::new();
        for &index in &order {
            let root = &list[index];
            while way
                .pop_if(|outer| !root.path.starts_with(&list[*outer].path))
                .is_some()
            {}
            above[index] = way.last().copied();
            way.push(index);
            counts[0] += u32::from(is_reachable(root.access, false));
            counts[1] += u32::from(is_reachable(root.access, true));
            reached.push(counts);
        }
        Self {
            list,
            order,
            above,
            reached,
        }
    }
}

impl Roots {
    /// The index of the most specific root that is this path or contains it, by
    /// its text.
    pub fn holding(&self, path: &Path) -> Option<usize> {
        let after = self.order.partition_point(|i| *self.list[*i].path <= *path);
        // What contains the path contains everything between itself and the
        // path.
        let mut found = self.order.get(after.checked_sub(1)?).copied();
        while let Some(index) = found
            && !path.starts_with(&self.list[index].path)
        {
            found = self.above[index];
        }
        found
    }

    /// Whether a root is this path or is inside it.
    pub fn has_any_in(&self, path: &Path) -> bool {
        !self.range_in(path).is_empty()
    }

    /// Whether any root that is this path or is inside it is of any use to a
    /// client.
    pub(in crate::decide) fn is_reachable_in(&self, path: &Path, writes: bool) -> bool {
        let range = self.range_in(path);
        let column = usize::from(writes);
        self.reached[range.start][column] < self.reached[range.end][column]
    }

    fn range_in(&self, path: &Path) -> std::ops::Range<usize> {
        let start = self.order.partition_point(|i| *self.list[*i].path < *path);
        let rest = &self.order[start..];
        let count = rest.partition_point(|i| self.list[*i].path.starts_with(path));
        start..start + count
    }

    /// The most specific other root that contains this one.
    pub fn above(&self, index: usize) -> Option<usize> {
        self.above.get(index).copied().flatten()
    }

    /// The indices of all, each after those that contain it.
    pub fn from_the_top(&self) -> impl Iterator<Item = usize> {
        self.order.iter().copied()
    }
}

impl Deref for Roots {
    type Target = [Root];

    fn deref(&self) -> &[Root] {
        &self.list
    }
}

impl<'r> IntoIterator for &'r Roots {
    type Item = &'r Root;
    type IntoIter = std::slice::Iter<'r, Root>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

#[cfg(test)]
impl Roots {
    /// The same with another one.
    pub fn push(&mut self, root: Root) {
        let mut list = std::mem::take(&mut self.list);
        list.push(root);
        *self = list.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::policy::Dotfiles;

    /// Compared with the plain search, over all paths of three names of two
    /// letters.
    #[test]
    fn a_search_finds_what_a_look_at_each_finds() {
        let names = ["", "/a", "/b", "/a-", "/a/a", "/a/b", "/b/a", "/a-/a"];
        let paths: Vec<String> = names
            .iter()
            .flat_map(|one| ["/a", "/b", "/a-"].map(|other| format!("{one}{other}")))
            .collect();
        let mut seed: u64 = 1;
        for round in 0..500 {
            let mut list = Vec::new();
            for path in &paths {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let bits = seed >> 60;
                if bits < 5 {
                    list.push(Root {
                        path: path.into(),
                        exists: true,
                        access: [Access::NONE, Access::READ_ONLY, Access::UPLOAD_ONLY]
                            [usize::try_from(bits % 3).unwrap()],
                        dotfiles: Dotfiles::Protected,
                        narrowed: None,
                    });
                }
            }
            if round % 2 == 0 {
                list.reverse();
            }
            let roots = Roots::from(list.clone());
            for path in paths.iter().map(Path::new).chain([Path::new("/")]) {
                let holds = |root: &Root| path.starts_with(&root.path);
                let all = list.iter().enumerate().filter(|(_, root)| holds(root));
                let best = all.max_by_key(|(_, root)| root.path.as_os_str().len());
                assert_eq!(roots.holding(path), best.map(|found| found.0), "{path:?}");
                let inner = || list.iter().filter(|root| root.path.starts_with(path));
                assert_eq!(roots.has_any_in(path), inner().count() > 0, "{path:?}");
                for writes in [false, true] {
                    let expected = inner().any(|root| is_reachable(root.access, writes));
                    assert_eq!(roots.is_reachable_in(path, writes), expected, "{path:?}");
                }
            }
        }
    }
}
