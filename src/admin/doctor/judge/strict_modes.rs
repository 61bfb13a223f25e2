//! sshd's own rule for a home and for the files that let somebody in: what
//! StrictModes requires (sshd_config(5); OpenSSH, misc.c, `safe_path`). It
//! differs from [`decide::trust`](crate::decide::trust): the account itself is
//! trusted, and a sticky directory is not an exception.

use crate::decide::trust::{EntryKind, EntryStatus};

/// Why sshd accepts no key below an entry, or from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrictModes {
    /// It belongs neither to root nor to the account, but to this uid.
    Owner(u32),
    /// Its group or all others may write it; its mode.
    Writable(u32),
}

/// What sshd objects to in an entry. It resolves links before it checks.
pub fn strict_modes(status: EntryStatus, account: u32) -> impl Iterator<Item = StrictModes> {
    let is_link = status.kind == EntryKind::Link;
    let is_foreign = status.uid != 0 && status.uid != account;
    let is_writable = status.mode & 0o022 != 0;
    let owner = (!is_link && is_foreign).then_some(StrictModes::Owner(status.uid));
    let writable = (!is_link && is_writable).then_some(StrictModes::Writable(status.mode));
    owner.into_iter().chain(writable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_the_account_alone_may_write() {
        use EntryKind::{Directory, File, Link};
        use StrictModes::{Owner, Writable};
        let rows: [(EntryKind, u32, u32, &[StrictModes]); 8] = [
            (Directory, 0, 0o755, &[]),
            (Directory, 1001, 0o700, &[]),
            (File, 1001, 0o644, &[]),
            (File, 1002, 0o644, &[Owner(1002)]),
            (Directory, 0, 0o1777, &[Writable(0o1777)]),
            (Directory, 1001, 0o775, &[Writable(0o775)]),
            (File, 7, 0o666, &[Owner(7), Writable(0o666)]),
            (Link, 7, 0o777, &[]),
        ];
        for (kind, uid, mode, expected) in rows {
            let status = EntryStatus { kind, uid, mode };
            let seen: Vec<_> = strict_modes(status, 1001).collect();
            assert_eq!(seen, expected, "{kind:?} {uid} {mode:o}");
        }
    }
}
