//! The decision: pure, total, without I/O.
//!
//! [`Inquiry::of`] vets the form of a command and lists what must be known
//! about the disk; [`decide`] takes the answers and returns the [`Verdict`].
//! Both are functions of their arguments alone, so the dry run cannot disagree
//! with the real run on the same facts.

#![forbid(unsafe_code)]

pub mod access;
pub mod account;
pub mod case;
pub mod command;
pub mod facts;
pub mod form;
pub mod invocation;
pub mod log_file;
pub mod needs;
pub mod operands;
pub mod plan;
pub mod policy;
pub mod profile;
pub mod roots;
pub mod rules;
pub mod seccomp;
mod server;
pub mod startup;
pub mod trust;
pub mod verdict;

#[cfg(test)]
mod tests;

use std::path::Path;

use account::AccountSource;
use case::Case;
use command::{Direction, Request};
use facts::Facts;
use form::Inquiry;
use log_file::LogFileId;
use plan::{DotfileExceptions, Limits, Plan, Rules, ServerKind};
use policy::Policy;
use roots::nesting::Roots;
use verdict::{Refusal, Verdict};

/// Decides on a request whose form is accepted.
pub fn decide(case: &Case<'_>, inquiry: &Inquiry, facts: &Facts) -> Verdict {
    let plan = plan(case, inquiry, facts);
    match plan {
        Ok(plan) => Verdict::Granted(Box::new(plan)),
        Err(refusal) => Verdict::Refused(refusal.of(inquiry.request.protocol())),
    }
}

fn plan(case: &Case<'_>, inquiry: &Inquiry, facts: &Facts) -> Result<Plan, Refusal> {
    let (program, needs) = facts.program.vet(inquiry.request.protocol())?;
    let mut faults = facts.places.faults(case.policy, case.account).into_iter();
    faults.next().map_or(Ok(()), Err)?;
    let log_file = log_file(case, facts)?;
    let kind = server::kind(&inquiry.request);
    let most = roots::most_access(&inquiry.request);
    let roots: Roots = roots::roots(case.policy, case.account, &facts.places, most).into();
    roots::vet(&roots, home(case, facts))?;
    operands::vet_all(
        &facts.operands,
        facts.target_is_directory,
        &exceptions(case.policy),
        &roots,
    )?;
    let name_service = case.account.source == AccountSource::NameService;
    let mut grants = startup::grants(kind, name_service);
    grants.extend(needs.grants());
    grants.push(startup::program(program.clone()));
    grants.extend(roots::grants(&roots));
    Ok(Plan {
        kind,
        program,
        argv: server::argv(case, &inquiry.request)?,
        environment: server::environment(case, kind),
        start: facts.places.start.clone()?,
        umask: case.policy.umask.value,
        grants,
        rules: Rules {
            log_file,
            ..rules(case, facts, roots, &inquiry.request)
        },
        limits: limits(case.policy),
        confinement: case.policy.confinement.value,
        audit: case.policy.audit.value,
    })
}

/// The home, resolved as far as it exists.
fn home<'a>(case: &Case<'a>, facts: &'a Facts) -> &'a Path {
    let home = &case.account.home;
    facts.places.resolved(home).map_or(home, |(home, _)| home)
}

fn rules(case: &Case<'_>, facts: &Facts, roots: Roots, request: &Request) -> Rules {
    let policy = case.policy;
    let kind = server::kind(request);
    let name_service = case.account.source == AccountSource::NameService;
    Rules {
        home: home(case, facts).to_path_buf(),
        dotfile_names: exceptions(policy),
        symlinks: policy.symlinks.value,
        file_mode_max: policy.file_mode_max.value,
        directory_mode_max: policy.directory_mode_max.value,
        file_mode_min: policy.file_mode_min.value,
        directory_mode_min: policy.directory_mode_min.value,
        watch_reads: roots::watch_reads(&roots),
        watch_named_reads: names_what_it_reads(request),
        log_reads: policy.log_reads.value,
        library_files: startup::library_files(kind, name_service),
        rsync_temporaries: kind == ServerKind::RsyncReceiver,
        name_service_sockets: startup::name_service_sockets(name_service),
        roots,
        log_file: None,
    }
}

/// The file of the log, if it is one and exists.
fn log_file(case: &Case<'_>, facts: &Facts) -> Result<Option<LogFileId>, Refusal> {
    match (case.policy.log.value.file(), &facts.log_file) {
        (Some(named), Some(state)) => state.vet(named),
        _ => Ok(None),
    }
}

fn exceptions(policy: &Policy) -> DotfileExceptions {
    let own = policy.within.as_ref();
    DotfileExceptions {
        names: policy.dotfile_names.value.clone(),
        own: own.map(|own| own.dotfile_names.value.clone()),
    }
}

/// Whether a server reads what the command does not name: scp follows links
/// within a tree, and a list for rsync can go through them.
fn names_what_it_reads(request: &Request) -> bool {
    match request {
        Request::Sftp(_) => false,
        Request::Scp(scp) => scp.direction == Direction::Source,
        Request::Rsync(rsync) => rsync.sender && rsync.has_list(),
    }
}

fn limits(policy: &Policy) -> Limits {
    Limits {
        max_sessions: policy.max_sessions.value,
        idle_timeout: policy.idle_timeout.value,
        max_session_time: policy.max_session_time.value,
        max_bytes: policy.max_bytes.value,
        max_file_size: policy.max_file_size.value,
    }
}

impl Plan {
    /// Whether any right of the plan changes the disk.
    pub fn writes(&self) -> bool {
        self.rules.roots.iter().any(|root| root.access.writes())
    }
}
