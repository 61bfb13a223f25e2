//! What the guard itself may ask the kernel for. It handles bytes of a
//! process that may be hostile; should that ever go wrong, there is still no
//! program to start, no process to trace and no network to reach.
//!
//! A call that is not listed fails with EPERM, and with it what the guard
//! wanted to do: closed.

use std::io;

use nix::libc::{self, c_long, sock_filter};

use crate::decide::syscalls::Architecture;
use crate::system::seccomp::load_quiet_irrevocably;

/// The calls, by purpose. Those that only older architectures have are what
/// the C library uses there.
const CALLS: &[c_long] = &[
    // The loop.
    libc::SYS_ppoll,
    libc::SYS_ioctl,
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_lseek,
    libc::SYS_clock_gettime,
    libc::SYS_restart_syscall,
    // The server: its memory, its descriptors, its end.
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_kill,
    libc::SYS_getpgid,
    libc::SYS_wait4,
    libc::SYS_waitid,
    // Where things are.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_readlinkat,
    libc::SYS_statx,
    libc::SYS_newfstatat,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getdents64,
    libc::SYS_getxattr,
    libc::SYS_listxattr,
    // Other guards.
    libc::SYS_flock,
    libc::SYS_clock_nanosleep,
    // The changes.
    libc::SYS_umask,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_ftruncate,
    libc::SYS_fchmodat,
    libc::SYS_fchmod,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_removexattr,
    // The log, and the name service's sockets.
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_setsockopt,
    libc::SYS_sendto,
    libc::SYS_sendmmsg,
    // Memory, and the end.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_getrandom,
    libc::SYS_prctl,
    libc::SYS_dup3,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_exit_group,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_dup2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
];

/// Offsets of `nr` and `arch` in `struct seccomp_data` (seccomp(2)).
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// Puts the guard under its own filter, irrevocably.
///
/// # Errors
/// The kernel's; `no_new_privs` must be set.
pub fn load() -> io::Result<()> {
    load_quiet_irrevocably(&PROGRAM)
}

/// Load, compare, refuse; load; one comparison a call; refuse, allow.
const LENGTH: usize = CALLS.len() + 6;

static PROGRAM: [sock_filter; LENGTH] = program();

const fn program() -> [sock_filter; LENGTH] {
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned();
    let mut code = [op(libc::BPF_RET | libc::BPF_K, refuse, 0, 0); LENGTH];
    code[0] = load_word(ARCHITECTURE);
    code[1] = equal(Architecture::NATIVE.audit(), 1, 0);
    code[3] = load_word(NUMBER);
    let mut i = 0;
    while i < CALLS.len() {
        // To the last instruction if it is this call.
        #[allow(clippy::cast_possible_truncation, reason = "asserted below")]
        let distance = (CALLS.len() - i) as u8;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        let number = CALLS[i] as u32;
        code[4 + i] = equal(number, distance, 0);
        i += 1;
    }
    code[LENGTH - 1] = op(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0);
    code
}

const _: () = assert!(CALLS.len() < 256, "a jump is one byte");

const fn load_word(offset: u32) -> sock_filter {
    op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0)
}

const fn equal(value: u32, then: u8, otherwise: u8) -> sock_filter {
    op(
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        value,
        then,
        otherwise,
    )
}

#[allow(clippy::cast_possible_truncation, reason = "codes have 16 bits")]
const fn op(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    }
}
