//! docs/platforms.md: each section has its two marks, the program that makes its table, and a table.

use std::os::unix::fs::PermissionsExt as _;

use super::{read, root};

/// What is wrong with a page; `has_program` says which parts have one.
fn faults(page: &str, has_program: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    for line in page.lines() {
        let mark = |word: &str| {
            let rest = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
            rest.strip_prefix(word)
        };
        if let Some(part) = mark("begin ") {
            if let Some((before, _)) = open.replace((part, 0)) {
                faults.push(format!("{before} has no end"));
            }
            // The words after the program's name are what it is called with.
            let program = part.split(' ').next().unwrap_or_default();
            if !has_program(program) {
                faults.push(format!("{part} has no program tests/platforms/{program}"));
            }
        } else if let Some(part) = mark("end ") {
            match open.take() {
                Some((begun, 0)) if begun == part => {
                    faults.push(format!("{part} has no table"));
                }
                Some((begun, _)) if begun == part => {}
                _ => faults.push(format!("{part} ends without a beginning")),
            }
        } else if line.starts_with('|')
            && let Some((_, rows)) = &mut open
        {
            *rows += 1;
        }
    }
    if let Some((part, _)) = open {
        faults.push(format!("{part} has no end"));
    }
    faults
}

#[test]
fn each_section_is_made_by_its_program() {
    let has_program = |part: &str| {
        let path = root().join("tests/platforms").join(part);
        path.metadata()
            .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    let page = read("docs/platforms.md");
    assert!(page.contains("<!-- begin large-trees -->"), "the marks");
    assert_eq!(faults(&page, has_program), Vec::<String>::new());
}

#[test]
fn what_is_missing_is_seen() {
    let rows = [
        ("<!-- begin a -->\n| x |\n<!-- end a -->", ""),
        ("<!-- begin a c -->\n| x |\n<!-- end a c -->", ""),
        (
            "<!-- begin a c -->\n| x |\n<!-- end a -->",
            "a ends without a beginning",
        ),
        ("<!-- begin a -->\n<!-- end a -->", "a has no table"),
        ("<!-- begin a -->\n| x |", "a has no end"),
        ("<!-- end a -->", "a ends without a beginning"),
        (
            "<!-- begin b -->\n| x |\n<!-- end b -->",
            "b has no program tests/platforms/b",
        ),
    ];
    for (page, expected) in rows {
        assert_eq!(
            faults(page, |part| part == "a").join("; "),
            expected,
            "{page}"
        );
    }
}
