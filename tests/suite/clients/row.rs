//! What a row of the client matrix says: one thing that one client does, and how it must end.

/// A client with one protocol, and everything that it is made to do.
pub struct Client {
    /// The name of the test and of the section in docs/clients.md.
    pub id: &'static str,
    /// As people know it.
    pub name: &'static str,
    pub protocol: &'static str,
    /// A line for sh(1) that prints the version, run on the test host.
    pub version: &'static str,
    /// The policy file; empty is none.
    pub policy: &'static str,
    /// sshd's `Subsystem sftp`; empty is none.
    pub subsystem: &'static str,
    pub rows: &'static [Row],
}

/// One action: a line for sh(1), run once against an ordinary account and once against a restricted one.
///
/// The line runs as root in a directory with `up` (what to upload) and `down` (empty). `$U` is the account,
/// `$TO` is `$U@host`, `$KEY` the private key, `$PPK` the same for PuTTY, `$DOT` the name of a protected file.
pub struct Row {
    pub action: Action,
    pub line: &'static str,
    pub end: End,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Action {
    /// `up/file.bin` to `uploads/file.bin`.
    Upload,
    /// `out/file.bin` to `down/file.bin`.
    Download,
    /// `up/tree` to `uploads/tree`.
    TreeUp,
    /// `out/tree` to `down/tree`.
    TreeDown,
    /// Every file of `up/names` to `uploads/names`.
    NamesUp,
    /// Every file of `out/names` to `down/names`.
    NamesDown,
    /// `up/zero` to `uploads/zero`, and `out/zero` to `down/zero`.
    Empty,
    /// The second half of `up/part.bin` to `uploads/part.bin`.
    ResumeUp,
    /// The second half of `out/part.bin` to `down/part.bin`.
    ResumeDown,
    /// `up/kept.sh` to `uploads/kept.sh` and `out/kept.sh` to `down/kept.sh` with mode and time.
    Kept,
    /// `uploads/old.txt` to `uploads/new.txt`.
    Rename,
    /// `uploads/old.txt`.
    Delete,
    /// `up/file.bin` over `$DOT`: must be refused.
    Dotfile,
    /// Anything else; the line after it, for sh(1), shows that it happened. `$HOME_OF_U` is the account's home.
    Other(&'static str, &'static str),
    /// The same for data written under random keys and names: only what comes back can be compared.
    Repository(&'static str, &'static str),
}

impl Action {
    pub fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
            Self::TreeUp => "tree up",
            Self::TreeDown => "tree down",
            Self::NamesUp => "names up",
            Self::NamesDown => "names down",
            Self::Empty => "empty files",
            Self::ResumeUp => "resume up",
            Self::ResumeDown => "resume down",
            Self::Kept => "mode and time kept",
            Self::Rename => "rename",
            Self::Delete => "delete",
            Self::Dotfile => "dotfile",
            Self::Other(name, _) | Self::Repository(name, _) => name,
        }
    }
}

/// What each client that copies files is asked for; a client without such a function says so in its own row.
pub const ASKED_OF_ALL: &[&str] = &[
    "upload",
    "download",
    "tree up",
    "tree down",
    "names up",
    "names down",
    "empty files",
    "resume up",
    "resume down",
    "mode and time kept",
    "rename",
    "delete",
    "dotfile",
];

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum End {
    /// It happens in both accounts, alike.
    Works,
    /// As `Works`, but the client itself loses these names of `material::NAMES`, or this part, in both accounts.
    Lacks(&'static [&'static str]),
    /// The client has no such function; why.
    Absent(&'static str),
    /// It happens in the ordinary account. In the restricted one the client fails and shows these words, and the
    /// disk stays as it was.
    Refused(&'static str),
    /// As `Refused`, and the log says so, but the client treats the end of the channel without any answer as success.
    RefusedSilently,
}

/// A row, short enough for tables.
pub const fn row(action: Action, line: &'static str) -> Row {
    Row {
        action,
        line,
        end: End::Works,
    }
}

impl Row {
    pub const fn ends(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

/// The client has no such function.
pub const fn absent(action: Action, why: &'static str) -> Row {
    Row {
        action,
        line: "",
        end: End::Absent(why),
    }
}
