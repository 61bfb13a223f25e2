//! May this be done? The guard's decisions, without I/O.
//!
//! A place is judged by its resolved path, so a symbolic link on the way does
//! not matter here. What is judged is the *most specific* root of the policy
//! that holds the place, and every component below that root.

use std::os::unix::ffi::OsStrExt;

use crate::decide::access::Right;
use crate::decide::plan::{Root, Rules};
use crate::decide::policy::Dotfiles;

use super::place::Place;
use super::refusal::Refusal;
use super::temporary;
use crate::system::statx::Kind;

/// What is known of a file that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its kind.
    pub kind: Kind,
    /// Its hard links, as the file system counts them.
    pub links: u32,
    /// What the session remembers of it, if it made it.
    pub made: Option<MadeHere>,
    /// Whether the name that led to it is a temporary one, made by this
    /// session: a hard link of rsync to a file that may be older.
    pub temporary_name: bool,
}

/// What the session remembers of a file that it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeHere {
    /// The names that the session gave it.
    pub links: u32,
    /// Whether it was made in the shape of rsync's temporary files.
    pub temporary: bool,
}

impl Subject {
    /// Whether a name that the session did not make may lead to it as well.
    fn has_unknown_names(&self) -> bool {
        let known = self.made.map_or(1, |made| made.links.max(1));
        self.kind != Kind::Directory && self.links > known
    }

    /// Whether rsync made it in this session, under a temporary name.
    pub fn is_temporary(&self) -> bool {
        self.temporary_name || self.made.is_some_and(|made| made.temporary)
    }
}

/// The root that holds a place.
#[derive(Clone, Copy, Debug)]
struct Ground<'r> {
    root: &'r Root,
    /// Whether the place is the root itself.
    is_root: bool,
}

/// Finds the root of a place and applies P3 and P4 to it. `temporary` waives
/// P4 for the last component.
fn ground<'r>(rules: &'r Rules, place: &Place, temporary: bool) -> Result<Ground<'r>, Refusal> {
    if place.is_home {
        return Err(Refusal::Home);
    }
    let (root, below) = root_of(rules, &place.path).ok_or(Refusal::Outside)?;
    if below.is_empty() {
        return Ok(Ground {
            root,
            is_root: true,
        });
    }
    if place.in_home {
        return Err(Refusal::Home);
    }
    if has_dot(rules, root, below, &place.path, temporary) {
        return Err(match root.dotfiles {
            Dotfiles::Hidden => Refusal::Hidden,
            _ => Refusal::Dotfile,
        });
    }
    Ok(Ground {
        root,
        is_root: false,
    })
}

/// The most specific root that is or holds `path`, and the path below it
/// without a leading slash.
fn root_of<'r, 'p>(rules: &'r Rules, path: &'p [u8]) -> Option<(&'r Root, &'p [u8])> {
    rules
        .roots
        .iter()
        .filter_map(|root| Some((root, below(root.path.as_os_str().as_bytes(), path)?)))
        .min_by_key(|(_, rest)| rest.len())
}

/// What is left of `path` below `base`; `None` if it is not there.
pub fn below<'p>(base: &[u8], path: &'p [u8]) -> Option<&'p [u8]> {
    let rest = path.strip_prefix(base)?;
    match rest.first() {
        None => Some(rest),
        Some(b'/') => Some(&rest[1..]),
        Some(_) if base == b"/" => Some(rest),
        Some(_) => None,
    }
}

/// Whether a component of `below` is a name that P4 protects.
fn has_dot(rules: &Rules, root: &Root, below: &[u8], path: &[u8], temporary: bool) -> bool {
    let mut end = path.len() - below.len();
    let mut parts = below.split(|&b| b == b'/').peekable();
    while let Some(name) = parts.next() {
        let directory = &path[..end.saturating_sub(1)];
        end += name.len() + 1;
        if name.first() != Some(&b'.') || (temporary && parts.peek().is_none()) {
            continue;
        }
        let in_home = directory == rules.home.as_os_str().as_bytes();
        if in_home || !dot_name_allowed(rules, root, name) {
            return true;
        }
    }
    false
}

fn dot_name_allowed(rules: &Rules, root: &Root, name: &[u8]) -> bool {
    root.dotfiles == Dotfiles::Allowed
        || (!name.starts_with(b".ssh") && rules.dotfile_names.iter().any(|g| g.matches(name)))
}

/// Whether the directory `path` is, or holds, a root or the home: moving or
/// removing it would take the policy's ground away.
fn holds_root(rules: &Rules, path: &[u8]) -> bool {
    below(path, rules.home.as_os_str().as_bytes()).is_some()
        || rules
            .roots
            .iter()
            .any(|root| below(path, root.path.as_os_str().as_bytes()).is_some())
}

fn need(ground: Ground<'_>, right: Right) -> Result<(), Refusal> {
    if ground.root.access.has(right) {
        Ok(())
    } else {
        Err(Refusal::Right(right))
    }
}

/// `right`, or that the session made the file and the root lets it create.
fn need_if_older(ground: Ground<'_>, subject: &Subject, right: Right) -> Result<(), Refusal> {
    let own = if subject.kind == Kind::Directory {
        Right::Mkdir
    } else {
        Right::Create
    };
    if subject.made.is_some() && ground.root.access.has(own) {
        return Ok(());
    }
    need(ground, right)
}

fn entry<'r>(rules: &'r Rules, place: &Place, temporary: bool) -> Result<Ground<'r>, Refusal> {
    let ground = ground(rules, place, temporary)?;
    if ground.is_root {
        return Err(Refusal::HoldsRoot);
    }
    Ok(ground)
}

/// May a file, directory or symbolic link be made under this free name?
pub fn create(rules: &Rules, place: &Place, kind: Kind) -> Result<(), Refusal> {
    let right = match kind {
        Kind::File | Kind::Symlink => Right::Create,
        Kind::Directory => Right::Mkdir,
        Kind::Null | Kind::Special => return Err(Refusal::Special),
    };
    need(entry(rules, place, false)?, right)
}

/// May a regular file be made under this free name as rsync's receiver makes
/// its temporary files, with O_CREAT and O_EXCL?
pub fn create_temporary(rules: &Rules, place: &Place) -> Result<(), Refusal> {
    if !rules.rsync_temporaries || !temporary::has_shape(place.name()) {
        return Err(Refusal::Dotfile);
    }
    need(entry(rules, place, true)?, Right::Create)
}

/// May a symbolic or hard link be made under this free name as rsync's
/// receiver makes it before it takes the place of something?
pub fn create_temporary_link(rules: &Rules, place: &Place) -> Result<(), Refusal> {
    if !rules.rsync_temporaries || !temporary::has_link_shape(place.name()) {
        return Err(Refusal::Dotfile);
    }
    need(entry(rules, place, true)?, Right::Create)
}

/// May this file be opened for writing, or truncated?
pub fn write(rules: &Rules, place: &Place, subject: &Subject) -> Result<(), Refusal> {
    let ground = entry(rules, place, subject.is_temporary())?;
    match subject.kind {
        Kind::File => {}
        _ => return Err(Refusal::Special),
    }
    if subject.has_unknown_names() {
        return Err(Refusal::Links);
    }
    need_if_older(ground, subject, Right::Overwrite)
}

/// May what a descriptor for this file reads be seen?
pub fn read_back(rules: &Rules, place: &Place) -> bool {
    root_of(rules, &place.path).is_some_and(|(root, _)| root.access.has(Right::Read))
}

/// May mode, owner, times or extended attributes be changed?
pub fn attributes(rules: &Rules, place: &Place, subject: &Subject) -> Result<(), Refusal> {
    let ground = ground(rules, place, subject.is_temporary())?;
    match subject.kind {
        Kind::File | Kind::Directory | Kind::Symlink => {}
        Kind::Null | Kind::Special => return Err(Refusal::Special),
    }
    if subject.has_unknown_names() {
        return Err(Refusal::Links);
    }
    need_if_older(ground, subject, Right::Attributes)
}

/// May this name be removed? `own_name`: the session gave it to the file, as
/// a second one. sftp-server takes such a name back when the rename that it
/// was for fails.
pub fn remove(
    rules: &Rules,
    place: &Place,
    subject: &Subject,
    own_name: bool,
) -> Result<(), Refusal> {
    let ground = entry(rules, place, subject.is_temporary())?;
    if subject.kind == Kind::Directory && holds_root(rules, &place.path) {
        return Err(Refusal::HoldsRoot);
    }
    if own_name && subject.links > 1 && ground.root.access.has(Right::Create) {
        return Ok(());
    }
    need_if_older(ground, subject, Right::Remove)
}

/// How a rename may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// Only to a free name.
    Never,
    /// Also over a file or an empty directory.
    Allowed,
}

/// A refusal and the place that it is about.
pub type Fault<'p> = (Refusal, &'p Place);

/// May `from` be renamed to `to`? `taken` says whether `to` is taken now.
pub fn rename<'p>(
    rules: &Rules,
    from: &'p Place,
    to: &'p Place,
    subject: &Subject,
    taken: bool,
) -> Result<Replace, Fault<'p>> {
    let source = entry(rules, from, subject.is_temporary()).map_err(|r| (r, from))?;
    let target = entry(rules, to, false).map_err(|r| (r, to))?;
    let (right, arrive) = match subject.kind {
        Kind::Directory => (Right::RenameDirectories, Right::Mkdir),
        _ => (Right::Rename, Right::Create),
    };
    if subject.kind == Kind::Directory && holds_root(rules, &from.path) {
        return Err((Refusal::HoldsRoot, from));
    }
    if holds_root(rules, &to.path) {
        return Err((Refusal::HoldsRoot, to));
    }
    // A directory takes its dotfiles along: in where none may be made, or out
    // to where they may be changed or seen.
    if subject.kind == Kind::Directory && source.root.dotfiles != target.root.dotfiles {
        return Err((Refusal::Dotfile, to));
    }
    need_if_older(source, subject, right).map_err(|r| (r, from))?;
    if source.root.path != target.root.path {
        need(target, arrive).map_err(|r| (r, to))?;
    }
    if target.root.access.has(Right::Overwrite) {
        return Ok(Replace::Allowed);
    }
    if taken {
        return Err((Refusal::Right(Right::Overwrite), to));
    }
    Ok(Replace::Never)
}

/// May the file `from` get the second name `to`? `temporary` waives P4 for
/// that name, see [`create_temporary_link`].
pub fn link<'p>(
    rules: &Rules,
    from: &'p Place,
    to: &'p Place,
    subject: &Subject,
    temporary: bool,
) -> Result<(), Fault<'p>> {
    let source = entry(rules, from, false).map_err(|r| (r, from))?;
    let target = entry(rules, to, temporary).map_err(|r| (r, to))?;
    match subject.kind {
        Kind::File | Kind::Symlink => {}
        _ => return Err((Refusal::Special, from)),
    }
    need_if_older(source, subject, Right::Link).map_err(|r| (r, from))?;
    need(target, Right::Create).map_err(|r| (r, to))
}

/// May a symbolic link lead to this place? Only under `symlinks = "inside"`.
pub fn symlink_target(rules: &Rules, place: &Place) -> Result<(), Refusal> {
    if place.is_home {
        return Ok(());
    }
    let (root, below) = root_of(rules, &place.path).ok_or(Refusal::SymlinkTarget)?;
    if has_dot(rules, root, below, &place.path, false) {
        return Err(Refusal::SymlinkTarget);
    }
    Ok(())
}

/// May this file be opened for reading, or this directory be listed? Only
/// what lies in a root is judged; for the rest the kernel's own rules hold.
pub fn read(rules: &Rules, place: &Place, subject: &Subject) -> Result<(), Refusal> {
    visible(rules, place, subject.is_temporary())?;
    let Some((root, _)) = root_of(rules, &place.path) else {
        return Ok(());
    };
    let right = match subject.kind {
        Kind::Directory => Right::List,
        _ => Right::Read,
    };
    if root.access.has(right) {
        Ok(())
    } else {
        Err(Refusal::Right(right))
    }
}

/// May it be known that this place exists? `temporary`: it is a file that
/// rsync made in this session.
pub fn visible(rules: &Rules, place: &Place, temporary: bool) -> Result<(), Refusal> {
    match root_of(rules, &place.path) {
        Some((root, below))
            if root.dotfiles == Dotfiles::Hidden
                && has_dot(rules, root, below, &place.path, temporary) =>
        {
            Err(Refusal::Hidden)
        }
        _ => Ok(()),
    }
}

/// The mode that a file or directory gets where `wanted` is asked for.
pub fn mode(rules: &Rules, kind: Kind, wanted: u32) -> u32 {
    let (bits, bound) = match kind {
        Kind::Directory => (0o7777, rules.directory_mode_max),
        _ => (0o777, rules.file_mode_max),
    };
    wanted & bits & bound.unwrap_or(bits)
}

#[cfg(test)]
mod tests;
