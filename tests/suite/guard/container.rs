//! A host in a container: with a seccomp profile like Docker's default, a session needs nothing that is refused.

use std::path::Path;
use std::process::Command;

use xfersh::decide::seccomp::table::{Architecture, rows};

use super::SFTP;
use crate::harness::{Host, Kind};

/// A profile that Debian's golang-github-containers-common installs; used if it is there.
const INSTALLED: &str = "/usr/share/containers/seccomp.json";

/// What the default profile of Docker refuses to a container without further capabilities (moby/profiles, 2026).
const REFUSED: &str = "_sysctl acct add_key afs_syscall bpf chroot clock_settime create_module delete_module fanotify_init \
    file_getattr file_setattr finit_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy getpmsg \
    init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl \
    lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mbind migrate_pages mount mount_setattr \
    move_mount move_pages nfsservctl open_by_handle_at open_tree open_tree_attr perf_event_open pidfd_getfd pivot_root \
    process_madvise putpmsg query_module quotactl quotactl_fd reboot request_key security set_mempolicy \
    set_mempolicy_home_node setdomainname sethostname setns settimeofday swapoff swapon sysfs syslog tuxcall umount2 \
    unshare uprobe uselib userfaultfd ustat vhangup vserver";

/// The names that the profile allows whatever the capabilities, with or without conditions on arguments.
fn allowed_by(profile: &serde_json::Value) -> Vec<String> {
    let blocks = profile["syscalls"].as_array().expect("a list of rules");
    let allows = |block: &&serde_json::Value| {
        block["action"] == "SCMP_ACT_ALLOW" && block["includes"]["caps"].is_null()
    };
    let names = blocks.iter().filter(allows);
    names
        .flat_map(|block| block["names"].as_array().into_iter().flatten())
        .filter_map(|name| Some(name.as_str()?.to_owned()))
        .collect()
}

/// The refused calls of the profiles at hand, as numbers.
fn refused(host_profile: Option<&str>) -> String {
    let refused: Vec<String> = match host_profile {
        None => REFUSED.split_whitespace().map(str::to_owned).collect(),
        Some(text) => {
            let allowed = allowed_by(&serde_json::from_str(text).expect("a profile"));
            let all = rows().map(|row| row.name.to_owned());
            // The stand-in answers clone3 as the profile does.
            all.filter(|name| !allowed.contains(name) && name != "clone3")
                .collect()
        }
    };
    let number = |name: &String| {
        let row = rows().find(|row| row.name == name);
        let row = row.unwrap_or_else(|| panic!("no row for {name}"));
        row.numbers.on(Architecture::NATIVE)
    };
    let numbers: Vec<String> = refused
        .iter()
        .filter_map(number)
        .map(|number| number.to_string())
        .collect();
    numbers.join(",")
}

/// A host with an sshd that starts alice's shell under that profile.
fn contained(calls: &str) -> Host {
    let host = Host::with_sshd();
    host.install_program("without", Kind::Program);
    let script = format!("#!/bin/sh\nexec /opt/without calls={calls} /opt/xfersh \"$@\"\n");
    host.install("/opt/contained", script.as_bytes());
    host.shell_line("sed -i '/^alice:/s,[^:]*$,/opt/contained,' /etc/passwd");
    host.policy("protocols = [\"sftp\", \"scp\", \"rsync\"]\n");
    host
}

#[track_caller]
fn whole_session(calls: &str) {
    let host = contained(calls);
    let mut sftp = host.raw_sftp(host.alice());
    assert!(sftp.greeted, "{:#?}", host.log());
    assert!(sftp.put("uploads/new", b"new").ok());
    let handle = sftp
        .handle(|sftp| sftp.open("uploads/new", crate::harness::sftp::WRITE))
        .expect("opening");
    // By the descriptor, which the guard gets through /proc.
    let mode = crate::harness::sftp::Attributes::mode(0o604);
    assert!(sftp.fsetstat(&handle, mode).ok());
    let times = crate::harness::sftp::Attributes::times(7, 8);
    assert!(sftp.fsetstat(&handle, times).ok());
    assert!(sftp.close(&handle).ok());
    assert!(sftp.mkdir("uploads/made").ok());
    assert!(sftp.posix_rename("uploads/new", "uploads/made/moved").ok());
    let before = host.disk();
    assert!(!sftp.put(".profile", b"x").ok());
    assert!(!sftp.put("uploads/.dot", b"x").ok());
    before.assert_same(&host.disk(), "dotfiles");
    assert_eq!(sftp.end(), 0);
    let status = host.shell_line("stat -c '%a %Y' /home/alice/uploads/made/moved");
    assert_eq!(status.trim(), "604 8");
    host.shell_line("mkdir -p /tmp/local/tree/sub && cp -a /etc/ssh/*_config /tmp/local/tree/sub/");
    let mut rsync = Command::new("rsync");
    rsync
        .args(["-a", "-e", "ssh -F /etc/ssh/client_test_config"])
        .args(["/tmp/local/tree", "alice@host:uploads/"])
        .current_dir("/tmp/local");
    host.run(&mut rsync, b"").succeeded("rsync");
    host.shell_line("diff -r /tmp/local/tree /home/alice/uploads/tree");
    for options in [&["-O"][..], &[]] {
        host.scp_to(host.alice(), options, &["/etc/hostname"], "uploads/by-scp")
            .succeeded("scp");
    }
    assert_eq!(
        host.read("/home/alice/uploads/by-scp"),
        host.read("/etc/hostname")
    );
}

#[test]
fn a_whole_session_under_the_default_profile() {
    whole_session(&refused(None));
    if Path::new(INSTALLED).exists() {
        let text = std::fs::read_to_string(INSTALLED).expect("a profile");
        whole_session(&refused(Some(&text)));
    }
}

/// The stand-in does refuse: without reading the server's memory there is no session, and the log says which call.
#[test]
fn a_call_that_cannot_be_missed_is_named() {
    let reading = rows().find(|row| row.name == "process_vm_readv");
    let number = reading.and_then(|row| row.numbers.on(Architecture::NATIVE));
    let host = contained(&number.expect("a number").to_string());
    let _ = host.log();
    let output = host.ssh(host.alice(), &[], SFTP);
    assert_eq!(output.code(), 125, "{output}");
    let log = host.log();
    let last = &log.last().expect("a line").text;
    assert!(last.contains("process_vm_readv is refused"), "{log:#?}");
    assert!(!last.contains("ptrace_scope"), "{log:#?}");
}
