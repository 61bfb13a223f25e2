//! What the kernel cannot enforce, from the table of [`Kernel`].

use crate::admin::doctor::finding::Finding;
use crate::gather::kernel::{Kernel, Means};

/// Adds Landlock to the modules that are active (Documentation/admin-guide/LSM).
/// None of these commands restarts the host: that is not ours to choose.
const ENABLE_LANDLOCK: &str = "sed -i \"s/^GRUB_CMDLINE_LINUX=\\\"/&lsm=landlock,$(cat /sys/kernel/security/lsm) /\" /etc/default/grub && update-grub # then restart the host";
const NEW_KERNEL: &str = "apt-get install --only-upgrade \"linux-image-$(dpkg --print-architecture)\" # then restart the host";
const ALLOW_TRACING: &str = "echo kernel.yama.ptrace_scope=1 >/etc/sysctl.d/99-xfersh.conf && sysctl -p /etc/sysctl.d/99-xfersh.conf";

/// Which of these are findings.
pub fn judge(kernel: Kernel) -> Vec<Finding> {
    let mut findings = Vec::new();
    for weakness in kernel.weaknesses() {
        let (missing, open) = (weakness.missing, weakness.open);
        let (id, fix) = match weakness.means {
            Means::Landlock => ("kernel-landlock", ENABLE_LANDLOCK.to_owned()),
            Means::LandlockAbi => ("kernel-landlock-abi", NEW_KERNEL.to_owned()),
            Means::Notification => ("kernel-user-notification", NEW_KERNEL.to_owned()),
            // A scope of 3 cannot be lowered while the kernel runs (Yama.rst).
            Means::Tracing if kernel.ptrace_scope > 2 => (
                "kernel-ptrace-scope",
                format!("{ALLOW_TRACING}; # then restart the host"),
            ),
            Means::Tracing => ("kernel-ptrace-scope", ALLOW_TRACING.to_owned()),
        };
        findings.push(if weakness.is_required {
            let say = format!(
                "This kernel does not support {missing}: sessions are refused; under confinement = \"best-effort\", {open}."
            );
            Finding::serious(id, say, fix)
        } else {
            let say = format!("This kernel does not support {missing}: {open}.");
            Finding::note(id, say, fix)
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::doctor::finding::Severity::{Note, Serious};

    #[test]
    fn table() {
        let full = Kernel {
            landlock: 7,
            notification: true,
            ptrace_scope: 1,
            release: Some((6, 12)),
        };
        let landlock = |landlock| Kernel { landlock, ..full };
        let scope = |ptrace_scope| Kernel {
            ptrace_scope,
            ..full
        };
        let deaf = Kernel {
            notification: false,
            ..full
        };
        let worst = |kernel| {
            let mut findings = judge(kernel);
            findings.sort_by_key(|finding| finding.severity);
            findings.into_iter().next()
        };
        let rows = [
            (full, None),
            (landlock(6), None),
            (landlock(5), Some((Note, "kernel-landlock-abi"))),
            (landlock(0), Some((Serious, "kernel-landlock"))),
            (deaf, Some((Serious, "kernel-user-notification"))),
            (scope(0), None),
            (scope(2), Some((Serious, "kernel-ptrace-scope"))),
            (scope(3), Some((Serious, "kernel-ptrace-scope"))),
        ];
        for (kernel, expected) in rows {
            let seen = worst(kernel).map(|finding| (finding.severity, finding.id));
            assert_eq!(seen, expected, "{kernel:?}");
        }
        assert!(
            worst(scope(3))
                .unwrap()
                .fix
                .ends_with("# then restart the host")
        );
    }
}
