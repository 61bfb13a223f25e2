//! May this be done? Every rule about files, written once: P3, P4, the rights
//! of the most specific directory of the policy, the limits of modes.
//!
//! The guard asks here for each call of the server; the early vetting of a
//! command asks the same of the places that a client names. Nothing here does
//! I/O. The most specific root that contains a place, and every name below that
//! root, decide what applies there. A symbolic link on the way does not matter,
//! since places are resolved.
//!
//! A change that is allowed is a [`Permit`], which only this module creates:
//! the guard cannot act without one.

mod denial;
mod dotfiles;
mod file_state;
mod names;
mod place;
mod rsync_temporary;

use super::access::Right;
use super::plan::Rules;
use super::policy::Dotfiles;
use super::roots::nesting::{PolicyRights, Root};
use dotfiles::{has_dotfile, is_hidden};

pub use denial::Denial;
pub(super) use dotfiles::is_below_dotfile;
pub use dotfiles::is_closed_dotfile;
pub use file_state::{FileKind, FileState};
pub use names::{folded, is_dotfile};
pub use place::{Place, first_name_at};
pub use rsync_temporary::target as rsync_target;

/// What was found in a directory to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Everything in it was created by this session, or it is empty.
    Own,
    /// Something was not, or that is not known.
    Others,
}

/// The rules allow it. Created here and nowhere else.
#[derive(Debug)]
#[must_use = "a permit is there to be used"]
pub struct Permit(());

/// The root that contains a place.
#[derive(Clone, Copy, Debug)]
struct HoldingRoot<'r> {
    root: &'r Root,
    /// Whether the place is the root itself.
    is_root: bool,
}

/// Finds the root of a place and applies P3 and P4 to it. `temporary` waives
/// P4 for the last component.
fn holding<'r>(
    rules: &'r Rules,
    place: &Place,
    temporary: bool,
) -> Result<HoldingRoot<'r>, Denial> {
    if place.is_home() {
        return Err(Denial::Home);
    }
    let root = root_of(rules, place).ok_or(Denial::Outside)?;
    let is_root = place.is_root();
    if is_root && is_root_of_each(root) {
        return Ok(HoldingRoot { root, is_root });
    }
    if place.is_in_home() {
        return Err(Denial::Home);
    }
    if has_dotfile(rules, root, place, temporary) {
        return Err(match root.dotfiles {
            Dotfiles::Hidden => Denial::Hidden,
            _ => Denial::Dotfile,
        });
    }
    Ok(HoldingRoot { root, is_root })
}

/// Whether each policy that gives rights in a root names it: for the others it
/// is a place below theirs.
fn is_root_of_each(root: &Root) -> bool {
    let mut policies = root.policies().into_iter().flatten();
    policies.all(|rights| rights.is_root)
}

fn root_of<'r>(rules: &'r Rules, place: &Place) -> Option<&'r Root> {
    rules.roots.get(place.root?)
}

fn need(holding: HoldingRoot<'_>, right: Right) -> Result<Permit, Denial> {
    if holding.root.access.has(right) {
        Ok(Permit(()))
    } else {
        Err(Denial::Right(right))
    }
}

/// Requires `right`, or that the session created the file and the root allows
/// creating.
fn need_if_older(
    holding: HoldingRoot<'_>,
    state: &FileState,
    right: Right,
) -> Result<Permit, Denial> {
    let own = if state.kind == FileKind::Directory {
        Right::Mkdir
    } else {
        Right::Create
    };
    if state.is_own() && holding.root.access.has(own) {
        return Ok(Permit(()));
    }
    need(holding, right)
}

/// The root of a name that is created, removed or changed.
fn entry<'r>(rules: &'r Rules, place: &Place, temporary: bool) -> Result<HoldingRoot<'r>, Denial> {
    let holding = holding(rules, place, temporary)?;
    if holding.is_root || place.is_policy_directory {
        return Err(Denial::PolicyDirectory);
    }
    Ok(holding)
}

/// May a file, directory or symbolic link be created under this free name? Only
/// a directory may take the name of an absent directory of the policy: anything
/// else would get the rights that were meant for it, or keep everybody out.
pub fn create(rules: &Rules, place: &Place, kind: FileKind) -> Result<Permit, Denial> {
    let right = match kind {
        FileKind::File | FileKind::Symlink => Right::Create,
        FileKind::Directory => Right::Mkdir,
        FileKind::Null | FileKind::Special => return Err(Denial::Special),
    };
    let holding = match kind {
        FileKind::Directory => holding(rules, place, false)?,
        _ => entry(rules, place, false)?,
    };
    if holding.is_root {
        return Err(Denial::PolicyDirectory);
    }
    need(holding, right)
}

/// May a regular file be created under this free name as rsync's receiver
/// creates its temporary files, with O_CREAT and O_EXCL?
pub fn create_temporary(rules: &Rules, place: &Place) -> Result<Permit, Denial> {
    if !rules.rsync_temporaries || !rsync_temporary::has_shape(place.name()) {
        return Err(Denial::Dotfile);
    }
    need(entry(rules, place, true)?, Right::Create)
}

/// May a symbolic or hard link be created under this free name, as rsync's
/// receiver does before it replaces something?
pub fn create_temporary_link(rules: &Rules, place: &Place) -> Result<Permit, Denial> {
    if !rules.rsync_temporaries || !rsync_temporary::has_link_shape(place.name()) {
        return Err(Denial::Dotfile);
    }
    need(entry(rules, place, true)?, Right::Create)
}

/// May this file be opened for writing, or truncated?
pub fn write(rules: &Rules, place: &Place, state: &FileState) -> Result<Permit, Denial> {
    state.not_the_log()?;
    let holding = entry(rules, place, state.is_rsync_temporary)?;
    if state.kind != FileKind::File {
        return Err(Denial::Special);
    }
    if state.has_unknown_names() {
        return Err(Denial::Links);
    }
    need_if_older(holding, state, Right::Overwrite)
}

/// May the session see what a descriptor for this file reads?
pub fn read_back(rules: &Rules, place: &Place) -> bool {
    root_of(rules, place).is_some_and(|root| root.access.has(Right::Read))
}

/// May mode, owner, times or extended attributes be changed?
pub fn attributes(rules: &Rules, place: &Place, state: &FileState) -> Result<Permit, Denial> {
    state.not_the_log()?;
    let holding = holding(rules, place, state.is_rsync_temporary)?;
    match state.kind {
        FileKind::File | FileKind::Directory | FileKind::Symlink => {}
        FileKind::Null | FileKind::Special => return Err(Denial::Special),
    }
    if state.has_unknown_names() {
        return Err(Denial::Links);
    }
    need_if_older(holding, state, Right::Attributes)
}

/// May mode, times or attributes be changed of a file to which no name leads
/// any more? Then only the server has it. `links` are the remaining names: a
/// file that lost the name by which it was opened may have others.
pub const fn attributes_of_nameless(state: &FileState) -> Result<Permit, Denial> {
    match (state.kind, state.own_names) {
        (FileKind::File | FileKind::Directory, _) if state.links == 0 => Ok(Permit(())),
        (FileKind::File, Some(own)) if own >= state.links => Ok(Permit(())),
        _ => Err(Denial::Links),
    }
}

/// May a directory of the policy get this mode? It may change, but the account
/// must still be able to list, enter and write it: otherwise the next session
/// would find none of the rules that apply in it. The owner's bits are the ones
/// that apply to anybody who can change the mode (chmod(2)).
pub const fn keeps_access(place: &Place, old_mode: u32, new_mode: u32) -> Result<(), Denial> {
    const OWNER: u32 = 0o700;
    if place.is_policy_directory && old_mode & OWNER & !new_mode != 0 {
        return Err(Denial::LocksOut);
    }
    Ok(())
}

/// May this name be removed? `own_name`: the session gave it to the file as a
/// second name. sftp-server removes such a name again when the rename that it
/// was for fails.
pub fn remove(
    rules: &Rules,
    place: &Place,
    state: &FileState,
    own_name: bool,
) -> Result<Permit, Denial> {
    state.not_the_log()?;
    let holding = entry(rules, place, state.is_rsync_temporary)?;
    if own_name && state.links > 1 && holding.root.access.has(Right::Create) {
        return Ok(Permit(()));
    }
    need_if_older(holding, state, Right::Remove)
}

/// How a rename may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// Only to a free name.
    Never,
    /// Also over a file or an empty directory.
    Allowed,
}

/// A denial and the place that it refers to.
pub type DeniedPlace<'p> = (Denial, &'p Place);

/// Whether [`rename`] needs to know what is in a directory: only if it moves to
/// another root or below a dotfile.
pub fn asks_for_contents(from: &Place, to: &Place, state: &FileState) -> bool {
    state.kind == FileKind::Directory && (from.root != to.root || names::is_dotfile(to.name()))
}

/// May `from` be renamed to `to`? `taken` says whether `to` is taken now;
/// `contents` matters if [`asks_for_contents`] says so.
pub fn rename<'p>(
    rules: &Rules,
    from: &'p Place,
    to: &'p Place,
    state: &FileState,
    contents: Contents,
    taken: bool,
) -> Result<(Permit, Replace), DeniedPlace<'p>> {
    state.not_the_log().map_err(|d| (d, from))?;
    let source = entry(rules, from, state.is_rsync_temporary).map_err(|d| (d, from))?;
    let target = entry(rules, to, false).map_err(|d| (d, to))?;
    let is_directory = state.kind == FileKind::Directory;
    let (right, arrive) = if is_directory {
        (Right::RenameDirectories, Right::Mkdir)
    } else {
        (Right::Rename, Right::Create)
    };
    // A directory takes its dotfiles along: into a place where none may be
    // created, or out to one where they may be changed or seen.
    let mut pairs = policy_pairs(source.root, target.root);
    if is_directory && pairs.any(|(from, to)| from.dotfiles != to.dotfiles) {
        return Err((Denial::Dotfile, to));
    }
    let mut permit = need_if_older(source, state, right).map_err(|d| (d, from))?;
    let may_move_others = source.root.access.has(right);
    if asks_for_contents(from, to, state) && contents != Contents::Own && !may_move_others {
        return Err((Denial::Contents, from));
    }
    if from.root != to.root {
        permit = need(target, arrive).map_err(|d| (d, to))?;
        let is_all_own = state.is_own() && (!is_directory || contents == Contents::Own);
        if !is_all_own && gains(source.root, target.root) {
            return Err((Denial::Gains, to));
        }
    }
    if target.root.access.has(Right::Overwrite) {
        return Ok((permit, Replace::Allowed));
    }
    if taken {
        return Err((Denial::Right(Right::Overwrite), to));
    }
    Ok((permit, Replace::Never))
}

/// Whether `target` allows something with an older file that `source` does not:
/// to read, list, change or remove it.
fn gains(source: &Root, target: &Root) -> bool {
    const TREATED: [Right; 7] = [
        Right::List,
        Right::Read,
        Right::Overwrite,
        Right::Remove,
        Right::Rename,
        Right::Attributes,
        Right::Link,
    ];
    policy_pairs(source, target).any(|(source, target)| {
        let mut rights = TREATED.into_iter();
        rights.any(|right| target.access.has(right) && !source.access.has(right))
    })
}

/// What each policy says of two roots. Under a profile that narrows the
/// account's, the sessions without it are a way to use what is gained there, so
/// what both allow is not all that counts.
fn policy_pairs(
    source: &Root,
    target: &Root,
) -> impl Iterator<Item = (PolicyRights, PolicyRights)> {
    let pairs = source.policies().into_iter().zip(target.policies());
    pairs.filter_map(|(source, target)| source.zip(target))
}

/// May the file `from` get the second name `to`? `temporary` waives P4 for
/// that name, see [`create_temporary_link`].
pub fn link<'p>(
    rules: &Rules,
    from: &'p Place,
    to: &'p Place,
    state: &FileState,
    temporary: bool,
) -> Result<Permit, DeniedPlace<'p>> {
    state.not_the_log().map_err(|d| (d, from))?;
    let source = entry(rules, from, state.is_rsync_temporary).map_err(|d| (d, from))?;
    let target = entry(rules, to, temporary).map_err(|d| (d, to))?;
    match state.kind {
        FileKind::File | FileKind::Symlink => {}
        _ => return Err((Denial::Special, from)),
    }
    let _: Permit = need_if_older(source, state, Right::Link).map_err(|d| (d, from))?;
    // A second name only adds ways to read: a file with several names can be
    // neither written nor given new attributes, and its own name stays.
    let reads = |rights: PolicyRights| rights.access.has(Right::Read);
    let mut pairs = policy_pairs(source.root, target.root);
    if !state.is_own() && pairs.any(|(source, target)| reads(target) && !reads(source)) {
        return Err((Denial::Gains, to));
    }
    need(target, Right::Create).map_err(|d| (d, to))
}

/// May a symbolic link lead to this place? Only under `symlinks = "inside"`.
pub fn symlink_target(rules: &Rules, place: &Place) -> Result<(), Denial> {
    if place.is_home() {
        return Ok(());
    }
    let root = root_of(rules, place).ok_or(Denial::SymlinkTarget)?;
    let mut policies = root.policies().into_iter().flatten();
    if !root.is_of_all() || policies.any(|rights| rights.below_dotfile) {
        return Err(Denial::SymlinkTarget);
    }
    if has_dotfile(rules, root, place, false) {
        return Err(Denial::SymlinkTarget);
    }
    Ok(())
}

/// May this file be opened for reading, or this directory be listed? Only what
/// is in a root is judged; the kernel's own rules apply to the rest.
pub fn read(rules: &Rules, place: &Place, state: &FileState) -> Result<(), Denial> {
    state.not_the_log()?;
    visible(rules, place, state.is_rsync_temporary)?;
    let Some(root) = root_of(rules, place) else {
        return Ok(());
    };
    let right = match state.kind {
        FileKind::Directory => Right::List,
        _ => Right::Read,
    };
    need(
        HoldingRoot {
            root,
            is_root: false,
        },
        right,
    )
    .map(|_permit| ())
}

/// May this be opened for reading, by a call that the client's command led to?
/// What a server reads for itself when it starts is outside every root, and not
/// for a client.
pub fn read_by_name(rules: &Rules, place: &Place, state: &FileState) -> Result<(), Denial> {
    let is_for_itself = || {
        let mut files = rules.library_files.iter();
        files.any(|file| file.as_os_str().as_encoded_bytes() == place.path)
    };
    let is_outside = root_of(rules, place).is_none() && state.kind != FileKind::Null;
    if rules.watch_named_reads && is_outside && !is_for_itself() {
        return Err(Denial::Right(Right::Read));
    }
    read(rules, place, state)
}

/// May the session learn that this place exists? `temporary`: it has a name
/// that rsync gave it in this session.
pub fn visible(rules: &Rules, place: &Place, temporary: bool) -> Result<(), Denial> {
    match root_of(rules, place) {
        Some(root)
            if root.dotfiles == Dotfiles::Hidden && is_hidden(rules, root, place, temporary) =>
        {
            Err(Denial::Hidden)
        }
        _ => Ok(()),
    }
}

/// Whether any root hides names.
pub fn hides(rules: &Rules) -> bool {
    let mut roots = rules.roots.iter();
    roots.any(|root| root.dotfiles == Dotfiles::Hidden)
}

/// The mode that a file or directory gets when `wanted` is asked for. Of two
/// limits that contradict each other, the most that is allowed holds.
pub fn mode(rules: &Rules, kind: FileKind, wanted: u32) -> u32 {
    const SET_GID: u32 = 0o2000;
    let (bits, bound) = match kind {
        FileKind::Directory => (0o7777, rules.directory_mode_max),
        _ => (0o777, rules.file_mode_max),
    };
    let least = mode_min(rules, kind);
    // No limit for what is allowed can name set-gid, so it does not forbid it.
    let bound = bound.unwrap_or(bits) | (least & SET_GID);
    (wanted | least) & bits & bound
}

/// The bits that a file or directory gets whatever is asked for.
pub fn mode_min(rules: &Rules, kind: FileKind) -> u32 {
    let bits = match kind {
        FileKind::Directory => rules.directory_mode_min,
        _ => rules.file_mode_min,
    };
    bits.unwrap_or(0)
}

#[cfg(test)]
mod tests;
