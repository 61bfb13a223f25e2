//! Decision table of [`super::sshd`]: one broken setting per row.

use super::sshd::{SshdInputs, is_forced_xfersh, judge};
use crate::admin::doctor::facts::settings::SshdSettings;
use crate::admin::doctor::finding::{Finding, Severity};
use crate::admin::doctor::fixes::Fixes;

/// What `sshd -T` prints for an account under the drop-in.
const SOUND: [(&str, &str); 15] = [
    ("subsystem", "sftp /usr/lib/openssh/sftp-server"),
    ("forcecommand", "none"),
    ("chrootdirectory", "none"),
    ("disableforwarding", "yes"),
    ("allowtcpforwarding", "yes"),
    ("allowstreamlocalforwarding", "yes"),
    ("allowagentforwarding", "no"),
    ("x11forwarding", "no"),
    ("permittunnel", "no"),
    ("permittty", "no"),
    ("permituserrc", "no"),
    ("permituserenvironment", "no"),
    ("strictmodes", "yes"),
    ("acceptenv", "LANG"),
    ("authorizedkeysfile", "/etc/ssh/xfersh_keys/%u"),
];

pub fn fixes(can_join: bool) -> Fixes {
    Fixes {
        name: "alice".into(),
        can_join,
        subsystem_files: vec!["/etc/ssh/sshd_config".into()],
        accept_env_files: vec!["/etc/ssh/sshd_config".into()],
        includes_drop_ins: true,
        has_chroots: false,
        sftp_server: "/usr/lib/openssh/sftp-server".into(),
    }
}

fn findings(changes: &[(&str, &str)], can_join: bool) -> Vec<Finding> {
    let value = |key: &str, value: &str| {
        let changed = changes.iter().find(|(name, _)| *name == key);
        format!("{key} {}\n", changed.map_or(value, |(_, value)| value))
    };
    let text: String = SOUND.iter().map(|(key, sound)| value(key, sound)).collect();
    let refusal = |command: &str| command.contains("-l QUIET").then(|| "too quiet".to_owned());
    let settings = SshdSettings::parse(&text);
    judge(&inputs(&settings, &fixes(can_join), &refusal))
}

fn inputs<'a>(
    settings: &'a SshdSettings,
    fixes: &'a Fixes,
    refusal: &'a dyn Fn(&str) -> Option<String>,
) -> SshdInputs<'a> {
    SshdInputs {
        name: "alice",
        is_login_shell: false,
        settings,
        fixes,
        writable_keys: Vec::new(),
        refusal,
        forbidden_by_keys: &|_| false,
    }
}

/// The login shell xfersh needs no forced command, and takes one with a profile.
#[test]
fn a_forced_command_for_the_login_shell() {
    for (command, is_login_shell, is_found) in [
        ("xfersh --forced", false, false),
        ("xfersh --forced", true, true),
        ("xfersh --forced --profile up", false, false),
        ("xfersh --forced --profile up", true, false),
    ] {
        let settings = SshdSettings::parse(&format!("forcecommand {command}\n"));
        let refused = |_: &str| Some("why".to_owned());
        let fixes = fixes(true);
        let inputs = SshdInputs {
            is_login_shell,
            ..inputs(&settings, &fixes, &refused)
        };
        let mut ids = judge(&inputs).into_iter().map(|finding| finding.id);
        let seen = ids.any(|id| id == "sshd-force-command");
        assert_eq!(seen, is_found, "{command} {is_login_shell}");
    }
}

#[test]
fn one_broken_setting_a_row() {
    use Severity::{Serious, Warning};
    /// What is set differently, and the findings.
    type Row = (
        &'static [(&'static str, &'static str)],
        &'static [(&'static str, Severity)],
    );
    let rows: [Row; 26] = [
        (&[], &[]),
        (
            &[("subsystem", "sftp internal-sftp")],
            &[("sshd-internal-sftp", Serious)],
        ),
        (
            &[("subsystem", "sftp internal-sftp -l INFO")],
            &[("sshd-internal-sftp", Serious)],
        ),
        (
            &[("subsystem", "sftp /x -l QUIET")],
            &[("sshd-subsystem-options", Serious)],
        ),
        (&[("subsystem", "sftp /x -R")], &[]),
        (
            &[("subsystem", "other /x")],
            &[("sshd-subsystem-missing", Serious)],
        ),
        (
            &[("forcecommand", "internal-sftp")],
            &[("sshd-force-internal-sftp", Serious)],
        ),
        (
            &[("forcecommand", "/x -l QUIET")],
            &[("sshd-force-command", Warning)],
        ),
        (&[("forcecommand", "/usr/bin/xfersh --forced")], &[]),
        (&[("chrootdirectory", "/srv")], &[("sshd-chroot", Warning)]),
        (
            &[("disableforwarding", "no"), ("allowtcpforwarding", "no")],
            &[("sshd-stream-local-forwarding", Serious)],
        ),
        (
            &[
                ("disableforwarding", "no"),
                ("allowstreamlocalforwarding", "no"),
            ],
            &[("sshd-tcp-forwarding", Serious)],
        ),
        (
            &[
                ("disableforwarding", "no"),
                ("allowstreamlocalforwarding", "no"),
                ("allowtcpforwarding", "local"),
            ],
            &[("sshd-tcp-forwarding", Serious)],
        ),
        (
            &[("allowagentforwarding", "yes")],
            &[("sshd-agent-forwarding", Serious)],
        ),
        (
            &[("x11forwarding", "yes")],
            &[("sshd-x11-forwarding", Serious)],
        ),
        (
            &[("permittunnel", "point-to-point")],
            &[("sshd-tunnel", Serious)],
        ),
        (&[("permittty", "yes")], &[("sshd-permit-tty", Warning)]),
        (
            &[("permituserrc", "yes")],
            &[("sshd-permit-user-rc", Warning)],
        ),
        (&[("strictmodes", "no")], &[("sshd-strict-modes", Warning)]),
        (
            &[("permituserenvironment", "yes")],
            &[("sshd-user-environment", Warning)],
        ),
        (
            &[("permituserenvironment", "LANG,LC_*")],
            &[("sshd-user-environment", Warning)],
        ),
        (&[("acceptenv", "LC_*")], &[]),
        (&[("acceptenv", "LD_*")], &[("sshd-accept-env", Warning)]),
        (&[("acceptenv", "*")], &[("sshd-accept-env", Warning)]),
        (
            &[("acceptenv", "BASH_ENV")],
            &[("sshd-accept-env", Warning)],
        ),
        (
            &[("acceptenv", "LANG PATH")],
            &[("sshd-accept-env", Warning)],
        ),
    ];
    for (changes, expected) in rows {
        let seen: Vec<_> = findings(changes, false)
            .iter()
            .map(|f| (f.id, f.severity))
            .collect();
        assert_eq!(seen, expected, "{changes:?}");
    }
}

#[test]
fn the_group_fixes_what_it_can() {
    let changes = [("x11forwarding", "yes")];
    assert_eq!(findings(&changes, true)[0].fix, "gpasswd -a alice xfersh");
    let own = r"printf 'Match User %s\n\t%s\n' alice 'X11Forwarding no' >>/etc/ssh/sshd_config.d/00-xfersh.conf";
    assert_eq!(findings(&changes, false)[0].fix, own);
}

#[test]
fn forced_xfersh() {
    for (command, expected) in [
        ("xfersh --forced", true),
        ("/usr/bin/xfersh --forced", true),
        ("/usr/bin/xfersh", false),
        ("xfersh --forced --profile up", true),
        ("xfersh --forced x", false),
        ("sh -c xfersh --forced", false),
    ] {
        assert_eq!(is_forced_xfersh(command), expected, "{command}");
    }
}
