//! What happened? The transfer log: one line for every change to a file,
//! attempts that were denied, and the counts at the end.
//!
//! An upload is one line, written when the server has closed the file, with its
//! size. Mode, owner and times that are set while it is open belong to that
//! line. If the file is renamed or removed meanwhile, the line comes then, with
//! the size so far; what is written later gets its own line.
//!
//! The guard knows which files the server still has open: a descriptor that it
//! handed over has one number in one process, since the filter lets servers
//! duplicate only 0 to 2. A file that has one of these numbers, or is open
//! while its process forks, counts as open until the session ends.

use std::fmt::{self, Display};
use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;

use super::Answer;
use super::call_error::CallError;
use super::steps::Logged;
use crate::decide::rules::Denial;
use crate::log::{Audit, Importance};
use crate::print::escape::Escaped;
use crate::system::statx::{self, Inode};

/// How many denied attempts for one reason get their own line.
const SHOWN: u32 = 5;

/// What was done, for the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A file, directory or link was created.
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

/// A descriptor of the server: process and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub pid: i32,
    /// The number there.
    pub number: i32,
}

impl Holder {
    /// Whether the filter lets the server duplicate it: a standard stream, even
    /// if that was closed and the number now belongs to a file.
    const fn may_be_copied(self) -> bool {
        self.number <= 2
    }
}

/// A file that the server has, or had, open for writing.
#[derive(Debug)]
struct Upload {
    inode: Inode,
    deed: Deed,
    path: Vec<u8>,
    /// A second name that it got meanwhile: that is how sftp-server renames.
    second_path: Option<Vec<u8>>,
    pin: Rc<OwnedFd>,
    holder: Option<Holder>,
    mode: Option<u32>,
    has_owner: bool,
    has_times: bool,
    /// The size in its line, if that has already been written.
    told: Option<u64>,
    /// Its process has forked since, or may have copied it: it may also be open
    /// under another number.
    is_shared: bool,
}

impl Upload {
    /// Whether a process of the session may have it open.
    fn may_be_open(&self, is_open: impl Fn(Holder, Inode) -> bool) -> bool {
        let holds = |holder| is_open(holder, self.inode);
        self.is_shared || self.holder.is_some_and(holds)
    }

    /// Its size now. Looking at a held descriptor does not fail.
    fn size(&self) -> u64 {
        statx::of_fd(self.pin.as_fd()).map_or(0, |status| status.size)
    }
}

/// The counts of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    deeds: [u64; 5],
    /// Bytes of the files that were written, by their sizes when closed.
    pub bytes: u64,
    /// Denied attempts.
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
#[allow(missing_debug_implementations, reason = "the log has no Debug")]
pub struct TransferLog<'a> {
    /// The log that all lines go to.
    pub audit: &'a mut Audit,
    counts: Counts,
    denied: [(u32, Option<Denial>); Denial::KINDS],
    uploads: Vec<Upload>,
    /// From this many on, closed uploads are looked for before another is
    /// followed.
    many: usize,
    /// The most that are followed at once.
    most: usize,
}

impl<'a> TransferLog<'a> {
    /// An empty log that follows at most this many uploads at once.
    pub fn following(audit: &'a mut Audit, most: usize) -> Self {
        Self {
            audit,
            counts: Counts::default(),
            denied: [(0, None); Denial::KINDS],
            uploads: Vec::new(),
            many: most.min(16),
            most,
        }
    }

    /// The counts so far.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Writes a line that is about the session, not about a file.
    pub fn event(&mut self, importance: Importance, event: &dyn Display) {
        self.audit.event(importance, event);
    }

    /// Writes a line for a change of `path`.
    pub fn changed(&mut self, deed: Deed, what: &dyn Display, path: &[u8]) -> Logged {
        self.counts.deeds[deed as usize] += 1;
        let line = format_args!(
            "{} {what} path=\"{}\"",
            deed.name(),
            Escaped::bytes(path).cut()
        );
        self.audit.queue(Importance::Info, &line);
        Logged::with(Answer::Value(0))
    }

    /// Writes a line for a new name of `from`.
    pub fn named(&mut self, deed: Deed, what: &str, from: &[u8], to: &[u8]) -> Logged {
        self.counts.deeds[deed as usize] += 1;
        let line = format_args!(
            "{} {what} from=\"{}\" path=\"{}\"",
            deed.name(),
            Escaped::bytes(from).cut(),
            Escaped::bytes(to).cut()
        );
        self.audit.queue(Importance::Info, &line);
        Logged::with(Answer::Value(0))
    }

    /// Nothing changed, though the call succeeds: two names of one file are
    /// renamed onto each other (rename(2)).
    pub fn unchanged(&mut self) -> Logged {
        Logged::with(Answer::Value(0))
    }

    /// Makes sure that another upload can be followed. `is_open` says whether a
    /// holder still has that file open.
    ///
    /// # Errors
    /// If the server has too many files open for writing.
    pub fn make_room(&mut self, is_open: impl Fn(Holder, Inode) -> bool) -> Result<(), CallError> {
        if self.uploads.len() < self.many {
            return Ok(());
        }
        self.settle_closed(is_open);
        self.many = (self.uploads.len() * 2).clamp(self.most.min(16), self.most);
        if self.uploads.len() < self.most {
            return Ok(());
        }
        Err(Denial::TooManyOpen.into())
    }

    /// Begins an upload; its line follows when it ends.
    pub fn opened(
        &mut self,
        deed: Deed,
        inode: Inode,
        path: Vec<u8>,
        pin: Rc<OwnedFd>,
        answer: Answer,
    ) -> Logged {
        self.uploads.push(Upload {
            inode,
            deed,
            path,
            second_path: None,
            pin,
            holder: None,
            mode: None,
            has_owner: false,
            has_times: false,
            told: None,
            is_shared: false,
        });
        Logged::with(answer)
    }

    /// The upload that was last begun is this descriptor; whatever had that
    /// number before is closed.
    pub fn handed_over(&mut self, holder: Holder, begun: bool) {
        let before = self.uploads.len() - usize::from(begun);
        let same = |upload: &Upload| upload.holder == Some(holder) && !upload.is_shared;
        if let Some(old) = self.uploads[..before].iter().position(same) {
            self.finish(old);
        }
        if begun && let Some(last) = self.uploads.last_mut() {
            last.holder = Some(holder);
            last.is_shared |= holder.may_be_copied();
        }
    }

    /// This process forks: another process will also have what it has open.
    pub fn forks(&mut self, pid: i32) {
        for upload in &mut self.uploads {
            upload.is_shared |= upload.holder.is_none_or(|holder| holder.pid == pid);
        }
    }

    /// A mode was set. The first one that is set during an upload belongs to
    /// its line; a later one gets its own line.
    pub fn mode_set(&mut self, inode: Inode, mode: u32, path: &[u8]) -> Logged {
        let earlier = match self.upload(inode) {
            Some(upload) => upload.mode.replace(mode),
            None => Some(mode),
        };
        match earlier {
            Some(earlier) => {
                self.changed(Deed::Attributes, &format_args!("mode={earlier:04o}"), path)
            }
            None => self.unchanged(),
        }
    }

    /// Times were set; as [`Self::mode_set`].
    pub fn times_set(&mut self, inode: Inode, path: &[u8]) -> Logged {
        if let Some(upload) = self.upload(inode) {
            upload.has_times = true;
            return self.unchanged();
        }
        self.changed(Deed::Attributes, &"times=set", path)
    }

    /// An owner was set; as [`Self::mode_set`].
    pub fn owner_set(&mut self, inode: Inode, what: &dyn Display, path: &[u8]) -> Logged {
        match self.upload(inode) {
            Some(upload) if !upload.has_owner => {
                upload.has_owner = true;
                self.unchanged()
            }
            _ => self.changed(Deed::Attributes, what, path),
        }
    }

    /// The upload of this file that has no line yet.
    fn upload(&mut self, inode: Inode) -> Option<&mut Upload> {
        let mut uploads = self.uploads.iter_mut();
        uploads.rfind(|upload| upload.inode == inode && upload.told.is_none())
    }

    /// The file got a second name.
    pub fn linked(&mut self, inode: Inode, path: &[u8]) {
        let mut uploads = self.uploads.iter_mut();
        if let Some(upload) = uploads.rfind(|upload| upload.inode == inode) {
            upload.second_path = Some(path.to_vec());
        }
    }

    /// The file lost this name: its name from here on, if that changes.
    pub fn name_after(&mut self, inode: Inode, lost: &[u8]) -> Option<Vec<u8>> {
        let mut uploads = self.uploads.iter_mut();
        let upload = uploads.rfind(|upload| upload.inode == inode)?;
        let second = upload.second_path.take()?;
        if upload.path == lost {
            return Some(second);
        }
        upload.second_path = (second != lost).then_some(second);
        None
    }

    /// Whether an upload of this file is followed.
    pub fn follows(&self, inode: Inode) -> bool {
        self.uploads.iter().any(|upload| upload.inode == inode)
    }

    /// Writes the line of an upload before its file is renamed, removed, or
    /// opened again. While the server has it open, it is still followed, as
    /// `path`.
    pub fn settle(
        &mut self,
        inode: Inode,
        path: Option<&[u8]>,
        is_open: impl Fn(Holder, Inode) -> bool,
    ) {
        let mut at = 0;
        while let Some(upload) = self.uploads.get(at) {
            if upload.inode != inode {
                at += 1;
                continue;
            }
            if !upload.may_be_open(&is_open) {
                self.finish(at);
                continue;
            }
            self.tell(at);
            if let Some(path) = path {
                self.uploads[at].path = path.to_vec();
            }
            at += 1;
        }
    }

    /// Writes the lines of uploads in a directory before it is renamed, and
    /// follows them by their new paths.
    pub fn settle_below(
        &mut self,
        old: &[u8],
        new: &[u8],
        is_open: impl Fn(Holder, Inode) -> bool,
    ) {
        let mut at = 0;
        while let Some(upload) = self.uploads.get(at) {
            let rest = upload.path.strip_prefix(old);
            let Some(rest) = rest.filter(|rest| rest.first() == Some(&b'/')) else {
                at += 1;
                continue;
            };
            let path = [new, rest].concat();
            if !upload.may_be_open(&is_open) {
                self.finish(at);
                continue;
            }
            self.tell(at);
            self.uploads[at].path = path;
            at += 1;
        }
    }

    /// Whether any upload is under way.
    pub const fn has_uploads(&self) -> bool {
        !self.uploads.is_empty()
    }

    /// Writes the lines of all uploads whose holder has closed them.
    pub fn settle_closed(&mut self, is_open: impl Fn(Holder, Inode) -> bool) {
        let mut at = 0;
        while let Some(upload) = self.uploads.get(at) {
            if upload.may_be_open(&is_open) {
                at += 1;
            } else {
                self.finish(at);
            }
        }
    }

    /// Writes the lines of all uploads.
    pub fn settle_all(&mut self) {
        while self.has_uploads() {
            self.finish(0);
        }
    }

    /// Bytes of finished uploads and of those under way. A size can be as large
    /// as a file system allows, so the sum saturates.
    pub fn bytes_so_far(&self) -> u64 {
        let open = self.uploads.iter();
        let open = open.map(|upload| upload.size().saturating_sub(upload.told.unwrap_or(0)));
        open.fold(self.counts.bytes, u64::saturating_add)
    }

    /// Writes the line of an upload, whether it continues or not.
    fn tell(&mut self, at: usize) {
        let upload = &mut self.uploads[at];
        let bytes = upload.size();
        let more = bytes.saturating_sub(upload.told.unwrap_or(0));
        self.counts.bytes = self.counts.bytes.saturating_add(more);
        let path = Escaped::bytes(&upload.path).cut();
        match upload.told.replace(bytes) {
            None => {
                self.counts.deeds[upload.deed as usize] += 1;
                let (deed, also) = (upload.deed.name(), Also(upload));
                let line = format_args!("{deed} file bytes={bytes}{also} path=\"{path}\"");
                self.audit.queue(Importance::Info, &line);
            }
            Some(before) if before != bytes => {
                let line = format_args!("written file bytes={bytes} path=\"{path}\"");
                self.audit.queue(Importance::Info, &line);
            }
            Some(_) => {}
        }
    }

    fn finish(&mut self, at: usize) {
        self.tell(at);
        self.uploads.remove(at);
    }

    /// Notes a denied attempt: the first ones for each reason get a line.
    pub fn denied(&mut self, call: &str, reason: Denial, path: &[u8]) {
        self.counts.refused += 1;
        let (seen, which) = &mut self.denied[reason.index()];
        *seen = seen.saturating_add(1);
        *which = Some(reason);
        if *seen > SHOWN {
            return;
        }
        let line = format_args!(
            "refused call={call} reason=\"{reason}\" path=\"{}\"",
            Escaped::bytes(path).cut()
        );
        self.audit.event(Importance::Warning, &line);
    }

    /// Writes how many denied attempts got no line.
    pub fn summarise(&mut self) {
        for &(seen, reason) in &self.denied {
            let (more, Some(reason)) = (seen.saturating_sub(SHOWN), reason) else {
                continue;
            };
            if more == 0 {
                continue;
            }
            let line = format_args!("refused more={more} reason=\"{reason}\"");
            self.audit.event(Importance::Warning, &line);
        }
    }
}

/// What was set while the file was open.
struct Also<'u>(&'u Upload);

impl Display for Also<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mode) = self.0.mode {
            write!(f, " mode={mode:04o}")?;
        }
        if self.0.has_owner {
            f.write_str(" owner=set")?;
        }
        if self.0.has_times {
            f.write_str(" times=set")?;
        }
        Ok(())
    }
}
