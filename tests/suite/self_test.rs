//! The harness is useless if it does not notice: each of its checks is shown something here.

use crate::harness::sftp::{Attributes, CREATE, WRITE};
use crate::harness::{Host, SshdConfig};

#[test]
fn a_plain_account_runs_commands_and_the_disk_shows_them() {
    let host = Host::with_sshd();
    let before = host.disk();
    let output = host.ssh(
        host.plain(),
        &[],
        "echo out; echo err >&2; echo more >>uploads/old.txt; exit 7",
    );
    assert_eq!(
        (output.code(), output.out().as_str(), output.err().as_str()),
        (7, "out\n", "err\n")
    );
    let diff = before.diff(&host.disk());
    assert_eq!(diff.lines().count(), 2, "{diff}");
    host.refurnish();
    let output = host.direct(
        host.plain(),
        b"cat; pwd; id -un",
        b"through standard input\n",
    );
    assert_eq!(output.out(), "through standard input\n/home/plain\nplain\n");
}

#[test]
fn the_snapshot_sees_every_kind_of_change() {
    let host = Host::new();
    let changes = [
        "echo x >uploads/new",
        "rm uploads/old.txt",
        "chmod 600 uploads/old.txt",
        "touch -d @1000000000.5 uploads/old.txt",
        "touch -h -d @1000000000 uploads/to-home",
        "mv uploads/old.txt uploads/older.txt",
        "ln uploads/old.txt uploads/twice",
        "ln -sfn elsewhere uploads/to-home",
        "printf U >uploads/tmp; touch -r uploads/old.txt uploads/tmp; mkfifo uploads/fifo",
        "printf 'Uploaded before\\n' >uploads/tmp; touch -r uploads uploads/tmp; mv uploads/tmp uploads/old.txt",
    ];
    for change in changes {
        host.refurnish();
        let before = host.disk();
        host.direct(host.plain(), change.as_bytes(), b"")
            .succeeded(change);
        assert_ne!(before.diff(&host.disk()), "", "{change} was not seen");
    }
    host.refurnish();
    let before = host.disk();
    host.inside(|| xattr::set("/home/plain/uploads/old.txt", "user.test", b"1"))
        .expect("setting an attribute");
    assert_ne!(
        before.diff(&host.disk()),
        "",
        "an extended attribute was not seen"
    );
}

#[test]
fn the_log_gives_lines_in_order() {
    let host = Host::new();
    host.root("logger", &["-t", "xfersh", "one"])
        .succeeded("logger");
    host.root("logger", &["-t", "other", "two"])
        .succeeded("logger");
    host.root("logger", &["-t", "xfersh", "three"])
        .succeeded("logger");
    let texts: Vec<String> = host.log().into_iter().map(|line| line.text).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(
        texts[0].ends_with("one") && texts[1].ends_with("three"),
        "{texts:?}"
    );
    assert!(host.log().is_empty());
}

#[test]
fn the_raw_sftp_client_speaks_each_request() {
    let mut host = Host::new();
    host.start_sshd(&SshdConfig::default());
    let mut sftp = host.raw_sftp(host.plain());
    assert!(sftp.greeted);
    assert!(sftp.put("uploads/a", b"content").ok());
    assert_eq!(sftp.get("uploads/a"), Ok(b"content".to_vec()));
    let handle = sftp
        .handle(|sftp| sftp.open("uploads/a", WRITE | CREATE))
        .expect("a handle");
    assert!(sftp.fsetstat(&handle, Attributes::size(3)).ok());
    assert!(sftp.fsync(&handle).ok());
    assert!(sftp.fstat(&handle).ok());
    assert!(sftp.close(&handle).ok());
    assert_eq!(sftp.get("uploads/a"), Ok(b"con".to_vec()));
    assert!(sftp.setstat("uploads/a", Attributes::mode(0o640)).ok());
    assert!(sftp.setstat("uploads/a", Attributes::times(1, 2)).ok());
    assert!(
        sftp.setstat(
            "uploads/a",
            Attributes::owner(host.plain().id, host.plain().id)
        )
        .ok()
    );
    assert!(sftp.lsetstat("uploads/a", Attributes::times(3, 4)).ok());
    assert!(sftp.rename("uploads/a", "uploads/b").ok());
    assert!(sftp.posix_rename("uploads/b", "uploads/c").ok());
    assert!(sftp.hardlink("uploads/c", "uploads/d").ok());
    assert!(sftp.symlink("target", "uploads/e").ok());
    assert!(sftp.readlink("uploads/e").ok());
    assert!(sftp.mkdir("uploads/f").ok());
    assert!(sftp.rmdir("uploads/f").ok());
    assert!(sftp.remove("uploads/d").ok());
    assert!(!sftp.remove("uploads/d").ok());
    assert!(sftp.stat("uploads/c").ok() && sftp.lstat("uploads/e").ok() && sftp.realpath(".").ok());
    let names = sftp.list("uploads").expect("a listing");
    assert!(
        names.contains(&b"e".to_vec()) && !names.contains(&b"d".to_vec()),
        "{names:?}"
    );
    let modified = host.inside(|| {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata("/home/plain/uploads/c")
            .map(|facts| (facts.mode() & 0o7777, facts.mtime()))
    });
    assert_eq!(modified.expect("the file"), (0o640, 4));
    assert_eq!(sftp.end(), 0);
}

#[test]
fn real_clients_copy_both_ways() {
    let host = Host::with_sshd();
    let plain = host.plain();
    host.sftp(plain, "ls\n").succeeded("sftp");
    host.inside(|| std::fs::write("/tmp/local/up", "up\n"))
        .expect("a local file");
    host.sftp(plain, "put up uploads/by-sftp\nget uploads/by-sftp back\n")
        .succeeded("sftp");
    assert_eq!(host.read("/tmp/local/back"), b"up\n");
    for options in [&[][..], &["-O"]] {
        host.scp_to(plain, options, &["up"], "uploads/by-scp")
            .succeeded("scp up");
        host.scp_from(plain, options, "uploads/by-scp", "down")
            .succeeded("scp down");
        assert_eq!(host.read("/tmp/local/down"), b"up\n");
        host.scp_to(plain, options, &["up"], "missing/place")
            .failed("scp to a missing place");
        host.inside(|| std::fs::remove_file("/tmp/local/down"))
            .expect("removing");
    }
}
