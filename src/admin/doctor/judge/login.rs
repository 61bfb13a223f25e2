//! Does the host let the account log in at all? What sshd and PAM ask before
//! they start the shell.

use std::path::PathBuf;

use crate::admin::doctor::facts::database::Person;
use crate::admin::doctor::facts::settings::SshdSettings;
use crate::admin::doctor::facts::shadow::Shadow;
use crate::admin::doctor::finding::{Finding, decision, set_aside, word};
use crate::admin::doctor::fixes::{Fixes, GROUP};
use crate::decide::policy::NameGlob;
use crate::print::escape::Escaped;

/// What is judged.
pub struct LoginInputs<'a> {
    /// Who wants to log in.
    pub person: &'a Person,
    /// The name of its primary group.
    pub primary: Option<&'a str>,
    /// What sshd would do.
    pub settings: &'a SshdSettings,
    /// Its line of shadow(5).
    pub shadow: Option<&'a Shadow>,
    /// The days since 1970-01-01.
    pub today: i64,
    /// The files that keep everybody but root out (nologin(5)).
    pub nologin: &'a [PathBuf],
    /// The commands that concern sshd.
    pub fixes: &'a Fixes,
}

/// Why the account could not log in, or without a secret.
pub fn judge(inputs: &LoginInputs<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(shadow) = inputs.shadow {
        findings.extend(judge_shadow(inputs, shadow));
    }
    findings.extend(denied(inputs));
    findings.extend(inputs.nologin.iter().map(|path| {
        let say = format!(
            "{} exists: sshd lets nobody but root log in.",
            Escaped::path(path)
        );
        Finding::serious("login-nologin", say, set_aside(path))
    }));
    findings
}

fn judge_shadow(inputs: &LoginInputs<'_>, shadow: &Shadow) -> Vec<Finding> {
    let LoginInputs {
        person,
        settings,
        today,
        ..
    } = inputs;
    let (name, own) = (person.account.shown(), word(&person.account.name));
    let mut findings = Vec::new();
    let mut serious = |id, say: String, fix: String| findings.push(Finding::serious(id, say, fix));
    let has_pam = settings.is("usepam", "yes");
    // OpenSSH, auth.c, allowed_user: '!' is locked, '*' is only no password.
    if shadow.password.starts_with('!') && !has_pam {
        serious(
            "account-locked",
            format!(
                "{name} is locked (its password begins with '!'), and without PAM sshd then accepts no key either."
            ),
            format!("usermod -p '*' {own} # keys work again, and no password does"),
        );
    }
    if shadow.password.is_empty()
        && settings.is("permitemptypasswords", "yes")
        && (settings.is("passwordauthentication", "yes")
            || settings.is("kbdinteractiveauthentication", "yes"))
    {
        serious(
            "password-empty",
            format!(
                "{name} has no password and PermitEmptyPasswords is on: anybody can log in as {name}."
            ),
            format!("usermod -p '*' {own} # no password works any more; keys do"),
        );
    }
    if shadow.expires.is_some_and(|day| day >= 0 && day < *today) {
        serious(
            "account-expired",
            format!("The account {name} has expired: sshd refuses every login."),
            format!("chage -E -1 {own}"),
        );
    }
    if has_pam && let Some(fix) = must_change(shadow, *today, &own) {
        serious(
            "account-password-change",
            format!(
                "{name} must change its password at the next login, and has no shell in which to do that: PAM refuses every login."
            ),
            fix,
        );
    }
    findings
}

/// How an account is freed from having to change its password (shadow(5)).
fn must_change(shadow: &Shadow, today: i64, own: &str) -> Option<String> {
    if shadow.changed == Some(0) {
        return Some(format!("chage -d \"$(date +%F)\" {own}"));
    }
    let valid = shadow.valid_for.filter(|days| (0..99999).contains(days))?;
    (shadow.changed? + valid < today).then(|| format!("chage -M -1 {own}"))
}

/// The rule of sshd that keeps the account out (sshd_config(5): DenyUsers,
/// AllowUsers, DenyGroups, AllowGroups, in this order).
fn denied(inputs: &LoginInputs<'_>) -> Option<Finding> {
    let account = &inputs.person.account;
    let (name, fixes) = (account.shown(), inputs.fixes);
    let patterns =
        |keyword: &'static str| inputs.settings.all(keyword).flat_map(str::split_whitespace);
    let fits =
        |pattern: &str, name: &str| NameGlob::new(pattern.to_owned()).matches(name.as_bytes());
    // A pattern with a host is for some clients only.
    let whole = |pattern: &str| !pattern.contains('@') && fits(pattern, &account.name);
    let partly = |pattern: &str| {
        let user = pattern.split('@').next().unwrap_or_default();
        fits(user, &account.name)
    };
    let of_group = |pattern: &str| account.groups.iter().any(|group| fits(pattern, group));
    let refused = |keyword: &str, fix: String| {
        let say =
            format!("{keyword} in sshd's configuration keeps {name} out: every login is refused.");
        Some(Finding::serious("login-denied", say, fix))
    };
    let remove = |keyword: &str| {
        decision(&format!(
            "if {name} is to log in, remove it from {keyword} (sshd -T shows the patterns)"
        ))
    };
    if patterns("denyusers").any(whole) {
        return refused("DenyUsers", remove("DenyUsers"));
    }
    if patterns("allowusers").next().is_some() && !patterns("allowusers").any(partly) {
        return refused(
            "AllowUsers",
            fixes.own_block(&format!("AllowUsers {}", account.name)),
        );
    }
    if patterns("denygroups").any(of_group) {
        return refused("DenyGroups", remove("DenyGroups"));
    }
    if patterns("allowgroups").next().is_some() && !patterns("allowgroups").any(of_group) {
        let is_member = account.groups.iter().any(|group| group == GROUP);
        let group = if is_member {
            Some(GROUP)
        } else {
            inputs.primary
        };
        let fix = match group {
            Some(group) => fixes.own_block(&format!("AllowGroups {group}")),
            None => remove("AllowGroups"),
        };
        return refused("AllowGroups", fix);
    }
    None
}

/// Accounts that are one to the kernel: what a login with another shell may do
/// to the files.
pub fn judge_aliases<'a>(
    person: &Person,
    others: impl Iterator<Item = &'a Person>,
    is_xfersh: impl Fn(&Person) -> bool,
) -> Vec<Finding> {
    let name = person.account.shown();
    let unconfined = others.filter(|other| !is_xfersh(other));
    unconfined
        .map(|other| {
            let (alias, shell) = (other.account.shown(), Escaped::path(&other.shell));
            let say = format!("{alias} has the uid of {name} and the shell {shell}: whoever logs in as {alias} can change the files of {name} unconfined.");
            let fix = decision(&format!("give one of them another uid (usermod -u), or {alias} the shell of {name}"));
            Finding::warning("account-alias", say, fix)
        })
        .collect()
}

/// Two lines of passwd(5) with one name: programs differ about which of them
/// holds.
pub fn judge_lines(person: &Person, lines: usize) -> Option<Finding> {
    let name = person.account.shown();
    let say = format!(
        "/etc/passwd has {lines} lines for {name}: a login may get the home and the shell of any of them."
    );
    let fix = decision("remove the wrong line with vipw, and its counterpart with vipw -s");
    (lines > 1).then(|| Finding::serious("account-twice", say, fix))
}
