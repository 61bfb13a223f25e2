//! What this kernel can enforce. A session does not ask: it takes each step and
//! fails closed. The dry run asks, and so does the log of a weaker session.

use std::fs;

use crate::decide::policy::Requirement;
use crate::decide::verdict::{Refusal, Stage, Verdict};
use crate::messages::UNGUARDED;
use crate::system::{landlock, seccomp};

/// Where Yama sets who may trace whom (Documentation/admin-guide/LSM/Yama.rst).
pub const YAMA: &str = "/proc/sys/kernel/yama/ptrace_scope";
const RELEASE: &str = "/proc/sys/kernel/osrelease";

/// From which release on a guard can hand a file over in one step
/// (SECCOMP_ADDFD_FLAG_SEND): there is no action that could be asked for.
const HANDS_OVER: (u32, u32) = (5, 14);

/// The mechanisms of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The Landlock ABI; 0 if there is none.
    pub landlock: u32,
    /// Whether filters can notify a guard.
    pub notification: bool,
    /// Yama's ptrace_scope; 0 if there is no Yama.
    pub ptrace_scope: u32,
    /// Major and minor number of the release, where they can be read.
    pub release: Option<(u32, u32)>,
}

/// What kind of means is missing: how it can be had depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// Landlock as a whole.
    Landlock,
    /// A right of a later Landlock ABI.
    LandlockAbi,
    /// Filters that notify a guard.
    Notification,
    /// That a guard may read its server's memory.
    Tracing,
}

/// Something that cannot be enforced here, and what that leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weakness {
    /// Its kind.
    pub means: Means,
    /// What is missing.
    pub missing: &'static str,
    /// What is open without it.
    pub open: &'static str,
    /// Whether sessions need it, unless the policy says otherwise.
    pub is_required: bool,
}

const fn weaker(missing: &'static str, open: &'static str) -> Weakness {
    Weakness {
        means: Means::LandlockAbi,
        missing,
        open,
        is_required: false,
    }
}

const fn required(means: Means, missing: &'static str, open: &'static str) -> Weakness {
    Weakness {
        means,
        missing,
        open,
        is_required: true,
    }
}

/// The Landlock ABI from which each right is enforced (landlock(7), VERSIONS).
const SINCE: [(u32, Weakness); 5] = [
    (
        1,
        required(
            Means::Landlock,
            "Landlock (Linux 5.13)",
            "the session can read whatever the account can",
        ),
    ),
    (
        2,
        weaker(
            "Landlock ABI 2 (Linux 5.19)",
            "nothing; but renaming between directories fails with EXDEV, and a signal can make a \
             call run twice",
        ),
    ),
    (
        3,
        weaker(
            "Landlock ABI 3 (Linux 6.2)",
            "Landlock does not stop truncation: only the guard does",
        ),
    ),
    (
        4,
        weaker(
            "Landlock ABI 4 (Linux 6.7)",
            "Landlock does not stop TCP connections: only the filter does",
        ),
    ),
    (
        6,
        weaker(
            "Landlock ABI 6 (Linux 6.12)",
            "Landlock does not stop signals and abstract sockets: only the filter does",
        ),
    ),
];

impl Kernel {
    /// Asks the kernel.
    pub fn probe() -> Self {
        let scope = fs::read_to_string(YAMA).ok();
        let release = fs::read_to_string(RELEASE).ok();
        Self {
            landlock: landlock::abi(),
            notification: seccomp::Support::probe().complete(),
            ptrace_scope: scope
                .and_then(|scope| scope.trim().parse().ok())
                .unwrap_or(0),
            release: release.as_deref().and_then(version),
        }
    }

    /// What it cannot enforce.
    pub fn weaknesses(self) -> impl Iterator<Item = Weakness> {
        let is_older = self.release.is_some_and(|release| release < HANDS_OVER);
        let guard = [
            (
                !self.notification || is_older,
                required(
                    Means::Notification,
                    "seccomp user notification (Linux 5.14)",
                    UNGUARDED,
                ),
            ),
            (
                self.ptrace_scope > 1,
                required(Means::Tracing, "a Yama ptrace_scope of 0 or 1", UNGUARDED),
            ),
        ];
        let missing = SINCE
            .into_iter()
            .map(move |(abi, weakness)| (self.landlock < abi, weakness));
        let all = missing.chain(guard);
        all.filter(|(is_missing, _)| *is_missing)
            .map(|(_, weakness)| weakness)
    }

    /// The verdict on this kernel: a granted session that requires what is
    /// missing does not start.
    pub fn settle(self, verdict: Verdict) -> Verdict {
        let requires = match &verdict {
            Verdict::Granted(plan) => plan.confinement == Requirement::Required,
            Verdict::Refused(_) => false,
        };
        let missing = self.weaknesses().find(|weakness| weakness.is_required);
        match missing {
            Some(weakness) if requires => {
                let reason = format!("this kernel does not support {}", weakness.missing);
                let hint = "see 'confinement' in xfersh.toml(5)";
                Verdict::Refused(Refusal::new(Stage::Host, reason).hint(hint))
            }
            _ => verdict,
        }
    }
}

/// Major and minor number of a release such as `6.1.0-18-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Kernel = Kernel {
        landlock: 7,
        notification: true,
        ptrace_scope: 1,
        release: Some((6, 12)),
    };

    #[test]
    fn weaknesses_are_what_the_kernel_lacks() {
        let rows: [(Kernel, usize, usize); 8] = [
            (FULL, 0, 0),
            (
                Kernel {
                    landlock: 5,
                    ..FULL
                },
                1,
                0,
            ),
            (
                Kernel {
                    landlock: 0,
                    ..FULL
                },
                5,
                1,
            ),
            (
                Kernel {
                    notification: false,
                    ..FULL
                },
                1,
                1,
            ),
            (
                Kernel {
                    ptrace_scope: 2,
                    ..FULL
                },
                1,
                1,
            ),
            (
                Kernel {
                    release: version("5.13.19-2-amd64"),
                    ..FULL
                },
                1,
                1,
            ),
            (
                Kernel {
                    release: version("5.14.0"),
                    ..FULL
                },
                0,
                0,
            ),
            (
                Kernel {
                    release: version("strange"),
                    ..FULL
                },
                0,
                0,
            ),
        ];
        for (kernel, all, required) in rows {
            let weaknesses: Vec<_> = kernel.weaknesses().collect();
            assert_eq!(weaknesses.len(), all, "{kernel:?}");
            let fatal = weaknesses.iter().filter(|weakness| weakness.is_required);
            assert_eq!(fatal.count(), required, "{kernel:?}");
        }
    }
}
