//! The requests.

use crate::harness::sftp::{Attributes, CREATE, EXCLUSIVE, READ, Reply, TRUNCATE, WRITE};
use crate::harness::{Account, Sftp};

pub type Act = fn(&mut Sftp, &Account) -> Reply;

/// A request and, if it ends differently from plain OpenSSH, why.
pub struct Row(pub &'static str, pub Act, pub Option<&'static str>);

pub const fn same(name: &'static str, act: Act) -> Row {
    Row(name, act, None)
}

pub const fn differs(name: &'static str, why: &'static str, act: Act) -> Row {
    Row(name, act, Some(why))
}

fn long(length: usize) -> String {
    format!("uploads/{}", "n".repeat(length))
}

/// What does not exist, already exists, or has another kind; dots, loops and lengths.
pub const PLACES: &[Row] = &[
    // What does not exist.
    same("open a missing file", |s, _| s.open("uploads/none", READ)),
    same("write to a missing file", |s, _| {
        s.open("uploads/none", WRITE)
    }),
    same("create below a missing directory", |s, _| {
        s.put("uploads/none/x", b"x")
    }),
    same("remove what is missing", |s, _| s.remove("uploads/none")),
    same("rmdir what is missing", |s, _| s.rmdir("uploads/none")),
    same("mkdir below what is missing", |s, _| {
        s.mkdir("uploads/none/d")
    }),
    same("rename what is missing", |s, _| {
        s.rename("uploads/none", "uploads/x")
    }),
    same("posix-rename what is missing", |s, _| {
        s.posix_rename("uploads/none", "uploads/x")
    }),
    same("rename into what is missing", |s, _| {
        s.posix_rename("uploads/old.txt", "uploads/none/x")
    }),
    same("link what is missing", |s, _| {
        s.hardlink("uploads/none", "uploads/x")
    }),
    same("setstat what is missing", |s, _| {
        s.setstat("uploads/none", Attributes::mode(0o600))
    }),
    same("size of what is missing", |s, _| {
        s.setstat("uploads/none", Attributes::size(1))
    }),
    same("times of what is missing", |s, _| {
        s.setstat("uploads/none", Attributes::times(1, 2))
    }),
    same("an empty path", |s, _| s.put("", b"x")),
    same("mkdir of an empty path", |s, _| s.mkdir("")),
    same("remove of an empty path", |s, _| s.remove("")),
    // What already exists.
    same("create exclusively what is there", |s, _| {
        s.open("uploads/old.txt", WRITE | CREATE | EXCLUSIVE)
    }),
    same("mkdir what is there", |s, _| s.mkdir("uploads/sub")),
    same("mkdir over a file", |s, _| s.mkdir("uploads/old.txt")),
    same("rename to what is there", |s, _| {
        s.rename("uploads/old.txt", "uploads/sub/deep.txt")
    }),
    same("link to what is there", |s, _| {
        s.hardlink("uploads/old.txt", "uploads/sub/deep.txt")
    }),
    same("symlink over what is there", |s, _| {
        s.symlink("old.txt", "uploads/sub")
    }),
    // What has another kind.
    same("write to a directory", |s, _| s.open("uploads/sub", WRITE)),
    same("create over a directory", |s, _| {
        s.open("uploads/sub", WRITE | CREATE | TRUNCATE)
    }),
    same("remove a directory", |s, _| s.remove("uploads/empty")),
    same("rmdir a file", |s, _| s.rmdir("uploads/old.txt")),
    same("rmdir a full directory", |s, _| s.rmdir("uploads/sub")),
    same("a file as a directory", |s, _| {
        s.put("uploads/old.txt/x", b"x")
    }),
    same("mkdir below a file", |s, _| s.mkdir("uploads/old.txt/x")),
    same("a slash behind a file", |s, _| {
        s.open("uploads/old.txt/", WRITE)
    }),
    same("create with a slash behind", |s, _| {
        s.put("uploads/new/", b"x")
    }),
    same("mkdir with a slash behind", |s, _| s.mkdir("uploads/new/")),
    same("rmdir with a slash behind", |s, _| {
        s.rmdir("uploads/empty/")
    }),
    same("remove with a slash behind", |s, _| {
        s.remove("uploads/old.txt/")
    }),
    same("rename with slashes behind", |s, _| {
        s.posix_rename("uploads/empty/", "uploads/e2/")
    }),
    same("rename a file to a name with a slash", |s, _| {
        s.posix_rename("uploads/old.txt", "uploads/x/")
    }),
    same("a file over a directory", |s, _| {
        s.posix_rename("uploads/old.txt", "uploads/empty")
    }),
    same("a directory over a file", |s, _| {
        s.posix_rename("uploads/empty", "uploads/old.txt")
    }),
    same("a directory over an empty one", |s, _| {
        s.posix_rename("uploads/sub", "uploads/empty")
    }),
    same("a directory over a full one", |s, _| {
        s.posix_rename("uploads/empty", "uploads/sub")
    }),
    same("a directory into itself", |s, _| {
        s.posix_rename("uploads/sub", "uploads/sub/x")
    }),
    same("a name over itself", |s, _| {
        s.posix_rename("uploads/old.txt", "uploads/old.txt")
    }),
    same("remove . of what is missing", |s, _| {
        s.remove("uploads/none/.")
    }),
    same("create . of what is missing", |s, _| {
        s.put("uploads/none/.", b"x")
    }),
    same("rename . of a file", |s, _| {
        s.posix_rename("uploads/old.txt/.", "uploads/x")
    }),
    same("rename / to below what is missing", |s, _| {
        s.posix_rename("/", "uploads/none/x")
    }),
    same("rename what is missing into a closed directory", |s, _| {
        s.setstat("uploads/sub", Attributes::mode(0o600));
        s.posix_rename("uploads/none", "uploads/sub/x")
    }),
    same("rename what is below a file to too long a path", |s, _| {
        s.posix_rename("uploads/old.txt/x", &"uploads/../".repeat(382))
    }),
    same("link what is below a file to too long a path", |s, _| {
        s.hardlink("uploads/old.txt/x", &"uploads/../".repeat(382))
    }),
    same("rename . of a closed directory", |s, _| {
        s.setstat("uploads/sub", Attributes::mode(0o600));
        s.posix_rename("uploads/sub/.", "uploads/none/x")
    }),
    same("a symbolic link at .. of what is missing", |s, _| {
        s.symlink("x", "uploads/none/..")
    }),
    same("link a directory to what is there", |s, _| {
        s.hardlink("uploads/sub", "uploads/old.txt")
    }),
    same("link a directory to 256 bytes", |s, _| {
        s.hardlink("uploads/sub", &long(256))
    }),
    same("link a directory", |s, _| {
        s.hardlink("uploads/sub", "uploads/x")
    }),
    same("truncate a directory", |s, _| {
        s.setstat("uploads/sub", Attributes::size(0))
    }),
    same("readlink of a file", |s, _| s.readlink("uploads/old.txt")),
    same("opendir of a file", |s, _| s.opendir("uploads/old.txt")),
    // The dots.
    same("rmdir .", |s, _| s.rmdir("uploads/empty/.")),
    same("rmdir ..", |s, _| s.rmdir("uploads/empty/..")),
    same("remove .", |s, _| s.remove("uploads/empty/.")),
    same("mkdir .", |s, _| s.mkdir("uploads/empty/.")),
    same("rename .", |s, _| {
        s.posix_rename("uploads/empty/.", "uploads/x")
    }),
    same("rename to ..", |s, _| {
        s.posix_rename("uploads/old.txt", "uploads/sub/..")
    }),
    same("create ..", |s, _| s.put("uploads/sub/..", b"x")),
    same("mkdir /", |s, _| s.mkdir("/")),
    same("rmdir /", |s, _| s.rmdir("/")),
    same("remove /", |s, _| s.remove("/")),
    same("rename /", |s, _| s.posix_rename("/", "uploads/x")),
    // Loops and lengths.
    same("write through a loop", |s, _| {
        s.symlink("loop", "uploads/loop");
        s.open("uploads/loop", WRITE)
    }),
    same("create through a loop", |s, _| {
        s.symlink("loop", "uploads/loop");
        s.put("uploads/loop", b"x")
    }),
    same("create below a loop", |s, _| {
        s.symlink("loop", "uploads/loop");
        s.put("uploads/loop/x", b"x")
    }),
    same("setstat of a loop", |s, _| {
        s.symlink("loop", "uploads/loop");
        s.setstat("uploads/loop", Attributes::mode(0o600))
    }),
    same("remove a loop", |s, _| {
        s.symlink("loop", "uploads/loop");
        s.remove("uploads/loop")
    }),
    same("a name of 255 bytes", |s, _| s.put(&long(255), b"x")),
    same("a name of 256 bytes", |s, _| s.put(&long(256), b"x")),
    same("mkdir of 256 bytes", |s, _| s.mkdir(&long(256))),
    same("remove of 256 bytes", |s, _| s.remove(&long(256))),
    same("rename to 256 bytes", |s, _| {
        s.posix_rename("uploads/old.txt", &long(256))
    }),
    same("a path of 4,200 bytes", |s, _| {
        s.put(&"uploads/../".repeat(382), b"x")
    }),
    same("a path of 4,000 bytes", |s, _| {
        s.mkdir(&format!("{}uploads/x", "uploads/../".repeat(360)))
    }),
];

/// Mode, times, owner, size.
pub const ATTRIBUTES: &[Row] = &[
    same("chmod", |s, _| {
        s.setstat("uploads/old.txt", Attributes::mode(0o604))
    }),
    same("chmod of a directory with set-gid", |s, _| {
        s.setstat("uploads/sub", Attributes::mode(0o2755))
    }),
    same("chmod of an open file", |s, _| {
        let handle = s
            .handle(|s| s.open("uploads/old.txt", WRITE))
            .expect("opening");
        s.fsetstat(&handle, Attributes::mode(0o640))
    }),
    same("chmod of a file that is open for reading", |s, _| {
        let handle = s
            .handle(|s| s.open("uploads/old.txt", READ))
            .expect("opening");
        s.fsetstat(&handle, Attributes::mode(0o640))
    }),
    same("times", |s, _| {
        s.setstat("uploads/old.txt", Attributes::times(5, 6))
    }),
    same("times of an open file", |s, _| {
        let handle = s
            .handle(|s| s.open("uploads/old.txt", WRITE))
            .expect("opening");
        s.fsetstat(&handle, Attributes::times(5, 6))
    }),
    same("times of a directory", |s, _| {
        s.setstat("uploads/sub", Attributes::times(5, 6))
    }),
    same("times of a link", |s, _| {
        s.symlink("old.txt", "uploads/l");
        s.lsetstat("uploads/l", Attributes::times(5, 6))
    }),
    same("mode of a link", |s, _| {
        s.symlink("old.txt", "uploads/l");
        s.lsetstat("uploads/l", Attributes::mode(0o600))
    }),
    same("times through a link", |s, _| {
        s.symlink("old.txt", "uploads/l");
        s.setstat("uploads/l", Attributes::times(5, 6))
    }),
    same("own group", |s, a| {
        s.setstat("uploads/old.txt", Attributes::owner(a.id, a.id))
    }),
    same("own group of an open file", |s, a| {
        let handle = s
            .handle(|s| s.open("uploads/old.txt", WRITE))
            .expect("opening");
        s.fsetstat(&handle, Attributes::owner(a.id, a.id))
    }),
    same("another owner", |s, _| {
        s.setstat("uploads/old.txt", Attributes::owner(0, 0))
    }),
    same("a smaller size", |s, _| {
        s.setstat("uploads/old.txt", Attributes::size(3))
    }),
    same("a larger size", |s, _| {
        s.setstat("uploads/old.txt", Attributes::size(100_000))
    }),
    same("an impossible size", |s, _| {
        s.setstat("uploads/old.txt", Attributes::size(u64::MAX))
    }),
    same("size of an open file", |s, _| {
        let handle = s
            .handle(|s| s.open("uploads/old.txt", WRITE))
            .expect("opening");
        s.fsetstat(&handle, Attributes::size(3))
    }),
    same("size of a file open for reading", |s, _| {
        let handle = s
            .handle(|s| s.open("uploads/old.txt", READ))
            .expect("opening");
        s.fsetstat(&handle, Attributes::size(3))
    }),
    same("all attributes at an open", |s, _| {
        s.open_with("uploads/new", WRITE | CREATE, Attributes::mode(0o604))
    }),
    same("a mode without rights at an open", |s, _| {
        s.open_with("uploads/new", WRITE | CREATE, Attributes::mode(0o000))
    }),
    same("write to a file of mode 0444", |s, _| {
        s.setstat("uploads/old.txt", Attributes::mode(0o444));
        s.open("uploads/old.txt", WRITE)
    }),
    same("create in a directory of mode 0555", |s, _| {
        s.setstat("uploads/sub", Attributes::mode(0o555));
        s.put("uploads/sub/x", b"x")
    }),
    same("create in a directory of mode 0000", |s, _| {
        s.setstat("uploads/sub", Attributes::mode(0o000));
        s.put("uploads/sub/x", b"x")
    }),
    same("write to a handle for reading", |s, _| {
        let handle = s
            .handle(|s| s.open("uploads/old.txt", READ))
            .expect("opening");
        s.write(&handle, 0, b"x")
    }),
    same("read and write one handle", |s, _| {
        let handle = s
            .handle(|s| s.open("uploads/old.txt", READ | WRITE))
            .expect("opening");
        s.write(&handle, 3, b"xyz");
        s.read(&handle, 0, 100)
    }),
    same("a file that is removed while open", |s, _| {
        let handle = s
            .handle(|s| s.open("uploads/new", READ | WRITE | CREATE))
            .expect("opening");
        s.remove("uploads/new");
        s.write(&handle, 0, b"x");
        s.fsetstat(&handle, Attributes::mode(0o600));
        s.fsync(&handle)
    }),
];

/// Links, and the exceptions within the policy.
pub const LINKS: &[Row] = &[
    same("a link within", |s, _| {
        s.symlink("sub/deep.txt", "uploads/l")
    }),
    same("a dangling link within", |s, _| {
        s.symlink("later", "uploads/l")
    }),
    same("a link to a directory, written below", |s, _| {
        s.symlink("sub", "uploads/l");
        s.put("uploads/l/x", b"x")
    }),
    same("write through a link", |s, _| {
        s.symlink("old.txt", "uploads/l");
        s.put("uploads/l", b"x")
    }),
    same("rename a link", |s, _| {
        s.symlink("old.txt", "uploads/l");
        s.posix_rename("uploads/l", "uploads/l2")
    }),
    same("link, then write to it", |s, _| {
        s.put("uploads/a", b"x");
        s.hardlink("uploads/a", "uploads/b");
        s.put("uploads/b", b"yy")
    }),
    same("create exclusively over a link", |s, _| {
        s.symlink("later", "uploads/l");
        s.open("uploads/l", WRITE | CREATE | EXCLUSIVE)
    }),
    same("link a symbolic link", |s, _| {
        s.symlink("old.txt", "uploads/l");
        s.hardlink("uploads/l", "uploads/l2")
    }),
    // The exceptions within the policy.
    differs(
        "create through a dangling link",
        "nothing is created through a symbolic link: where it leads could change",
        |s, _| {
            s.symlink("later", "uploads/l");
            s.put("uploads/l", b"x")
        },
    ),
    differs(
        "a link out of the directories",
        "`symlinks = \"inside\"` is the default; `\"any\"` allows it",
        |s, _| s.symlink("/etc/passwd", "uploads/l"),
    ),
    differs(
        "a link to a dotfile",
        "`symlinks = \"inside\"` is the default; `\"any\"` allows it",
        |s, _| s.symlink(".hidden", "uploads/l"),
    ),
    differs(
        "a link whose target has `..` behind a name",
        "what has that name now could become a link to elsewhere",
        |s, _| s.symlink("sub/../old.txt", "uploads/l"),
    ),
    differs(
        "set-user-id and sticky bits of a file",
        "dropped: a file made by a client must not run as the account",
        |s, _| s.setstat("uploads/old.txt", Attributes::mode(0o7755)),
    ),
    differs(
        "write to a file with an older second name",
        "the other name may be a dotfile",
        |s, _| s.put("uploads/other-note", b"x"),
    ),
    differs(
        "chmod of a file with an older second name",
        "the other name may be a dotfile",
        |s, _| s.setstat("uploads/other-note", Attributes::mode(0o600)),
    ),
    differs(
        "a second name for an older file, then write to it",
        "the file has an older name",
        |s, _| {
            s.hardlink("uploads/old.txt", "uploads/b");
            s.put("uploads/b", b"yy")
        },
    ),
];
