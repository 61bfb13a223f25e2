//! Starts the server: the last step, which takes a [`Confined`] by value.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use nix::errno::Errno;
use nix::unistd::execve;

use super::Confined;
use super::expand::expand;
use crate::error::{Error, Step};

/// Replaces this process with the server.
///
/// # Errors
///
/// Only if the server does not start.
pub fn exec(confined: Confined) -> Result<Infallible, Error> {
    let plan = confined.plan();
    let failed = |error: Errno| Error::io(Step::Exec(plan.program.clone()), error);
    let environment = plan.environment.iter().map(|(name, value)| {
        let mut entry = OsString::from(name);
        entry.push("=");
        entry.push(value);
        c_string(&entry)
    });
    let environment: Vec<_> = environment.collect::<Result<_, _>>().map_err(failed)?;
    let argv = expand(plan, &environment)?;
    let program = c_string(plan.program.as_os_str()).map_err(failed)?;
    execve(&program, &argv, &environment).map_err(failed)
}

/// No command contains a NUL byte (it was itself an argument), and neither does
/// a path of the policy: this cannot fail, and fails closed if it does.
fn c_string(text: &OsStr) -> Result<CString, Errno> {
    CString::new(text.as_bytes()).map_err(|_| Errno::EINVAL)
}
