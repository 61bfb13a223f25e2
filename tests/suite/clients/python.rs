//! Python's clients: paramiko, the scp package on it, asyncssh in both protocols.

use super::row::Action::*;
use super::row::{Client, End, absent, row};
use super::stage::SUBSYSTEM;

pub const PARAMIKO: Client = Client {
    id: "paramiko",
    name: "paramiko",
    protocol: "sftp",
    version: "/usr/bin/python3 -c 'import paramiko; print(paramiko.__version__)'",
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "/usr/bin/python3 $D/paramiko.py sftp upload"),
        row(Download, "/usr/bin/python3 $D/paramiko.py sftp download"),
        row(TreeUp, "/usr/bin/python3 $D/paramiko.py sftp tree-up"),
        row(TreeDown, "/usr/bin/python3 $D/paramiko.py sftp tree-down"),
        row(NamesUp, "/usr/bin/python3 $D/paramiko.py sftp names-up"),
        row(NamesDown, "/usr/bin/python3 $D/paramiko.py sftp names-down"),
        row(Empty, "/usr/bin/python3 $D/paramiko.py sftp empty"),
        row(ResumeUp, "/usr/bin/python3 $D/paramiko.py sftp resume-up"),
        row(
            ResumeDown,
            "/usr/bin/python3 $D/paramiko.py sftp resume-down",
        ),
        row(Kept, "/usr/bin/python3 $D/paramiko.py sftp kept"),
        row(Rename, "/usr/bin/python3 $D/paramiko.py sftp rename"),
        row(Delete, "/usr/bin/python3 $D/paramiko.py sftp delete"),
        row(Dotfile, "/usr/bin/python3 $D/paramiko.py sftp dotfile")
            .ends(End::Refused("Permission denied")),
        row(
            Other(
                "rename by posix-rename",
                "test -e $HOME_OF_U/uploads/new.txt -a ! -e $HOME_OF_U/uploads/old.txt",
            ),
            "/usr/bin/python3 $D/paramiko.py sftp posix-rename",
        ),
    ],
};

pub const SCP: Client = Client {
    id: "python-scp",
    name: "scp on paramiko",
    protocol: "scp",
    version: "/usr/bin/python3 -c 'import paramiko, scp; print(scp.__version__, \"on paramiko\", paramiko.__version__)'",
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "/usr/bin/python3 $D/paramiko.py scp upload"),
        row(Download, "/usr/bin/python3 $D/paramiko.py scp download"),
        row(TreeUp, "/usr/bin/python3 $D/paramiko.py scp tree-up"),
        row(TreeDown, "/usr/bin/python3 $D/paramiko.py scp tree-down"),
        row(NamesUp, "/usr/bin/python3 $D/paramiko.py scp names-up"),
        row(NamesDown, "/usr/bin/python3 $D/paramiko.py scp names-down"),
        row(Empty, "/usr/bin/python3 $D/paramiko.py scp empty"),
        absent(ResumeUp, "scp begins anew"),
        absent(ResumeDown, "scp begins anew"),
        row(Kept, "/usr/bin/python3 $D/paramiko.py scp kept"),
        absent(Rename, "scp has no rename"),
        absent(Delete, "scp has no delete"),
        row(Dotfile, "/usr/bin/python3 $D/paramiko.py scp dotfile")
            .ends(End::Refused("This account")),
    ],
};

pub const ASYNCSSH: Client = Client {
    id: "asyncssh-sftp",
    name: "asyncssh SFTP",
    protocol: "sftp",
    version: "/usr/bin/python3 -W ignore -c 'import asyncssh; print(asyncssh.__version__)'",
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "/usr/bin/python3 $D/asyncssh.py sftp upload"),
        row(Download, "/usr/bin/python3 $D/asyncssh.py sftp download"),
        row(TreeUp, "/usr/bin/python3 $D/asyncssh.py sftp tree-up"),
        row(TreeDown, "/usr/bin/python3 $D/asyncssh.py sftp tree-down"),
        row(NamesUp, "/usr/bin/python3 $D/asyncssh.py sftp names-up"),
        row(NamesDown, "/usr/bin/python3 $D/asyncssh.py sftp names-down"),
        row(Empty, "/usr/bin/python3 $D/asyncssh.py sftp empty"),
        row(ResumeUp, "/usr/bin/python3 $D/asyncssh.py sftp resume-up"),
        row(
            ResumeDown,
            "/usr/bin/python3 $D/asyncssh.py sftp resume-down",
        ),
        row(Kept, "/usr/bin/python3 $D/asyncssh.py sftp kept"),
        row(Rename, "/usr/bin/python3 $D/asyncssh.py sftp rename"),
        row(Delete, "/usr/bin/python3 $D/asyncssh.py sftp delete"),
        row(Dotfile, "/usr/bin/python3 $D/asyncssh.py sftp dotfile")
            .ends(End::Refused("Permission denied")),
        row(
            Other(
                "rename by posix-rename",
                "test -e $HOME_OF_U/uploads/new.txt -a ! -e $HOME_OF_U/uploads/old.txt",
            ),
            "/usr/bin/python3 $D/asyncssh.py sftp posix-rename",
        ),
    ],
};

pub const ASYNCSSH_SCP: Client = Client {
    id: "asyncssh-scp",
    name: "asyncssh scp",
    protocol: "scp",
    version: "/usr/bin/python3 -W ignore -c 'import asyncssh; print(asyncssh.__version__)'",
    policy: "",
    subsystem: SUBSYSTEM,
    rows: &[
        row(Upload, "/usr/bin/python3 $D/asyncssh.py scp upload"),
        row(Download, "/usr/bin/python3 $D/asyncssh.py scp download"),
        row(TreeUp, "/usr/bin/python3 $D/asyncssh.py scp tree-up"),
        row(TreeDown, "/usr/bin/python3 $D/asyncssh.py scp tree-down"),
        row(NamesUp, "/usr/bin/python3 $D/asyncssh.py scp names-up")
            .ends(End::Lacks(&["bracket", "newline"])),
        row(NamesDown, "/usr/bin/python3 $D/asyncssh.py scp names-down")
            .ends(End::Lacks(&["newline"])),
        row(Empty, "/usr/bin/python3 $D/asyncssh.py scp empty"),
        absent(ResumeUp, "scp begins anew"),
        absent(ResumeDown, "scp begins anew"),
        row(Kept, "/usr/bin/python3 $D/asyncssh.py scp kept"),
        absent(Rename, "scp has no rename"),
        absent(Delete, "scp has no delete"),
        row(Dotfile, "/usr/bin/python3 $D/asyncssh.py scp dotfile")
            .ends(End::Refused("Connection lost")),
    ],
};
