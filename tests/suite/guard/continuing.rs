//! A build with the mistake that the guard must not make: it judges a call and then has the kernel do it.
//!
//! There is no switch for that in the program. The test copies the sources, changes three places, and builds the
//! copy; if one of the places is not there any more, the test fails and has to be told the new one.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// File, what stands there, what stands there instead.
const CHANGES: &[(&str, &str, &str)] = &[
    // Every operation confirms its caller after it was judged and before it is done.
    (
        "src/guard/serve.rs",
        "if self.listener.still_waits(caller.id) {\n            Ok(())",
        "if self.listener.still_waits(caller.id) {\n            Err(Errno::EHWPOISON.into())",
    ),
    (
        "src/guard/serve.rs",
        "            Err(Failure::Errno(errno)) => self",
        "            Err(Failure::Errno(Errno::EHWPOISON)) => self.listener.let_through_unchecked(id),\n            \
         Err(Failure::Errno(errno)) => self",
    ),
    // The second layer would stop most of what the kernel then does.
    (
        "src/guard/split.rs",
        "let nested = nest::restrict(plan)?;",
        "let nested = false;",
    ),
];

/// The binary that answers "continue".
pub fn binary() -> &'static [u8] {
    static BINARY: OnceLock<Vec<u8>> = OnceLock::new();
    BINARY.get_or_init(build)
}

fn build() -> Vec<u8> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("continuing");
    let _ = fs::remove_dir_all(copy.join("src"));
    for name in ["src", "tests/programs", "tests/suite", "tests/data"] {
        copy_tree(&here.join(name), &copy.join(name));
    }
    for name in ["Cargo.toml", "Cargo.lock"] {
        fs::copy(here.join(name), copy.join(name)).expect("copying a file of the package");
    }
    for (file, old, new) in CHANGES {
        let path = copy.join(file);
        let text = fs::read_to_string(&path).expect("reading a source");
        assert_eq!(
            text.matches(old).count(),
            1,
            "{file} does not say {old:?} once: name the place where it is now in {}",
            file!()
        );
        fs::write(&path, text.replace(old, new)).expect("writing a source");
    }
    let output = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--offline", "--bin", "xfersh"])
        .env("CARGO_TARGET_DIR", copy.join("target"))
        .current_dir(&copy)
        .output()
        .expect("cannot start cargo");
    assert!(
        output.status.success(),
        "cannot build the changed copy: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut built: Vec<_> = fs::read_dir(copy.join("target"))
        .expect("what was built")
        .flatten()
        .map(|entry| entry.path().join("debug/xfersh"))
        .chain([copy.join("target/debug/xfersh")])
        .filter(|path| path.exists())
        .collect();
    assert_eq!(built.len(), 1, "{built:?}");
    fs::read(built.remove(0)).expect("reading the changed binary")
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
