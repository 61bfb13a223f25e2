//! What the guard itself may ask the kernel for. It handles bytes from a
//! process that may be hostile. Should that ever go wrong, it still cannot
//! start a program, trace a process or reach the network.
//!
//! A call that is not listed fails with EPERM, and so does what the guard
//! wanted to do: it fails closed. A call of another architecture ends the
//! guard.

use nix::libc::{self, c_long, sock_filter};

use super::assemble::{Assembly, assemble_list};
use super::table::{Action, Architecture};

/// One call: its name in the kernel's list, its number, and why.
struct GuardCall(&'static str, c_long, &'static str);

/// The calls. Those that only x86-64 has are the ones its C libraries use
/// instead of newer ones.
#[rustfmt::skip]
const CALLS: &[GuardCall] = &[
    GuardCall("ppoll", libc::SYS_ppoll, "the loop waits with it"),
    GuardCall("ioctl", libc::SYS_ioctl, "takes and answers notifications, and asks whether the caller still waits"),
    GuardCall("read", libc::SYS_read, "reads signals and the complaint of the server's side"),
    GuardCall("write", libc::SYS_write, "appends to a log file; the watchdog's line; the C library's last words"),
    GuardCall("close", libc::SYS_close, "closes what it has examined"),
    GuardCall("fcntl", libc::SYS_fcntl, "sets and clears O_NONBLOCK, copies a descriptor"),
    GuardCall("dup", libc::SYS_dup, "copies a descriptor"),
    GuardCall("dup3", libc::SYS_dup3, "copies a descriptor"),
    GuardCall("lseek", libc::SYS_lseek, "finds the data and the holes of a sparse file, and where the last line of the log ends"),
    GuardCall("clock_gettime", libc::SYS_clock_gettime, "the limits on time, where the vDSO cannot tell it; the server's processor time"),
    GuardCall("clock_nanosleep", libc::SYS_clock_nanosleep, "waits for a lock, a little"),
    GuardCall("restart_syscall", libc::SYS_restart_syscall, "the kernel resumes a wait that was interrupted"),
    GuardCall("process_vm_readv", libc::SYS_process_vm_readv, "reads the arguments of the server's calls"),
    GuardCall("process_vm_writev", libc::SYS_process_vm_writev, "answers into the server's memory"),
    GuardCall("kill", libc::SYS_kill, "passes signals on, ends the session"),
    GuardCall("getpgid", libc::SYS_getpgid, "whether a process belongs to the session"),
    GuardCall("wait4", libc::SYS_wait4, "collects ended processes"),
    GuardCall("waitid", libc::SYS_waitid, "collects ended processes"),
    GuardCall("openat", libc::SYS_openat, "opens what was judged"),
    GuardCall("openat2", libc::SYS_openat2, "opens what was judged"),
    GuardCall("readlinkat", libc::SYS_readlinkat, "where a descriptor leads"),
    GuardCall("statx", libc::SYS_statx, "what a file is"),
    GuardCall("newfstatat", libc::SYS_newfstatat, "what a file is"),
    GuardCall("fstat", libc::SYS_fstat, "what a file is"),
    GuardCall("fstatfs", libc::SYS_fstatfs, "which file system a file is on"),
    GuardCall("faccessat", libc::SYS_faccessat, "what the account itself may do"),
    GuardCall("faccessat2", libc::SYS_faccessat2, "what the account itself may do"),
    GuardCall("getxattr", libc::SYS_getxattr, "the access control list of a file, names of attributes"),
    GuardCall("listxattr", libc::SYS_listxattr, "the access control list of a file, names of attributes"),
    GuardCall("getdents64", libc::SYS_getdents64, "whether a directory is empty, and who owns what is in it"),
    GuardCall("flock", libc::SYS_flock, "no other session's guard can act between a check and the change"),
    GuardCall("umask", libc::SYS_umask, "creates with the mask of the server"),
    GuardCall("mkdirat", libc::SYS_mkdirat, "a change that was judged"),
    GuardCall("mknodat", libc::SYS_mknodat, "a change that was judged"),
    GuardCall("unlinkat", libc::SYS_unlinkat, "a change that was judged"),
    GuardCall("renameat2", libc::SYS_renameat2, "a change that was judged"),
    GuardCall("linkat", libc::SYS_linkat, "a change that was judged"),
    GuardCall("symlinkat", libc::SYS_symlinkat, "a change that was judged"),
    GuardCall("ftruncate", libc::SYS_ftruncate, "a change that was judged"),
    GuardCall("fchmod", libc::SYS_fchmod, "a change that was judged"),
    GuardCall("fchmodat", libc::SYS_fchmodat, "a change that was judged"),
    GuardCall("fchownat", libc::SYS_fchownat, "a change that was judged"),
    GuardCall("utimensat", libc::SYS_utimensat, "a change that was judged"),
    GuardCall("setxattr", libc::SYS_setxattr, "a change that was judged"),
    GuardCall("removexattr", libc::SYS_removexattr, "a change that was judged"),
    GuardCall("socket", libc::SYS_socket, "a socket for the log, or for the server to a name service"),
    GuardCall("connect", libc::SYS_connect, "connects to the log, or to a name service"),
    GuardCall("setsockopt", libc::SYS_setsockopt, "bounds the wait for the log"),
    GuardCall("sendto", libc::SYS_sendto, "sends to the log"),
    GuardCall("sendmmsg", libc::SYS_sendmmsg, "sends to the log"),
    GuardCall("brk", libc::SYS_brk, "memory of its own"),
    GuardCall("mmap", libc::SYS_mmap, "memory of its own"),
    GuardCall("mremap", libc::SYS_mremap, "memory of its own"),
    GuardCall("munmap", libc::SYS_munmap, "memory of its own"),
    GuardCall("mprotect", libc::SYS_mprotect, "memory of its own"),
    GuardCall("madvise", libc::SYS_madvise, "memory of its own"),
    GuardCall("getrandom", libc::SYS_getrandom, "the C library's canaries and tables"),
    GuardCall("prctl", libc::SYS_prctl, "the state of the process"),
    GuardCall("getpid", libc::SYS_getpid, "ends as the server ended, or aborts: raise(3)"),
    GuardCall("gettid", libc::SYS_gettid, "ends as the server ended, or aborts: raise(3)"),
    GuardCall("tgkill", libc::SYS_tgkill, "ends as the server ended, or aborts: raise(3)"),
    GuardCall("tkill", libc::SYS_tkill, "as tgkill, in the raise(3) of musl"),
    GuardCall("rt_sigaction", libc::SYS_rt_sigaction, "signals of its own"),
    GuardCall("rt_sigprocmask", libc::SYS_rt_sigprocmask, "signals of its own"),
    GuardCall("rt_sigreturn", libc::SYS_rt_sigreturn, "signals of its own"),
    GuardCall("exit_group", libc::SYS_exit_group, "the end"),
    #[cfg(target_arch = "x86_64")]
    GuardCall("poll", libc::SYS_poll, "as ppoll"),
    #[cfg(target_arch = "x86_64")]
    GuardCall("dup2", libc::SYS_dup2, "as dup3"),
    #[cfg(target_arch = "x86_64")]
    GuardCall("readlink", libc::SYS_readlink, "as readlinkat"),
    #[cfg(target_arch = "x86_64")]
    GuardCall("open", libc::SYS_open, "as openat"),
    #[cfg(target_arch = "x86_64")]
    GuardCall("stat", libc::SYS_stat, "as newfstatat"),
    #[cfg(target_arch = "x86_64")]
    GuardCall("lstat", libc::SYS_lstat, "as newfstatat"),
];

/// What a call that is not listed gets: EPERM.
#[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "1")]
const REFUSED: Action = Action::Errno(libc::EPERM as u16);

/// A search tree: the kernel runs a program once for each number when it loads
/// it, so a row of comparisons would take three times as long to load.
const ASSEMBLY: Assembly = assemble_list(&numbers(), REFUSED, Architecture::NATIVE);

/// The program, ready to be loaded.
pub static PROGRAM: [sock_filter; ASSEMBLY.code().len()] = ASSEMBLY.code_array();

const fn numbers() -> [u32; CALLS.len()] {
    let mut numbers = [0; CALLS.len()];
    let mut i = 0;
    while i < CALLS.len() {
        let GuardCall(name, number, reason) = CALLS[i];
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::seccomp::table::{find, rows};

    #[test]
    fn names_and_numbers_belong_together_and_each_has_a_reason() {
        for GuardCall(name, number, reason) in CALLS {
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
