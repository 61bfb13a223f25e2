//! curl, and with it libssh2, with both protocols.

use super::row::Action::*;
use super::row::{Client, End, absent, row};
use super::stage::SUBSYSTEM;

const VERSION: &str = "curl --version | grep -o '^curl [^ ]*\\|libssh2[^ ]*' | paste -sd ' '";

pub const SFTP: Client = Client {
    id: "curl-sftp",
    name: "curl sftp:// (libssh2)",
    protocol: "sftp",
    version: VERSION,
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "curl $CURL -T up/file.bin sftp://host/~/uploads/file.bin"),
        row(Download, "curl $CURL -o down/file.bin sftp://host/~/out/file.bin"),
        absent(TreeUp, "curl knows no trees"),
        absent(TreeDown, "curl knows no trees"),
        row(NamesUp, r#"each up/names 'curl $CURL -T "$f" "sftp://host/~/uploads/names/$(url "$n")"'"#),
        row(NamesDown, r#"mkdir down/names; each up/names 'curl $CURL -o "down/names/$n" "sftp://host/~/out/names/$(url "$n")"'"#),
        row(Empty, "curl $CURL -T up/zero sftp://host/~/uploads/zero && curl $CURL -o down/zero sftp://host/~/out/zero"),
        row(ResumeUp, "curl $CURL -C - -T up/part.bin sftp://host/~/uploads/part.bin"),
        row(ResumeDown, "curl $CURL -C - -o down/part.bin sftp://host/~/out/part.bin"),
        row(Kept, "curl $CURL -R --create-file-mode 0750 -T up/kept.sh sftp://host/~/uploads/kept.sh && curl $CURL -R -o down/kept.sh sftp://host/~/out/kept.sh").ends(End::Lacks(&["time of uploads/kept.sh", "mode of down/kept.sh"])),
        row(Rename, "curl $CURL -Q 'rename uploads/old.txt uploads/new.txt' sftp://host/~/uploads/ -o /dev/null"),
        row(Delete, "curl $CURL -Q 'rm uploads/old.txt' sftp://host/~/uploads/ -o /dev/null"),
        row(Dotfile, "curl $CURL -T up/file.bin sftp://host/~/$DOT").ends(End::Refused("curl:")),
    ],
};

pub const SCP: Client = Client {
    id: "curl-scp",
    name: "curl scp:// (libssh2)",
    protocol: "scp",
    version: VERSION,
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "curl $CURL -T up/file.bin scp://host/~/uploads/file.bin"),
        row(Download, "curl $CURL -o down/file.bin scp://host/~/out/file.bin"),
        absent(TreeUp, "curl knows no trees"),
        absent(TreeDown, "curl knows no trees"),
        row(NamesUp, r#"each up/names 'curl $CURL -T "$f" "scp://host/~/uploads/names/$(url "$n")"'"#).ends(End::Lacks(&["newline", "255 bytes"])),
        row(NamesDown, r#"mkdir down/names; each up/names 'curl $CURL -o "down/names/$n" "scp://host/~/out/names/$(url "$n")"'"#).ends(End::Lacks(&["255 bytes"])),
        row(Empty, "curl $CURL -T up/zero scp://host/~/uploads/zero && curl $CURL -o down/zero scp://host/~/out/zero"),
        absent(ResumeUp, "scp begins anew"),
        absent(ResumeDown, "scp begins anew"),
        row(Kept, "curl $CURL -R --create-file-mode 0750 -T up/kept.sh scp://host/~/uploads/kept.sh && curl $CURL -R -o down/kept.sh scp://host/~/out/kept.sh").ends(End::Lacks(&["time of uploads/kept.sh", "mode of down/kept.sh", "time of down/kept.sh"])),
        absent(Rename, "scp has no rename"),
        absent(Delete, "scp has no delete"),
        row(Dotfile, "curl $CURL -T up/file.bin scp://host/~/$DOT").ends(End::RefusedSilently),
    ],
};
