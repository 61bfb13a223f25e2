//! What a server that has been taken over can do with each row of the system-call table: the forms of each call that
//! could change the disk, and a group for every other call.

/// Which places apply to a form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Takes {
    /// An existing file; a symbolic link is followed.
    File,
    /// An existing file or directory; a symbolic link is followed.
    Any,
    /// An existing file or directory, by a name that is not followed.
    Itself,
    /// A name of a file to be removed: not a link's, since removing one of those is allowed.
    Name,
    /// A directory to be removed or moved.
    DirectoryName,
    /// A free name, without following.
    Free,
    /// A free name, or one that a dangling link leads to.
    Made,
}

/// What the policy must grant for it to work on what is older than the session.
pub type Needs = &'static [&'static str];

pub struct Form {
    pub row: &'static str,
    pub takes: Takes,
    pub needs: Needs,
    /// Steps as tests/programs/hostile.c reads them, with names of calls. `@` is a pointer to the path, `AT` a
    /// directory and a path, `RD`, `WR` and `OP` are descriptors of it.
    pub steps: &'static str,
}

const fn form(row: &'static str, takes: Takes, needs: Needs, steps: &'static str) -> Form {
    Form {
        row,
        takes,
        needs,
        steps,
    }
}

use Takes::{Any, DirectoryName, File, Free, Itself, Made, Name};

const CREATE: Needs = &["create"];
const OVERWRITE: Needs = &["overwrite"];
/// `WR` reads as well.
const MODIFY: Needs = &["overwrite", "read"];
const REMOVE: Needs = &["remove"];
const RENAME: Needs = &["rename"];
const MKDIR: Needs = &["mkdir"];
const ATTRIBUTES: Needs = &["attributes"];
const BY_DESCRIPTOR: Needs = &["attributes", "read"];
const LINK: Needs = &["link", "create"];
const REPLACE: Needs = &["rename", "overwrite", "create"];
const MOVE: Needs = &["rename-directories"];
const MOVE_OVER: Needs = &["rename-directories", "overwrite"];
/// Refused everywhere: no file server makes this call, and the policy does not cover its effect.
const NEVER: Needs = &["never"];

/// Two `struct timespec`, `struct timeval` or one `struct utimbuf`: 1 and 2 seconds.
macro_rules! times {
    () => {
        "v:0100000000000000000000000000000002000000000000000000000000000000"
    };
}
macro_rules! utimbuf {
    () => {
        "v:01000000000000000200000000000000"
    };
}
/// `struct xattr_args` would need a pointer that is not known beforehand: setxattrat is called with size 0.
macro_rules! no_value {
    () => {
        "v:00000000000000000000000000000000"
    };
}

/// Every call that can change a file, with each form of it.
#[rustfmt::skip]
pub const FORMS: &[Form] = &[
    form("open", File, OVERWRITE, "open @ 0x1 0 ; write $ p:x 1"),
    form("open", File, MODIFY, "open @ 0x2 0 ; pwrite64 $ p:x 1 3"),
    form("open", File, OVERWRITE, "open @ 0x401 0 ; write $ p:x 1"),
    form("open", File, OVERWRITE, "open @ 0x201 0"),
    form("open", File, MODIFY, "open @ 0x200 0"),
    form("open", File, NEVER, "open @ 0x203 0"),
    form("open", Made, CREATE, "open @ 0x41 0644"),
    form("open", Free, CREATE, "open @ 0xc2 0600"),
    form("open", File, OVERWRITE, "open @ 0x241 0644"),
    form("openat", File, OVERWRITE, "openat AT 0x1 0 ; write $ p:x 1"),
    form("openat", File, OVERWRITE, "openat AT 0x601 0"),
    form("openat", Made, CREATE, "openat AT 0x41 0644"),
    form("openat", Free, NEVER, "openat -100 PARENT 0x410002 0600 ; linkat -100 R: -100 @ 0x400"),
    form("openat2", File, NEVER, "openat2 AT v:010200000000000000000000000000000000000000000000 24"),
    form("openat2", Made, NEVER, "openat2 AT v:4100000000000000a4010000000000000000000000000000 24"),
    form("creat", File, OVERWRITE, "creat @ 0644"),
    form("creat", Made, CREATE, "creat @ 0644"),
    form("mkdir", Free, MKDIR, "mkdir @ 0755"),
    form("mkdirat", Free, MKDIR, "mkdirat AT 0755"),
    form("mknod", Free, CREATE, "mknod @ 0100644 0"),
    form("mknod", Free, NEVER, "mknod @ 0010644 0"),
    form("mknodat", Free, CREATE, "mknodat AT 0100644 0"),
    form("mknodat", Free, NEVER, "mknodat AT 0140644 0"),
    form("unlink", Name, REMOVE, "unlink @"),
    form("unlinkat", Name, REMOVE, "unlinkat AT 0"),
    form("unlinkat", DirectoryName, REMOVE, "unlinkat AT 0x200"),
    form("rmdir", DirectoryName, REMOVE, "rmdir @"),
    form("rename", Name, RENAME, "rename @ p:uploads/moved"),
    form("rename", Free, RENAME, "rename p:uploads/old.txt @"),
    form("rename", Name, REPLACE, "rename p:site/index.html @"),
    form("rename", DirectoryName, MOVE, "rename @ p:uploads/moved"),
    form("rename", Free, MOVE, "rename p:uploads/sub @"),
    form("rename", DirectoryName, MOVE_OVER, "rename p:uploads/spare @"),
    form("renameat", Name, RENAME, "renameat AT -100 p:uploads/moved"),
    form("renameat", Free, RENAME, "renameat -100 p:uploads/old.txt AT"),
    form("renameat2", Name, RENAME, "renameat2 AT -100 p:uploads/moved 0"),
    form("renameat2", Free, RENAME, "renameat2 -100 p:uploads/old.txt AT 1"),
    form("renameat2", Name, NEVER, "renameat2 AT -100 p:site/index.html 2"),
    form("renameat2", Name, NEVER, "renameat2 AT -100 p:uploads/moved 4"),
    form("link", Free, LINK, "link p:uploads/old.txt @"),
    form("link", Name, LINK, "link @ p:uploads/linked"),
    form("linkat", Free, LINK, "linkat -100 p:uploads/old.txt AT 0"),
    form("linkat", Name, LINK, "linkat AT -100 p:uploads/linked 0"),
    form("linkat", File, LINK, "linkat AT -100 p:uploads/linked 0x400"),
    form("linkat", File, NEVER, "linkat OP p: -100 p:uploads/linked 0x1000"),
    form("symlink", Free, CREATE, "symlink p:old.txt @"),
    form("symlinkat", Free, CREATE, "symlinkat p:old.txt AT"),
    form("truncate", File, OVERWRITE, "truncate @ 1"),
    form("chmod", Any, ATTRIBUTES, "chmod @ 0701"),
    form("fchmodat", Any, ATTRIBUTES, "fchmodat AT 0701"),
    form("fchmodat2", Any, ATTRIBUTES, "fchmodat2 AT 0701 0"),
    form("fchmodat2", Any, ATTRIBUTES, "fchmodat2 OP p: 0701 0x1000"),
    form("fchmod", Any, BY_DESCRIPTOR, "fchmod RD 0701"),
    form("chown", Any, ATTRIBUTES, "chown @ -1 TEAM"),
    form("lchown", Itself, ATTRIBUTES, "lchown @ -1 TEAM"),
    form("fchownat", Any, ATTRIBUTES, "fchownat AT -1 TEAM 0"),
    form("fchownat", Itself, ATTRIBUTES, "fchownat AT -1 TEAM 0x100"),
    form("fchownat", Any, ATTRIBUTES, "fchownat OP p: -1 TEAM 0x1000"),
    form("fchown", Any, BY_DESCRIPTOR, "fchown RD -1 TEAM"),
    form("utime", Any, ATTRIBUTES, concat!("utime @ ", utimbuf!())),
    form("utime", Any, ATTRIBUTES, "utime @ 0"),
    form("utimes", Any, ATTRIBUTES, concat!("utimes @ ", times!())),
    form("futimesat", Any, ATTRIBUTES, concat!("futimesat AT ", times!())),
    form("futimesat", Any, BY_DESCRIPTOR, concat!("futimesat RD 0 ", times!())),
    form("utimensat", Any, ATTRIBUTES, concat!("utimensat AT ", times!(), " 0")),
    form("utimensat", Itself, ATTRIBUTES, concat!("utimensat AT ", times!(), " 0x100")),
    form("utimensat", Any, BY_DESCRIPTOR, concat!("utimensat RD 0 ", times!(), " 0")),
    form("utimensat", Any, ATTRIBUTES, concat!("utimensat OP p: ", times!(), " 0x1000")),
    form("setxattr", Any, ATTRIBUTES, "setxattr @ p:user.new p:x 1 0"),
    form("lsetxattr", Itself, ATTRIBUTES, "lsetxattr @ p:user.new p:x 1 0"),
    form("fsetxattr", Any, BY_DESCRIPTOR, "fsetxattr RD p:user.new p:x 1 0"),
    form("removexattr", Any, ATTRIBUTES, "removexattr @ p:user.old"),
    form("lremovexattr", Itself, ATTRIBUTES, "lremovexattr @ p:user.old"),
    form("fremovexattr", Any, BY_DESCRIPTOR, "fremovexattr RD p:user.old"),
    form("setxattrat", Any, NEVER, concat!("setxattrat AT 0 p:user.new ", no_value!(), " 16")),
    form("setxattrat", Any, NEVER, concat!("setxattrat RD p: 0x1000 p:user.new ", no_value!(), " 16")),
    form("removexattrat", Any, NEVER, "removexattrat AT 0 p:user.old"),
    form("file_setattr", Any, NEVER, "file_setattr AT v:800000000000000000000000000000000000000000000000 24 0"),
    form("write", File, MODIFY, "write WR p:x 1"),
    form("writev", File, MODIFY, "writev WR i:x 1"),
    form("pwrite64", File, MODIFY, "pwrite64 WR p:x 1 2"),
    form("pwritev", File, MODIFY, "pwritev WR i:x 1 2 0"),
    form("pwritev2", File, MODIFY, "pwritev2 WR i:x 1 2 0 0"),
    form("sendfile", File, MODIFY, "sendfile WR r:site/index.html 0 3"),
    form("splice", File, MODIFY, "splice c:abc 0 WR 0 3 0"),
    form("copy_file_range", File, MODIFY, "copy_file_range r:site/index.html 0 WR 0 3 0"),
    form("ftruncate", File, MODIFY, "ftruncate WR 1"),
    form("fallocate", File, MODIFY, "fallocate WR 0 0 4000"),
    form("fallocate", File, MODIFY, "fallocate WR 3 0 2"),
    form("mmap", File, MODIFY, "mmap 0 4096 3 1 WR 0 ; store $"),
    form("msync", File, MODIFY, "mmap 0 4096 3 1 WR 0 ; store $"),
];

/// Calls that end or stop the caller: made one at a time in a separate session (see `alone`), or by each server anyway.
pub const ENDS: &str = "exit exit_group pause rt_sigreturn rt_sigsuspend execve execveat";

/// Calls of the table that change no file: made once with arguments of zero, among all others, and the disk compared.
pub const HARMLESS: &str = "\
    read readv pread64 preadv preadv2 lseek close close_range fstat poll ppoll select pselect6 getdents64 getdents \
    fsync fdatasync fadvise64 readahead dup dup2 dup3 pipe pipe2 epoll_create epoll_create1 epoll_ctl epoll_wait \
    epoll_pwait epoll_pwait2 eventfd eventfd2 timerfd_create timerfd_settime timerfd_gettime fcntl ioctl stat lstat \
    newfstatat statx access faccessat faccessat2 readlink readlinkat statfs fstatfs getcwd chdir fchdir getxattr \
    lgetxattr listxattr llistxattr fgetxattr flistxattr umask brk munmap mremap madvise mprotect mseal futex \
    set_robust_list rseq set_tid_address arch_prctl fork clone wait4 waitid kill tkill tgkill rt_sigaction \
    rt_sigprocmask rt_sigpending rt_sigtimedwait sigaltstack restart_syscall alarm setitimer getitimer gettimeofday \
    clock_gettime clock_getres time times nanosleep clock_nanosleep getpid gettid getppid getpgrp getpgid getsid \
    getuid geteuid getgid getegid getresuid getresgid getgroups capget prctl getrlimit getrusage prlimit64 uname \
    sysinfo getcpu getrandom sched_yield sched_get_priority_max sched_get_priority_min sched_getaffinity \
    sched_getparam sched_getscheduler sched_getattr socket connect socketpair sendto sendmsg recvfrom recvmsg \
    getsockopt getsockname getpeername shutdown uretprobe uprobe";

/// Calls that the table refuses with an errno for every kind of server, whatever the arguments.
pub const REFUSED: &str = "\
    getxattrat listxattrat file_getattr statmount listmount cachestat flock sync syncfs sync_file_range vmsplice tee \
    signalfd signalfd4 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch io_setup io_destroy io_submit \
    io_cancel io_getevents io_pgetevents futex_waitv futex_wake futex_wait futex_requeue membarrier pkey_mprotect \
    pkey_alloc pkey_free map_shadow_stack remap_file_pages mincore mlock mlock2 mlockall munlock munlockall mbind \
    get_mempolicy set_mempolicy set_mempolicy_home_node migrate_pages move_pages process_madvise process_mrelease \
    get_thread_area set_thread_area vfork clone3 rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal pidfd_open \
    timer_create timer_settime timer_gettime timer_getoverrun timer_delete setuid setgid setreuid setregid setresuid \
    setresgid setfsuid setfsgid setgroups capset setpgid setsid setrlimit sched_setaffinity sched_setparam \
    sched_setscheduler sched_setattr sched_rr_get_interval getpriority setpriority ioprio_get ioprio_set \
    get_robust_list kcmp personality seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self \
    lsm_get_self_attr lsm_set_self_attr lsm_list_modules bind listen accept accept4 setsockopt sendmmsg recvmmsg \
    mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr msgget msgsnd msgrcv msgctl semget semop \
    semtimedop semctl shmget shmat shmctl shmdt quotactl quotactl_fd adjtimex clock_adjtime create_module \
    get_kernel_syms query_module nfsservctl getpmsg putpmsg afs_syscall tuxcall security vserver epoll_ctl_old \
    epoll_wait_old uselib ustat sysfs _sysctl lookup_dcookie";

/// Calls that end the session.
pub const FATAL: &str = "\
    ptrace process_vm_readv process_vm_writev pidfd_getfd io_uring_setup io_uring_enter io_uring_register \
    name_to_handle_at open_by_handle_at unshare setns mount umount2 pivot_root chroot move_mount open_tree \
    open_tree_attr fsopen fsconfig fsmount fspick mount_setattr bpf perf_event_open keyctl add_key request_key \
    fanotify_init fanotify_mark init_module finit_module delete_module kexec_load kexec_file_load reboot swapon \
    swapoff acct syslog vhangup sethostname setdomainname settimeofday clock_settime iopl ioperm modify_ldt \
    userfaultfd memfd_create memfd_secret";
