//! The program with one mistake in it: a copy of the sources in which a few places are changed, built.
//!
//! The program has no switch for a mistake. If a place no longer exists, the test fails and must be told the new one.
//! All copies are built in the same directory, one after the other, so that only the first compiles the dependencies.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The file, the text that occurs there once, and its replacement.
pub type Change = (&'static str, &'static str, &'static str);

/// A mistake by its name.
pub struct Mutant {
    pub name: &'static str,
    pub changes: &'static [Change],
}

impl Mutant {
    /// The binary with the mistake; built once in a test run.
    pub fn binary(&self) -> Vec<u8> {
        static BUILT: Mutex<BTreeMap<&str, Vec<u8>>> = Mutex::new(BTreeMap::new());
        // A failed build leaves nothing behind that the next one would not replace.
        let mut built = BUILT.lock().unwrap_or_else(|broken| broken.into_inner());
        if let Some(binary) = built.get(self.name) {
            return binary.clone();
        }
        let binary = self.build();
        built.insert(self.name, binary.clone());
        binary
    }

    fn build(&self) -> Vec<u8> {
        let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutant");
        copy_sources(&copy);
        for (file, old, new) in self.changes {
            let path = copy.join(file);
            let text = fs::read_to_string(&path).expect("reading a source");
            assert_eq!(
                text.matches(old).count(),
                1,
                "{}: {file} does not say {old:?} once: name the place where it is now",
                self.name
            );
            fs::write(&path, text.replace(old, new)).expect("writing a source");
        }
        // A program with an earlier mistake must not be mistaken for this one.
        programs(&copy).iter().for_each(|old| {
            fs::remove_file(old).expect("removing an older program");
        });
        let output = Command::new(env!("CARGO"))
            .args(["build", "--locked", "--offline", "--bin", "xfersh"])
            .env("CARGO_TARGET_DIR", copy.join("target"))
            .current_dir(&copy)
            .output()
            .expect("cannot start cargo");
        assert!(
            output.status.success(),
            "{}: cannot build the changed copy: {}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
        let mut built = programs(&copy);
        assert_eq!(built.len(), 1, "{built:?}");
        fs::read(built.remove(0)).expect("reading the changed program")
    }
}

/// Copies what the build needs. Cargo goes by file times, so every file is written again.
fn copy_sources(copy: &Path) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let _ = fs::remove_dir_all(copy.join("src"));
    for name in ["src", "tests/programs", "tests/suite", "tests/data"] {
        copy_tree(&here.join(name), &copy.join(name));
    }
    for name in ["Cargo.toml", "Cargo.lock"] {
        fs::copy(here.join(name), copy.join(name)).expect("copying a file of the package");
    }
}

/// The programs in the build directory: below the name of the target, or directly in it.
fn programs(copy: &Path) -> Vec<PathBuf> {
    let target = copy.join("target");
    let below = fs::read_dir(&target).into_iter().flatten().flatten();
    below
        .map(|entry| entry.path().join("debug/xfersh"))
        .chain([target.join("debug/xfersh")])
        .filter(|path| path.exists())
        .collect()
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("making a directory");
    for entry in fs::read_dir(from).expect("listing sources").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_tree(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copying a source");
        }
    }
}
