//! The directories of the policy, as the account finds them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::AccessFlags;

use super::rights::Rights;
use crate::decide::policy::PathTarget;
use crate::decide::trust::EntryKind;
use crate::gather::account::temporarily_become;
use crate::gather::disk::access;
use crate::gather::trust::{PathEntry, way_to};
use crate::gather::walk::{WalkEnd, walk};

/// One directory of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPlace {
    /// Its path in the policy, for this account.
    pub path: PathBuf,
    /// Whether clients may write there.
    pub writes: bool,
    /// What the account finds.
    pub state: PlaceState,
}

/// What an account finds at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceState {
    /// A directory with the rights that the policy counts on.
    Usable,
    /// Nothing. The last directory that exists, with everything on the way to
    /// it.
    Missing(Vec<PathEntry>),
    /// This directory does not let it pass; with everything on the way to it.
    Closed(Vec<PathEntry>),
    /// Something that is no directory.
    NotADirectory,
    /// A directory in which it may not create anything, with everything on the
    /// way to it.
    NotWritable(Vec<PathEntry>),
    /// A directory on a mount that nobody can write.
    ReadOnly,
    /// It could not be determined, for another reason than missing rights.
    Failed(String),
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Those that the policy names.
    pub named: Vec<NamedPlace>,
    /// What `~/*` finds, if the policy has it.
    pub children: Option<Children>,
}

/// What `~/*` finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Children {
    /// The home cannot be listed by the account.
    NotListed,
    /// How many directories, and whether one of them is usable.
    Found {
        /// How many.
        count: usize,
        /// Whether the account can write in one of them.
        usable: bool,
        /// Whether nothing has the name that add-account gives.
        uploads_is_free: bool,
    },
}

impl Places {
    /// Looks at all of them, with the rights of the account.
    ///
    /// # Errors
    ///
    /// Those of taking on the ids of the account.
    pub fn gather(rights: &Rights<'_>) -> io::Result<Self> {
        let policy = rights.policy;
        let writes = policy.access.value.writes();
        let own = policy.directory.value.iter();
        let own = own.map(|own| {
            (
                &own.path,
                own.access.map_or(writes, |access| access.writes()),
            )
        });
        let writable = policy.writable.value.iter().map(|path| (path, writes));
        let readable = policy.readable.value.iter().map(|path| (path, false));
        let targets = own.chain(writable).chain(readable);
        let targets: Vec<_> = targets
            .map(|(path, writes)| (path.target(rights.account), writes))
            .collect();
        temporarily_become(rights.account, || {
            let mut places = Self::default();
            for (target, writes) in targets {
                match target {
                    PathTarget::HomeChildren if writes => {
                        places.children = Some(children(&rights.account.home));
                    }
                    PathTarget::HomeChildren => {}
                    PathTarget::Directory(path) => places.add(path, writes),
                }
            }
            places
        })
    }

    /// Those outside of a home that does not exist.
    pub fn outside(mut self, home: &Path) -> Self {
        self.named.retain(|place| !place.path.starts_with(home));
        self.children = None;
        self
    }

    fn add(&mut self, path: PathBuf, writes: bool) {
        if let Some(known) = self.named.iter_mut().find(|known| known.path == path) {
            known.writes |= writes;
            return;
        }
        let state = state(&path, writes);
        self.named.push(NamedPlace {
            path,
            writes,
            state,
        });
    }
}

fn state(path: &Path, writes: bool) -> PlaceState {
    let found = match walk(path, |_, _| Ok(true)) {
        WalkEnd::Found(found) => found,
        WalkEnd::Absent(missing) | WalkEnd::Refused(missing) => {
            return PlaceState::Missing(way_to_existing(&missing));
        }
        WalkEnd::Failed(at, error) => return closed(at.parent().unwrap_or(&at), error),
    };
    let entry = match PathEntry::of(&found) {
        Ok(entry) => entry,
        Err(error) => return PlaceState::Failed(error.to_string()),
    };
    if entry.status.kind != EntryKind::Directory {
        return PlaceState::NotADirectory;
    }
    if let Err(error) = access(&found, AccessFlags::X_OK) {
        return closed(&found, error.into());
    }
    if !writes {
        return PlaceState::Usable;
    }
    match access(&found, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => PlaceState::Usable,
        Err(Errno::EROFS) => PlaceState::ReadOnly,
        Err(Errno::EACCES) => match way_to(&found) {
            Ok(way) => PlaceState::NotWritable(way),
            Err(error) => PlaceState::Failed(error.error.to_string()),
        },
        Err(error) => PlaceState::Failed(error.to_string()),
    }
}

fn closed(directory: &Path, error: io::Error) -> PlaceState {
    if error.kind() == io::ErrorKind::PermissionDenied
        && let Ok(way) = way_to(directory)
    {
        return PlaceState::Closed(way);
    }
    PlaceState::Failed(error.to_string())
}

/// The way to the last directory that exists on the way to something missing.
fn way_to_existing(missing: &Path) -> Vec<PathEntry> {
    let mut above = missing.ancestors().skip(1);
    above.find_map(|path| way_to(path).ok()).unwrap_or_default()
}

fn children(home: &Path) -> Children {
    let Ok(entries) = fs::read_dir(home) else {
        return Children::NotListed;
    };
    let names = entries.flatten().filter(|entry| {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        !hidden && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    let paths: Vec<PathBuf> = names.map(|entry| entry.path()).collect();
    let rights = AccessFlags::W_OK | AccessFlags::X_OK;
    Children::Found {
        count: paths.len(),
        usable: paths.iter().any(|path| access(path, rights).is_ok()),
        uploads_is_free: home.join("uploads").symlink_metadata().is_err(),
    }
}
