//! `--doctor`: finds what would let an account past its confinement, before
//! an attacker does, and whether the account works at all, and says which
//! command fixes it. It changes nothing.
//!
//! `facts` looks at files, accounts and sshd's settings, `judge` says what
//! of that is a finding. What a session would be given or refused (the policy,
//! a server program, what clients may write) is not judged a second time: the
//! doctor asks the code of a session, with the rights of the account.

mod examine;
mod facts;
mod finding;
mod fixes;
mod judge;
mod report;
mod surroundings;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::cli;
use crate::console;
use crate::decide::account::{Account, AccountSource};
use crate::decide::policy::PolicyFile;
use crate::exit::Exit;
use crate::gather::account::shell::is_xfersh;
use crate::gather::kernel::Kernel;
use examine::examine;
use facts::binary::Binary;
use facts::database::{Database, Person, lowest_uid};
use facts::log::LogFacts;
use facts::policy::PolicyFacts;
use facts::rights::{ANYWHERE, Rights};
use finding::Finding;
use fixes::GROUP;
use report::{Examined, Report};

/// Runs `--doctor`: exit status 1 if a finding is serious, 2 if the doctor
/// could not do its work.
pub fn main(call: &cli::Doctor) -> Exit {
    let report = match run(call) {
        Ok(report) => report,
        Err(why) => {
            return super::unable(&why, call.json);
        }
    };
    let text = if call.json {
        format!("{}\n", report.json())
    } else {
        report.text(console::style())
    };
    match console::print(&text) {
        Exit::Success if report.serious() > 0 => Exit::Finding,
        exit => exit,
    }
}

/// Examines the host, one account with it, or all accounts.
fn run(call: &cli::Doctor) -> Result<Report, String> {
    if !geteuid().is_root() {
        return Err("cannot examine the host: run the doctor as root".to_owned());
    }
    let user = call.user.as_deref();
    let database = Database::read(user)?;
    let own = std::env::current_exe()
        .map_err(|error| format!("cannot find the program itself: {error}"))?;
    let person = user.and_then(|name| database.person(name));
    if let Some(person) = person {
        refuse_system_account(person, &own)?;
        let mut findings = host(&database, &own, Some(person))?;
        findings.extend(examine(person, &database, &own)?);
        return Ok(Report::of(findings));
    }
    let findings = if call.all {
        Vec::new()
    } else {
        host(&database, &own, None)?
    };
    let accounts = accounts(&database, &own).map(|person| {
        Ok(Examined {
            name: person.account.name.clone(),
            findings: examine(person, &database, &own)?,
        })
    });
    let accounts = accounts.collect::<Result<_, String>>()?;
    Ok(Report {
        findings,
        accounts: Some(accounts),
    })
}

/// Root and the accounts of the system are none of xfersh's business: following
/// advice about them would break the host.
fn refuse_system_account(person: &Person, own: &Path) -> Result<(), String> {
    let (name, uid) = (person.account.shown(), person.account.uid);
    if uid == 0 {
        return Err(format!(
            "{name} has uid 0: xfersh serves no session of root, so there is nothing to examine"
        ));
    }
    let lowest = lowest_uid();
    if uid < lowest && !is_xfersh(&person.shell, own) {
        return Err(format!(
            "{name} (uid {uid}) is an account of the system: those below uid {lowest} (UID_MIN in /etc/login.defs) are examined only if xfersh is their shell"
        ));
    }
    Ok(())
}

/// The accounts that come to xfersh: by their shell, or by a key.
fn accounts<'a>(database: &'a Database, own: &'a Path) -> impl Iterator<Item = &'a Person> {
    let lowest = lowest_uid();
    let people = database.people.iter();
    people.filter(move |person| {
        let is_ours = is_xfersh(&person.shell, own);
        let uid = person.account.uid;
        uid != 0 && (is_ours || (uid >= lowest && examine::has_forced_keys(&person.account)))
    })
}

/// The host, for one account or for all.
fn host(database: &Database, own: &Path, person: Option<&Person>) -> Result<Vec<Finding>, String> {
    let mut findings = judge::kernel::judge(Kernel::probe());
    findings.extend(examine_shells(database, own));
    let ours = database.with_shell(own);
    let somebody = nobody();
    let reader = ours.first().map_or(&somebody, |person| &person.account);
    let policy = PolicyFacts::gather(person.map_or(reader, |person| &person.account));
    let policy = policy.map_err(cannot_look)?;
    if person.is_none() {
        findings.extend(judge::policy::judge(&policy));
    }
    let policy = policy.file();
    findings.extend(surroundings::examine_names(&policy, database));
    findings.extend(judge::accounts::judge(&ours, &policy));
    if person.is_none() {
        findings.extend(members(database, own));
        findings.extend(examine_host(&policy, &somebody)?);
    }
    Ok(findings)
}

/// The members of the group that have another shell, and no key that is
/// confined.
fn members<'a>(database: &'a Database, own: &'a Path) -> impl Iterator<Item = Finding> + 'a {
    let members = database.people.iter().filter(|person| {
        let account = &person.account;
        account.groups.iter().any(|group| group == GROUP)
            && !is_xfersh(&person.shell, own)
            && !examine::has_forced_keys(account)
    });
    members.map(judge::accounts::unconfined_member)
}

fn cannot_look(error: io::Error) -> String {
    format!("cannot take on the rights of the account: {error}")
}

/// The binaries that accounts have as their shell.
fn examine_shells(database: &Database, own: &Path) -> Vec<Finding> {
    let shells = shells(database, own);
    let paths: Vec<&Path> = shells.iter().map(PathBuf::as_path).collect();
    // A missing file is an empty list (getusershell(3) has defaults, none of
    // which is xfersh).
    let listed = fs::read_to_string("/etc/shells").unwrap_or_default();
    let mut findings = judge::shells::judge(&listed, &paths);
    let binaries = paths.iter().map(|path| Binary::gather(path));
    findings.extend(binaries.flat_map(|binary| judge::binary::judge(&binary, own)));
    findings
}

/// The distinct paths under which accounts have xfersh as their shell; the
/// running program if none has.
fn shells(database: &Database, own: &Path) -> Vec<PathBuf> {
    let ours = database.with_shell(own).into_iter();
    let mut ours: Vec<_> = ours.map(|person| person.shell.clone()).collect();
    ours.sort();
    ours.dedup();
    if ours.is_empty() {
        ours.push(own.to_owned());
    }
    ours
}

/// An account that the policy does not name.
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

/// What the policy requires of the host.
fn examine_host(file: &PolicyFile, nobody: &Account) -> Result<Vec<Finding>, String> {
    let policy = file.effective(nobody, Some(ANYWHERE));
    let rights = Rights {
        account: nobody,
        policy: &policy,
    };
    let programs = rights.programs().map_err(cannot_look)?;
    let mut findings = judge::servers::judge(&programs);
    findings.extend(judge_policy(&rights)?);
    Ok(findings)
}

/// What the policy chose, and whether what takes its log is there.
fn judge_policy(rights: &Rights<'_>) -> Result<impl Iterator<Item = Finding>, String> {
    let choices = judge::policy::judge_choices(rights.policy);
    let facts = LogFacts::gather(rights).map_err(cannot_look)?;
    let log = judge::log::judge(&facts, rights);
    Ok(choices.into_iter().chain(log))
}
