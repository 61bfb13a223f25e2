//! rsync; what else there is to it is in `suite/rsync`.

use super::row::Action::*;
use super::row::{Client, End, absent, row};
use super::stage::SUBSYSTEM;

pub const RSYNC: Client = Client {
    id: "rsync",
    name: "rsync",
    protocol: "rsync",
    version: "rsync --version",
    policy: "protocols = [\"rsync\"]\n",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "rsync up/file.bin $TO:uploads/"),
        row(Download, "rsync $TO:out/file.bin down/"),
        row(TreeUp, "rsync -r up/tree $TO:uploads/"),
        row(TreeDown, "rsync -r $TO:out/tree down/"),
        row(NamesUp, "rsync -r up/names $TO:uploads/"),
        row(NamesDown, "rsync -r $TO:out/names down/"),
        row(
            Empty,
            "rsync up/zero $TO:uploads/ && rsync $TO:out/zero down/",
        ),
        row(ResumeUp, "rsync --append up/part.bin $TO:uploads/"),
        row(ResumeDown, "rsync --append $TO:out/part.bin down/"),
        row(
            Kept,
            "rsync -pt up/kept.sh $TO:uploads/ && rsync -pt $TO:out/kept.sh down/",
        ),
        absent(Rename, "rsync has no rename"),
        row(
            Delete,
            "mkdir void && rsync -r --delete --include=old.txt --exclude='*' void/ $TO:uploads/",
        ),
        row(Dotfile, "rsync up/file.bin $TO:$DOT").ends(End::Refused("This account")),
    ],
};
