//! A policy file that cannot be trusted or understood: every session is refused, and the log and `--check` say why.

use std::path::Path;

use crate::harness::account::set_mode;
use crate::harness::{Host, XFERSH};

const FILE: &str = "/etc/xfersh.toml";

struct Case {
    name: &'static str,
    make: fn(&Host),
    /// What the log line and `--check` both say, besides the file.
    said: &'static [&'static str],
    /// The line of the file that the diagnosis names.
    line: Option<u32>,
}

const fn text_case(
    name: &'static str,
    make: fn(&Host),
    said: &'static [&'static str],
    line: u32,
) -> Case {
    Case {
        name,
        make,
        said,
        line: Some(line),
    }
}

const fn file_case(name: &'static str, make: fn(&Host), said: &'static [&'static str]) -> Case {
    Case {
        name,
        make,
        said,
        line: None,
    }
}

/// A policy as Kubernetes delivers a ConfigMap: a directory on a file system in memory that others may write, but which
/// is sticky; in it, links of root's. Then what a case changes.
fn linked(host: &Host, change: &str) {
    host.shell_line(
        "mkdir -p /opt/config && mount -t tmpfs -o mode=1777 tmpfs /opt/config && cd /opt/config && mkdir ..1 && \
         echo 'protocols = [\"sftp\"]' >..1/policy && ln -s ..1 ..data && ln -s ..data/policy policy && \
         ln -s ../opt/config/policy /etc/xfersh.toml",
    );
    host.shell_line(change);
}

fn good(host: &Host) {
    host.policy("protocols = [\"sftp\", \"scp\"]\n");
}

const CASES: &[Case] = &[
    file_case(
        "writable by all",
        |h| {
            good(h);
            h.inside(|| set_mode(Path::new(FILE), 0o666));
        },
        &["written by others"],
    ),
    file_case(
        "writable by the group",
        |h| {
            good(h);
            h.inside(|| set_mode(Path::new(FILE), 0o664));
        },
        &["written by others"],
    ),
    file_case(
        "owned by another",
        |h| {
            good(h);
            let owner = h.alice().id;
            h.inside(|| std::os::unix::fs::chown(FILE, Some(owner), None))
                .expect("chown");
        },
        &["own"],
    ),
    file_case(
        "a link of another account's",
        |h| linked(h, "chown -h alice /etc/xfersh.toml"),
        &["/etc/xfersh.toml is a link of uid", "not of root"],
    ),
    file_case(
        "a chain with a link of another account's",
        |h| linked(h, "chown -h alice /opt/config/..data"),
        &["/opt/config/..data is a link of uid", "not of root"],
    ),
    file_case(
        "a link into what others may write",
        |h| linked(h, "chmod 777 /opt/config"),
        &["/opt/config can be written by others (mode 0777)"],
    ),
    file_case(
        "a link through another account's directory",
        |h| linked(h, "chown alice /opt/config/..1"),
        &["/opt/config/..1 is owned by uid"],
    ),
    file_case(
        "a link to a file that others may write",
        |h| linked(h, "chmod 666 /opt/config/..1/policy"),
        &["/opt/config/..1/policy can be written by others"],
    ),
    file_case(
        "a link to what is not there",
        |h| linked(h, "rm /opt/config/..1/policy"),
        &["policy /etc/xfersh.toml: /opt/config/..1/policy: No such file"],
    ),
    file_case(
        "a link to a directory",
        |h| linked(h, "ln -sfn / /etc/xfersh.toml"),
        &["/ is not a regular file"],
    ),
    file_case(
        "more links than the kernel follows",
        |h| {
            linked(
                h,
                "cd /opt; ln -s config/policy 1; for i in $(seq 2 40); do ln -s $((i-1)) $i; done; \
                 ln -sfn /opt/40 /etc/xfersh.toml",
            );
        },
        &["Too many levels of symbolic links"],
    ),
    file_case(
        "a FIFO",
        |h| {
            h.root("mkfifo", &["-m", "644", FILE]).succeeded("mkfifo");
        },
        &["regular file"],
    ),
    file_case(
        "a directory",
        |h| {
            h.root("mkdir", &[FILE]).succeeded("mkdir");
        },
        &["regular file"],
    ),
    file_case(
        "2 MiB",
        |h| h.policy(&"# filler\n".repeat(2 << 17)),
        &["MiB"],
    ),
    file_case(
        "unreadable for the account",
        |h| {
            good(h);
            h.inside(|| set_mode(Path::new(FILE), 0o600));
        },
        &["ermission"],
    ),
    file_case(
        "in a directory that others may write",
        |h| {
            good(h);
            h.inside(|| set_mode(Path::new("/etc"), 0o777));
        },
        &["written by others"],
    ),
    text_case(
        "an unknown key",
        |h| h.policy("umask = \"027\"\nprotocol = [\"sftp\"]\n"),
        &["protocol"],
        2,
    ),
    text_case(
        "a wrong type",
        |h| h.policy("\nprotocols = \"sftp\"\n"),
        &["protocols"],
        2,
    ),
    text_case(
        "an empty list",
        |h| h.policy("writable = []\n"),
        &["empty list"],
        1,
    ),
    text_case(
        "an empty list of protocols",
        |h| h.policy("protocols = []\n"),
        &["empty list"],
        1,
    ),
    text_case(
        "an unknown word",
        |h| h.policy("protocols = [\"sftp\", \"ftp\"]\n"),
        &["ftp"],
        1,
    ),
    text_case(
        "no TOML",
        |h| h.policy("protocols = [\"sftp\"\nwritable\n"),
        &[],
        2,
    ),
    text_case(
        "the same key twice",
        |h| h.policy("umask = \"027\"\numask = \"022\"\n"),
        &["umask"],
        2,
    ),
    file_case(
        "not UTF-8",
        |h| h.write(FILE, b"message = \"\xff\xfe\"\n"),
        &["UTF-8"],
    ),
    text_case(
        "the root directory",
        |h| h.policy("writable = [\"/\"]\n"),
        &["/"],
        1,
    ),
    text_case(
        "the home as writable",
        |h| h.policy("writable = [\"~\"]\n"),
        &["~"],
        1,
    ),
    text_case(
        "a dot directory of the home",
        |h| h.policy("writable = [\"~/.ssh\"]\n"),
        &[".ssh"],
        1,
    ),
    text_case(
        "/proc",
        |h| h.policy("readable = [\"/proc\"]\n"),
        &["/proc"],
        1,
    ),
    text_case(
        "a relative path",
        |h| h.policy("writable = [\"uploads\"]\n"),
        &["must begin with"],
        1,
    ),
    text_case(
        "an unknown key in a match",
        |h| h.policy("[[match]]\nuser = [\"alice\"]\nwriteable = [\"~/in\"]\n"),
        &["writeable"],
        3,
    ),
];

#[test]
fn a_wrong_policy_refuses_every_session_and_says_why() {
    let mut wrong = Vec::new();
    for case in CASES {
        let host = Host::new();
        assert_eq!(
            host.direct(host.alice(), b"sftp-server", b"").code(),
            0,
            "works without a policy"
        );
        let _ = host.log();
        (case.make)(&host);
        if let Err(what) = judge(&host, case) {
            wrong.push(format!("{}: {what}", case.name));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        CASES.len(),
        wrong.join("\n")
    );
}

fn judge(host: &Host, case: &Case) -> Result<(), String> {
    let before = host.disk();
    for command in ["sftp-server", "scp -t uploads"] {
        let output = host.direct(host.alice(), command.as_bytes(), b"");
        if output.code() != 126 || !output.stdout.is_empty() || output.err().lines().count() != 1 {
            return Err(format!(
                "{command} is not refused as it should be: {output}"
            ));
        }
        if output.err().contains(FILE) {
            return Err(format!("the client is told about the policy: {output}"));
        }
        let log = host.log();
        let [line] = &log[..] else {
            return Err(format!("one log line expected: {log:?}"));
        };
        says(&line.text, case).map_err(|what| format!("the log {what}: {}", line.text))?;
        let check = host.root(XFERSH, &["--check", "--user", "alice", "-c", command]);
        if check.code() != 2 {
            return Err(format!("--check should end with 2: {check}"));
        }
        says(&check.err(), case).map_err(|what| format!("--check {what}: {check}"))?;
    }
    let lint = host.root(XFERSH, &["--check", "--user", "alice"]);
    if lint.code() != 2 {
        return Err(format!(
            "--check without a command should end with 2: {lint}"
        ));
    }
    match before.diff(&host.disk()) {
        diff if diff.is_empty() => Ok(()),
        diff => Err(format!("the disk changed:\n{diff}")),
    }
}

fn says(text: &str, case: &Case) -> Result<(), String> {
    let line = case.line.map(|number| format!("{FILE}:{number}:"));
    // A file system error may be in a directory above, which is then what is named.
    let file = case.line.map(|_| FILE.to_owned());
    let words = case.said.iter().map(|word| (*word).to_owned());
    let words = words.chain(file).chain(line);
    for word in words {
        if !text.contains(&word) {
            return Err(format!("does not say {word:?}"));
        }
    }
    Ok(())
}

/// All errors at once, so that one round is enough to fix them.
#[test]
fn every_error_is_reported_at_once() {
    let host = Host::new();
    host.policy("protocol = [\"sftp\"]\nwritable = []\numask = 22\n");
    let output = host.root(XFERSH, &["--check", "--user", "alice"]);
    for line in 1..=3 {
        assert!(
            output.err().contains(&format!("{FILE}:{line}:")),
            "line {line}: {output}"
        );
    }
    assert_eq!(output.code(), 2, "{output}");
}

#[test]
fn a_good_policy_holds() {
    let host = Host::new();
    host.policy("protocols = [\"sftp\"]\nwritable = [\"~/uploads\"]\nmessage = \"Copying only; ask the desk.\"\n");
    let refused = host.direct(host.alice(), b"scp -t uploads", b"");
    assert_eq!(
        (refused.code(), refused.err().as_str()),
        (126, "xfersh: Copying only; ask the desk.\n")
    );
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.put("uploads/new", b"x").ok());
    let before = host.disk();
    assert!(!sftp.put("site/new", b"x").ok());
    before.assert_same(&host.disk(), "a directory that the policy leaves out");
    assert_eq!(sftp.end(), 0);
}

/// An update points `..data` to a new directory and removes the old one: the next session has the new policy. While that
/// happens again and again, no session is refused for it, and none gets the defaults.
#[test]
fn links_that_only_root_could_have_made_lead_to_the_policy() {
    let host = Host::new();
    let served = |command: &str| host.direct(host.alice(), command.as_bytes(), b"").code();
    linked(&host, "true");
    assert_eq!((served("sftp-server"), served("scp -t uploads")), (0, 126));
    let check = host.root(XFERSH, &["--check", "--user", "alice"]);
    check.succeeded("--check");
    let update = "cd /opt/config; new=..$N; mkdir $new; echo 'protocols = [\"scp\"]' >$new/policy; \
                  old=$(readlink ..data); ln -s $new ..tmp; mv -T ..tmp ..data; rm -r $old";
    host.shell_line(&format!("N=2; {update}"));
    assert_eq!(served("sftp-server"), 126, "after an update");
    let _ = host.log();
    host.shell_line(&format!(
        "sh -c 'N=3; while [ ! -e /opt/stop ]; do {}; N=$((N+1)); done' >/opt/said 2>&1 &",
        update.replace('\'', "'\\''")
    ));
    for _ in 0..100 {
        assert_eq!(served("sftp-server"), 126, "the defaults would serve it");
    }
    host.shell_line("touch /opt/stop");
    let log = host.log();
    let lost = log.iter().filter(|line| line.text.contains("No such file"));
    assert!(
        lost.count() * 20 < log.len(),
        "sessions find no policy: {log:#?}"
    );
}

#[test]
fn a_match_block_holds_for_its_account_and_address() {
    let host = Host::new();
    host.policy(
        "protocols = [\"sftp\"]\n[[match]]\nuser = [\"al*\"]\naddress = [\"127.0.0.0/8\"]\nprotocols = [\"scp\"]\n",
    );
    assert_eq!(
        host.direct(host.alice(), b"sftp-server", b"").code(),
        126,
        "from 127.0.0.1"
    );
    let elsewhere = host.run(
        host.shell(host.alice())
            .env("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
            .env("SSH_CLIENT", "192.0.2.1 1 22")
            .args(["-c", "sftp-server"]),
        b"",
    );
    assert_eq!(elsewhere.code(), 0, "{elsewhere}");
    let check = |address: &str| {
        host.root(
            XFERSH,
            &[
                "--check",
                "--user",
                "alice",
                "--address",
                address,
                "-c",
                "sftp-server",
            ],
        )
        .code()
    };
    assert_eq!((check("127.0.0.1"), check("192.0.2.1")), (126, 0));
}
