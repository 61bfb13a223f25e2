//! Command lines for `rsync --server`, from a seed: the options of a real client, more of those that our tables
//! accept, and places of every form.

use super::stage::quoted;
use crate::model::random::Random;
pub use crate::properties::checks::rsync_table::{letters, table};

/// What a client is called with, apart from its paths. A value that both sides must know goes through the client.
pub const CLIENTS: &[&[&str]] = &[
    &["-a"],
    &["-rlt"],
    &["-r"],
    &["-t"],
    &["-d"],
    &["-rn"],
    &["-az", "--delete"],
    &["-rc"],
    &["-rR"],
    &["-rb"],
    &["-rt", "--inplace"],
    &["-r", "--append"],
    &["-rtu", "--partial"],
    &["-aHAX", "--numeric-ids"],
    &["-aS", "--delay-updates"],
    &[
        "-rlpt",
        "--checksum-choice=md5",
        "--compress",
        "--compress-level=3",
    ],
    &["-ry", "--delete-after", "--force"],
    &["-rC"],
    &["-rm", "--ignore-existing"],
    &["-r", "--existing", "--size-only"],
    &["-r", "--remove-source-files"],
    &["-r", "--iconv=utf-8,utf-8"],
    &["-r", "--safe-links", "-l"],
    &["-dR", "--no-implied-dirs"],
    &["-r", "--mkpath"],
];

/// Options of the table that change what goes over the wire: alone on the server they end the run at once.
const WIRE: &[&str] = &[
    "append",
    "append-verify",
    "checksum",
    "checksum-choice",
    "checksum-seed",
    "compress",
    "compress-choice",
    "copy-devices",
    "delete-excluded",
    "devices",
    "dirs",
    "files-from",
    "group",
    "hard-links",
    "iconv",
    "links",
    "list-only",
    "new-compress",
    "no-r",
    "no-relative",
    "no-specials",
    "no-devices",
    "numeric-ids",
    "old-compress",
    "owner",
    "perms",
    "recursive",
    "relative",
    "specials",
    "times",
    "inplace",
    "only-write-batch",
    "timeout",
    "use-qsort",
];

pub struct Lines {
    pub random: Random,
    /// Which way the files go.
    pub sends: bool,
}

impl Lines {
    /// A line like `asked`, which is what a client sends; its place in files-from and its paths are replaced.
    pub fn line(&mut self, asked: &[Vec<u8>]) -> Vec<u8> {
        let end = asked.iter().position(|word| word == b".").expect("a '.'");
        let mut words: Vec<Vec<u8>> = Vec::new();
        for word in &asked[..end] {
            if word.starts_with(b"--files-from=") {
                let place = self.place(false);
                words.push(quoted(&[b"--files-from=", place.as_slice()].concat()));
            } else {
                words.push(quoted(word));
            }
        }
        let mut basis = false;
        for _ in 0..self.random.below(4) {
            let extra = self.extra();
            // Two kinds of these are an error.
            let is_basis = extra
                .iter()
                .any(|word| word.windows(5).any(|part| part == b"-dest"));
            if !(is_basis && basis) {
                words.extend(extra);
            }
            basis |= is_basis;
        }
        words.push(b".".to_vec());
        let operands = if self.sends {
            1 + self.random.below(2)
        } else {
            1
        };
        for _ in 0..operands {
            let place = self.place(false);
            words.push(self.operand(&place));
        }
        words.join(&b' ')
    }

    /// A line for scp.
    pub fn scp(&mut self) -> Vec<u8> {
        let mut words = vec![b"scp".to_vec()];
        for (option, percent) in [("-r", 60), ("-p", 30), ("-d", 20), ("-v", 10)] {
            if self.random.percent(percent) {
                words.push(option.as_bytes().to_vec());
            }
        }
        words.push(if self.sends {
            b"-f".to_vec()
        } else {
            b"-t".to_vec()
        });
        if self.random.percent(40) {
            words.push(b"--".to_vec());
        }
        let operands = if self.sends {
            1 + self.random.below(3)
        } else {
            1
        };
        for _ in 0..operands {
            let place = self.place(false);
            words.push(self.operand(&place));
        }
        words.join(&b' ')
    }

    /// An option of the table, its value attached or separate.
    fn extra(&mut self) -> Vec<Vec<u8>> {
        if self.random.percent(15) {
            return vec![self.cluster()];
        }
        let table = table();
        let places: Vec<_> = table
            .iter()
            .filter(|row| row.1.starts_with("Path"))
            .collect();
        let (name, kind) = if self.random.percent(80) {
            **self.random.pick(&places)
        } else {
            *self.random.pick(&table)
        };
        if WIRE.contains(&name) && self.random.percent(90) {
            return Vec::new();
        }
        let value: Vec<u8> = match kind.split('(').next().unwrap_or_default() {
            "None" => return vec![format!("--{name}").into_bytes()],
            "Number" => self.one_of(&["0", "1", "-1", "700"]),
            "Size" => self.one_of(&["0", "700", "10M", "1.5GB-1"]),
            "Names" => self.one_of(&["md5", "ALL2", "errors", "zlib", "xxh3,md5"]),
            "Charset" => self.one_of(&[".", "utf-8", "latin1"]),
            "Text" => self.one_of(&[
                "", "~", ".old", "!#:+", "../x", "a/b", "%f %n", "*:alice", "-x", "~/x",
            ]),
            "Only" => b"X".to_vec(),
            "Path" => {
                let from_target = kind.contains("Basis") || kind.contains("Scratch");
                self.place(from_target)
            }
            other => panic!("the table has a kind of value that this test does not know: {other}"),
        };
        // A tilde is expanded if it is not quoted.
        let (tilde, rest) = match value.strip_prefix(b"~/") {
            Some(rest) if self.random.percent(80) => (&b"~/"[..], rest),
            _ => (&b""[..], value.as_slice()),
        };
        let value = [tilde, &quoted(rest)].concat();
        if self.random.percent(50) {
            vec![[b"--", name.as_bytes(), b"=", &value].concat()]
        } else {
            vec![format!("--{name}").into_bytes(), value]
        }
    }

    /// Letters that do not change what goes over the wire.
    fn cluster(&mut self) -> Vec<u8> {
        if self.random.percent(20) {
            return self.one_of(&["-B700", "-@-1", "-@1"]);
        }
        let letters: Vec<_> = letters()
            .chars()
            .filter(|letter| "bquvxyEIJOSWm".contains(*letter))
            .collect();
        let count = 1 + self.random.below(5);
        let chosen = (0..count).map(|_| *self.random.pick(&letters));
        format!("-{}", chosen.collect::<String>()).into_bytes()
    }

    fn one_of(&mut self, values: &[&str]) -> Vec<u8> {
        self.random.pick(values).as_bytes().to_vec()
    }

    /// A path of any form. Most begin where the policy allows something, or nothing would be accepted, and most of
    /// their parts exist, or nothing would be opened.
    pub fn place(&mut self, from_target: bool) -> Vec<u8> {
        const RELATIVE: &[&str] = &[
            "",
            "",
            "",
            "..",
            "..",
            "../up",
            "../pub",
            "../..",
            "./",
            "../secret",
            ".//srv/outside/drop",
            "././/tmp",
        ];
        const ALLOWED: &[&str] = &[
            "up",
            "up",
            "up",
            "up",
            "~/up",
            "/home/alice/up",
            "./up",
            ".//up/.",
            "up/../up",
        ];
        const SOURCES: &[&str] = &[
            "pub",
            "pub",
            "pub",
            "~/pub",
            "/home/alice/pub",
            "up/../pub",
            "pub/up",
        ];
        const OTHERS: &[&str] = &[
            ".",
            "..",
            "/",
            "/srv/outside",
            "note.txt",
            "secret",
            "/tmp",
            "pub",
            "/etc/passwd",
            ".//srv/outside/drop",
            "~/.ssh",
            "~alice/up",
            "up/../secret",
            "-x",
            "~",
            "/proc/self/root/home/alice/up",
        ];
        const THERE: &[&str] = &[
            "sub", "sub", "a", "old", "in", "far", "up", "bk", "closed", "out", "home", "..", "..",
        ];
        const PARTS: &[&str] = &[
            "more",
            "new",
            "tmp",
            "out",
            "file-out",
            "nowhere",
            "..",
            ".",
            "",
            "!#:+",
            "~",
            "-x",
            "new\nline",
            "h:x",
            "none",
            "made",
            "*",
            "?",
            "[a-s]*",
            "s*",
            "a b",
            "x,y",
            "é",
            "list",
            "secret",
        ];
        let heads = match self.random.below(100) {
            0..85 if from_target => RELATIVE,
            0..75 if self.sends => SOURCES,
            0..92 => ALLOWED,
            _ => OTHERS,
        };
        let mut path = self.text(heads).to_owned();
        let mut parts = self
            .random
            .below(if from_target || self.sends { 4 } else { 3 });
        parts -= usize::from(parts > 0 && self.random.percent(30));
        for _ in 0..parts {
            if !path.is_empty() {
                path.push('/');
            }
            let there = self.random.percent(65);
            path.push_str(self.text(if there { THERE } else { PARTS }));
        }
        match self.random.below(12) {
            0 => path.push('/'),
            1 => path.push_str("/."),
            2 => path.push_str("/./x"),
            _ => {}
        }
        path.into_bytes()
    }

    fn text<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.random.below(from.len())]
    }

    /// An operand as a user writes it: quoted, or with unquoted wildcards and tilde.
    pub fn operand(&mut self, place: &[u8]) -> Vec<u8> {
        let mut word = Vec::new();
        let mut rest = place;
        if let Some(tail) = rest.strip_prefix(b"~")
            && self.random.percent(85)
        {
            let slash = tail
                .iter()
                .position(|byte| *byte == b'/')
                .unwrap_or(tail.len());
            word.extend(&rest[..=slash]);
            rest = &tail[slash..];
        }
        let wild = |byte: &u8| b"*?[]".contains(byte);
        let free = self.random.percent(70);
        for run in rest.chunk_by(|left, right| wild(left) == wild(right)) {
            match run {
                [first, ..] if free && wild(first) => word.extend(run),
                _ => word.extend(quoted(run)),
            }
        }
        if word.is_empty() {
            b"''".to_vec()
        } else {
            word
        }
    }
}
