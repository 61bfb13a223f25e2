//! `--doctor`: finds what would let an account past its confinement, before
//! an attacker does, and says which line mends it. It changes nothing.
//!
//! Each check gathers facts (files, the name service, `sshd -T`) and hands
//! them to a judge, which is pure. What clients may write is asked of the
//! decision itself, so that the doctor cannot see it in another way.

mod accounts;
mod binary;
mod database;
mod files;
mod finding;
mod groups;
mod home;
mod jobs;
mod kernel;
mod mend;
mod policy;
mod report;
mod rights;
mod servers;
mod settings;
mod shells;
mod sshd;
mod sshd_judge;
#[cfg(test)]
mod sshd_tests;
mod syslog;
mod tool;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::cli;
use crate::console;
use crate::decide::account::{Account, AccountSource};
use crate::decide::policy::PolicyFile;
use crate::exit::Exit;
use crate::gather::kernel::Kernel;
use crate::print::escape::Sentence;
use database::{Database, Person};
use files::FileFacts;
pub use finding::{Finding, Severity};
pub use report::{Report, Style};
use rights::{ANYWHERE, Rights};

/// Runs `--doctor`: exit status 1 where a finding is serious, 2 where the
/// doctor could not look.
#[must_use]
pub fn main(call: &cli::Doctor) -> Exit {
    let report = match run(call.user.as_deref()) {
        Ok(report) => report,
        Err(why) => {
            return super::unable(&why, call.json);
        }
    };
    let text = if call.json {
        format!("{}\n", report.json())
    } else {
        report.text(style())
    };
    match console::print(&text) {
        Exit::Success if report.serious() > 0 => Exit::Finding,
        exit => exit,
    }
}

/// Colours on a terminal, unless NO_COLOR is set and not empty
/// (<https://no-color.org>) or the terminal has none.
fn style() -> Style {
    let has_value = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    if std::io::stdout().is_terminal() && !has_value("NO_COLOR") && !is_dumb {
        Style::Colour
    } else {
        Style::Plain
    }
}

/// Examines the host and, if one is named, the set-up of an account.
///
/// # Errors
///
/// Why it could not look.
pub fn run(user: Option<&str>) -> Result<Report, String> {
    if !geteuid().is_root() {
        return Err("cannot examine the host: run the doctor as root".to_owned());
    }
    let database = Database::read(user)?;
    let own = std::env::current_exe()
        .map_err(|error| format!("cannot find the program itself: {error}"))?;
    let (policy_file, policy_findings) = policy::check();
    let mut findings = kernel::judge(&kernel::KernelFacts::gather(Kernel::probe().landlock));
    let shells = shells(&database, &own);
    let shells: Vec<&Path> = shells.iter().map(PathBuf::as_path).collect();
    findings.extend(shells::check(&shells));
    findings.extend(shells.iter().flat_map(|shell| binary::check(shell, &own)));
    findings.extend(policy_findings);
    findings.extend(accounts::judge(&database, &policy_file, &own, user));
    match user.and_then(|name| database.person(name)) {
        Some(person) => findings.extend(examine(person, &database, &policy_file, &own)),
        None => {
            let policy = policy_file.effective(&nobody(), Some(ANYWHERE));
            let rights = Rights {
                account: &nobody(),
                policy: &policy,
            };
            findings.extend(servers::check(&rights));
            findings.extend(policy::judge_choices(&policy));
            findings.extend(syslog::check(policy.audit.value));
        }
    }
    Ok(Report { findings })
}

/// The distinct paths under which accounts have xfersh as their shell; the
/// running program where none has.
fn shells(database: &Database, own: &Path) -> Vec<PathBuf> {
    let shells = database.people.iter().map(|person| &person.shell);
    let mut ours: Vec<_> = shells
        .filter(|shell| accounts::is_ours(shell, own))
        .cloned()
        .collect();
    ours.sort();
    ours.dedup();
    if ours.is_empty() {
        ours.push(own.to_owned());
    }
    ours
}

/// An account that no block of a policy names.
fn nobody() -> Account {
    Account {
        name: "nobody".into(),
        uid: 65534,
        gid: 65534,
        home: PathBuf::from("/nonexistent"),
        groups: Vec::new(),
        aliases: Vec::new(),
        source: AccountSource::Passwd,
    }
}

/// Everything about one account.
fn examine(person: &Person, database: &Database, file: &PolicyFile, own: &Path) -> Vec<Finding> {
    let account = &person.account;
    let policy = file.effective(account, Some(ANYWHERE));
    let rights = Rights {
        account,
        policy: &policy,
    };
    let mut findings = servers::check(&rights);
    findings.extend(policy::judge_choices(&policy));
    findings.extend(syslog::check(policy.audit.value));
    let sshd = sshd::ask(&account.name);
    let forced = sshd
        .settings
        .as_ref()
        .and_then(|settings| settings.set("forcecommand"));
    findings.extend(accounts::judge_shell(
        person,
        own,
        forced.is_some_and(sshd_judge::is_forced_xfersh),
    ));
    let writable = match rights.writable() {
        Ok(writable) => writable,
        Err(refusal) => {
            let say = format!(
                "Every session of {} is refused: {}.",
                account.shown(),
                refusal.reason
            );
            let hint = refusal.hint.map_or_else(
                || "xfersh --check".into(),
                |hint| format!("# {}", Sentence(&hint)),
            );
            findings.push(Finding::serious("account-refused", say, hint));
            Vec::new()
        }
    };
    findings.extend(sshd.findings.iter().cloned());
    findings.extend(sshd.judge(&rights, database, &writable));
    let home = home::Home::gather(&account.home);
    findings.extend(home::judge(person, &home));
    if rights.writes_at_all() && !home.way.is_empty() {
        let facts = |path: &PathBuf| (path.clone(), FileFacts::of(path).ok());
        let mut places: Vec<home::Writable> = writable.iter().map(facts).collect();
        if places.is_empty() {
            places.extend(rights.named_writable().map(|path| (path, None)));
        }
        findings.extend(home::judge_writable(
            person,
            &gids(person, database),
            &places,
        ));
    }
    let mut groups = database.groups.iter();
    let primary = groups.find(|group| group.gid == account.gid);
    findings.extend(groups::judge(
        person,
        primary.map(|group| group.name.as_str()),
    ));
    findings.extend(jobs::judge(
        &account.shown().to_string(),
        &jobs::Jobs::gather(person),
        &writable,
    ));
    findings
}

/// The numbers of all groups of an account.
fn gids(person: &Person, database: &Database) -> Vec<u32> {
    let account = &person.account;
    let own = database
        .groups
        .iter()
        .filter(|group| group.members.contains(&account.name));
    [account.gid]
        .into_iter()
        .chain(own.map(|group| group.gid))
        .collect()
}
