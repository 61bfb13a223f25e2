//! The doctor says first whether an account works at all: each row breaks the way to a login, is seen to break it (or
//! to lead past xfersh), is found, and is mended by its own line.

use super::doctor::{findings, mend};
use super::doctor_state::State;
use super::harness::{Account, Host};
use super::prepared::{installed, sh};

/// How the host is broken, what the doctor calls that, and whether its line is a command or says what to decide; then
/// the command is what an administrator would do.
struct Row {
    line: &'static str,
    id: &'static str,
    decided: Option<&'static str>,
    /// What the line may change besides what was broken.
    about: &'static [&'static str],
}

const fn row(id: &'static str, line: &'static str) -> Row {
    Row {
        line,
        id,
        decided: None,
        about: &[],
    }
}

const fn decided(id: &'static str, line: &'static str, command: &'static str) -> Row {
    Row {
        decided: Some(command),
        ..row(id, line)
    }
}

const KEYS: &str = "/etc/ssh/xfersh_keys/carol";

/// Nobody gets in.
const CLOSED: &[Row] = &[
    row("keys-none", "rm /etc/ssh/xfersh_keys/carol"),
    row("keys-none", "sed -i 's/^/#/' /etc/ssh/xfersh_keys/carol"),
    row(
        "keys-none",
        "sed -i 's/^/expiry-time=\"20200101\" /' /etc/ssh/xfersh_keys/carol",
    ),
    // add-account's key is there, but sshd looks elsewhere.
    row(
        "keys-none",
        "printf 'Match User carol\\nAuthorizedKeysFile .ssh/keys\\n' >/etc/ssh/sshd_config.d/05-local.conf",
    ),
    // A home of its own, as useradd -m makes it.
    row(
        "keys-none",
        "rm /etc/ssh/xfersh_keys/carol; chown carol /home/carol; \
         printf 'Match User carol\\nAuthorizedKeysFile %%h/.ssh/k_%%u_%%U\\n' >/etc/ssh/sshd_config.d/05-local.conf",
    ),
    Row {
        about: &[KEYS],
        ..row(
            "keys-unreadable",
            "chmod 600 /etc/ssh/xfersh_keys/carol; chgrp root /etc/ssh/xfersh_keys/carol",
        )
    },
    row("keys-unreadable", "chmod 700 /etc/ssh/xfersh_keys"),
    row(
        "key-command",
        "sed -i 's|^|command=\"/usr/bin/xfersh --forced\" |' /etc/ssh/xfersh_keys/carol",
    ),
    row(
        "key-command",
        "sed -i 's|^|restrict,command=\"echo \\\\\"a b\\\\\"\",no-pty |' /etc/ssh/xfersh_keys/carol",
    ),
    Row {
        about: &["/etc/xfersh.toml"],
        ..row(
            "profile-unknown",
            "sed -i 's|^|command=\"/usr/bin/xfersh --forced --profile up\" |' /etc/ssh/xfersh_keys/carol",
        )
    },
    Row {
        about: &["/etc/xfersh.toml"],
        ..row(
            "profile-unknown",
            "echo 'ForceCommand /usr/bin/xfersh --forced --profile up' >/etc/ssh/sshd_config.d/05-local.conf; \
             printf '[[match]]\\nuser = \"plain\"\\nprofile = \"up\"\\n' >/etc/xfersh.toml",
        )
    },
    decided(
        "profile-name",
        "sed -i 's|^|command=\"/usr/bin/xfersh --forced --profile up,down\" |' /etc/ssh/xfersh_keys/carol",
        "sed -i 's|^command=\"[^\"]*\" ||' /etc/ssh/xfersh_keys/carol",
    ),
    row("account-expired", "chage -E 2020-01-01 carol"),
    row("account-locked", "usermod -L carol"),
    row(
        "login-denied",
        "echo 'AllowUsers somebody plain' >/etc/ssh/sshd_config.d/05-local.conf",
    ),
    row(
        "login-denied",
        "echo 'AllowGroups adm' >/etc/ssh/sshd_config.d/05-local.conf",
    ),
    decided(
        "login-denied",
        "echo 'DenyUsers ca*' >/etc/ssh/sshd_config.d/05-local.conf",
        "rm /etc/ssh/sshd_config.d/05-local.conf",
    ),
    decided(
        "login-denied",
        "echo 'DenyGroups xfersh' >/etc/ssh/sshd_config.d/05-local.conf",
        "rm /etc/ssh/sshd_config.d/05-local.conf",
    ),
    row("login-nologin", "echo maintenance >/etc/nologin"),
    // A home that others may enter, but not list.
    Row {
        about: &["/home/carol"],
        ..row(
            "home-not-listed",
            "chgrp root /home/carol; chmod 711 /home/carol",
        )
    },
    row(
        "policy-unreadable",
        "echo 'protocols = [\"sftp\"]' >/etc/xfersh.toml; chmod 600 /etc/xfersh.toml",
    ),
];

#[test]
fn what_keeps_an_account_out_is_found_and_mended() {
    CLOSED.iter().for_each(close_and_mend);
}

#[track_caller]
fn close_and_mend(row: &Row) {
    let Row {
        line,
        id,
        decided,
        about,
    } = row;
    let (mut host, carol) = installed();
    let healthy = State::of(&host);
    assert_eq!(findings(&host), [], "before: {line}");
    host.start_system_sshd();
    assert!(gets_in(&host, &carol), "a login before: {line}");
    sh(&host, line);
    let broken = State::of(&host);
    host.start_system_sshd();
    assert!(
        !gets_in(&host, &carol),
        "this should keep carol out: {line}"
    );
    let rows = findings(&host);
    let found = rows.iter().find(|found| found.0 == *id);
    let found = found.unwrap_or_else(|| panic!("{line}\nshould give {id}, got {rows:#?}"));
    assert_eq!(found.1, "serious", "{line}");
    assert_eq!(
        found.2.starts_with("# "),
        decided.is_some(),
        "{line}: {}",
        found.2
    );
    mend(&host, decided.unwrap_or(&found.2));
    assert_eq!(
        findings(&host),
        [],
        "{line}\nshould be mended by {}",
        found.2
    );
    State::of(&host).assert_only_mended(&healthy, &broken, about, line);
    host.start_system_sshd();
    assert!(
        gets_in(&host, &carol),
        "{line}\nshould let carol in again: {}",
        found.2
    );
}

/// Whether a client gets as far as a listing of the home.
fn gets_in(host: &Host, carol: &Account) -> bool {
    host.sftp(carol, "ls uploads\n").code() == 0
}

#[test]
fn a_key_that_leads_past_xfersh_is_found_and_mended() {
    for options in [
        "command=\"internal-sftp\" ",
        "restrict,command=\"internal-sftp -e\",no-pty ",
        "COMMAND=\"internal-sftp\",restrict ",
    ] {
        let (mut host, carol) = installed();
        sh(
            &host,
            &format!("cp {KEYS} /etc/sound; sed -i 's|^|{options}|' {KEYS}"),
        );
        host.start_system_sshd();
        host.sftp(&carol, "mkdir uploads/.dot\n")
            .succeeded("a dotfile, past xfersh");
        let rows = findings(&host);
        let found = rows.iter().find(|found| found.0 == "key-internal-sftp");
        let found = found.unwrap_or_else(|| panic!("{options}: {rows:#?}"));
        mend(&host, &found.2);
        assert_eq!(findings(&host), [], "{options}");
        host.sftp(&carol, "ls uploads\n").succeeded("a login");
        host.sftp(&carol, "mkdir uploads/.other\n")
            .failed("a dotfile");
    }
}

/// sshd runs its own forced command instead of those of the keys.
#[test]
fn a_profile_that_sshd_never_asks_for_is_found_and_mended() {
    let (mut host, carol) = installed();
    let keys = format!(
        "cp {KEYS} /etc/sound; sed -i 's|^|command=\"/usr/bin/xfersh --forced --profile down\" |' {KEYS}"
    );
    sh(&host, &keys);
    sh(
        &host,
        "printf '[[match]]\nprofile = [\"down\", \"both\"]\n[[match]]\nprofile = \"down\"\naccess = \"read-only\"\n' >/etc/xfersh.toml",
    );
    assert_eq!(findings(&host), [], "profiles that the policy has");
    host.start_system_sshd();
    host.sftp(&carol, "mkdir uploads/one\n")
        .failed("a key that may only read");
    sh(
        &host,
        "echo 'ForceCommand /usr/bin/xfersh --forced --profile both' >/etc/ssh/sshd_config.d/05-local.conf",
    );
    host.start_system_sshd();
    host.sftp(&carol, "mkdir uploads/one\n")
        .succeeded("by the profile of ForceCommand");
    let rows = findings(&host);
    let found = rows
        .iter()
        .find(|found| found.0 == "key-profile-overridden");
    let found = found.unwrap_or_else(|| panic!("{rows:#?}"));
    mend(&host, &found.2);
    assert_eq!(findings(&host), [], "{}", found.2);
    host.start_system_sshd();
    host.sftp(&carol, "ls uploads\n").succeeded("a login");
    host.sftp(&carol, "mkdir uploads/two\n")
        .failed("a key that may only read");
}

/// Rows about passwords and second entries: what the doctor says; nothing of the host is changed by a client.
#[test]
fn secrets_and_entries() {
    // Found, serious or not, and mended by the line or by what a person does.
    let rows: [(&str, &str, Option<&str>); 4] = [
        (
            "usermod -p '' carol; printf 'PasswordAuthentication yes\\nPermitEmptyPasswords yes\\n' >/etc/ssh/sshd_config.d/05-local.conf",
            "password-empty",
            None,
        ),
        (
            "sed -n 's|^carol:.*|&|p' /etc/passwd | sed 's|/home/carol|/home/plain|' >>/etc/passwd",
            "account-twice",
            Some("sed -i '\\|^carol:.*:/home/plain:|d' /etc/passwd"),
        ),
        (
            "useradd -o -u $(id -u carol) -M -s /bin/bash twin",
            "account-alias",
            Some("userdel twin"),
        ),
        (
            "useradd -o -u $(id -u carol) -M -s /usr/bin/xfersh twin; printf '[[match]]\\nuser = [\"twin\"]\\naccess = \"read-only\"\\n' >/etc/xfersh.toml",
            "account-shared-uid",
            Some("userdel twin; rm /etc/xfersh.toml"),
        ),
    ];
    for (line, id, decided) in rows {
        let (host, _carol) = installed();
        sh(&host, line);
        let rows = findings(&host);
        let found = rows.iter().find(|found| found.0 == id);
        let found = found.unwrap_or_else(|| panic!("{line}\nshould give {id}, got {rows:#?}"));
        assert_eq!(found.2.starts_with("# "), decided.is_some(), "{}", found.2);
        mend(&host, decided.unwrap_or(&found.2));
        assert_eq!(findings(&host), [], "{line}: {}", found.2);
    }
}

/// Keys whose options forbid what sshd's configuration allows.
#[test]
fn the_options_of_keys_count() {
    let (host, _carol) = installed();
    sh(
        &host,
        &format!(
            "rm /etc/ssh/sshd_config.d/*; printf 'AuthorizedKeysFile /etc/ssh/xfersh_keys/%%u\\n' >/etc/ssh/sshd_config.d/05-keys.conf; cp {KEYS} /etc/sound"
        ),
    );
    let severity = |options: &str| {
        sh(&host, &format!("sed 's|^|{options}|' /etc/sound >{KEYS}"));
        let rows = findings(&host);
        let found = rows.iter().find(|row| row.0 == "sshd-tcp-forwarding");
        found.map(|row| row.1.clone()).unwrap_or_default()
    };
    assert_eq!(severity(""), "serious");
    assert_eq!(severity("restrict "), "warning");
    assert_eq!(severity("no-port-forwarding "), "warning");
    assert_eq!(severity("restrict,port-forwarding "), "serious");
    // One key without them is enough, and so is a password.
    sh(
        &host,
        &format!("sed 's|^|restrict |' /etc/sound >{KEYS}; cat /etc/sound >>{KEYS}"),
    );
    assert_eq!(
        findings(&host)
            .iter()
            .filter(|row| row.0 == "sshd-tcp-forwarding" && row.1 == "serious")
            .count(),
        1
    );
}
