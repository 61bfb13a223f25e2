//! Uploads by real clients, `scp`, `scp -O` and `sftp -b`, to places that are protected.

use super::State::{self, Closed, Open};
use super::{report, three_steps};
use crate::harness::client::LOCAL;
use crate::harness::{Account, Host};

/// Remote targets of one local file. With the old protocol the command names the target and is refused for it;
/// with the new one it comes later, inside the protocol, so that only the confinement can refuse it.
const TARGETS: &[(&str, State, &str)] = &[
    ("the home", Closed, ""),
    ("a new file in the home", Closed, "new.txt"),
    ("an old file in the home", Closed, "note.txt"),
    ("a dotfile", Closed, ".bashrc"),
    ("a new dotfile", Closed, ".forward"),
    ("the keys", Closed, ".ssh/authorized_keys"),
    ("a new file in .ssh", Closed, ".ssh/rc"),
    ("through ..", Closed, "uploads/../note.txt"),
    ("through .. into .ssh", Closed, "uploads/../.ssh/rc"),
    ("a symlink to the home", Closed, "uploads/to-home/new.txt"),
    ("a symlink to .ssh", Closed, "uploads/to-ssh/rc"),
    ("a symlink to the keys", Closed, "uploads/to-keys"),
    ("a dangling symlink", Closed, "uploads/to-nothing"),
    ("a symlink to outside", Closed, "uploads/to-outside/new"),
    ("outside", Closed, "/srv/outside/new"),
    ("a shared file outside", Closed, "/srv/outside/shared.txt"),
    ("/tmp", Closed, "/tmp/new"),
    (
        "an older hard link to a dotfile",
        Open,
        "uploads/other-bashrc",
    ),
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

fn try_all(options: &[&str], deeper: State) {
    let deeper = DEEPER.iter().map(|(name, remote)| (*name, deeper, *remote));
    let rows = TARGETS.iter().copied().chain(deeper);
    let host = Host::with_sshd();
    local_files(&host);
    report(rows.map(|(name, state, remote)| {
        let attempt = |host: &Host, account: &Account| {
            let before = host.disk();
            (
                host.scp_to(account, options, &["up"], remote)
                    .status
                    .success(),
                before,
            )
        };
        (name, three_steps(&host, state, &attempt))
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
    try_all(&["-O"], Closed);
}

#[test]
fn new_scp_to_protected_places() {
    try_all(&[], Open);
}

#[test]
fn trees_by_scp() {
    let host = Host::with_sshd();
    local_files(&host);
    let rows: &[(&str, State, &[&str], &str)] = &[
        ("a tree into the home, -O", Closed, &["-O", "-r"], ""),
        ("a tree into the home", Closed, &["-r"], ""),
        ("a tree into .ssh, -O", Closed, &["-O", "-r", "-p"], ".ssh"),
        ("a tree outside, -O", Closed, &["-O", "-r"], "/srv/outside"),
    ];
    report(rows.iter().map(|(name, state, options, remote)| {
        let attempt = |host: &Host, account: &Account| {
            let before = host.disk();
            (
                host.scp_to(account, options, &["tree"], remote)
                    .status
                    .success(),
                before,
            )
        };
        (*name, three_steps(&host, *state, &attempt))
    }));
}

/// A client of the old protocol sends any name it likes into the directory that the command names.
#[test]
fn names_in_an_scp_stream() {
    let host = Host::new();
    let rows: &[(&str, State, &[u8], &[u8])] = &[
        (
            "a file in the home",
            Closed,
            b"scp -t .",
            b"C0644 2 new.txt\nx\n\0",
        ),
        (
            "a dotfile below uploads",
            Open,
            b"scp -t uploads",
            b"C0644 2 .htaccess\nx\n\0",
        ),
    ];
    report(rows.iter().map(|(name, state, command, stream)| {
        let attempt = |host: &Host, account: &Account| {
            let before = host.disk();
            let output = host.direct(account, command, stream);
            (output.status.success(), before)
        };
        (*name, three_steps(&host, *state, &attempt))
    }));
}

#[test]
fn batches_of_sftp() {
    let host = Host::with_sshd();
    local_files(&host);
    let rows: &[(&str, State, &str)] = &[
        ("put", Closed, "put up new.txt\n"),
        ("put over the keys", Closed, "put up .ssh/authorized_keys\n"),
        ("put a tree", Closed, "put -r tree\n"),
        ("append", Closed, "put -a up note.txt\n"),
        ("rm", Closed, "rm note.txt\n"),
        ("rename", Closed, "rename note.txt other.txt\n"),
        ("mkdir", Closed, "mkdir new\n"),
        ("rmdir", Closed, "rmdir empty\n"),
        ("ln", Closed, "ln uploads/old.txt linked\n"),
        ("ln -s", Closed, "ln -s uploads/old.txt linked\n"),
        ("put outside", Closed, "put up /srv/outside/new\n"),
        ("cd and put", Closed, "cd uploads/to-home\nput up\n"),
        ("chmod", Open, "chmod 777 .bashrc\n"),
        ("put a deeper dotfile", Open, "put up uploads/.new\n"),
    ];
    report(rows.iter().map(|(name, state, lines)| {
        let attempt = |host: &Host, account: &Account| {
            let before = host.disk();
            (host.sftp(account, lines).status.success(), before)
        };
        (*name, three_steps(&host, *state, &attempt))
    }));
}
