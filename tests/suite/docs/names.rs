//! Names in the documentation: files, tests, rows of the corpus, crates.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use super::{files, files_ending, read, root};

/// What is between backquotes in Markdown.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Every test: the modules and the name, as in `confine::by_sftp::directly_in_the_home`.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in files_ending(".rs") {
        let path = path.strip_prefix(root()).expect("a file of the repository");
        let below = path
            .strip_prefix("tests/suite")
            .or_else(|_| path.strip_prefix("src"));
        let Ok(below) = below else { continue };
        let module = below
            .with_extension("")
            .to_string_lossy()
            .replace('/', "::");
        let module = module.trim_end_matches("::mod").trim_end_matches("::tests");
        let text = read(path);
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line == "#[test]" {
                is_test = true;
            } else if let (true, Some(rest)) = (is_test, line.strip_prefix("fn ")) {
                let name = rest.split('(').next().unwrap_or_default();
                found.insert(format!("{module}::{name}"));
                is_test = false;
            }
        }
    }
    found
}

/// The ids of the corpus.
fn corpus() -> BTreeSet<String> {
    let rows = files_ending(".tsv")
        .into_iter()
        .filter(|path| path.parent() == Some(&root().join("tests/corpus")));
    let text: String = rows.map(read).collect();
    text.lines()
        .filter_map(|line| Some(line.split_once('\t')?.0.to_owned()))
        .collect()
}

#[test]
fn tests_that_are_named_exist() {
    let (tests, corpus) = (tests(), corpus());
    assert!(
        tests.contains("docs::names::tests_that_are_named_exist") && corpus.contains("legit-001")
    );
    let mut missing = Vec::new();
    let mut seen = 0;
    for file in ["docs/cve.md", "docs/threat-model.md"] {
        let text = read(file);
        for name in quoted(&text) {
            let is_code =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':';
            let is_test = name.contains("::") && name.chars().all(is_code);
            // A name may also be that of a room, and stands for all tests in it.
            let room = format!("{}::", name.trim_end_matches(':'));
            let is_there =
                || tests.contains(name) || tests.iter().any(|test| test.starts_with(&room));
            let is_row = name.split_once('-').is_some_and(|(class, number)| {
                number
                    .rsplit('-')
                    .next()
                    .is_some_and(|n| n.len() == 3 && n.bytes().all(|b| b.is_ascii_digit()))
                    && class.bytes().all(|b| b.is_ascii_lowercase())
            });
            if is_test && !is_there() || is_row && !corpus.contains(name) {
                missing.push(format!("{file}: {name}"));
            }
            seen += usize::from(is_test || is_row);
        }
    }
    assert!(seen > 60, "only {seen} names were recognised");
    assert!(
        missing.is_empty(),
        "named, but not there:\n{}",
        missing.join("\n")
    );
}

#[test]
fn every_hole_names_what_shows_it() {
    let text = read("docs/cve.md");
    let sources = text.split("## Sources").nth(1).expect("a list of sources");
    let mut rows = 0;
    for row in text.lines().filter(|line| line.starts_with("| CVE-")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [numbers, what, applies, why, shown] = cells[..] else {
            panic!("not five cells: {row}")
        };
        let is_number = |n: &str| {
            let parts: Vec<&str> = n.split('-').collect();
            matches!(parts[..], ["CVE", year, number] if year.len() == 4 && number.len() >= 4)
        };
        assert!(numbers.split(", ").all(is_number), "{row}");
        assert!(["no", "bounded", "**sshd**"].contains(&applies), "{row}");
        let is_of_clients = shown.trim_matches('|').trim().is_empty();
        assert!(
            !is_of_clients || format!("{what} {why}").contains("client"),
            "nothing shows it: {row}"
        );
        for source in what
            .split('[')
            .skip(1)
            .filter_map(|rest| rest.split_once(']'))
        {
            assert!(
                sources.contains(&format!("\n{}. ", source.0)),
                "no source {}: {row}",
                source.0
            );
        }
        rows += 1;
    }
    assert!(rows > 30, "only {rows} rows were recognised");
}

#[test]
fn relative_links_resolve() {
    let mut links = 0;
    for path in files_ending(".md") {
        let text = read(&path);
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'))
        {
            let target = target.0.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let file = path.parent().expect("a directory").join(target);
            assert!(
                file.exists(),
                "{}: the link to {target} leads nowhere",
                path.display()
            );
            links += 1;
        }
    }
    assert!(links > 10, "only {links} links were found");
}

/// Directories that every host has: a path below one of them is not specific to one machine.
const COMMON: &[&str] = &[
    "home", "root", "srv", "opt", "usr", "var", "tmp", "mnt", "build", "github",
];

/// Whether the text has this absolute path: not as the end of a longer, relative one.
fn has_absolute(text: &str, path: &str) -> bool {
    let mut found = text.match_indices(path);
    found.any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.~/*}".contains(c))
    })
}

#[test]
fn nothing_names_the_place_where_it_was_built() {
    let place = root();
    let mut places: Vec<String> = place
        .ancestors()
        .map(|path| format!("{}/", path.display()))
        .collect();
    places.retain(|path| Path::new(path).components().count() > 2);
    if let Some(Component::Normal(first)) = place.components().nth(1)
        && !COMMON.contains(&&*first.to_string_lossy())
    {
        places.push(format!("/{}/", first.to_string_lossy()));
    }
    // In two pieces, since this file is checked too.
    let unfinished = [
        ("TO", "DO"),
        ("FIX", "ME"),
        ("XX", "X:"),
        ("unimplemented", "!("),
        ("todo", "!("),
    ];
    let unfinished = unfinished.map(|(one, two)| format!("{one}{two}"));
    for path in files() {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        for place in &places {
            assert!(
                !has_absolute(&text, place),
                "{} names {place}",
                path.display()
            );
        }
        for word in &unfinished {
            assert!(
                !text.contains(word.as_str()),
                "{} contains {word}",
                path.display()
            );
        }
    }
    assert!(has_absolute("see /there/x", "/there/") && !has_absolute("tests/there/x", "/there/"));
}

#[test]
fn every_dependency_is_explained() {
    let manifest = read("Cargo.toml");
    let section = manifest
        .split("\n[dependencies]\n")
        .nth(1)
        .and_then(|rest| rest.split("\n[").next());
    let crates: Vec<&str> = section
        .expect("a list of dependencies")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    let text = read("docs/architecture.md");
    let explained: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|row| row.0)
        .collect();
    assert!(crates.len() > 5);
    for name in &crates {
        assert!(
            explained.contains(name),
            "docs/architecture.md does not say why {name} is there"
        );
    }
}
