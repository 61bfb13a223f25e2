//! What a file system lacks, as seen by trying it.

use std::os::fd::AsFd as _;

use nix::fcntl::{RenameFlags, renameat2};

use crate::harness::{Account, Host};

/// Each with a command that tries it in an empty directory, by the account, as root where it needs no rights.
const TRIED: &[(&str, &str)] = &[
    ("birth times", "echo x >a; [ \"$(stat -c %W a)\" -gt 0 ]"),
    ("hard links", "echo x >a; ln a b"),
    ("symbolic links", "ln -s a b"),
    ("modes", "echo x >a; chmod 600 a; [ $(stat -c %a a) = 600 ]"),
    ("user attributes", "echo x >a; setfattr -n user.x -v y a"),
    ("access control lists", "echo x >a; setfacl -m u:1:r a"),
    (
        "times finer than a second",
        "touch -d '2020-01-01 00:00:01.123456789' a; [ \"$(stat -c %y a | cut -c21-26)\" = 123456 ]",
    ),
    (
        "a directory's inode number when it is renamed",
        "mkdir a; was=$(stat -c %i a); mv a b; [ $(stat -c %i b) = $was ]",
    ),
    (
        "a name for each case (it folds case)",
        "echo x >a; [ ! -e A ]",
    ),
];

/// The names of what is missing.
pub fn lacks(host: &Host, account: &Account) -> Vec<&'static str> {
    let at = account.at("uploads").join("tried");
    let mut missing = Vec::new();
    for (name, line) in TRIED {
        let line = format!("set -e; mkdir uploads/tried; cd uploads/tried; {line}");
        let mut shell = account.runs("sh");
        if host.run(shell.args(["-c", &line]), b"").code() != 0 {
            missing.push(*name);
        }
        host.shell_line(&format!("rm -rf {}", at.display()));
    }
    let no_replace = host.inside(|| {
        std::fs::create_dir(&at).expect("a directory");
        std::fs::write(at.join("a"), "a").expect("a file");
        let directory = std::fs::File::open(&at).expect("opening a directory");
        let there = directory.as_fd();
        let flags = RenameFlags::RENAME_NOREPLACE;
        let done = renameat2(there, "a", there, "b", flags);
        std::fs::remove_dir_all(&at).expect("removing");
        done
    });
    if no_replace.is_err() {
        missing.push("RENAME_NOREPLACE");
    }
    missing
}
