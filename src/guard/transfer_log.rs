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

use std::fmt::Display;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use nix::errno::Errno;

use super::Answer;
use super::attempts::{AttemptCause, Attempts, ErrnoName};
use super::call_error::CallError;
use super::counts::{Counts, Deed};
use super::steps::Logged;
use super::upload::{Holder, Upload};
use crate::decide::plan::Plan;
use crate::decide::rules::Denial;
use crate::log::{Audit, Event, Importance};
use crate::system::statx::Inode;

/// The log of one session.
#[allow(missing_debug_implementations, reason = "the log has no Debug")]
pub struct TransferLog<'a> {
    /// The log that all lines go to.
    pub audit: &'a mut Audit,
    pub(super) counts: Counts,
    attempts: Attempts,
    /// The directory that was last opened as if it were a file.
    opened_as_file: Vec<u8>,
    /// Why the guard ends the session.
    pub(super) cause: Option<&'static str>,
    /// The largest size of a file.
    pub(super) max_file_size: Option<u64>,
    pub(super) uploads: Vec<Upload>,
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
            attempts: Attempts::default(),
            opened_as_file: Vec::new(),
            cause: None,
            max_file_size: None,
            uploads: Vec::new(),
            many: most.min(16),
            most,
        }
    }

    /// What a plan says about the log.
    #[must_use]
    pub fn of(mut self, plan: &Plan) -> Self {
        self.max_file_size = plan.limits.max_file_size;
        self.counts.reads = plan.rules.log_reads.then_some((0, 0));
        self
    }

    /// The counts so far.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Writes a line that is about the session, not about a file.
    pub fn event(&mut self, importance: Importance, event: &Event<'_>) {
        self.audit.event(importance, event);
    }

    /// Writes a line before the guard ends the session.
    pub fn ending(&mut self, why: &str) {
        let words = format!("ending the session: {why}");
        let event = Event::told("ending", &words).also("reason", &why);
        self.event(Importance::Warning, &event);
    }

    /// Writes a line for a change of `path`.
    pub fn changed(&mut self, deed: Deed, what: Event<'_>, path: &[u8]) -> Logged {
        self.counts.deeds[deed as usize] += 1;
        let event = what.operation(deed.name()).bytes("path", path);
        self.audit.queue(Importance::Info, &event);
        Logged::with(Answer::Value(0))
    }

    /// Writes a line for a new name of `from`.
    pub fn named(&mut self, deed: Deed, what: Event<'_>, from: &[u8], to: &[u8]) -> Logged {
        self.counts.deeds[deed as usize] += 1;
        let event = what.operation(deed.name());
        let event = event.bytes("from", from).bytes("path", to);
        self.audit.queue(Importance::Info, &event);
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
            is_temporary: false,
            was_temporary: false,
            is_incomplete: false,
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
            if self.uploads[old].is_temporary {
                self.uploads[old].holder = None;
            } else {
                self.finish(old);
            }
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
            // rsync sets one before it has the owner, and one after. Nobody
            // knows the file yet.
            Some(upload) if upload.is_temporary => {
                upload.mode = Some(mode);
                None
            }
            Some(upload) => upload.mode.replace(mode),
            None => Some(mode),
        };
        match earlier {
            Some(earlier) => self.changed(
                Deed::Attributes,
                Event::default().mode("mode", earlier),
                path,
            ),
            None => self.unchanged(),
        }
    }

    /// Times were set; as [`Self::mode_set`].
    pub fn times_set(&mut self, inode: Inode, path: &[u8]) -> Logged {
        if let Some(upload) = self.upload(inode) {
            upload.has_times = true;
            return self.unchanged();
        }
        let what = Event::default().name("times", "set");
        self.changed(Deed::Attributes, what, path)
    }

    /// An owner was set; as [`Self::mode_set`].
    pub fn owner_set(&mut self, inode: Inode, what: &dyn Display, path: &[u8]) -> Logged {
        let what = Event::default().word("owner", what);
        match self.upload(inode) {
            Some(upload) if !upload.has_owner || upload.is_temporary => {
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
            if !upload.goes_on(&is_open) {
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
            if !upload.goes_on(&is_open) {
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
            if upload.goes_on(&is_open) {
                at += 1;
            } else {
                self.finish(at);
            }
        }
    }

    /// Writes the lines of all uploads. `unseen`: the server ended without
    /// telling, so what it did not close before that was looked at last counts
    /// as open.
    pub fn settle_all(&mut self, unseen: bool) {
        let unseen = unseen && self.cause.is_none();
        while let Some(upload) = self.uploads.first_mut() {
            if upload.is_temporary {
                self.give_up(0, Some("left"));
                continue;
            }
            upload.is_incomplete |= unseen;
            self.finish(0);
        }
    }

    /// A process ends: what it has open for writing stays as it is. What
    /// another process has open as well is still followed.
    pub fn exits(&mut self, pid: i32, is_open: impl Fn(Holder, Inode) -> bool) {
        let mut at = 0;
        while let Some(upload) = self.uploads.get_mut(at) {
            let here = upload.holder.map(|holder| Holder { pid, ..holder });
            let is_here = here.is_some_and(|here| is_open(here, upload.inode));
            upload.is_incomplete |= is_here;
            let is_gone = is_here && !upload.is_shared && !upload.is_temporary;
            if is_gone || !upload.goes_on(&is_open) {
                self.finish(at);
            } else {
                at += 1;
            }
        }
    }

    /// The guard ends the session; the first cause is the one that counts.
    pub fn ends(&mut self, cause: &'static str, is_open: impl Fn(Holder, Inode) -> bool) {
        if self.cause.is_none() {
            self.note_open(is_open);
            self.cause = Some(cause);
        }
    }

    /// Notes which uploads are still open, before their processes are ended.
    pub fn note_open(&mut self, is_open: impl Fn(Holder, Inode) -> bool) {
        for upload in &mut self.uploads {
            let holds = |holder| is_open(holder, upload.inode);
            upload.is_incomplete |= upload.holder.is_some_and(holds);
        }
    }

    /// Bytes of finished uploads and of those under way. A size can be as large
    /// as a file system allows, so the sum saturates.
    pub fn bytes_so_far(&self) -> u64 {
        let open = self.uploads.iter();
        let open = open.map(|upload| upload.size().saturating_sub(upload.told.unwrap_or(0)));
        open.fold(self.counts.bytes, u64::saturating_add)
    }

    /// Writes the line of an upload, whether it continues or not. One with a
    /// temporary name has none yet.
    pub(super) fn tell(&mut self, at: usize) {
        let upload = &mut self.uploads[at];
        if upload.is_temporary {
            return;
        }
        let bytes = upload.size();
        let more = bytes.saturating_sub(upload.told.unwrap_or(0));
        self.counts.bytes = self.counts.bytes.saturating_add(more);
        let is_full = self.max_file_size.is_some_and(|most| bytes >= most);
        let cause = match (is_full, upload.is_incomplete) {
            (true, _) => Some("max_file_size"),
            (false, true) => self.cause,
            (false, false) => None,
        };
        self.counts.incomplete += u64::from(upload.is_incomplete);
        let state = upload.is_incomplete.then_some("incomplete");
        let describe = |operation| {
            let event = Event::of(operation).kind("file").number("bytes", bytes);
            event.state(state).name_if("cause", cause)
        };
        match upload.told.replace(bytes) {
            None => {
                self.counts.deeds[upload.deed as usize] += 1;
                self.counts.files += 1;
                let event = upload.describe(describe(upload.deed.name()));
                let event = event.bytes("path", &upload.path);
                self.audit.queue(Importance::Info, &event);
            }
            Some(before) if before != bytes || upload.is_incomplete => {
                let event = describe("written").bytes("path", &upload.path);
                self.audit.queue(Importance::Info, &event);
            }
            Some(_) => {}
        }
    }

    fn finish(&mut self, at: usize) {
        self.tell(at);
        self.uploads.remove(at);
    }

    /// Writes a line for a file that was opened for reading.
    pub fn read(&mut self, bytes: u64, path: &[u8]) {
        if let Some((read, _)) = &mut self.counts.reads {
            *read += 1;
            let event = Event::of("read").kind("file").number("bytes", bytes);
            let event = event.bytes("path", path);
            self.audit.queue(Importance::Info, &event);
        }
    }

    /// Writes a line for a directory that was opened, to be listed. scp opens
    /// what it sends as it would a file, and a directory then again as one:
    /// that is one line.
    pub fn listed(&mut self, path: &[u8], as_directory: bool) {
        if let Some((_, listed)) = &mut self.counts.reads {
            let before = std::mem::take(&mut self.opened_as_file);
            if as_directory && before == path {
                return;
            }
            if !as_directory {
                self.opened_as_file = path.to_vec();
            }
            *listed += 1;
            let event = Event::of("listed").kind("directory").bytes("path", path);
            self.audit.queue(Importance::Info, &event);
        }
    }

    /// Notes an attempt that the policy refused.
    pub fn denied(&mut self, call: &str, reason: Denial, path: &[u8]) {
        self.counts.refused += 1;
        if self.attempts.shows_denied(reason) {
            let event = Event::of("refused").name("call", call);
            let event = event.words("reason", &reason).bytes("path", path);
            self.audit.event(Importance::Warning, &event);
        }
    }

    /// Counts an attempt that the system refused; whether it gets a line.
    pub fn shows_failure(&mut self, errno: Errno) -> bool {
        self.counts.failed += 1;
        self.attempts.shows_failed(errno)
    }

    /// Its line.
    pub fn failed(&mut self, call: &str, errno: Errno, path: &[u8]) {
        let errno = ErrnoName(errno);
        let event = Event::of("failed").name("call", call);
        let event = event.word("errno", &errno).bytes("path", path);
        self.audit.event(Importance::Warning, &event);
    }

    /// Writes how many refused and failed attempts got no line.
    pub fn summarise(&mut self) {
        for (more, cause) in self.attempts.rest() {
            let more = u64::from(more);
            let event = match &cause {
                AttemptCause::Denial(reason) => {
                    let event = Event::of("refused").number("more", more);
                    event.words("reason", reason)
                }
                AttemptCause::Errno(errno) => {
                    let event = Event::of("failed").number("more", more);
                    event.word("errno", errno)
                }
            };
            self.audit.event(Importance::Warning, &event);
        }
    }
}
