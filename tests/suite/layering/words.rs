//! One meaning, one word.

use std::collections::BTreeMap;

use super::{production, sources};

/// The name that a line of code gives to a type of its own.
fn defined(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let mut word = words.next()?;
    if word.starts_with("pub") {
        // `pub(in crate::a)` is two words.
        word = words.by_ref().find(|word| !word.contains("::"))?;
    }
    matches!(word, "struct" | "enum" | "union" | "trait" | "type").then_some(())?;
    // `type X = …` within an implementation has its meaning from the trait.
    if word == "type" && line.starts_with(' ') {
        return None;
    }
    let rest = words.next()?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    Some(&rest[..end.unwrap_or(rest.len())])
}

#[test]
fn no_two_types_have_one_name() {
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in sources("src") {
        let Some(text) = production(&path, &text) else {
            continue;
        };
        for name in text.lines().filter_map(defined) {
            let places = known.entry(name.to_owned()).or_default();
            places.push(path.display().to_string());
        }
    }
    assert!(known.len() > 100, "only {} types are found", known.len());
    let twice: Vec<_> = known
        .iter()
        .filter(|(_, places)| places.len() > 1)
        .collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

#[test]
fn definitions_of_every_form_are_seen() {
    let rows = [
        ("struct A;", Some("A")),
        ("pub struct A<'a> {", Some("A")),
        ("pub(crate) enum A {", Some("A")),
        ("pub(in crate::decide) struct A(u8);", Some("A")),
        ("    struct A {", Some("A")),
        ("pub type A<'p> = (u8, &'p str);", Some("A")),
        ("    type Target = [u8];", None),
        ("impl A {", None),
        ("let structure = 1;", None),
    ];
    for (line, expected) in rows {
        assert_eq!(defined(line), expected, "{line}");
    }
}
