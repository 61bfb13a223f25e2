//! Signals for which rsync has a handler without SA_RESTART: a call that waits for the guard must not end with EINTR
//! because of one of them while rsync keeps running.

use std::process::{Command, Stdio};

use crate::harness::{Host, Output};

/// Sends SIGVTALRM to every rsync of the account until none is left; prints how many it sent.
const STORM: &str = r#"sent=0; idle=0
while [ $idle -lt 40 ]; do
    if pkill -VTALRM -u "$1" -x rsync; then sent=$((sent + 1)); idle=0
    else idle=$((idle + 1)); sleep 0.05; fi
done
echo $sent"#;

fn upload(host: &Host, name: &str) -> Output {
    let mut rsync = Command::new("rsync");
    rsync
        .args(["-a", "-e", "ssh -F /etc/ssh/client_test_config"])
        .args(["/tmp/local/tree", &format!("{name}@host:uploads/")])
        .current_dir("/tmp/local");
    host.run(&mut rsync, b"")
}

#[test]
fn a_progress_signal_disturbs_no_upload() {
    let host = Host::with_sshd();
    host.policy("protocols = [\"rsync\"]\n");
    let make = "mkdir -p /tmp/local/tree; cd /tmp/local/tree
        for d in 1 2 3 4 5 6 7 8; do mkdir $d; for f in $(seq 400); do echo $f >$d/$f; done; done";
    host.shell_line(make);
    for name in ["plain", "alice"] {
        let id = host.account(name).id.to_string();
        let mut storm = Command::new("sh");
        storm.args(["-c", STORM, "sh", &id]).stdout(Stdio::piped());
        let storm = host.namespace().spawn(&mut storm).expect("a storm");
        upload(&host, name).succeeded(name);
        let said = storm.wait_with_output().expect("its end").stdout;
        let sent = String::from_utf8_lossy(&said);
        let sent: u32 = sent.trim().parse().expect("a number");
        assert!(sent > 0, "proves nothing");
        host.shell_line(&format!(
            "diff -r /tmp/local/tree /home/{name}/uploads/tree"
        ));
    }
}
