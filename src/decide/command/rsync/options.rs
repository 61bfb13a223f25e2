//! The options of `rsync --server`: which exist, and what values they take.
//!
//! The tables contain what a client sends to its server, for rsync 3.1 to 3.5
//! (`server_options` in rsync's options.c) and openrsync (`fargs.c`), and what
//! users add with `--remote-option`. An option that is not here is refused, so
//! that a new option of a later rsync is reviewed first. The options about
//! links and devices that are refused are those that rrsync refuses.

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// Nothing: the option is a flag.
    None,
    /// A whole number, negative ones included.
    Number,
    /// A number with a unit: `10M`, `1.5GB-1`.
    Size,
    /// Names that rsync knows, separated by commas: `md5,xxh3`.
    Names,
    /// The name of a character set. No slash: iconv(3) would load a module
    /// from the place that it names.
    Charset,
    /// Text that rsync uses neither as a path nor as a program.
    Text,
    /// Exactly this.
    Only(&'static str),
    /// A path.
    Path(PathPurpose),
}

/// What the server does with a path that an option names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathPurpose {
    /// The receiver compares with the files there, and copies or links them
    /// (`--compare-dest`, `--copy-dest`, `--link-dest`).
    Basis,
    /// The receiver creates files there (`--backup-dir`, `--partial-dir`,
    /// `--temp-dir`).
    Scratch,
    /// The receiver appends lines to it (`--log-file`).
    Log,
    /// Either side reads the names of the files to send (`--files-from`).
    Names,
}

impl PathPurpose {
    /// Whether the server changes something there.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Scratch | Self::Log)
    }

    /// Whether a relative path begins at the target of the transfer. The others
    /// are opened before the server goes there.
    pub const fn from_target(self) -> bool {
        matches!(self, Self::Basis | Self::Scratch)
    }

    /// Whether a sending server uses the path at all. A client sends
    /// `--backup-dir` to both sides, but only the receiver uses it.
    pub const fn concerns_sender(self) -> bool {
        matches!(self, Self::Log | Self::Names)
    }
}

/// The letters of clusters that are accepted: the flags of `server_options`,
/// and the short forms that openrsync sends one by one. Every `-a` sends `D`;
/// creating devices and FIFOs is refused when it happens.
pub const LETTERS: &[u8] = b"ACDEHIJNORSUWXbcdglmnopqrtuvxyz";

/// Short options with a number, as separate words: `-B700`, `-@-1`.
pub const NUMBER_LETTERS: &[u8] = b"B@";

/// The long options that are accepted.
pub const LONG: &[(&str, OptionValue)] = &[
    ("append", OptionValue::None),
    ("append-verify", OptionValue::None),
    ("backup-dir", OptionValue::Path(PathPurpose::Scratch)),
    ("block-size", OptionValue::Size),
    ("bwlimit", OptionValue::Size),
    ("checksum", OptionValue::None),
    ("checksum-choice", OptionValue::Names),
    ("checksum-seed", OptionValue::Number),
    ("compare-dest", OptionValue::Path(PathPurpose::Basis)),
    ("compress", OptionValue::None),
    ("compress-choice", OptionValue::Names),
    ("compress-level", OptionValue::Number),
    ("copy-dest", OptionValue::Path(PathPurpose::Basis)),
    ("del", OptionValue::None),
    ("delay-updates", OptionValue::None),
    ("delete", OptionValue::None),
    ("delete-after", OptionValue::None),
    ("delete-before", OptionValue::None),
    ("delete-delay", OptionValue::None),
    ("delete-during", OptionValue::None),
    ("delete-excluded", OptionValue::None),
    ("delete-missing-args", OptionValue::None),
    ("devices", OptionValue::None),
    ("dirs", OptionValue::None),
    ("drop-D", OptionValue::None),
    ("existing", OptionValue::None),
    ("fake-super", OptionValue::None),
    ("files-from", OptionValue::Path(PathPurpose::Names)),
    ("force", OptionValue::None),
    ("from0", OptionValue::None),
    ("fsync", OptionValue::None),
    ("fuzzy", OptionValue::None),
    ("group", OptionValue::None),
    ("groupmap", OptionValue::Text),
    ("hard-links", OptionValue::None),
    ("iconv", OptionValue::Charset),
    ("ignore-errors", OptionValue::None),
    ("ignore-existing", OptionValue::None),
    ("ignore-missing-args", OptionValue::None),
    ("ignore-non-existing", OptionValue::None),
    ("ignore-times", OptionValue::None),
    ("info", OptionValue::Names),
    ("inplace", OptionValue::None),
    ("link-dest", OptionValue::Path(PathPurpose::Basis)),
    ("links", OptionValue::None),
    ("list-only", OptionValue::None),
    ("log-file", OptionValue::Path(PathPurpose::Log)),
    ("log-file-format", OptionValue::Text),
    ("log-format", OptionValue::Text),
    ("max-alloc", OptionValue::Size),
    ("max-delete", OptionValue::Number),
    ("max-size", OptionValue::Size),
    ("min-size", OptionValue::Size),
    ("mkpath", OptionValue::None),
    ("modify-window", OptionValue::Number),
    ("msgs2stderr", OptionValue::None),
    ("munge-links", OptionValue::None),
    ("new-compress", OptionValue::None),
    ("no-W", OptionValue::None),
    ("no-devices", OptionValue::None),
    ("no-implied-dirs", OptionValue::None),
    ("no-msgs2stderr", OptionValue::None),
    ("no-r", OptionValue::None),
    ("no-relative", OptionValue::None),
    ("no-specials", OptionValue::None),
    ("numeric-ids", OptionValue::None),
    ("old-compress", OptionValue::None),
    ("one-file-system", OptionValue::None),
    // The name is a placeholder: the batch is written by the client.
    ("only-write-batch", OptionValue::Only("X")),
    ("open-noatime", OptionValue::None),
    ("owner", OptionValue::None),
    ("partial", OptionValue::None),
    ("partial-dir", OptionValue::Path(PathPurpose::Scratch)),
    ("perms", OptionValue::None),
    ("preallocate", OptionValue::None),
    ("recursive", OptionValue::None),
    ("relative", OptionValue::None),
    ("remove-sent-files", OptionValue::None),
    ("remove-source-files", OptionValue::None),
    ("safe-links", OptionValue::None),
    ("size-only", OptionValue::None),
    ("skip-compress", OptionValue::Text),
    ("sparse", OptionValue::None),
    ("specials", OptionValue::None),
    ("stats", OptionValue::None),
    ("stderr", OptionValue::Names),
    ("suffix", OptionValue::Text),
    ("super", OptionValue::None),
    ("temp-dir", OptionValue::Path(PathPurpose::Scratch)),
    ("timeout", OptionValue::Number),
    ("times", OptionValue::None),
    ("update", OptionValue::None),
    ("use-qsort", OptionValue::None),
    ("usermap", OptionValue::Text),
    ("verbose", OptionValue::None),
    ("whole-file", OptionValue::None),
];

/// Options that are refused with their own reason: short letters, long names,
/// the reason, and what to do instead.
pub const REFUSED: &[RefusedOption] = &[
    RefusedOption {
        letters: b"s",
        names: &["secluded-args", "protect-args"],
        reason: "it sends the arguments where they cannot be vetted",
        hint: "call rsync without -s, and with RSYNC_PROTECT_ARGS=0",
    },
    RefusedOption {
        letters: b"LKk",
        names: &[
            "copy-links",
            "copy-dirlinks",
            "keep-dirlinks",
            "copy-unsafe-links",
            "insecure-links",
        ],
        reason: "it follows symbolic links",
        hint: "transfer the links as links (-l)",
    },
    RefusedOption {
        letters: b"",
        names: &["write-devices", "copy-devices"],
        reason: "it reads or writes devices",
        hint: "devices are not transferred",
    },
    RefusedOption {
        letters: b"",
        names: &[
            "daemon",
            "config",
            "dparam",
            "detach",
            "no-detach",
            "address",
            "port",
        ],
        reason: "it starts an rsync daemon",
        hint: "only 'rsync --server' is served",
    },
    RefusedOption {
        letters: b"",
        names: &["no-munge-links"],
        reason: "it undoes what the server may have set",
        hint: "leave it out",
    },
    RefusedOption {
        letters: b"",
        names: &["debug"],
        reason: "it prints the contents of filter files",
        hint: "use --info or -v",
    },
];

/// One row of [`REFUSED`].
#[derive(Clone, Copy, Debug)]
pub struct RefusedOption {
    /// Short letters.
    pub letters: &'static [u8],
    /// Long names.
    pub names: &'static [&'static str],
    /// Why.
    pub reason: &'static str,
    /// What to do instead.
    pub hint: &'static str,
}

impl OptionValue {
    /// Whether `bytes` are such a value.
    pub fn holds(self, bytes: &[u8]) -> bool {
        let every = |good: fn(&u8) -> bool| !bytes.is_empty() && bytes.iter().all(good);
        match self {
            Self::None => false,
            Self::Number => is_number(bytes),
            Self::Size => every(|c| c.is_ascii_alphanumeric() || b".+-".contains(c)),
            Self::Names => every(|c| c.is_ascii_alphanumeric() || b",_-".contains(c)),
            Self::Charset => every(|c| c.is_ascii_alphanumeric() || b"._:+-".contains(c)),
            Self::Text => true,
            Self::Only(text) => bytes == text.as_bytes(),
            Self::Path(_) => !bytes.is_empty(),
        }
    }
}

/// Whether popt(3) would give rsync a different value: it replaces `!#:+` with
/// the next word (`expandNextArg` in popt.c).
pub fn is_rewritten(value: &[u8]) -> bool {
    value.windows(4).any(|part| part == b"!#:+")
}

/// Whether `bytes` are a whole number.
pub fn is_number(bytes: &[u8]) -> bool {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Whether `bytes` are what a client says about itself after `-e`: a protocol
/// version, a dot, a subprotocol, and letters (`maybe_add_e_option` in rsync's
/// options.c). In client mode the same option names a program.
pub fn is_capability(bytes: &[u8]) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|c| c.is_ascii_digit()).count();
    let Some(rest) = bytes[digits(bytes)..].strip_prefix(b".") else {
        return false;
    };
    rest[digits(rest)..].iter().all(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_twice_and_none_is_refused_as_well() {
        let mut names: Vec<_> = LONG.iter().map(|row| row.0).collect();
        names.extend(REFUSED.iter().flat_map(|row| row.names));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for row in REFUSED {
            assert!(row.letters.iter().all(|letter| !LETTERS.contains(letter)));
        }
    }

    #[test]
    fn values() {
        let rows: [(OptionValue, &str, bool); 26] = [
            (OptionValue::Number, "30", true),
            (OptionValue::Number, "-1", true),
            (OptionValue::Number, "", false),
            (OptionValue::Number, "-", false),
            (OptionValue::Number, "1x", false),
            (OptionValue::Size, "1.5GB-1", true),
            (OptionValue::Size, "0", true),
            (OptionValue::Size, "", false),
            (OptionValue::Size, "1/2", false),
            (OptionValue::Names, "ALL2", true),
            (OptionValue::Names, "md5,xxh3", true),
            (OptionValue::Names, "", false),
            (OptionValue::Names, "a b", false),
            (OptionValue::Charset, "latin1", true),
            (OptionValue::Charset, ".", true),
            (OptionValue::Charset, "ISO_8859-1:1987", true),
            (OptionValue::Charset, "../x", false),
            (OptionValue::Charset, "UTF-8//IGNORE", false),
            (OptionValue::Text, "*:alice", true),
            (OptionValue::Text, "", true),
            (OptionValue::Only("X"), "X", true),
            (OptionValue::Only("X"), "x", false),
            (OptionValue::Only("X"), "", false),
            (OptionValue::Path(PathPurpose::Log), "x", true),
            (OptionValue::Path(PathPurpose::Log), "", false),
            (OptionValue::None, "", false),
        ];
        for (value, bytes, expected) in rows {
            assert_eq!(
                value.holds(bytes.as_bytes()),
                expected,
                "{value:?} {bytes:?}"
            );
        }
    }

    #[test]
    fn capabilities() {
        for good in [".", ".iLsfxCIvu", "31.14L", ".0iLs", "30.", ".Lsf"] {
            assert!(is_capability(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "ssh",
            "/tmp/evil.sh",
            ".iLs/x",
            ".iLs x",
            "..",
            "a.b",
            ".i1",
        ] {
            assert!(!is_capability(bad.as_bytes()), "{bad}");
        }
    }
}
