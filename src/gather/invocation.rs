//! What sshd says about the connection: the invocation of a session.

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use nix::sys::stat::{Mode, umask};

use crate::decide::invocation::{Client, Invocation};

/// Gathers what was asked. The environment is not trusted: only the variable
/// SSH_CONNECTION is read, which sshd sets itself, after all others.
pub fn gather(command: Option<OsString>, forced: bool, terminal: bool) -> Invocation {
    let connection = env::var_os("SSH_CONNECTION").unwrap_or_default();
    Invocation {
        command: command.map(OsString::into_vec),
        forced,
        client: Client::from_ssh_connection(connection.as_bytes()),
        terminal,
        umask: inherited_umask(),
    }
}

/// The mask can only be read by setting it.
fn inherited_umask() -> u32 {
    let mask = umask(Mode::from_bits_truncate(0o077));
    umask(mask);
    mask.bits()
}
