//! What happened? The transfer log: one line for every change of a file,
//! refused attempts, and the counts at the end.
//!
//! An upload is one line, written when the server has closed the file, with
//! its size. Mode, owner and times that are set while it is open belong to
//! that line.

use std::fmt::{self, Display};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use super::refusal::Refusal;
use crate::enforce::audit::{Audit, Importance};
use crate::escape::Escaped;
use crate::system::statx::{self, Inode};

/// Refused attempts of one reason that get a line each.
const SHOWN: u32 = 5;

/// What was done, for the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A file, directory or link was made.
    Created,
    /// An older file was opened for writing or truncated.
    Overwritten,
    /// A name was removed.
    Removed,
    /// A name was changed.
    Renamed,
    /// Mode, owner, times or extended attributes were changed.
    Attributes,
}

impl Deed {
    const ALL: [Self; 5] = [
        Self::Created,
        Self::Overwritten,
        Self::Removed,
        Self::Renamed,
        Self::Attributes,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Overwritten => "overwritten",
            Self::Removed => "removed",
            Self::Renamed => "renamed",
            Self::Attributes => "attributes",
        }
    }
}

/// A file that the server has open for writing.
#[derive(Debug)]
struct Upload {
    inode: Inode,
    deed: Deed,
    path: Vec<u8>,
    pin: Rc<OwnedFd>,
    holder: Option<(i32, i32)>,
    mode: Option<u32>,
    owner: bool,
    times: bool,
}

/// The counts of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    deeds: [u64; 5],
    /// Bytes of the files that were written, by their size when closed.
    pub bytes: u64,
    /// Refused attempts.
    pub refused: u64,
}

impl Counts {
    /// How often this was done.
    pub const fn of(&self, deed: Deed) -> u64 {
        self.deeds[deed as usize]
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for deed in Deed::ALL {
            write!(f, "{}={} ", deed.name(), self.of(deed))?;
        }
        write!(f, "bytes={} refused={}", self.bytes, self.refused)
    }
}

/// The log of one session.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Uploads that are followed at once; the oldest is written off beyond.
    most: usize,
    counts: Counts,
    refused: [(u32, Option<Refusal>); Refusal::KINDS],
    uploads: Vec<Upload>,
}

impl Ledger {
    /// An empty log that follows at most so many uploads at once.
    pub fn following(most: usize) -> Self {
        Self {
            most,
            ..Self::default()
        }
    }

    /// The counts so far.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Writes a line for a change of `path`.
    pub fn changed(&mut self, log: &mut Audit, deed: Deed, what: &dyn Display, path: &[u8]) {
        self.counts.deeds[deed as usize] += 1;
        let line = format_args!("{} {what} path=\"{}\"", deed.name(), Escaped::bytes(path));
        log.queue(Importance::Info, &line);
    }

    /// Writes a line for a new name of `from`.
    pub fn named(&mut self, log: &mut Audit, deed: Deed, what: &str, from: &[u8], to: &[u8]) {
        self.counts.deeds[deed as usize] += 1;
        let line = format_args!(
            "{} {what} from=\"{}\" path=\"{}\"",
            deed.name(),
            Escaped::bytes(from),
            Escaped::bytes(to)
        );
        log.queue(Importance::Info, &line);
    }

    /// Begins an upload; its line follows when it ends.
    pub fn opened(
        &mut self,
        log: &mut Audit,
        deed: Deed,
        inode: Inode,
        path: Vec<u8>,
        pin: Rc<OwnedFd>,
    ) {
        if self.uploads.len() == self.most {
            self.finish(log, 0);
        }
        self.uploads.push(Upload {
            inode,
            deed,
            path,
            pin,
            holder: None,
            mode: None,
            owner: false,
            times: false,
        });
    }

    /// The upload that was begun last is descriptor `number` of process `pid`;
    /// whatever had that number before is closed.
    pub fn handed_over(&mut self, log: &mut Audit, pid: i32, number: i32, begun: bool) {
        let before = self.uploads.len() - usize::from(begun);
        let same = |upload: &Upload| upload.holder == Some((pid, number));
        if let Some(old) = self.uploads[..before].iter().position(same) {
            self.finish(log, old);
        }
        if begun && let Some(last) = self.uploads.last_mut() {
            last.holder = Some((pid, number));
        }
    }

    /// Notes a mode that was set; `true` if it belongs to an upload's line.
    pub fn mode_set(&mut self, inode: Inode, mode: u32) -> bool {
        self.note(inode, |upload| upload.mode = Some(mode))
    }

    /// Notes times that were set; as [`Self::mode_set`].
    pub fn times_set(&mut self, inode: Inode) -> bool {
        self.note(inode, |upload| upload.times = true)
    }

    /// Notes an owner that was set; as [`Self::mode_set`].
    pub fn owner_set(&mut self, inode: Inode) -> bool {
        self.note(inode, |upload| upload.owner = true)
    }

    fn note(&mut self, inode: Inode, note: impl Fn(&mut Upload)) -> bool {
        let found = self.uploads.iter_mut().rfind(|u| u.inode == inode);
        found.map(note).is_some()
    }

    /// Writes the line of an upload before its file is renamed or removed.
    pub fn settle(&mut self, log: &mut Audit, inode: Inode) {
        while let Some(at) = self.uploads.iter().position(|u| u.inode == inode) {
            self.finish(log, at);
        }
    }

    /// Whether any upload is under way.
    pub const fn has_uploads(&self) -> bool {
        !self.uploads.is_empty()
    }

    /// Writes the lines of all uploads for which `open` says that their holder
    /// has closed them.
    pub fn settle_closed(&mut self, log: &mut Audit, open: impl Fn(i32, i32, Inode) -> bool) {
        let mut at = 0;
        while let Some(upload) = self.uploads.get(at) {
            let is_open = upload
                .holder
                .is_some_and(|(pid, number)| open(pid, number, upload.inode));
            if is_open {
                at += 1;
            } else {
                self.finish(log, at);
            }
        }
    }

    /// Writes the lines of all uploads.
    pub fn settle_all(&mut self, log: &mut Audit) {
        while self.has_uploads() {
            self.finish(log, 0);
        }
    }

    /// Bytes of finished uploads and of those under way.
    pub fn bytes_so_far(&self) -> u64 {
        let open = self.uploads.iter().filter_map(size);
        open.fold(self.counts.bytes, u64::saturating_add)
    }

    fn finish(&mut self, log: &mut Audit, at: usize) {
        let upload = self.uploads.remove(at);
        let bytes = size(&upload).unwrap_or(0);
        self.counts.deeds[upload.deed as usize] += 1;
        self.counts.bytes = self.counts.bytes.saturating_add(bytes);
        let line = format_args!(
            "{} file bytes={bytes}{} path=\"{}\"",
            upload.deed.name(),
            Also(&upload),
            Escaped::bytes(&upload.path)
        );
        log.queue(Importance::Info, &line);
    }

    /// Notes a refused attempt: a line for the first ones of each reason.
    pub fn refused(&mut self, log: &mut Audit, call: &str, reason: Refusal, path: &[u8]) {
        self.counts.refused += 1;
        let (seen, which) = &mut self.refused[reason.index()];
        *seen = seen.saturating_add(1);
        *which = Some(reason);
        if *seen > SHOWN {
            return;
        }
        let line = format_args!(
            "refused call={call} reason=\"{reason}\" path=\"{}\"",
            Escaped::bytes(path)
        );
        log.event(Importance::Warning, &line);
    }

    /// Writes how many refused attempts got no line.
    pub fn summarise(&self, log: &mut Audit) {
        for &(seen, reason) in &self.refused {
            let (more, Some(reason)) = (seen.saturating_sub(SHOWN), reason) else {
                continue;
            };
            if more == 0 {
                continue;
            }
            let line = format_args!("refused more={more} reason=\"{reason}\"");
            log.event(Importance::Warning, &line);
        }
    }
}

fn size(upload: &Upload) -> Option<u64> {
    Some(statx::of_fd(upload.pin.as_fd()).ok()?.size)
}

/// What was set while the file was open.
struct Also<'u>(&'u Upload);

impl Display for Also<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mode) = self.0.mode {
            write!(f, " mode={mode:04o}")?;
        }
        if self.0.owner {
            f.write_str(" owner=set")?;
        }
        if self.0.times {
            f.write_str(" times=set")?;
        }
        Ok(())
    }
}
