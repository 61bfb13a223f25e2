//! What a client does within the policy succeeds with the same bytes, modes and times as with plain OpenSSH, and its
//! errors fail in the same way (P11). The exceptions are the table in docs/differences.md, which this test compares
//! with what it sees.

use std::time::{SystemTime, UNIX_EPOCH};

mod more_rows;
mod requests;
mod rows;

use crate::harness::{Account, Host, Snapshot};

/// The home of an account, with names that do not depend on the account.
fn home(host: &Host, account: &Account, start: i64) -> Snapshot {
    let all = host.inside(|| Snapshot::of(&[account.home()]));
    let from = account.home().display().to_string();
    all.comparable(account.id, start).moved(&from, "/home")
}

/// Homes are made with times of long ago, so that "now" can be told from them.
fn furnish(host: &Host) {
    host.refurnish();
    // A group that is not the account's first, to be changed: the sessions here have no other group.
    host.shell_line(
        "for at in /home/*; do name=${at#/home/}; cd $at/uploads; runuser -u $name -- mkfifo fifo; \
         chgrp $name-team fifo old.txt other-note; done",
    );
    host.shell_line("find /home /srv -exec touch -h -d '2001-02-03 04:05:06' {} +");
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("a clock").as_secs()).expect("not yet")
}

const BATCH: &str = "\
put up uploads/up
put -p up uploads/up-p
get uploads/old.txt got
get -p uploads/up-p got-p
put part uploads/resumed
reput up uploads/resumed
!cp part got-resumed
reget uploads/up got-resumed
-put -a up uploads/resumed
mkdir uploads/new
rename uploads/up uploads/renamed
rename -l uploads/renamed uploads/new/moved
rename uploads/new/moved uploads/up-p
ln -s old.txt uploads/soft
symlink up-p site/soft
ln uploads/up-p uploads/hard
chmod 640 uploads/up-p
chmod 2750 uploads/new
chgrp GROUP uploads/up-p
put -rp tree uploads
put -rp tree uploads/new
get -rp uploads/tree back
mkdir uploads/gone
rmdir uploads/gone
rm uploads/hard
rm uploads/old.txt
-rm uploads/nothing
-mkdir uploads/new
-rmdir uploads/new
df
df -h uploads
ls -l uploads
ls -l uploads/soft
cd uploads/new
pwd
put up
lls
";

fn client_files(host: &Host) {
    let _ = host.inside(|| std::fs::remove_dir_all("/tmp/local"));
    host.shell_line(
        "mkdir -p /tmp/local/tree/sub/deep /tmp/local/tree/empty && cd /tmp/local && \
         seq 30000 >up && head -c 5000 up >part && echo one >tree/one && echo two >tree/sub/two && \
         cp up tree/sub/deep && : >tree/nothing && chmod 600 up && chmod 751 tree/sub && \
         chmod 640 tree/one && chmod 444 tree/sub/two && chmod 700 tree/empty && \
         find . -exec touch -h -d '2010-11-12 13:14:15' {} +",
    );
}

#[test]
fn the_same_session_leaves_the_same_trees() {
    let host = Host::with_sshd();
    let start = now();
    furnish(&host);
    let untouched = home(&host, host.plain(), start);
    let seen = [host.plain(), host.alice()].map(|account| {
        client_files(&host);
        let lines = BATCH.replace("GROUP", &account.team().to_string());
        let output = host.sftp(account, &lines).succeeded("the session");
        for (name, options) in [
            ("scp", &["-rp"][..]),
            ("scp-O", &["-O", "-rp"]),
            ("scp-plain", &["-r"]),
            ("scp-O-plain", &["-O", "-r"]),
        ] {
            host.sftp(account, &format!("mkdir uploads/{name}\n"))
                .succeeded("mkdir");
            host.scp_to(
                account,
                options,
                &["tree", "up"],
                &format!("uploads/{name}"),
            )
            .succeeded(name);
            host.scp_from(account, options, &format!("uploads/{name}"), name)
                .succeeded(name);
        }
        let local = host
            .inside(|| Snapshot::of(&["/tmp/local"]))
            .comparable(0, start);
        // What the client says, except for the name, the free space and the time of day.
        let kept = |line: &&str| !line.contains('%') && !line.contains("sftp> ls");
        let said: Vec<String> = output
            .err()
            .lines()
            .filter(kept)
            .map(|line| line.replace(&account.name, "NAME"))
            .collect();
        (home(&host, account, start), local, said)
    });
    let [
        (plain, plain_local, plain_said),
        (ours, ours_local, ours_said),
    ] = seen;
    assert_ne!(untouched.diff(&plain), "", "the session does nothing");
    for name in ["scp-O/tree/sub/two", "tree/sub/deep/up", "new/tree/sub/two"] {
        let path = format!("/home/uploads/{name}");
        assert!(
            plain.paths().any(|seen| seen.ends_with(&path[1..])),
            "{path}"
        );
    }
    assert_eq!(plain.diff(&ours), "", "the trees of the server differ");
    assert_eq!(
        plain_local.diff(&ours_local),
        "",
        "the trees of the client differ"
    );
    assert_eq!(plain_said, ours_said, "the client says something else");
}

/// Where OpenSSH waits until somebody reads the FIFO, the client is refused at once; no client reads one.
#[test]
fn nobody_waits_for_the_reader_of_a_fifo() {
    let host = Host::with_sshd();
    furnish(&host);
    client_files(&host);
    let write = |account: &Account| {
        let mut client = std::process::Command::new("timeout");
        let scp = host.client("scp");
        client.args(["2", "scp"]).args(scp.get_args());
        client
            .args(["-O", "up", &format!("{}@host:uploads/fifo", account.name)])
            .current_dir(crate::harness::client::LOCAL);
        host.run(&mut client, b"")
    };
    // What timeout(1) ends with if it had to end the command.
    assert_eq!(write(host.plain()).code(), 124);
    let refused = write(host.alice());
    assert_eq!(refused.code(), 1, "{refused}");
    assert!(refused.err().contains("Permission denied"), "{refused}");
    let read = |account: &Account, options: &[&str]| {
        let output = host.scp_from(account, options, "uploads/fifo", "got");
        output.failed("reading a FIFO").err()
    };
    for (account, options, says) in [
        (host.plain(), &[][..], "not a regular file"),
        (host.plain(), &["-O"], "not a regular file"),
        (host.alice(), &[], "not a regular file"),
        (host.alice(), &["-O"], "Permission denied"),
    ] {
        let err = read(account, options);
        assert!(err.contains(says), "{} {options:?}: {err}", account.name);
    }
}
