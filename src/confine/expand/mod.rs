//! Wildcards of sources (`scp -f`, `rsync --server --sender`), expanded inside
//! the confinement: no name outside the readable directories is listed, so none
//! leaks. Time and memory are limited, and each name that matches is judged
//! like one that the client wrote.

mod bounds;
mod vet;
mod walking;

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt as _;

use nix::errno::Errno;

use crate::decide::command::pattern::Pattern;
use crate::decide::plan::{Argument, Plan};
use crate::error::{Error, Step};

pub use bounds::Bounds;
pub use walking::{Matched, Sink, walk};

use vet::Vetting;

/// The argument vector with its patterns expanded, the names of each in byte
/// order. If nothing matches, the word stays as the client wrote it, as in
/// sh(1).
///
/// # Errors
///
/// If a pattern matches more than the server could take, costs too much, or
/// leads to a file outside all directories of the policy.
pub fn expand(plan: &Plan, environment: &[CString]) -> Result<Vec<CString>, Error> {
    let has_pattern = |argument: &Argument| matches!(argument, Argument::Pattern { .. });
    if !plan.argv.iter().any(has_pattern) {
        let words = plan.argv.iter().map(|argument| match argument {
            Argument::Literal(word) | Argument::Pattern { literal: word, .. } => c_string(word),
        });
        return words.collect();
    }
    let mut bounds = Bounds::of_process(&plan.program, environment)?;
    let mut vetting = Vetting::new(plan);
    let mut argv = Vec::new();
    for argument in &plan.argv {
        match argument {
            Argument::Literal(word) => {
                bounds.pass(word.len())?;
                argv.push(c_string(word)?);
            }
            Argument::Pattern {
                pattern,
                literal,
                recursive,
            } => {
                let before = argv.len();
                let pattern = Pattern::parse(pattern.as_bytes());
                walk(&pattern, &mut bounds, &mut |found: &Matched<'_>, bounds| {
                    if vetting.keeps(found, *recursive, bounds)? {
                        bounds.pass(found.path.len())?;
                        argv.push(c_string(OsStr::from_bytes(found.path))?);
                    }
                    Ok(())
                })?;
                argv[before..].sort_unstable();
                if argv.len() == before {
                    // A file may have the pattern itself as its name.
                    vetting.keeps_word(literal.as_bytes(), *recursive, &mut bounds)?;
                    bounds.pass(literal.len())?;
                    argv.push(c_string(literal)?);
                }
            }
        }
    }
    Ok(argv)
}

/// No command contains a NUL byte (it was itself an argument), and neither does
/// a name on the disk: this cannot fail, and fails closed if it does.
fn c_string(text: &OsStr) -> Result<CString, Error> {
    CString::new(text.as_bytes()).map_err(|_| Error::io(Step::Wildcards, Errno::EINVAL))
}
