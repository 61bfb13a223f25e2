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

pub mod admin;
pub mod cli;
pub mod confine;
pub mod console;
pub mod decide;
pub mod error;
pub mod exit;
pub mod gather;
pub mod guard;
pub mod judge;
pub mod log;
pub mod messages;
pub mod print;
pub mod session;
pub mod system;

use std::ffi::OsString;

use cli::Role;
use exit::Exit;

/// Runs xfersh with these arguments, `argv[0]` first.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> u8 {
    dispatch(arguments).code()
}

fn dispatch(arguments: Vec<OsString>) -> Exit {
    match cli::parse(arguments) {
        Ok(Role::Session(call)) => session::serve(call),
        Ok(Role::Check(check)) if check.live => admin::live::run(&check),
        Ok(Role::Check(check)) => admin::check::run(&check),
        Ok(Role::Probe(probe)) => admin::probe::run(&probe),
        Ok(Role::Help) => console::print(cli::HELP),
        Ok(Role::Version) => console::print(concat!("xfersh ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Role::Doctor(doctor)) => admin::doctor::main(&doctor),
        Err(error) => {
            let what = format!("{}; see 'xfersh --help'", error.what);
            admin::unable(&what, error.json)
        }
    }
}
