//! Backup programs: restic and duplicity over sftp, borg on sshfs.

use super::row::Action::Repository;
use super::row::{Client, End, row};
use super::stage::SUBSYSTEM;

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
    policy: "",
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
