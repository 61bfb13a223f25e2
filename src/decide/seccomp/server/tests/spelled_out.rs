//! Answers that are worth spelling out: a mistake in the table shows here even
//! though program and table agree. The numbers are those of x86-64, the values
//! those of the kernel's headers, deliberately not taken from libc's constants.

use super::{Action, Architecture, OWN_PID, ServerKind, judge, sessions, table};

#[test]
#[rustfmt::skip]
fn answers_that_matter() {
    use Action::{Allow, Kill, Notify};
    let eperm = Action::Errno(1);
    let enosys = Action::Errno(38);
    let plain = sessions().next().unwrap();
    let x86 = |kind, number, args| judge(table(kind, Architecture::X86_64, number), plain, args);
    let sftp = |number, args| x86(ServerKind::Sftp, number, args);
    let rsync = |number, args| x86(ServerKind::RsyncReceiver, number, args);
    let own = u64::from(OWN_PID);
    let cases = [
        (sftp(257, [0, 0, 0, 0, 0, 0]), Allow, "openat O_RDONLY"),
        (sftp(257, [0, 0, 0x21_0000, 0, 0, 0]), Allow, "openat O_PATH|O_DIRECTORY"),
        (sftp(257, [0, 0, 1, 0, 0, 0]), Notify, "openat O_WRONLY"),
        (sftp(257, [0, 0, 2, 0, 0, 0]), Notify, "openat O_RDWR"),
        (sftp(257, [0, 0, 3, 0, 0, 0]), Notify, "openat with both access bits"),
        (sftp(257, [0, 0, 0x40, 0, 0, 0]), Notify, "openat O_CREAT"),
        (sftp(257, [0, 0, 0x200, 0, 0, 0]), Notify, "openat O_RDONLY|O_TRUNC"),
        (sftp(257, [0, 0, 0x41_0000, 0, 0, 0]), Notify, "openat O_TMPFILE"),
        (sftp(257, [0, 0, 1 << 40, 0, 0, 0]), Allow, "openat: flags are an int"),
        (sftp(2, [0, 0x41, 0, 0, 0, 0]), Notify, "open for writing"),
        (sftp(85, [0; 6]), Notify, "creat"),
        (sftp(437, [0; 6]), enosys, "openat2"),
        (sftp(435, [0; 6]), enosys, "clone3"),
        (sftp(600, [0; 6]), enosys, "a call of the future"),
        (sftp(157, [4, 0, 0, 0, 0, 0]), Action::Errno(0), "PR_SET_DUMPABLE"),
        (sftp(157, [1, 9, 0, 0, 0, 0]), eperm, "PR_SET_PDEATHSIG"),
        (sftp(157, [22, 2, 0, 0, 0, 0]), eperm, "PR_SET_SECCOMP"),
        (sftp(16, [0, 0x5412, 0, 0, 0, 0]), Action::Errno(25), "TIOCSTI"),
        (sftp(16, [0, 0x1_0000_5412, 0, 0, 0, 0]), Action::Errno(25), "TIOCSTI, CVE-2019-10063"),
        (sftp(16, [0, 0x541c, 0, 0, 0, 0]), Action::Errno(25), "TIOCLINUX"),
        (sftp(16, [0, 0x4008_6602, 0, 0, 0, 0]), Action::Errno(25), "FS_IOC_SETFLAGS"),
        (sftp(16, [0, 0x401c_5820, 0, 0, 0, 0]), Action::Errno(25), "FS_IOC_FSSETXATTR"),
        (sftp(72, [0, 8, 1, 0, 0, 0]), eperm, "F_SETOWN"),
        (sftp(72, [0, 15, 0, 0, 0, 0]), eperm, "F_SETOWN_EX"),
        (sftp(72, [0, 10, 9, 0, 0, 0]), eperm, "F_SETSIG"),
        (sftp(72, [0, 1024, 1, 0, 0, 0]), eperm, "F_SETLEASE"),
        (sftp(72, [0, 1026, 1, 0, 0, 0]), eperm, "F_NOTIFY"),
        (sftp(9, [0, 0, 7, 0x22, 0, 0]), eperm, "mmap writable and executable"),
        (sftp(9, [0, 0, 5, 0x22, 0, 0]), eperm, "mmap anonymous and executable"),
        (sftp(9, [0, 0, 5, 0x2, 3, 0]), Allow, "mmap of a library's code"),
        (sftp(10, [0, 0, 5, 0, 0, 0]), eperm, "mprotect executable"),
        (sftp(10, [0, 0, 1, 0, 0, 0]), Allow, "mprotect read-only"),
        (sftp(41, [1, 1, 0, 0, 0, 0]), Action::Errno(13), "socket AF_UNIX"),
        (sftp(41, [2, 1, 0, 0, 0, 0]), Action::Errno(13), "socket AF_INET"),
        (sftp(42, [0; 6]), Action::Errno(13), "connect"),
        (sftp(44, [0, 0, 0, 0, 1, 0]), eperm, "sendto with an address"),
        (sftp(59, [0; 6]), Notify, "execve"),
        (sftp(322, [0; 6]), Kill, "execveat"),
        (sftp(32, [1, 0, 0, 0, 0, 0]), Allow, "dup of a standard descriptor"),
        (sftp(32, [3, 0, 0, 0, 0, 0]), eperm, "dup of another"),
        (sftp(33, [0, 9, 0, 0, 0, 0]), Allow, "dup2 of a standard descriptor"),
        (sftp(33, [9, 0, 0, 0, 0, 0]), eperm, "dup2 of another"),
        (sftp(292, [9, 0, 0, 0, 0, 0]), eperm, "dup3 of another"),
        (sftp(72, [0, 0, 0, 0, 0, 0]), Allow, "fcntl F_DUPFD of a standard descriptor"),
        (sftp(72, [5, 0, 0, 0, 0, 0]), eperm, "fcntl F_DUPFD of another"),
        (sftp(72, [5, 1030, 0, 0, 0, 0]), eperm, "fcntl F_DUPFD_CLOEXEC of another"),
        (sftp(57, [0; 6]), eperm, "fork"),
        (sftp(56, [17, 0, 0, 0, 0, 0]), eperm, "clone"),
        (sftp(58, [0; 6]), eperm, "vfork"),
        (sftp(62, [own, 15, 0, 0, 0, 0]), eperm, "kill"),
        (sftp(234, [own, own, 6, 0, 0, 0]), Allow, "tgkill oneself"),
        (sftp(234, [1, 1, 6, 0, 0, 0]), eperm, "tgkill another"),
        (sftp(302, [0, 3, 0, 1, 0, 0]), Allow, "prlimit64, reading"),
        (sftp(302, [0, 3, 1, 0, 0, 0]), eperm, "prlimit64, setting"),
        (sftp(302, [1, 3, 0, 1, 0, 0]), eperm, "prlimit64 of another"),
        (sftp(133, [0; 6]), Notify, "mknod, which the guard refuses to this kind"),
        (sftp(188, [0; 6]), Notify, "setxattr, which the guard refuses to this kind"),
        (sftp(101, [0; 6]), Kill, "ptrace"),
        (sftp(425, [0; 6]), Kill, "io_uring_setup"),
        (sftp(319, [0; 6]), Kill, "memfd_create"),
        (sftp(304, [0; 6]), Kill, "open_by_handle_at"),
        (sftp(272, [0; 6]), Kill, "unshare"),
        (sftp(0x4000_0000, [0; 6]), Kill, "read, x32"),
        (rsync(57, [0; 6]), Notify, "fork, rsync"),
        (rsync(56, [0x0120_0011, 0, 0, 0, 0, 0]), Notify, "clone as glibc forks, rsync"),
        (rsync(56, [0x0120_0111, 0, 0, 0, 0, 0]), eperm, "clone CLONE_VM, rsync"),
        (rsync(56, [0x1000_0011, 0, 0, 0, 0, 0]), eperm, "clone CLONE_NEWUSER, rsync"),
        (rsync(56, [0x0120_0009, 0, 0, 0, 0, 0]), eperm, "clone that ends with SIGKILL, rsync"),
        (rsync(62, [1234, 12, 0, 0, 0, 0]), Notify, "kill SIGUSR2, rsync"),
        (rsync(62, [1234, 9, 0, 0, 0, 0]), eperm, "kill SIGKILL, rsync"),
        (rsync(53, [1, 1, 0, 0, 0, 0]), Allow, "socketpair stream, rsync"),
        (rsync(53, [1, 2, 0, 0, 0, 0]), eperm, "socketpair datagram, rsync"),
        (rsync(188, [0; 6]), Notify, "setxattr, rsync"),
        (x86(ServerKind::ScpSource, 83, [0; 6]), Notify, "mkdir, which the guard refuses to scp -f"),
    ];
    for (seen, wanted, what) in cases {
        assert_eq!(seen, wanted, "{what}");
    }
}
