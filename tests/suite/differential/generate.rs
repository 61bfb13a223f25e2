//! Scripts from a seed: what clients ask, and what they should not.

use super::request::{Field, Request, Step, VERBS, Value};
use crate::harness::sftp::{APPEND, Attributes, CREATE, EXCLUSIVE, READ, TRUNCATE, WRITE};
use crate::model::random::Random;

/// Names below the directories of the policy. The first ones are there from the beginning.
const NAMES: &[&str] = &[
    "uploads/old.txt",
    "uploads/sub",
    "uploads/sub/deep.txt",
    "uploads/empty",
    "site/index.html",
    "empty",
    "uploads",
    "uploads/a",
    "uploads/b",
    "uploads/c",
    "uploads/sub/a",
    "uploads/sub/d",
    "uploads/empty/a",
    "uploads/d",
    "uploads/d/a",
    "uploads/l",
    "uploads/l/a",
    "site/a",
    "site/d",
    "empty/a",
    "uploads/other-note",
    "uploads/fifo",
];

/// What the policy forbids, or leads there.
const FORBIDDEN: &[&str] = &[
    "uploads/.hidden",
    "uploads/.new",
    "site/.git",
    "site/.git/hooks/post-commit",
    ".bashrc",
    ".ssh",
    ".none",
    "note.txt",
    "none",
    "",
    "@",
    "/",
    "/home",
    "/srv/outside/shared.txt",
    "/srv/outside/drop/x",
    "/srv/outside/none",
    "/etc/passwd",
    "uploads/other-bashrc",
    "uploads/to-home",
    "uploads/to-home/note.txt",
    "uploads/to-ssh/x",
    "uploads/to-keys",
    "uploads/to-note",
    "uploads/to-outside/shared.txt",
    "uploads/to-secret",
    "uploads/to-nothing",
];

const TARGETS: &[&str] = &[
    "old.txt",
    "a",
    "l",
    "sub",
    "d",
    "..",
    ".",
    "",
    "../site/a",
    "../uploads/sub",
    "sub/../a",
    "nowhere/x",
    ".hidden",
    "../.bashrc",
    "../note.txt",
    "/etc/passwd",
    "/srv/outside",
    "../..",
];

const MODES: &[u32] = &[
    0o644, 0o600, 0o640, 0o755, 0o700, 0o444, 0o777, 0o2755, 0o500, 0o000, 0o4755, 0o1777, 0o7777,
    0o100_644, 0o222,
];

pub struct Generator {
    random: Random,
    /// The steps that opened something, of each session.
    opened: [Vec<usize>; 2],
}

/// A script of one or two sessions.
pub fn script(seed: u64) -> Vec<Step> {
    let mut generator = Generator {
        random: Random::new(seed),
        opened: [Vec::new(), Vec::new()],
    };
    let sessions = if generator.random.percent(25) { 2 } else { 1 };
    let length = 10 + generator.random.below(40);
    let mut steps: Vec<Step> = Vec::new();
    let total = VERBS.iter().map(|verb| verb.weight).sum();
    let mut joining = 0_usize;
    for number in 0..length {
        if joining == 0 && generator.random.percent(6) {
            joining = 1 + generator.random.below(6);
        }
        let joined = joining > 0 && number > 0;
        joining = joining.saturating_sub(1);
        let session = match steps.last() {
            // Requests that are sent together are of one session.
            Some(last) if joined => last.session,
            _ => generator.random.below(sessions),
        };
        let mut at = generator.random.below(total);
        let verb = VERBS
            .iter()
            .find(|verb| {
                let found = at < verb.weight;
                at = at.saturating_sub(verb.weight);
                found
            })
            .expect("below the sum");
        let values = verb
            .fields
            .iter()
            .map(|field| generator.value(*field, session));
        let mut values: Vec<Value> = values.collect();
        never_waits(verb.name, &mut values);
        if verb.name.starts_with("open") {
            generator.opened[session].push(number);
        }
        steps.push(Step {
            number,
            session,
            joined,
            request: Request { verb, values },
        });
    }
    steps
}

/// Plain OpenSSH would wait for the other end of a FIFO that is opened one way, and would copy a file to its own end
/// for ever.
fn never_waits(name: &str, values: &mut [Value]) {
    if let ("copy-data", [_, _, Value::Long(length), ..]) = (name, &mut *values) {
        *length = (*length).clamp(1, 100_000);
    }
    if let ("open", [Value::Path(path), Value::Short(flags), ..]) = (name, values)
        && path.windows(4).any(|part| part == b"fifo")
    {
        *flags |= READ | WRITE;
    }
}

impl Generator {
    fn value(&mut self, field: Field, session: usize) -> Value {
        match field {
            Field::Path => Value::Path(self.path()),
            Field::Target => Value::Path(self.random.pick(TARGETS).as_bytes().to_vec()),
            Field::Handle => {
                let opened = &self.opened[session];
                // Mostly one of the last; now and then one that was closed, or never was.
                let back = self.random.below(4) + 1;
                let number = match opened.len().checked_sub(back) {
                    Some(at) if !self.random.percent(4) => opened[at],
                    _ => opened.last().copied().unwrap_or(usize::MAX),
                };
                Value::Handle(number)
            }
            Field::Attributes => Value::Attributes(self.attributes()),
            Field::Flags => Value::Short(self.flags()),
            Field::Short => Value::Short(*self.random.pick(&[0, 1, 7, 100, 4096, 32768, 262_144])),
            Field::Long => Value::Long(self.offset()),
            Field::Data => {
                let length = *self.random.pick(&[0, 1, 5, 100, 4095, 40_000]);
                let first = self.random.below(256);
                Value::Data((0..length).map(|at| (first + at) as u8).collect())
            }
            Field::Ids => {
                let count = self.random.below(4);
                Value::Ids(
                    (0..count)
                        .map(|_| *self.random.pick(&[0, 1, 501, 999_999]))
                        .collect(),
                )
            }
            Field::User => Value::Path(
                self.random
                    .pick(&["", "root", "nobody", "no-such"])
                    .as_bytes()
                    .to_vec(),
            ),
        }
    }

    fn offset(&mut self) -> u64 {
        // Nothing between: a file of exabytes of holes cannot be compared.
        match self.random.below(40) {
            0 => 1 << 63,
            1 => u64::MAX,
            _ => *(self.random).pick(&[0, 0, 0, 1, 3, 17, 100, 4095, 4097, 65_536, 1_000_001]),
        }
    }

    fn flags(&mut self) -> u32 {
        if self.random.percent(5) {
            return self.random.below(128) as u32;
        }
        *self.random.pick(&[
            READ,
            READ,
            WRITE,
            READ | WRITE,
            WRITE | CREATE,
            WRITE | CREATE | TRUNCATE,
            READ | WRITE | CREATE,
            WRITE | APPEND,
            WRITE | CREATE | APPEND,
            WRITE | CREATE | EXCLUSIVE,
            READ | TRUNCATE,
            READ | CREATE,
            WRITE | TRUNCATE,
        ])
    }

    fn attributes(&mut self) -> Attributes {
        let mut attributes = Attributes::default();
        let percent = |random: &mut Random, most| random.percent(most);
        if percent(&mut self.random, 40) {
            attributes.mode = Some(*self.random.pick(MODES));
        }
        if percent(&mut self.random, 25) {
            // A clock of the future is taken for now by the comparison, so all are of the past.
            let (access, modified) = (self.random.below(1 << 30), self.random.below(1 << 30));
            attributes.times = Some((access as u32, modified as u32));
        }
        if percent(&mut self.random, 20) {
            attributes.size = Some(self.offset());
        }
        if percent(&mut self.random, 12) {
            let ids = [(1, 1), (1, 1), (1, 501), (0, 0), (1, 0)];
            attributes.owner = Some(*self.random.pick(&ids));
        }
        attributes
    }

    fn path(&mut self) -> Vec<u8> {
        let name = if self.random.percent(7) {
            *self.random.pick(FORBIDDEN)
        } else {
            *self.random.pick(NAMES)
        };
        let mut path = name.as_bytes().to_vec();
        if !self.random.percent(14) {
            return path;
        }
        match self.random.below(12) {
            0 => path.push(b'/'),
            1 => path.extend(b"/."),
            2 => path.extend(b"/.."),
            3 => path.extend(b"//x"),
            4 => path.extend(b"/\xff\xfe\x80"),
            5 => path.extend(b" \x1b[2Jx\n"),
            6 => path.extend([b'n'; 250]),
            7 => path.extend([b"/".as_slice(), &[b'n'; 255]].concat()),
            8 => path.extend([b"/".as_slice(), &[b'n'; 256]].concat()),
            9 => path = [b"uploads/..//./".as_slice(), &path].concat(),
            10 => path = [b"@/".as_slice(), &path].concat(),
            _ => path = [b"uploads/../".repeat(390).as_slice(), &path].concat(),
        }
        path
    }
}
