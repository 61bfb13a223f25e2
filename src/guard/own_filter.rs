//! What the guard itself may ask the kernel for. It handles bytes from a
//! process that may be hostile. Should that ever go wrong, it still cannot
//! start a program, trace a process or reach the network.
//!
//! A call that is not listed fails with EPERM, and so does what the guard
//! wanted to do: it fails closed. A call of another architecture ends the
//! guard.

use std::io;

use nix::libc::{self, c_long, sock_filter};

use crate::decide::seccomp::assemble::{Assembly, assemble_list};
use crate::decide::seccomp::table::{Action, Architecture};
use crate::system::seccomp::load_quiet_irrevocably;

/// One call: its name in the kernel's list, its number, and why.
struct Row(&'static str, c_long, &'static str);

/// The calls. Those that only x86-64 has are the ones its C libraries use
/// instead of newer ones.
#[rustfmt::skip]
const CALLS: &[Row] = &[
    Row("ppoll", libc::SYS_ppoll, "the loop waits with it"),
    Row("ioctl", libc::SYS_ioctl, "takes and answers notifications, and asks whether the caller still waits"),
    Row("read", libc::SYS_read, "reads signals and the complaint of the server's side"),
    Row("write", libc::SYS_write, "the watchdog's line; the C library's last words"),
    Row("close", libc::SYS_close, "closes what it has examined"),
    Row("fcntl", libc::SYS_fcntl, "sets and clears O_NONBLOCK, copies a descriptor"),
    Row("dup", libc::SYS_dup, "copies a descriptor"),
    Row("dup3", libc::SYS_dup3, "copies a descriptor"),
    Row("lseek", libc::SYS_lseek, "finds the data and the holes of a sparse file"),
    Row("clock_gettime", libc::SYS_clock_gettime, "the limits on time, where the vDSO cannot tell it; the server's processor time"),
    Row("clock_nanosleep", libc::SYS_clock_nanosleep, "waits for a lock, a little"),
    Row("restart_syscall", libc::SYS_restart_syscall, "the kernel resumes a wait that was interrupted"),
    Row("process_vm_readv", libc::SYS_process_vm_readv, "reads the arguments of the server's calls"),
    Row("process_vm_writev", libc::SYS_process_vm_writev, "answers into the server's memory"),
    Row("kill", libc::SYS_kill, "passes signals on, ends the session"),
    Row("getpgid", libc::SYS_getpgid, "whether a process belongs to the session"),
    Row("wait4", libc::SYS_wait4, "collects ended processes"),
    Row("waitid", libc::SYS_waitid, "collects ended processes"),
    Row("openat", libc::SYS_openat, "opens what was judged"),
    Row("openat2", libc::SYS_openat2, "opens what was judged"),
    Row("readlinkat", libc::SYS_readlinkat, "where a descriptor leads"),
    Row("statx", libc::SYS_statx, "what a file is"),
    Row("newfstatat", libc::SYS_newfstatat, "what a file is"),
    Row("fstat", libc::SYS_fstat, "what a file is"),
    Row("fstatfs", libc::SYS_fstatfs, "which file system a file is on"),
    Row("faccessat", libc::SYS_faccessat, "what the account itself may do"),
    Row("faccessat2", libc::SYS_faccessat2, "what the account itself may do"),
    Row("getxattr", libc::SYS_getxattr, "the access control list of a file, names of attributes"),
    Row("listxattr", libc::SYS_listxattr, "the access control list of a file, names of attributes"),
    Row("getdents64", libc::SYS_getdents64, "whether a directory is empty, and who owns what is in it"),
    Row("flock", libc::SYS_flock, "no other session's guard can act between a check and the change"),
    Row("umask", libc::SYS_umask, "creates with the mask of the server"),
    Row("mkdirat", libc::SYS_mkdirat, "a change that was judged"),
    Row("mknodat", libc::SYS_mknodat, "a change that was judged"),
    Row("unlinkat", libc::SYS_unlinkat, "a change that was judged"),
    Row("renameat2", libc::SYS_renameat2, "a change that was judged"),
    Row("linkat", libc::SYS_linkat, "a change that was judged"),
    Row("symlinkat", libc::SYS_symlinkat, "a change that was judged"),
    Row("ftruncate", libc::SYS_ftruncate, "a change that was judged"),
    Row("fchmod", libc::SYS_fchmod, "a change that was judged"),
    Row("fchmodat", libc::SYS_fchmodat, "a change that was judged"),
    Row("fchownat", libc::SYS_fchownat, "a change that was judged"),
    Row("utimensat", libc::SYS_utimensat, "a change that was judged"),
    Row("setxattr", libc::SYS_setxattr, "a change that was judged"),
    Row("removexattr", libc::SYS_removexattr, "a change that was judged"),
    Row("socket", libc::SYS_socket, "a socket for the log, or for the server to a name service"),
    Row("connect", libc::SYS_connect, "connects to the log, or to a name service"),
    Row("setsockopt", libc::SYS_setsockopt, "bounds the wait for the log"),
    Row("sendto", libc::SYS_sendto, "sends to the log"),
    Row("sendmmsg", libc::SYS_sendmmsg, "sends to the log"),
    Row("brk", libc::SYS_brk, "memory of its own"),
    Row("mmap", libc::SYS_mmap, "memory of its own"),
    Row("mremap", libc::SYS_mremap, "memory of its own"),
    Row("munmap", libc::SYS_munmap, "memory of its own"),
    Row("mprotect", libc::SYS_mprotect, "memory of its own"),
    Row("madvise", libc::SYS_madvise, "memory of its own"),
    Row("getrandom", libc::SYS_getrandom, "the C library's canaries and tables"),
    Row("prctl", libc::SYS_prctl, "the state of the process"),
    Row("getpid", libc::SYS_getpid, "ends as the server ended, or aborts: raise(3)"),
    Row("gettid", libc::SYS_gettid, "ends as the server ended, or aborts: raise(3)"),
    Row("tgkill", libc::SYS_tgkill, "ends as the server ended, or aborts: raise(3)"),
    Row("tkill", libc::SYS_tkill, "as tgkill, in the raise(3) of musl"),
    Row("rt_sigaction", libc::SYS_rt_sigaction, "signals of its own"),
    Row("rt_sigprocmask", libc::SYS_rt_sigprocmask, "signals of its own"),
    Row("rt_sigreturn", libc::SYS_rt_sigreturn, "signals of its own"),
    Row("exit_group", libc::SYS_exit_group, "the end"),
    #[cfg(target_arch = "x86_64")]
    Row("poll", libc::SYS_poll, "as ppoll"),
    #[cfg(target_arch = "x86_64")]
    Row("dup2", libc::SYS_dup2, "as dup3"),
    #[cfg(target_arch = "x86_64")]
    Row("readlink", libc::SYS_readlink, "as readlinkat"),
    #[cfg(target_arch = "x86_64")]
    Row("open", libc::SYS_open, "as openat"),
    #[cfg(target_arch = "x86_64")]
    Row("stat", libc::SYS_stat, "as newfstatat"),
    #[cfg(target_arch = "x86_64")]
    Row("lstat", libc::SYS_lstat, "as newfstatat"),
];

/// What a call that is not listed gets: EPERM.
#[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "1")]
const REFUSED: Action = Action::Errno(libc::EPERM as u16);

/// A search tree: the kernel runs a program once for each number when it loads
/// it, so a row of comparisons would take three times as long to load.
const ASSEMBLY: Assembly = assemble_list(&numbers(), REFUSED, Architecture::NATIVE);

static PROGRAM: [sock_filter; ASSEMBLY.code().len()] = ASSEMBLY.code_array();

const fn numbers() -> [u32; CALLS.len()] {
    let mut numbers = [0; CALLS.len()];
    let mut i = 0;
    while i < CALLS.len() {
        let Row(name, number, reason) = CALLS[i];
        assert!(!name.is_empty() && !reason.is_empty(), "each has a reason");
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        let number = number as u32;
        numbers[i] = number;
        i += 1;
    }
    numbers
}

/// Puts the guard under its own filter, irrevocably.
///
/// # Errors
/// The kernel's; `no_new_privs` must be set.
pub fn load() -> io::Result<()> {
    load_quiet_irrevocably(&PROGRAM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::seccomp::table::{find, rows};

    #[test]
    fn names_and_numbers_belong_together_and_each_has_a_reason() {
        for Row(name, number, reason) in CALLS {
            let number = u32::try_from(*number).expect("a number");
            let known = find(Architecture::NATIVE, number).expect("a call of the kernel");
            assert_eq!(known.name, *name);
            assert!(!reason.is_empty(), "{name}");
            let same = CALLS.iter().filter(|row| row.0 == *name);
            assert_eq!(same.count(), 1, "{name}");
        }
    }

    #[test]
    fn nothing_that_starts_traces_or_listens() {
        let never = [
            "execve",
            "execveat",
            "ptrace",
            "clone",
            "fork",
            "bind",
            "listen",
            "pidfd_getfd",
            "open_by_handle_at",
            "seccomp",
        ];
        for name in never {
            assert!(CALLS.iter().all(|row| row.0 != name), "{name}");
        }
        assert!(rows().any(|row| row.name == "ptrace"));
    }
}
