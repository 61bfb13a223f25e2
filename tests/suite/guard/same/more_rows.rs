//! Requests about files with several names and FIFOs, and requests that are wrong in two ways.

use super::rows::{Row, differs, same};
use crate::harness::sftp::{Attributes, CREATE, EXCLUSIVE, READ, TRUNCATE, WRITE};

/// `uploads/other-note` is a second name of `~/note.txt`; `uploads/fifo` is a FIFO.
pub const KINDS: &[Row] = &[
    same("read a file with an older second name", |s, _| {
        s.open("uploads/other-note", READ)
    }),
    differs(
        "times of a file with an older second name",
        "the other name may be a dotfile",
        |s, _| s.setstat("uploads/other-note", Attributes::times(5, 6)),
    ),
    differs(
        "size of a file with an older second name",
        "the other name may be a dotfile",
        |s, _| s.setstat("uploads/other-note", Attributes::size(3)),
    ),
    differs(
        "group of a file with an older second name",
        "the other name may be a dotfile",
        |s, a| s.setstat("uploads/other-note", Attributes::owner(a.id, a.id)),
    ),
    differs(
        "truncate a file with an older second name",
        "the other name may be a dotfile",
        |s, _| s.open("uploads/other-note", WRITE | TRUNCATE),
    ),
    differs(
        "mode of a file with an older second name, by an open handle",
        "the other name may be a dotfile",
        |s, _| {
            let handle = s
                .handle(|s| s.open("uploads/other-note", READ))
                .expect("opening");
            s.fsetstat(&handle, Attributes::mode(0o600))
        },
    ),
    same("remove a file with an older second name", |s, _| {
        s.remove("uploads/other-note")
    }),
    same("rename a file with an older second name", |s, _| {
        s.posix_rename("uploads/other-note", "uploads/x")
    }),
    same("replace a file with an older second name", |s, _| {
        s.put("uploads/a", b"x");
        s.posix_rename("uploads/a", "uploads/other-note")
    }),
    same("a third name for it", |s, _| {
        s.hardlink("uploads/other-note", "uploads/x")
    }),
    same("mode of an own file with two names", |s, _| {
        s.put("uploads/a", b"x");
        s.hardlink("uploads/a", "uploads/b");
        s.setstat("uploads/b", Attributes::mode(0o600))
    }),
    differs(
        "mode of an older file with a new second name",
        "the file has an older name",
        |s, _| {
            s.hardlink("uploads/old.txt", "uploads/b");
            s.setstat("uploads/b", Attributes::mode(0o600))
        },
    ),
    differs(
        "open a FIFO for reading and writing",
        "a FIFO may lead to a process that is not the session's",
        |s, _| s.open("uploads/fifo", READ | WRITE),
    ),
    differs(
        "create over a FIFO",
        "a FIFO may lead to a process that is not the session's",
        |s, _| s.open("uploads/fifo", READ | WRITE | CREATE),
    ),
    same("create exclusively over a FIFO", |s, _| {
        s.open("uploads/fifo", WRITE | CREATE | EXCLUSIVE)
    }),
    differs(
        "mode of a FIFO",
        "only files, directories and symbolic links are changed; a FIFO can be removed and replaced",
        |s, _| s.setstat("uploads/fifo", Attributes::mode(0o600)),
    ),
    differs(
        "times of a FIFO",
        "only files, directories and symbolic links are changed; a FIFO can be removed and replaced",
        |s, _| s.setstat("uploads/fifo", Attributes::times(5, 6)),
    ),
    differs(
        "size of a FIFO",
        "only files, directories and symbolic links are changed; a FIFO can be removed and replaced",
        |s, _| s.setstat("uploads/fifo", Attributes::size(1)),
    ),
    differs(
        "group of a FIFO",
        "only files, directories and symbolic links are changed; a FIFO can be removed and replaced",
        |s, a| s.setstat("uploads/fifo", Attributes::owner(a.id, a.id)),
    ),
    differs(
        "rename a FIFO",
        "only files, directories and symbolic links are changed; a FIFO can be removed and replaced",
        |s, _| s.posix_rename("uploads/fifo", "uploads/x"),
    ),
    same("rename over a FIFO", |s, _| {
        s.posix_rename("uploads/old.txt", "uploads/fifo")
    }),
    differs(
        "link a FIFO",
        "only files, directories and symbolic links are changed; a FIFO can be removed and replaced",
        |s, _| s.hardlink("uploads/fifo", "uploads/x"),
    ),
    same("remove a FIFO", |s, _| s.remove("uploads/fifo")),
    same("rmdir a FIFO", |s, _| s.rmdir("uploads/fifo")),
];

/// Wrong for plain OpenSSH, and forbidden here as well.
pub const ORDER: &[Row] = &[
    same("remove a missing dotfile", |s, _| s.remove("uploads/.none")),
    same("rmdir a missing dotfile", |s, _| s.rmdir("uploads/.none")),
    same("write to a missing dotfile", |s, _| {
        s.open("uploads/.none", WRITE)
    }),
    same("mode of a missing dotfile", |s, _| {
        s.setstat("uploads/.none", Attributes::mode(0o600))
    }),
    same("create a dotfile below a missing directory", |s, _| {
        s.put("uploads/none/.x", b"x")
    }),
    same("create below a missing dotfile", |s, _| {
        s.put("uploads/.none/x", b"x")
    }),
    same("mkdir where a dotfile is", |s, _| {
        s.mkdir("uploads/.hidden")
    }),
    same("create exclusively where a dotfile is", |s, _| {
        s.open("uploads/.hidden", WRITE | CREATE | EXCLUSIVE)
    }),
    differs(
        "rmdir a full dot directory",
        "what is forbidden is not tried",
        |s, _| s.rmdir("site/.git"),
    ),
    differs(
        "remove a dot directory",
        "what is forbidden is not tried",
        |s, _| s.remove("site/.git"),
    ),
    same("write to a dot directory", |s, _| {
        s.open("site/.git", WRITE)
    }),
    same("rename what is missing to a dotfile", |s, _| {
        s.posix_rename("uploads/none", "uploads/.x")
    }),
    same("rename a missing dotfile", |s, _| {
        s.posix_rename("uploads/.none", "uploads/x")
    }),
    same("link what is missing to a dotfile", |s, _| {
        s.hardlink("uploads/none", "uploads/.x")
    }),
    differs(
        "rename a dotfile over a full directory",
        "what is forbidden is not tried",
        |s, _| s.posix_rename("uploads/.hidden", "uploads/sub"),
    ),
    same("a symbolic link where a dotfile is", |s, _| {
        s.symlink("x", "uploads/.hidden")
    }),
    differs(
        "a dotfile name of 256 bytes",
        "what is forbidden is not tried",
        |s, _| s.put(&format!("uploads/.{}", "n".repeat(255)), b"x"),
    ),
    same("remove what is missing in the home", |s, _| {
        s.remove("none")
    }),
    same("mkdir where a directory of the home is", |s, _| {
        s.mkdir("uploads")
    }),
    differs(
        "rmdir a full directory of the home",
        "what is forbidden is not tried",
        |s, _| s.rmdir("uploads"),
    ),
    same("mkdir where a file of the home is", |s, _| {
        s.mkdir("note.txt")
    }),
    same("remove what is missing outside", |s, _| {
        s.remove("/srv/outside/none")
    }),
    same("write to what is missing outside", |s, _| {
        s.open("/srv/outside/none", WRITE)
    }),
    same("read what is missing outside", |s, _| {
        s.open("/srv/outside/none", READ)
    }),
    same("list what is missing outside", |s, _| {
        s.opendir("/srv/outside/none")
    }),
    same("mkdir below what is missing outside", |s, _| {
        s.mkdir("/srv/outside/none/x")
    }),
    same("mkdir where a directory is outside", |s, _| {
        s.mkdir("/srv/outside/drop")
    }),
    differs(
        "rename what is missing to outside",
        "that the two are on different file systems is found out last",
        |s, _| s.posix_rename("uploads/none", "/srv/outside/drop/x"),
    ),
    differs(
        "rename from outside what is missing",
        "that the two are on different file systems is found out last",
        |s, _| s.posix_rename("/srv/outside/none", "uploads/x"),
    ),
    differs(
        "a link that leads outside, where a file is",
        "what is forbidden is not tried",
        |s, _| s.symlink("/etc/passwd", "uploads/old.txt"),
    ),
    same(
        "a link that leads outside, below what is missing",
        |s, _| s.symlink("/etc/passwd", "uploads/none/l"),
    ),
    same("times of what is missing outside", |s, _| {
        s.setstat("/srv/outside/none", Attributes::times(1, 2))
    }),
    same(
        "another's owner for a file with an older second name",
        |s, _| s.setstat("uploads/other-note", Attributes::owner(0, 0)),
    ),
];
