//! Looks for what a server program needs to be loaded, as its loader would, with
//! the rights of this process, which must be the account's. The rules are in
//! [`decide::needs`](crate::decide::needs).
//!
//! Nothing is run. Every file that is found, and every directory in which one
//! is looked for, is root's alone: what is in it would run in the session.

mod cache;
pub mod elf_file;
mod places;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use elf_file::ElfError;
use places::{Found, SearchedPlaces};

use super::disk::is_refusal;
use crate::decide::needs::flaw::{LoadFlaw, UnloadableProgram};
use crate::decide::needs::search::{LoadedObject, Loader};
use crate::decide::needs::{ElfFacts, Needs};
use crate::decide::startup;

/// The most files that are read, and names that are looked for, for one
/// program. rsync needs 10.
const OBJECTS_MAX: usize = 256;
const NAMES_MAX: usize = 4096;

/// What glibc loads by name beside itself: sources of accounts before 2.34.
const NAME_SERVICE: [&str; 2] = ["libnss_files.so.2", "libnss_compat.so.2"];
/// Beside glibc, conversions between character sets, for rsync's `--iconv`.
const CONVERSIONS: &str = "gconv";

/// Finds what this program needs, whose path has no links.
///
/// # Errors
///
/// Why it cannot be loaded, or is not to be.
pub fn inspect(program: &Path) -> Result<Needs, UnloadableProgram> {
    inspected(program).map_err(|flaw| UnloadableProgram {
        program: program.to_owned(),
        flaw,
    })
}

fn inspected(program: &Path) -> Result<Needs, LoadFlaw> {
    let facts = read(program).map_err(|error| flaw_of(program, error))?;
    if !facts.is_for_this_host() {
        return Err(LoadFlaw::Machine(facts.machine));
    }
    let Some(interpreter) = facts.interpreter.clone() else {
        return Ok(Needs::default());
    };
    let mut search = Search::of(program, facts, &interpreter)?;
    search.load_all()?;
    Ok(search.needs)
}

fn read(path: &Path) -> Result<ElfFacts, ElfError> {
    let file = File::open(path)?;
    elf_file::read(|buffer, offset| file.read_at(buffer, offset))
}

fn flaw_of(path: &Path, error: ElfError) -> LoadFlaw {
    let at = path.to_owned();
    match error {
        ElfError::Script => LoadFlaw::Script,
        ElfError::Malformed(what) => LoadFlaw::Malformed { at, what },
        ElfError::Io(error) => LoadFlaw::Failed {
            at,
            error: error.to_string(),
        },
    }
}

struct Search {
    loader: Loader,
    /// Where the loader itself is, links resolved.
    loader_path: PathBuf,
    objects: Vec<LoadedObject>,
    names: BTreeSet<Vec<u8>>,
    places: SearchedPlaces,
    /// Where libraries are looked for last.
    defaults: Vec<PathBuf>,
    cache: Option<Vec<u8>>,
    needs: Needs,
}

impl Search {
    fn of(program: &Path, facts: ElfFacts, interpreter: &Path) -> Result<Self, LoadFlaw> {
        let mut places = SearchedPlaces::default();
        let loader_path = match places.file(interpreter, program)? {
            Found::At(path) => path,
            Found::Absent => return Err(missing(interpreter, program, &[], None)),
            Found::Closed => {
                let closed = Some(interpreter.to_owned());
                return Err(missing(interpreter, program, &[], closed));
            }
        };
        let mut needs = Needs::default();
        needs.add_loader(interpreter, loader_path.clone());
        let loader = Loader::of(interpreter);
        let directory = loader_path.parent().unwrap_or(&loader_path);
        let mut defaults = loader.default_directories(directory);
        if let Loader::Musl(file) = &loader
            && let Found::At(path) = places.file(file, &loader_path)?
        {
            let text = all_of(&path, 1 << 16).map_err(|error| failed(&path, &error))?;
            defaults = Loader::directories_of_file(file, &text)?;
            needs.add_file(path);
        }
        let program = LoadedObject {
            path: program.to_owned(),
            facts,
            parent: None,
        };
        // The loader is there before anything else.
        let names = interpreter.file_name().map(|name| name.as_bytes().to_vec());
        Ok(Self {
            loader,
            loader_path,
            objects: vec![program],
            names: names.into_iter().collect(),
            places,
            defaults,
            cache: None,
            needs,
        })
    }

    fn load_all(&mut self) -> Result<(), LoadFlaw> {
        let mut at = 0;
        while let Some(object) = self.objects.get(at) {
            let (path, needed) = (object.path.clone(), object.facts.needed.clone());
            let named = self.loader.named_directories(&self.objects, at)?;
            // All of them: modules that are loaded later are looked for there.
            for directory in &named {
                self.places.directory(directory, &path)?;
            }
            for name in needed {
                if self.names.len() == NAMES_MAX {
                    return Err(LoadFlaw::Excessive("too many names of libraries"));
                }
                if !self.loader.is(&name) && self.names.insert(name.clone()) {
                    self.load(&name, at, &path, &named)?;
                }
            }
            at += 1;
        }
        Ok(())
    }

    /// Finds one library.
    fn load(
        &mut self,
        name: &[u8],
        parent: usize,
        by: &Path,
        named: &[PathBuf],
    ) -> Result<(), LoadFlaw> {
        let file = Path::new(OsStr::from_bytes(name));
        if name.contains(&b'/') {
            if !file.is_absolute() {
                return Err(LoadFlaw::relative(by, name));
            }
            return match self.take(file, parent, by)? {
                Taken::Yes => Ok(()),
                Taken::No => Err(missing(file, by, &[], None)),
                Taken::Closed => Err(missing(file, by, &[], Some(file.to_owned()))),
            };
        }
        let mut closed = None;
        let mut tried = |taken, path: &Path| {
            if taken == Taken::Closed {
                closed.get_or_insert_with(|| path.to_owned());
            }
            taken == Taken::Yes
        };
        for directory in named {
            let path = directory.join(file);
            if tried(self.take(&path, parent, by)?, &path) {
                return Ok(());
            }
        }
        // The loader takes one of those that the cache has, by the processor.
        let mut is_found = false;
        for path in self.cached(name)? {
            is_found |= tried(self.take(&path, parent, by)?, &path);
        }
        if is_found {
            return Ok(());
        }
        for directory in self.defaults.clone() {
            let path = directory.join(file);
            if tried(self.take(&path, parent, by)?, &path) {
                return Ok(());
            }
        }
        let searched = named.iter().chain(&self.defaults).cloned();
        let searched: Vec<_> = searched.filter(|place| self.places.has(place)).collect();
        Err(missing(file, by, &searched, closed))
    }

    fn cached(&mut self, name: &[u8]) -> Result<Vec<PathBuf>, LoadFlaw> {
        if self.loader != Loader::Gnu {
            return Ok(Vec::new());
        }
        if self.cache.is_none() {
            let path = Path::new(cache::CACHE);
            let text = match self.places.file(path, &self.loader_path)? {
                Found::At(path) => {
                    all_of(&path, cache::CACHE_MAX).map_err(|error| failed(&path, &error))?
                }
                Found::Absent | Found::Closed => Vec::new(),
            };
            self.cache = Some(text);
        }
        let cache = self.cache.as_deref().unwrap_or_default();
        Ok(cache::find(cache, name))
    }

    /// Takes the library at this path, if there is one for this processor.
    fn take(&mut self, path: &Path, parent: usize, by: &Path) -> Result<Taken, LoadFlaw> {
        let resolved = match self.places.file(path, by)? {
            Found::At(resolved) => resolved,
            Found::Absent => return Ok(Taken::No),
            Found::Closed => return Ok(Taken::Closed),
        };
        self.beside_the_c_library(path, &resolved, by)?;
        // The distribution's libraries need the distribution's libraries.
        if startup::is_readable(&resolved) {
            return Ok(Taken::Yes);
        }
        let facts = match read(&resolved) {
            Ok(facts) if facts.is_for_this_host() => facts,
            // One for another processor is passed by.
            Ok(_) => return Ok(Taken::No),
            Err(ElfError::Io(error)) if is_refusal(&error) => return Ok(Taken::Closed),
            Err(ElfError::Script) => {
                let what = "is not an ELF file";
                return Err(LoadFlaw::Malformed { at: resolved, what });
            }
            Err(error) => return Err(flaw_of(&resolved, error)),
        };
        if self.objects.len() == OBJECTS_MAX {
            return Err(LoadFlaw::Excessive("it needs too many libraries"));
        }
        self.needs.add_file(resolved);
        self.names.extend(facts.soname.clone());
        self.objects.push(LoadedObject {
            path: path.to_owned(),
            facts,
            parent: Some(parent),
        });
        Ok(Taken::Yes)
    }

    /// What glibc loads by name from its own directory.
    fn beside_the_c_library(
        &mut self,
        path: &Path,
        resolved: &Path,
        by: &Path,
    ) -> Result<(), LoadFlaw> {
        let is_c_library = path.file_name() == Some(OsStr::new("libc.so.6"));
        let Some(directory) = resolved.parent() else {
            return Ok(());
        };
        if !is_c_library || startup::is_readable(resolved) {
            return Ok(());
        }
        for module in NAME_SERVICE {
            if let Found::At(path) = self.places.file(&directory.join(module), by)? {
                self.needs.add_file(path);
            }
        }
        if let Some(path) = self.places.directory(&directory.join(CONVERSIONS), by)? {
            self.needs.add_modules(path);
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Taken {
    Yes,
    No,
    /// The account cannot read it.
    Closed,
}

fn missing(name: &Path, by: &Path, searched: &[PathBuf], closed: Option<PathBuf>) -> LoadFlaw {
    LoadFlaw::Missing {
        name: name.to_owned(),
        by: by.to_owned(),
        searched: searched.to_owned(),
        closed,
    }
}

fn failed(at: &Path, error: &io::Error) -> LoadFlaw {
    LoadFlaw::Failed {
        at: at.to_owned(),
        error: error.to_string(),
    }
}

/// The whole of a file, if it is not larger than this.
fn all_of(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}
