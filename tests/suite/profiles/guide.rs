//! The example of the guide: one account, two keys, one of which can only upload and the other only download.

use super::{directories, key, make_key, rsync, sftp, start};
use crate::docs::block_of;
use crate::harness::sshd::CLIENT_KEY;
use crate::harness::{Account, Host, XFERSH};

const GUIDE: &str = "docs/administrators-guide.md";

/// The lines of the guide with the keys of this host.
fn keys(host: &Host) -> String {
    let lines = block_of(GUIDE, "keys: profiles");
    let lines = lines.replace("/usr/bin/xfersh", XFERSH);
    let own = ["up", "down"].map(|name| make_key(host, name));
    let lines = lines.lines().zip(own).map(|(line, own)| {
        let (options, _) = line.split_once("ssh-ed25519 ").expect("a key");
        format!("{options}{own}\n")
    });
    lines.collect()
}

/// What each key is for works, by every client; nothing else does, and the disk shows it.
fn as_the_guide_says(host: &Host, account: &Account) {
    directories(host, account);
    host.write("/tmp/local/up", b"from the client\n");
    let (up, down) = (key("up"), key("down"));
    let protocols = [
        (["-i", &up, "-s"], ["-i", &down, "-s"], "by-scp"),
        (["-i", &up, "-O"], ["-i", &down, "-O"], "by-old-scp"),
    ];
    sftp(host, account, "up", "put up in/by-sftp\n").succeeded("sftp up");
    for (up, down, name) in &protocols {
        host.scp_to(account, up, &["up"], &format!("in/{name}"))
            .succeeded(name);
        host.scp_from(account, down, "out/file", "down")
            .succeeded(name);
        assert_eq!(host.read("/tmp/local/down"), b"ready\n");
    }
    rsync(host, account, "up", &["up", "@in/by-rsync"]).succeeded("rsync up");
    for name in ["by-sftp", "by-scp", "by-old-scp", "by-rsync"] {
        let path = account.at("in").join(name);
        assert_eq!(host.read(&path), b"from the client\n", "{name}");
    }
    sftp(host, account, "down", "ls out\nget out/file down\n").succeeded("sftp down");
    rsync(host, account, "down", &["-r", "@out", "got"]).succeeded("rsync down");
    assert_eq!(host.read("/tmp/local/got/out/file"), b"ready\n");
    host.shell_line("rm -rf /tmp/local/got /tmp/local/down");
    let before = host.disk();
    for line in [
        "get out/file down",
        "get in/older down",
        "get note.txt down",
        "rm in/older",
        "put up in/older",
        "put up out/new",
        "put up uploads/new",
        "put up in/.dot",
        "ls out",
    ] {
        sftp(host, account, "up", &format!("{line}\n")).failed(line);
    }
    for line in [
        "put up in/new",
        "put up out/new",
        "rm out/file",
        "get in/older down",
        "get note.txt down",
        "ls in",
        "mkdir out/new",
        "put up uploads/new",
    ] {
        sftp(host, account, "down", &format!("{line}\n")).failed(line);
    }
    for (up, down, name) in &protocols {
        host.scp_from(account, up, "out/file", "down").failed(name);
        host.scp_to(account, down, &["up"], "in/new").failed(name);
    }
    rsync(host, account, "up", &["@out/file", "down"]).failed("rsync down with the key for up");
    rsync(host, account, "down", &["up", "@in/new"]).failed("rsync up with the key for down");
    before.assert_same(&host.disk(), "what the keys are not for");
}

#[test]
fn two_keys_of_one_account() {
    let mut host = Host::with_sshd();
    let policy = block_of(GUIDE, "recipe: profiles");
    let keys = keys(&host);
    for name in ["plain", "alice"] {
        // Without the forced command, the key can do anything that its account can.
        host.no_policy();
        let free = host.shell_line(&format!("cat {}.pub", key("up")));
        start(&mut host, &free, false, "");
        let account = host.account(name).clone();
        directories(&host, &account);
        host.write("/tmp/local/up", b"from the client\n");
        sftp(
            &host,
            &account,
            "up",
            "put up in/older\nget out/file down\nrm in/older\n",
        )
        .succeeded("both ways without a forced command");
        host.refurnish();
        host.policy(&policy);
        start(&mut host, &keys, false, "");
        host.log();
        as_the_guide_says(&host, &account);
        let log = host.log();
        let verdicts = log.iter().filter(|line| line.text.contains(" verdict="));
        for line in verdicts {
            let profile =
                line.text.contains(" profile=up ") || line.text.contains(" profile=down ");
            assert!(profile && line.text.contains(" command="), "{}", line.text);
        }
        assert!(log.iter().any(
            |line| line.text.contains("verdict=allowed") && line.text.contains(" profile=up ")
        ));
        // The key that sshd knows no more lets nobody in.
        let usual = host.ssh(&account, &["-i", CLIENT_KEY], "id");
        assert_eq!(usual.code(), 255, "{usual}");
        host.refurnish();
    }
}
