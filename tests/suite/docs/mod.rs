//! The documentation, checked like code: what it names exists, what it shows works.

mod daily;
mod dot_names;
mod examples;
mod manual;
mod names;
mod platforms;
mod readme;
mod shared;

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {path:?}: {error}"))
}

/// Every file of the repository, sorted; build products and the version control's own files are left out.
fn files() -> Vec<PathBuf> {
    fn gather(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("listing").flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let kind = entry.file_type().expect("the kind of a file");
            // What cargo and the fuzzer leave behind.
            let built = [
                "target",
                "tests/fuzz/target",
                "tests/fuzz/corpus",
                "tests/fuzz/artifacts",
            ];
            let is_built = built.iter().any(|built| root().join(built) == path);
            if name == ".git" || is_built {
                continue;
            }
            if kind.is_dir() {
                gather(&path, found);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    gather(root(), &mut found);
    found.sort();
    found
}

/// The files with this ending.
fn files_ending(ending: &str) -> Vec<PathBuf> {
    let mut found = files();
    found.retain(|path| path.to_string_lossy().ends_with(ending));
    found
}

/// The text of the block with this mark.
pub fn block_of(file: &str, mark: &str) -> String {
    let found = blocks(Path::new(file))
        .into_iter()
        .find(|block| block.mark == mark);
    found
        .unwrap_or_else(|| panic!("{file} has no block marked {mark:?}"))
        .text
}

/// A block between fences in Markdown.
#[derive(Debug)]
struct Block {
    /// The file, from the root.
    file: String,
    line: usize,
    /// What follows the opening fence.
    language: String,
    /// The HTML comment in the line before, without its brackets.
    mark: String,
    text: String,
}

fn blocks(path: &Path) -> Vec<Block> {
    let text = read(path);
    let file = path.strip_prefix(root()).unwrap_or(path);
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    let mut before = "";
    for (index, line) in text.lines().enumerate() {
        let mark = |line: &str| {
            let comment = line
                .trim()
                .strip_prefix("<!--")
                .and_then(|rest| rest.strip_suffix("-->"));
            comment.unwrap_or_default().trim().to_owned()
        };
        if let Some(language) = line.trim_start().strip_prefix("```") {
            open = !open;
            if open {
                found.push(Block {
                    file: file.display().to_string(),
                    line: index + 1,
                    language: language.to_owned(),
                    mark: mark(before),
                    text: String::new(),
                });
            }
        } else if let (true, Some(block)) = (open, found.last_mut()) {
            block.text.push_str(line.trim_start_matches("   "));
            block.text.push('\n');
        }
        before = line;
    }
    assert!(!open, "{file:?}: a fence is not closed");
    found
}
