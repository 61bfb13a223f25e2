//! What does not fit the scheme of a row at a place: other processes, odd descriptors and flags, invalid pointers, the
//! home by another name.

use xfersh::decide::plan::ServerKind;

use super::case;
use super::places::furnish;
use super::session::{Session, command, host, policy};
use super::table::FORMS;

/// Whether an ordinary account can do it too.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Baseline {
    Works,
    /// It cannot, for a reason that is not xfersh's.
    ByNature(&'static str),
}
use Baseline::{ByNature, Works};

const NO_GUARD: Baseline = ByNature("there is no guard, and who stands there is root's");
const NEEDS_ROOT: Baseline = ByNature("needs root");

#[rustfmt::skip]
const NAMED: &[(Baseline, &str)] = &[
    // Other processes, the guard first.
    (NO_GUARD, "kill t:guard 0"),
    (NO_GUARD, "kill t:guard 9"),
    (NO_GUARD, "kill t:guard 10"),
    (NO_GUARD, "kill t:guard 12"),
    (NO_GUARD, "kill t:guard 19"),
    (NO_GUARD, "tkill t:guard 9"),
    (NO_GUARD, "tgkill t:guard t:guard 9"),
    (NO_GUARD, "rt_sigqueueinfo t:guard 9 b:128"),
    (NO_GUARD, "rt_tgsigqueueinfo t:guard t:guard 9 b:128"),
    (NO_GUARD, "pidfd_open t:guard 0 ; pidfd_send_signal $ 9 0 0"),
    (Works, "pidfd_open t:self 0"),
    (NO_GUARD, "prlimit64 t:guard 7 b:16 0"),
    (NO_GUARD, "prlimit64 t:guard 7 0 b:16"),
    (NO_GUARD, "sched_setaffinity t:guard 8 v:0100000000000000"),
    (NO_GUARD, "sched_setscheduler t:guard 5 b:8"),
    (NO_GUARD, "setpriority 0 t:guard 19"),
    (NO_GUARD, "ioprio_set 1 t:guard 0x6000"),
    (NO_GUARD, "kcmp t:self t:guard 0 0 0"),
    (NO_GUARD, "get_robust_list t:guard b:8 b:8"),
    (NO_GUARD, "open P:guard/mem 2 0"),
    (NO_GUARD, "open P:guard/mem 0 0"),
    (NO_GUARD, "open P:guard/environ 0 0"),
    (NO_GUARD, "open P:guard/fd 0 0"),
    (NO_GUARD, "open P:guard/cwd/new 0x41 0644"),
    (NO_GUARD, "open P:guard/root/tmp/new 0x41 0644"),
    (NO_GUARD, "open P:guard/oom_score_adj 1 0 ; write $ p:1000 4"),
    (Works, "open P:self/mem 2 0"),
    (Works, "open P:self/oom_score_adj 1 0 ; write $ p:1000 4"),
    (Works, "open P:self/cwd/new 0x41 0644"),
    (Works, "open P:self/root/tmp/new 0x41 0644"),
    (Works, "open p:/proc/thread-self/cwd/new 0x41 0644"),
    // For the guard that would mean itself, even if it leads to an allowed place.
    (Works, "open p:/proc/self/cwd/uploads/magic 0x41 0644"),
    (Works, "mkdir p:/proc/self/cwd/uploads/magic-directory 0755"),
    (Works, "truncate p:/proc/self/cwd/uploads/old.txt 1"),
    (Works, "chmod p:/proc/self/cwd/uploads/old.txt 0700"),
    (Works, "rename p:/proc/self/cwd/uploads/old.txt p:uploads/x"),
    (Works, "kill -1 0"),
    (Works, "kill 0 0"),
    (Works, "setrlimit 4 b:16"),
    (Works, "setpgid 0 0"),
    (Works, "personality 0x40000"),
    (Works, "prctl 1 0 0 0 0"),
    (Works, "prctl 15 p:name 0 0 0 ; setsid"),
    // Memory that could be executed, and programs.
    (Works, "mmap 0 4096 7 0x22 -1 0"),
    (Works, "mmap 0 4096 3 0x22 -1 0 ; mprotect $ 4096 5"),
    (Works, "mmap 0 4096 3 0x22 -1 0 ; mprotect $ 4096 7"),
    // Signals and locks through descriptors.
    (Works, "open p:uploads/old.txt 0 0 ; fcntl $ 1024 0"),
    (Works, "open p:uploads/old.txt 0 0 ; fcntl $ 8 1"),
    (Works, "open p:uploads/old.txt 0 0 ; fcntl $ 10 9"),
    (Works, "open p:uploads 0 0 ; fcntl $ 1026 4"),
    (Works, "open p:uploads/old.txt 0 0 ; flock $ 2"),
    (ByNature("no terminal is there"), "ioctl 0 0x5412 p:x"),
    (Works, "open p:uploads/old.txt 0 0 ; ioctl $ 0x80086601 b:8"),
    (Works, "open p:uploads/old.txt 0 0 ; ioctl $ 0x801c581f b:32"),
    (ByNature("not every file system has flags"), "open p:uploads/old.txt 0 0 ; ioctl $ 0x40086602 v:1000000000000000"),
    (ByNature("not every file system has flags"), "open p:.bashrc 0 0 ; ioctl $ 0x401c5820 b:32"),
    // Descriptors that the guard made, used in other ways.
    (Works, "open p:uploads/old.txt 0x401 0 ; fcntl $ 4 0 ; open p:.bashrc 0x1 0"),
    (Works, "open p:uploads/sub 0x200000 0 ; openat $ p:../../.bashrc 0x1 0"),
    (Works, "open p:uploads/sub 0x10000 0 ; openat $ p:../../new 0x41 0644"),
    (Works, "open p:.ssh 0x200000 0 ; openat $ p:config 0x1 0"),
    (Works, "open p:.ssh 0x200000 0 ; mkdirat $ p:new 0755"),
    (Works, "open p:/ 0x200000 0 ; openat $ p:tmp/new 0x41 0644"),
    (Works, "open p:/ 0x200000 0 ; openat $ p:proc/self/cwd/new 0x41 0644"),
    (Works, "chdir p:.ssh ; open p:config 0x1 0"),
    (Works, "chdir p:.ssh ; mkdir p:x 0755"),
    (Works, "open p:.ssh 0x10000 0 ; fchdir $ ; unlink p:config"),
    (Works, "link p:.bashrc p:uploads/l ; open p:uploads/l 1 0"),
    (ByNature("CAP_DAC_READ_SEARCH"), "linkat o:.bashrc p: -100 p:uploads/l 0x1000"),
    (Works, "linkat -100 m:.bashrc -100 p:uploads/l 0x400"),
    (Works, "rename p:.ssh p:uploads/ssh"),
    (Works, "rename p:uploads p:.uploads"),
    (Works, "renameat2 -100 p:uploads -100 p:.ssh 2"),
    (Works, "renameat2 -100 p:uploads/sub -100 p:.ssh 2"),
    (NEEDS_ROOT, "mknod p:uploads/null 0020666 0x103"),
    (NEEDS_ROOT, "chown p:uploads/old.txt 0 0"),
    (NEEDS_ROOT, "setuid 0"),
    (NEEDS_ROOT, "setxattr p:uploads/old.txt p:security.x p:x 1 0"),
    (NEEDS_ROOT, "setxattr p:uploads/old.txt p:trusted.x p:x 1 0"),
    // Flags that nobody knows.
    (ByNature("EINVAL"), "renameat2 -100 p:uploads/old.txt -100 p:uploads/x 0xfffffffe"),
    (ByNature("EINVAL"), "fchownat -100 p:.bashrc -1 -1 0xffffffff"),
    (ByNature("EINVAL"), "utimensat -100 p:.bashrc 0 0xfffffeff"),
    (ByNature("EINVAL"), "linkat -100 p:.bashrc -100 p:uploads/x 0xffffffff"),
    (ByNature("the modes exclude each other"), "open p:.bashrc 0xffffffff 07777"),
    (ByNature("EINVAL"), "fchmodat2 -100 p:.bashrc 0777 0xffffffff"),
];

#[test]
fn named_attempts() {
    let host = host();
    host.policy(&policy(""));
    for (baseline, steps) in NAMED {
        if *baseline == Works {
            furnish(&host, host.plain());
            let mut session = Session::plain(&host);
            let result = session.ask(steps);
            assert!(
                result.is_some_and(|result| result >= 0),
                "proves nothing: {steps}: {result:?}"
            );
            session.end();
        }
    }
    for kind in [ServerKind::Sftp, ServerKind::RsyncReceiver] {
        furnish(&host, host.alice());
        let before = host.disk();
        let mut session = Session::start(&host, host.alice(), command(kind));
        assert_eq!(session.ask("getpid").map(|pid| pid > 0), Some(true));
        let held = session.guards_descriptors();
        for (_, steps) in NAMED {
            let result = session
                .ask(steps)
                .unwrap_or_else(|| panic!("{kind:?}: the session ended at {steps}"));
            // A success that does nothing is not a success: PR_SET_NAME, PR_SET_DUMPABLE.
            assert!(result < 0, "{kind:?}: {steps}: {result}");
        }
        session.guard_lets_go(held);
        assert_eq!(session.ask("close"), Some(0));
        assert_eq!(session.end(), 0);
        before.assert_same(&host.disk(), &format!("{kind:?}"));
    }
}

/// Each path argument as an invalid pointer, and as a path that is too long: the kernel's own answers.
#[test]
fn pointers_that_lead_nowhere() {
    let host = host();
    host.policy(&policy(""));
    let mut plain = Session::plain(&host);
    let before = host.disk();
    let mut ours = Session::start(&host, host.alice(), command(ServerKind::RsyncReceiver));
    let mut count = 0;
    for form in FORMS {
        let reached =
            case::number(form.row).is_some() && case::reaches(form.row, ServerKind::RsyncReceiver);
        let by_path =
            !form.steps.contains(" ; ") && (form.steps.contains('@') || form.steps.contains("AT "));
        if !reached || !by_path {
            continue;
        }
        for pointer in [
            "u:",
            "0",
            "1",
            "-1",
            "x:uploads/new",
            "L:2100",
            "p:",
            "-4096",
        ] {
            let steps = form
                .steps
                .replace("AT ", &format!("-100 {pointer} "))
                .replace('@', pointer);
            let steps = steps.replace("TEAM", "-1").replace("OP", "-1");
            let (expected, seen) = (plain.ask(&steps), ours.ask(&steps));
            assert!(
                expected.is_some_and(|result| result < 0) || pointer == "0",
                "{steps}: {expected:?}"
            );
            assert!(
                seen == expected || seen.is_some_and(|result| result < 0),
                "{steps}: {seen:?}, not {expected:?}"
            );
            count += 1;
        }
    }
    assert!(count > 200, "only {count}");
    assert_eq!(ours.ask("getpid").map(|pid| pid > 0), Some(true));
    assert_eq!(ours.end(), 0);
    plain.end();
    before.assert_same(&host.disk(), "wild pointers");
}

/// A number that is closed and reused between two calls is what it is now, not what it was.
#[test]
fn descriptors_that_are_used_again() {
    let host = host();
    host.policy(&policy(""));
    let mut session = Session::start(&host, host.alice(), command(ServerKind::RsyncReceiver));
    let before = host.disk();
    for steps in [
        "open p:uploads/old.txt 0x1 0 ; dup2 r:.bashrc $ ; fchmod $ 0777",
        "open p:uploads/old.txt 0x1 0 ; dup2 r:.bashrc $ ; fsetxattr $ p:user.x p:x 1 0",
        "open p:uploads/old.txt 0x1 0 ; dup2 r:.bashrc $ ; utimensat $ 0 0 0",
        "open p:uploads/old.txt 0x1 0 ; dup2 r:.bashrc $ ; write $ p:x 1",
        "open p:uploads/sub 0x10000 0 ; dup2 r:.ssh $ ; mkdirat $ p:new 0755",
        "open p:uploads/sub 0x10000 0 ; dup2 o:.ssh $ ; unlinkat $ p:config 0",
    ] {
        let result = session.ask(steps).expect("an answer");
        assert!(result < 0, "{steps}: {result}");
        let mut plain = Session::plain(&host);
        let result = plain.ask(steps).expect("an answer");
        let by_nature = steps.contains("write");
        assert!(
            result >= 0 || by_nature,
            "proves nothing: {steps}: {result}"
        );
        plain.end();
        furnish(&host, host.plain());
    }
    assert_eq!(session.end(), 0);
    let (old, new) = (before, host.disk());
    let ours: Vec<String> = old
        .diff(&new)
        .lines()
        .filter(|line| line.contains("alice"))
        .map(str::to_owned)
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
}

/// The home is known by device and inode: mounted once more at an allowed place it is still the home.
#[test]
fn the_home_by_another_name() {
    let host = host();
    host.policy(&policy(""));
    let attempts = [
        "chmod p:uploads/spare 0777",
        "utimensat -100 p:uploads/spare 0 0",
        "setxattr p:uploads/spare p:user.x p:x 1 0",
        "open p:uploads/spare/new 0x41 0644",
        "open p:uploads/spare/note.txt 0x201 0",
        "truncate p:uploads/spare/note.txt 0",
        "chmod p:uploads/spare/note.txt 0777",
        "open p:uploads/spare/note.txt 0 0 ; fchmod $ 0777",
        "open p:uploads/spare 0x200000 0 ; mkdirat $ p:below 0755",
        "open p:uploads/spare/note.txt 0x200000 0 ; fchownat $ p: -1 -1 0x1000",
        "mkdir p:uploads/spare/made 0755",
        "symlink p:x p:uploads/spare/l",
        "unlink p:uploads/spare/note.txt",
        "rename p:uploads/spare/empty p:uploads/spare/e",
        "rmdir p:uploads/spare/e",
        "rmdir p:uploads/spare/empty",
        "link p:uploads/old.txt p:uploads/spare/linked",
        "rename p:uploads/old.txt p:uploads/spare/old.txt",
    ];
    for account in [host.plain(), host.alice()] {
        furnish(&host, account);
        host.shell_line(&format!(
            "mount --bind {0} {0}/uploads/spare",
            account.home().display()
        ));
    }
    // Nobody can link or rename between two mounts.
    let by_nature = |steps: &str| {
        steps.contains("p:uploads/old.txt") || steps.starts_with("rmdir p:uploads/spare/empty")
    };
    let mut plain = Session::plain(&host);
    for steps in attempts.iter().filter(|steps| !by_nature(steps)) {
        let result = plain.ask(steps);
        assert!(
            result.is_some_and(|result| result >= 0),
            "proves nothing: {steps}: {result:?}"
        );
    }
    plain.end();
    let look = || {
        host.inside(|| {
            crate::harness::Snapshot::of(&[host.alice().at("note.txt"), host.alice().at(".ssh")])
        })
    };
    let (before, names) = (
        look(),
        host.shell_line("stat -c '%n %a %Y %y' /home/alice; ls -A /home/alice"),
    );
    for kind in [ServerKind::Sftp, ServerKind::RsyncReceiver] {
        let mut session = Session::start(&host, host.alice(), command(kind));
        for steps in attempts {
            let result = session.ask(steps).expect("an answer");
            assert!(result < 0, "{kind:?}: {steps}: {result}");
        }
        // Deeper inside it is what it is by its other name.
        assert!(
            session
                .ask("open p:uploads/spare/uploads/by-the-way 0x41 0644")
                .expect("an answer")
                >= 0
        );
        assert!(
            session
                .ask("open p:uploads/spare/.ssh/config 1 0")
                .expect("an answer")
                < 0
        );
        assert_eq!(session.end(), 0);
    }
    before.assert_same(&look(), "the home by another name");
    assert_eq!(
        names,
        host.shell_line("stat -c '%n %a %Y %y' /home/alice; ls -A /home/alice")
    );
    host.shell_line("umount /home/alice/uploads/spare /home/plain/uploads/spare");
}
