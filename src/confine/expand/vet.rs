//! Judges what a wildcard matches as if the client had named it.
//!
//! A name that matches can be a symbolic link, or be behind one. What the
//! kernel denies the server anyway is left to the kernel: the client then sees
//! which name was refused, and gets the others.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::{Bounds, Matched};
use crate::decide::operands::{collapsed, vet_source};
use crate::decide::plan::{Plan, Rules, ServerKind};
use crate::decide::verdict::Refusal;
use crate::error::{Error, Step};
use crate::gather::disk::resolve;
use crate::print::escape::Escaped;

/// Steps that resolving a path counts for: a readlink(2) for each component.
const RESOLVING: u64 = 8;

pub(super) struct Vetting<'a> {
    rules: &'a Rules,
    /// Where relative paths begin.
    start: &'a Path,
    /// Whether the server sends what a link leads to, instead of the link.
    follows: bool,
    /// The directory that was resolved last, and where it leads.
    known: Option<(Vec<u8>, PathBuf)>,
}

impl<'a> Vetting<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self {
            rules: &plan.rules,
            start: &plan.start.path,
            // The options that make rsync do so are refused.
            follows: plan.kind != ServerKind::RsyncSender,
            known: None,
        }
    }

    /// Whether the server may see this path.
    ///
    /// # Errors
    ///
    /// If the server could read it although the policy does not grant it.
    pub(super) fn keeps(
        &mut self,
        found: &Matched<'_>,
        recursive: bool,
        bounds: &mut Bounds,
    ) -> Result<bool, Error> {
        let place = self.place(found, bounds)?;
        let vetted = self.vet(&place, found.path, recursive);
        let Err(refusal) = vetted else {
            return Ok(true);
        };
        bounds.step(1)?;
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        match open(OsStr::from_bytes(found.path), flags, Mode::empty()) {
            // One that every server needs to start (/etc/passwd): the guard
            // does not open it for scp, which then sends the others.
            Ok(_) if self.rules.watch_named_reads => Ok(true),
            Ok(_) => Err(refused(found.path, &refusal)),
            // Hidden from it, or a link that leads nowhere.
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(false),
            Err(_) => Ok(true),
        }
    }

    /// Judges a word that matched nothing, which the server sees as it was
    /// written: like any word without wildcards, whether such a file exists or
    /// not.
    ///
    /// # Errors
    ///
    /// If it cannot be in any directory of the policy.
    pub(super) fn keeps_word(
        &mut self,
        word: &[u8],
        recursive: bool,
        bounds: &mut Bounds,
    ) -> Result<(), Error> {
        let found = Matched {
            path: word,
            may_be_link: true,
        };
        let place = self.place(&found, bounds)?;
        self.vet(&place, word, recursive)
            .map_err(|refusal| refused(word, &refusal))
    }

    /// Judges both readings of a path: the kernel's, resolved, and rsync's.
    fn vet(&self, place: &Path, path: &[u8], recursive: bool) -> Result<(), Refusal> {
        vet_source(place, recursive, self.rules)?;
        // A server that follows no links is rsync.
        let text = self.start.join(OsStr::from_bytes(path));
        let collapsed = collapsed(&text).filter(|_| !self.follows);
        collapsed.map_or(Ok(()), |text| {
            vet_source(&resolve(&text), recursive, self.rules)
        })
    }

    /// Where a path leads, as far as the server follows it.
    fn place(&mut self, found: &Matched<'_>, bounds: &mut Bounds) -> Result<PathBuf, Error> {
        let slash = found.path.iter().rposition(|c| *c == b'/');
        let (directory, name) = found.path.split_at(slash.map_or(0, |slash| slash + 1));
        let absolute = |path| self.start.join(OsStr::from_bytes(path));
        let followed = found.may_be_link && self.follows;
        if followed || name.is_empty() || name == b"." || name == b".." {
            bounds.step(RESOLVING)?;
            return Ok(resolve(&absolute(found.path)));
        }
        let name = OsStr::from_bytes(name);
        if let Some((text, place)) = &self.known
            && text == directory
        {
            return Ok(place.join(name));
        }
        bounds.step(RESOLVING)?;
        let place = resolve(&absolute(directory));
        let path = place.join(name);
        self.known = Some((directory.to_vec(), place));
        Ok(path)
    }
}

fn refused(path: &[u8], refusal: &Refusal) -> Error {
    let path = Escaped::bytes(path).cut();
    let text = format!("{path}: {refusal}; leave it out");
    Error::text(Step::Wildcards, text)
}
