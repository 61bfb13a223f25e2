//! Small C programs for the tests, for what no client and no safe Rust code does: compiled once per test run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use super::host::Host;

/// A program or library in `tests/programs`.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Program,
    /// With a library, as `-lNAME`.
    ProgramWith(&'static str),
    /// For LD_PRELOAD and LD_AUDIT.
    Library,
}

impl Host {
    /// Compiles `tests/programs/NAME.c` and puts it on the host as `/opt/NAME`, owned by root; returns that path.
    pub fn install_program(&self, name: &str, kind: Kind) -> PathBuf {
        let bytes = compiled(name, kind);
        let path = Path::new("/opt").join(name);
        self.install(&path, &bytes);
        path
    }
}

fn compiled(name: &str, kind: Kind) -> Vec<u8> {
    static DONE: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let mut done = DONE.lock().expect("compilers do not panic twice");
    if let Some(bytes) = done.get(name) {
        return bytes.clone();
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/programs")
        .join(format!("{name}.c"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut compiler = Command::new("cc");
    compiler
        .args(["-O1", "-Wall", "-Werror", "-o"])
        .arg(&target)
        .arg(&source);
    match kind {
        Kind::Program => compiler.arg("-pthread"),
        Kind::ProgramWith(library) => compiler.args(["-Wno-deprecated-declarations", library]),
        Kind::Library => compiler.args(["-shared", "-fPIC"]),
    };
    let output = compiler
        .output()
        .expect("cannot start cc: the tests need a C compiler");
    assert!(
        output.status.success(),
        "cannot compile {source:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let bytes = std::fs::read(&target).expect("reading what was compiled");
    done.insert(name.to_owned(), bytes.clone());
    bytes
}
