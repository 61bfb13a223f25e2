//! Does sshd let an account past its shell?
//!
//! Forwarding and internal-sftp never start the login shell, so only sshd's own
//! configuration can stop them (sshd_config(5)).

use std::path::PathBuf;

use super::files::judge_way;
use super::strict_modes::{StrictModes, strict_modes};
use crate::admin::doctor::facts::settings::SshdSettings;
use crate::admin::doctor::facts::sshd::KeyFile;
use crate::admin::doctor::finding::{Finding, decision, quoted};
use crate::admin::doctor::fixes::Fixes;
use crate::decide::account::Account;
use crate::decide::command::ForcedLine;
use crate::decide::policy::NameGlob;
use crate::decide::trust::is_of_the_system;
use crate::print::escape::Escaped;

/// What is judged.
pub struct SshdInputs<'a> {
    /// The login name, escaped.
    pub name: &'a str,
    /// Whether xfersh is the login shell.
    pub is_login_shell: bool,
    /// What sshd would do.
    pub settings: &'a SshdSettings,
    /// The commands that fix it.
    pub fixes: &'a Fixes,
    /// Key files in a directory that clients may write: the path in sshd's
    /// configuration, and where it leads.
    pub writable_keys: Vec<(PathBuf, PathBuf)>,
    /// Why the shell would refuse a command.
    pub refusal: &'a dyn Fn(&str) -> Option<String>,
    /// Whether everybody who gets in has a key with an option that forbids
    /// this (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
    pub forbidden_by_keys: &'a dyn Fn(&str) -> bool,
}

/// Every finding about one account.
pub fn judge(inputs: &SshdInputs<'_>) -> Vec<Finding> {
    let mut findings = servers(inputs);
    findings.extend(forwarding(inputs));
    findings.extend(session(inputs));
    findings.extend(environment(inputs));
    findings.extend(keys(inputs));
    findings
}

/// Whether sshd serves this command itself.
pub fn is_internal(command: &str) -> bool {
    command.split_whitespace().next() == Some("internal-sftp")
}

/// What serves sftp, and what replaces the client's command.
fn servers(inputs: &SshdInputs<'_>) -> Vec<Finding> {
    let SshdInputs {
        name,
        settings,
        fixes,
        ..
    } = inputs;
    let mut findings = Vec::new();
    let command = |text: &str| Escaped::text(text).to_string();
    match settings.set("forcecommand") {
        Some(forced) if is_internal(forced) => {
            let say = format!(
                "ForceCommand internal-sftp serves {name} inside sshd: xfersh never starts and nothing is confined."
            );
            findings.push(Finding::serious(
                "sshd-force-internal-sftp",
                say,
                fixes.own_block("ForceCommand none"),
            ));
        }
        Some(forced) if is_for_the_shell(inputs, forced) => {
            if let Some(why) = (inputs.refusal)(forced) {
                let say = format!(
                    "ForceCommand \"{}\" replaces every command of {name}, and xfersh refuses it: {why}.",
                    command(forced)
                );
                findings.push(Finding::warning(
                    "sshd-force-command",
                    say,
                    fixes.own_block("ForceCommand none"),
                ));
            }
        }
        _ => {}
    }
    match settings.sftp_subsystem() {
        Some(sftp) if is_internal(sftp) => {
            let chroot = if fixes.has_chroots {
                " An account with ChrootDirectory needs ForceCommand internal-sftp before you change it, or it loses sftp."
            } else {
                ""
            };
            let say = format!(
                "Subsystem sftp internal-sftp serves {name} inside sshd: xfersh never starts and nothing is confined.{chroot}"
            );
            let fix = fixes.subsystem(&kept_options(sftp, inputs.refusal));
            findings.push(Finding::serious("sshd-internal-sftp", say, fix));
        }
        Some(sftp) => {
            if let Some(why) = (inputs.refusal)(sftp) {
                let say = format!(
                    "Subsystem sftp starts \"{}\", which xfersh refuses: {why}.",
                    command(sftp)
                );
                let fix = fixes.subsystem(&kept_options(sftp, inputs.refusal));
                findings.push(Finding::serious("sshd-subsystem-options", say, fix));
            } else if options(sftp)
                .any(|option| LOG_OPTIONS.iter().any(|own| option.starts_with(own)))
            {
                let say = format!(
                    "Subsystem sftp asks sftp-server for a log of its own. The sessions of {name} have none: a confined server can reach no log, and xfersh writes it instead."
                );
                let fix = decision("nothing to do: the lines of xfersh are in the log of authpriv");
                findings.push(Finding::note("sshd-subsystem-log", say, fix));
            }
        }
        None => {
            let say = "sshd has no subsystem sftp: sftp and scp clients are refused.";
            findings.push(Finding::serious(
                "sshd-subsystem-missing",
                say,
                fixes.subsystem(&[]),
            ));
        }
    }
    if let Some(root) = settings.set("chrootdirectory") {
        let say = format!(
            "ChrootDirectory {} hides xfersh and the server programs from {name}, unless they are also installed in it.",
            command(root)
        );
        findings.push(Finding::warning(
            "sshd-chroot",
            say,
            fixes.own_block("ChrootDirectory none"),
        ));
    }
    findings
}

/// Options of sftp-server(8) that take a value.
const WITH_VALUE: [&str; 6] = ["-d", "-f", "-l", "-P", "-p", "-u"];
/// Those about its own log.
const LOG_OPTIONS: [&str; 2] = ["-f", "-l"];

/// The options of a command for sftp-server, each with its value.
fn options(command: &str) -> impl Iterator<Item = String> + '_ {
    let mut words = command.split_whitespace().skip(1);
    std::iter::from_fn(move || {
        let option = words.next()?;
        match words.clone().next() {
            Some(value) if WITH_VALUE.contains(&option) => {
                words.next();
                Some(format!("{option} {value}"))
            }
            _ => Some(option.to_owned()),
        }
    })
}

/// The options that xfersh accepts: other accounts may need them.
fn kept_options(command: &str, refusal: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let accepted = |option: &String| refusal(&format!("sftp-server {option}")).is_none();
    options(command).filter(accepted).collect()
}

/// Whether the login shell xfersh gets this forced command as a command of a
/// client. Another shell starts xfersh for it.
fn is_for_the_shell(inputs: &SshdInputs<'_>, command: &str) -> bool {
    match ForcedLine::read(command.as_bytes()) {
        Some(ForcedLine::Profile(_)) => false,
        Some(ForcedLine::Plain) => inputs.is_login_shell,
        None => true,
    }
}

/// Whether the command is this program, called for ForceCommand or a key.
pub fn is_forced_xfersh(command: &str) -> bool {
    ForcedLine::read(command.as_bytes()).is_some()
}

struct Forwarding {
    key: &'static str,
    id: &'static str,
    line: &'static str,
    /// Whether `DisableForwarding yes` is enough in every release.
    is_disabled_with_all: bool,
    /// What a key can forbid by `no-…` or `restrict`; `None` if no key can.
    option: Option<&'static str>,
    what: &'static str,
}

/// DisableForwarding leaves X11 and agent forwarding on before OpenSSH 10.0
/// (CVE-2025-32728), and tunnels in every release (serverloop.c,
/// server_request_tun), so these three must be off by their own names.
const FORWARDINGS: [Forwarding; 5] = [
    Forwarding {
        key: "allowtcpforwarding",
        id: "sshd-tcp-forwarding",
        line: "AllowTcpForwarding no",
        is_disabled_with_all: true,
        option: Some("port-forwarding"),
        what: "open TCP connections from this host (ssh -L, -R, -D, -W)",
    },
    Forwarding {
        key: "allowstreamlocalforwarding",
        id: "sshd-stream-local-forwarding",
        line: "AllowStreamLocalForwarding no",
        is_disabled_with_all: true,
        option: Some("port-forwarding"),
        what: "connect to sockets of this host and create some (ssh -L and -R with paths)",
    },
    Forwarding {
        key: "allowagentforwarding",
        id: "sshd-agent-forwarding",
        line: "AllowAgentForwarding no",
        is_disabled_with_all: false,
        option: Some("agent-forwarding"),
        what: "create agent sockets in /tmp (ssh -A)",
    },
    Forwarding {
        key: "x11forwarding",
        id: "sshd-x11-forwarding",
        line: "X11Forwarding no",
        is_disabled_with_all: false,
        option: Some("X11-forwarding"),
        what: "have xauth write into the home and open ports (ssh -X)",
    },
    Forwarding {
        key: "permittunnel",
        id: "sshd-tunnel",
        line: "PermitTunnel no",
        is_disabled_with_all: false,
        option: None,
        what: "create network tunnels (ssh -w)",
    },
];

fn forwarding(inputs: &SshdInputs<'_>) -> Vec<Finding> {
    let SshdInputs {
        name,
        settings,
        fixes,
        ..
    } = inputs;
    let disabled = settings.is("disableforwarding", "yes");
    let open = FORWARDINGS.iter().filter(|forwarding| {
        let is_off = settings
            .value(forwarding.key)
            .is_none_or(|value| value == "no");
        let is_disabled = disabled && forwarding.is_disabled_with_all;
        !(is_off || is_disabled)
    });
    open.map(|forwarding| {
        let fix = fixes.drop_in(forwarding.line);
        if forwarding.option.is_some_and(inputs.forbidden_by_keys) {
            let say = format!(
                "Only the options of its keys keep {name} from this: it may {} as soon as it has a key without them.",
                forwarding.what
            );
            return Finding::warning(forwarding.id, say, fix);
        }
        let say = format!(
            "{name} may {}, without going through xfersh.",
            forwarding.what
        );
        Finding::serious(forwarding.id, say, fix)
    })
    .collect()
}

/// What sshd starts or attaches besides the shell.
fn session(inputs: &SshdInputs<'_>) -> Vec<Finding> {
    let SshdInputs {
        name,
        settings,
        fixes,
        ..
    } = inputs;
    let mut findings = Vec::new();
    if settings.is("permittty", "yes") {
        let say = format!("{name} may request a terminal, but xfersh refuses to serve one.");
        findings.push(Finding::warning(
            "sshd-permit-tty",
            say,
            fixes.drop_in("PermitTTY no"),
        ));
    }
    if settings.is("permituserrc", "yes") {
        let say = format!(
            "sshd would run ~/.ssh/rc of {name} before each session; only xfersh prevents that, by refusing the call."
        );
        findings.push(Finding::warning(
            "sshd-permit-user-rc",
            say,
            fixes.drop_in("PermitUserRC no"),
        ));
    }
    if settings.is("strictmodes", "no") {
        let say = "StrictModes is off: sshd accepts keys from files that others can write. It is one setting for all accounts: one whose home is open to others can no longer log in by key when it is on.";
        findings.push(Finding::warning(
            "sshd-strict-modes",
            say,
            Fixes::global("StrictModes yes"),
        ));
    }
    findings
}

/// Variables that change what a program does before or while it starts.
const RISKY: [&str; 14] = [
    "LD_PRELOAD",
    "LD_AUDIT",
    "LD_LIBRARY_PATH",
    "GLIBC_TUNABLES",
    "GCONV_PATH",
    "LOCPATH",
    "PATH",
    "HOME",
    "SHELL",
    "ENV",
    "BASH_ENV",
    "IFS",
    "SSH_ORIGINAL_COMMAND",
    "XDG_CONFIG_HOME",
];

fn environment(inputs: &SshdInputs<'_>) -> Vec<Finding> {
    let SshdInputs {
        name,
        settings,
        fixes,
        ..
    } = inputs;
    let mut findings = Vec::new();
    let patterns = settings.all("acceptenv").flat_map(str::split_whitespace);
    let risky = patterns.filter(|pattern| {
        let glob = NameGlob::new((*pattern).to_owned());
        RISKY
            .iter()
            .any(|variable| glob.matches(variable.as_bytes()))
    });
    let patterns: Vec<_> = risky.map(str::to_owned).collect();
    if !patterns.is_empty() {
        let risky: Vec<_> = patterns
            .iter()
            .map(|pattern| Escaped::text(pattern).to_string())
            .collect();
        let say = format!(
            "AcceptEnv {} lets {name} set variables that change how programs start; xfersh drops them.",
            risky.join(" ")
        );
        let fix = fixes.accept_env(&patterns);
        findings.push(Finding::warning("sshd-accept-env", say, fix));
    }
    if settings
        .value("permituserenvironment")
        .is_some_and(|value| value != "no")
    {
        let say = "PermitUserEnvironment lets ~/.ssh/environment and keys set variables for every account.";
        findings.push(Finding::warning(
            "sshd-user-environment",
            say,
            Fixes::global("PermitUserEnvironment no"),
        ));
    }
    findings
}

/// What to do about keys in a directory that others need as it is.
const MOVE_KEYS: &str = "keep the keys where root alone can change them: AuthorizedKeysFile /etc/ssh/xfersh_keys/%u, and a copy of the file there";

/// The key files outside the home: only root may be able to change them, and
/// sshd must accept them. Those in the home are judged with the home.
pub fn judge_key_files(files: &[KeyFile], account: &Account) -> Vec<Finding> {
    let what = format!("the keys of {}", account.shown());
    let mut findings = Vec::new();
    let outside = files.iter();
    for file in outside.filter(|file| !file.path.starts_with(&account.home)) {
        findings.extend(judge_way(
            &what,
            &file.way,
            "sshd-keys-owner",
            "sshd-keys-mode",
            MOVE_KEYS,
        ));
        // A sticky directory is good enough for xfersh, but not for sshd.
        for entry in file.way.iter().filter(|entry| entry.status.is_trusted()) {
            for fault in strict_modes(entry.status, account.uid) {
                let StrictModes::Writable(mode) = fault else {
                    continue;
                };
                let say = format!(
                    "{} can be written by others (mode {mode:04o}): with StrictModes, sshd accepts no keys from it.",
                    Escaped::path(&entry.path)
                );
                let fix = if is_of_the_system(&entry.path) {
                    format!("chmod go-w {}", quoted(&entry.path))
                } else {
                    decision(MOVE_KEYS)
                };
                findings.push(Finding::serious("sshd-keys-mode", say, fix));
            }
        }
    }
    findings
}

/// The key files in one of these directories: the path in sshd's configuration,
/// and the directory.
pub fn keys_below(files: &[KeyFile], writable: &[PathBuf]) -> Vec<(PathBuf, PathBuf)> {
    let led = files.iter().filter_map(|file| {
        let place = writable
            .iter()
            .find(|place| file.path.starts_with(place) || file.resolved.starts_with(place))?;
        Some((file.path.clone(), place.clone()))
    });
    led.collect()
}

fn keys(inputs: &SshdInputs<'_>) -> Vec<Finding> {
    let SshdInputs { name, fixes, .. } = inputs;
    let each = inputs.writable_keys.iter().map(|(path, place)| {
        let (path_shown, place) = (Escaped::path(path), Escaped::path(place));
        let say = format!("sshd takes the keys of {name} from {path_shown}, and clients may write below {place}: they can add anyone's keys.");
        Finding::serious("sshd-keys-writable", say, fixes.move_keys(path))
    });
    each.collect()
}
