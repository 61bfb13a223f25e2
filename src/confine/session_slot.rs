//! Limits how many sessions an account has at once, without root and without a
//! file.
//!
//! Each session holds one of the abstract socket names (unix(7)) `xfersh/UID/0`
//! to `xfersh/UID/MAX-1` while it lasts; the kernel frees the name when the
//! holder ends, however it ends. The names belong to the network namespace and
//! anybody on the host may take them, so another local account can keep
//! sessions out (but not let more in): see docs/threat-model.md.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::decide::verdict::{Refusal, Stage, Verdict};

/// One of the account's sessions. It is released when this is dropped.
#[derive(Debug)]
pub struct Slot {
    _socket: OwnedFd,
}

/// Takes a slot for a granted session, if the plan limits their number. If no
/// slot is free, the verdict becomes a refusal.
pub fn claim(verdict: Verdict, uid: u32) -> (Verdict, Option<Slot>) {
    let max = match &verdict {
        Verdict::Granted(plan) => plan.limits.max_sessions,
        Verdict::Refused(_) => None,
    };
    let Some(max) = max else {
        return (verdict, None);
    };
    let slot = (0..max).find_map(|number| take(uid, number).transpose());
    match slot {
        Some(Ok(slot)) => (verdict, Some(slot)),
        None => {
            let reason = format!("the account has {max} sessions already (max_sessions)");
            (refused(reason), None)
        }
        Some(Err(error)) => {
            let reason = format!("cannot count the sessions of the account: {error}");
            (refused(reason), None)
        }
    }
}

fn refused(reason: String) -> Verdict {
    Verdict::Refused(Refusal::new(Stage::Account, reason))
}

/// Takes this name; `None` if another session holds it.
fn take(uid: u32, number: u32) -> std::io::Result<Option<Slot>> {
    let name = format!("xfersh/{uid}/{number}");
    let address = SocketAddr::from_abstract_name(name)?;
    match UnixDatagram::bind_addr(&address) {
        Ok(socket) => Ok(Some(Slot {
            _socket: socket.into(),
        })),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_held_until_it_is_dropped() {
        // A uid that no account has, and a number only for this process.
        let (uid, number) = (u32::MAX - 2, std::process::id());
        let slot = take(uid, number).unwrap();
        assert!(slot.is_some());
        assert!(take(uid, number).unwrap().is_none());
        drop(slot);
        assert!(take(uid, number).unwrap().is_some());
    }
}
