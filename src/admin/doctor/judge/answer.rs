//! Does each server answer in the confinement of a session?

use crate::admin::doctor::facts::answer::ServerAnswer;
use crate::admin::doctor::finding::{Finding, decision};
use crate::decide::policy::{Origin, Policy, Protocol, Sourced};
use crate::gather::policy_file::POLICY;
use crate::print::escape::Escaped;

/// Judges what a server did.
pub fn judge(policy: &Policy, protocol: Protocol, answer: &ServerAnswer) -> Option<Finding> {
    let ServerAnswer::Silent(said) = answer else {
        return None;
    };
    let name = protocol.name();
    let said = match said.lines().last() {
        Some(line) => format!(": {}", Escaped::text(line)),
        None => String::new(),
    };
    let say = format!(
        "The server of {name} was started once in the confinement of a session and did not answer{said}. Its loader and its libraries must lie below /usr/lib, /usr/lib64, /lib or /lib64: every session of {name} fails."
    );
    Some(Finding::serious(
        "server-silent",
        say,
        fix(policy, protocol),
    ))
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
            let hint = "install the server of the distribution, or set its key in the policy to a program whose libraries lie there";
            decision(hint)
        }
    }
}
