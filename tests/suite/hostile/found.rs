//! Vulnerabilities that attacks on the guard found, each as the smallest case that shows it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use xfersh::decide::plan::ServerKind;

use super::session::{Session, command, host, policy};
use crate::harness::XFERSH;
use crate::harness::sftp::{Attributes, CREATE, WRITE};
use crate::harness::{Host, Sftp, Shell};

fn texts(host: &Host) -> Vec<String> {
    host.log().into_iter().map(|line| line.text).collect()
}

/// On a case-sensitive file system, `IN` is a different directory from `in`, and does not free the name that the policy
/// reserves for `in`.
#[test]
fn a_name_of_another_case_frees_no_absent_directory() {
    let host = Host::new();
    host.policy(
        "symlinks = \"any\"\n[[directory]]\npath = \"~/uploads/in\"\naccess = \"upload-only\"\n",
    );
    for account in [host.plain(), host.alice()] {
        let works = account.name == "plain";
        let mut sftp = host.raw_sftp_direct(account);
        assert!(sftp.greeted, "no session: {:#?}", host.log());
        assert!(sftp.mkdir("uploads/IN").ok());
        let before = host.disk();
        assert_eq!(sftp.symlink("/etc", "uploads/in").ok(), works);
        if works {
            assert!(sftp.remove("uploads/in").ok());
        } else {
            before.assert_same(&host.disk(), "a link in its place");
        }
        assert!(sftp.mkdir("uploads/in").ok());
        // Another session, which has found the directory, stores something in it.
        let mut other = host.raw_sftp_direct(account);
        assert!(other.put("uploads/in/secret", b"secret").ok());
        other.end();
        let before = host.disk();
        assert_eq!(sftp.get("uploads/in/secret").is_ok(), works, "read");
        assert_eq!(sftp.posix_rename("uploads/in", "uploads/out").ok(), works);
        if !works {
            before.assert_same(&host.disk(), "a new name");
        }
        assert_eq!(sftp.end(), 0);
    }
}

/// A file that is opened under the number of a standard stream can be duplicated, and is then still open.
#[test]
fn a_copy_of_a_standard_descriptor_is_followed() {
    const COPIES: [&str; 3] = ["dup 2", "fcntl 2 0 3", "fcntl 2 1030 3"];
    let host = host();
    host.policy(&policy("max_bytes = \"1M\"\n"));
    for (at, copy) in COPIES.iter().enumerate() {
        let mut session = Session::start(&host, host.alice(), command(ServerKind::Sftp));
        let _ = texts(&host);
        let steps = format!(
            "close 2 ; open p:uploads/big{at} 0x41 0644 ; {copy} ; close 2 ; poll 0 0 2500 ; \
             fallocate 3 0 0 8000000 ; poll 0 0 5000"
        );
        let outcome = session.ask(&steps);
        assert_eq!(outcome, None, "{copy}: no bound: {:#?}", texts(&host));
        session.end();
        let log = texts(&host);
        let size = "bytes=8000000";
        assert!(
            log.iter().any(|line| line.contains(size)),
            "{copy}: {log:#?}"
        );
    }
}

/// Holds the lock of a directory, as any process that can read it may.
struct Holder(Child);

impl Holder {
    fn of(host: &Host, directory: &str) -> Self {
        let mut flock = Command::new("flock");
        flock
            .args(["--exclusive", directory, "sh", "-c", "echo; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = host.namespace().spawn(&mut flock).expect("flock(1)");
        let mut byte = [0];
        let mut output = child.stdout.take().expect("piped");
        std::io::Read::read_exact(&mut output, &mut byte).expect("the lock");
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The directories whose locks keep each session from creating something in `place`: one of them must be the same for
/// both.
#[track_caller]
fn meet(host: &Host, sessions: [&mut Sftp; 2], place: &str, candidates: &[&str]) {
    let [one, other] = sessions;
    let mut found = [Vec::new(), Vec::new()];
    for candidate in candidates {
        let holder = Holder::of(host, candidate);
        for (which, session) in [&mut *one, &mut *other].into_iter().enumerate() {
            if !session.mkdir(&format!("{place}/{which}")).ok() {
                found[which].push(*candidate);
            }
        }
        drop(holder);
        for which in 0..2 {
            host.inside(|| {
                let _ = std::fs::remove_dir(format!("{place}/{which}"));
            });
        }
    }
    assert!(
        found[0].iter().any(|place| found[1].contains(place)),
        "no common lock for {place}: {found:?}"
    );
}

/// One policy has more directories than are locked one by one, the other has only one of them.
#[test]
fn many_and_few_directories_have_a_common_lock() {
    let host = Host::new();
    host.shell_line(
        "cd /home/alice && mkdir d01 d02 d03 d04 d05 d06 d07 d08 d09 d10 d11 d12 d13 d14 d15 d16 d17 \
         && chown alice: d* && chown root: . && chmod 755 .",
    );
    host.no_policy();
    let mut many = host.raw_sftp_direct(host.alice());
    host.policy("[[directory]]\npath = \"~/d01\"\naccess = \"read-write\"\n[[match]]\nuser = \"alice\"\nwritable = [\"~/d02\"]\n");
    let mut few = host.raw_sftp_direct(host.alice());
    assert!(many.greeted && few.greeted, "{:#?}", host.log());
    let candidates = ["/", "/home", "/home/alice", "/home/alice/d01"];
    meet(&host, [&mut many, &mut few], "/home/alice/d01", &candidates);
}

/// A directory that some may list and others only write to. If root owns it, both find another one to lock; if a client
/// can change its mode, those who may not list it are refused.
#[test]
fn who_may_list_and_who_may_not_have_a_common_lock() {
    let accounts = [
        ("plain", Shell::Plain),
        ("alice", Shell::Xfersh),
        ("bob", Shell::Xfersh),
    ];
    let host = Host::with_accounts(&accounts);
    host.policy("writable = [\"/srv/drop\"]\nreadable = [\"~\"]\naccess = \"upload-only\"\n");
    let (alice, bob) = (host.alice(), host.account("bob"));
    host.shell_line("chmod 755 /srv && chown root: /srv && mkdir /srv/drop");
    for (owner, mode) in [("root", "0773"), ("alice", "0730")] {
        let groups = if owner == "root" { alice.id } else { bob.id };
        host.shell_line(&format!(
            "chown {owner}:{groups} /srv/drop && chmod {mode} /srv/drop"
        ));
        let mut one = host.raw_sftp_direct(alice);
        let mut other = host.raw_sftp_direct(bob);
        assert!(one.greeted, "{:#?}", texts(&host));
        if owner == "root" {
            assert!(other.greeted, "{:#?}", texts(&host));
        }
        if other.greeted {
            let candidates = ["/", "/srv", "/srv/drop"];
            meet(&host, [&mut one, &mut other], "/srv/drop", &candidates);
        } else {
            let log = texts(&host);
            assert!(
                log.iter().any(|line| {
                    line.contains("verdict=refused stage=host") && line.contains("may not list")
                }),
                "{log:#?}"
            );
            // The dry run says the same.
            let server = "/usr/lib/openssh/sftp-server";
            for (user, status) in [("alice", 0), ("bob", 126)] {
                let check = host.root(XFERSH, &["--check", "--user", user, "-c", server]);
                assert_eq!(check.code(), status, "{user}: {check}");
            }
        }
    }
}

/// A directory is moved while something is uploaded into it: no line speaks of a file that was never there.
#[test]
fn an_upload_moves_with_its_directory() {
    let host = Host::new();
    host.no_policy();
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.greeted && sftp.mkdir("uploads/d").ok());
    let handle = sftp
        .handle(|sftp| sftp.open("uploads/d/f", WRITE | CREATE))
        .expect("opening");
    assert!(sftp.write(&handle, 0, b"12345").ok());
    let _ = host.log();
    assert!(sftp.posix_rename("uploads/d", "uploads/e").ok());
    assert!(sftp.write(&handle, 5, b"67890").ok() && sftp.close(&handle).ok());
    assert_eq!(sftp.end(), 0);
    let lines = texts(&host);
    let at = |word: &str| lines.iter().position(|line| line.contains(word));
    let renamed = at("renamed directory").expect("a line of the rename");
    let after = &lines[renamed..];
    assert!(
        !after.iter().any(|line| line.contains("uploads/d/f")),
        "{lines:#?}"
    );
    let written = "bytes=10 path=\"/home/alice/uploads/e/f\"";
    assert!(
        after.iter().any(|line| line.contains(written)),
        "{lines:#?}"
    );
}

/// The directory in which sessions start is known by its identity, even if no name leads to it.
#[test]
fn the_start_directory_is_kept_by_whatever_name() {
    let host = Host::new();
    host.policy("start = \"~/uploads/sub/work\"\n");
    host.shell_line(
        "for home in /home/plain /home/alice; do mkdir $home/uploads/sub/work; chown -R $(stat -c %u:%g $home) $home/uploads/sub; done",
    );
    for (path, ordinary) in [
        (".", "uploads/sub/work"),
        ("./", "uploads/sub/work"),
        ("..", "uploads/sub"),
        ("../work/.", "uploads/sub/work"),
    ] {
        let mut plain = host.raw_sftp_direct(host.plain());
        assert!(plain.setstat(ordinary, Attributes::mode(0)).ok());
        assert!(plain.setstat(ordinary, Attributes::mode(0o755)).ok());
        plain.end();
        let mut sftp = host.raw_sftp_direct(host.alice());
        assert!(sftp.greeted, "{path}: {:#?}", texts(&host));
        let before = host.disk();
        assert!(!sftp.setstat(path, Attributes::mode(0)).ok(), "{path}");
        before.assert_same(&host.disk(), path);
        assert!(sftp.setstat(path, Attributes::mode(0o750)).ok(), "{path}");
        assert_eq!(sftp.end(), 0);
    }
}

/// What the guard of a session has spent: the load of the machine has no part in it. A program that is not optimized
/// spends 1.7 seconds on the longest way and 4.5 on the move here, an optimized one 0.3 and 1.
fn processor_seconds(host: &Host, sftp: &Sftp) -> f64 {
    let line = format!("cut -d')' -f2 /proc/{}/stat", sftp.guard());
    let fields = std::process::Command::new("sh")
        .args(["-c", &line])
        .output()
        .expect("its stat");
    let fields = String::from_utf8_lossy(&fields.stdout).into_owned();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // utime and stime (proc_pid_stat(5)): fields 14 and 15, the first here is 3.
    let ticks: f64 = fields[11..13]
        .iter()
        .map(|ticks| ticks.parse::<f64>().expect("ticks"))
        .sum();
    let second = host
        .shell_line("getconf CLK_TCK")
        .trim()
        .parse::<f64>()
        .expect("a number");
    ticks / second
}

/// No path takes so long to walk that a guard keeps the others out, or cannot check its own limits.
#[test]
fn a_long_way_is_given_up() {
    let host = Host::new();
    host.shell_line(
        "cd /home/alice/uploads && mkdir x && \
         perl -e 'for (1..1900) { mkdir \"a\"; chdir \"a\" } mkdir \"x\"' && chown -R alice: .",
    );
    // If a directory of the policy is inside another one, each name on the way is examined.
    let nested = "[[directory]]\npath = \"~/uploads/in\"\naccess = \"upload-only\"\n";
    for policy in ["", nested] {
        host.policy(policy);
        let mut sftp = host.raw_sftp_direct(host.alice());
        let mut other = host.raw_sftp_direct(host.alice());
        let deep = format!("/home/alice/uploads/{}", "a/".repeat(1900));
        assert!(sftp.symlink(&deep, "uploads/deep").ok());
        // Deep as it is, what is there can be reached.
        assert!(sftp.mkdir("uploads/deep/new").ok());
        assert!(sftp.mkdir("uploads/x/../x/../x/new").ok());
        let climbing = format!("uploads/deep/{}new", "x/../".repeat(800));
        std::thread::scope(|scope| {
            let walking = scope.spawn(|| sftp.mkdir(&climbing));
            for name in 0..3 {
                std::thread::sleep(Duration::from_millis(50));
                // On a busy machine a guard that is not optimized may walk for longer than another one waits for it.
                let name = format!("uploads/other{name}");
                let served = (0..20).any(|_| other.mkdir(&name).ok());
                assert!(served, "the other session is kept out of {name}");
            }
            walking.join().expect("a session");
        });
        let spent = processor_seconds(&host, &sftp);
        assert!(spent < 10.0, "the guard worked for {spent} seconds");
        host.shell_line("cd /home/alice/uploads && rm -r deep other* x/new && cd \"$(printf 'a/%.0s' $(seq 1900))\" && rmdir new");
    }
}

/// What the guard creates it remembers and logs, even if it has no descriptors left.
#[test]
fn nothing_is_made_without_a_line() {
    let host = host();
    host.policy(&policy(""));
    let command = command(ServerKind::RsyncReceiver);
    let mut session = Session::limited(&host, host.alice(), command, 64);
    let _ = host.log();
    // A separate directory for each: the guard holds it open for as long as the name exists.
    let before = host.disk();
    let mut refused = 0;
    for number in 0..60 {
        let steps = format!("open p:uploads/sub/.f{number}.AAAAAA 0xc1 0600");
        refused += u32::from(session.ask(&steps).expect("an answer") < 0);
    }
    assert!(refused > 0, "it has room enough");
    assert_eq!(session.end(), 0);
    let lines = texts(&host);
    let of = |number: u32, deed: &str| {
        let temporary = format!("uploads/sub/.f{number}.AAAAAA\"");
        let own = format!("uploads/sub/f{number}\"");
        lines
            .iter()
            .any(|line| line.contains(deed) && (line.contains(&temporary) || line.contains(&own)))
    };
    for number in 0..60 {
        assert_eq!(
            of(number, "incomplete file"),
            of(number, "cleaned file"),
            "{number}: {lines:#?}"
        );
    }
    let sub = |path: &std::path::Path| path.ends_with("uploads/sub");
    before
        .without(sub)
        .assert_same(&host.disk().without(sub), "temporary files are left");
}

/// A session counts the names that it gave a file; another one has taken one of them away since.
#[test]
fn a_name_that_another_session_removed_is_no_own_name() {
    let host = Host::new();
    host.policy(
        "[[directory]]\npath = \"~/uploads\"\naccess = \"read-write\"\n\
         [[directory]]\npath = \"~/archive\"\naccess = \"append-only\"\n",
    );
    host.shell_line("for home in /home/plain /home/alice; do mkdir $home/archive; chown $(stat -c %u:%g $home) $home/archive; done");
    for account in [host.plain(), host.alice()] {
        let works = account.name == "plain";
        let mut first = host.raw_sftp_direct(account);
        let mut second = host.raw_sftp_direct(account);
        assert!(first.put("uploads/f", b"good").ok());
        assert!(first.hardlink("uploads/f", "uploads/g").ok());
        assert!(second.remove("uploads/g").ok());
        assert!(second.hardlink("uploads/f", "archive/f").ok());
        let before = host.disk();
        assert_eq!(first.put("uploads/f", b"evil").ok(), works);
        if !works {
            before.assert_same(&host.disk(), "an older file of an append-only directory");
        }
        assert_eq!((first.end(), second.end()), (0, 0));
    }
}

/// The links in a directory that is moved are walked from its new place: no number of them keeps the others out.
#[test]
fn a_move_of_many_long_links_is_given_up() {
    let host = Host::new();
    host.policy("");
    host.shell_line(
        "cd /home/alice/uploads && mkdir few many to to/a && ln -s ../a few/l && \
         perl -e 'chdir \"to\"; for (1..1300) { mkdir \"a\"; chdir \"a\" }' && T=../$(printf 'a/%.0s' $(seq 1300)) && \
         for i in $(seq 3000); do ln -s $T many/$i; done; chown -hR alice: .",
    );
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.posix_rename("uploads/few", "uploads/to/few").ok());
    let before = host.disk();
    assert!(!sftp.posix_rename("uploads/many", "uploads/to/many").ok());
    let spent = processor_seconds(&host, &sftp);
    assert!(spent < 10.0, "the guard worked for {spent} seconds");
    before.assert_same(&host.disk(), "a move that was given up");
    assert!(sftp.mkdir("uploads/afterwards").ok());
    assert_eq!(sftp.end(), 0);
}
