//! Compares the assembled programs with the table, and the table with the
//! kernel.

use std::collections::HashSet;

use super::*;
use crate::decide::seccomp::assemble::assemble_list;
use crate::decide::seccomp::table::{Condition, SyscallRule, UNKNOWN, find, rows};

mod interpreter;
mod spelled_out;
use interpreter::{Call, run};

const KINDS: [ServerKind; 5] = [
    ServerKind::Sftp,
    ServerKind::ScpSink,
    ServerKind::ScpSource,
    ServerKind::RsyncReceiver,
    ServerKind::RsyncSender,
];
const ARCHITECTURES: [Architecture; 2] = [Architecture::X86_64, Architecture::Aarch64];
const OWN_PID: u32 = 4711;

fn sessions() -> impl Iterator<Item = SessionValues> {
    (0..32).map(|bits: u8| SessionValues {
        own_pid: NonZeroU32::new(OWN_PID).unwrap(),
        watch_reads: bits & 1 != 0,
        name_service: bits & 2 != 0,
        log_reads: bits & 4 != 0,
        writes: bits & 16 != 0,
        watch_named_reads: bits & 8 != 0,
    })
}

/// Like [`program`], for any architecture.
fn assembled(
    kind: ServerKind,
    architecture: Architecture,
    session: SessionValues,
) -> Vec<sock_filter> {
    let assembly = assemble(kind, architecture);
    let blanks: Vec<_> = (0..assembly.blank_count())
        .map(|i| assembly.blank(i))
        .collect();
    let mut code = assembly.code().to_vec();
    fill_in(&mut code, &blanks, session);
    code
}

/// Each combination that gives a different program.
fn programs() -> impl Iterator<Item = (ServerKind, Architecture, SessionValues, Vec<sock_filter>)> {
    KINDS.into_iter().flat_map(|kind| {
        ARCHITECTURES.into_iter().flat_map(move |architecture| {
            sessions().map(move |session| {
                (
                    kind,
                    architecture,
                    session,
                    assembled(kind, architecture, session),
                )
            })
        })
    })
}

/// What the table says about a number.
fn table(kind: ServerKind, architecture: Architecture, number: u32) -> SyscallRule {
    if architecture == Architecture::X86_64 && number >= 0x4000_0000 {
        return SyscallRule::Always(Action::Kill);
    }
    find(architecture, number).map_or(SyscallRule::Always(UNKNOWN), |row| row.answer_for(kind))
}

/// An answer read as a person would read it.
fn judge(answer: SyscallRule, session: SessionValues, args: [u64; 6]) -> Action {
    let holds = |condition: &Condition| match *condition {
        Condition::Int {
            argument,
            mask,
            value,
        } => args[usize::from(argument)] as u32 & mask == value,
        Condition::Long {
            argument,
            mask,
            value,
        } => args[usize::from(argument)] & mask == value,
        Condition::OwnPid { argument } => args[usize::from(argument)] as u32 == OWN_PID,
    };
    session.settle(match answer {
        SyscallRule::Always(outcome) => outcome,
        SyscallRule::Judged { arms, otherwise } => arms
            .iter()
            .find(|arm| arm.conditions.iter().all(holds))
            .map_or(otherwise, |arm| arm.outcome),
    })
}

/// Values that matter for one argument of one row: those that a condition tests
/// for.
fn values(answer: SyscallRule, argument: u8) -> Vec<u64> {
    let mut wanted = vec![0, u64::from(OWN_PID)];
    if let SyscallRule::Judged { arms, .. } = answer {
        for condition in arms.iter().flat_map(|arm| arm.conditions) {
            match *condition {
                Condition::Int {
                    argument: a,
                    mask,
                    value,
                } if a == argument => {
                    wanted.extend([value, value | !mask].map(u64::from));
                }
                Condition::Long {
                    argument: a,
                    mask,
                    value,
                } if a == argument => {
                    wanted.extend([value, value | !mask]);
                }
                _ => {}
            }
        }
    }
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// A small generator of repeatable noise (xorshift64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// One of the values; every fourth has a bit flipped, some are noise.
    fn pick(&mut self, from: &[u64]) -> u64 {
        let value = from[(self.next() % from.len() as u64) as usize];
        match self.next() % 16 {
            0..4 => value ^ (1 << (self.next() % 64)),
            4 => self.next(),
            _ => value,
        }
    }
}

#[test]
fn every_call_of_the_kernel_has_one_row() {
    let lists = [
        (
            Architecture::X86_64,
            include_str!("../../../../tests/data/syscalls-x86_64.tsv"),
            383,
        ),
        (
            Architecture::Aarch64,
            include_str!("../../../../tests/data/syscalls-aarch64.tsv"),
            325,
        ),
    ];
    for (architecture, list, count) in lists {
        let kernel: HashSet<(u32, &str)> = list
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_once('\t').unwrap())
            .map(|(number, name)| (number.parse().unwrap(), name))
            .collect();
        let table: Vec<(u32, &str)> = rows()
            .filter_map(|row| Some((row.numbers.on(architecture)?, row.name)))
            .collect();
        assert_eq!(kernel.len(), count);
        assert_eq!(table.len(), count, "a number twice, or a row too many");
        assert_eq!(kernel, table.into_iter().collect());
    }
}

/// The kernel headers of the build machine, if they are installed.
#[test]
fn the_headers_here_agree_with_the_table() {
    let header = match Architecture::NATIVE {
        Architecture::X86_64 => "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
        Architecture::Aarch64 => "/usr/include/aarch64-linux-gnu/asm/unistd_64.h",
    };
    let Ok(text) = std::fs::read_to_string(header) else {
        println!("SKIPPED: {header} is not there (install linux-libc-dev)");
        return;
    };
    let mut seen = 0;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some("#define"), Some(name), Some(number)) =
            (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let (Some(name), Ok(number)) = (name.strip_prefix("__NR_"), number.parse()) else {
            continue;
        };
        // What is newer than the table has no row and gets ENOSYS.
        if number <= 469 {
            let row = find(Architecture::NATIVE, number);
            assert_eq!(row.map(|row| row.name), Some(name), "number {number}");
        }
        seen += 1;
    }
    assert!(seen > 300, "only {seen} calls found in {header}");
}

#[test]
fn every_row_has_a_reason() {
    for row in rows() {
        assert!(row.reason.len() >= 8, "{}: {:?}", row.name, row.reason);
    }
}

/// Every number, each with the arguments that its row distinguishes, all at
/// once and one at a time.
#[test]
fn programs_agree_with_the_table() {
    let mut seen = HashSet::new();
    for (kind, architecture, session, code) in programs() {
        let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
        let beyond = [
            511,
            512,
            547,
            1000,
            0x3fff_ffff,
            0x4000_0000,
            0x4000_0101,
            u32::MAX,
        ];
        for number in (0..480).chain(beyond) {
            let answer = table(kind, architecture, number);
            let values: [_; 6] = std::array::from_fn(|i| values(answer, i as u8));
            let tries = if matches!(answer, SyscallRule::Always(_)) {
                1
            } else {
                200
            };
            for _ in 0..tries {
                let args = std::array::from_fn(|i| noise.pick(&values[i]));
                let call = Call {
                    number,
                    arch: architecture.audit(),
                    args,
                };
                let wanted = judge(answer, session, args);
                assert_eq!(
                    run(&code, call),
                    fixed(wanted),
                    "{kind:?} {architecture:?} {session:?} {call:?}: wanted {wanted:?}"
                );
                if architecture == Architecture::X86_64 {
                    seen.insert((number, fixed(wanted)));
                }
            }
        }
    }
    // Both sides of the conditions were reached, not only the refusals: mmap,
    // mprotect, ioctl, dup, dup2, socketpair, kill, fcntl, prctl, arch_prctl,
    // sched_getaffinity, tgkill, openat, dup3, prlimit64; clone goes to the
    // guard.
    let allowed = [
        9, 10, 16, 32, 33, 53, 62, 72, 157, 158, 204, 234, 257, 292, 302,
    ];
    let allowed = allowed.map(|number| (number, Action::Allow));
    for (number, outcome) in allowed.into_iter().chain([(56, Action::Notify)]) {
        assert!(
            seen.contains(&(number, fixed(outcome))),
            "{number} was never allowed"
        );
        let outcomes = seen.iter().filter(|(n, _)| *n == number).count();
        assert!(outcomes > 1, "{number} was never refused");
    }
}

#[test]
fn noise_agrees_with_the_table() {
    let mut noise = Noise(0x2545_f491_4f6c_dd1d);
    for (kind, architecture, session, code) in programs() {
        for _ in 0..1000 {
            let number = (noise.next() % 600) as u32;
            let args = std::array::from_fn(|_| noise.next() >> (noise.next() % 64));
            let call = Call {
                number,
                arch: architecture.audit(),
                args,
            };
            let wanted = judge(table(kind, architecture, number), session, args);
            assert_eq!(
                run(&code, call),
                fixed(wanted),
                "{kind:?} {session:?} {call:?}"
            );
        }
    }
}

/// The guard's own program is made so.
#[test]
fn a_list_allows_its_calls_and_nothing_else() {
    let listed = [0, 1, 5, 6, 7, 231, 437, 439];
    for architecture in [Architecture::X86_64, Architecture::Aarch64] {
        let refused = Action::Errno(1);
        let code = assemble_list(&listed, refused, architecture)
            .code()
            .to_vec();
        for number in (0..700).chain([0x4000_0000, 0x4000_0001, u32::MAX]) {
            let call = |arch| Call {
                number,
                arch,
                args: [0; 6],
            };
            let wanted = if listed.contains(&number) {
                Action::Allow
            } else {
                refused
            };
            let seen = run(&code, call(architecture.audit()));
            assert_eq!(seen, fixed(wanted), "{architecture:?} {number}");
            assert_eq!(run(&code, call(0x4000_0003)), fixed(Action::Kill));
        }
    }
}

/// i386 calls on x86-64, arm calls on aarch64, and each on the other.
#[test]
fn foreign_architectures_end_the_process() {
    for (_, architecture, _, code) in programs() {
        let other = if architecture == ARCHITECTURES[0] {
            ARCHITECTURES[1]
        } else {
            ARCHITECTURES[0]
        };
        for arch in [
            0x4000_0003,
            0x4000_0028,
            other.audit(),
            0,
            architecture.audit() & !1,
        ] {
            for number in [0, 1, 11, 59, 221] {
                let call = Call {
                    number,
                    arch,
                    args: [0; 6],
                };
                if arch != architecture.audit() {
                    assert_eq!(run(&code, call), fixed(Action::Kill), "{call:?}");
                }
            }
        }
    }
}

/// The data path must not depend on arguments, or the kernel would run the
/// program for every block.
#[test]
fn the_data_path_is_free() {
    for name in [
        "read",
        "write",
        "pread64",
        "pwrite64",
        "readv",
        "writev",
        "lseek",
        "poll",
        "ppoll",
        "select",
        "pselect6",
        "getdents64",
        "close",
    ] {
        let row = rows().find(|row| row.name == name).unwrap();
        for kind in KINDS {
            assert_eq!(
                row.answer_for(kind),
                SyscallRule::Always(Action::Allow),
                "{name}"
            );
        }
    }
    // Nor does fstat(2), unless the guard watches reads.
    let fstat = rows().find(|row| row.name == "fstat").unwrap();
    assert_eq!(
        fstat.answer,
        SyscallRule::Always(Action::NotifyIfReadsAreWatched)
    );
}

/// What the kernel runs for each number when it loads the program, and what a
/// notified call costs.
#[test]
fn programs_are_short() {
    for (kind, architecture, _, code) in programs() {
        let longest = (0..470)
            .map(|number| {
                interpreter::steps(
                    &code,
                    Call {
                        number,
                        arch: architecture.audit(),
                        args: [u64::MAX; 6],
                    },
                )
            })
            .max();
        println!(
            "{kind:?} {architecture:?}: {} instructions, at most {longest:?} run",
            code.len()
        );
        assert!(code.len() < 600);
        assert!(longest < Some(50));
    }
}

/// The table of the running build is the one that was tested.
#[test]
fn the_constants_are_what_the_assembler_makes() {
    for kind in KINDS {
        for session in sessions() {
            let constant = program(kind, session);
            let fresh = assembled(kind, Architecture::NATIVE, session);
            let parts = |code: &[sock_filter]| -> Vec<_> {
                code.iter().map(|i| (i.code, i.jt, i.jf, i.k)).collect()
            };
            assert_eq!(parts(&constant), parts(&fresh));
        }
    }
}

/// `log_reads` changes the answer to opens for reading and to nothing else; without it the program is that of a session
/// that never heard of it.
#[test]
fn logged_reads_are_opens_and_nothing_else() {
    const RETURN: u16 = 0x06;
    for kind in KINDS {
        for session in sessions().filter(|session| !session.log_reads) {
            let logging = SessionValues {
                log_reads: true,
                ..session
            };
            let (off, on) = (program(kind, session), program(kind, logging));
            assert_eq!(off.len(), on.len());
            for (a, b) in off.iter().zip(&on) {
                assert_eq!((a.code, a.jt, a.jf), (b.code, b.jt, b.jf));
                let opened = a.code == RETURN
                    && (a.k, b.k) == (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_USER_NOTIF);
                assert!(a.k == b.k || opened, "{kind:?}");
            }
            for row in rows().filter(|row| !matches!(row.name, "open" | "openat")) {
                let settled = |session| judge(row.answer_for(kind), session, [0; 6]);
                assert_eq!(settled(session), settled(logging), "{}", row.name);
            }
        }
    }
}
