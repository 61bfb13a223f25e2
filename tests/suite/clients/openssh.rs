//! OpenSSH: scp in both protocols, and sftp.

use super::row::Action::*;
use super::row::{Client, End, absent, row};
use super::stage::SUBSYSTEM;

const VERSION: &str = "ssh -V 2>&1";
const MODERN_SCP: &str = "scp has no rename or delete";
const NO_RESUME: &str = "scp begins anew";

pub const SCP: Client = Client {
    id: "openssh-scp",
    name: "OpenSSH scp",
    protocol: "sftp",
    version: VERSION,
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "scp up/file.bin $TO:uploads/"),
        row(Download, "scp $TO:out/file.bin down/"),
        row(TreeUp, "scp -r up/tree $TO:uploads/"),
        row(TreeDown, "scp -r $TO:out/tree down/"),
        row(
            NamesUp,
            r#"each up/names 'scp "$f" "$TO:uploads/names/$n"'"#,
        ),
        row(
            NamesDown,
            r#"mkdir down/names; each up/names 'scp "$TO:out/names/$(e "$n")" down/names/'"#,
        ),
        row(Empty, "scp up/zero $TO:uploads/ && scp $TO:out/zero down/"),
        absent(ResumeUp, NO_RESUME),
        absent(ResumeDown, NO_RESUME),
        row(
            Kept,
            "scp -p up/kept.sh $TO:uploads/ && scp -p $TO:out/kept.sh down/",
        ),
        absent(Rename, MODERN_SCP),
        absent(Delete, MODERN_SCP),
        row(Dotfile, "scp up/file.bin $TO:$DOT").ends(End::Refused("Permission denied")),
        row(
            Other(
                "several sources",
                "cmp up/zero $HOME_OF_U/uploads/zero && cmp up/kept.sh $HOME_OF_U/uploads/kept.sh",
            ),
            "scp up/zero up/kept.sh $TO:uploads/",
        ),
        row(
            Other(
                "wildcard",
                "cmp out/a down/kept.sh 2>/dev/null || cmp up/kept.sh down/kept.sh && cmp up/part.bin down/part.bin",
            ),
            "scp \"$TO:out/*p*t*\" down/",
        ),
        row(
            Other(
                "home as ~/",
                "cmp up/file.bin $HOME_OF_U/uploads/file.bin && cmp up/zero down/zero",
            ),
            "scp up/file.bin $TO:~/uploads/ && scp $TO:~/out/zero down/",
        ),
        row(
            Other(
                "between two remotes by -3",
                "cmp up/file.bin $HOME_OF_U/uploads/copy.bin",
            ),
            "scp -3 $TO:out/file.bin $TO:uploads/copy.bin",
        ),
    ],
};

pub const SCP_LEGACY: Client = Client {
    id: "openssh-scp-O",
    name: "OpenSSH scp -O",
    protocol: "scp",
    version: VERSION,
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "scp -O up/file.bin $TO:uploads/"),
        row(Download, "scp -O $TO:out/file.bin down/"),
        row(TreeUp, "scp -O -r up/tree $TO:uploads/"),
        row(TreeDown, "scp -O -r $TO:out/tree down/"),
        row(
            NamesUp,
            r#"each up/names 'scp -O "$f" "$TO:$(q "uploads/names/$n")"'"#,
        ),
        row(
            NamesDown,
            r#"mkdir down/names; each up/names 'scp -O -T "$TO:$(q "out/names/$n")" down/names/'"#,
        )
        .ends(End::Lacks(&["newline"])),
        row(
            Empty,
            "scp -O up/zero $TO:uploads/ && scp -O $TO:out/zero down/",
        ),
        absent(ResumeUp, NO_RESUME),
        absent(ResumeDown, NO_RESUME),
        row(
            Kept,
            "scp -O -p up/kept.sh $TO:uploads/ && scp -O -p $TO:out/kept.sh down/",
        ),
        absent(Rename, MODERN_SCP),
        absent(Delete, MODERN_SCP),
        row(Dotfile, "scp -O up/file.bin $TO:$DOT")
            .ends(End::Refused("This account is for file transfer only.")),
        row(
            Other(
                "several sources",
                "cmp up/zero $HOME_OF_U/uploads/zero && cmp up/kept.sh $HOME_OF_U/uploads/kept.sh",
            ),
            "scp -O up/zero up/kept.sh $TO:uploads/",
        ),
        row(
            Other(
                "wildcard",
                "cmp up/zero down/zero && cmp up/kept.sh down/kept.sh",
            ),
            "scp -O \"$TO:out/*e[rp]*\" down/",
        ),
        row(
            Other(
                "home as ~/",
                "cmp up/file.bin $HOME_OF_U/uploads/file.bin && cmp up/zero down/zero",
            ),
            "scp -O up/file.bin $TO:~/uploads/ && scp -O $TO:~/out/zero down/",
        ),
        row(
            Other(
                "names in the tree",
                "diff -r -x 'two*lines' up/names $HOME_OF_U/uploads/names && diff -r -x 'two*lines' up/names down/names",
            ),
            "scp -O -r up/names $TO:uploads/; scp -O -r $TO:out/names down/",
        ),
        row(
            Other(
                "between two remotes by -3",
                "cmp up/file.bin $HOME_OF_U/uploads/copy.bin",
            ),
            "scp -O -3 $TO:out/file.bin $TO:uploads/copy.bin",
        ),
    ],
};

pub const SFTP: Client = Client {
    id: "openssh-sftp",
    name: "OpenSSH sftp -b",
    protocol: "sftp",
    version: VERSION,
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "echo put up/file.bin uploads/ | sftp -b - $TO"),
        row(Download, "echo get out/file.bin down/ | sftp -b - $TO"),
        row(TreeUp, "echo put -r up/tree uploads/ | sftp -b - $TO"),
        row(TreeDown, "echo get -r out/tree down/ | sftp -b - $TO"),
        row(NamesUp, "echo put -r up/names uploads/ | sftp -b - $TO"),
        row(NamesDown, "echo get -r out/names down/ | sftp -b - $TO"),
        row(
            Empty,
            r"printf 'put up/zero uploads/\nget out/zero down/\n' | sftp -b - $TO",
        ),
        row(
            ResumeUp,
            "echo reput up/part.bin uploads/part.bin | sftp -b - $TO",
        ),
        row(
            ResumeDown,
            "echo reget out/part.bin down/part.bin | sftp -b - $TO",
        ),
        row(
            Kept,
            r"printf 'put -p up/kept.sh uploads/\nget -p out/kept.sh down/\n' | sftp -b - $TO",
        ),
        row(
            Rename,
            "echo rename uploads/old.txt uploads/new.txt | sftp -b - $TO",
        ),
        row(Delete, "echo rm uploads/old.txt | sftp -b - $TO"),
        row(Dotfile, "echo put up/file.bin $DOT | sftp -b - $TO")
            .ends(End::Refused("Permission denied")),
        row(
            Other(
                "rename over a file",
                "test ! -e $HOME_OF_U/uploads/old.txt && grep before $HOME_OF_U/uploads/sub/deep.txt",
            ),
            "echo rename uploads/old.txt uploads/sub/deep.txt | sftp -b - $TO",
        ),
        row(
            Other(
                "chmod, symlink, hard link, mkdir, rmdir",
                "cd $HOME_OF_U/uploads && test -L soft -a old.txt -ef hard -a ! -e empty -a \"$(stat -c %a fresh)\" = 700",
            ),
            r"printf '%s\n' 'cd uploads' 'mkdir fresh' 'chmod 700 fresh' 'symlink old.txt soft' 'ln old.txt hard' 'rmdir empty' | sftp -b - $TO",
        ),
    ],
};
