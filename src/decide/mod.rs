//! The decision: pure, total, without I/O.
//!
//! [`Inquiry::of`] vets the form of a command and lists what has to be known
//! of the disk; [`decide`] takes the answers and gives the [`Verdict`]. Both
//! are functions of their arguments alone, so the dry run cannot disagree with
//! the real run on the same facts.

#![forbid(unsafe_code)]

pub mod access;
pub mod account;
pub mod bpf;
pub mod directories;
pub mod entries;
pub mod facts;
pub mod filter;
pub mod invocation;
pub mod nesting;
pub mod overrides;
pub mod pattern;
mod places;
pub mod plan;
pub mod policy;
mod programs;
pub mod request;
pub mod roots;
mod rsync;
pub mod rules;
mod startup;
pub mod syscalls;
pub mod verdict;
pub mod words;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use account::Account;
use facts::{Case, Facts, Inquiry, Program};
use nesting::Roots;
use pattern::Pattern;
pub use places::{collapsed, vet_source};
use plan::{Argument, Limits, Plan, Root, Rules, ServerKind};
use policy::Policy;
use request::{Direction, Request, ScpRequest};
use verdict::{Refusal, Stage, Verdict};
use words::Word;

use crate::print::escape::Escaped;
use crate::print::escape::word::{hinted, quoted};

/// Decides on a request whose form is accepted.
pub fn decide(case: &Case<'_>, inquiry: &Inquiry, facts: &Facts) -> Verdict {
    let plan = plan(case, inquiry, facts);
    match plan {
        Ok(plan) => Verdict::Granted(Box::new(plan)),
        Err(refusal) => Verdict::Refused(refusal.of(inquiry.request.protocol())),
    }
}

fn plan(case: &Case<'_>, inquiry: &Inquiry, facts: &Facts) -> Result<Plan, Refusal> {
    let program = vet_program(inquiry, facts)?;
    let mut faults = facts.places.faults(case.policy, case.account).into_iter();
    faults.next().map_or(Ok(()), Err)?;
    let kind = kind(&inquiry.request);
    let roots: Roots =
        roots::roots(case, &facts.places, roots::most_access(&inquiry.request)).into();
    vet_roots(&roots, case, facts)?;
    vet_operands(case, facts, &roots)?;
    let name_service = case.account.source == account::AccountSource::NameService;
    let mut grants = startup::grants(kind, name_service);
    grants.push(startup::program(program.clone()));
    grants.extend(roots::grants(&roots));
    Ok(Plan {
        kind,
        program,
        argv: argv(case, &inquiry.request, &roots)?,
        environment: environment(case, kind),
        start: start_directory(case, facts),
        umask: case.policy.umask.value,
        grants,
        rules: rules(case, facts, roots, &inquiry.request),
        limits: limits(case.policy),
        confinement: case.policy.confinement.value,
        audit: case.policy.audit.value,
    })
}

fn vet_program(inquiry: &Inquiry, facts: &Facts) -> Result<PathBuf, Refusal> {
    let key = programs::key(inquiry.request.protocol());
    match &facts.program {
        Program::Found(path) => Ok(path.clone()),
        Program::Missing => {
            let hint = format!("install it, or set the policy key '{key}'");
            Err(Refusal::new(Stage::Host, "the server program is not installed").hint(hint))
        }
        Program::Unsafe(path, why) => {
            let (shown, word) = (Escaped::path(path), hinted(quoted(path), "PATH"));
            let reason = format!("the server program {shown} {why}");
            let hint = format!("chown root:root {word} && chmod go-w {word}");
            Err(Refusal::new(Stage::Host, reason).hint(hint))
        }
        Program::Failed(failure) => Err(failure.refusal()),
    }
}

/// What the policy's text could not show: a writable directory that is the
/// home, or a dot place in it, by another name.
fn vet_roots(roots: &[Root], case: &Case<'_>, facts: &Facts) -> Result<(), Refusal> {
    let home = home(case, facts);
    let is_dot =
        |part: std::path::Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
    for root in roots.iter().filter(|root| root.access.writes()) {
        let Ok(below) = root.path.strip_prefix(home) else {
            continue;
        };
        if below.as_os_str().is_empty() || below.components().any(is_dot) {
            let path = Escaped::path(&root.path);
            let reason = format!("the writable directory {path} is the home or a dot place in it");
            let hint = "grant a directory in the home instead, such as ~/uploads";
            return Err(Refusal::new(Stage::Account, reason).hint(hint));
        }
    }
    Ok(())
}

fn vet_operands(case: &Case<'_>, facts: &Facts, roots: &Roots) -> Result<(), Refusal> {
    let names = &case.policy.dotfile_names.value;
    let operands = facts.operands.iter();
    let mut operands = operands.filter(|operand| operand.base.holds(facts.target_is_directory));
    operands.try_for_each(|operand| {
        let vetted = places::vet(&operand.path, operand.usage, roots, names);
        vetted.map_err(|refusal| match operand.option {
            Some(option) => refusal.of_option(option, operand.base),
            None => refusal,
        })
    })
}

const fn kind(request: &Request) -> ServerKind {
    match request {
        Request::Sftp(_) => ServerKind::Sftp,
        Request::Scp(scp) => match scp.direction {
            Direction::Sink => ServerKind::ScpSink,
            Direction::Source => ServerKind::ScpSource,
        },
        Request::Rsync(rsync) if rsync.sender => ServerKind::RsyncSender,
        Request::Rsync(_) => ServerKind::RsyncReceiver,
    }
}

/// The server's argument vector, rebuilt from what was checked.
fn argv(case: &Case<'_>, request: &Request, roots: &[Root]) -> Result<Vec<Argument>, Refusal> {
    match request {
        Request::Sftp(sftp) => {
            let mut words: Vec<OsString> = vec!["sftp-server".into()];
            words.extend(sftp.options.iter().cloned());
            let writes = roots.iter().any(|root| root.access.writes());
            if !writes && !sftp.read_only {
                words.push("-R".into());
            }
            Ok(words.into_iter().map(Argument::Literal).collect())
        }
        Request::Scp(scp) => scp_argv(case, scp),
        Request::Rsync(rsync) => rsync::argv(rsync, case.account),
    }
}

fn scp_argv(case: &Case<'_>, scp: &ScpRequest) -> Result<Vec<Argument>, Refusal> {
    let options = [
        (scp.verbose, "-v"),
        (scp.recursive, "-r"),
        (scp.preserve, "-p"),
        (scp.directory, "-d"),
        (scp.direction == Direction::Sink, "-t"),
        (scp.direction == Direction::Source, "-f"),
        (true, "--"),
    ];
    let set = options.iter().filter(|(is_set, _)| *is_set);
    let options = set.map(|(_, option)| Argument::Literal((*option).into()));
    let mut argv = vec![Argument::Literal("scp".into())];
    argv.extend(options);
    for word in &scp.operands {
        argv.push(operand(word, scp.direction, false, case.account)?);
    }
    Ok(argv)
}

/// One path of the client in the argument vector. Only a source is expanded,
/// as the client's user expects of a shell; a target is one name.
fn operand(
    word: &Word,
    direction: Direction,
    recursive: bool,
    account: &Account,
) -> Result<Argument, Refusal> {
    let word = facts::expand_tilde(word, account)?;
    let (pattern, literal) = (word.pattern(), word.to_os());
    let expands = direction == Direction::Source && Pattern::parse(pattern.as_bytes()).is_wild();
    Ok(if expands {
        Argument::Pattern {
            pattern,
            literal,
            recursive,
        }
    } else {
        Argument::Literal(literal)
    })
}

/// The server's environment: what sshd would give (sshd(8), LOGIN PROCESS),
/// without anything that the client can set.
fn environment(case: &Case<'_>, kind: ServerKind) -> Vec<(&'static str, OsString)> {
    let account = case.account;
    let mut environment = vec![
        ("USER", OsString::from(&account.name)),
        ("LOGNAME", OsString::from(&account.name)),
        ("PATH", OsString::from("/usr/bin:/bin")),
    ];
    // With HOME, rsync would read ~/.popt, which can name a program to run.
    if !matches!(kind, ServerKind::RsyncReceiver | ServerKind::RsyncSender) {
        environment.push(("HOME", account.home.clone().into()));
    }
    if let Some((client, server)) = case.invocation.client.connection {
        let (client_ip, client_port) = (client.ip(), client.port());
        let (server_ip, server_port) = (server.ip(), server.port());
        let connection = format!("{client_ip} {client_port} {server_ip} {server_port}");
        environment.push(("SSH_CONNECTION", connection.into()));
    }
    environment
}

/// Where the server starts.
fn start_directory(case: &Case<'_>, facts: &Facts) -> PathBuf {
    let wanted = case.policy.start_directory(case.account);
    facts.places.start(&wanted).to_path_buf()
}

/// The home, as far as it exists resolved.
fn home<'a>(case: &Case<'a>, facts: &'a Facts) -> &'a Path {
    let home = &case.account.home;
    facts.places.resolved(home).map_or(home, |(home, _)| home)
}

fn rules(case: &Case<'_>, facts: &Facts, roots: Roots, request: &Request) -> Rules {
    let policy = case.policy;
    let kind = kind(request);
    let name_service = case.account.source == account::AccountSource::NameService;
    Rules {
        home: home(case, facts).to_path_buf(),
        dotfile_names: policy.dotfile_names.value.clone(),
        symlinks: policy.symlinks.value,
        file_mode_max: policy.file_mode_max.value,
        directory_mode_max: policy.directory_mode_max.value,
        watch_reads: roots::watch_reads(&roots),
        watch_named_reads: names_what_it_reads(request),
        library_files: startup::library_files(kind, name_service),
        rsync_temporaries: kind == ServerKind::RsyncReceiver,
        name_service_sockets: startup::name_service_sockets(name_service),
        roots,
    }
}

/// Whether a server reads what the command has not named: scp follows links
/// within a tree, a list of rsync's can go through them.
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
    #[must_use]
    pub fn writes(&self) -> bool {
        self.rules.roots.iter().any(|root| root.access.writes())
    }
}
