//! What all wildcards of one request together may use.

use std::ffi::CString;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};

use crate::error::{Error, Step};

/// Names read from directories, plus system calls. This takes a second or two;
/// sftp can still list a directory of a million names in full.
const STEPS: u64 = 1_000_000;

/// Comparisons of a byte with a part of a pattern: less than a second.
const COMPARISONS: u64 = 200_000_000;

/// Memory for names of directories that are still to be read, in bytes.
const WAITING: usize = 16 << 20;

/// What a waiting name takes in addition to its bytes: the vector's header and
/// the allocator's smallest block.
const OVERHEAD: usize = 48;

/// MAX_ARG_STRLEN of `linux/binfmts.h`: the longest word, with its NUL.
const WORD_MAX: usize = 128 * 1024;

/// The least and most room for words and pointers of execve(2), whatever the
/// stack limit (`bprm_stack_limits` in `fs/exec.c`).
const ROOM_LEAST: u64 = 128 * 1024;
const ROOM_MOST: u64 = 6 << 20;

/// What an argument takes in addition to its bytes: its NUL and the pointer to
/// it.
const POINTER: usize = 1 + size_of::<usize>();

/// What the wildcards of a request may still use.
#[derive(Clone, Debug)]
pub struct Bounds {
    steps: u64,
    comparisons: u64,
    waiting: usize,
    room: usize,
}

impl Bounds {
    /// With this much room for the argument vector.
    pub const fn with_room(room: usize) -> Self {
        Self {
            steps: STEPS,
            comparisons: COMPARISONS,
            waiting: WAITING,
            room,
        }
    }

    /// With the room that execve(2) has here for the arguments of `program`.
    ///
    /// # Errors
    ///
    /// If the limit cannot be read.
    pub(super) fn of_process(program: &Path, environment: &[CString]) -> Result<Self, Error> {
        let (stack, _) = getrlimit(Resource::RLIMIT_STACK)
            .map_err(|error| Error::io(Step::Limit("RLIMIT_STACK"), error))?;
        let room = (stack / 4).clamp(ROOM_LEAST, ROOM_MOST);
        let words = environment.iter().map(|word| word.as_bytes().len());
        let program = program.as_os_str().len();
        let taken = words
            .chain([program])
            .map(|length| length + POINTER)
            .sum::<usize>();
        let room = usize::try_from(room).unwrap_or(0);
        Ok(Self::with_room(room.saturating_sub(taken)))
    }

    /// Takes steps.
    pub(super) fn step(&mut self, count: u64) -> Result<(), Error> {
        let left = self.steps.checked_sub(count);
        self.steps = left.ok_or_else(|| too_much("there are too many names to look at"))?;
        Ok(())
    }

    /// Takes comparisons.
    pub(super) fn compared(&mut self, count: u64) -> Result<(), Error> {
        let left = self.comparisons.checked_sub(count);
        self.comparisons = left.ok_or_else(|| too_much("the pattern is too costly"))?;
        Ok(())
    }

    /// Holds a name until its directory is read.
    pub(super) fn hold(&mut self, length: usize) -> Result<(), Error> {
        let left = self.waiting.checked_sub(length + OVERHEAD);
        self.waiting =
            left.ok_or_else(|| too_much("there are too many directories to look into"))?;
        Ok(())
    }

    /// Releases what a held name took.
    pub(super) const fn release(&mut self, length: usize) {
        self.waiting += length + OVERHEAD;
    }

    /// Takes room in the argument vector.
    pub(super) fn pass(&mut self, length: usize) -> Result<(), Error> {
        let left = self.room.checked_sub(length + POINTER);
        let left = left.filter(|_| length < WORD_MAX);
        self.room = left.ok_or_else(|| too_much("a command cannot take that many names"))?;
        Ok(())
    }
}

fn too_much(why: &str) -> Error {
    let text = format!("they match too much: {why}; name fewer files, or a directory");
    Error::text(Step::Wildcards, text)
}
