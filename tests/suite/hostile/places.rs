//! What a call may target: the protected places of a home, those beside it, and those that are allowed.

use std::os::unix::fs::symlink;
use std::path::Path;

use nix::sys::stat::Mode;

use crate::harness::{Account, Host};

/// What is at a place before the attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    File,
    /// A symbolic link to a file as the last component.
    Symlink,
    /// A file with a second, older name: what is done to it shows there.
    HardLink,
    Fifo,
    Directory,
    /// A symbolic link to a directory as the last component.
    DirectorySymlink,
    /// A name that is free.
    Free,
    /// A symbolic link to a name that is free.
    Dangling,
}

#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub name: &'static str,
    /// Below the home, or absolute. NAME is the account.
    pub path: &'static str,
    pub shape: Shape,
    pub allowed: bool,
}

const fn forbidden(shape: Shape, name: &'static str, path: &'static str) -> Place {
    Place {
        name,
        path,
        shape,
        allowed: false,
    }
}

const fn allowed(shape: Shape, name: &'static str, path: &'static str) -> Place {
    Place {
        name,
        path,
        shape,
        allowed: true,
    }
}

use Shape::{Dangling, Directory, DirectorySymlink, Fifo, File, Free, HardLink, Symlink as Link};

#[rustfmt::skip]
pub const PLACES: &[Place] = &[
    forbidden(File, "an entry of the home", "note.txt"),
    forbidden(File, "a dotfile of the home", ".bashrc"),
    forbidden(File, "below .ssh", ".ssh/config"),
    forbidden(File, "a deeper dotfile", "uploads/.hidden"),
    forbidden(File, "below a deeper dot directory", "site/.git/hooks/post-commit"),
    forbidden(File, "outside", "/home/drop-NAME/file"),
    forbidden(File, "in /tmp", "/tmp/drop-NAME/file"),
    forbidden(File, "through ..", "uploads/../note.txt"),
    forbidden(File, "through a link to the home", "uploads/to-home/note.txt"),
    forbidden(File, "through a link to .ssh", "uploads/to-ssh/config"),
    forbidden(File, "through a link to outside", "uploads/to-drop/file"),
    forbidden(Link, "a link to a dotfile", "uploads/to-keys"),
    forbidden(Link, "a link to an entry of the home", "uploads/to-note"),
    forbidden(Link, "a link to outside", "uploads/to-file"),
    forbidden(HardLink, "an older hard link of a dotfile", "uploads/other-bashrc"),
    forbidden(HardLink, "an older hard link of an entry", "uploads/other-note"),
    forbidden(Fifo, "a FIFO", "uploads/fifo"),
    forbidden(Directory, "the home", "."),
    forbidden(Directory, "the home by its path", "/home/NAME"),
    forbidden(Directory, ".ssh", ".ssh"),
    forbidden(Directory, "a deeper dot directory", "site/.git"),
    forbidden(Directory, "a directory below one", "site/.git/hooks"),
    forbidden(Directory, "a directory outside", "/home/drop-NAME/empty"),
    forbidden(DirectorySymlink, "a link to the home itself", "uploads/to-home"),
    forbidden(DirectorySymlink, "a link to .ssh itself", "uploads/to-ssh"),
    forbidden(Free, "a new entry of the home", "new"),
    forbidden(Free, "a new dotfile", ".forward"),
    forbidden(Free, "new below .ssh", ".ssh/rc"),
    forbidden(Free, "a new deeper dotfile", "uploads/.new"),
    forbidden(Free, "new below a deeper dot directory", "site/.git/hooks/new"),
    forbidden(Free, "new outside", "/home/drop-NAME/new"),
    forbidden(Free, "new in /tmp", "/tmp/new-NAME"),
    forbidden(Free, "new through ..", "uploads/sub/../../new"),
    forbidden(Free, "new through a link to the home", "uploads/to-home/new"),
    forbidden(Free, "new through a link to .ssh", "uploads/to-ssh/rc"),
    forbidden(Dangling, "a dangling link", "uploads/to-nothing"),
    allowed(File, "a file", "uploads/old.txt"),
    allowed(File, "a deeper file", "uploads/sub/deep.txt"),
    allowed(Directory, "a directory", "uploads/empty"),
    allowed(Free, "a new name", "uploads/new"),
];

impl Place {
    pub fn of(&self, account: &Account) -> String {
        self.path.replace("NAME", &account.name)
    }
}

/// The places outside that belong to the account.
pub fn drops(account: &Account) -> [String; 2] {
    ["/home", "/tmp"].map(|base| format!("{base}/drop-{}", account.name))
}

/// Creates the account's home and its places outside again.
pub fn furnish(host: &Host, account: &Account) {
    host.inside(|| furnish_here(account));
}

/// The same from inside the host.
pub fn furnish_here(account: &Account) {
    account.furnish();
    for drop in drops(account) {
        let drop = Path::new(&drop);
        if drop.exists() {
            std::fs::remove_dir_all(drop).expect("clearing");
        }
        std::fs::create_dir_all(drop.join("empty")).expect("making a directory");
        std::fs::write(drop.join("file"), "outside\n").expect("writing");
        account.own(drop);
    }
    // What an attempt may have created beside them.
    let stray = format!("/tmp/new-{}", account.name);
    let stray = Path::new(&stray);
    if stray.is_dir() {
        std::fs::remove_dir_all(stray).expect("clearing");
    } else if stray.symlink_metadata().is_ok() {
        std::fs::remove_file(stray).expect("clearing");
    }
    let link = |target: &str, name: &str| symlink(target, account.at(name)).expect("a link");
    link(&drops(account)[0], "uploads/to-drop");
    link(&format!("{}/file", drops(account)[0]), "uploads/to-file");
    std::fs::create_dir(account.at("uploads/spare")).expect("making a directory");
    let fifo = account.at("uploads/fifo");
    nix::unistd::mkfifo(&fifo, Mode::from_bits_truncate(0o644)).expect("a FIFO");
    account.own(&account.home());
    // What removexattr removes.
    for place in PLACES {
        let path = account.home().join(place.of(account));
        if !matches!(place.shape, Shape::Free | Shape::Dangling | Shape::Fifo) {
            xattr::set_deref(&path, "user.old", b"1").expect("an attribute");
        }
    }
}
