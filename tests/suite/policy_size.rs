//! Any policy of the largest size is read, decided on and served. What takes a second here would take hours if a step
//! were quadratic in the size: the only clock is the one that ends a test that hangs.

use std::process::Command;

use crate::harness::{Host, XFERSH};

const KINDS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/bench/tools/policies.awk"
);
const SIZE: &str = "bytes=1048576";

fn made(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("awk")
        .args(["-f", KINDS])
        .args(arguments)
        .output();
    let output = output.expect("awk is there");
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

#[test]
fn the_largest_policy_of_every_kind() {
    let wrong = judge("sound", |session, check| {
        session == 0 && [0, 126].contains(&check)
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_largest_policy_of_every_kind_of_mistake() {
    let wrong = judge("wrong", |session, check| (session, check) == (126, 2));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Those of this kind that do not exit with the expected statuses.
fn judge(sort: &str, fits: fn(i32, i32) -> bool) -> Vec<String> {
    let list = String::from_utf8(made(&["-v", "kind=list"])).unwrap();
    let kinds = list.lines().filter_map(|line| line.strip_suffix(sort));
    let kinds: Vec<&str> = kinds.map(str::trim).collect();
    assert!(kinds.len() > 15, "{list}");
    let host = Host::new();
    host.shell_line("for n in $(seq 30); do echo group$n:x:$((7000 + n)):alice >>/etc/group; done");
    let mut wrong = Vec::new();
    for kind in kinds {
        let text = made(&["-v", &format!("kind={kind}"), "-v", SIZE]);
        let size = text.len();
        assert!(size > 1_000_000 && size <= 1 << 20, "{kind}: {size}");
        host.write("/etc/xfersh.toml", &text);
        let session = host.direct(host.alice(), b"sftp-server", b"");
        let check = host.root(
            XFERSH,
            &["--check", "--user", "alice", "-c", "scp -t uploads/x"],
        );
        // Nor are a hundred thousand errors.
        if !fits(session.code(), check.code()) || check.err().len() > 200_000 {
            wrong.push(format!("{kind}: {session}\n{}", check.err()));
        }
        let _ = host.log();
    }
    wrong
}
