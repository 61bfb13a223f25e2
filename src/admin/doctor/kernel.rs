//! What the kernel can enforce.

use std::fs;

use super::finding::Finding;

/// What the kernel says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelFacts {
    /// `uname -r`.
    pub release: String,
    /// The Landlock ABI; 0 where Landlock is missing or switched off.
    pub landlock: u32,
    /// /proc/sys/kernel/seccomp/actions_avail (seccomp(2)).
    pub seccomp_actions: Option<String>,
    /// /proc/sys/kernel/yama/ptrace_scope; `None` without Yama.
    pub ptrace_scope: Option<u32>,
}

impl KernelFacts {
    /// Asks the kernel.
    #[must_use]
    pub fn gather(landlock: u32) -> Self {
        let read = |path: &str| {
            fs::read_to_string(path)
                .ok()
                .map(|text| text.trim().to_owned())
        };
        let scope = read("/proc/sys/kernel/yama/ptrace_scope");
        Self {
            release: read("/proc/sys/kernel/osrelease").unwrap_or_default(),
            landlock,
            seccomp_actions: read("/proc/sys/kernel/seccomp/actions_avail"),
            ptrace_scope: scope.and_then(|text| text.parse().ok()),
        }
    }
}

/// The first release with all that the guard needs: SECCOMP_ADDFD_FLAG_SEND.
const REQUIRED: (u32, u32) = (5, 14);
/// The first release with nothing missing that matters (Landlock TRUNCATE is
/// 6.2; the guard stands in for it).
const SUPPORTED: (u32, u32) = (6, 1);
/// The Landlock ABI with scopes for signals and abstract sockets.
const ABI_SCOPES: u32 = 6;
const ENABLE_LANDLOCK: &str = "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&lsm=landlock,lockdown,yama,integrity,apparmor /' /etc/default/grub && update-grub && reboot";
const NEW_KERNEL: &str = "apt-get install --only-upgrade linux-image-amd64 && reboot";

/// What of it is a finding.
#[must_use]
pub fn judge(kernel: &KernelFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let release = &kernel.release;
    match version(release) {
        Some(version) if version < REQUIRED => {
            let say = format!("Linux {release} is older than 5.14: sessions are refused.");
            findings.push(Finding::serious("kernel-too-old", say, NEW_KERNEL));
        }
        Some(version) if version < SUPPORTED => {
            let say = format!(
                "Linux {release} is older than 6.1: a rename across two directories may fail."
            );
            findings.push(Finding::note("kernel-old", say, NEW_KERNEL));
        }
        _ => {}
    }
    match kernel.landlock {
        0 => {
            let say = "Landlock is missing or not switched on: sessions are refused.";
            findings.push(Finding::serious("kernel-landlock", say, ENABLE_LANDLOCK));
        }
        abi if abi < ABI_SCOPES => {
            let say = format!(
                "Landlock has ABI {abi}: signals are kept in by the system-call filter alone."
            );
            findings.push(Finding::note("kernel-landlock-abi", say, NEW_KERNEL));
        }
        _ => {}
    }
    findings.extend(seccomp(kernel.seccomp_actions.as_deref()));
    if let Some(scope @ 2..) = kernel.ptrace_scope {
        let say = format!(
            "Yama's ptrace_scope is {scope}, so the guard cannot read its server's memory: sessions are refused."
        );
        let set = "echo kernel.yama.ptrace_scope=1 >/etc/sysctl.d/99-xfersh.conf && sysctl -p /etc/sysctl.d/99-xfersh.conf";
        // 3 cannot be taken back while the kernel runs (Yama.rst).
        let mend = if scope > 2 {
            format!("{set}; reboot")
        } else {
            set.to_owned()
        };
        findings.push(Finding::serious("kernel-ptrace-scope", say, mend));
    }
    findings
}

fn seccomp(actions: Option<&str>) -> Option<Finding> {
    let Some(actions) = actions else {
        let say = "The kernel has no seccomp filters: sessions are refused.";
        return Some(Finding::serious("kernel-seccomp", say, NEW_KERNEL));
    };
    let has = actions
        .split_whitespace()
        .any(|action| action == "user_notif");
    let say = "The kernel has no seccomp user notification: sessions are refused.";
    (!has).then(|| Finding::serious("kernel-user-notification", say, NEW_KERNEL))
}

/// Major and minor number of a release such as `6.1.0-18-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let good = KernelFacts {
            release: "6.12.9-amd64".into(),
            landlock: 6,
            seccomp_actions: Some("kill_process user_notif allow".into()),
            ptrace_scope: Some(1),
        };
        let with = |change: fn(&mut KernelFacts)| {
            let mut facts = good.clone();
            change(&mut facts);
            judge(&facts).iter().map(|f| f.id).collect::<Vec<_>>()
        };
        type Row = (fn(&mut KernelFacts), &'static [&'static str]);
        let rows: [Row; 12] = [
            (|_| {}, &[]),
            (|k| k.release = "5.13.0".into(), &["kernel-too-old"]),
            (|k| k.release = "5.14.0-1".into(), &["kernel-old"]),
            (|k| k.release = "6.1.0".into(), &[]),
            (|k| k.release = "strange".into(), &[]),
            (|k| k.landlock = 0, &["kernel-landlock"]),
            (|k| k.landlock = 5, &["kernel-landlock-abi"]),
            (|k| k.seccomp_actions = None, &["kernel-seccomp"]),
            (
                |k| k.seccomp_actions = Some("allow user_notify".into()),
                &["kernel-user-notification"],
            ),
            (|k| k.ptrace_scope = None, &[]),
            (|k| k.ptrace_scope = Some(2), &["kernel-ptrace-scope"]),
            (|k| k.ptrace_scope = Some(3), &["kernel-ptrace-scope"]),
        ];
        for (i, (change, expected)) in rows.into_iter().enumerate() {
            assert_eq!(with(change), expected, "row {i}");
        }
    }
}
