//! What a row can say.

use nix::libc;

use super::numbers::Numbers;
use crate::decide::plan::ServerKind;

/// The answer to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The call is performed.
    Allow,
    /// The guard answers.
    Notify,
    /// The call is not performed; the caller gets this errno, or success for 0.
    Errno(u16),
    /// The process ends; the kernel writes it to the audit log.
    Kill,
    /// Reading by path: [`Action::Notify`] if the session watches reads,
    /// otherwise [`Action::Allow`].
    NotifyIfReadsAreWatched,
    /// Opening a file for reading without O_CLOEXEC, as scp opens what a client
    /// names, and as no library opens its own files: [`Action::Notify`] if the
    /// session watches those or all reads, or logs them, otherwise
    /// [`Action::Allow`].
    NotifyIfNamedReadsAreWatched,
    /// What a name service client does: [`Action::Notify`] if the session has
    /// sockets to ask, otherwise EACCES.
    NotifyIfNameService,
    /// Talking on a socket that the guard connected: [`Action::Allow`] if the
    /// session has name service sockets, otherwise EACCES.
    AllowIfNameService,
    /// Opening for reading with O_CLOEXEC, as libraries open their own files
    /// and opendir(3) its directory: [`Action::Notify`] if the session watches
    /// reads or logs them, otherwise [`Action::Allow`].
    NotifyIfOpensAreWatched,
    /// The end of a process: [`Action::Notify`] if the session may write, so
    /// that the guard sees which files are still open, otherwise
    /// [`Action::Allow`].
    NotifyIfSessionWrites,
}

/// One test of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The low half of the argument, under the mask, has that value. For
    /// arguments that the kernel itself takes as `int`: it ignores the rest.
    Int {
        /// 0 to 5.
        argument: u8,
        /// The bits that are tested.
        mask: u32,
        /// The value that they must have.
        value: u32,
    },
    /// The whole argument, under the mask, has that value.
    Long {
        /// 0 to 5.
        argument: u8,
        /// The bits that are tested.
        mask: u64,
        /// The value that they must have.
        value: u64,
    },
    /// The low half of the argument is the process id of the server.
    OwnPid {
        /// 0 to 5.
        argument: u8,
    },
}

/// An outcome that applies if all conditions are met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm {
    /// All must be met; an empty list means always.
    pub conditions: &'static [Condition],
    /// The answer in that case.
    pub outcome: Action,
}

/// The answer of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyscallRule {
    /// Whatever the arguments are.
    Always(Action),
    /// The first arm that applies.
    Judged {
        /// In this order.
        arms: &'static [Arm],
        /// If none applies.
        otherwise: Action,
    },
}

/// A set of server kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Every kind.
    pub const ALL: Self = Self(0b1_1111);

    /// Only the named kinds.
    pub const fn of(kinds: &[ServerKind]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < kinds.len() {
            bits |= 1 << kinds[i] as u8;
            i += 1;
        }
        Self(bits)
    }

    /// Whether that kind is one of them.
    pub const fn contains(self, kind: ServerKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }
}

/// One system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syscall {
    /// Its name in the kernel's list.
    pub name: &'static str,
    /// Its numbers.
    pub numbers: Numbers,
    /// The kinds of server that `answer` is for.
    pub kinds: Kinds,
    /// The answer for those kinds.
    pub answer: SyscallRule,
    /// The answer for the others.
    pub otherwise: Action,
    /// Why.
    pub reason: &'static str,
}

/// A row that is the same for every kind.
pub(super) const fn row(
    name: &'static str,
    numbers: Numbers,
    answer: SyscallRule,
    reason: &'static str,
) -> Syscall {
    Syscall {
        name,
        numbers,
        kinds: Kinds::ALL,
        answer,
        otherwise: REFUSED,
        reason,
    }
}

/// A row for some kinds; the others do not make this call and get EPERM.
pub(super) const fn only(
    kinds: Kinds,
    name: &'static str,
    numbers: Numbers,
    answer: SyscallRule,
    reason: &'static str,
) -> Syscall {
    Syscall {
        name,
        numbers,
        kinds,
        answer,
        otherwise: REFUSED,
        reason,
    }
}

/// A change that only some kinds of server make. The guard refuses it to the
/// others ([`super::is_made_by`]), so that the attempt is logged.
pub(super) const fn change(
    kinds: Kinds,
    name: &'static str,
    numbers: Numbers,
    reason: &'static str,
) -> Syscall {
    Syscall {
        name,
        numbers,
        kinds,
        answer: NOTIFY,
        otherwise: Action::Notify,
        reason,
    }
}

/// An errno as the program carries it; they are all below 4096.
pub(super) const fn errno(code: i32) -> Action {
    assert!(code >= 0 && code < 4096);
    Action::Errno(code as u16)
}

const REFUSED: Action = errno(libc::EPERM);
pub(super) const NOT_THERE: Action = errno(libc::ENOSYS);

pub(super) const ALLOW: SyscallRule = SyscallRule::Always(Action::Allow);
pub(super) const NOTIFY: SyscallRule = SyscallRule::Always(Action::Notify);
pub(super) const KILL: SyscallRule = SyscallRule::Always(Action::Kill);
pub(super) const READS: SyscallRule = SyscallRule::Always(Action::NotifyIfReadsAreWatched);
pub(super) const ENDS: SyscallRule = SyscallRule::Always(Action::NotifyIfSessionWrites);
pub(super) const DENY: SyscallRule = SyscallRule::Always(REFUSED);
pub(super) const ABSENT: SyscallRule = SyscallRule::Always(NOT_THERE);

/// Allowed if all conditions are met, otherwise EPERM.
pub(super) const fn allow_if(arms: &'static [Arm]) -> SyscallRule {
    SyscallRule::Judged {
        arms,
        otherwise: REFUSED,
    }
}

/// An arm.
pub(super) const fn when(conditions: &'static [Condition], outcome: Action) -> Arm {
    Arm {
        conditions,
        outcome,
    }
}

/// An `int` argument that is exactly `value`.
pub(super) const fn is(argument: u8, value: u32) -> Condition {
    Condition::Int {
        argument,
        mask: u32::MAX,
        value,
    }
}

/// An `int` argument with none of these bits.
pub(super) const fn without(argument: u8, bits: u32) -> Condition {
    Condition::Int {
        argument,
        mask: bits,
        value: 0,
    }
}

/// A `long` or pointer argument that is exactly `value`.
pub(super) const fn is_long(argument: u8, value: u64) -> Condition {
    Condition::Long {
        argument,
        mask: u64::MAX,
        value,
    }
}

/// A process id argument that is the server's own.
pub(super) const fn own_pid(argument: u8) -> Condition {
    Condition::OwnPid { argument }
}
