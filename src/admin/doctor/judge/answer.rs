//! Does each server answer in the confinement of a session?

use std::path::Path;

use crate::admin::doctor::finding::{Finding, decision};
use crate::admin::server_answer::ServerAnswer;
use crate::decide::command::programs;
use crate::decide::policy::{Origin, Policy, Protocol, Sourced};
use crate::gather::policy_file::POLICY;
use crate::print::escape::Escaped;

/// Judges what a server did. `lies_elsewhere` says that its libraries are where
/// no row of the start-up table is, and that no session looks for them, since it
/// is the distribution's: then this is the program.
pub fn judge(
    policy: &Policy,
    protocol: Protocol,
    answer: &ServerAnswer,
    lies_elsewhere: Option<&Path>,
) -> Option<Finding> {
    let ServerAnswer::Silent(said) = answer else {
        return None;
    };
    let name = protocol.name();
    let said = match said.lines().last() {
        Some(line) => format!(": {}", Escaped::text(line)),
        None => String::new(),
    };
    let failed = format!(
        "The server of {name} was started once in the confinement of a session and did not answer{said}."
    );
    if let Some(program) = lies_elsewhere {
        let say = format!(
            "{failed} Its libraries do not lie below /usr/lib, /usr/lib64, /lib or /lib64, and sessions look for them elsewhere only if the policy names the program: every session of {name} fails."
        );
        let fix = name_it(programs::key(protocol), program);
        return Some(Finding::serious("server-elsewhere", say, fix));
    }
    let say = format!("{failed} Every session of {name} fails.");
    Some(Finding::serious(
        "server-silent",
        say,
        fix(policy, protocol),
    ))
}

/// The command that names a program in the policy: its first line is before any
/// block.
fn name_it(key: &str, program: &Path) -> String {
    // One of the table's own paths, or what a link of root's there leads to.
    let line = format!("{key} = \"{}\"", Escaped::path(program));
    format!(
        "if [ -s {POLICY} ]; then sed -i '1i {line}' {POLICY}; else echo '{line}' >{POLICY}; fi"
    )
}

/// A program that the policy chose goes, and the one of the distribution is
/// found again.
fn fix(policy: &Policy, protocol: Protocol) -> String {
    let key = match protocol {
        Protocol::Sftp => &policy.sftp_server,
        Protocol::Scp => &policy.scp,
        Protocol::Rsync => &policy.rsync,
    };
    let Sourced { origin, .. } = key;
    match origin {
        Origin::Line(line) => format!("sed -i '{line}s/^/# /' {POLICY}"),
        _ => {
            let hint = "install the server of the distribution again, or name another program in its key of the policy";
            decision(hint)
        }
    }
}
