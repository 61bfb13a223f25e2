//! The system-call filter on the running kernel: loaded as in production, in a child, with a responder in place of the
//! guard.

pub mod probe;
mod rsync;
mod servers;

use std::os::unix::process::ExitStatusExt;

use nix::libc;
use xfersh::decide::plan::ServerKind;
use xfersh::decide::seccomp::server::SessionValues;
use xfersh::decide::seccomp::table::{Action, Architecture, SyscallRule, UNKNOWN, find};
use xfersh::system::seccomp::Support;

use crate::harness::skipped;
use probe::{NOTIFIED, Respond, probe};

/// Every number with all arguments zero: the kernel does what the table says (which the pure tests compare with the
/// program). Allowed calls are not made here; the servers make those that matter.
#[test]
fn the_kernel_does_what_the_table_says() {
    for (kind, options) in [
        (ServerKind::Sftp, "-"),
        (ServerKind::RsyncReceiver, "wn"),
        (ServerKind::ScpSource, "l"),
    ] {
        let session = SessionValues {
            own_pid: std::num::NonZeroU32::MAX,
            watch_reads: options.contains('w'),
            watch_named_reads: options.contains('r'),
            name_service: options.contains('n'),
            log_reads: options.contains('l'),
            writes: options.contains('e'),
        };
        let mut batch = vec![];
        let mut wanted = vec![];
        for number in (0..480).chain([600]) {
            match session.settle(with_zeros(kind, number)) {
                Action::Kill => {
                    let seen = probe(
                        &[kind.name(), options, "calls", &format!("{number}:0")],
                        b"",
                        Respond::Mark,
                    );
                    assert_eq!(
                        seen.status.signal(),
                        Some(libc::SIGSYS),
                        "{kind:?} {number}"
                    );
                    assert!(seen.notified.is_empty());
                }
                Action::Errno(code) => {
                    batch.push(format!("{number}:0"));
                    wanted.push((number, -i64::from(code)));
                }
                Action::Notify => {
                    batch.push(format!("{number}:0"));
                    wanted.push((number, NOTIFIED));
                }
                _ => {}
            }
        }
        let mut words = vec![kind.name(), options, "calls"];
        words.extend(batch.iter().map(String::as_str));
        let seen = probe(&words, b"", Respond::Mark);
        let numbers = wanted.iter().map(|(number, _)| *number);
        let results: Vec<_> = numbers.zip(seen.results()).collect();
        assert!(wanted.len() > 150);
        assert_eq!(results, wanted, "{kind:?} {options}");
        let notified: usize = seen.notified.values().sum();
        assert_eq!(
            notified,
            wanted
                .iter()
                .filter(|(_, result)| *result == NOTIFIED)
                .count()
        );
    }
}

fn with_zeros(kind: ServerKind, number: u32) -> Action {
    match find(Architecture::NATIVE, number).map(|row| row.answer_for(kind)) {
        None => UNKNOWN,
        Some(SyscallRule::Always(outcome)) => outcome,
        Some(SyscallRule::Judged { arms, otherwise }) => {
            use xfersh::decide::seccomp::table::Condition::{Int, Long, OwnPid};
            let holds = |arm: &&xfersh::decide::seccomp::table::Arm| {
                arm.conditions.iter().all(|condition| match condition {
                    Int { value, .. } => *value == 0,
                    Long { value, .. } => *value == 0,
                    OwnPid { .. } => false,
                })
            };
            arms.iter().find(holds).map_or(otherwise, |arm| arm.outcome)
        }
    }
}

/// Each call works without the filter and does not with it.
#[test]
fn what_worked_before_is_refused() {
    let eperm = -i64::from(libc::EPERM);
    let cases = [
        (libc::SYS_socket, "2,1,0", -i64::from(libc::EACCES)),
        (libc::SYS_socket, "1,1,0", -i64::from(libc::EACCES)),
        (libc::SYS_inotify_init1, "0", eperm),
        (libc::SYS_setsid, "", eperm),
        (libc::SYS_setpriority, "0,0,0", eperm),
        (libc::SYS_prctl, "1,0,0,0,0", eperm),
        (libc::SYS_mmap, "0,4096,7,34,0,0", eperm),
        (libc::SYS_mmap, "0,4096,5,34,0,0", eperm),
        (libc::SYS_fcntl, "0,8,own", eperm),
        (libc::SYS_kill, "own,0", eperm),
        (libc::SYS_umask, "18", NOTIFIED),
        (libc::SYS_personality, "4294967295", eperm),
        (libc::SYS_shmget, "0,4096,896", eperm),
    ];
    let calls: Vec<_> = cases
        .iter()
        .map(|(number, args, _)| format!("{number}:{}", if args.is_empty() { "0" } else { args }))
        .collect();
    for (call, (_, _, refused)) in calls.iter().zip(cases) {
        let before = probe(&["none", "-", "calls", call], b"", Respond::Mark);
        assert!(
            before.results()[0] >= 0,
            "{call} fails without the filter: {:?}",
            before.results()
        );
        let after = probe(&["sftp", "-", "calls", call], b"", Respond::Mark);
        assert_eq!(after.results(), [refused], "{call}");
    }
}

/// What a server may do with itself stays possible.
#[test]
fn what_servers_need_works() {
    let calls = [
        (libc::SYS_prctl, "4,0,0,0,0"),
        (libc::SYS_prctl, "21,0,0,0,0"),
        (libc::SYS_tgkill, "own,own,0"),
        (libc::SYS_tkill, "own,0"),
        (libc::SYS_mmap, "0,4096,3,34,4294967295,0"),
        (libc::SYS_fcntl, "0,3"),
        (libc::SYS_prlimit64, "0,7,0,0"),
        (libc::SYS_dup, "0"),
        (libc::SYS_getpid, "0"),
    ];
    let calls: Vec<_> = calls
        .iter()
        .map(|(number, args)| format!("{number}:{args}"))
        .collect();
    let mut words = vec!["sftp", "-", "calls"];
    words.extend(calls.iter().map(String::as_str));
    let seen = probe(&words, b"", Respond::Mark);
    assert!(seen.status.success(), "{:?}", seen.status);
    assert!(seen.notified.is_empty());
    for (call, result) in calls.iter().zip(seen.results()) {
        assert!(result >= 0, "{call}: {result}");
    }
}

/// x32, and the 32-bit interrupt. Without a filter the interrupt works where the
/// kernel has it (getpid), and x32 is ENOSYS or works.
#[cfg(target_arch = "x86_64")]
#[test]
fn foreign_calls_end_the_process() {
    for call in ["i386:0", "1073741863:0", "1073742336:0"] {
        let before = probe(&["none", "-", "calls", call], b"", Respond::Mark);
        let seen = probe(&["sftp", "-", "calls", call], b"", Respond::Mark);
        if before.status.signal() == Some(libc::SIGSEGV) {
            skipped(call, "this kernel has no 32-bit calls");
            continue;
        }
        assert!(before.status.success(), "{call}: {:?}", before.status);
        assert_eq!(
            seen.status.signal(),
            Some(libc::SIGSYS),
            "{call}: {:?}",
            before.results()
        );
    }
}

/// The filter itself refuses the call, before the kernel could.
#[test]
fn no_filter_is_added_to_it() {
    let seen = probe(&["sftp", "-", "again"], b"", Respond::Mark);
    let text = String::from_utf8(seen.stdout).unwrap();
    assert!(text.starts_with("Err(Refused(Os { code: 38"), "{text}");
}

/// Under a container manager that listens, the kernel says EBUSY: an error of its own, since the administrator can fix
/// it.
#[test]
fn a_listener_that_is_there_is_named() {
    let seen = probe(&["none", "-", "taken"], b"", Respond::Mark);
    let text = String::from_utf8(seen.stdout).unwrap();
    assert!(text.starts_with("Ok(Loaded"), "{text}");
    assert!(text.trim_end().ends_with("Err(ListenerTaken)"), "{text}");
}

#[test]
fn this_kernel_has_all_that_is_needed() {
    assert!(Support::probe().complete());
}
