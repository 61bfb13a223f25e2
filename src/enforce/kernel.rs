//! What this kernel can enforce.

use crate::system::landlock;

/// The means of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The Landlock ABI; 0 where there is none.
    pub landlock: u32,
}

/// One thing that cannot be enforced here, and what it leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weakness {
    /// What is missing.
    pub missing: &'static str,
    /// What is open without it.
    pub open: &'static str,
}

/// From which Landlock ABI on a right is enforced (landlock(7), VERSIONS).
const SINCE: [(u32, Weakness); 5] = [
    (
        1,
        Weakness {
            missing: "Landlock (Linux 5.13)",
            open: "the session can read and write whatever the account can",
        },
    ),
    (
        2,
        Weakness {
            missing: "Landlock ABI 2 (Linux 5.19)",
            open: "nothing; but renaming between directories fails with EXDEV",
        },
    ),
    (
        3,
        Weakness {
            missing: "Landlock ABI 3 (Linux 6.2)",
            open: "Landlock does not stop truncation: the guard alone does",
        },
    ),
    (
        4,
        Weakness {
            missing: "Landlock ABI 4 (Linux 6.7)",
            open: "Landlock does not stop TCP connections: the filter alone does",
        },
    ),
    (
        6,
        Weakness {
            missing: "Landlock ABI 6 (Linux 6.12)",
            open: "Landlock does not stop signals and abstract sockets: the filter alone does",
        },
    ),
];

impl Kernel {
    /// Asks the kernel.
    #[must_use]
    pub fn probe() -> Self {
        Self {
            landlock: landlock::abi(),
        }
    }

    /// What it cannot enforce, most serious first.
    pub fn weaknesses(self) -> impl Iterator<Item = Weakness> {
        let missing = SINCE
            .into_iter()
            .filter(move |(abi, _)| self.landlock < *abi);
        missing.map(|(_, weakness)| weakness)
    }
}
