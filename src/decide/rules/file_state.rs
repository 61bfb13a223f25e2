//! What is known about a file that exists.

use super::Denial;

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// `/dev/null`, by any name.
    Null,
    /// A device, FIFO or socket.
    Special,
}

/// What is known about a file that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Its kind.
    pub kind: FileKind,
    /// Its hard links, as the file system counts them.
    pub links: u32,
    /// How many names the session gave it, if it created it.
    pub own_names: Option<u32>,
    /// Whether the name that led to it is a temporary name of rsync, given in
    /// this session.
    pub is_rsync_temporary: bool,
    /// Whether it is the file of the log.
    pub is_log: bool,
}

impl FileState {
    /// The log is no client's, by whatever name, mount or link.
    pub(super) const fn not_the_log(&self) -> Result<(), Denial> {
        if self.is_log {
            return Err(Denial::Log);
        }
        Ok(())
    }

    /// Whether a name that the session did not give may lead to it as well.
    pub(super) fn has_unknown_names(&self) -> bool {
        let known = self.own_names.map_or(1, |names| names.max(1));
        self.kind != FileKind::Directory && self.links > known
    }

    pub(super) const fn is_own(&self) -> bool {
        self.own_names.is_some()
    }
}
