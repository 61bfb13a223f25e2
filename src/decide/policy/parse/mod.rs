//! From the text of the policy file to a [`PolicyFile`], or to every error in
//! it. No I/O.
//!
//! Each block is checked in full, whether it applies to the account or not: a
//! policy with an error serves nobody.

mod errors;
mod keys;
mod section;
mod skip;
mod statement;
mod units;
mod value;

use std::path::Path;

use super::{Match, PolicyErrors, PolicyFile, Settings};
use section::File;
use skip::Skip;
use statement::Statements;

pub(super) use errors::Errors;
pub(super) use keys::{
    access, boolean, dotfile_names, dotfiles, log_format, log_target, message, no_directory,
    program, protocols, readable, requirement, start, symlinks, writable,
};
pub(super) use units::{count, directory_mode_min, duration, mode_limit, size, umask};
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
    let parts = file.finish(&mut errors);
    match errors.into_policy_errors(text, source) {
        Some(errors) => Err(errors),
        None => Ok(policy_file(source, parts)),
    }
}

/// Reads a policy for the account with these names: its own and those of the
/// other entries with its uid. Blocks that apply to none of them may be missing
/// from the result, so that ten thousand cost little. Everything else is as in
/// [`parse`]; above all, a policy with an error anywhere is refused.
///
/// # Errors
///
/// Those of [`parse`].
pub fn parse_for(names: &[&str], text: &str, source: &Path) -> Result<PolicyFile, PolicyErrors> {
    match accept(names, text) {
        Some(parts) => Ok(policy_file(source, parts)),
        None => parse(text, source),
    }
}

/// The parts of a policy without an error.
fn accept(names: &[&str], text: &str) -> Option<(Settings, Vec<Match>)> {
    let mut errors = Errors::default();
    let mut file = File::default();
    let mut statements = Statements::new(text);
    let mut skip = Skip::new(names);
    loop {
        statements.skip(|rest| skip.blocks(rest));
        let Some((line, statement)) = statements.next(&mut errors) else {
            break;
        };
        file.take(line, statement, &mut errors);
        if errors.count() > 0 {
            return None;
        }
    }
    let parts = file.finish(&mut errors);
    (errors.count() == 0).then_some(parts)
}

fn policy_file(source: &Path, (base, matches): (Settings, Vec<Match>)) -> PolicyFile {
    PolicyFile {
        source: Some(source.to_path_buf()),
        base,
        matches,
    }
}

#[cfg(test)]
mod tests;
