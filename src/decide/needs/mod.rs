//! What a server program needs to start that the start-up table does not have:
//! its loader and its libraries, where they lie outside of the system's own
//! directories.
//!
//! `gather::needs` reads the program and the libraries and looks for what they
//! name; where the loader would look is decided here ([`search`]), and so is
//! which of the files need a row of their own. A client has no part in any of
//! it.

pub mod flaw;
pub mod search;

use std::path::{Path, PathBuf};

use super::plan::{Grant, Lookup};
use super::startup;

/// What an ELF file says about what it needs (elf(5)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ElfFacts {
    /// The processor that it is for (`e_machine`).
    pub machine: u16,
    /// Whether it is of the class and byte order of this processor.
    pub is_native: bool,
    /// The loader that the kernel starts it with; none for a static program.
    pub interpreter: Option<PathBuf>,
    /// The libraries that it names.
    pub needed: Vec<Vec<u8>>,
    /// The name that others know it by.
    pub soname: Option<Vec<u8>>,
    /// Where its libraries and theirs are looked for first, as a text.
    pub rpath: Option<Vec<u8>>,
    /// Where its own libraries are looked for; then `rpath` counts for nothing.
    pub runpath: Option<Vec<u8>>,
}

/// `EM_X86_64` or `EM_AARCH64` (elf.h).
#[cfg(target_arch = "x86_64")]
pub const MACHINE: u16 = 62;
#[cfg(target_arch = "aarch64")]
pub const MACHINE: u16 = 183;

impl ElfFacts {
    /// Whether the filter of system calls is for such a program.
    pub const fn is_for_this_host(&self) -> bool {
        self.is_native && self.machine == MACHINE
    }
}

/// Files that a server needs beyond the start-up table, links resolved. Root
/// alone can change each of them and the way to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The loader.
    pub loader: Option<PathBuf>,
    /// Libraries, and what the loader or the C library reads.
    pub files: Vec<PathBuf>,
    /// Directories of nothing but modules that the C library loads by name.
    pub modules: Vec<PathBuf>,
}

impl Needs {
    /// A loader of this path, which the program names with that one.
    pub fn add_loader(&mut self, named: &Path, path: PathBuf) {
        if !startup::has_interpreter(named) {
            self.loader = Some(path);
        }
    }

    /// A file to be read, unless a row of the table has it.
    pub fn add_file(&mut self, path: PathBuf) {
        if !startup::is_readable(&path) && !self.files.contains(&path) {
            self.files.push(path);
        }
    }

    /// A directory of modules, unless a row of the table has it.
    pub fn add_modules(&mut self, path: PathBuf) {
        if !startup::is_readable(&path) && !self.modules.contains(&path) {
            self.modules.push(path);
        }
    }

    /// Their start-up rows.
    pub(super) fn grants(&self) -> impl Iterator<Item = Grant> {
        let row = |path: &PathBuf, access, reason| Grant {
            path: path.clone(),
            access,
            reason,
            lookup: Lookup::Follow,
        };
        let loader = self.loader.iter();
        let loader = loader.map(move |path| row(path, startup::RUN, "the server's loader"));
        let files = self.files.iter().chain(&self.modules);
        let files = files.map(move |path| row(path, startup::READ, "a library of the server"));
        loader.chain(files)
    }
}

/// Whether a program is the distribution's, which puts its libraries where the
/// start-up table has them: nothing more is looked at, so that the start of a
/// session costs nothing more. One that the policy names is always inspected.
pub fn is_of_the_distribution(program: &Path) -> bool {
    program.starts_with("/usr") && !program.starts_with("/usr/local")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_only_for_what_the_table_lacks() {
        let mut needs = Needs::default();
        needs.add_loader(
            Path::new("/lib64/ld-linux-x86-64.so.2"),
            "/usr/lib/x/ld-linux-x86-64.so.2".into(),
        );
        for covered in [
            "/usr/lib/libc.so.6",
            "/usr/lib64/libc.so.6",
            "/lib/libc.so.6",
        ] {
            needs.add_file(covered.into());
        }
        needs.add_modules("/usr/lib/x86_64-linux-gnu/gconv".into());
        #[cfg(target_arch = "x86_64")]
        assert_eq!(needs, Needs::default());
        for lacking in [
            "/usr/libexec/x.so",
            "/usr/local/lib/x.so",
            "/opt/usr/lib/x.so",
            "/opt/usr/lib/x.so",
        ] {
            needs.add_file(lacking.into());
        }
        needs.add_loader(Path::new("/nix/store/a/ld.so"), "/nix/store/a/ld.so".into());
        needs.add_modules("/nix/store/a/gconv".into());
        let rows: Vec<_> = needs
            .grants()
            .map(|row| (row.path.display().to_string(), row.access, row.lookup))
            .collect();
        let expected = [
            ("/nix/store/a/ld.so", startup::RUN),
            ("/usr/libexec/x.so", startup::READ),
            ("/usr/local/lib/x.so", startup::READ),
            ("/opt/usr/lib/x.so", startup::READ),
            ("/nix/store/a/gconv", startup::READ),
        ];
        let expected = expected.map(|(path, access)| (path.to_owned(), access, Lookup::Follow));
        assert_eq!(rows, expected);
    }

    #[test]
    fn the_distributions_own() {
        let rows = [
            ("/usr/lib/openssh/sftp-server", true),
            ("/usr/lib64/misc/sftp-server", true),
            ("/usr/local/libexec/sftp-server", false),
            ("/opt/libexec/sftp-server", false),
            ("/nix/store/x/libexec/sftp-server", false),
            ("/usrx/bin/scp", false),
        ];
        for (program, expected) in rows {
            assert_eq!(is_of_the_distribution(Path::new(program)), expected);
        }
    }
}
