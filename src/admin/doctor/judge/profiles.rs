//! Do forced commands name profiles that the policy has?

use crate::admin::doctor::finding::{Finding, decision};
use crate::decide::account::Account;
use crate::decide::command::ForcedLine;
use crate::decide::policy::{PolicyFile, ProfileName};
use crate::gather::policy_file::POLICY;
use crate::print::escape::Escaped;

/// What is judged.
pub struct ProfileInputs<'a> {
    /// The account.
    pub account: &'a Account,
    /// The policy.
    pub file: &'a PolicyFile,
    /// Whether sshd has a forced command of its own for the account, so that
    /// those of its keys never run.
    pub is_forced_by_sshd: bool,
    /// What lets the keys' commands run, if that is so.
    pub unforce: &'a dyn Fn() -> String,
}

/// Judges the command of one key, at this place.
pub fn judge_key(inputs: &ProfileInputs<'_>, place: &str, command: &str) -> Option<Finding> {
    let ForcedLine::Profile(profile) = ForcedLine::read(command.as_bytes())? else {
        return None;
    };
    if inputs.is_forced_by_sshd {
        let name = inputs.account.shown();
        let say = format!(
            "The key at {place} names a profile, but sshd has a ForceCommand for {name}, which runs instead: the profile does not limit this key."
        );
        let fix = (inputs.unforce)();
        return Some(Finding::serious("key-profile-overridden", say, fix));
    }
    judge(inputs, &format!("The key at {place}"), &profile)
}

/// Judges sshd's own forced command.
pub fn judge_force_command(inputs: &ProfileInputs<'_>, command: &str) -> Option<Finding> {
    match ForcedLine::read(command.as_bytes())? {
        ForcedLine::Profile(profile) => judge(inputs, "ForceCommand", &profile),
        ForcedLine::Plain => None,
    }
}

fn judge(
    inputs: &ProfileInputs<'_>,
    what: &str,
    profile: &Result<ProfileName, String>,
) -> Option<Finding> {
    let account = inputs.account;
    let name = account.shown();
    match profile {
        Ok(profile) if inputs.file.has_profile(profile, account) => None,
        Ok(profile) => {
            let say = format!(
                "{what} names the profile '{profile}', and no [[match]] of {POLICY} with it is for {name}: every session that asks for it is refused."
            );
            Some(Finding::serious(
                "profile-unknown",
                say,
                block(account, profile),
            ))
        }
        Err(fault) => {
            let say = format!("{what} has a wrong name after --profile: {fault}.");
            let fix = decision("correct the name after --profile in that line");
            Some(Finding::serious("profile-name", say, fix))
        }
    }
}

/// Adds a block with the least that lets somebody in.
fn block(account: &Account, profile: &ProfileName) -> String {
    let name = &account.name;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !name.bytes().all(is_plain) {
        let name = Escaped::text(name);
        return decision(&format!(
            "add a [[match]] with user = \"{name}\" and profile = \"{profile}\" to {POLICY}"
        ));
    }
    format!(
        "printf '\\n[[match]]\\nuser = \"{name}\"\\nprofile = \"{profile}\"\\naccess = \"read-only\"\\n' >>{POLICY} && chmod a+r {POLICY} # or correct the name after --profile"
    )
}
