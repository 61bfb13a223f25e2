//! What no session may do, and what it may, as attempts.

use crate::harness::Sftp;
use crate::harness::sftp::{APPEND, Attributes, CREATE, Reply, TRUNCATE, WRITE};

pub type Attempt = (&'static str, fn(&mut Sftp) -> bool);

/// Dotfiles in the uploads: also where only these are on the file system.
pub const DOTFILES: &[Attempt] = &[
    ("write a dotfile", |s| s.put("uploads/.hidden", b"x").ok()),
    ("create a dotfile", |s| s.put("uploads/.new", b"x").ok()),
    ("create a dot directory", |s| s.mkdir("uploads/.dir").ok()),
    ("remove a dotfile", |s| s.remove("uploads/.hidden").ok()),
    ("rename a dotfile", |s| {
        s.posix_rename("uploads/.hidden", "uploads/x").ok()
    }),
    ("rename to a dotfile", |s| {
        s.posix_rename("uploads/old.txt", "uploads/.hidden").ok()
    }),
    ("truncate a dotfile", |s| {
        s.setstat("uploads/.hidden", Attributes::size(0)).ok()
    }),
    ("times of a dotfile", |s| {
        s.setstat(
            "uploads/.hidden",
            Attributes::times(1_000_000_000, 1_000_000_000),
        )
        .ok()
    }),
];

/// Attempts that need modes or links, and all on the home itself.
pub const HOMES: &[Attempt] = &[
    ("mode of a dotfile", |s| {
        s.setstat("uploads/.hidden", Attributes::mode(0o600)).ok()
    }),
    ("link a dotfile", |s| {
        s.hardlink("uploads/.hidden", "uploads/x").ok()
    }),
    ("link to a dotfile", |s| {
        s.symlink("old.txt", "uploads/.new").ok()
    }),
    ("write below a dot directory", |s| {
        s.put("site/.git/hooks/post-commit", b"x").ok()
    }),
    ("write through a link to a dotfile", |s| {
        s.put("uploads/to-keys", b"x").ok()
    }),
    ("write below a link to a dot directory", |s| {
        s.put("uploads/to-ssh/rc", b"x").ok()
    }),
    ("write a dotfile by an older second name", |s| {
        s.put("uploads/other-bashrc", b"x").ok()
    }),
    ("mode of a dotfile by an older second name", |s| {
        s.setstat("uploads/other-bashrc", Attributes::mode(0o666))
            .ok()
    }),
    ("write through a link to outside", |s| {
        s.put("uploads/to-outside/shared.txt", b"x").ok()
    }),
    ("create in the home", |s| s.put("new.txt", b"x").ok()),
    ("create a directory in the home", |s| s.mkdir("new").ok()),
    ("write in the home", |s| s.put("note.txt", b"x").ok()),
    ("write in the home through a link", |s| {
        s.put("uploads/to-note", b"x").ok()
    }),
    ("remove in the home", |s| s.remove("note.txt").ok()),
    ("remove a directory of the home", |s| s.rmdir("empty").ok()),
    ("rename a directory of the home", |s| {
        s.posix_rename("empty", "moved").ok()
    }),
    ("mode of the home", |s| {
        s.setstat(".", Attributes::mode(0o700)).ok()
    }),
    ("times of the home", |s| {
        s.setstat(".", Attributes::times(1_000_000_000, 1_000_000_000))
            .ok()
    }),
];

/// What `access = "append-only"` and `"upload-only"` keep from a session. What is older is `old.txt`.
pub const OLDER: &[Attempt] = &[
    ("overwrite", |s| s.put("uploads/old.txt", b"x").ok()),
    ("append", |s| {
        let opened = s.handle(|s| s.open("uploads/old.txt", WRITE | APPEND));
        opened.is_ok_and(|handle| s.write(&handle, 0, b"x").ok())
    }),
    ("truncate", |s| {
        s.setstat("uploads/old.txt", Attributes::size(0)).ok()
    }),
    ("rename over", |s| {
        s.put("uploads/part", b"x").ok() && s.posix_rename("uploads/part", "uploads/old.txt").ok()
    }),
    ("rename", |s| {
        s.posix_rename("uploads/old.txt", "uploads/x").ok()
    }),
    ("rename to a free name", |s| {
        s.rename("uploads/old.txt", "uploads/x").ok()
    }),
    ("rename a directory", |s| {
        s.posix_rename("uploads/empty", "uploads/x").ok()
    }),
    ("remove", |s| s.remove("uploads/old.txt").ok()),
    ("remove a directory", |s| s.rmdir("uploads/empty").ok()),
    ("times", |s| {
        s.setstat(
            "uploads/old.txt",
            Attributes::times(1_000_000_000, 1_000_000_000),
        )
        .ok()
    }),
];

pub const READING: &[Attempt] = &[
    ("read", |s| s.get("uploads/old.txt").is_ok()),
    ("list", |s| s.list("uploads").is_ok()),
];

/// What of these attempts a session adds itself, before it fails.
pub const ADDED: &str = "uploads/part";

pub type Step = (&'static str, fn(&mut Sftp) -> Reply);

/// Ordinary work: each step ends as in an ordinary account on that file system, and so does the tree.
pub const WORK: &[Step] = &[
    ("upload", |s| s.put("uploads/a", b"first")),
    ("overwrite what is older", |s| {
        s.put("uploads/old.txt", b"new")
    }),
    ("append to what is older", |s| {
        match s.handle(|s| s.open("uploads/sub/deep.txt", WRITE | APPEND)) {
            Ok(handle) => s.write(&handle, 0, b"more"),
            Err(reply) => reply,
        }
    }),
    ("create and exclude", |s| {
        s.open(
            "uploads/a",
            WRITE | CREATE | crate::harness::sftp::EXCLUSIVE,
        )
    }),
    ("mkdir", |s| s.mkdir("uploads/d")),
    ("mkdir again", |s| s.mkdir("uploads/d")),
    ("upload below", |s| s.put("uploads/d/b", b"second")),
    ("rename to a free name", |s| {
        s.rename("uploads/a", "uploads/c")
    }),
    ("mode at once after that", |s| {
        s.setstat("uploads/c", Attributes::mode(0o664))
    }),
    ("a second name, and mode by it, after that", |s| {
        s.hardlink("uploads/c", "uploads/c2");
        let done = s.setstat("uploads/c2", Attributes::mode(0o644));
        s.remove("uploads/c2");
        done
    }),
    ("rename to a taken name", |s| {
        s.put("uploads/a", b"third");
        s.rename("uploads/a", "uploads/c")
    }),
    ("rename over", |s| s.posix_rename("uploads/a", "uploads/c")),
    ("rename into a directory", |s| {
        s.posix_rename("uploads/c", "uploads/d/c")
    }),
    ("rename a new directory", |s| {
        s.posix_rename("uploads/d", "uploads/e")
    }),
    ("rename a directory that is older", |s| {
        s.posix_rename("uploads/sub", "uploads/moved")
    }),
    ("rename over a full directory", |s| {
        s.mkdir("uploads/f");
        s.posix_rename("uploads/f", "uploads/e")
    }),
    ("rmdir of a full directory", |s| s.rmdir("uploads/e")),
    ("hard link", |s| s.hardlink("uploads/e/b", "uploads/l")),
    ("write by the second name", |s| {
        s.put("uploads/l", b"fourth")
    }),
    ("mode by the second name", |s| {
        s.setstat("uploads/l", Attributes::mode(0o604))
    }),
    ("symlink", |s| s.symlink("e/b", "uploads/s")),
    ("mode", |s| {
        s.setstat("uploads/e/b", Attributes::mode(0o640))
    }),
    ("times", |s| {
        s.setstat(
            "uploads/e/b",
            Attributes::times(1_000_000_001, 1_000_000_003),
        )
    }),
    ("times of a directory", |s| {
        s.setstat("uploads/e", Attributes::times(1_000_000_001, 1_000_000_005))
    }),
    ("truncate", |s| {
        s.setstat("uploads/e/c", Attributes::size(2))
    }),
    ("extend", |s| s.setstat("uploads/e/c", Attributes::size(9))),
    ("fsync and rename while it is open", |s| {
        match s.handle(|s| s.open("uploads/open", WRITE | CREATE | TRUNCATE)) {
            Ok(handle) => {
                s.write(&handle, 0, b"half");
                let synced = s.fsync(&handle);
                s.posix_rename("uploads/open", "uploads/closed");
                s.write(&handle, 4, b" whole");
                s.close(&handle);
                synced
            }
            Err(reply) => reply,
        }
    }),
    ("remove while it is open", |s| {
        match s.handle(|s| s.open("uploads/gone", WRITE | CREATE)) {
            Ok(handle) => {
                let removed = s.remove("uploads/gone");
                s.write(&handle, 0, b"x");
                s.close(&handle);
                removed
            }
            Err(reply) => reply,
        }
    }),
    ("remove", |s| s.remove("uploads/closed")),
    ("rmdir", |s| s.rmdir("uploads/f")),
    ("a name of 255 bytes", |s| {
        s.put(&format!("uploads/{}", "n".repeat(255)), b"x")
    }),
    ("a name that is not UTF-8 or has a colon", |s| {
        s.put("uploads/a:b?", b"x")
    }),
];
