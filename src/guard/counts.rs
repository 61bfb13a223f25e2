//! The counts of one session, for its closing line.

use crate::log::Event;

/// What was done, for the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A file, directory or link was created.
    Created,
    /// An older file was opened for writing or truncated.
    Overwritten,
    /// A file that was received under a temporary name took the place of an
    /// older one.
    Replaced,
    /// A name was removed.
    Removed,
    /// A name was changed.
    Renamed,
    /// Mode, owner, times or extended attributes were changed.
    Attributes,
}

impl Deed {
    const ALL: [Self; 6] = [
        Self::Created,
        Self::Overwritten,
        Self::Replaced,
        Self::Removed,
        Self::Renamed,
        Self::Attributes,
    ];

    /// Its name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Overwritten => "overwritten",
            Self::Replaced => "replaced",
            Self::Removed => "removed",
            Self::Renamed => "renamed",
            Self::Attributes => "attributes",
        }
    }
}

/// The counts of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub deeds: [u64; 6],
    /// Files that were received: created, overwritten or replaced.
    pub files: u64,
    /// Bytes of the files that were written, by their sizes when closed.
    pub bytes: u64,
    /// Attempts that the policy refused.
    pub refused: u64,
    /// Attempts that the system refused: rights, space, limits.
    pub failed: u64,
    /// Files that were still open when the server ended.
    pub incomplete: u64,
    /// Files opened for reading and directories listed, if that is logged.
    pub reads: Option<(u64, u64)>,
}

impl Counts {
    /// How often this was done.
    pub const fn of(&self, deed: Deed) -> u64 {
        self.deeds[deed as usize]
    }
}

impl Counts {
    /// Adds them to the closing line.
    pub fn describe<'a>(&self, mut event: Event<'a>) -> Event<'a> {
        for deed in Deed::ALL {
            event = event.number(deed.name(), self.of(deed));
        }
        event = event.number("bytes", self.bytes);
        event = event.number("refused", self.refused);
        event = event.number("failed", self.failed);
        event = event.number("incomplete", self.incomplete);
        match self.reads {
            Some((read, listed)) => event.number("read", read).number("listed", listed),
            None => event,
        }
    }
}
