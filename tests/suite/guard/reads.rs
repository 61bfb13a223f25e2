//! `log_reads`: a line for each file that is opened for reading and each directory that is listed, and none for what a
//! server reads for itself.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::sshd::CLIENT_CONFIG;
use crate::harness::{Account, Host, Line};

const POLICY: &str = "protocols = [\"sftp\", \"scp\", \"rsync\"]\n";

/// Nobody but root may read the one, or list the other.
const SET_UP: &str = "set -e; for home in /home/plain /home/alice; do cd $home/uploads; mkdir secret; chmod 700 secret; \
    chown root: secret; echo x >sealed; chmod 600 sealed; chown root: sealed; done; mkdir -p /tmp/local/back";

/// The events about reading, in their order.
fn reads(lines: &[Line]) -> Vec<String> {
    let words = [
        "read file ",
        "listed directory ",
        "failed call=open ",
        "refused call=open ",
    ];
    let event = |line: &Line| {
        let at = words
            .iter()
            .find_map(|word| line.text.find(&format!(" {word}")))?;
        Some(line.text[at + 1..].replace("/home/alice/", "~/"))
    };
    lines.iter().filter_map(event).collect()
}

/// `-I`: a file of the same size and second that an earlier client left would not be read again.
fn rsync_from(host: &Host, account: &Account, what: &str) {
    let mut rsync = Command::new("rsync");
    let source = format!("{}@host:{what}", account.name);
    rsync
        .current_dir("/tmp/local")
        .env("PATH", "/usr/bin:/bin")
        .args([
            "-e",
            &format!("ssh -F {CLIENT_CONFIG}"),
            "-rI",
            &source,
            "back",
        ]);
    let output = host.run(&mut rsync, b"");
    assert!([0, 23].contains(&output.code()), "{output}");
}

/// The lines of so many sessions. A client may be gone before its session has written the last ones.
fn lines_of(host: &Host, sessions: usize) -> Vec<Line> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut lines = host.log();
    let ends = |lines: &[Line]| {
        let ends = lines
            .iter()
            .filter(|line| line.text.contains(" end server="));
        ends.count()
    };
    while ends(&lines) < sessions {
        assert!(
            Instant::now() < deadline,
            "no end of the session: {lines:#?}"
        );
        std::thread::sleep(Duration::from_millis(5));
        lines.extend(host.log());
    }
    lines
}

/// What each protocol reads of the same places.
fn read_by_all(host: &Host, account: &Account) -> [Vec<String>; 3] {
    let _ = host.log();
    let mut sftp = host.raw_sftp(account);
    assert!(sftp.get("uploads/old.txt").is_ok() && sftp.list("uploads/sub").is_ok());
    assert!(sftp.get("uploads/sealed").is_err() && sftp.list("uploads/secret").is_err());
    assert!(sftp.stat("uploads/old.txt").ok() && sftp.get("uploads/absent").is_err());
    assert_eq!(sftp.end(), 0);
    let by_sftp = reads(&lines_of(host, 1));
    let _ = host.scp_from(account, &["-O", "-r"], "uploads/sub", "back");
    let _ = host.scp_from(account, &["-O"], "uploads/sealed", "back");
    let by_scp = reads(&lines_of(host, 2));
    rsync_from(host, account, "uploads/sub");
    rsync_from(host, account, "uploads/sealed");
    [by_sftp, by_scp, reads(&lines_of(host, 2))]
}

#[test]
fn what_a_client_reads_has_its_line_and_nothing_else() {
    let host = Host::with_sshd();
    host.shell_line(SET_UP);
    host.policy(&format!("{POLICY}log_reads = true\n"));
    let tree = [
        "listed directory path=\"~/uploads/sub\"",
        "read file bytes=5 path=\"~/uploads/sub/deep.txt\"",
    ];
    let sealed = "failed call=open errno=EACCES path=\"~/uploads/sealed\"";
    let [by_sftp, by_scp, by_rsync] = read_by_all(&host, host.alice());
    let expected = [
        "read file bytes=16 path=\"~/uploads/old.txt\"",
        tree[0],
        sealed,
        "failed call=open errno=EACCES path=\"~/uploads/secret\"",
    ];
    assert_eq!(by_sftp, expected);
    assert_eq!(by_scp, [tree[0], tree[1], sealed]);
    assert_eq!(by_rsync, [tree[0], tree[1], sealed]);
    // Per match, and false if nobody says so.
    for policy in [
        POLICY.to_owned(),
        format!("{POLICY}[[match]]\nuser = \"bob\"\nlog_reads = true\n"),
    ] {
        host.policy(&policy);
        // The guard opens what scp sends in any case, and sees what fails.
        let [by_sftp, by_scp, by_rsync] = read_by_all(&host, host.alice());
        assert_eq!(by_scp, [sealed]);
        assert_eq!([by_sftp, by_rsync].concat(), [sealed; 0]);
    }
    host.policy(&format!(
        "{POLICY}[[match]]\nuser = \"alice\"\nlog_reads = true\n"
    ));
    assert_eq!(read_by_all(&host, host.alice())[0], expected);
    // What the account could not read by itself it could not read before either.
    let mut plain = host.raw_sftp(host.plain());
    assert!(plain.get("uploads/sealed").is_err() && plain.list("uploads/secret").is_err());
    plain.end();
}

#[test]
fn the_closing_line_counts_what_was_read() {
    let host = Host::new();
    for (policy, counts) in [
        ("log_reads = true\n", " read=3 listed=2"),
        ("", " incomplete=0"),
    ] {
        host.policy(policy);
        let mut sftp = host.raw_sftp_direct(host.alice());
        for _ in 0..3 {
            assert!(sftp.get("uploads/old.txt").is_ok());
        }
        for _ in 0..2 {
            assert!(sftp.list("uploads").is_ok());
        }
        assert_eq!(sftp.end(), 0);
        let lines = host.log();
        assert!(
            lines.last().expect("an end").text.ends_with(counts),
            "{lines:#?}"
        );
    }
}

/// What a line for each file costs a download of many small ones: `cargo test --test suite -- --ignored --nocapture
/// guard::reads::what_it_costs`, with XFERSH_TEST_BINARY naming a release build. Rounds take turns.
#[test]
#[ignore = "prints a ratio; it is no gate"]
fn what_it_costs() {
    const FILES: usize = 500;
    let host = Host::new();
    host.shell_line(&format!(
        "cd /home/alice/uploads && for i in $(seq {FILES}); do head -c 1024 /dev/zero >f$i; done && chown alice: f*"
    ));
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..15 {
        for (which, policy) in ["", "log_reads = true\n"].into_iter().enumerate() {
            host.policy(policy);
            let mut sftp = host.raw_sftp_direct(host.alice());
            assert!(sftp.get("uploads/f1").is_ok());
            let started = std::time::Instant::now();
            for file in 1..=FILES {
                assert!(sftp.get(&format!("uploads/f{file}")).is_ok());
            }
            times[which].push(started.elapsed().as_micros() as f64 / FILES as f64);
            assert_eq!(sftp.end(), 0);
            let _ = host.log();
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let (without, with) = (median(&mut times[0]), median(&mut times[1]));
    println!(
        "{without:.0} µs a file of 1 KiB, {with:.0} with log_reads: ratio {:.2}",
        with / without
    );
}
