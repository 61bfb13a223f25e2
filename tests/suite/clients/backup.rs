//! Backup programs: restic and duplicity over sftp, borg on sshfs.

use super::row::Action::Repository;
use super::row::{Client, End, row};
use super::stage::{self, SUBSYSTEM};
use crate::harness::Snapshot;

/// Without it about one removal in three hundred is refused to a program that removes files right after closing them.
pub const FUSE_HIDDEN: &str = "dotfile_names = [\".fuse_hidden*\"]\n";

const RESTORED: &str = "diff -r up down/restored/up && diff -r up/names down/restored/up/names";

pub const RESTIC: Client = Client {
    id: "restic",
    name: "restic (Go, OpenSSH)",
    protocol: "sftp",
    version: "restic version",
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(
            Repository("init, backup, restore", RESTORED),
            "restic init && restic backup up && restic restore latest -t down/restored",
        ),
        row(
            Repository("second backup, forget, prune, check", "true"),
            "restic init && restic backup up/tree && restic backup up/names && \
             restic forget --keep-last 1 --group-by host --prune && restic check --read-data",
        ),
        row(
            Repository("dotfile", "test -e $HOME_OF_U/$DOT/config"),
            "restic -r sftp:$TO:$DOT init",
        )
        .ends(End::Refused("permission denied")),
    ],
};

pub const DUPLICITY: Client = Client {
    id: "duplicity",
    name: "duplicity (paramiko)",
    protocol: "sftp",
    version: "duplicity --version",
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(
            Repository("full, incremental, restore, verify", RESTORED),
            "duplicity full $DUPLICITY up sftp://$TO/uploads/dup && \
             duplicity incremental $DUPLICITY up sftp://$TO/uploads/dup && mkdir down/restored && \
             duplicity restore $DUPLICITY sftp://$TO/uploads/dup down/restored/up && \
             duplicity verify $DUPLICITY sftp://$TO/uploads/dup up",
        ),
        row(
            Repository("dotfile", "ls $HOME_OF_U/$DOT/*full*"),
            "duplicity full $DUPLICITY --num-retries 1 up sftp://$TO/$DOT",
        )
        .ends(End::Refused("Permission denied")),
    ],
};

pub const BORG: Client = Client {
    id: "borg",
    name: "borg on sshfs",
    protocol: "sftp",
    version: "borg --version",
    // The kernel tells sshfs of a close only after close(2): a file that is removed right then counts as open.
    policy: FUSE_HIDDEN,
    subsystem: SUBSYSTEM,
    rows: &[
        row(
            Repository("init, create, check, extract", RESTORED),
            "mounted 'borg init -e none && borg create ::one up && borg create ::two up && borg delete ::one && \
             borg check && mkdir down/restored && cd down/restored && borg extract ::two'",
        ),
        row(
            Repository("dotfile", "test -e $HOME_OF_U/$DOT/config"),
            "mounted 'borg init -e none /tmp/mnt/$DOT'",
        )
        .ends(End::Refused("Permission denied")),
    ],
};

/// Under `access = "append-only"` a backup client adds snapshots and cannot destroy old ones.
#[test]
#[ignore = "a heavy client: tests/run --all"]
fn append_only_keeps_old_snapshots() {
    let host = stage::host(SUBSYSTEM);
    host.policy("access = \"append-only\"\n");
    for account in [host.plain(), host.alice()] {
        let run = |line: &str| stage::run(&host, account, line);
        stage::set(&host, account);
        for line in [
            "restic init",
            "restic backup up/tree",
            "restic backup up/names",
        ] {
            run(line).succeeded(line);
        }
        let repository = account.at("uploads/restic");
        let data = repository.join("data");
        let files = || {
            let kept = [
                &data,
                &repository.join("snapshots"),
                &repository.join("index"),
            ];
            host.inside(|| Snapshot::of(&kept))
        };
        let before = files();
        let pruned = run("restic forget --keep-last 1 --group-by host --prune");
        let lost = before.diff(&files());
        // A removed or changed file; the time of a directory may change.
        let is_file = |line: &&str| line.starts_with("- ") && line.split(' ').nth(2) == Some("f");
        let lost: Vec<_> = lost.lines().filter(is_file).collect();
        let restored = run(
            "restic restore -t down/restored $(restic snapshots --json | \
                            python3 -c 'import json, sys; print(json.load(sys.stdin)[0][\"short_id\"])')",
        );
        if account.name == host.plain().name {
            pruned.succeeded("forget in an ordinary account");
            assert!(!lost.is_empty(), "the baseline removes old snapshots");
            continue;
        }
        assert!(pruned.err().contains("permission denied"), "{pruned}");
        assert!(lost.is_empty(), "old snapshots were changed: {lost:#?}");
        restored.succeeded("restoring the older snapshot");
        run("diff -r up/tree $(find down/restored -name tree)").succeeded("comparing");
        run("restic unlock; restic backup up/tree").succeeded("a further snapshot");
    }
}
