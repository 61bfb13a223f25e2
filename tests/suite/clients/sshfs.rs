//! sshfs, and programs on it.

use super::row::Action::*;
use super::row::{Client, End, row};
use super::stage::SUBSYSTEM;

pub const SSHFS: Client = Client {
    id: "sshfs",
    name: "sshfs",
    protocol: "sftp",
    version: "sshfs --version 2>&1 | grep SSHFS",
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "mounted 'cp up/file.bin /tmp/mnt/uploads/'"),
        row(Download, "mounted 'cp /tmp/mnt/out/file.bin down/'"),
        row(TreeUp, "mounted 'cp -r up/tree /tmp/mnt/uploads/'"),
        row(TreeDown, "mounted 'cp -r /tmp/mnt/out/tree down/'"),
        row(NamesUp, "mounted 'cp -r up/names /tmp/mnt/uploads/'"),
        row(NamesDown, "mounted 'cp -r /tmp/mnt/out/names down/'"),
        row(
            Empty,
            "mounted 'cp up/zero /tmp/mnt/uploads/ && cp /tmp/mnt/out/zero down/'",
        ),
        row(
            ResumeUp,
            "mounted 'tail -c +200001 up/part.bin >>/tmp/mnt/uploads/part.bin'",
        ),
        row(
            ResumeDown,
            "mounted 'tail -c +200001 /tmp/mnt/out/part.bin >>down/part.bin'",
        ),
        row(
            Kept,
            "mounted 'cp --preserve=mode,timestamps up/kept.sh /tmp/mnt/uploads/; cp --preserve=mode,timestamps /tmp/mnt/out/kept.sh down/'",
        ),
        row(
            Rename,
            "mounted 'mv /tmp/mnt/uploads/old.txt /tmp/mnt/uploads/new.txt'",
        ),
        row(Delete, "mounted 'rm /tmp/mnt/uploads/old.txt'"),
        row(Dotfile, "mounted 'cp up/file.bin /tmp/mnt/$DOT'")
            .ends(End::Refused("Permission denied")),
    ],
};
