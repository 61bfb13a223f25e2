//! docs/clients.md: the runs themselves write it, from what they saw.
//!
//! With `XFERSH_CLIENTS_TABLE=1`, each client that runs leaves its section below `target/`, and the page is rebuilt
//! from all of them. Without it, the existing page is compared with the rows.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::row::{ASKED_OF_ALL, Action, Client, End, Row};
use super::{ALL, beyond, large};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/clients.md");
const SECTIONS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/clients-table");
pub const DIFFERS: &str = "**differs from /bin/sh**";
const NOT_RUN: &str = "**not run**";
/// How much of a client's line a cell shows.
const SHOWN: usize = 300;

/// A row with its result.
pub struct Said {
    action: &'static str,
    line: &'static str,
    result: String,
}

impl Said {
    pub fn of(row: &Row, result: String) -> Self {
        Self {
            action: row.action.name(),
            line: row.line,
            result,
        }
    }
}

/// Keeps the section of a client and writes the page, if that is asked for.
pub fn keep(client: &Client, version: &str, rows: &[Said]) {
    let policy = match client.policy {
        "" => String::new(),
        policy => format!(" Policy: {}.", code(policy)),
    };
    let mut text = format!(
        "### {}\n\nVersion: {}. Protocol: {}.{policy}\n\n| what | line | result |\n|---|---|---|\n",
        client.id,
        code(version),
        client.protocol
    );
    for row in rows {
        let line = if row.line.is_empty() {
            String::new()
        } else {
            code(row.line)
        };
        let _ = writeln!(text, "| {} | {line} | {} |", row.action, row.result);
    }
    let summary = summary(client, version, rows);
    keep_section(client.id, &format!("{summary}\n{text}"));
}

/// The client's line of the overview.
fn summary(client: &Client, version: &str, rows: &[Said]) -> String {
    let mut line = format!(
        "| [{}](#{}) | {} | {} |",
        client.name,
        client.id,
        code(version),
        client.protocol
    );
    for asked in ASKED_OF_ALL {
        let result = rows.iter().find(|row| row.action == *asked);
        let word = match result.map(|row| row.result.as_str()) {
            Some("same") => "same",
            Some(result) if result.starts_with("same;") => "same (lacks)",
            Some(result) if result.starts_with("refused") => "refused",
            Some(result) if result.starts_with("no such function") => "–",
            None => "",
            _ => DIFFERS,
        };
        let _ = write!(line, " {word} |");
    }
    line
}

/// `text` as code in a table cell, on one line.
pub fn code(text: &str) -> String {
    let mut short: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if short.chars().count() > SHOWN {
        short = short.chars().take(SHOWN).chain(" …".chars()).collect();
    }
    let fence = if short.contains('`') { "``" } else { "`" };
    let space = if short.contains('`') { " " } else { "" };
    format!("{fence}{space}{}{space}{fence}", short.replace('|', "\\|"))
}

/// Keeps a section under its name and rewrites the page.
pub fn keep_section(id: &str, text: &str) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    if std::env::var_os("XFERSH_CLIENTS_TABLE").is_none() {
        return;
    }
    let _guard = ONE_AT_A_TIME.lock().expect("no writer panics");
    std::fs::create_dir_all(SECTIONS).expect("mkdir below target");
    std::fs::write(section_file(id), text).expect("keeping a section");
    std::fs::write(PAGE, page()).expect("writing docs/clients.md");
}

fn section_file(id: &str) -> PathBuf {
    Path::new(SECTIONS).join(format!("{id}.md"))
}

fn page() -> String {
    let mut overview = String::new();
    let mut sections = String::new();
    for client in ALL {
        let text = std::fs::read_to_string(section_file(client.id));
        let text = text.unwrap_or_else(|_| {
            format!(
                "| {} | {NOT_RUN} |\n### {}\n\nNot run.\n",
                client.name, client.id
            )
        });
        let (line, section) = text.split_once('\n').expect("a summary and a section");
        overview += &format!("{line}\n");
        sections += &format!("\n{}\n", section.trim());
    }
    let rows_of = |names: &[&str]| -> String {
        let section = |name: &&str| std::fs::read_to_string(section_file(name));
        names
            .iter()
            .map(|name| section(name).unwrap_or_else(|_| format!("| {NOT_RUN} |\n")))
            .collect()
    };
    let beyond = rows_of(&[beyond::SECTION, beyond::HEAVY_SECTION]);
    let large = rows_of(large::SECTIONS);
    format!(
        "{}\n| client | version | protocol | {} |\n|---|---|---|{}\n{overview}\n{}{beyond}\n{}{large}\n## The rows\n{sections}",
        include_str!("head.md"),
        ASKED_OF_ALL.join(" | "),
        "---|".repeat(ASKED_OF_ALL.len()),
        include_str!("beyond.md"),
        include_str!("large.md"),
    )
}

/// The page names every row that the tests run, and no other.
#[test]
fn the_page_has_the_rows_of_the_tests() {
    let page =
        std::fs::read_to_string(PAGE).unwrap_or_else(|error| panic!("cannot read {PAGE}: {error}"));
    let mut on_page: Vec<(String, String)> = Vec::new();
    let mut id = String::new();
    let (_, rows) = page
        .split_once("\n## The rows\n")
        .expect("the page has rows");
    for line in rows.lines() {
        if let Some(name) = line.strip_prefix("### ") {
            name.clone_into(&mut id);
        } else if let Some((action, rest)) = line
            .strip_prefix("| ")
            .and_then(|rest| rest.split_once(" | "))
            && action != "what"
        {
            assert!(!rest.contains(DIFFERS), "{id}, {action}: {rest}");
            on_page.push((id.clone(), action.to_owned()));
        }
    }
    let tested = ALL.iter().flat_map(|client| {
        client
            .rows
            .iter()
            .map(|row| (client.id.to_owned(), row.action.name().to_owned()))
    });
    assert_eq!(
        on_page,
        tested.collect::<Vec<_>>(),
        "run with XFERSH_CLIENTS_TABLE=1 to write the page"
    );
    assert!(
        !page.contains(NOT_RUN) && !page.contains(DIFFERS),
        "a client differs, or was not run"
    );
    for client in beyond::clients() {
        assert!(page.contains(&format!("\n| {client} |")), "{client}");
    }
}

/// No client leaves out a question, and every client is refused the dotfile. A backup program keeps no file under the
/// file's own name, so it is asked different questions.
#[test]
fn every_client_is_asked_everything() {
    for client in ALL {
        let count = |asked: &str| {
            client
                .rows
                .iter()
                .filter(|row| row.action.name() == asked)
                .count()
        };
        if client
            .rows
            .iter()
            .any(|row| matches!(row.action, Action::Repository(..)))
        {
            assert_eq!(count("dotfile"), 1, "{}", client.id);
        } else {
            for asked in ASKED_OF_ALL {
                assert_eq!(count(asked), 1, "{}: {asked}", client.id);
            }
        }
        let mut dotfiles = client
            .rows
            .iter()
            .filter(|row| row.action.name() == "dotfile");
        assert!(
            dotfiles.all(|row| matches!(row.end, End::Refused(_) | End::RefusedSilently)),
            "{}",
            client.id
        );
    }
}
