//! `--doctor`: finds what would let an account past its confinement, before
//! an attacker does, and says which command fixes it. It changes nothing.
//!
//! `facts` looks at files, accounts and sshd's settings, `judge` says what
//! of that is a finding. What a session would be given or refused (the policy,
//! a server program, what clients may write) is not judged a second time: the
//! doctor asks the code of a session, with the rights of the account.

mod facts;
mod finding;
mod fixes;
mod judge;
mod report;

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::cli;
use crate::console;
use crate::decide::account::{Account, AccountSource};
use crate::decide::policy::PolicyFile;
use crate::decide::verdict::Refusal;
use crate::exit::Exit;
use crate::gather::kernel::Kernel;
use crate::print::escape::Sentence;
use facts::binary::Binary;
use facts::database::{Database, Person, is_xfersh};
use facts::home::{self, Home};
use facts::jobs::Jobs;
use facts::policy::PolicyFacts;
use facts::rights::{ANYWHERE, Rights};
use facts::sshd::{self, Sshd};
use finding::Finding;
use fixes::Fixes;
use judge::sshd::Inputs;
use report::Report;

/// Runs `--doctor`: exit status 1 if a finding is serious, 2 if the doctor
/// could not do its work.
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
        report.text(console::style())
    };
    match console::print(&text) {
        Exit::Success if report.serious() > 0 => Exit::Finding,
        exit => exit,
    }
}

/// Examines the host and, if one is named, the set-up of an account.
fn run(user: Option<&str>) -> Result<Report, String> {
    if !geteuid().is_root() {
        return Err("cannot examine the host: run the doctor as root".to_owned());
    }
    let database = Database::read(user)?;
    let own = std::env::current_exe()
        .map_err(|error| format!("cannot find the program itself: {error}"))?;
    let person = user.and_then(|name| database.person(name));
    let policy = PolicyFacts::gather(person.map(|person| &person.account)).map_err(cannot_look)?;
    let mut findings = judge::kernel::judge(Kernel::probe());
    findings.extend(examine_shells(&database, &own));
    findings.extend(judge::policy::judge(&policy));
    let policy = policy.file();
    let ours = database.with_shell(&own);
    findings.extend(judge::accounts::judge(&ours, &policy, user));
    findings.extend(match person {
        Some(person) => examine(person, &database, &policy, &own)?,
        None => examine_host(&policy)?,
    });
    Ok(Report { findings })
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

/// What the policy requires of the host, for an account that it does not name.
fn examine_host(file: &PolicyFile) -> Result<Vec<Finding>, String> {
    let nobody = Account {
        name: "nobody".into(),
        uid: 65534,
        gid: 65534,
        home: PathBuf::from("/nonexistent"),
        groups: Vec::new(),
        aliases: Vec::new(),
        source: AccountSource::Passwd,
    };
    let policy = file.effective(&nobody, Some(ANYWHERE));
    let rights = Rights {
        account: &nobody,
        policy: &policy,
    };
    let programs = rights.programs().map_err(cannot_look)?;
    let mut findings = judge::servers::judge(&programs);
    findings.extend(judge_policy(&rights));
    Ok(findings)
}

/// What the policy chose, and whether its log is there.
fn judge_policy(rights: &Rights<'_>) -> impl Iterator<Item = Finding> {
    let socket = Path::new(judge::syslog::SOCKET).metadata();
    let is_socket = socket.is_ok_and(|facts| facts.file_type().is_socket());
    let choices = judge::policy::judge_choices(rights.policy);
    let syslog = judge::syslog::judge(is_socket, rights.policy.audit.value);
    choices.into_iter().chain(syslog)
}

/// Everything about one account.
fn examine(
    person: &Person,
    database: &Database,
    file: &PolicyFile,
    own: &Path,
) -> Result<Vec<Finding>, String> {
    let account = &person.account;
    let policy = file.effective(account, Some(ANYWHERE));
    let rights = Rights {
        account,
        policy: &policy,
    };
    let programs = rights.programs().map_err(cannot_look)?;
    let mut findings = judge::servers::judge(&programs);
    findings.extend(judge_policy(&rights));
    let sshd = Sshd::gather(&account.name);
    let forced = sshd
        .settings()
        .and_then(|settings| settings.set("forcecommand"));
    let is_forced = forced.is_some_and(judge::sshd::is_forced_xfersh);
    if !is_forced && !is_xfersh(&person.shell, own) {
        findings.push(judge::accounts::foreign_shell(person, own));
    }
    let writable = rights.writable().unwrap_or_else(|refusal| {
        findings.push(refused(account, &refusal));
        Vec::new()
    });
    findings.extend(judge::sshd_config::judge(&sshd));
    let fixes = Fixes::of(&sshd, &rights, database, &programs);
    findings.extend(judge_sshd(&sshd, &rights, &fixes, &writable));
    findings.extend(examine_home(person, &rights, &writable)?);
    let mut groups = database.groups.iter();
    let primary = groups.find(|group| group.gid == account.gid);
    findings.extend(judge::groups::judge(
        person,
        primary.map(|group| group.name.as_str()),
    ));
    let name = account.shown().to_string();
    let jobs = Jobs::gather(person);
    findings.extend(judge::jobs::judge(&name, &jobs, &writable));
    Ok(findings)
}

/// That the policy cannot be applied to the account.
fn refused(account: &Account, refusal: &Refusal) -> Finding {
    let (name, reason) = (account.shown(), &refusal.reason);
    let say = format!("Every session of {name} is refused: {reason}.");
    let fix = match &refusal.hint {
        Some(hint) => format!("# {}", Sentence(hint)),
        None => "xfersh --check".into(),
    };
    Finding::serious("account-refused", say, fix)
}

/// What sshd would do for the account, as far as it says.
fn judge_sshd(
    sshd: &Sshd,
    rights: &Rights<'_>,
    fixes: &Fixes,
    writable: &[PathBuf],
) -> Vec<Finding> {
    let Some(settings) = sshd.settings() else {
        return Vec::new();
    };
    let account = rights.account;
    let (keys, not_examined) = sshd::key_files(settings, account);
    let refusal = |command: &str| rights.refusal_of_form(command);
    let mut findings = judge::sshd::judge(&Inputs {
        name: &account.shown().to_string(),
        settings,
        fixes,
        writable_keys: judge::sshd::keys_below(&keys, writable),
        refusal: &refusal,
    });
    findings.extend(judge::files::not_examined(&not_examined));
    findings.extend(judge::sshd::judge_key_files(&keys, account));
    findings
}

/// The home, and whether the account can write where its policy allows it.
fn examine_home(
    person: &Person,
    rights: &Rights<'_>,
    writable: &[PathBuf],
) -> Result<Vec<Finding>, String> {
    let home = Home::gather(&person.account.home);
    let mut findings = judge::home::judge(person, &home);
    if rights.writes_at_all() && !home.way.is_empty() {
        let can_write = home::can_write_in_any(&person.account, writable).map_err(cannot_look)?;
        if !can_write {
            let named = rights.named_writable();
            let places = match named {
                Some(named) if writable.is_empty() => vec![named],
                _ => writable.to_vec(),
            };
            findings.push(judge::home::no_writable(person, &places));
        }
    }
    Ok(findings)
}
