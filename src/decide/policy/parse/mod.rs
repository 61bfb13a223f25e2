//! From the text of the policy file to a [`PolicyFile`], or to every error in
//! it. No I/O.
//!
//! Each block is checked in full, whether it applies to the account or not: a
//! policy with an error serves nobody.

mod errors;
mod keys;
mod section;
mod statement;
mod units;
mod value;

use std::path::Path;

use super::{PolicyErrors, PolicyFile};
use section::File;
use statement::Statements;

pub(super) use errors::Errors;
pub(super) use keys::{
    access, dotfile_names, dotfiles, message, no_directory, program, protocols, readable,
    requirement, start, symlinks, writable,
};
pub(super) use units::{count, duration, mode_max, size, umask};
pub(super) use value::Value;

/// Reads a policy; `source` is the file that errors name.
///
/// # Errors
///
/// Everything that is wrong, in the order of the file.
pub fn parse(text: &str, source: &Path) -> Result<PolicyFile, PolicyErrors> {
    let mut errors = Errors::default();
    let mut file = File::default();
    let mut statements = Statements::new(text);
    while let Some((line, statement)) = statements.next(&mut errors) {
        file.take(line, statement, &mut errors);
    }
    let (base, matches) = file.finish(&mut errors);
    match errors.into_policy_errors(text, source) {
        Some(errors) => Err(errors),
        None => Ok(PolicyFile {
            source: Some(source.to_path_buf()),
            base,
            matches,
        }),
    }
}

#[cfg(test)]
mod tests;
