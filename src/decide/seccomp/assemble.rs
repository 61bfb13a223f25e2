//! The assembler: from the table to a classic BPF program.
//!
//! The number of the call is found by binary search over ranges of numbers with
//! the same answer; then its arguments are tested. The assembler runs at
//! compile time ([`super::server`] keeps the results as constants), so it costs
//! a session nothing.
//!
//! The program is written from its end to its start: the target of a jump
//! already exists, so jumps need no fixing up, and equal ends are shared. A
//! conditional jump reaches 255 instructions; a target further away is repeated
//! (an end) or reached through an unconditional jump (a block).
//!
//! Why not the seccompiler crate: it cannot answer "notify", has only one
//! answer besides "allow", and tests numbers one after the other, while the
//! kernel runs the program once for every number when it loads it. Measured for
//! the sftp table on x86-64 (valgrind's count; seccomp(2) timed, the best of
//! forty): its list of allowed calls alone has 861 instructions, takes 406,000
//! instructions of the session to build and 380 µs to load; the whole program
//! here has 287, takes 900 and 75 µs. The kernel's compiler takes most of that
//! time, so length matters more than depth.
//!
//! Sources: `<linux/filter.h>`, `<linux/seccomp.h>`,
//! Documentation/userspace-api/seccomp_filter.rst.

use nix::libc::{self, sock_filter};

use super::table::{
    Action, Architecture, Condition, FAMILIES, NUMBERS, Syscall, SyscallRule, UNKNOWN,
};
use crate::decide::plan::ServerKind;

/// Room for a program; a longer one does not compile.
const ROOM: usize = 1024;
/// Room for values that are filled in at run time.
const BLANKS: usize = 64;
/// From here on, a number means x32 on x86-64 (`__X32_SYSCALL_BIT`).
const X32: u32 = 0x4000_0000;
/// How far a conditional jump may reach. The limit is 255, but up to two
/// instructions may still be inserted in between.
const REACH: usize = 250;

/// Stands for the server's process id until that is filled in: positive, so
/// neither "myself" nor a group, and above the highest that Linux assigns
/// (`PID_MAX_LIMIT`, 2^22).
const NOBODY: u32 = 0x7fff_ffff;

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const IF_ANY_BIT: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// Offsets in `struct seccomp_data`. Both architectures are little-endian: the
/// low half of an argument comes first.
const NUMBER_AT: u32 = 0;
const ARCH_AT: u32 = 4;
const ARGUMENTS_AT: u32 = 16;

/// What an instruction's value depends on, besides the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blank {
    /// The process id of the server.
    OwnPid,
    /// The answer for [`Action::NotifyIfReadsAreWatched`].
    NotifyIfReadsAreWatched,
    /// The answer for [`Action::NotifyIfNamedReadsAreWatched`].
    NotifyIfNamedReadsAreWatched,
    /// The answer for [`Action::NotifyIfNameService`].
    NotifyIfNameService,
    /// The answer for [`Action::AllowIfNameService`].
    AllowIfNameService,
    /// The answer for [`Action::NotifyIfOpensAreWatched`].
    NotifyIfOpensAreWatched,
    /// The answer for [`Action::NotifyIfSessionWrites`].
    NotifyIfSessionWrites,
}

/// The value of a RET instruction for an outcome, or what that value depends
/// on.
const fn value_of(outcome: Action) -> Result<u32, Blank> {
    match outcome {
        Action::Allow => Ok(libc::SECCOMP_RET_ALLOW),
        Action::Notify => Ok(libc::SECCOMP_RET_USER_NOTIF),
        Action::Errno(code) => Ok(libc::SECCOMP_RET_ERRNO | code as u32),
        Action::Kill => Ok(libc::SECCOMP_RET_KILL_PROCESS),
        Action::NotifyIfReadsAreWatched => Err(Blank::NotifyIfReadsAreWatched),
        Action::NotifyIfNamedReadsAreWatched => Err(Blank::NotifyIfNamedReadsAreWatched),
        Action::NotifyIfNameService => Err(Blank::NotifyIfNameService),
        Action::AllowIfNameService => Err(Blank::AllowIfNameService),
        Action::NotifyIfOpensAreWatched => Err(Blank::NotifyIfOpensAreWatched),
        Action::NotifyIfSessionWrites => Err(Blank::NotifyIfSessionWrites),
    }
}

/// [`value_of`], for outcomes that depend on nothing.
pub(super) const fn fixed(outcome: Action) -> u32 {
    match value_of(outcome) {
        Ok(value) => value,
        Err(_) => libc::SECCOMP_RET_KILL_PROCESS,
    }
}

/// Equality of outcomes, since `==` is not available in constants.
const fn same(a: Action, b: Action) -> bool {
    match (value_of(a), value_of(b)) {
        (Ok(a), Ok(b)) => a == b,
        (Err(a), Err(b)) => a as u8 == b as u8,
        _ => false,
    }
}

/// The index of an instruction in [`Assembly::code`].
type Label = usize;

/// An end that has already been written.
#[derive(Clone, Copy)]
struct Tail {
    outcome: Action,
    label: Label,
}

/// Numbers from `start` to the next range's, with one answer.
#[derive(Clone, Copy)]
struct Range {
    start: u32,
    answer: SyscallRule,
}

/// A program that is being assembled, and then the finished one.
#[allow(missing_debug_implementations, reason = "lives in the compiler only")]
pub struct Assembly {
    /// Filled from the end; `start` is the first instruction.
    code: [sock_filter; ROOM],
    start: Label,
    blanks: [(Label, Blank); BLANKS],
    blank_count: usize,
    ends: [Tail; BLANKS],
    end_count: usize,
}

/// Assembles the table for one kind of server.
pub(super) const fn assemble(kind: ServerKind, architecture: Architecture) -> Assembly {
    from_answers(answers(kind, architecture), Action::Kill, architecture)
}

/// Assembles a program that allows the calls with these numbers and answers
/// every other one with `otherwise`.
pub const fn assemble_list(
    numbers: &[u32],
    otherwise: Action,
    architecture: Architecture,
) -> Assembly {
    let mut answers = [SyscallRule::Always(otherwise); NUMBERS];
    let mut i = 0;
    while i < numbers.len() {
        answers[numbers[i] as usize] = SyscallRule::Always(Action::Allow);
        i += 1;
    }
    from_answers(answers, otherwise, architecture)
}

/// From the answer to each number, in their order, and that to x32.
const fn from_answers(
    answers: [SyscallRule; NUMBERS],
    x32: Action,
    architecture: Architecture,
) -> Assembly {
    let (ranges, count) = ranges(&answers, x32, architecture);
    let mut a = Assembly::empty();
    let search = a.search(&ranges, 0, count - 1);
    assert!(search == a.start);
    let number = a.load(NUMBER_AT);
    let foreign = a.end(Action::Kill);
    a.branch(IF_EQUAL, architecture.audit(), number, foreign);
    a.load(ARCH_AT);
    a
}

/// What the table answers to each number.
const fn answers(kind: ServerKind, architecture: Architecture) -> [SyscallRule; NUMBERS] {
    const NOBODY: SyscallRule = SyscallRule::Always(UNKNOWN);
    let mut answers = [NOBODY; NUMBERS];
    let mut family = 0;
    while family < FAMILIES.len() {
        let rows: &[Syscall] = FAMILIES[family];
        let mut i = 0;
        while i < rows.len() {
            if let Some(number) = rows[i].numbers.on(architecture) {
                answers[number as usize] = rows[i].answer_for(kind);
            }
            i += 1;
        }
        family += 1;
    }
    answers
}

/// The answers as ranges in ascending order, neighbours with the same answer
/// joined.
const fn ranges(
    answers: &[SyscallRule; NUMBERS],
    x32: Action,
    architecture: Architecture,
) -> ([Range; NUMBERS], usize) {
    let mut ranges = [Range {
        start: 0,
        answer: answers[0],
    }; NUMBERS];
    let mut count = 1;
    let mut number = 1;
    while number < NUMBERS {
        let joined = match (answers[number], answers[number - 1]) {
            (SyscallRule::Always(a), SyscallRule::Always(b)) => same(a, b),
            _ => false,
        };
        if !joined {
            ranges[count] = Range {
                start: number as u32,
                answer: answers[number],
            };
            count += 1;
        }
        number += 1;
    }
    if matches!(architecture, Architecture::X86_64) {
        ranges[count] = Range {
            start: X32,
            answer: SyscallRule::Always(x32),
        };
        count += 1;
    }
    (ranges, count)
}

impl Assembly {
    const fn empty() -> Self {
        Self {
            code: [sock_filter {
                code: 0,
                jt: 0,
                jf: 0,
                k: 0,
            }; ROOM],
            start: ROOM,
            blanks: [(0, Blank::OwnPid); BLANKS],
            blank_count: 0,
            ends: [Tail {
                outcome: Action::Kill,
                label: 0,
            }; BLANKS],
            end_count: 0,
        }
    }

    /// Writes an instruction before all others.
    const fn emit(&mut self, code: u16, jt: u8, jf: u8, k: u32) -> Label {
        self.start -= 1;
        self.code[self.start] = sock_filter { code, jt, jf, k };
        self.start
    }

    const fn load(&mut self, offset: u32) -> Label {
        self.emit(LOAD, 0, 0, offset)
    }

    /// Notes that the value of `label` is filled in at run time.
    const fn leave_blank(&mut self, label: Label, blank: Blank) {
        self.blanks[self.blank_count] = (label, blank);
        self.blank_count += 1;
    }

    /// An instruction that returns `outcome`, within reach.
    const fn end(&mut self, outcome: Action) -> Label {
        let mut known = 0;
        while known < self.end_count && !same(self.ends[known].outcome, outcome) {
            known += 1;
        }
        if known < self.end_count && self.ends[known].label - self.start < REACH {
            return self.ends[known].label;
        }
        let label = match value_of(outcome) {
            Ok(value) => self.emit(RETURN, 0, 0, value),
            Err(blank) => {
                let label = self.emit(RETURN, 0, 0, libc::SECCOMP_RET_KILL_PROCESS);
                self.leave_blank(label, blank);
                label
            }
        };
        self.ends[known] = Tail { outcome, label };
        if known == self.end_count {
            self.end_count += 1;
        }
        label
    }

    /// `target`, or a jump to it if it is out of reach.
    const fn near(&mut self, target: Label) -> Label {
        if target - self.start < REACH {
            return target;
        }
        let distance = target - self.start;
        self.emit(JUMP, 0, 0, distance as u32)
    }

    /// A conditional jump; the offsets count from the next instruction, which
    /// is now the first one.
    const fn branch(&mut self, test: u16, k: u32, yes: Label, no: Label) -> Label {
        let yes = self.near(yes);
        let no = self.near(no);
        let (yes, no) = (yes - self.start, no - self.start);
        assert!(yes <= 255 && no <= 255);
        self.emit(test, yes as u8, no as u8, k)
    }

    /// Binary search in `ranges[first..=last]`.
    const fn search(&mut self, ranges: &[Range; NUMBERS], first: usize, last: usize) -> Label {
        if first == last {
            return self.answer(ranges[first].answer);
        }
        let middle = first + (last - first).div_ceil(2);
        let above = self.search(ranges, middle, last);
        let below = self.search(ranges, first, middle - 1);
        self.branch(IF_AT_LEAST, ranges[middle].start, above, below)
    }

    const fn answer(&mut self, answer: SyscallRule) -> Label {
        match answer {
            SyscallRule::Always(outcome) => self.end(outcome),
            SyscallRule::Judged { arms, otherwise } => {
                let mut next = self.end(otherwise);
                let mut arm = arms.len();
                while arm > 0 {
                    arm -= 1;
                    let conditions = arms[arm].conditions;
                    next = self.drop_load(next, conditions);
                    let mut here = self.end(arms[arm].outcome);
                    let mut i = conditions.len();
                    while i > 0 {
                        i -= 1;
                        here = self.condition(conditions[i], here, next);
                    }
                    next = here;
                }
                next
            }
        }
    }

    /// Removes the load at the start of the next arm if the arm before it,
    /// which is the only way there, has just loaded the same value.
    const fn drop_load(&mut self, next: Label, before: &[Condition]) -> Label {
        let [only] = before else { return next };
        let loaded = match *only {
            Condition::OwnPid { argument } => low(argument),
            Condition::Int {
                argument,
                mask,
                value,
            } if mask == u32::MAX || value == 0 => low(argument),
            Condition::Int { .. } | Condition::Long { .. } => return next,
        };
        let first = self.code[next];
        if next != self.start || first.code != LOAD || first.k != loaded {
            return next;
        }
        self.start += 1;
        self.start
    }

    const fn condition(&mut self, condition: Condition, yes: Label, no: Label) -> Label {
        match condition {
            Condition::Int {
                argument,
                mask,
                value,
            } => self.half(low(argument), mask, value, yes, no),
            Condition::Long {
                argument,
                mask,
                value,
            } => {
                let here = self.half(low(argument), mask as u32, value as u32, yes, no);
                let (mask, value) = ((mask >> 32) as u32, (value >> 32) as u32);
                self.half(low(argument) + 4, mask, value, here, no)
            }
            Condition::OwnPid { argument } => {
                let label = self.branch(IF_EQUAL, NOBODY, yes, no);
                self.leave_blank(label, Blank::OwnPid);
                self.load(low(argument))
            }
        }
    }

    /// Tests 32 bits at an offset.
    const fn half(&mut self, at: u32, mask: u32, value: u32, yes: Label, no: Label) -> Label {
        if mask == 0 {
            return yes;
        }
        if value == 0 {
            self.branch(IF_ANY_BIT, mask, no, yes);
        } else {
            self.branch(IF_EQUAL, value, yes, no);
            if mask != u32::MAX {
                self.emit(AND, 0, 0, mask);
            }
        }
        self.load(at)
    }

    /// The program.
    pub const fn code(&self) -> &[sock_filter] {
        self.code.split_at(self.start).1
    }

    /// The same by value; `N` is its length.
    pub const fn code_array<const N: usize>(&self) -> [sock_filter; N] {
        let mut code = [sock_filter {
            code: 0,
            jt: 0,
            jf: 0,
            k: 0,
        }; N];
        code.copy_from_slice(self.code());
        code
    }

    /// How many values are filled in at run time.
    pub(super) const fn blank_count(&self) -> usize {
        self.blank_count
    }

    /// The index of an instruction whose value is filled in at run time, and
    /// which value.
    pub(super) const fn blank(&self, i: usize) -> (u16, Blank) {
        let (label, blank) = self.blanks[i];
        ((label - self.start) as u16, blank)
    }

    /// All of them; `N` is how many.
    pub(super) const fn blank_array<const N: usize>(&self) -> [(u16, Blank); N] {
        assert!(N == self.blank_count);
        let mut blanks = [(0, Blank::OwnPid); N];
        let mut i = 0;
        while i < N {
            blanks[i] = self.blank(i);
            i += 1;
        }
        blanks
    }
}

/// Offset of the low half of an argument.
const fn low(argument: u8) -> u32 {
    assert!(argument < 6);
    ARGUMENTS_AT + 8 * argument as u32
}
