//! Which room of the house may use which. A room is a folder of `src`, or a file that stands beside the folders.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{production, sources};

struct Room {
    name: &'static str,
    may_use: &'static [&'static str],
    purpose: &'static str,
}

const fn room(name: &'static str, may_use: &'static [&'static str], purpose: &'static str) -> Room {
    Room {
        name,
        may_use,
        purpose,
    }
}

/// The house, from the top to the ground. docs/architecture.md shows this table.
const HOUSE: &[Room] = &[
    room(
        "lib",
        &["admin", "cli", "console", "exit", "session"],
        "runs one call of the program",
    ),
    room(
        "admin",
        &[
            "cli", "confine", "console", "decide", "exit", "gather", "guard", "judge", "log",
            "print", "session", "system",
        ],
        "what an administrator calls: the dry run, the live probe, the doctor",
    ),
    room("cli", &["print", "session"], "the arguments"),
    room(
        "session",
        &[
            "confine", "console", "decide", "error", "exit", "gather", "guard", "judge", "log",
            "messages", "print", "system",
        ],
        "the pipeline of a session",
    ),
    room(
        "judge",
        &["decide", "gather", "system"],
        "the only way to a verdict, for a session and for the dry run",
    ),
    room(
        "guard",
        &[
            "confine", "decide", "error", "exit", "log", "messages", "print", "system",
        ],
        "the parent of the server, which makes the server's changes",
    ),
    room(
        "confine",
        &["decide", "error", "gather", "print", "system"],
        "after the verdict: what the process inherited, limits, capabilities, both Landlock layers, exec",
    ),
    room(
        "gather",
        &["decide", "error", "messages", "print", "system"],
        "before the verdict: the policy file, the account, the disk, the kernel",
    ),
    room(
        "log",
        &["decide", "error", "print", "system"],
        "one line for every decision and every change",
    ),
    room(
        "console",
        &["exit", "print"],
        "the only place that writes to standard output and standard error",
    ),
    room("messages", &["decide", "print"], "what people are told"),
    room(
        "decide",
        &["print"],
        "pure: the form of a command, the policy, the verdict, the plan, the rules about files, the table of system calls",
    ),
    room("error", &["print"], "what failed, and at which step"),
    room("print", &[], "pure: escaped values, tables, JSON"),
    room("exit", &[], "the exit status"),
    room(
        "system",
        &[],
        "everything unsafe, one file for each facility of the kernel",
    ),
];

/// The rooms that this text names by `crate::`, in whatever form.
fn used(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = text[at + "crate::".len()..].trim_start();
        match rest.strip_prefix('{') {
            Some(group) => found.extend(first_names(group)),
            None => found.extend(name(rest)),
        }
    }
    found
}

fn name(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    Some(&text[..end.unwrap_or(text.len())]).filter(|name| !name.is_empty())
}

/// The first name of each path in a group, which begins behind its brace.
fn first_names(group: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut depth = 1;
    let mut expected = true;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => expected = true,
            c if expected && (c.is_alphanumeric() || c == '_') => {
                names.extend(name(&group[at..]));
                expected = false;
            }
            _ => {}
        }
    }
    names
}

/// The arrows between rooms, each with a file that has it.
fn arrows() -> BTreeMap<(String, String), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut arrows = BTreeMap::new();
    for (path, text) in sources("src") {
        let below = path.strip_prefix(&root).expect("a file of src");
        let Some(text) = production(below, &text) else {
            continue;
        };
        let first = below.components().next().expect("a name").as_os_str();
        let own = Path::new(first).file_stem().expect("a name");
        let own = own.to_str().expect("UTF-8").to_owned();
        let mut names = used(&text);
        if own == "lib" {
            names.extend(of_root(&text));
        }
        for name in names.into_iter().filter(|name| *name != own) {
            let arrow = (own.clone(), name.to_owned());
            arrows
                .entry(arrow)
                .or_insert_with(|| below.display().to_string());
        }
    }
    arrows
}

/// The root of the crate needs no `crate::` to name its rooms.
fn of_root(text: &str) -> Vec<&'static str> {
    let rooms = HOUSE.iter().map(|room| room.name);
    rooms
        .filter(|room| text.contains(&format!(" {room}::")))
        .collect()
}

#[test]
fn every_arrow_between_rooms_is_allowed_and_needed() {
    let arrows = arrows();
    for ((from, to), file) in &arrows {
        if from == "main" {
            continue;
        }
        let room = HOUSE.iter().find(|room| room.name == from);
        let room = room.unwrap_or_else(|| panic!("src/{from} is a room without a row here"));
        assert!(
            room.may_use.contains(&to.as_str()),
            "src/{file}: {from} must not use {to}"
        );
    }
    for room in HOUSE {
        for to in room.may_use {
            let arrow = (room.name.to_owned(), (*to).to_owned());
            assert!(
                arrows.contains_key(&arrow),
                "{} does not use {to} any more: remove it here",
                room.name
            );
        }
    }
}

/// So no two rooms use each other, directly or through others.
#[test]
fn arrows_point_downwards() {
    for (index, room) in HOUSE.iter().enumerate() {
        for to in room.may_use {
            let target = HOUSE.iter().position(|other| other.name == *to).expect(to);
            // The arguments of an administrator's call are read by `cli` and used by `admin`.
            let known = (room.name, *to) == ("admin", "cli");
            assert!(
                target > index || known,
                "{} uses {to}, which is above it",
                room.name
            );
        }
    }
}

#[test]
fn the_document_shows_this_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let page = fs::read_to_string(path).expect("the page");
    let mut table = String::from("| room | may use | purpose |\n|---|---|---|\n");
    for room in HOUSE {
        let uses: Vec<_> = room
            .may_use
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let uses = if uses.is_empty() {
            "nothing".to_owned()
        } else {
            uses.join(", ")
        };
        table += &format!("| `{}` | {uses} | {} |\n", room.name, room.purpose);
    }
    assert!(
        page.contains(&table),
        "docs/architecture.md should have:\n{table}"
    );
}

#[test]
fn imports_of_every_form_are_seen() {
    let text = "use crate::{admin::{check, live}, log};\nuse crate :: x;\nlet a = crate::guard::b();\n\
        use crate::print::{self, escape};\nuse crate::{\n    session,\n    exit::Exit,\n};";
    let expected = ["admin", "exit", "guard", "log", "print", "session"];
    assert_eq!(used(text), BTreeSet::from(expected));
}
