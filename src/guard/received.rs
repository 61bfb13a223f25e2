//! What rsync receives: a file has a temporary name until it is complete. Its
//! one line comes when it gets its own name, or is given up.

use super::counts::Deed;
use super::steps::Logged;
use super::transfer_log::TransferLog;
use crate::decide::rules::rsync_target;
use crate::log::{Event, Importance};
use crate::system::statx::Inode;

impl TransferLog<'_> {
    /// The upload that was last begun has a temporary name of rsync.
    pub fn is_temporary(&mut self) {
        if let Some(last) = self.uploads.last_mut() {
            last.is_temporary = true;
        }
    }

    /// Which upload still has the temporary name of this file.
    fn temporary(&self, inode: Inode) -> Option<usize> {
        let mut uploads = self.uploads.iter();
        uploads.rposition(|upload| upload.is_temporary && upload.inode == inode)
    }

    /// A file got its own name after its temporary one: that is the one line
    /// about it. `None` if it is no such file.
    pub fn arrived(&mut self, inode: Inode, path: &[u8], over: bool) -> Option<Logged> {
        let at = self.temporary(inode)?;
        let upload = &mut self.uploads[at];
        upload.deed = if over { Deed::Replaced } else { Deed::Created };
        upload.path = path.to_vec();
        (upload.is_temporary, upload.was_temporary) = (false, true);
        self.tell(at);
        Some(self.unchanged())
    }

    /// A temporary name is removed again: what was to be received has not
    /// arrived. `None` if it is no such file.
    pub fn given_up(&mut self, inode: Inode) -> Option<Logged> {
        let at = self.temporary(inode)?;
        self.give_up(at, None);
        Some(self.unchanged())
    }

    /// `how` says whether the guard has to remove it.
    pub(super) fn give_up(&mut self, at: usize, how: Option<&str>) {
        let upload = self.uploads.remove(at);
        let bytes = upload.size();
        self.counts.bytes = self.counts.bytes.saturating_add(bytes);
        self.counts.incomplete += 1;
        let is_full = self.max_file_size.is_some_and(|most| bytes >= most);
        let cause = is_full.then_some("max_file_size").or(self.cause);
        let path = rsync_target(&upload.path);
        let event = Event::of("incomplete").kind("file").number("bytes", bytes);
        let event = event.state(how).name_if("cause", cause);
        let event = event.bytes("path", &path);
        self.audit.queue(Importance::Info, &event);
    }
}
