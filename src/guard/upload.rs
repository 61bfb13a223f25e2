//! A file that the server writes to, as the log follows it.

use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;

use super::counts::Deed;
use crate::log::Event;
use crate::system::statx::{self, Inode};

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
    pub const fn may_be_copied(self) -> bool {
        self.number <= 2
    }
}

/// A file that the server has, or had, open for writing.
#[derive(Debug)]
pub struct Upload {
    pub inode: Inode,
    pub deed: Deed,
    pub path: Vec<u8>,
    /// A second name that it got meanwhile: that is how sftp-server renames.
    pub second_path: Option<Vec<u8>>,
    pub pin: Rc<OwnedFd>,
    pub holder: Option<Holder>,
    pub mode: Option<u32>,
    pub has_owner: bool,
    pub has_times: bool,
    /// The size in its line, if that has already been written.
    pub told: Option<u64>,
    /// Its name is a temporary one of rsync: its line comes when it is renamed
    /// to its own name, or given up.
    pub is_temporary: bool,
    /// It had such a name until it was complete.
    pub was_temporary: bool,
    /// It was still open when its process, or the session, ended.
    pub is_incomplete: bool,
    /// Its process has forked since, or may have copied it: it may also be open
    /// under another number.
    pub is_shared: bool,
}

impl Upload {
    /// Whether it must be followed on: a process of the session may have it
    /// open, or it has not got its own name yet.
    pub fn goes_on(&self, is_open: impl Fn(Holder, Inode) -> bool) -> bool {
        let holds = |holder| is_open(holder, self.inode);
        self.is_temporary || self.is_shared || self.holder.is_some_and(holds)
    }

    /// Adds what was set while the file was open.
    pub fn describe<'a>(&self, mut event: Event<'a>) -> Event<'a> {
        if self.was_temporary {
            event = event.name("by", "rename");
        }
        if let Some(mode) = self.mode {
            event = event.mode("mode", mode);
        }
        if self.has_owner {
            event = event.name("owner", "set");
        }
        if self.has_times {
            event = event.name("times", "set");
        }
        event
    }

    /// Its size now. Looking at a held descriptor does not fail.
    pub fn size(&self) -> u64 {
        statx::of_fd(self.pin.as_fd()).map_or(0, |status| status.size)
    }
}
