//! libssh, through a test program that is linked with it.

use super::row::Action::*;
use super::row::{Client, End, absent, row};
use super::stage::SUBSYSTEM;

pub const SFTP: Client = Client {
    id: "libssh-sftp",
    name: "libssh SFTP",
    protocol: "sftp",
    version: "/opt/libssh_client version",
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "/opt/libssh_client sftp upload"),
        row(Download, "/opt/libssh_client sftp download"),
        row(TreeUp, "/opt/libssh_client sftp tree-up"),
        row(TreeDown, "/opt/libssh_client sftp tree-down"),
        row(NamesUp, "/opt/libssh_client sftp names-up"),
        row(NamesDown, "/opt/libssh_client sftp names-down"),
        row(Empty, "/opt/libssh_client sftp empty"),
        row(ResumeUp, "/opt/libssh_client sftp resume-up"),
        row(ResumeDown, "/opt/libssh_client sftp resume-down"),
        row(Kept, "/opt/libssh_client sftp kept"),
        row(Rename, "/opt/libssh_client sftp rename"),
        row(Delete, "/opt/libssh_client sftp delete"),
        row(Dotfile, "/opt/libssh_client sftp dotfile").ends(End::Refused("Permission denied")),
    ],
};

pub const SCP: Client = Client {
    id: "libssh-scp",
    name: "libssh scp",
    protocol: "scp",
    version: "/opt/libssh_client version",
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "/opt/libssh_client scp upload"),
        row(Download, "/opt/libssh_client scp download"),
        absent(TreeUp, "the driver copies files only"),
        absent(TreeDown, "the driver copies files only"),
        row(NamesUp, "/opt/libssh_client scp names-up").ends(End::Lacks(&["newline"])),
        row(NamesDown, "/opt/libssh_client scp names-down"),
        row(Empty, "/opt/libssh_client scp empty"),
        absent(ResumeUp, "scp begins anew"),
        absent(ResumeDown, "scp begins anew"),
        absent(Kept, "libssh sets no times by scp"),
        absent(Rename, "scp has no rename"),
        absent(Delete, "scp has no delete"),
        row(Dotfile, "/opt/libssh_client scp dotfile").ends(End::Refused("up/file.bin:")),
    ],
};
