//! Accounts that are in no file of /etc, with a real source of the name service (nss-extrausers) and a real sshd.

use crate::harness::{Host, Output, XFERSH};

/// Moves alice out of /etc into the other source, and makes the C library ask it.
pub fn move_alice(host: &Host) {
    let line = "set -e
        mkdir /opt/extrausers
        for file in passwd group shadow; do
            grep '^alice' /etc/$file >/opt/extrausers/$file
            sed -i '/^alice/d' /etc/$file
        done
        chmod 640 /opt/extrausers/shadow
        mount --bind /opt/extrausers /var/lib/extrausers
        sed -i -E 's/^(passwd|group|shadow):.*/\\1: files extrausers/' /etc/nsswitch.conf";
    host.shell_line(line);
}

fn upload(host: &Host, old: bool, to: &str) -> Output {
    let options: &[&str] = if old {
        &["-O", "/tmp/one"]
    } else {
        &["/tmp/one"]
    };
    let target = format!("alice@host:{to}");
    let mut client = host.client("scp");
    host.run(client.args(options).arg(&target), b"")
}

#[test]
fn an_account_of_another_source_transfers_like_any_other() {
    let host = Host::with_sshd();
    move_alice(&host);
    let known = host.shell_line("getent passwd alice");
    assert!(known.starts_with("alice:"), "{known}");
    let local = host.shell_line("grep -c ^alice /etc/passwd || true");
    assert_eq!(local.trim(), "0");
    host.write("/tmp/one", b"one");
    let _ = host.log();
    for old in [false, true] {
        let name = format!("uploads/by-name-service-{old}");
        upload(&host, old, &name).succeeded("an upload");
        assert_eq!(host.read(host.alice().at(&name)), b"one");
        let before = host.disk();
        upload(&host, old, ".profile").failed("a dotfile");
        before.assert_same(&host.disk(), "a dotfile");
    }
    let log = host.log();
    let allowed = |line: &crate::harness::Line| {
        line.text.contains("account=alice") && line.text.contains("verdict=allowed")
    };
    assert!(log.iter().any(allowed), "{log:#?}");
    // A condition on groups asks the same source.
    host.policy(
        "access = \"read-only\"\n[[match]]\ngroup = \"alice-team\"\naccess = \"read-write\"\n",
    );
    upload(&host, false, "uploads/by-group").succeeded("as a member of the group");
    host.policy("access = \"read-only\"\n[[match]]\ngroup = \"others\"\naccess = \"read-write\"\n");
    upload(&host, false, "uploads/by-no-group").failed("as no member");
    assert!(!host.exists(host.alice().at("uploads/by-no-group")));
}

/// An entry of the other source with the uid of one in /etc/passwd: its session would be judged as the local one.
#[test]
fn the_dry_run_knows_the_other_entries_of_a_uid() {
    let host = Host::new();
    let id = host.alice().id;
    move_alice(&host);
    host.shell_line(&format!(
        "echo 'local:x:{id}:{id}::/home/alice/site:{XFERSH}' >>/etc/passwd"
    ));
    for name in ["alice", "local"] {
        let doctor = host.root(XFERSH, &["--doctor", "--user", name]);
        assert!(doctor.out().contains("different homes"), "{doctor}");
    }
    let check = ["--check", "--user", "alice", "-c", "sftp-server"];
    let check = host.root(XFERSH, &check);
    assert_eq!(check.code(), 2, "{check}");
    assert!(
        check.err().contains("'alice' and 'local' share the uid"),
        "{check}"
    );
}

/// A name service that fails while it is asked for groups removes no group and no rule for it.
#[test]
fn a_name_service_that_fails_refuses_the_session() {
    let host = Host::new();
    move_alice(&host);
    host.policy("[[match]]\ngroup = \"alice-team\"\naccess = \"read-only\"\n");
    host.install(
        "/opt/getent",
        b"#!/bin/sh\n[ $1 != initgroups ] || exit 3\nexec /opt/real-getent \"$@\"\n",
    );
    host.shell_line(
        "cp /usr/bin/getent /opt/real-getent; sed -i '/alice/d' /opt/extrausers/group; \
         echo 'alice-team:x:64602:alice' >>/opt/extrausers/group",
    );
    let write = |host: &Host| host.direct(host.alice(), b"scp -t uploads", b"C0644 2 one\nx\n\0");
    write(&host).failed("as a member of the group");
    host.root("mount", &["--bind", "/opt/getent", "/usr/bin/getent"])
        .succeeded("a stand-in for getent");
    host.log();
    let before = host.disk();
    let session = write(&host);
    assert_eq!(session.code(), 126, "{session}");
    before.assert_same(&host.disk(), "without an answer");
    let line = &host.log().remove(0).text;
    assert!(line.contains("stage=account"), "{line}");
    assert!(line.contains("ended with status 3"), "{line}");
}
