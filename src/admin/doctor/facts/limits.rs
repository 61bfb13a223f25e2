//! The limits under which sshd starts the sessions of an account: sshd's own,
//! which systemd sets, and what pam_limits(8) makes of them.

use std::fs;
use std::path::{Path, PathBuf};

use super::files;
use crate::decide::account::Account;

/// A limit of setrlimit(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitName {
    /// Processes of the account.
    Nproc,
    /// Open files of a process.
    Nofile,
    /// Bytes of a file.
    Fsize,
}

impl LimitName {
    /// All that a session can fail on.
    pub const ALL: [Self; 3] = [Self::Nproc, Self::Nofile, Self::Fsize];

    /// Its name in limits.conf(5).
    pub const fn item(self) -> &'static str {
        match self {
            Self::Nproc => "nproc",
            Self::Nofile => "nofile",
            Self::Fsize => "fsize",
        }
    }

    /// Its line in `/proc/PID/limits`.
    const fn line(self) -> &'static str {
        match self {
            Self::Nproc => "Max processes",
            Self::Nofile => "Max open files",
            Self::Fsize => "Max file size",
        }
    }

    /// What limits.conf(5) counts it in.
    const fn unit(self) -> u64 {
        match self {
            Self::Nproc | Self::Nofile => 1,
            Self::Fsize => 1024,
        }
    }
}

/// What holds for one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLimit {
    /// Which.
    pub name: LimitName,
    /// Its value.
    pub value: u64,
    /// The file of pam_limits that sets it; without one, sshd runs under it.
    pub file: Option<PathBuf>,
}

/// All that hold for an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionLimits {
    /// Those that are not unlimited.
    pub limits: Vec<SessionLimit>,
    /// Whether pam_limits can set another one.
    pub by_pam: bool,
}

const LIMITS: &str = "/etc/security/limits.conf";
const LIMITS_D: &str = "/etc/security/limits.d";
/// sshd's own stack, and what distributions include in it.
const STACKS: [&str; 5] = [
    "/etc/pam.d/sshd",
    "/etc/pam.d/common-session",
    "/etc/pam.d/system-auth",
    "/etc/pam.d/password-auth",
    "/etc/pam.d/system-remote-login",
];

impl SessionLimits {
    /// What is known of them. `uses_pam` is sshd's UsePAM.
    pub fn gather(account: &Account, uses_pam: bool) -> Self {
        let by_pam = uses_pam && STACKS.iter().any(|stack| has_pam_limits(stack));
        let sshd = limits_of_sshd().unwrap_or_default();
        let files = if by_pam { limit_files() } else { Vec::new() };
        let limits = LimitName::ALL.into_iter().filter_map(|name| {
            let of_pam = of_pam(&files, account, name);
            let (value, file) = match of_pam {
                Some((value, file)) => (value?, Some(file)),
                None => (soft_limit(&sshd, name)?, None),
            };
            Some(SessionLimit { name, value, file })
        });
        Self {
            limits: limits.collect(),
            by_pam,
        }
    }
}

fn has_pam_limits(stack: &str) -> bool {
    let text = fs::read_to_string(stack).unwrap_or_default();
    let mut lines = text.lines().map(str::trim_start);
    lines.any(|line| !line.starts_with('#') && line.contains("pam_limits.so"))
}

/// `/proc/PID/limits` of the sshd that listens: the first one of root's.
fn limits_of_sshd() -> Option<String> {
    let processes = files::list(Path::new("/proc"), &mut Vec::new());
    let numbers = processes
        .iter()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    let is_sshd = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sshd")
    };
    let pid = numbers.into_iter().find(is_sshd)?;
    fs::read_to_string(format!("/proc/{pid}/limits")).ok()
}

/// "Max open files            1024                 1048576              files"
fn soft_limit(text: &str, name: LimitName) -> Option<u64> {
    let mut lines = text.lines();
    let rest = lines.find_map(|line| line.strip_prefix(name.line()))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// limits.conf, then limits.d in the order of its names.
fn limit_files() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<_> = files::list(Path::new(LIMITS_D), &mut Vec::new())
        .iter()
        .map(fs::DirEntry::path)
        .filter(|path| path.extension().is_some_and(|end| end == "conf"))
        .collect();
    paths.sort();
    paths.insert(0, LIMITS.into());
    let text = |path: PathBuf| fs::read_to_string(&path).ok().map(|text| (path, text));
    paths.into_iter().filter_map(text).collect()
}

/// What these files say of a limit, and which file. A line for the account
/// holds before one for its groups, and that before one for all; among equals
/// the last.
fn of_pam(
    files: &[(PathBuf, String)],
    account: &Account,
    name: LimitName,
) -> Option<(Option<u64>, PathBuf)> {
    let mut best: Option<(u8, Option<u64>, &PathBuf)> = None;
    for (path, text) in files {
        for line in text.lines().filter_map(|line| line.split('#').next()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [domain, kind, item, value] = words.as_slice() else {
                continue;
            };
            let Some(rank) = rank(domain, account) else {
                continue;
            };
            // A hard limit below the soft one lowers that too.
            if *item != name.item() || !["soft", "hard", "-"].contains(kind) {
                continue;
            }
            let value = value
                .parse::<u64>()
                .ok()
                .map(|value| value.saturating_mul(name.unit()));
            if best.as_ref().is_none_or(|(known, ..)| rank >= *known) {
                best = Some((rank, value, path));
            }
        }
    }
    best.map(|(_, value, path)| (value, path.clone()))
}

/// How much a line for this domain counts; `None` if it is for others.
fn rank(domain: &str, account: &Account) -> Option<u8> {
    if domain == account.name {
        return Some(2);
    }
    if let Some(group) = domain.strip_prefix('@') {
        return account.groups.iter().any(|own| own == group).then_some(1);
    }
    if let Some((low, high)) = domain.split_once(':') {
        let low = low.parse().unwrap_or(0);
        let high = high.parse().unwrap_or(u32::MAX);
        return (low..=high).contains(&account.uid).then_some(2);
    }
    (domain == "*").then_some(0)
}
