//! The calls of the server, one file for each kind.

mod acl;
mod attributes;
pub mod decode;
mod failed;
mod links;
mod look;
mod names;
mod open;
mod rename;
mod sockets;
mod tree;

use super::call_error::CallError;
use super::caller::Caller;
use super::channel::Channel;
use super::steps::Logged;
use super::{Answer, Guard};
use crate::decide::rules::Denial;
use crate::system::statx::Inode;

use decode::Call;
pub use sockets::Sockets;

impl Guard<'_> {
    /// Does what a call asks for, if it is allowed.
    pub(super) fn perform(&mut self, caller: &Caller, call: Call) -> Result<Answer, CallError> {
        self.resolver.begin();
        match call {
            Call::Execute => self.execute(caller),
            Call::Exit => Ok(self.exit(caller)),
            Call::Fork => Ok(self.fork(caller)),
            Call::Signal(pid, signal) => self.signal(caller, pid, signal),
            Call::Umask(mask) => Ok(Answer::Value(self.umasks.set(caller.pid, mask).into())),
            Call::Open { path, flags, mode } => self.open(caller, path, flags, mode),
            Call::Socket(domain, kind, protocol) => self.socket(domain, kind, protocol),
            Call::Connect(number, address, size) => self.connect(caller, number, address, size),
            Call::Unknown => Err(Denial::Unsupported.into()),
            other => match self.change(caller, other) {
                Some(changed) => changed.map(Logged::answer),
                None => self.look(caller, other),
            },
        }
    }

    /// The calls that change something by name or attribute. Each gets a line
    /// in the log, or belongs to the line of an upload.
    fn change(&mut self, caller: &Caller, call: Call) -> Option<Result<Logged, CallError>> {
        Some(match call {
            Call::MakeDirectory(path, mode) => self.make_directory(caller, path, mode),
            Call::MakeNode(path, mode) => self.make_node(caller, path, mode),
            Call::Remove { path, directory } => self.remove(caller, path, directory),
            Call::Rename { from, to, flags } => self.rename(caller, from, to, flags),
            Call::Link { from, to, flags } => self.link(caller, from, to, flags),
            Call::Symlink { target, path } => self.make_symlink(caller, target, path),
            Call::Truncate(path, length) => self.truncate(caller, path, length),
            Call::Mode(on, mode) => self.set_mode(caller, on, mode),
            Call::Owner(on, uid, gid) => self.set_owner(caller, on, uid, gid),
            Call::Times(on, times) => self.set_times(caller, on, times),
            Call::SetAttribute {
                on,
                name,
                value,
                size,
                flags,
            } => self.set_attribute(caller, on, name, (value, size, flags)),
            Call::RemoveAttribute(on, name) => self.remove_attribute(caller, on, name),
            _ => return None,
        })
    }

    /// Writes what is known about uploads of this file before a later line;
    /// `path` is its new path.
    pub(super) fn settle(&mut self, inode: Inode, path: Option<&[u8]>) {
        if self.log.follows(inode) {
            self.log.settle(inode, path, Channel::is_open);
        }
    }
}
