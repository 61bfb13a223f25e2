//! Operations from a seed: any call at any place, but most of them at few names, so that they meet.

use super::random::Random;
use super::session::Op;
use super::tree::Tree;
use super::world::{ABSENT, OUTSIDE, PLACES};

const NAMES: &[&str] = &[
    "a", "b", "d", "x", "y", "z", "e", "ln", "plain", "plain1", "two", "two2", "in", "later",
    "deep",
];
const DOT_NAMES: &[&str] = &[
    ".keep",
    ".sub",
    ".sub/x",
    ".new",
    ".f.1",
    ".x.1",
    ".a.AbC123",
    ".x.AbC123",
    ".env.docker",
    ".DS_Store",
    "._x",
    ".ssh",
];
const MODES: &[&str] = &[
    "0000", "0400", "0555", "0600", "0644", "0700", "0755", "0777",
];
const HOWS: &[&str] = &[
    "r", "w", "b", "wc", "wcx", "wcxt", "bcx", "wct", "wt", "wa", "rt", "rc", "bc",
];
/// Calls with how often each is made.
const CALLS: &[(&str, usize)] = &[
    ("put", 8),
    ("new", 8),
    ("open", 12),
    ("write", 6),
    ("read", 4),
    ("close", 4),
    ("dup", 1),
    ("fsize", 2),
    ("alloc", 1),
    ("fmode", 2),
    ("slurp", 6),
    ("list", 2),
    ("stat", 1),
    ("mkdir", 9),
    ("rmdir", 4),
    ("unlink", 9),
    ("rename", 16),
    ("move", 6),
    ("link", 8),
    ("symlink", 4),
    ("mode", 6),
    ("times", 3),
    ("truncate", 3),
    ("xattr", 2),
];

/// The descriptors that are used: few, so that most are open.
const SLOTS: usize = 3;

/// The places and names of one round.
pub struct Calls {
    /// Where most of it happens.
    hot: Vec<String>,
    names: Vec<&'static str>,
}

impl Calls {
    pub fn new(random: &mut Random) -> Self {
        let hot = (0..2)
            .map(|_| {
                let place = *random.pick(PLACES);
                if random.percent(25) {
                    format!("{place}/d")
                } else {
                    place.to_owned()
                }
            })
            .collect();
        let names = (0..3).map(|_| *random.pick(NAMES)).collect();
        Self { hot, names }
    }

    fn directory(&self, random: &mut Random) -> String {
        match random.below(100) {
            0..70 => random.pick(&self.hot).clone(),
            70..80 => (*random.pick(PLACES)).to_owned(),
            80..86 => (*random.pick(ABSENT)).to_owned(),
            86..92 => format!("{}/{}", random.pick(PLACES), random.pick(NAMES)),
            92..95 => OUTSIDE.to_owned(),
            95..97 => ".".to_owned(),
            _ => format!("{}/.sub", random.pick(PLACES)),
        }
    }

    fn path(&self, random: &mut Random) -> String {
        match random.below(100) {
            // A directory itself: of the policy, or one that does not exist yet.
            0..6 => return (*random.pick(PLACES)).to_owned(),
            6..9 => return (*random.pick(ABSENT)).to_owned(),
            _ => {}
        }
        let directory = self.directory(random);
        let name = match random.below(100) {
            0..65 => *random.pick(&self.names),
            65..85 => *random.pick(NAMES),
            _ => *random.pick(DOT_NAMES),
        };
        format!("{directory}/{name}")
    }

    /// A path that exists, usually in one of the places of the round.
    fn taken(&self, random: &mut Random, tree: &Tree) -> Option<String> {
        let hot = random.pick(&self.hot);
        let here = |path: &&std::path::PathBuf| {
            let path = path.to_string_lossy();
            path.contains(&format!("/{hot}/"))
        };
        let all: Vec<_> = tree.paths.keys().filter(here).collect();
        (!all.is_empty()).then(|| random.pick(&all).display().to_string())
    }

    /// Any call; what it needs usually exists. `open` are the open descriptors.
    pub fn any(&self, random: &mut Random, tree: &Tree, open: &[&str]) -> Op {
        let total = CALLS.iter().map(|(_, weight)| weight).sum();
        let mut at = random.below(total);
        let call = CALLS.iter().find(|(_, weight)| {
            let here = at < *weight;
            at = at.saturating_sub(*weight);
            here
        });
        self.make(call.expect("within the total").0, random, tree, open)
    }

    fn make(&self, call: &str, random: &mut Random, tree: &Tree, open: &[&str]) -> Op {
        let any = random.below(SLOTS).to_string();
        let slot = if open.is_empty() || call == "open" {
            any
        } else {
            (*random.pick(open)).to_owned()
        };
        let needs_free = ["new", "mkdir", "symlink"].contains(&call);
        let path = match self.taken(random, tree) {
            Some(taken) if !needs_free && random.percent(65) => taken,
            _ => self.path(random),
        };
        let line = match call {
            "open" => format!("open {} {slot} {path}", random.pick(HOWS)),
            "write" => format!("write {slot} {}", random.pick(&[1, 30, 5000, 70_000])),
            "read" | "close" => format!("{call} {slot}"),
            "dup" => format!("dup {slot} {}", random.below(SLOTS)),
            "fsize" => format!("fsize {slot} {}", random.pick(&[0, 10, 90_000])),
            "alloc" => format!("alloc {slot} {} 65536", random.pick(&[0, 1])),
            "fmode" => format!("fmode {slot} {}", random.pick(MODES)),
            "rename" | "move" | "link" => format!("{call} {path} {}", self.path(random)),
            "symlink" => {
                let target = *random.pick(&[
                    "a", "d", "../box", ".keep", "..", "../..", "../../..", OUTSIDE, "nothing",
                ]);
                format!("symlink {target} {path}")
            }
            "mode" => format!("mode {} {path}", random.pick(MODES)),
            "truncate" => format!("truncate {} {path}", random.pick(&[0, 5, 80_000])),
            _ => format!("{call} {path}"),
        };
        Op::new(&line)
    }
}

/// Only calls on names, at three names in these directories.
pub fn cycle(random: &mut Random, directories: &[String]) -> Vec<Op> {
    let path = |random: &mut Random| {
        format!(
            "{}/{}",
            random.pick(directories),
            random.pick(&["x", "y", "z"])
        )
    };
    let calls = [
        "new", "put", "unlink", "unlink", "rename", "rename", "rename", "move", "mkdir", "rmdir",
        "symlink", "truncate",
    ];
    (0..10 + random.below(20))
        .map(|_| {
            let (call, one) = (*random.pick(&calls), path(random));
            Op::new(&match call {
                "rename" | "move" => format!("{call} {one} {}", path(random)),
                "symlink" => format!("symlink x {one}"),
                "truncate" => format!("truncate 5 {one}"),
                _ => format!("{call} {one}"),
            })
        })
        .collect()
}
