//! Attempts that do not succeed are in the log, whoever refuses them: the policy, or the system with its modes, owners,
//! sticky bits, mounts and space.

use crate::harness::sftp::{Attributes, CREATE, EXCLUSIVE, READ, Reply, WRITE};
use crate::harness::{Account, Host, Line, Sftp};

/// What root has set up in `uploads` of both accounts: nobody but root may change it, or nothing fits in.
const SET_UP: &str = "set -e; for home in /home/plain /home/alice; do cd $home/uploads; \
    mkdir closed sticky ro full; echo x >closed/old; echo x >sticky/theirs; chmod 1777 sticky; echo x >rootfile; \
    mount -t tmpfs -o ro,mode=777 none ro; mount -t tmpfs -o nr_inodes=1,mode=777 none full; \
    echo x >unwritable; chmod 0444 unwritable; chown $(stat -c %u:%g $home) unwritable; done";

type Attempt = fn(&mut Sftp) -> Reply;

/// What fails for the account itself, with the line that says so.
const FAILURES: [(Attempt, &str); 8] = [
    (
        |sftp| sftp.put("uploads/closed/x", b"x"),
        "call=open errno=EACCES path=\"@/closed/x\"",
    ),
    (
        |sftp| sftp.put("uploads/unwritable", b"x"),
        "call=open errno=EACCES path=\"@/unwritable\"",
    ),
    (
        |sftp| sftp.mkdir("uploads/closed/d"),
        "call=mkdir errno=EACCES path=\"@/closed/d\"",
    ),
    (
        |sftp| sftp.remove("uploads/closed/old"),
        "call=remove errno=EACCES path=\"@/closed/old\"",
    ),
    (
        |sftp| sftp.remove("uploads/sticky/theirs"),
        "call=remove errno=EPERM path=\"@/sticky/theirs\"",
    ),
    (
        |sftp| sftp.setstat("uploads/rootfile", Attributes::mode(0o600)),
        "call=chmod errno=EPERM path=\"@/rootfile\"",
    ),
    (
        |sftp| sftp.put("uploads/ro/x", b"x"),
        "call=open errno=EROFS path=\"@/ro/x\"",
    ),
    (
        |sftp| sftp.mkdir("uploads/full/d"),
        "call=mkdir errno=ENOSPC path=\"@/full/d\"",
    ),
];

/// What only says what is there.
const ANSWERS: [Attempt; 4] = [
    |sftp| sftp.mkdir("uploads/sub"),
    |sftp| sftp.remove("uploads/absent"),
    |sftp| sftp.rmdir("uploads/sub"),
    |sftp| sftp.open("uploads/old.txt", WRITE | CREATE | EXCLUSIVE),
];

/// What a policy that is read-only refuses.
const CHANGES: [(Attempt, &str); 9] = [
    (|sftp| sftp.put("uploads/new", b"x"), "call=open"),
    (|sftp| sftp.put("uploads/old.txt", b"x"), "call=open"),
    (
        |sftp| sftp.open("uploads/old.txt", READ | WRITE),
        "call=open",
    ),
    (|sftp| sftp.open("uploads/old.txt", WRITE), "call=open"),
    (|sftp| sftp.mkdir("uploads/d"), "call=mkdir"),
    (|sftp| sftp.remove("uploads/old.txt"), "call=remove"),
    (|sftp| sftp.rmdir("uploads/empty"), "call=remove"),
    (|sftp| sftp.symlink("old.txt", "uploads/l"), "call=symlink"),
    (
        |sftp| sftp.setstat("uploads/old.txt", Attributes::mode(0o600)),
        "call=chmod",
    ),
];

/// The number behind a word of the closing line.
fn count(lines: &[Line], word: &str) -> usize {
    let end = &lines.last().expect("a closing line").text;
    let value = end
        .split(' ')
        .find_map(|field| field.strip_prefix(word)?.strip_prefix('='));
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("no {word} in {end}"))
}

/// The attempts that the lines tell: those with their own, and those of the summaries.
fn told(lines: &[Line], word: &str) -> usize {
    let shown = lines
        .iter()
        .filter(|line| line.text.contains(&format!(" {word} call=")))
        .count();
    let more = lines.iter().filter_map(|line| {
        let (_, rest) = line.text.split_once(&format!(" {word} more="))?;
        rest.split(' ').next()?.parse::<usize>().ok()
    });
    shown + more.sum::<usize>()
}

/// A session through sshd in which each of these is tried once; none may succeed.
fn tried(host: &Host, account: &Account, attempts: impl Iterator<Item = Attempt>) {
    let mut sftp = host.raw_sftp(account);
    for (number, attempt) in attempts.enumerate() {
        let reply = attempt(&mut sftp);
        assert!(
            !matches!(reply, Reply::Handle(_)) && !reply.ok(),
            "{}: number {number}",
            account.name
        );
    }
    assert_eq!(sftp.end(), 0);
}

#[test]
fn what_the_system_refuses_is_counted_and_has_a_line() {
    let host = Host::with_sshd();
    host.shell_line(SET_UP);
    let before = host.disk();
    tried(&host, host.plain(), FAILURES.iter().map(|row| row.0));
    let _ = host.log();
    tried(
        &host,
        host.alice(),
        FAILURES.iter().map(|row| row.0).chain(ANSWERS),
    );
    before.assert_same(&host.disk(), "what failed has changed something");
    let lines = host.log();
    for (_, line) in FAILURES {
        let text = format!(" failed {}", line.replace('@', "/home/alice/uploads"));
        let matching = lines.iter().filter(|line| line.text.ends_with(&text));
        assert_eq!(matching.count(), 1, "{text}: {lines:#?}");
    }
    assert_eq!(
        (count(&lines, "failed"), count(&lines, "refused")),
        (FAILURES.len(), 0),
        "{lines:#?}"
    );

    // A client cannot flood the log, and the count stays exact.
    let mut sftp = host.raw_sftp(host.alice());
    for _ in 0..300 {
        assert!(!sftp.mkdir("uploads/closed/d").ok() && !sftp.mkdir(".ssh/d").ok());
    }
    assert_eq!(sftp.end(), 0);
    let lines = host.log();
    assert!(lines.len() < 20, "{} lines", lines.len());
    for word in ["failed", "refused"] {
        assert_eq!(
            (count(&lines, word), told(&lines, word)),
            (300, 300),
            "{lines:#?}"
        );
    }

    // The other protocols.
    host.policy("protocols = [\"sftp\", \"scp\", \"rsync\"]\n");
    host.shell_line("mkdir -p /tmp/local && echo x >/tmp/local/x");
    let before = host.disk();
    host.scp_to(host.alice(), &["-O"], &["x"], "uploads/closed/x")
        .failed("scp");
    let lines = host.log();
    assert_eq!(
        (count(&lines, "failed"), told(&lines, "failed")),
        (1, 1),
        "{lines:#?}"
    );
    let ssh = format!("ssh -F {}", crate::harness::sshd::CLIENT_CONFIG);
    let mut rsync = std::process::Command::new("rsync");
    rsync
        .current_dir("/tmp/local")
        .args(["-e", &ssh, "x", "alice@host:uploads/closed/x"]);
    host.run(&mut rsync, b"").failed("rsync");
    let lines = host.log();
    assert!(count(&lines, "failed") > 0, "{lines:#?}");
    assert_eq!(
        count(&lines, "failed"),
        told(&lines, "failed"),
        "{lines:#?}"
    );
    before.assert_same(&host.disk(), "what failed has changed something");
}

#[test]
fn what_a_read_only_policy_refuses_is_counted_and_has_a_line() {
    let host = Host::with_sshd();
    host.policy("access = \"read-only\"\n");
    // The baseline: they succeed in an ordinary account.
    let mut sftp = host.raw_sftp(host.plain());
    for (attempt, _) in [CHANGES[0], CHANGES[4], CHANGES[5]] {
        assert!(attempt(&mut sftp).ok());
    }
    assert_eq!(sftp.end(), 0);
    let before = host.disk();
    let _ = host.log();
    tried(&host, host.alice(), CHANGES.iter().map(|row| row.0));
    before.assert_same(&host.disk(), "a read-only policy changed something");
    let lines = host.log();
    assert_eq!(
        (count(&lines, "refused"), count(&lines, "failed")),
        (CHANGES.len(), 0),
        "{lines:#?}"
    );
    assert_eq!(told(&lines, "refused"), CHANGES.len(), "{lines:#?}");
    assert!(lines.iter().any(|line| {
        line.text
            .contains(" refused call=open reason=\"the directory's access lacks")
    }));
    // Reading is as it was.
    let mut sftp = host.raw_sftp(host.alice());
    assert!(sftp.get("uploads/old.txt").is_ok() && sftp.list("uploads").is_ok());
    assert_eq!(sftp.end(), 0);
    assert_eq!(count(&host.log(), "refused"), 0);
}
