//! Each mutating request of SFTP by itself, through a real sshd, at every kind of protected place.

use super::State::{self, Closed, Open};
use super::{report, three_steps};
use crate::harness::sftp::{APPEND, Attributes, CREATE, EXCLUSIVE, READ, TRUNCATE, WRITE};
use crate::harness::{Account, Host, Sftp};

type Act = fn(&mut Sftp, &Account) -> bool;

struct Row {
    name: &'static str,
    state: State,
    /// What the client does first, before the disk is looked at.
    first: Act,
    act: Act,
}

const fn row(state: State, name: &'static str, act: Act) -> Row {
    Row {
        name,
        state,
        first: |_, _| true,
        act,
    }
}

const fn after(state: State, name: &'static str, first: Act, act: Act) -> Row {
    Row {
        name,
        state,
        first,
        act,
    }
}

fn write_into(sftp: &mut Sftp, path: &str, flags: u32) -> bool {
    let Ok(handle) = sftp.handle(|sftp| sftp.open(path, flags)) else {
        return false;
    };
    sftp.write(&handle, 0, b"changed by the client").ok()
}

fn try_all(rows: &[Row]) {
    let host = Host::with_sshd();
    report(rows.iter().map(|row| {
        let attempt = |host: &Host, account: &Account| {
            let mut sftp = host.raw_sftp(account);
            assert!(
                sftp.greeted,
                "{}: no sftp session for {}",
                row.name, account.name
            );
            (row.first)(&mut sftp, account);
            let before = host.disk();
            let succeeded = (row.act)(&mut sftp, account);
            sftp.end();
            (succeeded, before)
        };
        (row.name, three_steps(&host, row.state, &attempt))
    }));
}

const IN_THE_HOME: &[Row] = &[
    row(Closed, "create a file", |s, _| s.put("new.txt", b"x").ok()),
    row(Closed, "create a file exclusively", |s, _| {
        s.open("new.txt", WRITE | CREATE | EXCLUSIVE).ok()
    }),
    row(Closed, "create a dotfile", |s, _| {
        s.put(".forward", b"|evil").ok()
    }),
    row(Closed, "replace a file", |s, _| {
        s.put("note.txt", b"x").ok()
    }),
    row(Closed, "write into a file", |s, _| {
        write_into(s, "note.txt", WRITE)
    }),
    row(Closed, "write into a dotfile", |s, _| {
        write_into(s, ".bashrc", WRITE)
    }),
    row(Closed, "append to a dotfile", |s, _| {
        write_into(s, ".bashrc", WRITE | APPEND)
    }),
    row(
        Closed,
        "open for reading, writing and truncation",
        |s, _| s.open(".bashrc", READ | WRITE | TRUNCATE).ok(),
    ),
    row(Closed, "truncate a file", |s, _| {
        s.setstat("note.txt", Attributes::size(0)).ok()
    }),
    row(Closed, "truncate a dotfile", |s, _| {
        s.setstat(".bashrc", Attributes::size(0)).ok()
    }),
    row(Closed, "remove a file", |s, _| s.remove("note.txt").ok()),
    row(Closed, "remove a dotfile", |s, _| s.remove(".bashrc").ok()),
    row(Closed, "rename a file", |s, _| {
        s.rename("note.txt", "note2.txt").ok()
    }),
    row(Closed, "rename a file, posix", |s, _| {
        s.posix_rename("note.txt", "note2.txt").ok()
    }),
    row(Closed, "rename a dotfile", |s, _| {
        s.posix_rename(".bashrc", "bashrc").ok()
    }),
    row(Closed, "rename a directory", |s, _| {
        s.posix_rename("uploads", "elsewhere").ok()
    }),
    row(Closed, "rename .ssh away", |s, _| {
        s.rename(".ssh", "ssh").ok()
    }),
    row(Closed, "rename a file out of the home", |s, _| {
        s.rename("note.txt", "uploads/note.txt").ok()
    }),
    row(Closed, "rename a dotfile out of the home", |s, _| {
        s.posix_rename(".bashrc", "uploads/bashrc").ok()
    }),
    row(Closed, "rename a file into the home", |s, _| {
        s.rename("uploads/old.txt", "old.txt").ok()
    }),
    row(Closed, "rename over a dotfile", |s, _| {
        s.posix_rename("uploads/old.txt", ".bashrc").ok()
    }),
    row(Closed, "rename a directory into the home", |s, _| {
        s.posix_rename("uploads/sub", "sub").ok()
    }),
    row(Closed, "make a directory", |s, _| s.mkdir("new").ok()),
    row(Closed, "make a dot directory", |s, _| s.mkdir(".new").ok()),
    row(Closed, "remove a directory", |s, _| s.rmdir("empty").ok()),
    row(Closed, "make a symlink", |s, _| {
        s.symlink("uploads", "link").ok()
    }),
    row(Closed, "link a file into the home", |s, _| {
        s.hardlink("uploads/old.txt", "linked").ok()
    }),
    row(Closed, "link a dotfile out of the home", |s, _| {
        s.hardlink(".bashrc", "uploads/linked").ok()
    }),
    row(Closed, "link a file out of the home", |s, _| {
        s.hardlink("note.txt", "uploads/linked").ok()
    }),
    row(Closed, "by absolute path", |s, a| {
        s.put(&format!("/home/{}/new.txt", a.name), b"x").ok()
    }),
];

const IN_SSH: &[Row] = &[
    row(Closed, "replace authorized_keys", |s, _| {
        s.put(".ssh/authorized_keys", b"ssh-ed25519 AAAA").ok()
    }),
    row(Closed, "append to authorized_keys", |s, _| {
        write_into(s, ".ssh/authorized_keys", WRITE | APPEND)
    }),
    row(Closed, "truncate authorized_keys", |s, _| {
        s.setstat(".ssh/authorized_keys", Attributes::size(0)).ok()
    }),
    row(Closed, "remove authorized_keys", |s, _| {
        s.remove(".ssh/authorized_keys").ok()
    }),
    row(Closed, "create rc", |s, _| s.put(".ssh/rc", b"id").ok()),
    row(Closed, "rename within", |s, _| {
        s.rename(".ssh/config", ".ssh/config2").ok()
    }),
    row(Closed, "rename into", |s, _| {
        s.posix_rename("uploads/old.txt", ".ssh/authorized_keys")
            .ok()
    }),
    row(Closed, "rename out of", |s, _| {
        s.rename(".ssh/config", "uploads/config").ok()
    }),
    row(Closed, "link into", |s, _| {
        s.hardlink("uploads/old.txt", ".ssh/rc").ok()
    }),
    row(Closed, "link out of", |s, _| {
        s.hardlink(".ssh/authorized_keys", "uploads/keys").ok()
    }),
    row(Closed, "make a symlink in", |s, _| {
        s.symlink("../uploads/old.txt", ".ssh/rc").ok()
    }),
    row(Closed, "make a directory in", |s, _| {
        s.mkdir(".ssh/new").ok()
    }),
];

const ROUNDABOUT: &[Row] = &[
    row(Closed, "through .., create in the home", |s, _| {
        s.put("uploads/../new.txt", b"x").ok()
    }),
    row(Closed, "through .., create in .ssh", |s, _| {
        s.put("uploads/../.ssh/rc", b"id").ok()
    }),
    row(Closed, "through two .., write", |s, _| {
        write_into(s, "uploads/sub/../../.bashrc", WRITE)
    }),
    row(Closed, "through .., remove", |s, _| {
        s.remove("uploads/../note.txt").ok()
    }),
    row(Closed, "through .., rename", |s, _| {
        s.posix_rename("uploads/old.txt", "uploads/../.bashrc").ok()
    }),
    row(Closed, "through .., out of the home", |s, _| {
        s.put("uploads/../../../srv/outside/new", b"x").ok()
    }),
    row(Closed, "an old symlink to the home", |s, _| {
        s.put("uploads/to-home/new.txt", b"x").ok()
    }),
    row(Closed, "an old symlink to .ssh", |s, _| {
        s.put("uploads/to-ssh/rc", b"id").ok()
    }),
    row(
        Closed,
        "an old symlink to authorized_keys, replace",
        |s, _| s.put("uploads/to-keys", b"x").ok(),
    ),
    row(
        Closed,
        "an old symlink to authorized_keys, truncate",
        |s, _| s.setstat("uploads/to-keys", Attributes::size(0)).ok(),
    ),
    row(Closed, "an old symlink to a file of the home", |s, _| {
        write_into(s, "uploads/to-note", WRITE)
    }),
    row(Closed, "an old dangling symlink into the home", |s, _| {
        s.put("uploads/to-nothing", b"x").ok()
    }),
    row(Closed, "an old symlink to outside", |s, _| {
        s.put("uploads/to-outside/new", b"x").ok()
    }),
    row(Closed, "an old symlink, remove below it", |s, _| {
        s.remove("uploads/to-ssh/config").ok()
    }),
    row(Closed, "an old symlink, mkdir below it", |s, _| {
        s.mkdir("uploads/to-home/new").ok()
    }),
    row(Closed, "an old symlink, rename below it", |s, _| {
        s.posix_rename("uploads/old.txt", "uploads/to-ssh/rc").ok()
    }),
    after(
        Closed,
        "a new symlink to .ssh",
        |s, _| s.symlink("../.ssh", "uploads/l").ok(),
        |s, _| s.put("uploads/l/rc", b"id").ok(),
    ),
    after(
        Closed,
        "a new symlink to the home",
        |s, _| s.symlink("..", "uploads/l").ok(),
        |s, _| s.put("uploads/l/new.txt", b"x").ok(),
    ),
    after(
        Closed,
        "a new symlink to a dotfile",
        |s, _| s.symlink("../.bashrc", "uploads/l").ok(),
        |s, _| s.put("uploads/l", b"x").ok(),
    ),
    after(
        Closed,
        "a new symlink to outside",
        |s, _| s.symlink("/srv/outside", "uploads/l").ok(),
        |s, _| s.put("uploads/l/new", b"x").ok(),
    ),
    after(
        Closed,
        "a new dangling symlink",
        |s, _| s.symlink("../.forward", "uploads/l").ok(),
        |s, _| s.put("uploads/l", b"x").ok(),
    ),
    after(
        Closed,
        "a new symlink to another",
        |s, _| s.symlink("to-home", "uploads/l").ok(),
        |s, _| s.put("uploads/l/.ssh/rc", b"x").ok(),
    ),
    after(
        Closed,
        "a new hard link to a dotfile",
        |s, _| s.hardlink(".bashrc", "uploads/l").ok(),
        |s, _| write_into(s, "uploads/l", WRITE),
    ),
    after(
        Closed,
        "a new hard link to the keys",
        |s, _| s.hardlink(".ssh/authorized_keys", "uploads/l").ok(),
        |s, _| write_into(s, "uploads/l", WRITE),
    ),
];

const OUTSIDE: &[Row] = &[
    row(Closed, "create a file", |s, _| {
        s.put("/srv/outside/new", b"x").ok()
    }),
    row(Closed, "replace a file that all may write", |s, _| {
        s.put("/srv/outside/shared.txt", b"x").ok()
    }),
    row(Closed, "truncate it", |s, _| {
        s.setstat("/srv/outside/shared.txt", Attributes::size(0))
            .ok()
    }),
    row(Closed, "remove it", |s, _| {
        s.remove("/srv/outside/shared.txt").ok()
    }),
    row(Closed, "rename it", |s, _| {
        s.rename("/srv/outside/shared.txt", "/srv/outside/x").ok()
    }),
    row(Closed, "fetch it by rename", |s, _| {
        s.posix_rename("/srv/outside/shared.txt", "/srv/outside/drop/x")
            .ok()
    }),
    row(Closed, "make a directory", |s, _| {
        s.mkdir("/srv/outside/new").ok()
    }),
    row(Closed, "make a symlink", |s, _| {
        s.symlink("x", "/srv/outside/link").ok()
    }),
    row(Closed, "create in /tmp", |s, _| {
        s.put("/tmp/new", b"x").ok()
    }),
    row(Closed, "create in /var/tmp", |s, _| {
        s.put("/var/tmp/new", b"x").ok()
    }),
    row(Closed, "create in /dev/shm", |s, _| {
        s.put("/dev/shm/new", b"x").ok()
    }),
];

/// What Landlock cannot refuse: the attributes of a file, and names below a directory that is granted.
const BEYOND_LANDLOCK: &[Row] = &[
    row(Open, "chmod the home", |s, _| {
        s.setstat(".", Attributes::mode(0o777)).ok()
    }),
    row(Open, "chmod a dotfile", |s, _| {
        s.setstat(".bashrc", Attributes::mode(0o777)).ok()
    }),
    row(Open, "chmod .ssh", |s, _| {
        s.setstat(".ssh", Attributes::mode(0o777)).ok()
    }),
    row(Open, "chmod through an open file", |s, _| {
        let Ok(handle) = s.handle(|s| s.open(".bashrc", READ)) else {
            return false;
        };
        s.fsetstat(&handle, Attributes::mode(0o777)).ok()
    }),
    row(Open, "chmod through a symlink", |s, _| {
        s.setstat("uploads/to-keys", Attributes::mode(0o666)).ok()
    }),
    row(Open, "chown the home", |s, a| {
        s.setstat(".", Attributes::owner(a.id, a.team())).ok()
    }),
    row(Open, "chown a dotfile", |s, a| {
        s.setstat(".bashrc", Attributes::owner(a.id, a.team())).ok()
    }),
    row(Open, "lchown a dotfile", |s, a| {
        s.lsetstat(".bashrc", Attributes::owner(a.id, a.team()))
            .ok()
    }),
    row(Open, "times of the home", |s, _| {
        s.setstat(".", Attributes::times(1, 1)).ok()
    }),
    row(Open, "times of a dotfile", |s, _| {
        s.setstat(".ssh/config", Attributes::times(1, 1)).ok()
    }),
    row(Open, "times of a symlink to one", |s, _| {
        s.setstat("uploads/to-keys", Attributes::times(1, 1)).ok()
    }),
    row(Open, "times through an open file", |s, _| {
        let Ok(handle) = s.handle(|s| s.open(".bashrc", READ)) else {
            return false;
        };
        s.fsetstat(&handle, Attributes::times(1, 1)).ok()
    }),
    row(Open, "a deeper dotfile, replace", |s, _| {
        s.put("uploads/.hidden", b"x").ok()
    }),
    row(Open, "a deeper dotfile, create", |s, _| {
        s.put("uploads/.new", b"x").ok()
    }),
    row(Open, "a deeper dotfile, truncate", |s, _| {
        s.setstat("site/.htaccess", Attributes::size(0)).ok()
    }),
    row(Open, "a deeper dotfile, remove", |s, _| {
        s.remove("site/.htaccess").ok()
    }),
    row(Open, "a deeper dotfile, rename to", |s, _| {
        s.rename("uploads/old.txt", "uploads/.x").ok()
    }),
    row(Open, "a deeper dotfile, rename over", |s, _| {
        s.posix_rename("uploads/old.txt", "uploads/.hidden").ok()
    }),
    row(Open, "a deeper dotfile, rename from", |s, _| {
        s.rename("site/.htaccess", "site/htaccess").ok()
    }),
    row(Open, "a deeper dotfile, chmod", |s, _| {
        s.setstat("site/.htaccess", Attributes::mode(0o666)).ok()
    }),
    row(Open, "a deeper dotfile, link from", |s, _| {
        s.hardlink("uploads/.hidden", "uploads/seen").ok()
    }),
    row(Open, "a deeper dotfile, link to", |s, _| {
        s.hardlink("uploads/old.txt", "uploads/.x").ok()
    }),
    row(Open, "a deeper dotfile, symlink", |s, _| {
        s.symlink("old.txt", "uploads/.l").ok()
    }),
    row(Open, "a deeper dot directory", |s, _| {
        s.mkdir("uploads/.d").ok()
    }),
    row(Open, "below a dot directory", |s, _| {
        s.put("site/.git/hooks/post-commit", b"#!/bin/sh\nid\n")
            .ok()
    }),
    row(Open, "below a dot directory, remove", |s, _| {
        s.remove("site/.git/hooks/post-commit").ok()
    }),
    row(Open, "an older hard link to a dotfile, write", |s, _| {
        write_into(s, "uploads/other-bashrc", WRITE)
    }),
    row(Open, "an older hard link to a dotfile, replace", |s, _| {
        s.put("uploads/other-bashrc", b"x").ok()
    }),
    row(Open, "an older hard link to a dotfile, truncate", |s, _| {
        s.setstat("uploads/other-bashrc", Attributes::size(0)).ok()
    }),
    row(Open, "an older hard link to a dotfile, chmod", |s, _| {
        s.setstat("uploads/other-bashrc", Attributes::mode(0o666))
            .ok()
    }),
    row(
        Open,
        "an older hard link to a file of the home, write",
        |s, _| write_into(s, "uploads/other-note", WRITE),
    ),
];

#[test]
fn directly_in_the_home() {
    try_all(IN_THE_HOME);
}

#[test]
fn in_the_ssh_directory() {
    try_all(IN_SSH);
}

#[test]
fn by_a_roundabout_way() {
    try_all(ROUNDABOUT);
}

#[test]
fn outside_the_home() {
    try_all(OUTSIDE);
}

#[test]
fn what_landlock_alone_cannot_refuse() {
    try_all(BEYOND_LANDLOCK);
}
