//! Attempts that did not succeed: counted for each reason, so that the first
//! ones get a line and a client cannot flood the log.

use std::fmt::{self, Display};

use nix::errno::Errno;

use crate::decide::rules::Denial;

/// How many attempts for one reason get their own line.
const SHOWN: u32 = 5;

/// What was refused by the policy, and what failed.
#[derive(Debug, Default)]
pub struct Attempts {
    /// The last denial stands for those of the same kind.
    denied: [(u32, Option<Denial>); Denial::KINDS],
    failed: Vec<(Errno, u32)>,
}

impl Attempts {
    /// Counts an attempt that the policy refused; whether it gets a line.
    pub const fn shows_denied(&mut self, reason: Denial) -> bool {
        let (seen, which) = &mut self.denied[reason.index()];
        *seen = seen.saturating_add(1);
        *which = Some(reason);
        *seen <= SHOWN
    }

    /// Counts an attempt that the system refused; whether it gets a line.
    pub fn shows_failed(&mut self, errno: Errno) -> bool {
        let at = self.failed.iter().position(|(known, _)| *known == errno);
        let at = at.unwrap_or_else(|| {
            self.failed.push((errno, 0));
            self.failed.len() - 1
        });
        let seen = &mut self.failed[at].1;
        *seen = seen.saturating_add(1);
        *seen <= SHOWN
    }

    /// For each reason for which attempts got no line, how many.
    pub fn rest(&self) -> Vec<(u32, AttemptCause)> {
        let more = |seen: u32| Some(seen.saturating_sub(SHOWN)).filter(|more| *more > 0);
        let denied = self.denied.iter().filter_map(|&(seen, reason)| {
            let (more, reason) = (more(seen)?, reason?);
            Some((more, AttemptCause::Denial(reason)))
        });
        let failed = self.failed.iter().filter_map(|&(errno, seen)| {
            Some((more(seen)?, AttemptCause::Errno(ErrnoName(errno))))
        });
        denied.chain(failed).collect()
    }
}

/// Why attempts did not succeed.
pub enum AttemptCause {
    /// The policy refused them.
    Denial(Denial),
    /// The system did.
    Errno(ErrnoName),
}

/// Its name in errno(3).
pub struct ErrnoName(pub Errno);

impl Display for ErrnoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
