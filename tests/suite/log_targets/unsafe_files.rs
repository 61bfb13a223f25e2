//! A log file that others than root could replace, or that clients could reach, serves nobody; `--check` says the same.

use super::{FILE, make, policy};
use crate::harness::{Host, XFERSH};

/// What is done to a sound file, why it is then refused, and how it is undone.
const ROWS: [(&str, &str, &str); 8] = [
    (
        "chown alice /var/log/xfersh/log",
        "is owned by uid",
        "chown root /var/log/xfersh/log",
    ),
    (
        "chown alice /var/log/xfersh",
        "is owned by uid",
        "chown root /var/log/xfersh",
    ),
    (
        "chmod 777 /var/log/xfersh",
        "can be written by others",
        "chmod 755 /var/log/xfersh",
    ),
    (
        "ln /var/log/xfersh/log /var/log/xfersh/second",
        "has 2 names",
        "rm /var/log/xfersh/second",
    ),
    (
        "rm /var/log/xfersh/log; mkdir /var/log/xfersh/log",
        "is neither a regular file nor a FIFO",
        "rmdir /var/log/xfersh/log; : >/var/log/xfersh/log; chmod 622 /var/log/xfersh/log",
    ),
    (
        "rm /var/log/xfersh/log; mknod /var/log/xfersh/log c 1 3",
        "is neither a regular file nor a FIFO",
        "rm /var/log/xfersh/log; : >/var/log/xfersh/log; chmod 622 /var/log/xfersh/log",
    ),
    (
        "mv /var/log/xfersh /srv/own; ln -s /srv/own /var/log/xfersh; chown -h alice /var/log/xfersh",
        "is a link of uid",
        "rm /var/log/xfersh; mv /srv/own /var/log/xfersh",
    ),
    (
        "chmod 700 /var/log/xfersh",
        "Permission denied",
        "chmod 755 /var/log/xfersh",
    ),
];

#[test]
fn each_is_refused_by_the_session_and_by_the_dry_run() {
    let host = Host::new();
    make(&host, FILE, ":>");
    host.policy(&policy(&format!("file:{FILE}"), "text"));
    let serves = || {
        let output = host.direct(host.alice(), b"sftp-server", b"");
        let check = ["--check", "--user", "alice", "-c", "sftp-server"];
        let check = host.root(XFERSH, &check);
        assert_eq!(output.code() == 0, check.code() == 0, "{output}\n{check}");
        (output.code(), check.out() + &check.err())
    };
    assert_eq!(serves().0, 0);
    for (line, why, undo) in ROWS {
        host.shell_line(line);
        let _ = host.log();
        let (code, check) = serves();
        assert_eq!(code, 126, "{line}: {check}");
        assert!(check.contains(why), "{line}: {check}");
        let log = host.log();
        assert!(
            log.iter().any(|line| line.text.contains(why)),
            "{line}: {log:#?}"
        );
        host.shell_line(undo);
        assert_eq!(serves().0, 0, "{undo}");
    }
    // A link that root alone could have made is followed.
    host.shell_line("mv /var/log/xfersh /srv/own; ln -s /srv/own /var/log/xfersh");
    assert_eq!(serves().0, 0);
}

/// In a directory of the policy, whatever may be done there.
#[test]
fn no_directory_of_the_policy_contains_it() {
    let host = Host::new();
    host.shell_line("mkdir -p /srv/drop/sub /srv/mount; ln -s /srv/drop /srv/link; mount --bind /srv/drop /srv/mount");
    make(&host, "/srv/drop/sub/log", ":>");
    let rows = [
        ("file:/srv/drop/sub/log", "writable = [\"/srv/drop\"]\n"),
        (
            "file:/srv/link/sub/log",
            "readable = [\"~\", \"/srv/drop\"]\n",
        ),
        // The same directory by a mount.
        ("file:/srv/drop/sub/log", "writable = [\"/srv/mount\"]\n"),
        (
            "file:/srv/drop/sub/log",
            "[[directory]]\npath = \"/srv/link/sub\"\naccess = \"read-only\"\n",
        ),
    ];
    for (target, more) in rows {
        host.policy(&format!("log = \"{target}\"\n{more}"));
        let _ = host.log();
        let output = host.direct(host.alice(), b"sftp-server", b"");
        assert_eq!(output.code(), 126, "{more}: {output}");
        let log = host.log();
        let says = |text: &str| text.contains("a directory of the policy");
        assert!(log.iter().any(|line| says(&line.text)), "{more}: {log:#?}");
        let check = host.root(XFERSH, &["--check", "--user", "alice"]);
        let text = check.out() + &check.err();
        assert!(says(&text), "{more}: {text}");
    }
    host.policy("log = \"file:/srv/drop/sub/log\"\nwritable = [\"~/*\"]\n");
    host.direct(host.alice(), b"sftp-server", b"")
        .succeeded("a session");
}

/// A client can send the line that names a profile: it does not choose who hears of the session.
#[test]
fn a_profile_does_not_choose_the_log() {
    let host = Host::new();
    make(&host, FILE, ":>");
    make(&host, "/var/log/xfersh/other", ":>");
    host.policy(&format!(
        "log = \"file:{FILE}\"\n[[match]]\nprofile = \"p\"\nlog = \"file:/var/log/xfersh/other\"\nlog_format = \"json\"\n"
    ));
    let mut command = host.shell(host.alice());
    command.args(["-c", &format!("{XFERSH} --forced --profile p")]);
    command.env("SSH_ORIGINAL_COMMAND", "sftp-server");
    host.run(&mut command, b"").succeeded("a session");
    assert_eq!(host.read("/var/log/xfersh/other"), b"");
    let text = String::from_utf8(host.read(FILE)).expect("text");
    assert!(
        text.contains(" profile=p ") && text.contains(" end "),
        "{text}"
    );
    assert_eq!(host.log(), []);
}
