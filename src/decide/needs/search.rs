//! Where a loader looks for a library: glibc's by ld.so(8), musl's by its
//! manual and source (ldso/dynlink.c).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::ElfFacts;
use super::flaw::LoadFlaw;

/// The loader of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loader {
    /// glibc's.
    Gnu,
    /// musl's, with the file in which its directories stand, if it exists.
    Musl(PathBuf),
}

/// A file that names libraries.
#[derive(Clone, Debug)]
pub struct LoadedObject {
    /// As the loader opens it.
    pub path: PathBuf,
    /// What is in it.
    pub facts: ElfFacts,
    /// Which object named it first; the program has none.
    pub parent: Option<usize>,
}

/// Names of directories that `$LIB` stands for on one distribution or another.
#[cfg(target_arch = "x86_64")]
const LIB: [&str; 3] = ["lib/x86_64-linux-gnu", "lib64", "lib"];
#[cfg(target_arch = "aarch64")]
const LIB: [&str; 3] = ["lib/aarch64-linux-gnu", "lib64", "lib"];

/// What `$PLATFORM` stands for (`AT_PLATFORM` of getauxval(3)).
#[cfg(target_arch = "x86_64")]
const PLATFORM: &str = "x86_64";
#[cfg(target_arch = "aarch64")]
const PLATFORM: &str = "aarch64";

/// The libraries that are musl's loader itself, by the first part of the name.
const MUSL_ITSELF: [&str; 7] = ["c", "pthread", "rt", "m", "dl", "util", "xnet"];

impl Loader {
    /// The loader of this path, as a program names it.
    pub fn of(interpreter: &Path) -> Self {
        let name = interpreter.file_name().unwrap_or_default().as_bytes();
        let musl = name.strip_prefix(b"ld-musl-");
        let arch = musl.map(|rest| rest.split(|c| *c == b'.').next().unwrap_or_default());
        arch.map_or(Self::Gnu, |arch| {
            let mut file = b"ld-musl-".to_vec();
            file.extend(arch);
            file.extend(b".path");
            // Beside the directory of the loader: /etc for /lib.
            let prefix = interpreter.parent().and_then(Path::parent);
            let prefix = prefix.unwrap_or_else(|| Path::new("/"));
            Self::Musl(prefix.join("etc").join(OsStr::from_bytes(&file)))
        })
    }

    /// Whether the loader itself is this library.
    pub fn is(&self, name: &[u8]) -> bool {
        match self {
            Self::Gnu => false,
            Self::Musl(_) => name
                .strip_prefix(b"lib")
                .and_then(|rest| rest.split(|c| *c == b'.').next())
                .is_some_and(|stem| MUSL_ITSELF.iter().any(|own| own.as_bytes() == stem)),
        }
    }

    /// Where libraries are looked for last. `directory` is the loader's own,
    /// which is where its C library was installed.
    pub fn default_directories(&self, directory: &Path) -> Vec<PathBuf> {
        match self {
            Self::Gnu => {
                let mut places = vec![directory.to_owned()];
                for lib in LIB {
                    places.push(Path::new("/").join(lib));
                    places.push(Path::new("/usr").join(lib));
                }
                places
            }
            Self::Musl(_) => ["/lib", "/usr/local/lib", "/usr/lib"]
                .map(PathBuf::from)
                .into(),
        }
    }

    /// The directories in musl's file.
    ///
    /// # Errors
    ///
    /// One that begins where the session starts.
    pub fn directories_of_file(file: &Path, text: &[u8]) -> Result<Vec<PathBuf>, LoadFlaw> {
        let entries = text.split(|c| matches!(c, b':' | b'\n'));
        let entries = entries.filter(|entry| !entry.is_empty());
        entries
            .map(|entry| {
                let path = PathBuf::from(OsStr::from_bytes(entry));
                let relative = || LoadFlaw::relative(file, entry);
                path.is_absolute().then_some(path).ok_or_else(relative)
            })
            .collect()
    }

    /// The directories that the object itself names, and those of the objects
    /// that led to it whose word counts here.
    ///
    /// # Errors
    ///
    /// One that begins where the session starts: there clients may write.
    pub fn named_directories(
        &self,
        objects: &[LoadedObject],
        of: usize,
    ) -> Result<Vec<PathBuf>, LoadFlaw> {
        let mut places = Vec::new();
        let own = objects.get(of).map(|object| &object.facts);
        let has_runpath = own.is_some_and(|facts| facts.runpath.is_some());
        let mut at = Some(of);
        // A parent comes before its child, so this ends.
        while let Some(object) = at.and_then(|at| objects.get(at)) {
            let facts = &object.facts;
            let text = match self {
                Self::Gnu if has_runpath => None,
                Self::Gnu if facts.runpath.is_some() => None,
                Self::Gnu => facts.rpath.as_ref(),
                Self::Musl(_) => facts.runpath.as_ref().or(facts.rpath.as_ref()),
            };
            if let Some(text) = text {
                places.extend(expanded(&object.path, text)?);
            }
            at = object.parent;
        }
        if let (Self::Gnu, Some(object)) = (self, objects.get(of))
            && let Some(text) = &object.facts.runpath
        {
            places.extend(expanded(&object.path, text)?);
        }
        Ok(places)
    }
}

/// The directories of a list, each `$ORIGIN`, `$LIB` and `$PLATFORM` replaced.
fn expanded(object: &Path, list: &[u8]) -> Result<Vec<PathBuf>, LoadFlaw> {
    let mut places = Vec::new();
    if list.is_empty() {
        return Ok(places);
    }
    let origin = object.parent().unwrap_or_else(|| Path::new("/"));
    for entry in list.split(|c| *c == b':') {
        for lib in LIB {
            let with = [
                ("ORIGIN", origin.as_os_str().as_bytes()),
                ("LIB", lib.as_bytes()),
                ("PLATFORM", PLATFORM.as_bytes()),
            ];
            let path = PathBuf::from(OsStr::from_bytes(&replaced(entry, &with)));
            if !path.is_absolute() {
                return Err(LoadFlaw::relative(object, entry));
            }
            if !places.contains(&path) {
                places.push(path);
            }
        }
    }
    Ok(places)
}

/// A text with each `$NAME` and `${NAME}` replaced.
fn replaced(text: &[u8], with: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let variable = (first == b'$').then(|| variable(after, with)).flatten();
        if let Some((value, length)) = variable {
            out.extend(value);
            rest = after.get(length..).unwrap_or_default();
        } else {
            out.push(first);
            rest = after;
        }
    }
    out
}

/// What a variable at the beginning of the text stands for, and its length.
fn variable<'a>(text: &[u8], with: &[(&str, &'a [u8])]) -> Option<(&'a [u8], usize)> {
    with.iter().find_map(|(name, value)| {
        let braced = format!("{{{name}}}");
        if text.starts_with(braced.as_bytes()) {
            return Some((*value, braced.len()));
        }
        let rest = text.strip_prefix(name.as_bytes())?;
        let goes_on = rest
            .first()
            .is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'_');
        (!goes_on).then_some((*value, name.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(path: &str, rpath: &str, runpath: &str, parent: Option<usize>) -> LoadedObject {
        let list = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
        LoadedObject {
            path: path.into(),
            facts: ElfFacts {
                rpath: list(rpath),
                runpath: list(runpath),
                ..ElfFacts::default()
            },
            parent,
        }
    }

    fn named(loader: &Loader, objects: &[LoadedObject]) -> Result<String, LoadFlaw> {
        let places = loader.named_directories(objects, objects.len() - 1)?;
        let places: Vec<_> = places
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        Ok(places.join(" "))
    }

    #[test]
    fn whose_word_counts() {
        let musl = Loader::of(Path::new("/lib/ld-musl-x86_64.so.1"));
        // Program and library: RPATH, RUNPATH; found by glibc, by musl.
        let rows = [
            (("/a", ""), ("", ""), "/a", "/a"),
            (("", "/a"), ("", ""), "", "/a"),
            (("/a", ""), ("/b", ""), "/b /a", "/b /a"),
            (("/a", ""), ("/b", "/c"), "/c", "/c /a"),
            (("/a", "/d"), ("/b", ""), "/b", "/b /d"),
            (("/a", ""), ("", "/c:/e"), "/c /e", "/c /e /a"),
        ];
        for (program, library, gnu, by_musl) in rows {
            let objects = [
                object("/opt/p", program.0, program.1, None),
                object("/opt/l", library.0, library.1, Some(0)),
            ];
            assert_eq!(named(&Loader::Gnu, &objects).unwrap(), gnu, "{program:?}");
            assert_eq!(named(&musl, &objects).unwrap(), by_musl, "{program:?}");
        }
    }

    #[test]
    fn variables() {
        let one = |list: &str| named(&Loader::Gnu, &[object("/opt/x/bin/server", "", list, None)]);
        let rows = [
            ("$ORIGIN/../lib", "/opt/x/bin/../lib"),
            ("${ORIGIN}/lib:/b", "/opt/x/bin/lib /b"),
            ("/$ORIGINAL", "/$ORIGINAL"),
            ("/${ORIGIN", "/${ORIGIN"),
            ("/a$", "/a$"),
        ];
        for (list, expected) in rows {
            assert_eq!(one(list).unwrap(), expected, "{list}");
        }
        let lib = one("/opt/$LIB").unwrap();
        assert!(
            lib.contains("/opt/lib64") && lib.ends_with("/opt/lib"),
            "{lib}"
        );
        for list in ["lib", "/a:", ":/a", "/a::/b", "./x", "$LIB", "x$ORIGIN"] {
            let flaw = one(list).unwrap_err();
            assert!(matches!(flaw, LoadFlaw::Relative { .. }), "{list}");
        }
    }

    #[test]
    fn loaders() {
        let musl = |path: &str| Loader::Musl(path.into());
        let rows = [
            ("/lib64/ld-linux-x86-64.so.2", Loader::Gnu),
            ("/lib/ld-musl-x86_64.so.1", musl("/etc/ld-musl-x86_64.path")),
            (
                "/opt/m/lib/ld-musl-aarch64.so.1",
                musl("/opt/m/etc/ld-musl-aarch64.path"),
            ),
        ];
        for (path, expected) in rows {
            assert_eq!(Loader::of(Path::new(path)), expected);
        }
        let rows = [
            ("libc.so", true),
            ("libc.musl-x86_64.so.1", true),
            ("libm.so.6", true),
            ("libcrypto.so.3", false),
            ("libz.so.1", false),
        ];
        for (name, expected) in rows {
            assert_eq!(musl("/x").is(name.as_bytes()), expected, "{name}");
            assert!(!Loader::Gnu.is(name.as_bytes()));
        }
        let file = Path::new("/etc/ld-musl-x86_64.path");
        let directories = Loader::directories_of_file(file, b"/lib:/usr/lib\n/opt/lib\n");
        let expected = ["/lib", "/usr/lib", "/opt/lib"].map(PathBuf::from);
        assert_eq!(directories.unwrap(), expected);
        assert!(Loader::directories_of_file(file, b"/lib:lib").is_err());
    }
}
