//! PuTTY: pscp in both protocols, psftp.

use super::row::Action::*;
use super::row::{Client, End, absent, row};
use super::stage::SUBSYSTEM;

const VERSION: &str = "pscp -V";
const NO_RESUME: &str = "pscp begins anew";
const ONLY_COPIES: &str = "pscp has no rename or delete";

pub const PSCP: Client = Client {
    id: "putty-pscp-sftp",
    name: "PuTTY pscp -sftp",
    protocol: "sftp",
    version: VERSION,
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "pscp $PUTTY -q -sftp up/file.bin $TO:uploads/"),
        row(Download, "pscp $PUTTY -q -sftp $TO:out/file.bin down/"),
        row(TreeUp, "pscp $PUTTY -q -sftp -r up/tree $TO:uploads/"),
        row(TreeDown, "pscp $PUTTY -q -sftp -r $TO:out/tree down/"),
        row(NamesUp, "pscp $PUTTY -q -sftp -r up/names $TO:uploads/")
            .ends(End::Lacks(&["backslash"])),
        row(NamesDown, "pscp $PUTTY -q -sftp -r $TO:out/names down/"),
        row(
            Empty,
            "pscp $PUTTY -q -sftp up/zero $TO:uploads/ && pscp $PUTTY -q -sftp $TO:out/zero down/",
        ),
        absent(ResumeUp, NO_RESUME),
        absent(ResumeDown, NO_RESUME),
        row(
            Kept,
            "pscp $PUTTY -q -sftp -p up/kept.sh $TO:uploads/ && pscp $PUTTY -q -sftp -p $TO:out/kept.sh down/",
        ),
        absent(Rename, ONLY_COPIES),
        absent(Delete, ONLY_COPIES),
        row(Dotfile, "pscp $PUTTY -q -sftp up/file.bin $TO:$DOT")
            .ends(End::Refused("permission denied")),
        row(
            Other("listing", "true"),
            "pscp $PUTTY -q -sftp -ls $TO:uploads",
        ),
    ],
};

pub const PSCP_LEGACY: Client = Client {
    id: "putty-pscp-scp",
    name: "PuTTY pscp -scp",
    protocol: "scp",
    version: VERSION,
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "pscp $PUTTY -q -scp up/file.bin $TO:uploads/"),
        row(Download, "pscp $PUTTY -q -scp $TO:out/file.bin down/"),
        row(TreeUp, "pscp $PUTTY -q -scp -r up/tree $TO:uploads/"),
        row(TreeDown, "pscp $PUTTY -q -scp -r $TO:out/tree down/"),
        row(
            NamesUp,
            r#"each up/names 'pscp $PUTTY -q -scp "$f" $TO:uploads/names/'"#,
        )
        .ends(End::Lacks(&["newline", "backslash"])),
        row(NamesDown, "pscp $PUTTY -q -scp -r $TO:out/names down/").ends(End::Lacks(&["newline"])),
        row(
            Empty,
            "pscp $PUTTY -q -scp up/zero $TO:uploads/ && pscp $PUTTY -q -scp $TO:out/zero down/",
        ),
        absent(ResumeUp, NO_RESUME),
        absent(ResumeDown, NO_RESUME),
        row(
            Kept,
            "pscp $PUTTY -q -scp -p up/kept.sh $TO:uploads/ && pscp $PUTTY -q -scp -p $TO:out/kept.sh down/",
        ),
        absent(Rename, ONLY_COPIES),
        absent(Delete, ONLY_COPIES),
        row(Dotfile, "pscp $PUTTY -q -scp up/file.bin $TO:$DOT")
            .ends(End::Refused("This account is for file transfer only.")),
    ],
};

pub const PSFTP: Client = Client {
    id: "putty-psftp",
    name: "PuTTY psftp",
    protocol: "sftp",
    version: VERSION,
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "echo put up/file.bin uploads/file.bin | psftp $PUTTY -b /dev/stdin $TO"),
        row(Download, "echo get out/file.bin down/file.bin | psftp $PUTTY -b /dev/stdin $TO"),
        row(TreeUp, "echo put -r up/tree uploads/tree | psftp $PUTTY -b /dev/stdin $TO"),
        row(TreeDown, "echo get -r out/tree down/tree | psftp $PUTTY -b /dev/stdin $TO"),
        row(NamesUp, "echo put -r up/names uploads/names | psftp $PUTTY -b /dev/stdin $TO"),
        row(NamesDown, "echo get -r out/names down/names | psftp $PUTTY -b /dev/stdin $TO"),
        row(Empty, r"printf 'put up/zero uploads/zero\nget out/zero down/zero\n' | psftp $PUTTY -b /dev/stdin $TO"),
        row(ResumeUp, "echo reput up/part.bin uploads/part.bin | psftp $PUTTY -b /dev/stdin $TO"),
        row(ResumeDown, "echo reget out/part.bin down/part.bin | psftp $PUTTY -b /dev/stdin $TO"),
        row(Kept, r"printf 'put up/kept.sh uploads/kept.sh\nget out/kept.sh down/kept.sh\n' | psftp $PUTTY -b /dev/stdin $TO")
            .ends(End::Lacks(&["time of uploads/kept.sh", "time of down/kept.sh"])),
        row(Rename, "echo ren uploads/old.txt uploads/new.txt | psftp $PUTTY -b /dev/stdin $TO"),
        row(Delete, "echo rm uploads/old.txt | psftp $PUTTY -b /dev/stdin $TO"),
        row(Dotfile, "echo put up/file.bin $DOT | psftp $PUTTY -b /dev/stdin $TO").ends(End::Refused("permission denied")),
    ],
};

/// If sshd has no sftp subsystem, psftp asks the shell for the server with its own three lines.
pub const PSFTP_FALLBACK: Client = Client {
    id: "putty-psftp-fallback",
    name: "PuTTY psftp, sshd without a subsystem",
    protocol: "sftp, by its three lines for a shell",
    version: VERSION,
    policy: "",
    subsystem: "",
    rows: &[
        row(Upload, "echo put up/file.bin uploads/file.bin | psftp $PUTTY -b /dev/stdin $TO"),
        row(Download, "echo get out/file.bin down/file.bin | psftp $PUTTY -b /dev/stdin $TO"),
        row(TreeUp, "echo put -r up/tree uploads/tree | psftp $PUTTY -b /dev/stdin $TO"),
        row(TreeDown, "echo get -r out/tree down/tree | psftp $PUTTY -b /dev/stdin $TO"),
        row(NamesUp, "echo put -r up/names uploads/names | psftp $PUTTY -b /dev/stdin $TO"),
        row(NamesDown, "echo get -r out/names down/names | psftp $PUTTY -b /dev/stdin $TO"),
        row(Empty, r"printf 'put up/zero uploads/zero\nget out/zero down/zero\n' | psftp $PUTTY -b /dev/stdin $TO"),
        row(ResumeUp, "echo reput up/part.bin uploads/part.bin | psftp $PUTTY -b /dev/stdin $TO"),
        row(ResumeDown, "echo reget out/part.bin down/part.bin | psftp $PUTTY -b /dev/stdin $TO"),
        row(Kept, r"printf 'put up/kept.sh uploads/kept.sh\nget out/kept.sh down/kept.sh\n' | psftp $PUTTY -b /dev/stdin $TO")
            .ends(End::Lacks(&["time of uploads/kept.sh", "time of down/kept.sh"])),
        row(Rename, "echo ren uploads/old.txt uploads/new.txt | psftp $PUTTY -b /dev/stdin $TO"),
        row(Delete, "echo rm uploads/old.txt | psftp $PUTTY -b /dev/stdin $TO"),
        row(Dotfile, "echo put up/file.bin $DOT | psftp $PUTTY -b /dev/stdin $TO").ends(End::Refused("permission denied")),
    ],
};
