//! Opening, looking, and everything that goes through a descriptor the server
//! holds.
//!
//! The data path is here: none of its rows tests an argument, so the kernel's
//! own cache of always-allowed calls answers them without running the program.

use nix::libc;

use super::answer::{
    ABSENT, ALLOW, Action, Condition, DENY, Kinds, READS, Syscall, SyscallRule, allow_if, errno,
    is, only, row, when, without,
};
use super::numbers::{both, x86};
use crate::decide::plan::ServerKind;

/// The bits that say how a file is opened. O_ACCMODE of musl holds O_PATH as
/// well, with which all else that an open asks for is ignored.
pub const ACCESS_MODE: i32 = libc::O_WRONLY | libc::O_RDWR;

/// Flags that make an open more than a look: every access mode but O_RDONLY,
/// and what creates or truncates, which the kernel does for O_RDONLY too.
const CHANGING: u32 = (ACCESS_MODE | libc::O_CREAT | libc::O_TRUNC | UNNAMED).cast_unsigned();

/// O_TMPFILE without the O_DIRECTORY that libc's constant includes.
const UNNAMED: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;

/// Only reads, through a descriptor that would not survive an execve(2).
const fn own_read(argument: u8) -> Condition {
    Condition::Int {
        argument,
        mask: CHANGING | libc::O_CLOEXEC.cast_unsigned(),
        value: libc::O_CLOEXEC.cast_unsigned(),
    }
}

/// Nothing can be read through an O_PATH descriptor.
const READING: u32 = CHANGING | libc::O_PATH.cast_unsigned();

const OPEN: SyscallRule = SyscallRule::Judged {
    arms: &[
        when(&[own_read(1)], Action::NotifyIfOpensAreWatched),
        when(&[without(1, READING)], Action::NotifyIfNamedReadsAreWatched),
        when(&[without(1, CHANGING)], Action::NotifyIfReadsAreWatched),
    ],
    otherwise: Action::Notify,
};

const OPENAT: SyscallRule = SyscallRule::Judged {
    arms: &[
        when(&[own_read(2)], Action::NotifyIfOpensAreWatched),
        when(&[without(2, READING)], Action::NotifyIfNamedReadsAreWatched),
        when(&[without(2, CHANGING)], Action::NotifyIfReadsAreWatched),
    ],
    otherwise: Action::Notify,
};

/// Only the standard descriptors can be duplicated, so that a file that is open
/// for writing has only the number that the guard gave it.
const DUP: SyscallRule = allow_if(&[
    when(&[is(0, 0)], Action::Allow),
    when(&[is(0, 1)], Action::Allow),
    when(&[is(0, 2)], Action::Allow),
]);

const F_DUPFD: u32 = libc::F_DUPFD.cast_unsigned();
const F_DUPFD_CLOEXEC: u32 = libc::F_DUPFD_CLOEXEC.cast_unsigned();

/// Not among them: F_SETOWN, F_SETSIG, F_SETLEASE, F_NOTIFY, and the locks.
const FCNTL: SyscallRule = allow_if(&[
    when(&[is(1, libc::F_GETFL.cast_unsigned())], Action::Allow),
    when(&[is(1, libc::F_SETFL.cast_unsigned())], Action::Allow),
    when(&[is(1, libc::F_GETFD.cast_unsigned())], Action::Allow),
    when(&[is(1, libc::F_SETFD.cast_unsigned())], Action::Allow),
    when(&[is(1, F_DUPFD), is(0, 0)], Action::Allow),
    when(&[is(1, F_DUPFD), is(0, 1)], Action::Allow),
    when(&[is(1, F_DUPFD), is(0, 2)], Action::Allow),
    when(&[is(1, F_DUPFD_CLOEXEC), is(0, 0)], Action::Allow),
    when(&[is(1, F_DUPFD_CLOEXEC), is(0, 1)], Action::Allow),
    when(&[is(1, F_DUPFD_CLOEXEC), is(0, 2)], Action::Allow),
]);

/// `<asm-generic/ioctls.h>`: TCGETS, TCGETS2 (glibc since 2.42), TIOCGWINSZ,
/// FIONREAD, FIONBIO, FIONCLEX, FIOCLEX. ENOTTY is what isatty(3) expects.
const IOCTL: SyscallRule = SyscallRule::Judged {
    arms: &[
        when(&[is(1, 0x5401)], Action::Allow),
        when(&[is(1, 0x802c_542a)], Action::Allow),
        when(&[is(1, 0x5413)], Action::Allow),
        when(&[is(1, 0x541b)], Action::Allow),
        when(&[is(1, 0x5421)], Action::Allow),
        when(&[is(1, 0x5450)], Action::Allow),
        when(&[is(1, 0x5451)], Action::Allow),
    ],
    otherwise: errno(libc::ENOTTY),
};

/// `<linux/falloc.h>`. Without flags a file grows as with ftruncate(2), up to
/// `RLIMIT_FSIZE`; rsync's --preallocate --sparse does this. rsync's --sparse
/// with --inplace punches holes, which only frees blocks (the kernel accepts
/// FALLOC_FL_PUNCH_HOLE only with FALLOC_FL_KEEP_SIZE).
///
/// Everything else makes a file grow past every limit, as INSERT_RANGE does, or
/// holds blocks beyond its size, as KEEP_SIZE does, or is used by no server.
/// rsync can handle file systems without these: --preallocate continues with a
/// warning, and instead of ZERO_RANGE it writes zeros.
const FALLOCATE: SyscallRule = SyscallRule::Judged {
    arms: &[
        when(&[is(1, 0)], Action::Allow),
        when(&[is(1, PUNCH_HOLE)], Action::Allow),
    ],
    otherwise: errno(libc::EOPNOTSUPP),
};

const PUNCH_HOLE: u32 = (libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE).cast_unsigned();

/// Both ends of rsync.
const RSYNC: Kinds = Kinds::of(&[ServerKind::RsyncReceiver, ServerKind::RsyncSender]);

/// The rows, one per line.
#[rustfmt::skip]
pub(super) const ROWS: &[Syscall] = &[
    row("read", both(0, 63), ALLOW, "moves the bytes of the transfer through an open descriptor"),
    row("write", both(1, 64), ALLOW, "moves the bytes of the transfer through an open descriptor"),
    row("readv", both(19, 65), ALLOW, "moves the bytes of the transfer through an open descriptor"),
    row("writev", both(20, 66), ALLOW, "moves the bytes of the transfer through an open descriptor"),
    row("pread64", both(17, 67), ALLOW, "moves the bytes of the transfer through an open descriptor"),
    row("pwrite64", both(18, 68), ALLOW, "moves the bytes of the transfer through an open descriptor"),
    row("preadv", both(295, 69), ALLOW, "moves the bytes of the transfer through an open descriptor"),
    row("pwritev", both(296, 70), ALLOW, "moves the bytes of the transfer through an open descriptor"),
    row("preadv2", both(327, 286), ALLOW, "moves the bytes of the transfer through an open descriptor"),
    row("pwritev2", both(328, 287), ALLOW, "moves the bytes of the transfer through an open descriptor"),
    row("lseek", both(8, 62), ALLOW, "places the next read or write of a resumed transfer"),
    row("close", both(3, 57), ALLOW, "ends the use of a descriptor"),
    row("close_range", both(436, 436), ALLOW, "ends the use of a descriptor"),
    row("fstat", both(5, 80), READS, "looks at an open file, which may be an O_PATH descriptor that was never checked"),
    row("poll", x86(7), ALLOW, "waits until the client sends or takes data"),
    row("ppoll", both(271, 73), ALLOW, "waits until the client sends or takes data"),
    row("select", x86(23), ALLOW, "waits until the client sends or takes data"),
    row("pselect6", both(270, 72), ALLOW, "waits until the client sends or takes data"),
    row("getdents64", both(217, 61), ALLOW, "reads the names in an open directory"),
    row("getdents", x86(78), ALLOW, "reads the names in an open directory"),
    row("sendfile", both(40, 71), ALLOW, "copies between two open descriptors, as read and write would"),
    row("splice", both(275, 76), ALLOW, "copies between two open descriptors, as read and write would"),
    row("copy_file_range", both(326, 285), ALLOW, "copies between two open descriptors, as read and write would"),
    row("ftruncate", both(77, 46), ALLOW, "sets the size of a file that is open for writing, so the guard opened it"),
    row("fallocate", both(285, 47), FALLOCATE, "sets the size of a file that is open for writing, so the guard opened it, and makes holes; no mode that passes the bounds on size"),
    row("fsync", both(74, 82), ALLOW, "sftp fsync@openssh.com and rsync --fsync put a file on the disk"),
    row("fdatasync", both(75, 83), ALLOW, "sftp fsync@openssh.com and rsync --fsync put a file on the disk"),
    row("fadvise64", both(221, 223), ALLOW, "hints at how an open file will be read"),
    row("readahead", both(187, 213), ALLOW, "hints at how an open file will be read"),
    row("dup", both(32, 23), DUP, "copies a standard descriptor; a file that is open keeps its one number, so that the guard knows when it is closed"),
    row("dup2", x86(33), DUP, "copies a standard descriptor; a file that is open keeps its one number, so that the guard knows when it is closed"),
    row("dup3", both(292, 24), DUP, "copies a standard descriptor; a file that is open keeps its one number, so that the guard knows when it is closed"),
    row("pipe", x86(22), ALLOW, "makes a channel within the session"),
    row("pipe2", both(293, 59), ALLOW, "makes a channel within the session"),
    row("epoll_create", x86(213), ALLOW, "waits for descriptors the server holds"),
    row("epoll_create1", both(291, 20), ALLOW, "waits for descriptors the server holds"),
    row("epoll_ctl", both(233, 21), ALLOW, "waits for descriptors the server holds"),
    row("epoll_wait", x86(232), ALLOW, "waits for descriptors the server holds"),
    row("epoll_pwait", both(281, 22), ALLOW, "waits for descriptors the server holds"),
    row("epoll_pwait2", both(441, 441), ALLOW, "waits for descriptors the server holds"),
    row("eventfd", x86(284), ALLOW, "name service clients wait with it; it reaches nothing outside"),
    row("eventfd2", both(290, 19), ALLOW, "name service clients wait with it; it reaches nothing outside"),
    row("timerfd_create", both(283, 85), ALLOW, "name service clients wait with it; it reaches nothing outside"),
    row("timerfd_settime", both(286, 86), ALLOW, "name service clients wait with it; it reaches nothing outside"),
    row("timerfd_gettime", both(287, 87), ALLOW, "name service clients wait with it; it reaches nothing outside"),
    row("fcntl", both(72, 25), FCNTL, "duplicates standard descriptors and reads or sets flags; no lease, no signal to another process, no lock"),
    row("ioctl", both(16, 29), IOCTL, "asks whether this is a terminal; puts no input into one, sets no inode flags"),
    row("open", x86(2), OPEN, "read-only opens are Landlock's, all others the guard's"),
    row("openat", both(257, 56), OPENAT, "read-only opens are Landlock's, all others the guard's"),
    row("openat2", both(437, 437), ABSENT, "its flags are in memory, where no filter can see them; servers fall back to openat"),
    row("stat", x86(4), READS, "looks at a file by name"),
    row("lstat", x86(6), READS, "looks at a file by name"),
    row("newfstatat", both(262, 79), READS, "looks at a file by name"),
    row("statx", both(332, 291), READS, "looks at a file by name"),
    row("access", x86(21), READS, "asks for rights by name"),
    row("faccessat", both(269, 48), READS, "asks for rights by name"),
    row("faccessat2", both(439, 439), READS, "asks for rights by name"),
    row("readlink", x86(89), READS, "reads the target of a symbolic link"),
    row("readlinkat", both(267, 78), READS, "reads the target of a symbolic link"),
    row("statfs", both(137, 43), READS, "sftp statvfs@openssh.com, the df of the client"),
    row("fstatfs", both(138, 44), ALLOW, "sftp fstatvfs@openssh.com, the df of the client"),
    row("getcwd", both(79, 17), ALLOW, "realpath of a relative name"),
    only(RSYNC, "chdir", both(80, 49), ALLOW, "rsync enters the directory it serves"),
    only(RSYNC, "fchdir", both(81, 50), ALLOW, "rsync enters the directory it serves, which it opened"),
    only(RSYNC, "getxattr", both(191, 8), READS, "rsync -X and -A read extended attributes"),
    only(RSYNC, "lgetxattr", both(192, 9), READS, "rsync -X and -A read extended attributes"),
    only(RSYNC, "listxattr", both(194, 11), READS, "rsync -X and -A read extended attributes"),
    only(RSYNC, "llistxattr", both(195, 12), READS, "rsync -X and -A read extended attributes"),
    only(RSYNC, "fgetxattr", both(193, 10), ALLOW, "rsync -X and -A read extended attributes of an open file"),
    only(RSYNC, "flistxattr", both(196, 13), ALLOW, "rsync -X and -A read extended attributes of an open file"),
    row("getxattrat", both(464, 464), ABSENT, "newer than the servers, which fall back to the older calls"),
    row("listxattrat", both(465, 465), ABSENT, "newer than the servers, which fall back to the older calls"),
    row("file_getattr", both(468, 468), ABSENT, "newer than the servers, which fall back to the older calls"),
    row("statmount", both(457, 457), ABSENT, "newer than the servers, and of no use to them"),
    row("listmount", both(458, 458), ABSENT, "newer than the servers, and of no use to them"),
    row("cachestat", both(451, 451), ABSENT, "newer than the servers, and of no use to them"),
    row("flock", both(73, 32), DENY, "a lock on a readable file would hinder its other users"),
    row("sync", both(162, 81), DENY, "stalls the whole host, and no server asks for it"),
    row("syncfs", both(306, 267), DENY, "stalls the whole host, and no server asks for it"),
    row("sync_file_range", both(277, 84), DENY, "no server moves data this way"),
    row("vmsplice", both(278, 75), DENY, "no server moves data this way"),
    row("tee", both(276, 77), DENY, "no server moves data this way"),
    row("signalfd", x86(282), DENY, "no server takes its signals this way"),
    row("signalfd4", both(289, 74), DENY, "no server takes its signals this way"),
    row("inotify_init", x86(253), DENY, "no server watches files, and a watch reports files that are not readable"),
    row("inotify_init1", both(294, 26), DENY, "no server watches files, and a watch reports files that are not readable"),
    row("inotify_add_watch", both(254, 27), DENY, "no server watches files, and a watch reports files that are not readable"),
    row("inotify_rm_watch", both(255, 28), DENY, "no server watches files, and a watch reports files that are not readable"),
    row("io_setup", both(206, 0), ABSENT, "asynchronous I/O, which no server uses"),
    row("io_destroy", both(207, 1), ABSENT, "asynchronous I/O, which no server uses"),
    row("io_submit", both(209, 2), ABSENT, "asynchronous I/O, which no server uses"),
    row("io_cancel", both(210, 3), ABSENT, "asynchronous I/O, which no server uses"),
    row("io_getevents", both(208, 4), ABSENT, "asynchronous I/O, which no server uses"),
    row("io_pgetevents", both(333, 292), ABSENT, "asynchronous I/O, which no server uses"),
];
