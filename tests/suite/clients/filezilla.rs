//! FileZilla's engine for SFTP, driven as FileZilla does.

use super::row::Action::*;
use super::row::{Client, End, row};
use super::stage::SUBSYSTEM;

pub const FZSFTP: Client = Client {
    id: "filezilla-fzsftp",
    name: "FileZilla's fzsftp",
    protocol: "sftp",
    version: "dpkg-query -W -f '${Version}' filezilla",
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "/usr/bin/python3 $D/fzsftp.py upload"),
        row(Download, "/usr/bin/python3 $D/fzsftp.py download"),
        row(TreeUp, "/usr/bin/python3 $D/fzsftp.py tree-up"),
        row(TreeDown, "/usr/bin/python3 $D/fzsftp.py tree-down"),
        row(NamesUp, "/usr/bin/python3 $D/fzsftp.py names-up").ends(End::Lacks(&["newline"])),
        row(NamesDown, "/usr/bin/python3 $D/fzsftp.py names-down").ends(End::Lacks(&["newline"])),
        row(Empty, "/usr/bin/python3 $D/fzsftp.py empty"),
        row(ResumeUp, "/usr/bin/python3 $D/fzsftp.py resume-up"),
        row(ResumeDown, "/usr/bin/python3 $D/fzsftp.py resume-down"),
        row(Kept, "/usr/bin/python3 $D/fzsftp.py kept").ends(End::Lacks(&[
            "mode of down/kept.sh",
            "time of down/kept.sh",
        ])),
        row(Rename, "/usr/bin/python3 $D/fzsftp.py rename"),
        row(Delete, "/usr/bin/python3 $D/fzsftp.py delete"),
        row(Dotfile, "/usr/bin/python3 $D/fzsftp.py dotfile")
            .ends(End::Refused("ermission denied")),
    ],
};
