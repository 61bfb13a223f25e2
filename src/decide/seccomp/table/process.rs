//! The process itself: identity, signals, time, limits; start and end.

use nix::libc;

use super::answer::{
    ABSENT, ALLOW, Action, DENY, ENDS, KILL, Kinds, NOTIFY, Syscall, SyscallRule, allow_if, errno,
    is, is_long, only, own_pid, row, when,
};
use super::numbers::{both, x86};
use crate::decide::plan::ServerKind;

/// How glibc forks: a signal when the child ends, and its thread id stored in
/// the child.
const FORK_GLIBC: u64 =
    (libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD).cast_unsigned() as u64;
/// How musl forks on aarch64.
const FORK_MUSL: u64 = libc::SIGCHLD.cast_unsigned() as u64;

const CLONE: SyscallRule = allow_if(&[
    when(&[is_long(0, FORK_GLIBC)], Action::Notify),
    when(&[is_long(0, FORK_MUSL)], Action::Notify),
]);

const OWN_PID: SyscallRule = allow_if(&[when(&[own_pid(0)], Action::Allow)]);

const OWN_OR_ZERO: SyscallRule = allow_if(&[
    when(&[is(0, 0)], Action::Allow),
    when(&[own_pid(0)], Action::Allow),
]);

/// rsync's generator ends its receiver, whose process id no filter can know;
/// the guard checks that it belongs to this session.
const SIGNAL_OTHER_HALF: SyscallRule = allow_if(&[
    when(&[own_pid(0)], Action::Allow),
    when(&[is(1, libc::SIGUSR1.cast_unsigned())], Action::Notify),
    when(&[is(1, libc::SIGUSR2.cast_unsigned())], Action::Notify),
]);

/// rsync prints its progress on SIGVTALRM, but only as a client, and the
/// handler has no SA_RESTART: a call that waits for the guard would fail with
/// EINTR, which never happens without a guard. So the signal stays ignored, as
/// xfersh left it. The other signals that a server handles end it.
const SIGNAL_ACTION: SyscallRule = SyscallRule::Judged {
    arms: &[when(&[is(0, libc::SIGVTALRM.cast_unsigned())], errno(0))],
    otherwise: Action::Allow,
};

/// A null `new_limit`.
const PRLIMIT: SyscallRule = allow_if(&[
    when(&[is(0, 0), is_long(2, 0)], Action::Allow),
    when(&[own_pid(0), is_long(2, 0)], Action::Allow),
]);

/// sftp-server makes itself undumpable so that nothing may trace it or read its
/// /proc, and exits if it cannot. Here neither is possible anyway, and the
/// guard must read its memory: so the call succeeds and does nothing.
const PRCTL: SyscallRule = allow_if(&[
    when(&[is(0, libc::PR_SET_DUMPABLE.cast_unsigned())], errno(0)),
    when(&[is(0, libc::PR_GET_DUMPABLE.cast_unsigned())], errno(0)),
    when(&[is(0, libc::PR_SET_NAME.cast_unsigned())], Action::Allow),
    when(&[is(0, libc::PR_GET_NAME.cast_unsigned())], Action::Allow),
    when(
        &[is(0, libc::PR_GET_SECCOMP.cast_unsigned())],
        Action::Allow,
    ),
    when(
        &[is(0, libc::PR_GET_NO_NEW_PRIVS.cast_unsigned())],
        Action::Allow,
    ),
    when(
        &[is(0, libc::PR_CAPBSET_READ.cast_unsigned())],
        Action::Allow,
    ),
]);

/// Both ends of rsync.
const RSYNC: Kinds = Kinds::of(&[ServerKind::RsyncReceiver, ServerKind::RsyncSender]);

/// The rows, one per line.
#[rustfmt::skip]
pub(super) const ROWS: &[Syscall] = &[
    row("execve", both(59, 221), NOTIFY, "xfersh starts the server with it, once; the guard refuses every later one"),
    row("execveat", both(322, 281), KILL, "no server starts a program, and xfersh starts the server by name"),
    row("exit", both(60, 93), ENDS, "ends the server; what it has open then has not arrived whole"),
    row("exit_group", both(231, 94), ENDS, "ends the server; what it has open then has not arrived whole"),
    only(RSYNC, "fork", x86(57), NOTIFY, "rsync's receiver is two processes; the guard has to know, since files that are open are then open twice"),
    only(RSYNC, "clone", both(56, 220), CLONE, "rsync's receiver is two processes; no thread, no shared memory, no namespace; the guard has to know, since files that are open are then open twice"),
    row("vfork", x86(58), DENY, "shares memory with the child; no server does so"),
    row("clone3", both(435, 435), ABSENT, "its flags are in memory, where no filter can see them; C libraries fall back to clone"),
    row("wait4", both(61, 260), ALLOW, "rsync waits for its other half"),
    row("waitid", both(247, 95), ALLOW, "rsync waits for its other half"),
    only(RSYNC, "kill", both(62, 129), SIGNAL_OTHER_HALF, "rsync ends its other half; raise(3) uses tgkill"),
    row("tkill", both(200, 130), OWN_PID, "the C library's abort and raise, on the process itself"),
    row("tgkill", both(234, 131), OWN_PID, "the C library's abort and raise, on the process itself"),
    row("rt_sigqueueinfo", both(129, 138), DENY, "no server signals another process"),
    row("rt_tgsigqueueinfo", both(297, 240), DENY, "no server signals another process"),
    row("pidfd_send_signal", both(424, 424), DENY, "no server signals another process"),
    row("pidfd_open", both(434, 434), DENY, "no server signals another process"),
    row("rt_sigaction", both(13, 134), SIGNAL_ACTION, "handles signals of its own; a handler for rsync's progress would interrupt calls that wait for the guard"),
    row("rt_sigprocmask", both(14, 135), ALLOW, "handles signals of its own"),
    row("rt_sigreturn", both(15, 139), ALLOW, "handles signals of its own"),
    row("rt_sigpending", both(127, 136), ALLOW, "handles signals of its own"),
    row("rt_sigsuspend", both(130, 133), ALLOW, "handles signals of its own"),
    row("rt_sigtimedwait", both(128, 137), ALLOW, "handles signals of its own"),
    row("sigaltstack", both(131, 132), ALLOW, "handles signals of its own"),
    row("restart_syscall", both(219, 128), ALLOW, "the kernel resumes a wait that a signal interrupted"),
    row("pause", x86(34), ALLOW, "waits for a signal"),
    row("alarm", x86(37), ALLOW, "a timeout of its own"),
    row("setitimer", both(38, 103), ALLOW, "a timeout of its own"),
    row("getitimer", both(36, 102), ALLOW, "a timeout of its own"),
    row("timer_create", both(222, 107), DENY, "no server uses POSIX timers"),
    row("timer_settime", both(223, 110), DENY, "no server uses POSIX timers"),
    row("timer_gettime", both(224, 108), DENY, "no server uses POSIX timers"),
    row("timer_getoverrun", both(225, 109), DENY, "no server uses POSIX timers"),
    row("timer_delete", both(226, 111), DENY, "no server uses POSIX timers"),
    row("gettimeofday", both(96, 169), ALLOW, "reads the time where the vDSO cannot"),
    row("clock_gettime", both(228, 113), ALLOW, "reads the time where the vDSO cannot"),
    row("clock_getres", both(229, 114), ALLOW, "reads the time where the vDSO cannot"),
    row("time", x86(201), ALLOW, "reads the time where the vDSO cannot"),
    row("times", both(100, 153), ALLOW, "reads the time where the vDSO cannot"),
    row("nanosleep", both(35, 101), ALLOW, "keeps a transfer within its bandwidth limit"),
    row("clock_nanosleep", both(230, 115), ALLOW, "keeps a transfer within its bandwidth limit"),
    row("getpid", both(39, 172), ALLOW, "asks for ids of processes"),
    row("gettid", both(186, 178), ALLOW, "asks for ids of processes"),
    row("getppid", both(110, 173), ALLOW, "asks for ids of processes"),
    row("getpgrp", x86(111), ALLOW, "asks for ids of processes"),
    row("getpgid", both(121, 155), ALLOW, "asks for ids of processes"),
    row("getsid", both(124, 156), ALLOW, "asks for ids of processes"),
    row("getuid", both(102, 174), ALLOW, "asks for its own identity"),
    row("geteuid", both(107, 175), ALLOW, "asks for its own identity"),
    row("getgid", both(104, 176), ALLOW, "asks for its own identity"),
    row("getegid", both(108, 177), ALLOW, "asks for its own identity"),
    row("getresuid", both(118, 148), ALLOW, "asks for its own identity"),
    row("getresgid", both(120, 150), ALLOW, "asks for its own identity"),
    row("getgroups", both(115, 158), ALLOW, "asks for its own identity"),
    row("setuid", both(105, 146), DENY, "the identity is settled before the server starts"),
    row("setgid", both(106, 144), DENY, "the identity is settled before the server starts"),
    row("setreuid", both(113, 145), DENY, "the identity is settled before the server starts"),
    row("setregid", both(114, 143), DENY, "the identity is settled before the server starts"),
    row("setresuid", both(117, 147), DENY, "the identity is settled before the server starts"),
    row("setresgid", both(119, 149), DENY, "the identity is settled before the server starts"),
    row("setfsuid", both(122, 151), DENY, "the identity is settled before the server starts"),
    row("setfsgid", both(123, 152), DENY, "the identity is settled before the server starts"),
    row("setgroups", both(116, 159), DENY, "the identity is settled before the server starts"),
    row("capget", both(125, 90), ALLOW, "reads capability sets, which are empty"),
    row("capset", both(126, 91), DENY, "there is nothing to set"),
    row("setpgid", both(109, 154), DENY, "sshd signals the process group, and the server stays in it"),
    row("setsid", both(112, 157), DENY, "sshd signals the process group, and the server stays in it"),
    row("prctl", both(157, 167), PRCTL, "reads its state and names itself; the guard must go on reading its memory, so it stays dumpable"),
    row("getrlimit", both(97, 163), ALLOW, "reads its limits and its resource usage"),
    row("getrusage", both(98, 165), ALLOW, "reads its limits and its resource usage"),
    row("prlimit64", both(302, 261), PRLIMIT, "the C library reads its own limits; none is set, and those of others are not read"),
    row("setrlimit", both(160, 164), DENY, "the limits are settled before the server starts"),
    row("uname", both(63, 160), ALLOW, "asks what machine this is"),
    row("sysinfo", both(99, 179), ALLOW, "asks what machine this is"),
    row("getcpu", both(309, 168), ALLOW, "asks what machine this is"),
    row("getrandom", both(318, 278), ALLOW, "the C library's canaries, rsync's temporary names"),
    row("sched_yield", both(24, 124), ALLOW, "harmless"),
    row("sched_get_priority_max", both(146, 125), ALLOW, "harmless"),
    row("sched_get_priority_min", both(147, 126), ALLOW, "harmless"),
    row("sched_getaffinity", both(204, 123), OWN_OR_ZERO, "the C library counts the processors it may use"),
    row("sched_getparam", both(143, 121), OWN_OR_ZERO, "the C library counts the processors it may use"),
    row("sched_getscheduler", both(145, 120), OWN_OR_ZERO, "the C library counts the processors it may use"),
    row("sched_getattr", both(315, 275), OWN_OR_ZERO, "the C library counts the processors it may use"),
    row("sched_setaffinity", both(203, 122), DENY, "no server schedules, itself or others"),
    row("sched_setparam", both(142, 118), DENY, "no server schedules, itself or others"),
    row("sched_setscheduler", both(144, 119), DENY, "no server schedules, itself or others"),
    row("sched_setattr", both(314, 274), DENY, "no server schedules, itself or others"),
    row("sched_rr_get_interval", both(148, 127), DENY, "no server schedules, itself or others"),
    row("getpriority", both(140, 141), DENY, "no server asks for or sets priorities"),
    row("setpriority", both(141, 140), DENY, "no server asks for or sets priorities"),
    row("ioprio_get", both(252, 31), DENY, "no server asks for or sets priorities"),
    row("ioprio_set", both(251, 30), DENY, "no server asks for or sets priorities"),
    row("get_robust_list", both(274, 100), DENY, "looks into other processes"),
    row("kcmp", both(312, 272), DENY, "looks into other processes"),
    row("personality", both(135, 92), DENY, "turns off address space randomisation"),
    row("seccomp", both(317, 277), ABSENT, "the session is confined already; a second listener would come before the guard"),
    row("landlock_create_ruleset", both(444, 444), ABSENT, "the session is confined already; a second listener would come before the guard"),
    row("landlock_add_rule", both(445, 445), ABSENT, "the session is confined already; a second listener would come before the guard"),
    row("landlock_restrict_self", both(446, 446), ABSENT, "the session is confined already; a second listener would come before the guard"),
    row("lsm_get_self_attr", both(459, 459), ABSENT, "newer than the servers, and of no use to them"),
    row("lsm_set_self_attr", both(460, 460), ABSENT, "newer than the servers, and of no use to them"),
    row("lsm_list_modules", both(461, 461), ABSENT, "newer than the servers, and of no use to them"),
    row("uretprobe", x86(335), ALLOW, "made by the kernel's own code when an administrator probes the server; anyone else gets SIGILL"),
    row("uprobe", x86(336), ALLOW, "made by the kernel's own code when an administrator probes the server; anyone else gets SIGILL"),
];
