//! The guard acts for the server's own process: its masks and its signals, without more memory or descriptors however
//! long the session lasts.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use super::{RSYNC, SFTP, attack, attacked, number};
use crate::harness::{Account, Host, Sftp, SshdConfig, guard_of};

fn mode(host: &Host, account: &Account, name: &str) -> Option<u32> {
    host.inside(|| {
        std::fs::symlink_metadata(account.at(name))
            .ok()
            .map(|facts| facts.mode() & 0o7777)
    })
}

/// All modes below a directory, so that two accounts can be compared.
fn modes(host: &Host, account: &Account, directory: &str) -> Vec<(String, u32)> {
    let mut names: Vec<String> = host.inside(|| {
        std::fs::read_dir(account.at(directory))
            .expect("listing")
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    });
    names.sort();
    names
        .into_iter()
        .map(|name| {
            let mode = mode(host, account, &format!("{directory}/{name}")).expect("just listed");
            (name, mode)
        })
        .collect()
}

#[test]
fn masks_change_in_mid_session() {
    let host = attacked("");
    for (command, words, made) in [
        (SFTP, "masks uploads/empty", 10),
        (RSYNC, "masks uploads/empty forking", 13),
    ] {
        host.refurnish();
        for account in [host.plain(), host.alice()] {
            let output = attack(&host, account, command, words).succeeded(words);
            assert_eq!(output.out(), "masked\n", "{}", account.name);
        }
        let plain = modes(&host, host.plain(), "uploads/empty");
        assert_eq!(plain.len(), made, "{plain:?}");
        let different = plain
            .iter()
            .any(|(_, mode)| mode & 0o77 != plain[0].1 & 0o77);
        assert!(different, "the masks change nothing: {plain:?}");
        assert_eq!(
            modes(&host, host.alice(), "uploads/empty"),
            plain,
            "{command}"
        );
    }
}

#[test]
fn masks_of_real_servers() {
    let mut host = Host::new();
    host.start_sshd(&SshdConfig {
        sftp: format!("{SFTP} -u 0027"),
        ..SshdConfig::default()
    });
    host.write("/tmp/local/up", b"x\n");
    host.inside(|| {
        crate::harness::account::set_mode("/tmp/local/up".as_ref(), 0o666);
        std::fs::create_dir("/tmp/local/tree").expect("a directory");
        std::fs::write("/tmp/local/tree/file", "x\n").expect("a file");
        crate::harness::account::set_mode("/tmp/local/tree".as_ref(), 0o777);
    });
    for account in [host.plain(), host.alice()] {
        host.sftp(account, "put up uploads/by-sftp\nmkdir uploads/made\n")
            .succeeded("sftp");
        for (name, options) in [
            ("new", &["-r"][..]),
            ("new-p", &["-rp"]),
            ("old", &["-O", "-r"]),
            ("old-p", &["-O", "-rp"]),
        ] {
            host.scp_to(account, options, &["tree"], &format!("uploads/{name}"))
                .succeeded(name);
        }
    }
    assert_eq!(mode(&host, host.plain(), "uploads/by-sftp"), Some(0o640));
    for directory in [
        "uploads",
        "uploads/new",
        "uploads/new-p",
        "uploads/old",
        "uploads/old-p",
    ] {
        assert_eq!(
            modes(&host, host.alice(), directory),
            modes(&host, host.plain(), directory),
            "{directory}"
        );
    }
}

#[test]
fn a_signal_does_not_make_a_call_run_twice() {
    const COUNT: u64 = 3_000;
    let host = attacked("");
    for account in [host.plain(), host.alice()] {
        let output = attack(
            &host,
            account,
            SFTP,
            &format!("mkdirs uploads/empty {COUNT}"),
        );
        let seen = ["made", "twice", "broken"].map(|word| number(&output, word));
        assert_eq!(seen, [COUNT, 0, 0], "{}: {output}", account.name);
    }
}

/// A session of the account under what `ulimit` says first.
fn limited(host: &Host, limit: &str, command: &str) -> Command {
    let id = host.alice().id.to_string();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{limit}; exec \"$@\""), "sh"])
        .args(["setpriv", "--reuid", &id, "--regid", &id])
        .args(["--clear-groups", "/opt/xfersh", "-c", command])
        .current_dir(host.alice().home());
    shell
}

/// Resident memory in KiB and the number of descriptors.
fn size(process: u32) -> (u64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the guard");
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .expect("its memory");
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).expect("its descriptors");
    (resident, descriptors.count())
}

#[test]
fn the_guard_does_not_grow() {
    const COUNT: u64 = 50_000;
    let host = attacked("");
    // First the level that a long session reaches, then ten times as many operations.
    let measure = |count: u64| {
        host.refurnish();
        // What is remembered may grow, up to its limit.
        let mut command = limited(&host, "ulimit -n 1024", RSYNC);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut session = host.namespace().spawn(&mut command).expect("a session");
        let mut input = session.stdin.take().expect("stdin is piped");
        let mut output = BufReader::new(session.stdout.take().expect("stdout is piped"));
        writeln!(input, "churn uploads/empty {count} wait").expect("telling it");
        let mut line = String::new();
        output.read_line(&mut line).expect("its word");
        assert_eq!(line, format!("done {count} failed 0\n"));
        let size = size(guard_of(session.id()));
        drop(input);
        session.wait().expect("its end");
        let log = host.log();
        let end = &log.last().expect("a closing line").text;
        assert!(end.contains(&format!("created={} ", count / 4)), "{end}");
        size
    };
    let (settled, few) = measure(COUNT / 10);
    let (grown, many) = measure(COUNT);
    // What the session created stays its own: one file in eight operations, at 32 bytes each in a table that doubles.
    let remembered = COUNT / 8 * 2 * 40 / 1024;
    assert!(
        grown <= settled + 256 + remembered,
        "{grown} KiB after {COUNT} operations, {settled} KiB after a tenth"
    );
    // New files are held for a while, 512 at most, however many there are.
    for descriptors in [few, many] {
        assert!(descriptors < 600, "{descriptors} descriptors");
    }
}

/// What the guard remembers must fit into the descriptors that the account may have.
#[test]
fn few_descriptors_are_enough() {
    let host = Host::new();
    for limits in ["ulimit -Sn 128", "ulimit -n 256", "ulimit -n 64"] {
        host.refurnish();
        let mut command = limited(&host, limits, SFTP);
        let mut sftp = Sftp::start(host.namespace(), &mut command);
        assert!(sftp.greeted, "{limits}");
        for index in 0..500 {
            let reply = sftp.put(&format!("uploads/empty/{index}"), b"x");
            assert!(reply.ok(), "{limits}: file {index}: {reply:?}");
        }
        for index in 0..300 {
            let reply = sftp.mkdir(&format!("uploads/sub/{index}"));
            assert!(reply.ok(), "{limits}: directory {index}: {reply:?}");
        }
        assert_eq!(sftp.end(), 0, "{limits}");
    }
}

/// A home with more directories than descriptors: each is a separate rule, none is kept open.
#[test]
fn many_directories_in_the_home() {
    let host = Host::new();
    host.shell_line(
        "cd /home/alice && for i in $(seq 1500); do mkdir d$i; done && chown -R alice: /home/alice",
    );
    let mut command = limited(&host, "ulimit -n 1024", SFTP);
    let mut sftp = Sftp::start(host.namespace(), &mut command);
    assert!(sftp.greeted, "{:#?}", host.log());
    assert!(sftp.put("d1500/x", b"x").ok());
    let (_, descriptors) = size(sftp.guard());
    assert!(
        descriptors < 64,
        "the guard holds {descriptors} descriptors"
    );
    assert_eq!(sftp.end(), 0);
}
