//! Whether this process has any capability. Capabilities are dropped with the
//! caps crate, which reads one set per call and builds a hash table from it.
//! This asks for all three at once, which is all that an ordinary session
//! needs.

use std::io;

use nix::errno::Errno;
use nix::libc;

/// _LINUX_CAPABILITY_VERSION_3 of `linux/capability.h`: two words a set.
const VERSION: u32 = 0x2008_0522;

/// `struct __user_cap_header_struct` of `linux/capability.h`.
#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

/// `struct __user_cap_data_struct` of `linux/capability.h`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityWord {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Whether the effective, permitted and inheritable sets are all empty. Then
/// the ambient set is empty too: it is limited by the last two
/// (capabilities(7)).
///
/// # Errors
///
/// Those of capget(2).
pub fn none_held() -> io::Result<bool> {
    let mut header = Header {
        version: VERSION,
        pid: 0,
    };
    let mut words = [CapabilityWord::default(); 2];
    // SAFETY: capget(2) writes at most two words of data for this version,
    // and the header; both are our own and outlive the call.
    let done = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, words.as_mut_ptr()) };
    Errno::result(done)?;
    let is_empty = |word: &CapabilityWord| word.effective | word.permitted | word.inheritable == 0;
    Ok(words.iter().all(is_empty))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_caps_crate() {
        use caps::CapSet::{Effective, Inheritable, Permitted};
        let sets = [Effective, Permitted, Inheritable];
        let empty = sets
            .iter()
            .all(|set| caps::read(None, *set).unwrap().is_empty());
        assert_eq!(none_held().unwrap(), empty);
    }

    #[test]
    fn sees_the_last_capability_go() {
        // In a thread: capabilities belong to a thread.
        let seen = std::thread::spawn(|| {
            caps::clear(None, caps::CapSet::Inheritable).unwrap();
            caps::clear(None, caps::CapSet::Permitted).unwrap();
            none_held().unwrap()
        });
        assert!(seen.join().unwrap());
    }
}
