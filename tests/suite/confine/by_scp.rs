//! Uploads by real clients, `scp`, `scp -O` and `sftp -b`, to places that are protected.

use super::{report, three_steps};
use crate::harness::client::LOCAL;
use crate::harness::{Account, Host};

/// Remote targets of one local file. With the old protocol the command names the target and is refused for it;
/// with the new one it comes later, inside the protocol, so that only the confinement can refuse it.
const TARGETS: &[(&str, &str)] = &[
    ("the home", ""),
    ("a new file in the home", "new.txt"),
    ("an old file in the home", "note.txt"),
    ("a dotfile", ".bashrc"),
    ("a new dotfile", ".forward"),
    ("the keys", ".ssh/authorized_keys"),
    ("a new file in .ssh", ".ssh/rc"),
    ("through ..", "uploads/../note.txt"),
    ("through .. into .ssh", "uploads/../.ssh/rc"),
    ("a symlink to the home", "uploads/to-home/new.txt"),
    ("a symlink to .ssh", "uploads/to-ssh/rc"),
    ("a symlink to the keys", "uploads/to-keys"),
    ("a dangling symlink", "uploads/to-nothing"),
    ("a symlink to outside", "uploads/to-outside/new"),
    ("outside", "/srv/outside/new"),
    ("a shared file outside", "/srv/outside/shared.txt"),
    ("/tmp", "/tmp/new"),
    ("an older hard link to a dotfile", "uploads/other-bashrc"),
];

/// Dotfiles that are named in the command of the old protocol.
const DEEPER: &[(&str, &str)] = &[
    ("a deeper dotfile", "uploads/.hidden"),
    ("a new deeper dotfile", "site/.env"),
    (
        "below a deeper dot directory",
        "site/.git/hooks/post-commit",
    ),
];

fn try_all(options: &[&str]) {
    let rows = TARGETS.iter().chain(DEEPER).copied();
    let host = Host::with_sshd();
    local_files(&host);
    report(rows.map(|(name, remote)| {
        let attempt = |host: &Host, account: &Account| {
            let before = host.disk();
            (
                host.scp_to(account, options, &["up"], remote)
                    .status
                    .success(),
                before,
            )
        };
        (name, three_steps(&host, &attempt))
    }));
}

fn local_files(host: &Host) {
    host.inside(|| {
        let local = std::path::Path::new(LOCAL);
        std::fs::write(local.join("up"), "a file from the client\n").expect("a local file");
        std::fs::create_dir_all(local.join("tree/sub")).expect("a local directory");
        std::fs::write(local.join("tree/.hidden"), "x\n").expect("a local file");
        std::fs::write(local.join("tree/sub/file"), "x\n").expect("a local file");
    });
}

#[test]
fn old_scp_to_protected_places() {
    try_all(&["-O"]);
}

#[test]
fn new_scp_to_protected_places() {
    try_all(&[]);
}

#[test]
fn trees_by_scp() {
    let host = Host::with_sshd();
    local_files(&host);
    let rows: &[(&str, &[&str], &str)] = &[
        ("a tree into the home, -O", &["-O", "-r"], ""),
        ("a tree into the home", &["-r"], ""),
        ("a tree into .ssh, -O", &["-O", "-r", "-p"], ".ssh"),
        ("a tree outside, -O", &["-O", "-r"], "/srv/outside"),
    ];
    report(rows.iter().map(|(name, options, remote)| {
        let attempt = |host: &Host, account: &Account| {
            let before = host.disk();
            (
                host.scp_to(account, options, &["tree"], remote)
                    .status
                    .success(),
                before,
            )
        };
        (*name, three_steps(&host, &attempt))
    }));
}

/// A client of the old protocol can send any name into the directory that the command names.
#[test]
fn names_in_an_scp_stream() {
    let host = Host::new();
    let rows: &[(&str, &[u8], &[u8])] = &[
        ("a file in the home", b"scp -t .", b"C0644 2 new.txt\nx\n\0"),
        (
            "a dotfile below uploads",
            b"scp -t uploads",
            b"C0644 2 .htaccess\nx\n\0",
        ),
    ];
    report(rows.iter().map(|(name, command, stream)| {
        let attempt = |host: &Host, account: &Account| {
            let before = host.disk();
            let output = host.direct(account, command, stream);
            (output.status.success(), before)
        };
        (*name, three_steps(&host, &attempt))
    }));
}

#[test]
fn batches_of_sftp() {
    let host = Host::with_sshd();
    local_files(&host);
    let rows: &[(&str, &str)] = &[
        ("put", "put up new.txt\n"),
        ("put over the keys", "put up .ssh/authorized_keys\n"),
        ("put a tree", "put -r tree\n"),
        ("append", "put -a up note.txt\n"),
        ("rm", "rm note.txt\n"),
        ("rename", "rename note.txt other.txt\n"),
        ("mkdir", "mkdir new\n"),
        ("rmdir", "rmdir empty\n"),
        ("ln", "ln uploads/old.txt linked\n"),
        ("ln -s", "ln -s uploads/old.txt linked\n"),
        ("put outside", "put up /srv/outside/new\n"),
        ("cd and put", "cd uploads/to-home\nput up\n"),
        ("chmod", "chmod 777 .bashrc\n"),
        ("put a deeper dotfile", "put up uploads/.new\n"),
    ];
    report(rows.iter().map(|(name, lines)| {
        let attempt = |host: &Host, account: &Account| {
            let before = host.disk();
            (host.sftp(account, lines).status.success(), before)
        };
        (*name, three_steps(&host, &attempt))
    }));
}
