//! `--check`: takes the same path to a verdict as a session, then prints
//! instead of acting.

use std::os::unix::ffi::OsStringExt;

use nix::unistd::{geteuid, getuid};

use super::Unable;
use super::report::{self, Context};
use super::set_id;
use super::summary::{Served, Summary};
use crate::cli::Check;
use crate::console;
use crate::decide;
use crate::decide::invocation::Invocation;
use crate::decide::policy::Protocol;
use crate::decide::policy::overrides::overrides;
use crate::decide::verdict::{Stage, Verdict};
use crate::exit::Exit;
use crate::gather::account::{self, AccountKey};
use crate::gather::disk;
use crate::gather::kernel::Kernel;
use crate::gather::policy_file;
use crate::guard::Prepared;
use crate::judge::Subject;
use crate::system::opened::Opened;

/// Runs the dry run.
pub fn run(check: &Check) -> Exit {
    examine(check).unwrap_or_else(|unable| unable.tell(check.json))
}

fn examine(check: &Check) -> Result<Exit, Unable> {
    let text = policy_file::named_text(check.config.as_deref()).map_err(Unable::Policy)?;
    // All of it and all its errors, for any account.
    let file = text.parse().map_err(Unable::Policy)?;
    let kernel = Kernel::probe();
    if asks_for_file_alone(check) {
        let text = report::file(&file, kernel, check.verbose, check.json);
        return Ok(print(&text, Exit::Success));
    }
    let command = check.command.clone().map(OsStringExt::into_vec);
    let key = check
        .user
        .clone()
        .map_or_else(|| AccountKey::Uid(getuid().as_raw()), AccountKey::Name);
    let invocation = super::asked_invocation(check, command, &key)?;
    let subject = Subject::of(&key, &text, &invocation, &Opened::default())?;
    become_the(&subject)?;
    if check.config.is_none() {
        // A session reads the policy with the rights of its account.
        policy_file::host_policy().map_err(Unable::Policy)?;
    }
    let (policy, account) = (&subject.policy, &subject.account);
    let directories = decide::roots::directories::directories(policy, account);
    let places = disk::places(&directories, policy, account, &Opened::default());
    let served = served_protocols(&subject, &invocation, kernel);
    let summary = Summary::of(policy, account, &places, served);
    let overrides: Vec<_> = policy
        .all()
        .flat_map(|policy| overrides(policy, account, &places))
        .collect();
    let context = Context {
        subject: &subject,
        file: &file,
        summary: &summary,
        kernel,
        profile: invocation.profile.as_ref(),
        overrides: &overrides,
        verbose: check.verbose,
    };
    if check.command.is_none() {
        let sound = summary.faults.is_empty();
        let text = report::policy(&context, &places, check.json);
        let exit = if sound { Exit::Success } else { Exit::Finding };
        return Ok(print(&text, exit));
    }
    let opened = Opened::default();
    let verdict = kernel.settle(subject.judge(&invocation, &opened));
    let (verdict, _prepared) = Prepared::survey(verdict, opened);
    let text = report::verdict(&context, &verdict, check.json);
    let exit = match verdict {
        Verdict::Granted(_) => Exit::Success,
        Verdict::Refused(_) => Exit::Refused,
    };
    Ok(print(&text, exit))
}

/// What becomes of each protocol of the policy whatever place is named, by the
/// verdict on the least that a client can ask for.
fn served_protocols(subject: &Subject, asked: &Invocation, kernel: Kernel) -> Served {
    let mut served = Served::default();
    for protocol in &subject.policy.protocols.value {
        let command = match protocol {
            Protocol::Sftp => "sftp-server",
            Protocol::Scp => "scp -f .",
            Protocol::Rsync => "rsync --server --sender . .",
        };
        let invocation = Invocation {
            command: Some(command.into()),
            ..asked.clone()
        };
        let opened = Opened::default();
        let verdict = kernel.settle(subject.judge(&invocation, &opened));
        match Prepared::survey(verdict, opened).0 {
            Verdict::Refused(refusal) if refusal.stage != Stage::Path => {
                served.refused.push((*protocol, refusal));
            }
            Verdict::Refused(_) => {}
            Verdict::Granted(plan) => {
                let note = set_id::note(*protocol, &plan.program);
                served.notes.extend(note.map(|note| format!("the {note}")));
            }
        }
    }
    served
}

/// Whether the question is about the file and not about any account: root has
/// no sessions, and a file that is not in force yet is nobody's.
fn asks_for_file_alone(check: &Check) -> bool {
    let is_for_all = check.config.is_some() || getuid().is_root();
    let is_for_one = check.user.is_some() || check.profile.is_some();
    !is_for_one && check.command.is_none() && is_for_all
}

/// Prints, and exits with the given status if that works.
fn print(text: &str, exit: Exit) -> Exit {
    match console::print(text) {
        Exit::Success => exit,
        failed => failed,
    }
}

/// Takes on the account's ids, so that the facts about the disk are those that
/// a session would see.
fn become_the(subject: &Subject) -> Result<(), Unable> {
    let account = &subject.account;
    let own = geteuid().as_raw();
    if own == account.uid {
        return Ok(());
    }
    if own != 0 {
        let why = format!(
            "only root can check another account ('{}')",
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
