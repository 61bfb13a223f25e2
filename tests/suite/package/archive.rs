//! The archive that `cargo package` makes: what its sources include is in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{}", path.display()),
            part => plain.push(part),
        }
    }
    plain
}

/// What a source names with `include_str!`, `include_bytes!`, `include!` or `#[path]`. In other words: a quoted word after
/// one of these.
fn included(text: &str) -> Vec<&str> {
    let marks = ["include_str!(", "include_bytes!(", "include!(", "#[path = "];
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.starts_with("//"));
    let named = lines.flat_map(|line| {
        marks.iter().filter_map(move |mark| {
            let (_, rest) = line.split_once(mark)?;
            let named = rest.strip_prefix('"')?.split_once('"');
            named.filter(|(path, _)| path.ends_with(|c: char| c.is_alphanumeric()))
        })
    });
    named.map(|(path, _)| path).collect()
}

#[test]
fn the_sources_in_the_archive_include_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut list = Command::new(cargo);
    list.args(["package", "--list", "--allow-dirty", "--offline"]);
    let output = list.current_dir(root).output().expect("cargo");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listed: BTreeSet<&str> = text.lines().collect();
    assert!(
        listed.contains("src/main.rs") && listed.contains("Cargo.lock"),
        "{text}"
    );
    let mut seen = 0;
    for source in listed.iter().filter(|path| path.ends_with(".rs")) {
        let text = fs::read_to_string(root.join(source)).expect("a source");
        let directory = Path::new(source).parent().expect("a directory");
        for path in included(&text) {
            let path = plain(&directory.join(path));
            let path = path.to_str().expect("UTF-8");
            assert!(
                listed.contains(path),
                "{source} includes {path}, which the archive lacks"
            );
            seen += 1;
        }
    }
    assert!(seen > 1, "{seen}");
}
