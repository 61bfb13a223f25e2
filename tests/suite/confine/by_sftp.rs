//! Each mutating request of SFTP by itself, through a real sshd, at every kind of protected place.

use super::{report, three_steps};
use crate::harness::sftp::{APPEND, Attributes, CREATE, EXCLUSIVE, READ, TRUNCATE, WRITE};
use crate::harness::{Account, Host, Sftp};

type Act = fn(&mut Sftp, &Account) -> bool;

struct Row {
    name: &'static str,
    /// What the client does first, before looking at the disk.
    first: Act,
    act: Act,
}

const fn row(name: &'static str, act: Act) -> Row {
    Row {
        name,
        first: |_, _| true,
        act,
    }
}

const fn after(name: &'static str, first: Act, act: Act) -> Row {
    Row { name, first, act }
}

fn write_into(sftp: &mut Sftp, path: &str, flags: u32) -> bool {
    let Ok(handle) = sftp.handle(|sftp| sftp.open(path, flags)) else {
        return false;
    };
    sftp.write(&handle, 0, b"changed by the client").ok()
}

fn try_all(rows: &[Row]) {
    try_under("", rows);
}

fn try_under(policy: &str, rows: &[Row]) {
    let host = Host::with_sshd();
    host.policy(policy);
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
        (row.name, three_steps(&host, &attempt))
    }));
}

const IN_THE_HOME: &[Row] = &[
    row("create a file", |s, _| s.put("new.txt", b"x").ok()),
    row("create a file exclusively", |s, _| {
        s.open("new.txt", WRITE | CREATE | EXCLUSIVE).ok()
    }),
    row("create a dotfile", |s, _| s.put(".forward", b"|evil").ok()),
    row("replace a file", |s, _| s.put("note.txt", b"x").ok()),
    row("write into a file", |s, _| write_into(s, "note.txt", WRITE)),
    row("write into a dotfile", |s, _| {
        write_into(s, ".bashrc", WRITE)
    }),
    row("append to a dotfile", |s, _| {
        write_into(s, ".bashrc", WRITE | APPEND)
    }),
    row("open for reading, writing and truncation", |s, _| {
        s.open(".bashrc", READ | WRITE | TRUNCATE).ok()
    }),
    row("truncate a file", |s, _| {
        s.setstat("note.txt", Attributes::size(0)).ok()
    }),
    row("truncate a dotfile", |s, _| {
        s.setstat(".bashrc", Attributes::size(0)).ok()
    }),
    row("remove a file", |s, _| s.remove("note.txt").ok()),
    row("remove a dotfile", |s, _| s.remove(".bashrc").ok()),
    row("rename a file", |s, _| {
        s.rename("note.txt", "note2.txt").ok()
    }),
    row("rename a file, posix", |s, _| {
        s.posix_rename("note.txt", "note2.txt").ok()
    }),
    row("rename a dotfile", |s, _| {
        s.posix_rename(".bashrc", "bashrc").ok()
    }),
    row("rename a directory", |s, _| {
        s.posix_rename("uploads", "elsewhere").ok()
    }),
    row("rename .ssh away", |s, _| s.rename(".ssh", "ssh").ok()),
    row("rename a file out of the home", |s, _| {
        s.rename("note.txt", "uploads/note.txt").ok()
    }),
    row("rename a dotfile out of the home", |s, _| {
        s.posix_rename(".bashrc", "uploads/bashrc").ok()
    }),
    row("rename a file into the home", |s, _| {
        s.rename("uploads/old.txt", "old.txt").ok()
    }),
    row("rename over a dotfile", |s, _| {
        s.posix_rename("uploads/old.txt", ".bashrc").ok()
    }),
    row("rename a directory into the home", |s, _| {
        s.posix_rename("uploads/sub", "sub").ok()
    }),
    row("make a directory", |s, _| s.mkdir("new").ok()),
    row("create a dot directory", |s, _| s.mkdir(".new").ok()),
    row("remove a directory", |s, _| s.rmdir("empty").ok()),
    row("make a symlink", |s, _| s.symlink("uploads", "link").ok()),
    row("link a file into the home", |s, _| {
        s.hardlink("uploads/old.txt", "linked").ok()
    }),
    row("link a dotfile out of the home", |s, _| {
        s.hardlink(".bashrc", "uploads/linked").ok()
    }),
    row("link a file out of the home", |s, _| {
        s.hardlink("note.txt", "uploads/linked").ok()
    }),
    row("by absolute path", |s, a| {
        s.put(&format!("/home/{}/new.txt", a.name), b"x").ok()
    }),
];

const IN_SSH: &[Row] = &[
    row("replace authorized_keys", |s, _| {
        s.put(".ssh/authorized_keys", b"ssh-ed25519 AAAA").ok()
    }),
    row("append to authorized_keys", |s, _| {
        write_into(s, ".ssh/authorized_keys", WRITE | APPEND)
    }),
    row("truncate authorized_keys", |s, _| {
        s.setstat(".ssh/authorized_keys", Attributes::size(0)).ok()
    }),
    row("remove authorized_keys", |s, _| {
        s.remove(".ssh/authorized_keys").ok()
    }),
    row("create rc", |s, _| s.put(".ssh/rc", b"id").ok()),
    row("rename within", |s, _| {
        s.rename(".ssh/config", ".ssh/config2").ok()
    }),
    row("rename into", |s, _| {
        s.posix_rename("uploads/old.txt", ".ssh/authorized_keys")
            .ok()
    }),
    row("rename out of", |s, _| {
        s.rename(".ssh/config", "uploads/config").ok()
    }),
    row("link into", |s, _| {
        s.hardlink("uploads/old.txt", ".ssh/rc").ok()
    }),
    row("link out of", |s, _| {
        s.hardlink(".ssh/authorized_keys", "uploads/keys").ok()
    }),
    row("make a symlink in", |s, _| {
        s.symlink("../uploads/old.txt", ".ssh/rc").ok()
    }),
    row("make a directory in", |s, _| s.mkdir(".ssh/new").ok()),
];

const ROUNDABOUT: &[Row] = &[
    row("through .., create in the home", |s, _| {
        s.put("uploads/../new.txt", b"x").ok()
    }),
    row("through .., create in .ssh", |s, _| {
        s.put("uploads/../.ssh/rc", b"id").ok()
    }),
    row("through two .., write", |s, _| {
        write_into(s, "uploads/sub/../../.bashrc", WRITE)
    }),
    row("through .., remove", |s, _| {
        s.remove("uploads/../note.txt").ok()
    }),
    row("through .., rename", |s, _| {
        s.posix_rename("uploads/old.txt", "uploads/../.bashrc").ok()
    }),
    row("through .., out of the home", |s, _| {
        s.put("uploads/../../../srv/outside/new", b"x").ok()
    }),
    row("an old symlink to the home", |s, _| {
        s.put("uploads/to-home/new.txt", b"x").ok()
    }),
    row("an old symlink to .ssh", |s, _| {
        s.put("uploads/to-ssh/rc", b"id").ok()
    }),
    row("an old symlink to authorized_keys, replace", |s, _| {
        s.put("uploads/to-keys", b"x").ok()
    }),
    row("an old symlink to authorized_keys, truncate", |s, _| {
        s.setstat("uploads/to-keys", Attributes::size(0)).ok()
    }),
    row("an old symlink to a file of the home", |s, _| {
        write_into(s, "uploads/to-note", WRITE)
    }),
    row("an old dangling symlink into the home", |s, _| {
        s.put("uploads/to-nothing", b"x").ok()
    }),
    row("an old symlink to outside", |s, _| {
        s.put("uploads/to-outside/new", b"x").ok()
    }),
    row("an old symlink, remove below it", |s, _| {
        s.remove("uploads/to-ssh/config").ok()
    }),
    row("an old symlink, mkdir below it", |s, _| {
        s.mkdir("uploads/to-home/new").ok()
    }),
    row("an old symlink, rename below it", |s, _| {
        s.posix_rename("uploads/old.txt", "uploads/to-ssh/rc").ok()
    }),
    after(
        "a new symlink to .ssh",
        |s, _| s.symlink("../.ssh", "uploads/l").ok(),
        |s, _| s.put("uploads/l/rc", b"id").ok(),
    ),
    after(
        "a new symlink to the home",
        |s, _| s.symlink("..", "uploads/l").ok(),
        |s, _| s.put("uploads/l/new.txt", b"x").ok(),
    ),
    after(
        "a new symlink to a dotfile",
        |s, _| s.symlink("../.bashrc", "uploads/l").ok(),
        |s, _| s.put("uploads/l", b"x").ok(),
    ),
    after(
        "a new symlink to outside",
        |s, _| s.symlink("/srv/outside", "uploads/l").ok(),
        |s, _| s.put("uploads/l/new", b"x").ok(),
    ),
    after(
        "a new dangling symlink",
        |s, _| s.symlink("../.forward", "uploads/l").ok(),
        |s, _| s.put("uploads/l", b"x").ok(),
    ),
    after(
        "a new symlink to another",
        |s, _| s.symlink("to-home", "uploads/l").ok(),
        |s, _| s.put("uploads/l/.ssh/rc", b"x").ok(),
    ),
    after(
        "a new hard link to a dotfile",
        |s, _| s.hardlink(".bashrc", "uploads/l").ok(),
        |s, _| write_into(s, "uploads/l", WRITE),
    ),
    after(
        "a new hard link to the keys",
        |s, _| s.hardlink(".ssh/authorized_keys", "uploads/l").ok(),
        |s, _| write_into(s, "uploads/l", WRITE),
    ),
];

const OUTSIDE: &[Row] = &[
    row("create a file", |s, _| s.put("/srv/outside/new", b"x").ok()),
    row("replace a file that all may write", |s, _| {
        s.put("/srv/outside/shared.txt", b"x").ok()
    }),
    row("truncate it", |s, _| {
        s.setstat("/srv/outside/shared.txt", Attributes::size(0))
            .ok()
    }),
    row("remove it", |s, _| s.remove("/srv/outside/shared.txt").ok()),
    row("rename it", |s, _| {
        s.rename("/srv/outside/shared.txt", "/srv/outside/x").ok()
    }),
    row("fetch it by rename", |s, _| {
        s.posix_rename("/srv/outside/shared.txt", "/srv/outside/drop/x")
            .ok()
    }),
    row("make a directory", |s, _| s.mkdir("/srv/outside/new").ok()),
    row("make a symlink", |s, _| {
        s.symlink("x", "/srv/outside/link").ok()
    }),
    row("create in /tmp", |s, _| s.put("/tmp/new", b"x").ok()),
    row("create in /var/tmp", |s, _| {
        s.put("/var/tmp/new", b"x").ok()
    }),
    row("create in /dev/shm", |s, _| {
        s.put("/dev/shm/new", b"x").ok()
    }),
];

/// What Landlock alone cannot refuse: the attributes of a file, and names below a directory that is granted.
const BEYOND_LANDLOCK: &[Row] = &[
    row("chmod the home", |s, _| {
        s.setstat(".", Attributes::mode(0o777)).ok()
    }),
    row("chmod a dotfile", |s, _| {
        s.setstat(".bashrc", Attributes::mode(0o777)).ok()
    }),
    row("chmod .ssh", |s, _| {
        s.setstat(".ssh", Attributes::mode(0o777)).ok()
    }),
    row("chmod through an open file", |s, _| {
        let Ok(handle) = s.handle(|s| s.open(".bashrc", READ)) else {
            return false;
        };
        s.fsetstat(&handle, Attributes::mode(0o777)).ok()
    }),
    row("chmod through a symlink", |s, _| {
        s.setstat("uploads/to-keys", Attributes::mode(0o666)).ok()
    }),
    row("chown the home", |s, a| {
        s.setstat(".", Attributes::owner(a.id, a.team())).ok()
    }),
    row("chown a dotfile", |s, a| {
        s.setstat(".bashrc", Attributes::owner(a.id, a.team())).ok()
    }),
    row("lchown a dotfile", |s, a| {
        s.lsetstat(".bashrc", Attributes::owner(a.id, a.team()))
            .ok()
    }),
    row("times of the home", |s, _| {
        s.setstat(".", Attributes::times(1, 1)).ok()
    }),
    row("times of a dotfile", |s, _| {
        s.setstat(".ssh/config", Attributes::times(1, 1)).ok()
    }),
    row("times of a symlink to one", |s, _| {
        s.setstat("uploads/to-keys", Attributes::times(1, 1)).ok()
    }),
    row("times through an open file", |s, _| {
        let Ok(handle) = s.handle(|s| s.open(".bashrc", READ)) else {
            return false;
        };
        s.fsetstat(&handle, Attributes::times(1, 1)).ok()
    }),
    row("a deeper dotfile, replace", |s, _| {
        s.put("uploads/.hidden", b"x").ok()
    }),
    row("a deeper dotfile, create", |s, _| {
        s.put("uploads/.new", b"x").ok()
    }),
    row("a deeper dotfile, truncate", |s, _| {
        s.setstat("site/.htaccess", Attributes::size(0)).ok()
    }),
    row("a deeper dotfile, remove", |s, _| {
        s.remove("site/.htaccess").ok()
    }),
    row("a deeper dotfile, rename to", |s, _| {
        s.rename("uploads/old.txt", "uploads/.x").ok()
    }),
    row("a deeper dotfile, rename over", |s, _| {
        s.posix_rename("uploads/old.txt", "uploads/.hidden").ok()
    }),
    row("a deeper dotfile, rename from", |s, _| {
        s.rename("site/.htaccess", "site/htaccess").ok()
    }),
    row("a deeper dotfile, chmod", |s, _| {
        s.setstat("site/.htaccess", Attributes::mode(0o666)).ok()
    }),
    row("a deeper dotfile, link from", |s, _| {
        s.hardlink("uploads/.hidden", "uploads/seen").ok()
    }),
    row("a deeper dotfile, link to", |s, _| {
        s.hardlink("uploads/old.txt", "uploads/.x").ok()
    }),
    row("a deeper dotfile, symlink", |s, _| {
        s.symlink("old.txt", "uploads/.l").ok()
    }),
    row("a deeper dot directory", |s, _| s.mkdir("uploads/.d").ok()),
    row("below a dot directory", |s, _| {
        s.put("site/.git/hooks/post-commit", b"#!/bin/sh\nid\n")
            .ok()
    }),
    row("below a dot directory, remove", |s, _| {
        s.remove("site/.git/hooks/post-commit").ok()
    }),
    row("an older hard link to a dotfile, write", |s, _| {
        write_into(s, "uploads/other-bashrc", WRITE)
    }),
    row("an older hard link to a dotfile, replace", |s, _| {
        s.put("uploads/other-bashrc", b"x").ok()
    }),
    row("an older hard link to a dotfile, truncate", |s, _| {
        s.setstat("uploads/other-bashrc", Attributes::size(0)).ok()
    }),
    row("an older hard link to a dotfile, chmod", |s, _| {
        s.setstat("uploads/other-bashrc", Attributes::mode(0o666))
            .ok()
    }),
    row("an older hard link to a file of the home, write", |s, _| {
        write_into(s, "uploads/other-note", WRITE)
    }),
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
    // By default the guard creates no link that leads to a protected place: then there is nothing left to try.
    try_under("symlinks = \"any\"\n", ROUNDABOUT);
}

#[test]
fn outside_the_home() {
    try_all(OUTSIDE);
}

#[test]
fn what_landlock_alone_cannot_refuse() {
    try_all(BEYOND_LANDLOCK);
}
