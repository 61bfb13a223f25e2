//! One attempt: a form of a call at a place, as a line for the hostile server.

use xfersh::decide::plan::ServerKind;
use xfersh::decide::seccomp::table::{
    Action, Architecture, Syscall, SyscallRule, is_made_by, rows,
};

use super::places::{PLACES, Place, Shape};
use super::table::{FORMS, Form, Needs, Takes};
use crate::harness::Account;

#[derive(Clone)]
pub struct Case {
    pub name: String,
    pub row: &'static str,
    /// Whether the policy allows the place, and the form is one that servers use.
    pub allowed: bool,
    pub needs: Needs,
    /// Whether an ordinary account fails too, because of the kernel and not because of xfersh.
    pub fails_by_nature: bool,
    steps: String,
}

impl Case {
    /// What the hostile server must do as that account.
    pub fn steps(&self, account: &Account) -> String {
        self.steps
            .replace("NAME", &account.name)
            .replace("TEAM", &account.team().to_string())
    }

    /// Whether it needs an O_PATH descriptor, which the guard cannot hand over if it watches opens for reading.
    pub fn by_o_path(&self) -> bool {
        ["o:", "m:", "d:", " n:"]
            .iter()
            .any(|word| self.steps.contains(word))
    }

    /// Whether a policy with these rights lets a server of this kind do it.
    pub fn may(&self, kind: ServerKind, rights: &[&str]) -> bool {
        self.allowed
            && self.needs.iter().all(|need| rights.contains(need))
            && (rights.contains(&"list") || !self.name.ends_with("(by a directory)"))
            && reaches(self.row, kind)
    }
}

/// The row of a call on this architecture.
pub fn find(name: &str) -> Option<&'static Syscall> {
    rows().find(|row| row.name == name)
}

pub fn number(name: &str) -> Option<u32> {
    find(name)?.numbers.on(Architecture::NATIVE)
}

/// Whether servers of this kind make the call at all: the filter answers others itself, or the guard refuses them
/// whatever the policy grants.
pub fn reaches(name: &str, kind: ServerKind) -> bool {
    let row = find(name).expect("a row");
    let made = row
        .numbers
        .on(Architecture::NATIVE)
        .is_none_or(|number| is_made_by(kind, number));
    let answer = row.answer_for(kind);
    made && !matches!(answer, SyscallRule::Always(Action::Errno(_) | Action::Kill))
}

/// Names of calls at the beginning of a step become numbers.
pub fn numbered(steps: &str) -> String {
    let step = |step: &str| {
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        number(word).map_or_else(|| step.to_owned(), |number| format!("{number} {rest}"))
    };
    let all: Vec<String> = steps.split(" ; ").map(step).collect();
    all.join(" ; ")
}

/// Every form at every place that applies to it: by its name, and in one of the indirect ways, in turn.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for (turn, form) in FORMS.iter().enumerate() {
        if number(form.row).is_none() {
            continue;
        }
        let places = PLACES.iter().filter(|place| applies(form, place));
        for (at, place) in places.enumerate() {
            let ways = ways(form, place);
            let other = 1 + (turn + at) % (ways.len() - 1).max(1);
            for (way, steps, magic) in [ways.first(), ways.get(other)].into_iter().flatten() {
                cases.push(Case {
                    name: format!("{} [{}] at {} ({way})", form.row, form.steps, place.name),
                    row: form.row,
                    allowed: place.allowed && !magic,
                    needs: form.needs,
                    fails_by_nature: by_nature(form, place),
                    steps: steps.clone(),
                });
            }
        }
    }
    cases
}

fn applies(form: &Form, place: &Place) -> bool {
    use Shape::{Dangling, Directory, Fifo, File, Free, HardLink, Symlink};
    match form.takes {
        // One more name takes nothing away from an older file with two: rsync --link-dest depends on that.
        Takes::File if form.row == "linkat" => matches!(place.shape, File | Symlink),
        Takes::File => matches!(place.shape, File | Symlink | HardLink | Fifo),
        Takes::Any => match place.shape {
            // Opening it for reading would wait for a writer, as for anybody. It has no user attributes.
            Fifo => !form.steps.contains("RD") && !form.row.contains("xattr"),
            shape => !matches!(shape, Free | Dangling),
        },
        Takes::Itself => {
            matches!(place.shape, File | HardLink | Directory)
                || (place.shape == Fifo && !form.row.contains("xattr"))
        }
        Takes::Name => place.shape == File,
        Takes::DirectoryName => place.shape == Directory,
        Takes::Free => place.shape == Free,
        Takes::Made => matches!(place.shape, Free | Dangling),
    }
}

/// What fails, or cannot be seen, in an ordinary account too.
fn by_nature(form: &Form, place: &Place) -> bool {
    // A FIFO has no size and keeps no bytes, and opening one for writing waits for a reader.
    (place.shape == Shape::Fifo && form.takes == Takes::File)
        // The home is in use, and most directories are not empty.
        || form.takes == Takes::DirectoryName
        // From one mounted file system to another.
        || (place.path.starts_with("/tmp") && ["rename", "link", "copy_file_range"].iter().any(|row| form.row.starts_with(row)))
        // Its flags are not part of what lstat shows.
        || form.row == "file_setattr"
        // Only a process with the descriptor's own credentials, or CAP_DAC_READ_SEARCH, can name what has no name.
        || (form.row == "linkat" && form.steps.contains("0x1000"))
}

/// The ways to write a form at a place: what each is called, its steps, and whether it goes through a magic link.
fn ways(form: &Form, place: &Place) -> Vec<(&'static str, String, bool)> {
    let path = place.path;
    let absolute = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/home/NAME/{path}")
    };
    let (parent, name) = match path.rsplit_once('/') {
        Some((parent, name)) => (parent, name),
        None => (".", path),
    };
    let fill = |at: &str, pointer: &str| {
        form.steps
            .replace("PARENT", &format!("p:{parent}"))
            .replace("AT", at)
            .replace('@', pointer)
            .replace("RD", &format!("r:{path}"))
            .replace("WR", &format!("w:{path}"))
            .replace("OP", &format!("o:{path}"))
    };
    let named = |path: &str| fill(&format!("-100 p:{path}"), &format!("p:{path}"));
    let mut ways = vec![("by name", named(path), false)];
    if !(form.steps.contains('@') || form.steps.contains("AT ")) {
        return ways;
    }
    ways.push(("by absolute name", named(&absolute), false));
    let edge = format!("e:{path}");
    ways.push((
        "at the edge of a page",
        fill(&format!("-100 {edge}"), &edge),
        false,
    ));
    if form.steps.contains("AT ") {
        for (what, letter) in [("by a directory", 'r'), ("by an O_PATH directory", 'o')] {
            let at = format!("{letter}:{parent} p:{name}");
            ways.push((what, fill(&at, &format!("p:{path}")), false));
        }
    }
    let through = |letter: char| {
        let pointer = format!("{letter}:{path}");
        fill(&format!("-100 {pointer}"), &pointer)
    };
    if matches!(form.takes, Takes::File | Takes::Any) {
        // The C library sets attributes by this name: then it is the descriptor that is judged.
        let magic = form.takes == Takes::File;
        ways.push(("by /proc/self/fd/N", through('m'), magic));
        ways.push(("by /dev/fd/N", through('d'), true));
    } else if !matches!(form.takes, Takes::Made) {
        // rsync sets attributes by this name: then it is what the descriptor leads to that is judged.
        let magic = form.takes != Takes::Itself;
        ways.push(("below /proc/self/fd/N", through('n'), magic));
    }
    ways
}
