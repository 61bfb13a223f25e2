//! Directories that the account cannot look into.

use super::{refused, served};
use crate::harness::account::set_mode;
use crate::harness::{Host, XFERSH};

fn host(rule: &str) -> Host {
    let host = Host::with_sshd();
    host.policy(&format!(
        "dotfiles = \"allowed\"\nwritable = [\"~/uploads\"]\n\
         [[directory]]\npath = \"~/uploads/in\"\n{rule}\n"
    ));
    for account in [host.plain(), host.alice()] {
        let inner = account.at("uploads/in");
        host.inside(|| {
            std::fs::create_dir(&inner).expect("a directory");
            for name in ["kept", ".kept"] {
                std::fs::write(inner.join(name), "older\n").expect("a file");
            }
            account.own(&inner);
            std::fs::write("/tmp/local/note", "newer\n").expect("a local file");
        });
    }
    host
}

/// The directory above a rule is made inaccessible between two sessions: the next one must not begin without the rule
/// and make it accessible again. `act` is what the rule forbids.
fn locked(rule: &str, act: &str) {
    let host = host(rule);
    // An ordinary account can do it: it makes the directory accessible again, and nothing else is in the way.
    let attack = format!("chmod 755 uploads\n{act}\n");
    host.sftp(host.plain(), "chmod 000 uploads\n")
        .succeeded("locking");
    host.sftp(host.plain(), &attack).succeeded(act);

    host.sftp(host.alice(), &format!("{act}\n")).failed(act);
    for lock in [lock_by_mode, lock_by_acl] {
        lock(&host);
        let before = host.disk();
        host.sftp(host.alice(), &attack).failed(&attack);
        before.assert_same(&host.disk(), rule);
        let said = ["cannot look at /home/alice/uploads/in: Permission denied"];
        let hint = refused(&host, host.alice(), "host", &said);
        // The advice is run exactly as printed.
        let line = hint.split_once("as root: ").expect("a command").1;
        host.root("/bin/sh", &["-c", line]).succeeded(line);
        served(&host, host.alice(), rule);
        host.sftp(host.alice(), &format!("{act}\n")).failed(act);
    }
}

#[test]
fn a_lock_above_upload_only() {
    locked("access = \"upload-only\"", "get uploads/in/kept got");
}

#[test]
fn a_lock_above_append_only() {
    locked("access = \"append-only\"", "rm uploads/in/kept");
}

#[test]
fn a_lock_above_read_only() {
    locked("access = \"read-only\"", "put note uploads/in/kept");
}

#[test]
fn a_lock_above_protected_dotfiles() {
    locked("dotfiles = \"protected\"", "rm uploads/in/.kept");
}

fn lock_by_mode(host: &Host) {
    let uploads = host.alice().at("uploads");
    host.inside(|| set_mode(&uploads, 0o000));
}

/// An ACL that gives the owner no rights (acl(5); `struct posix_acl_xattr_header`): what `setfacl` writes.
fn lock_by_acl(host: &Host) {
    let mut acl = 2u32.to_le_bytes().to_vec();
    let mut entry = |tag: u16, rights: u16, id: u32| {
        acl.extend(tag.to_le_bytes());
        acl.extend(rights.to_le_bytes());
        acl.extend(id.to_le_bytes());
    };
    let nobody = u32::MAX;
    entry(0x01, 0, nobody); // ACL_USER_OBJ
    entry(0x02, 7, host.plain().id); // ACL_USER
    entry(0x04, 5, nobody); // ACL_GROUP_OBJ
    entry(0x10, 7, nobody); // ACL_MASK
    entry(0x20, 5, nobody); // ACL_OTHER
    let uploads = host.alice().at("uploads");
    host.inside(|| xattr::set(&uploads, "system.posix_acl_access", &acl))
        .expect("an access control list");
}

/// `~/*` in a home that the account may not list: that does not mean that it is empty.
#[test]
fn a_home_that_cannot_be_listed() {
    let host = Host::new();
    served(&host, host.alice(), "a home of its own");
    host.shell_line("chown root:root /home/alice && chmod 711 /home/alice");
    let said = ["cannot list /home/alice: Permission denied"];
    let hint = refused(&host, host.alice(), "host", &said);
    assert!(hint.contains("one by one"), "{hint}");
    host.policy("writable = [\"~/uploads\"]\n");
    served(&host, host.alice(), "its directories one by one");
}

/// How a directory of the policy is broken (a line for root's shell), and what is said about it. Each is `/srv/d/in`.
const BROKEN: &[(&str, &str)] = &[
    (
        "mkdir -p -m 700 /srv/d && mkdir /srv/d/in",
        "cannot look at /srv/d/in: Permission denied",
    ),
    (
        "ln -s e /srv/d && ln -s d /srv/e",
        "Too many levels of symbolic links",
    ),
    (
        // A link owned by root to a name that no file system accepts.
        "ln -s \"/srv/$(head -c 300 /dev/zero | tr '\\0' x)\" /srv/d",
        "File name too long",
    ),
    (
        "mkdir /srv/d && mknod /dev/fuse c 10 229 && exec 9<>/dev/fuse && mount -i -t fuse -o \
         fd=9,rootmode=40000,user_id=0,group_id=0,allow_other none /srv/d",
        "cannot look at /srv/d: Transport endpoint is not connected",
    ),
    (
        "mkdir /srv/d && mknod /dev/fuse c 10 229 && exec 9<>/dev/fuse && mount -i -t fuse -o \
         fd=9,rootmode=40000,user_id=0,group_id=0 none /srv/d",
        "cannot look at /srv/d: Permission denied",
    ),
];

#[test]
fn only_what_is_absent_is_absent() {
    for (line, said) in BROKEN {
        let host = Host::new();
        host.policy("[[directory]]\npath = \"/srv/d/in\"\naccess = \"read-only\"\n");
        served(&host, host.alice(), "an absent directory");
        host.shell_line(line);
        refused(&host, host.alice(), "host", &[said]);
    }
}

/// A program that cannot be examined is not the same as one that is not installed.
#[test]
fn a_program_that_cannot_be_looked_at() {
    let host = Host::new();
    host.shell_line("mkdir -m 700 /srv/closed && cp /usr/bin/scp /srv/closed/scp");
    host.policy("scp = \"/srv/closed/scp\"\n");
    let session = host.direct(host.alice(), b"scp -t uploads", b"");
    assert_eq!(session.code(), 126, "{session}");
    let lines = host.log();
    let line = &lines.first().expect("a log line").text;
    assert!(line.contains("stage=host"), "{line}");
    let why = "/srv/closed does not let the account pass";
    assert!(line.contains("/srv/closed/scp"), "{line}");
    assert!(line.contains(why), "{line}");
}

/// A client's path through an inaccessible directory is judged up to that directory, not by where its text seems to
/// lead.
#[test]
fn a_place_behind_a_lock_is_no_other_place() {
    let host = Host::new();
    host.policy("dotfiles = \"hidden\"\n");
    let hidden = host.alice().at("site/.git");
    host.inside(|| set_mode(&hidden, 0o000));
    for (command, code) in [
        ("scp -f site/index.html", 0),
        ("scp -f site/.git/hooks", 126),
        ("scp -f site/.git/hooks/../../index.html", 126),
    ] {
        let check = host.root(XFERSH, &["--check", "--user", "alice", "-c", command]);
        assert_eq!(check.code(), code, "{command}: {check}");
        let session = host.direct(host.alice(), command.as_bytes(), b"\0\0\0");
        assert_eq!(session.code(), code, "{command}: {session}");
    }
}
