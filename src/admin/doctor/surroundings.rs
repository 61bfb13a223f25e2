//! What around an account keeps its sessions from working, or runs what they
//! upload: limits, the name service, jobs of the host, the servers themselves.

use std::path::{Path, PathBuf};

use super::facts::database::Database;
use super::facts::host_jobs::HostJobs;
use super::facts::limits::SessionLimits;
use super::facts::name_service;
use super::facts::rights::{ANYWHERE, Rights};
use super::finding::Finding;
use super::judge;
use crate::admin::invocation;
use crate::admin::server_answer::ServerAnswer;
use crate::admin::set_id;
use crate::decide::account::AccountSource;
use crate::decide::facts::Program;
use crate::decide::needs::Needs;
use crate::decide::policy::{PolicyFile, Protocol};
use crate::gather::needs;
use crate::judge::Subject;

/// Examines them. `programs` are the servers that a session finds, `uses_pam`
/// is sshd's UsePAM.
///
/// # Errors
///
/// That no process can be made.
pub fn examine(
    rights: &Rights<'_>,
    programs: &[(Protocol, Program)],
    writable: &[PathBuf],
    uses_pam: bool,
) -> Result<Vec<Finding>, String> {
    let account = rights.account;
    let name = account.shown().to_string();
    let jobs = HostJobs::gather(&account.name);
    let mut findings = judge::host_jobs::judge(&name, &jobs, writable);
    let limits = SessionLimits::gather(account, uses_pam);
    findings.extend(judge::limits::judge(account, rights.policy, &limits));
    if account.source == AccountSource::NameService {
        let mut sources = name_service::not_served("passwd", &account.name);
        let is_lost = !sources.is_empty();
        sources.extend(name_service::not_served("group", &account.gid.to_string()));
        findings.extend(judge::name_service::judge(&name, &sources));
        // Each server would end at once, for this reason and no other.
        if is_lost {
            return Ok(findings);
        }
    }
    let subject = Subject {
        account: account.clone(),
        policy: rights.policy.clone(),
    };
    let asked = invocation(None, Some(ANYWHERE));
    for (protocol, program) in programs {
        let Program::Found(path, needs) = program else {
            continue;
        };
        let note = set_id::note(*protocol, path);
        findings.extend(note.map(|note| judge::servers::set_id(&note, path)));
        let answer = ServerAnswer::of(&subject, &asked, *protocol, "--doctor")
            .map_err(|error| format!("cannot start the server of {}: {error}", protocol.name()))?;
        let judged = answer.and_then(|answer| {
            let elsewhere = lies_elsewhere(path, needs).then_some(path.as_path());
            judge::answer::judge(rights.policy, *protocol, &answer, elsewhere)
        });
        findings.extend(judged);
    }
    Ok(findings)
}

/// Whether a program of the distribution needs what no session looks for.
fn lies_elsewhere(program: &Path, needs: &Needs) -> bool {
    let inspected = || needs::inspect(program);
    *needs == Needs::default() && inspected().is_ok_and(|found| found != Needs::default())
}

/// Examines the names in the blocks of the policy.
pub fn examine_names(file: &PolicyFile, database: &Database) -> Vec<Finding> {
    let knows_user =
        |name: &str| database.person(name).is_some() || name_service::knows("passwd", name);
    let knows_group = |name: &str| {
        let mut groups = database.groups.iter();
        groups.any(|group| group.name == name) || name_service::knows("group", name)
    };
    judge::match_names::judge(file, knows_user, knows_group)
}
