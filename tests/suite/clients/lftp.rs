//! lftp over sftp, mirror both ways.

use super::row::Action::*;
use super::row::{Client, End, row};
use super::stage::SUBSYSTEM;

pub const LFTP: Client = Client {
    id: "lftp",
    name: "lftp",
    protocol: "sftp",
    version: "lftp --version",
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(
            Upload,
            "lftp -c 'open sftp://'$U':x@host; put -O uploads up/file.bin'",
        ),
        row(
            Download,
            "lftp -c 'open sftp://'$U':x@host; get -O down out/file.bin'",
        ),
        row(
            TreeUp,
            "lftp -c 'open sftp://'$U':x@host; mirror -R up/tree uploads/tree'",
        ),
        row(
            TreeDown,
            "lftp -c 'open sftp://'$U':x@host; mirror out/tree down/tree'",
        ),
        row(
            NamesUp,
            "lftp -c 'open sftp://'$U':x@host; mirror -R up/names uploads/names'",
        ),
        row(
            NamesDown,
            "lftp -c 'open sftp://'$U':x@host; mirror out/names down/names'",
        ),
        row(
            Empty,
            "lftp -c 'open sftp://'$U':x@host; put -O uploads up/zero; get -O down out/zero'",
        ),
        row(
            ResumeUp,
            "lftp -c 'open sftp://'$U':x@host; put -c up/part.bin -o uploads/part.bin'",
        ),
        row(
            ResumeDown,
            "lftp -c 'open sftp://'$U':x@host; get -c out/part.bin -o down/part.bin'",
        ),
        row(
            Kept,
            "lftp -c 'open sftp://'$U':x@host; mirror -R -f up/kept.sh -O uploads; mirror -f out/kept.sh -O down'",
        ),
        row(
            Rename,
            "lftp -c 'open sftp://'$U':x@host; mv uploads/old.txt uploads/new.txt'",
        ),
        row(
            Delete,
            "lftp -c 'open sftp://'$U':x@host; rm uploads/old.txt'",
        ),
        row(
            Dotfile,
            "lftp -c 'open sftp://'$U':x@host; put up/file.bin -o '$DOT",
        )
        .ends(End::Refused("Permission denied")),
        row(
            Other(
                "mirror again with --delete",
                "test ! -e $HOME_OF_U/uploads/tree/top.txt && cmp up/tree/a/one.bin $HOME_OF_U/uploads/tree/a/one.bin",
            ),
            "lftp -c 'open sftp://'$U':x@host; mirror -R up/tree uploads/tree'; rm up/tree/top.txt; lftp -c 'open sftp://'$U':x@host; mirror -R --delete up/tree uploads/tree'",
        ),
    ],
};
