//! `--check`: the same path to a verdict as a session's, then printing
//! instead of acting.

use nix::unistd::geteuid;

use super::{Unable, report};
use crate::cli::Check;
use crate::decide;
use crate::decide::invocation::{Client, Invocation};
use crate::decide::policy::overrides::overrides;
use crate::decide::verdict::Verdict;
use crate::exit::Exit;
use crate::gather::account::{self, AccountKey};
use crate::gather::disk;
use crate::gather::kernel::Kernel;
use crate::gather::policy_file;
use crate::guard::Prepared;
use crate::judge::Subject;

/// The mask under which sshd starts a shell (session.c; login.defs(5)).
const SSHD_UMASK: u32 = 0o022;

/// Runs the dry run.
#[must_use]
pub fn run(check: &Check) -> Exit {
    examine(check).unwrap_or_else(|unable| unable.tell(check.json))
}

fn examine(check: &Check) -> Result<Exit, Unable> {
    let text = policy_file::named_text(check.config.as_deref()).map_err(Unable::Policy)?;
    // All of it and all its errors, whoever is asked about.
    let file = text.parse().map_err(Unable::Policy)?;
    let invocation = Invocation {
        command: check
            .command
            .clone()
            .map(std::os::unix::ffi::OsStringExt::into_vec),
        client: check.address.map(Client::from_address).unwrap_or_default(),
        terminal: false,
        umask: SSHD_UMASK,
    };
    let key = check.user.clone().map_or_else(
        || AccountKey::Uid(nix::unistd::getuid().as_raw()),
        AccountKey::Name,
    );
    let kernel = Kernel::probe();
    let subject = match Subject::of(&key, &text, &invocation) {
        Ok(subject) => subject,
        Err(refusal) => return Err(Unable::Other(refusal.to_string())),
    };
    become_the(&subject)?;
    if check.config.is_none() {
        // A session reads the policy with the rights of its account.
        policy_file::host_policy().map_err(Unable::Policy)?;
    }
    let (policy, account) = (&subject.policy, &subject.account);
    let directories = decide::roots::directories::directories(policy, account);
    let places = disk::places(&directories, account);
    if check.command.is_none() {
        let (text, sound) = report::policy(&subject, &file, &places, kernel, check.json);
        let exit = if sound { Exit::Success } else { Exit::Finding };
        return Ok(print(&text, exit));
    }
    let (verdict, _prepared) = Prepared::survey(kernel.settle(subject.judge(&invocation)));
    let overrides = overrides(policy, account, &places);
    let text = report::verdict(&subject, &file, &verdict, kernel, &overrides, check.json);
    let exit = match verdict {
        Verdict::Granted(_) => Exit::Success,
        Verdict::Refused(_) => Exit::Refused,
    };
    Ok(print(&text, exit))
}

/// Prints, and ends as told if that works.
fn print(text: &str, exit: Exit) -> Exit {
    match super::print(text) {
        Exit::Success => exit,
        failed => failed,
    }
}

/// Takes on the account's ids, so that the facts of the disk are those that
/// a session would see.
fn become_the(subject: &Subject) -> Result<(), Unable> {
    let account = &subject.account;
    let own = geteuid().as_raw();
    if own == account.uid {
        return Ok(());
    }
    if own != 0 {
        let why = format!(
            "only root can check the account '{}' for you",
            account.shown()
        );
        return Err(Unable::Other(why));
    }
    account::irrevocably_become(account).map_err(|error| {
        Unable::Other(format!(
            "cannot take on the ids of '{}': {error}",
            account.shown()
        ))
    })
}
