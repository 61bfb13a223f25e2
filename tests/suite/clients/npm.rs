//! Node's client: ssh2-sftp-client, on ssh2.

use super::row::Action::*;
use super::row::{Client, End, row};
use super::stage::SUBSYSTEM;

pub const SSH2_SFTP_CLIENT: Client = Client {
    id: "ssh2-sftp-client",
    name: "ssh2-sftp-client (npm)",
    protocol: "sftp",
    version: "node -p 'const f = require(`fs`), v = (n) => n + ` ` + JSON.parse(f.readFileSync(process.env.PACKAGES + `/npm/node_modules/` + n + `/package.json`)).version; v(`ssh2-sftp-client`) + `, ` + v(`ssh2`)'",
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "node $D/ssh2.js upload"),
        row(Download, "node $D/ssh2.js download"),
        row(TreeUp, "node $D/ssh2.js tree-up"),
        row(TreeDown, "node $D/ssh2.js tree-down"),
        row(NamesUp, "node $D/ssh2.js names-up"),
        row(NamesDown, "node $D/ssh2.js names-down"),
        row(Empty, "node $D/ssh2.js empty"),
        row(ResumeUp, "node $D/ssh2.js resume-up"),
        row(ResumeDown, "node $D/ssh2.js resume-down"),
        row(Kept, "node $D/ssh2.js kept").ends(End::Lacks(&["time of uploads/kept.sh"])),
        row(Rename, "node $D/ssh2.js rename"),
        row(Delete, "node $D/ssh2.js delete"),
        row(Dotfile, "node $D/ssh2.js dotfile").ends(End::Refused("Permission denied")),
        row(
            Other(
                "rename by posix-rename",
                "test -e $HOME_OF_U/uploads/new.txt -a ! -e $HOME_OF_U/uploads/old.txt",
            ),
            "node $D/ssh2.js posix-rename",
        ),
    ],
};
