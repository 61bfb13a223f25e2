//! xfersh: a login shell for accounts that may copy files and do nothing else.
//!
//! ```text
//! argv, env ──> Invocation ─┐
//! policy file ──> Policy ───┼─> decide() ──> Verdict ──> audit
//! passwd, groups ─> Account ┘                  │  └────> --check prints it and stops
//!                                              └> Plan ─> confine ─> exec
//! ```
//!
//! * [`shell`] is the pipeline, [`cli`] what the program can be called for.
//! * [`decide`] is pure: the form of a command, the policy, the verdict.
//! * [`judge`] is the one way to a verdict, for a session and for the dry run.
//! * [`enforce`] has the effects, in safe Rust: facts, log, confinement.
//! * [`system`] has everything unsafe, one file per facility of the kernel.
//! * [`check`] is what an administrator calls.
//!
//! What the shell promises, and what it does not, is in docs/threat-model.md.

pub mod check;
pub mod cli;
pub mod decide;
pub mod enforce;
pub mod error;
pub mod escape;
pub mod exit;
pub mod guard;
pub mod json;
pub mod judge;
pub mod shell;
pub mod system;
pub mod tell;

use std::ffi::OsString;

use cli::Call;
use exit::Exit;

/// Runs xfersh with these arguments, `argv[0]` first.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> Exit {
    match cli::parse(arguments) {
        Ok(call @ (Call::Session(_) | Call::Foreign(_) | Call::Forced)) => shell::serve(call),
        Ok(Call::Check(check)) if check.live => check::live::run(&check),
        Ok(Call::Check(check)) => check::dry_run::run(&check),
        Ok(Call::Probe(stage)) => check::probe::run(&stage),
        Ok(Call::Help) => check::print(cli::HELP),
        Ok(Call::Version) => check::print(concat!("xfersh ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Call::Doctor(doctor)) => check::doctor::main(&doctor),
        Err(error) => {
            let what = format!("{}; see 'xfersh --help'", error.what);
            check::unable(&what, error.json)
        }
    }
}
