//! Unusual trees and file systems: an unmodified rsync ends as it does in an ordinary account.

use crate::harness::{Account, Host};

use super::{assert_no_temporaries, content, host, local, prepare, rsync};

fn links(host: &Host, account: &Account) -> String {
    host.shell_line(&format!(
        "cd {} && find . -type l -printf '%p %l\\n' | sort",
        account.at("uploads/new").display()
    ))
}

/// `symlinks = "inside"`: such a link leads nowhere, like one whose target is missing.
#[test]
fn links_below_a_file_and_in_a_loop_arrive() {
    let host = host("");
    prepare(
        &host,
        "mkdir src && cd src && echo file >file && mkdir d && ln -s file/below below
         ln -s ../file/a/b d/deep && ln -s loop loop && ln -s two one && ln -s one two
         ln -s loop/below through && ln -s nowhere missing",
    );
    for account in [host.plain(), host.alice()] {
        rsync(&host, account, &["-a", "src/", "@:uploads/new/"]).succeeded(&account.name);
        assert_no_temporaries(&host, account);
    }
    let plain = links(&host, host.plain());
    assert_eq!(plain.lines().count(), 7, "{plain}");
    assert_eq!(plain, links(&host, host.alice()));
    // One that leads outside also does so after a file or a loop.
    for target in [
        "../../../etc/passwd/x",
        "/etc/passwd/x",
        "loop/../../../../etc",
    ] {
        prepare(
            &host,
            &format!("rm -rf out; mkdir out; ln -s {target} out/out"),
        );
        rsync(&host, host.plain(), &["-a", "out/", "@:uploads/new/"]).succeeded(target);
        let before = host.disk();
        rsync(&host, host.alice(), &["-rl", "out/", "@:uploads/new/"]).failed(target);
        before.assert_same(&host.disk(), target);
    }
}

/// A directory that can be written and entered, but not listed.
#[test]
fn access_lists_onto_a_directory_that_cannot_be_listed() {
    let host = host("");
    prepare(
        &host,
        "mkdir -p src/d && echo new >src/d/file && setfacl -m u:1:rx src/d && setfacl -m u:1:r src/d/file",
    );
    for account in [host.plain(), host.alice()] {
        let line = "mkdir uploads/d && chmod 0300 uploads/d";
        super::beforehand(&host, account, line);
        rsync(&host, account, &["-rpA", "src/", "@:uploads/"]).succeeded(&account.name);
        assert_eq!(
            content(&host, account, "uploads/d/file").as_deref(),
            Some("new\n")
        );
        assert_no_temporaries(&host, account);
    }
    let lists = |account: &Account| {
        let path = account.at("uploads/d").display().to_string();
        host.shell_line(&format!("cd {path} && getfacl -cn . file"))
    };
    let plain = lists(host.plain());
    assert!(plain.contains("user:1:r"), "{plain}");
    assert_eq!(plain, lists(host.alice()));
}

/// A file system that cannot guarantee that a new name is free (NFS, exfat, bindfs, mergerfs).
#[test]
fn append_only_where_a_name_cannot_be_asked_to_be_free() {
    let host = host("access = \"append-only\"\n");
    local(&host, &[("src/file", "first\n")]);
    for account in [host.plain(), host.alice()] {
        host.mount_folding(account, "norename");
        let new = ["-a", "src/", "@:uploads/new/"];
        rsync(&host, account, &new).succeeded(&account.name);
        assert_eq!(
            content(&host, account, "uploads/new/file").as_deref(),
            Some("first\n")
        );
        let mut sftp = host.raw_sftp_direct(account);
        assert!(sftp.put("uploads/part", b"part").ok(), "{}", account.name);
        let renamed = sftp.rename("uploads/part", "uploads/whole");
        assert!(renamed.ok(), "{}: {renamed:?}", account.name);
        assert!(sftp.put("uploads/part", b"second").ok(), "{}", account.name);
        let renamed = sftp.posix_rename("uploads/part", "uploads/other");
        assert!(renamed.ok(), "{}: {renamed:?}", account.name);
        assert!(sftp.put("uploads/part", b"third").ok(), "{}", account.name);
        assert!(!sftp.rename("uploads/part", "uploads/whole").ok());
        assert_eq!(sftp.end(), 0);
        assert_eq!(
            content(&host, account, "uploads/whole").as_deref(),
            Some("part")
        );
    }
    // Onto a taken name: the server does not ask for a free one; in an ordinary account it replaces the file.
    for account in [host.plain(), host.alice()] {
        let is_bound = account.name == "alice";
        let before = host.disk();
        let mut sftp = host.raw_sftp_direct(account);
        let reply = sftp.posix_rename("uploads/part", "uploads/whole");
        assert_eq!(reply.ok(), !is_bound, "{}: {reply:?}", account.name);
        if is_bound {
            before.assert_same(&host.disk(), "a taken name");
        }
        assert_eq!(sftp.end(), 0);
    }
    prepare(&host, "echo second >src/file; touch -d 2030-01-01 src/file");
    let again = ["-a", "src/", "@:uploads/new/"];
    rsync(&host, host.plain(), &again).succeeded("replacing");
    rsync(&host, host.alice(), &again).failed("replacing");
    assert_eq!(
        content(&host, host.alice(), "uploads/new/file").as_deref(),
        Some("first\n")
    );
    assert_no_temporaries(&host, host.alice());
}
