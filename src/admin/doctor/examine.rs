//! Everything about one account: whether it can log in, whether sshd then
//! calls xfersh, and what it gets.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::facts::database::{Database, Person};
use super::facts::home::Home;
use super::facts::jobs::Jobs;
use super::facts::keys::{self, Keys};
use super::facts::places::Places;
use super::facts::policy::PolicyFacts;
use super::facts::rights::{ANYWHERE, Rights};
use super::facts::settings::SshdSettings;
use super::facts::shadow::{self, Shadow};
use super::facts::sshd::{self, Sshd};
use super::finding::{Finding, decision};
use super::fixes::{Fixes, KEYS};
use super::judge;
use super::surroundings;
use super::{cannot_look, judge_policy};
use crate::decide::account::Account;
use crate::decide::policy::PolicyFile;
use crate::decide::verdict::Refusal;
use crate::gather::account::shell::is_xfersh;

/// How an account comes to xfersh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// By its shell, or by sshd's ForceCommand: whatever it asks for.
    Always,
    /// By `command=` of some of its keys; with the others it has its own shell.
    SomeKeys,
    /// Not at all.
    Never,
}

/// The account, and what was learnt about it.
struct Examination<'a> {
    person: &'a Person,
    file: &'a PolicyFile,
    is_login_shell: bool,
    database: &'a Database,
    rights: Rights<'a>,
    sshd: Sshd,
    keys: Vec<Keys>,
    fixes: Fixes,
    reach: Reach,
}

/// Examines one account.
///
/// # Errors
///
/// That its rights cannot be taken on.
pub fn examine(person: &Person, database: &Database, own: &Path) -> Result<Vec<Finding>, String> {
    let account = &person.account;
    let policy = PolicyFacts::gather(account).map_err(cannot_look)?;
    let mut findings = judge::policy::judge(&policy);
    let file = policy.file();
    let effective = file.effective(account, Some(ANYWHERE));
    let rights = Rights {
        account,
        policy: &effective,
    };
    let programs = rights.programs().map_err(cannot_look)?;
    findings.extend(judge::servers::judge(&programs));
    findings.extend(judge_policy(&rights)?);
    let sshd = Sshd::gather(&account.name);
    let files = sshd
        .settings()
        .map(|settings| sshd::key_files(settings, account));
    let (files, not_examined) = files.unwrap_or_default();
    findings.extend(judge::files::not_examined(&not_examined));
    let keys = keys::gather(&files, account).map_err(cannot_look)?;
    let examination = Examination {
        reach: reach(person, &sshd, &keys, own),
        file: &file,
        is_login_shell: is_xfersh(&person.shell, own),
        fixes: Fixes::of(&sshd, &rights, database, &programs),
        person,
        database,
        rights,
        sshd,
        keys,
    };
    if examination.reach == Reach::Never {
        findings.push(judge::accounts::foreign_shell(person, own));
    }
    let writable = examination.writable(&mut findings);
    findings.extend(examination.places().map_err(cannot_look)?);
    findings.extend(examination.login(own));
    let settings = examination.sshd.settings();
    let uses_pam = settings.is_some_and(|settings| settings.is("usepam", "yes"));
    let rights = &examination.rights;
    findings.extend(surroundings::examine(
        rights, &programs, &writable, uses_pam,
    )?);
    if examination.reach == Reach::SomeKeys {
        findings.extend(judge::sshd_config::judge_answer(&examination.sshd));
        findings.push(judge::accounts::some_keys(person, &examination.keys));
        return Ok(findings);
    }
    let mut of_sshd = judge::sshd_config::judge(&examination.sshd);
    of_sshd.extend(examination.sshd(&files, &writable));
    findings.extend(judge::sshd_config::join_by_include(of_sshd));
    let mut groups = database.groups.iter();
    let primary = groups.find(|group| group.gid == account.gid);
    findings.extend(judge::groups::judge(
        person,
        primary.map(|group| group.name.as_str()),
    ));
    let name = account.shown().to_string();
    findings.extend(judge::jobs::judge(&name, &Jobs::gather(person), &writable));
    Ok(findings)
}

fn reach(person: &Person, sshd: &Sshd, keys: &[Keys], own: &Path) -> Reach {
    let forced = sshd
        .settings()
        .and_then(|settings| settings.set("forcecommand"));
    let is_forced = forced.is_some_and(judge::sshd::is_forced_xfersh);
    if is_forced || is_xfersh(&person.shell, own) {
        Reach::Always
    } else if judge::keys::all(keys).any(judge::keys::is_forced) {
        Reach::SomeKeys
    } else {
        Reach::Never
    }
}

/// Whether some key of an account leads to xfersh. Its files are looked up
/// without asking sshd for each account of the host: where sshd looks by
/// default, and where add-account puts them.
pub fn has_forced_keys(account: &Account) -> bool {
    let places = [
        account.home.join(".ssh/authorized_keys"),
        account.home.join(".ssh/authorized_keys2"),
        Path::new(KEYS).join(&account.name),
    ];
    let keys = keys::gather_paths(&places, account).unwrap_or_default();
    judge::keys::all(&keys).any(judge::keys::is_forced)
}

/// That the policy cannot be applied to the account.
fn refused(account: &Account, refusal: &Refusal) -> Finding {
    let (name, reason) = (account.shown(), &refusal.reason);
    let say = format!("Every session of {name} is refused: {reason}.");
    let fix = match &refusal.hint {
        Some(hint) => decision(hint),
        None => "xfersh --check".into(),
    };
    Finding::serious("account-refused", say, fix)
}

impl Examination<'_> {
    fn account(&self) -> &Account {
        &self.person.account
    }

    /// The directories that clients may write.
    fn writable(&self, findings: &mut Vec<Finding>) -> Vec<PathBuf> {
        self.rights.writable().unwrap_or_else(|refusal| {
            findings.push(refused(self.account(), &refusal));
            Vec::new()
        })
    }

    /// The home and the directories of the policy.
    fn places(&self) -> io::Result<Vec<Finding>> {
        let own = &self.account().home;
        let settings = self.sshd.settings();
        let chroot = settings.and_then(|settings| {
            let account = self.account();
            let home = own.to_str().unwrap_or_default();
            settings.chroot(&account.name, account.uid, home)
        });
        let home = Home::gather(own, chroot);
        let places = Places::gather(&self.rights)?;
        let keys: Vec<_> = self.keys.iter().map(|file| file.path.clone()).collect();
        let mut findings = judge::home::judge(&judge::home::HomeInputs {
            person: self.person,
            home: &home,
            needs_home: places.named.iter().all(|place| place.path.starts_with(own)),
            database: self.database,
            keys: &keys,
            fixes: &self.fixes,
        });
        let is_there = own.is_dir() && home.chroot.is_none();
        let places = if is_there {
            places
        } else {
            places.outside(own)
        };
        let way = &home.way;
        findings.extend(judge::places::judge(
            self.person,
            &places,
            way,
            self.database,
        ));
        Ok(findings)
    }

    /// Whether the host lets the account log in.
    fn login(&self, own: &Path) -> Vec<Finding> {
        let (person, account) = (self.person, self.account());
        let mut findings = Vec::new();
        let twice = self.database.lines_of(&account.name);
        findings.extend(judge::login::judge_lines(person, twice));
        let others = self.database.people.iter();
        let others = others
            .filter(|other| other.account.uid == account.uid && other.account.name != account.name);
        findings.extend(judge::login::judge_aliases(person, others, |other| {
            is_xfersh(&other.shell, own)
        }));
        let Some(settings) = self.sshd.settings() else {
            return findings;
        };
        let shadow = Shadow::read(&account.name);
        let today = shadow::today();
        let mut groups = self.database.groups.iter();
        let primary = groups.find(|group| group.gid == account.gid);
        findings.extend(judge::login::judge(&judge::login::LoginInputs {
            person,
            primary: primary.map(|group| group.name.as_str()),
            settings,
            shadow: shadow.as_ref(),
            today,
            nologin: &sshd::nologin(settings),
            fixes: &self.fixes,
        }));
        let owner = account.home.metadata().ok().map(|facts| facts.uid());
        let refusal = |command: &str| self.rights.refusal_of_form(command);
        let forced = settings.set("forcecommand");
        let profiles = judge::profiles::ProfileInputs {
            account,
            file: self.file,
            is_forced_by_sshd: forced.is_some(),
            unforce: &|| self.unforce(),
        };
        let forced = forced.unwrap_or_default();
        findings.extend(judge::keys::judge(&judge::keys::KeyInputs {
            account,
            is_confined: self.reach != Reach::SomeKeys,
            keys: &self.keys,
            other_ways: other_ways(settings, shadow.as_ref()),
            owns_home: owner == Some(account.uid),
            has_kept_keys: Path::new(KEYS).join(&account.name).exists(),
            fixes: &self.fixes,
            forwarding_is_off: settings.is("disableforwarding", "yes"),
            today: &shadow::date(today),
            refusal: &refusal,
            profiles: &profiles,
        }));
        findings.extend(judge::profiles::judge_force_command(&profiles, forced));
        findings
    }

    /// What lets the forced commands of keys run.
    fn unforce(&self) -> String {
        if self.is_login_shell {
            return self.fixes.own_block("ForceCommand none");
        }
        decision(
            "name the profile in ForceCommand; or, if every key has command=\"xfersh --forced --profile NAME\", remove ForceCommand",
        )
    }

    /// What sshd would do for the account.
    fn sshd(&self, files: &[sshd::KeyFile], writable: &[PathBuf]) -> Vec<Finding> {
        let Some(settings) = self.sshd.settings() else {
            return Vec::new();
        };
        let refusal = |command: &str| self.rights.refusal_of_form(command);
        let shadow = Shadow::read(&self.account().name);
        let by_keys_only = !other_ways(settings, shadow.as_ref());
        let today = shadow::date(shadow::today());
        let forbidden = |what: &str| {
            let mut keys = judge::keys::usable(&self.keys, &today).peekable();
            by_keys_only && keys.peek().is_some() && keys.all(|key| key.forbids(what))
        };
        let mut findings = judge::sshd::judge(&judge::sshd::SshdInputs {
            name: &self.account().shown().to_string(),
            is_login_shell: self.is_login_shell,
            settings,
            fixes: &self.fixes,
            writable_keys: judge::sshd::keys_below(files, writable),
            refusal: &refusal,
            forbidden_by_keys: &forbidden,
        });
        findings.extend(judge::sshd::judge_key_files(files, self.account()));
        findings
    }
}

/// Whether somebody can log in without a key of these files, or it cannot be
/// known.
fn other_ways(settings: &SshdSettings, shadow: Option<&Shadow>) -> bool {
    let asks = ["authorizedkeyscommand", "trustedusercakeys"];
    let on = [
        "hostbasedauthentication",
        "gssapiauthentication",
        "kerberosauthentication",
    ];
    let has_password = shadow.is_none_or(|shadow| {
        shadow.password.is_empty()
            || shadow.password.starts_with(['$', '_'])
            || shadow.password.len() == 13
    });
    let asks_password = settings.is("passwordauthentication", "yes")
        || settings.is("kbdinteractiveauthentication", "yes");
    asks.iter().any(|keyword| settings.set(keyword).is_some())
        || on.iter().any(|keyword| settings.is(keyword, "yes"))
        || (asks_password && has_password)
}
