//! rclone, and with it Go's SSH and SFTP packages.

use super::row::Action::*;
use super::row::{Client, End, absent, row};
use super::stage::SUBSYSTEM;

pub const RCLONE: Client = Client {
    id: "rclone",
    name: "rclone (Go)",
    protocol: "sftp",
    version: "rclone version",
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "rclone copy up/file.bin $RCLONE:uploads/"),
        row(Download, "rclone copy $RCLONE:out/file.bin down/"),
        row(
            TreeUp,
            "rclone copy up/tree $RCLONE:uploads/tree --create-empty-src-dirs",
        ),
        row(
            TreeDown,
            "rclone copy $RCLONE:out/tree down/tree --create-empty-src-dirs",
        ),
        row(NamesUp, "rclone copy up/names $RCLONE:uploads/names").ends(End::Lacks(&["newline"])),
        row(NamesDown, "rclone copy $RCLONE:out/names down/names"),
        row(
            Empty,
            "rclone copy up/zero $RCLONE:uploads/ && rclone copy $RCLONE:out/zero down/",
        ),
        absent(ResumeUp, "rclone begins anew"),
        absent(ResumeDown, "rclone begins anew"),
        row(
            Kept,
            "rclone copy up/kept.sh $RCLONE:uploads/ && rclone copy $RCLONE:out/kept.sh down/",
        )
        .ends(End::Lacks(&[
            "mode of uploads/kept.sh",
            "mode of down/kept.sh",
        ])),
        row(
            Rename,
            "rclone moveto $RCLONE:uploads/old.txt $RCLONE:uploads/new.txt",
        ),
        row(Delete, "rclone deletefile $RCLONE:uploads/old.txt"),
        row(
            Dotfile,
            "rclone copyto up/file.bin $RCLONE:$DOT --retries 1",
        )
        .ends(End::Refused("permission denied")),
        row(
            Other("check by download", "true"),
            "rclone copy up/tree $RCLONE:uploads/tree && rclone check --download up/tree $RCLONE:uploads/tree",
        ),
    ],
};
