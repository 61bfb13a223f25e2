//! The tests leave the machine as they found it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::harness::Host;

/// What of the real machine a host could have touched. Others may work on it at the same time, so only the names
/// that a host makes, the lines of its accounts, and the mounts are compared.
#[derive(Debug, PartialEq)]
struct Machine {
    names: BTreeSet<(&'static str, i64, i64)>,
    accounts: Vec<String>,
    mounts: String,
}

/// Everything that a host creates by a fixed name.
const MADE: &[&str] = &[
    "/opt/xfersh",
    "/etc/xfersh.toml",
    "/etc/ssh/test_host_key",
    "/etc/ssh/test_client_key",
    "/etc/ssh/sshd_test_config",
    "/home/alice",
    "/home/plain",
    "/srv/outside",
    "/tmp/local",
    "/var/log/sshd",
    "/run/sshd",
    "/dev/log",
];

impl Machine {
    fn look() -> Self {
        let mut names = BTreeSet::new();
        for place in MADE {
            let Ok(facts) = fs::symlink_metadata(place) else {
                continue;
            };
            names.insert((*place, facts.ctime(), facts.ctime_nsec()));
        }
        let mut accounts = Vec::new();
        for file in ["/etc/passwd", "/etc/group", "/etc/shadow"] {
            let text = fs::read_to_string(file).expect("reading an account file");
            let ours = |line: &&str| line.starts_with("alice:") || line.starts_with("plain:");
            accounts.extend(text.lines().filter(ours).map(str::to_owned));
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("reading mountinfo");
        Self {
            names,
            accounts,
            mounts,
        }
    }
}

/// The processes whose mount namespace has this `inode`.
fn inhabitants(namespace: &Path) -> usize {
    let processes = fs::read_dir("/proc").expect("listing /proc").flatten();
    processes
        .filter(|process| {
            fs::read_link(process.path().join("ns/mnt")).is_ok_and(|link| link == namespace)
        })
        .count()
}

#[test]
fn a_panicking_test_leaves_no_process_mount_or_file() {
    let before = Machine::look();
    let mut namespace = None;
    let result = catch_unwind(AssertUnwindSafe(|| {
        let host = Host::with_sshd();
        let first = host.namespace().first_process();
        namespace = fs::read_link(format!("/proc/{first}/ns/mnt")).ok();
        // A session that is still open, and a process that outlives it.
        let mut session = host.raw_sftp(host.plain());
        assert!(session.put("uploads/new", b"new").ok());
        host.ssh(
            host.plain(),
            &[],
            "setsid sleep 1000 >/dev/null 2>&1 </dev/null &",
        )
        .succeeded("a left process");
        assert!(inhabitants(namespace.as_deref().expect("a namespace")) > 4);
        std::panic::resume_unwind(Box::new("a test fails here"));
    }));
    assert!(result.is_err());
    let namespace = namespace.expect("the host was built");
    assert_eq!(inhabitants(&namespace), 0, "processes are left");
    assert_eq!(before, Machine::look());
}
