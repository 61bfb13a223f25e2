//! Wildcards through a real session, with scp and rsync. Each is first shown in an ordinary account.

use std::os::unix::fs::symlink;

use crate::harness::client::LOCAL;
use crate::harness::sshd::CLIENT_CONFIG;
use crate::harness::{Account, Host, Output};

const POLICY: &str = "protocols = [\"sftp\", \"scp\", \"rsync\"]\n";

/// What a client of the old protocol answers to continue.
const GO_ON: &[u8] = b"\0\0\0\0\0\0\0\0\0\0";

fn host(more: &str) -> Host {
    let host = Host::new();
    host.policy(&format!("{POLICY}{more}"));
    host
}

fn in_uploads(host: &Host, make: impl Fn(&std::path::Path) + Send + Sync) {
    for account in [host.plain(), host.alice()] {
        let uploads = account.at("uploads");
        host.inside(|| {
            make(&uploads);
            account.own(&uploads);
        });
    }
}

/// `scp -f SOURCE`, with a client that takes everything it can get.
fn scp(host: &Host, account: &Account, source: &str) -> Output {
    host.direct(account, format!("scp -f {source}").as_bytes(), GO_ON)
}

/// The same through sshd with rsync, into an empty directory; returns the names that arrived.
fn rsync(host: &Host, account: &Account, source: &str) -> (Output, String) {
    host.shell_line(&format!("rm -rf {LOCAL}/got; mkdir {LOCAL}/got"));
    let mut command = std::process::Command::new("rsync");
    command.current_dir(LOCAL).env_clear().env("LC_ALL", "C");
    command.env("PATH", "/usr/bin:/bin").env("HOME", "/tmp");
    command.args(["-e", &format!("ssh -F {CLIENT_CONFIG}")]);
    command.args(["-tl", "--old-args"]);
    command.arg(format!("{}@host:{source}", account.name));
    let output = host.run(command.arg("got/"), b"");
    (output, host.shell_line(&format!("ls {LOCAL}/got")))
}

/// The account's shell with this much memory, in KiB.
fn scp_within(host: &Host, account: &Account, memory: u32, command: &str) -> Output {
    let mut shell = host.shell(account);
    let mut limited = std::process::Command::new("prlimit");
    limited.arg(format!("--as={}", u64::from(memory) * 1024));
    limited.args([account.shell_path(), "-c", command]);
    // As the shell would be started, except for its name.
    use std::os::unix::process::CommandExt;
    limited.uid(account.id).gid(account.id).env_clear();
    limited.current_dir(account.home());
    for (name, value) in shell.env("LC_ALL", "C").get_envs() {
        limited.env(name, value.unwrap_or_default());
    }
    host.run(&mut limited, GO_ON)
}

/// Six links to `.` make six to the n names of one file.
const LINKS: [&str; 6] = ["l1", "l2", "l3", "l4", "l5", "l6"];

const ENOUGH: u32 = 96 * 1024;

#[test]
fn they_take_bounded_memory_and_time() {
    let host = host("idle_timeout = \"1h\"\n");
    in_uploads(&host, |uploads| {
        for link in LINKS {
            symlink(".", uploads.join(link)).expect("a link");
        }
    });
    let paths = |levels: usize, last: &str| format!("uploads/{}{last}", "l*/".repeat(levels));
    // What fits is sent, as with an ordinary shell.
    for account in [host.plain(), host.alice()] {
        let fetched = scp_within(
            &host,
            account,
            ENOUGH,
            &format!("scp -f {}", paths(1, "o*.txt")),
        );
        let count = fetched.out().matches("uploaded before").count();
        assert!(count >= 3, "{}: {fetched}", account.name);
    }
    let rows = [
        // More names than execve(2) accepts, which an ordinary shell reports too.
        (paths(7, "old.txt"), "cannot take that many names", true),
        // No match, but a million names to look at.
        (
            paths(12, "nothing*"),
            "there are too many names to look at",
            false,
        ),
        (
            format!("uploads/{}", "*/".repeat(60)),
            "there are too many names to look at",
            false,
        ),
    ];
    for (source, reason, plain_too) in &rows {
        if *plain_too {
            let plain = scp(&host, host.plain(), source).failed("an ordinary shell");
            assert!(plain.err().contains("too long"), "{plain}");
        }
        for server in ["scp -f", "rsync --server --sender -r ."] {
            let _ = host.log();
            let ours = scp_within(&host, host.alice(), ENOUGH, &format!("{server} {source}"));
            assert_eq!(
                (ours.code(), ours.out().as_str()),
                (125, ""),
                "{server}: {ours}"
            );
            assert!(ours.err().contains(reason), "{server}: {ours}");
            assert_eq!(ours.err().lines().count(), 1, "{ours}");
            let log = host.log();
            assert!(log.iter().any(|line| line.text.contains(reason)), "{log:?}");
            let last = &log.last().expect("a closing line").text;
            assert!(last.contains("end server=exited:125"), "{log:?}");
        }
    }
}

/// A pattern that nearly matches at each byte of each name.
#[test]
fn a_costly_pattern_ends() {
    let host = host("");
    in_uploads(&host, |uploads| {
        for number in 0..25_000 {
            let name = format!("{}{number:05}", "a".repeat(200));
            std::fs::write(uploads.join(name), "").expect("a file");
        }
    });
    // That many names are no problem for an ordinary pattern.
    let cheap = "uploads/a*0000[7]";
    for account in [host.plain(), host.alice()] {
        scp(&host, account, cheap).succeeded("a long name");
    }
    let costly = format!("uploads/*{}b", "a".repeat(100));
    let ours = scp(&host, host.alice(), &costly);
    assert_eq!((ours.code(), ours.out().as_str()), (125, ""), "{ours}");
    assert!(ours.err().contains("the pattern is too costly"), "{ours}");
}

/// Exactly as many names as execve(2) accepts: with one more, xfersh reports it, not the kernel.
#[test]
fn what_is_let_through_can_be_executed() {
    let host = host("");
    let uploads = host.alice().at("uploads");
    let names = |count: usize| {
        host.inside(|| {
            let _ = std::fs::remove_dir_all(uploads.join("many"));
            std::fs::create_dir(uploads.join("many")).expect("a directory");
            for number in 0..count {
                let name = format!("many/{number:05}");
                std::fs::write(uploads.join(name), "").expect("a file");
            }
        });
        // A client that goes away at once: the server has started, or not.
        let command = "ulimit -s 512; exec /opt/xfersh -c 'scp -f uploads/many/*'";
        let mut shell = std::process::Command::new("sh");
        use std::os::unix::process::CommandExt;
        shell.args(["-c", command]).current_dir(host.alice().home());
        shell.uid(host.alice().id).gid(host.alice().id).env_clear();
        let ours = host.run(&mut shell, b"\0");
        let refused = ours.err().contains("cannot take that many names");
        let started = ours.out().starts_with("C0644 0 00000\n");
        assert!(refused != started, "{count}: {ours}");
        started
    };
    let (mut fits, mut too_many) = (1, 10_000);
    assert!(names(fits) && !names(too_many));
    while too_many - fits > 1 {
        let middle = usize::midpoint(fits, too_many);
        *(if names(middle) {
            &mut fits
        } else {
            &mut too_many
        }) = middle;
    }
    // 128 KiB by the kernel's rule, 27 bytes per name; the environment takes a little.
    assert!((4_800..4_855).contains(&fits), "{fits}");
}

#[test]
fn a_name_that_is_no_text_is_sent() {
    use std::os::unix::ffi::OsStrExt;
    let mut host = host("");
    in_uploads(&host, |uploads| {
        let name = std::ffi::OsStr::from_bytes(b"n\xff");
        std::fs::write(uploads.join(name), "bytes\n").expect("a file");
        std::fs::write(uploads.join("nn"), "text\n").expect("a file");
    });
    host.start_sshd(&crate::harness::SshdConfig::default());
    for account in [host.plain(), host.alice()] {
        for source in ["uploads/n*", "uploads/n?", "uploads/n[!a]"] {
            let fetched = scp(&host, account, source).succeeded(source);
            assert!(
                fetched.stdout.windows(2).any(|bytes| bytes == b"n\xff"),
                "{fetched}"
            );
            assert!(fetched.out().contains("text\n"), "{fetched}");
        }
        let (output, names) = rsync(&host, account, "uploads/n*");
        output.succeeded("rsync");
        assert_eq!(names.lines().count(), 2, "{}: {names}", account.name);
    }
}

/// What a wildcard stands for decides where `..` leads.
#[test]
fn no_way_up_behind_a_wildcard() {
    let mut host = host("");
    host.start_sshd(&crate::harness::SshdConfig::default());
    for source in [
        "uploads/s*/../../../../etc/passwd",
        "uploads/s*/../../../../etc/passw*",
        "~/uploads/[s]ub/../../../../srv/outside/secret.txt",
        r"uploads/s*/\.'.'/../../../srv/outside/secret.txt",
    ] {
        let sent = |output: &Output| {
            output.out().contains("root:") || output.out().contains("of somebody else")
        };
        let plain = scp(&host, host.plain(), source).succeeded("an ordinary account");
        assert!(sent(&plain), "proves nothing: {plain}");
        let _ = host.log();
        let ours = scp(&host, host.alice(), source);
        assert_eq!((ours.code(), ours.out().as_str()), (126, ""), "{ours}");
        let log = host.log();
        let reason = "stage=path reason=\"'..' after a wildcard\"";
        assert!(log.iter().any(|line| line.text.contains(reason)), "{log:?}");
        let (output, names) = rsync(&host, host.plain(), source);
        output.succeeded("an ordinary account");
        assert!(!names.is_empty(), "proves nothing: nothing was sent");
        let (output, names) = rsync(&host, host.alice(), source);
        output.failed("rsync");
        assert_eq!(names, "");
    }
    // A target is one name, wildcards or not, and is judged as a whole.
    let target = host.direct(host.alice(), b"scp -t uploads/*/../..", b"");
    assert_eq!(target.code(), 126, "{target}");
}

/// A link that a wildcard matches is judged by where it leads, like one that is named.
#[test]
fn a_link_that_matches_opens_no_start_up_file() {
    let mut host = host("");
    host.start_sshd(&crate::harness::SshdConfig::default());
    in_uploads(&host, |uploads| {
        symlink("/etc/passwd", uploads.join("pw")).expect("a link");
        // The word itself, if it matches nothing else.
        symlink("/etc/passwd", uploads.join("[z]")).expect("a link");
        symlink("/etc", uploads.join("sub/e")).expect("a link");
    });
    for source in [
        "uploads/pw",
        "uploads/p*",
        "uploads/*w",
        "uploads/[z]",
        "uploads/s*/e/passwd",
        "uploads/s*/[e]/passwd",
    ] {
        let plain = scp(&host, host.plain(), source).succeeded("an ordinary account");
        assert!(plain.out().contains("root:"), "proves nothing: {plain}");
        let ours = scp(&host, host.alice(), source).failed(source);
        assert!(!ours.out().contains("root:"), "{source}: {ours}");
    }
    // rsync sends the link itself, and does not read what it leads to.
    for account in [host.plain(), host.alice()] {
        let (output, names) = rsync(&host, account, "uploads/p*");
        output.succeeded("rsync of a link");
        assert_eq!(names, "pw\n", "{}", account.name);
    }
}

/// What the kernel refuses is refused to the client by name; the rest is sent.
#[test]
fn what_leads_out_does_not_keep_the_others() {
    let host = host("");
    in_uploads(&host, |uploads| {
        symlink("/etc/passwd", uploads.join("start-up-t")).expect("a link");
    });
    let plain = scp(&host, host.plain(), "uploads/*t").succeeded("an ordinary account");
    assert!(plain.out().contains("secret.txt of somebody else"));
    assert!(plain.out().contains("root:"));
    let ours = scp(&host, host.alice(), "uploads/*t").failed("one of two");
    assert!(ours.out().contains("uploaded before"), "{ours}");
    assert!(!ours.out().contains("of somebody else"), "{ours}");
    assert!(!ours.out().contains("root:"), "{ours}");
    assert!(ours.out().contains("uploads/start-up-t"), "{ours}");
    assert!(ours.out().contains("uploads/to-secret"), "{ours}");
}

/// The guard answers each look; what is hidden is not matched.
#[test]
fn hidden_names_match_nothing() {
    let mut host = host("dotfiles = \"hidden\"\n");
    host.start_sshd(&crate::harness::SshdConfig::default());
    for (source, content) in [
        ("uploads/.h*", "hidden\n"),
        ("site/.[!a]*/hooks/post*", "#!"),
    ] {
        let plain = scp(&host, host.plain(), source).succeeded("an ordinary account");
        assert!(plain.out().contains(content), "proves nothing: {plain}");
        let ours = scp(&host, host.alice(), source).failed(source);
        let said = ours.out() + &ours.err();
        assert!(!said.contains(content), "{said}");
        assert!(
            !said.contains(".hidden") && !said.contains(".git"),
            "{said}"
        );
        let (output, names) = rsync(&host, host.alice(), source);
        output.failed("rsync");
        assert_eq!(names, "");
    }
    for account in [host.plain(), host.alice()] {
        for (source, count) in [("uploads/o*.txt", 1), ("*/*.*t*", 2)] {
            let fetched = scp(&host, account, source).succeeded(source);
            let seen = fetched.out().matches("C0644 ").count();
            assert_eq!(seen, count, "{}: {fetched}", account.name);
            let (output, names) = rsync(&host, account, source);
            output.succeeded(source);
            assert_eq!(names.lines().count(), count, "{}: {names}", account.name);
        }
    }
}
