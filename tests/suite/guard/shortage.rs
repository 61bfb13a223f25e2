//! Limits that leave no room for a session, and a chroot without procfs: the log names what is missing.

use std::process::Command;

use super::{RSYNC, SFTP};
use crate::harness::{Host, Output};

/// The account's shell under a limit that pam_limits could have set.
fn limited(host: &Host, limit: &str, command: &str) -> Output {
    let id = host.alice().id.to_string();
    let mut shell = Command::new("setpriv");
    shell
        .args(["--reuid", &id, "--regid", &id, "--init-groups"])
        .args(["prlimit", limit, host.alice().shell_path(), "-c", command])
        .current_dir(host.alice().home());
    host.run(&mut shell, b"")
}

const LIMITS: &[(&str, &str)] = &[
    ("--nproc=1", "(RLIMIT_NPROC): see nproc in limits.conf"),
    (
        "--nofile=8",
        "(RLIMIT_NOFILE) is below the 64 that it needs: see nofile in limits.conf",
    ),
    (
        "--nofile=12",
        "(RLIMIT_NOFILE) is below the 64 that it needs: see nofile in limits.conf",
    ),
];

#[test]
fn a_limit_is_named() {
    let host = Host::new();
    for policy in ["", "confinement = \"best-effort\"\n"] {
        host.policy(&format!("protocols = [\"sftp\", \"rsync\"]\n{policy}"));
        for (limit, word) in LIMITS {
            for command in [SFTP, RSYNC] {
                let _ = host.log();
                let output = limited(&host, limit, command);
                let what = format!("{limit} {command} {policy}");
                // A session that begins nevertheless would say 0.
                assert_eq!(output.code(), 125, "{what}: {output}");
                let log = host.log();
                let last = &log.last().expect("a line").text;
                assert!(last.contains(word), "{what}: {log:#?}");
                assert!(!last.contains("ptrace_scope"), "{what}: {log:#?}");
                assert!(!last.contains("best-effort"), "{what}: {log:#?}");
            }
        }
    }
}

/// As in a chroot in which nobody has mounted it.
#[test]
fn a_missing_procfs_is_named() {
    let host = Host::new();
    host.shell_line("mount -t tmpfs tmpfs /proc");
    let output = host.direct(host.alice(), SFTP.as_bytes(), b"");
    assert_eq!(output.code(), 125, "{output}");
    let log = host.log();
    let last = &log.last().expect("a line").text;
    assert!(last.contains("procfs is not mounted on /proc"), "{log:#?}");
}
