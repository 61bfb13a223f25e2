//! A server program with a set-ID bit. The kernel ignores the bit in a session
//! (prctl(2), PR_SET_NO_NEW_PRIVS), so nobody is refused for it; but whoever
//! set it expects something else, and every other account can run the program.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::decide::policy::Protocol;
use crate::print::escape::Escaped;

/// What is said of the server of a protocol, if it has one; a sentence that begins with an article.
pub fn note(protocol: Protocol, program: &Path) -> Option<String> {
    let bits = match fs::metadata(program).ok()?.mode() & 0o6000 {
        0 => return None,
        0o4000 => "is set-user-ID",
        0o2000 => "is set-group-ID",
        _ => "is set-user-ID and set-group-ID",
    };
    let (name, program) = (protocol.name(), Escaped::path(program));
    Some(format!(
        "server of {name}, {program}, {bits}: no session honours that (no_new_privs), the server has the rights of the account alone"
    ))
}
