//! Limits on memory at the start of a session.

use std::process::Command;

use super::session::{FORBIDDEN, UPLOADED};
use crate::harness::{Account, Host, Output};

/// What a session asks for under `RLIMIT_AS`: the upload by scp -O, after which a dotfile is tried.
fn limited(host: &Host, account: &Account, kibibytes: u64, target: &str) -> Output {
    let id = account.id.to_string();
    let mut shell = Command::new("setpriv");
    shell
        .args(["--reuid", &id, "--regid", &id, "--init-groups", "prlimit"])
        .arg(format!("--as={}", kibibytes * 1024))
        .args([account.shell_path(), "-c", &format!("scp -t {target}")])
        .env("SSH_CONNECTION", "192.0.2.7 1 192.0.2.1 22")
        .current_dir(account.home());
    host.run(&mut shell, b"C0644 7 up\ncontent\0")
}

/// From too little for the program itself to enough for all: the session is whole, or nothing is served and that is said.
#[test]
fn little_memory_serves_whole_or_not_at_all() {
    let host = Host::new();
    // The control: an ordinary account makes the dotfile where there is enough.
    limited(&host, host.plain(), 1 << 20, FORBIDDEN).succeeded("a dotfile, in an ordinary account");
    assert!(host.exists(host.plain().at(FORBIDDEN)));
    let (mut whole, mut refused) = (0, 0);
    let sizes = (0..40).map(|step| 512 + step * 512).chain([65536, 1 << 20]);
    for size in sizes {
        host.refurnish();
        let _ = host.log();
        let before = host.disk();
        let session = limited(&host, host.alice(), size, UPLOADED);
        let what = format!("{size} KiB: {session}");
        let is_there = host.exists(host.alice().at(UPLOADED));
        if session.code() == 0 {
            assert_eq!(host.read(host.alice().at(UPLOADED)), b"content", "{what}");
            whole += 1;
        } else {
            let log = host.log();
            // What is too small for the kernel to start the program is killed by it, or told by the tool.
            let says = |text: &str| {
                ["event=failed", "verdict=refused", " end server="]
                    .iter()
                    .any(|words| text.contains(words))
            };
            let told = log.iter().any(|line| says(&line.text)) || !session.stderr.is_empty();
            assert!(told || session.code() > 128, "{what} {log:#?}");
            if is_there {
                assert_eq!(host.read(host.alice().at(UPLOADED)), b"", "{what} {log:#?}");
            } else {
                before.assert_same(&host.disk(), &what);
            }
            refused += 1;
        }
        let dotfile = limited(&host, host.alice(), size, FORBIDDEN);
        assert_ne!(dotfile.code(), 0, "{size} KiB: {dotfile}");
        assert!(!host.exists(host.alice().at(FORBIDDEN)), "{size} KiB");
        assert_eq!(host.processes_of(host.alice()), [""; 0], "{size} KiB");
    }
    assert!(whole > 0 && refused > 3, "{whole} whole, {refused} refused");
}
