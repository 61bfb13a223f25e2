//! xfersh: a login shell for accounts that may copy files and do nothing else.
//!
//! ```text
//! argv, env ──> Invocation ─┐
//! policy file ──> Policy ───┼─> decide() ──> Verdict ──> log
//! passwd, groups ─> Account ┘                  │  └────> --check prints it and stops
//!                                              └> Plan ─> confine ─> exec
//! ```
//!
//! * [`cli`] reads the arguments, [`session`] is the pipeline of a session.
//! * [`gather`] finds out what the decision has to know, [`decide`] is pure,
//!   [`judge`] is the only way to a verdict, for a session and for the dry run.
//! * [`confine`] gives up every privilege. [`guard`] is the parent of the
//!   server and makes the server's changes to the disk.
//! * [`log`], [`messages`], [`console`] and [`print`](mod@print) are what others
//!   read.
//! * [`admin`] is what an administrator calls.
//! * [`system`] has everything unsafe, one file per facility of the kernel.
//!
//! docs/architecture.md shows the whole house and explains the words used in it.
//!
//! What the shell promises, and what it does not, is in docs/threat-model.md.

pub(crate) mod admin;
pub(crate) mod cli;
pub mod confine;
pub(crate) mod console;
pub mod decide;
pub(crate) mod error;
pub mod exit;
pub mod gather;
pub mod guard;
pub mod judge;
pub mod log;
pub(crate) mod messages;
pub mod print;
pub mod session;
pub mod system;

use std::ffi::OsString;

use cli::Role;
use exit::Exit;

/// Runs xfersh with these arguments, `argv[0]` first.
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
        Ok(Role::Who(who)) => admin::sessions::who::run(&who),
        Ok(Role::End(end)) => admin::sessions::end::run(&end),
        Ok(Role::Doctor(doctor)) => admin::doctor::main(&doctor),
        Err(error) => {
            let what = format!("{}; see 'xfersh --help'", error.what);
            admin::unable(&what, error.json)
        }
    }
}
