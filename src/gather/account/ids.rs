//! Takes on the ids of an account: for good, or for a look at the disk.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use nix::sys::prctl;
use nix::unistd::{
    Gid, Uid, getegid, geteuid, getgroups, setegid, seteuid, setgroups, setresgid, setresuid,
};

use super::groups::initgroups;
use super::nsswitch::Nsswitch;
use super::{AccountError, GROUP, group};
use crate::decide::account::{Account, AccountSource};

/// Takes on the ids of an account, for good: the process must be root's. The
/// supplementary groups are those of the group file and of the name service.
///
/// # Errors
///
/// Those of looking up the groups, of setgroups(2), setresgid(2) and
/// setresuid(2).
pub fn irrevocably_become(account: &Account) -> io::Result<()> {
    let gids = group_ids(account)?;
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    setgroups(&gids)?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    // A change of ids makes a process undumpable (prctl(2)), which execve(2)
    // by sshd undoes for a session; a guard could not read its server else.
    prctl::set_dumpable(true)?;
    Ok(())
}

/// Looks at the disk with the rights of an account, and takes root's back. Of
/// no use against the account: for that see [`irrevocably_become`]. Where this
/// process is not root's, it looks with its own rights.
///
/// # Errors
///
/// Those of looking up the groups, of setgroups(2), setegid(2) and seteuid(2).
pub fn temporarily_become<T>(account: &Account, look: impl FnOnce() -> T) -> io::Result<T> {
    let (uid, gid) = (geteuid(), getegid());
    if !uid.is_root() {
        return Ok(look());
    }
    let gids = group_ids(account)?;
    let own = getgroups()?;
    setgroups(&gids)?;
    let seen = setegid(Gid::from_raw(account.gid))
        .and_then(|()| seteuid(Uid::from_raw(account.uid)))
        .map(|()| look());
    seteuid(uid)?;
    setegid(gid)?;
    setgroups(&own)?;
    Ok(seen?)
}

/// The supplementary groups that sshd would give it.
fn group_ids(account: &Account) -> io::Result<Vec<Gid>> {
    let group = fs::read(GROUP)?;
    let group = String::from_utf8_lossy(&group);
    let members = group::entries(&group).filter(|entry| entry.has(&account.name));
    let mut gids: BTreeSet<u32> = members.map(|entry| entry.gid).collect();
    let is_remote = account.source == AccountSource::NameService;
    if is_remote || Nsswitch::read()?.has_remote_groups() {
        let failed = |error: AccountError| io::Error::other(error.to_string());
        gids.extend(initgroups(&account.name).map_err(failed)?);
    }
    Ok(gids.into_iter().map(Gid::from_raw).collect())
}
