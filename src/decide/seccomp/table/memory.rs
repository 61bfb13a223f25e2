//! The address space: what a C library needs to load and to allocate.
//!
//! No memory is ever both writable and executable, and executable memory comes
//! from a file. That does not stop a server that has been taken over, which is
//! already executing; but it takes away the easiest ways.

use nix::libc;

use super::answer::{
    ABSENT, ALLOW, Action, Condition, DENY, KILL, Syscall, SyscallRule, allow_if, errno, is, row,
    when, without,
};
use super::numbers::{both, x86};

/// `PROT_BTI` of aarch64's `<asm/mman.h>`; unknown and refused on x86-64.
const PROT_BTI: i32 = 0x10;

const MMAP: SyscallRule = allow_if(&[
    when(
        &[without(2, libc::PROT_EXEC.cast_unsigned())],
        Action::Allow,
    ),
    when(
        &[
            without(2, libc::PROT_WRITE.cast_unsigned()),
            without(3, libc::MAP_ANONYMOUS.cast_unsigned()),
        ],
        Action::Allow,
    ),
]);

const MPROTECT: SyscallRule = allow_if(&[
    when(
        &[without(2, libc::PROT_EXEC.cast_unsigned())],
        Action::Allow,
    ),
    when(
        &[Condition::Int {
            argument: 2,
            mask: (libc::PROT_EXEC | libc::PROT_WRITE | PROT_BTI).cast_unsigned(),
            value: (libc::PROT_EXEC | PROT_BTI).cast_unsigned(),
        }],
        Action::Allow,
    ),
]);

/// ARCH_SET_FS and ARCH_GET_FS of `<asm/prctl.h>`; a kernel without the others
/// returns EINVAL.
const ARCH_PRCTL: SyscallRule = SyscallRule::Judged {
    arms: &[
        when(&[is(0, 0x1002)], Action::Allow),
        when(&[is(0, 0x1003)], Action::Allow),
    ],
    otherwise: errno(libc::EINVAL),
};

/// The rows, one per line.
#[rustfmt::skip]
pub(super) const ROWS: &[Syscall] = &[
    row("brk", both(12, 214), ALLOW, "the allocator of the C library"),
    row("munmap", both(11, 215), ALLOW, "the allocator of the C library"),
    row("mremap", both(25, 216), ALLOW, "the allocator of the C library"),
    row("madvise", both(28, 233), ALLOW, "the allocator of the C library"),
    row("msync", both(26, 227), ALLOW, "writes back a shared mapping of a file the server may write"),
    row("mmap", both(9, 222), MMAP, "maps libraries and memory; executable only from a file, never writable as well"),
    row("mprotect", both(10, 226), MPROTECT, "the loader's relocations; executable only as aarch64's loader marks branch targets"),
    row("mseal", both(462, 462), ALLOW, "newer loaders seal what they have mapped, which only takes rights away"),
    row("futex", both(202, 98), ALLOW, "locks within the process"),
    row("futex_waitv", both(449, 449), ABSENT, "newer than the C libraries of the servers, which fall back to futex"),
    row("futex_wake", both(454, 454), ABSENT, "newer than the C libraries of the servers, which fall back to futex"),
    row("futex_wait", both(455, 455), ABSENT, "newer than the C libraries of the servers, which fall back to futex"),
    row("futex_requeue", both(456, 456), ABSENT, "newer than the C libraries of the servers, which fall back to futex"),
    row("set_robust_list", both(273, 99), ALLOW, "the C library registers its thread"),
    row("rseq", both(334, 293), ALLOW, "the C library registers its thread"),
    row("set_tid_address", both(218, 96), ALLOW, "the C library registers its thread"),
    row("arch_prctl", x86(158), ARCH_PRCTL, "the C library sets the base of its thread storage"),
    row("membarrier", both(324, 283), ABSENT, "the servers have one thread"),
    row("pkey_mprotect", both(329, 288), ABSENT, "C libraries can do without it"),
    row("pkey_alloc", both(330, 289), ABSENT, "C libraries can do without it"),
    row("pkey_free", both(331, 290), ABSENT, "C libraries can do without it"),
    row("map_shadow_stack", both(453, 453), ABSENT, "C libraries can do without it"),
    row("remap_file_pages", both(216, 234), ABSENT, "obsolete"),
    row("mincore", both(27, 232), DENY, "no server pins its memory or asks what is resident"),
    row("mlock", both(149, 228), DENY, "no server pins its memory or asks what is resident"),
    row("mlock2", both(325, 284), DENY, "no server pins its memory or asks what is resident"),
    row("mlockall", both(151, 230), DENY, "no server pins its memory or asks what is resident"),
    row("munlock", both(150, 229), DENY, "no server pins its memory or asks what is resident"),
    row("munlockall", both(152, 231), DENY, "no server pins its memory or asks what is resident"),
    row("mbind", both(237, 235), DENY, "no server decides where its memory, or that of others, is placed"),
    row("get_mempolicy", both(239, 236), DENY, "no server decides where its memory, or that of others, is placed"),
    row("set_mempolicy", both(238, 237), DENY, "no server decides where its memory, or that of others, is placed"),
    row("set_mempolicy_home_node", both(450, 450), DENY, "no server decides where its memory, or that of others, is placed"),
    row("migrate_pages", both(256, 238), DENY, "no server decides where its memory, or that of others, is placed"),
    row("move_pages", both(279, 239), DENY, "no server decides where its memory, or that of others, is placed"),
    row("process_madvise", both(440, 440), DENY, "acts on the memory of other processes"),
    row("process_mrelease", both(448, 448), DENY, "acts on the memory of other processes"),
    row("modify_ldt", x86(154), KILL, "segments for 16-bit code, a source of kernel faults"),
    row("get_thread_area", x86(211), ABSENT, "thread storage of 32-bit code"),
    row("set_thread_area", x86(205), ABSENT, "thread storage of 32-bit code"),
    row("userfaultfd", both(323, 282), KILL, "delays page faults at will, the classic way to win races"),
    row("memfd_create", both(319, 279), KILL, "a file that Landlock does not see"),
    row("memfd_secret", both(447, 447), KILL, "a file that Landlock does not see"),
];
