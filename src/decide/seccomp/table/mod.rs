//! Which system calls a confined server may make, and why.
//!
//! One row per system call, in files by subject. Every call of x86-64 and
//! aarch64 up to Linux 6.18 has one (a test compares them with the kernel's own
//! lists). A call without a row is newer than this table and gets ENOSYS, so
//! that a C library falls back to the older call.
//!
//! There are four answers: allow, hand to the guard, refuse with an errno, or
//! end the process. A call that reads and writes through descriptors the server
//! already holds is allowed without testing its arguments, so that the kernel
//! need not run the program for it at all.
//!
//! The table says nothing about paths: seccomp sees registers, not memory.
//! Whatever depends on a path is up to the guard or Landlock.

mod answer;
mod changes;
mod files;
mod foreign;
mod memory;
mod network;
mod numbers;
mod process;

use crate::decide::plan::ServerKind;

pub use answer::{Action, Arm, Condition, Kinds, Syscall, SyscallRule};
pub use files::ACCESS_MODE;
pub use numbers::{Architecture, Numbers};

/// The answer to a call without a row.
pub const UNKNOWN: Action = answer::NOT_THERE;

/// The table, by subject.
pub const FAMILIES: &[&[Syscall]] = &[
    files::ROWS,
    changes::ROWS,
    memory::ROWS,
    process::ROWS,
    network::ROWS,
    foreign::ROWS,
];

/// All rows.
pub fn rows() -> impl Iterator<Item = &'static Syscall> {
    FAMILIES.iter().copied().flatten()
}

/// The table's answer for one call, found by looking at each row in turn. The
/// assembled program must agree with it; the guard and `--check` may print its
/// reason.
pub fn find(architecture: Architecture, number: u32) -> Option<&'static Syscall> {
    rows().find(|row| row.numbers.on(architecture) == Some(number))
}

/// Which kinds of server make the call with each number, on this architecture.
static MADE_BY: [Kinds; NUMBERS] = {
    let mut made_by = [Kinds::ALL; NUMBERS];
    let mut family = 0;
    while family < FAMILIES.len() {
        let rows = FAMILIES[family];
        let mut i = 0;
        while i < rows.len() {
            if let Some(number) = rows[i].numbers.on(Architecture::NATIVE) {
                made_by[number as usize] = rows[i].kinds;
            }
            i += 1;
        }
        family += 1;
    }
    made_by
};

/// Room for the numbers of all calls: one more than the highest is enough.
pub const NUMBERS: usize = 512;

/// Whether a server of that kind makes the call with this number at all. A
/// change that it never makes is refused to it whatever the policy grants.
pub fn is_made_by(kind: ServerKind, number: u32) -> bool {
    let number = usize::try_from(number).unwrap_or(NUMBERS);
    MADE_BY.get(number).is_none_or(|kinds| kinds.contains(kind))
}

impl Syscall {
    /// The answer to this call in a server of that kind.
    pub const fn answer_for(&self, kind: ServerKind) -> SyscallRule {
        if self.kinds.contains(kind) {
            self.answer
        } else {
            SyscallRule::Always(self.otherwise)
        }
    }
}
