//! `--forced`: an ordinary account, some of whose sessions sshd allows only through xfersh.

use crate::harness::sshd::CLIENT_KEY;
use crate::harness::{Host, SshdConfig, XFERSH};

/// What a forced account may and may not do, with clients of both protocols.
fn confined_to_files(host: &Host) {
    let plain = host.plain();
    host.write("/tmp/local/up", b"from the client\n");
    for options in [&[][..], &["-O"]] {
        host.scp_to(plain, options, &["up"], "uploads/new")
            .succeeded("an upload");
        assert_eq!(host.read(plain.at("uploads/new")), b"from the client\n");
        host.scp_from(plain, options, "note.txt", "down")
            .succeeded("a download");
        host.sftp(plain, "rm uploads/new\n").succeeded("rm");
        let before = host.disk();
        host.scp_to(plain, options, &["up"], ".bashrc")
            .failed("an upload over a dotfile");
        host.scp_to(plain, options, &["up"], "/srv/outside/drop/up")
            .failed("an upload outside");
        before.assert_same(&host.disk(), "refused uploads");
    }
    host.log();
    let refused = host.ssh(plain, &[], "id");
    assert_eq!(refused.code(), 126, "{refused}");
    assert!(refused.stdout.is_empty(), "{refused}");
    let login = host.ssh(plain, &["-T"], "");
    assert_eq!(login.code(), 126, "{login}");
    let log = host.log();
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log[0].text.contains("account=plain") && log[0].text.contains("command=\"id\""));
    assert!(log[1].text.contains("command=-"), "{log:?}");
}

/// The account has its own shell, so that only sshd's configuration restricts it.
fn free(host: &Host) {
    let output = host
        .ssh(host.plain(), &[], "id -un")
        .succeeded("a command of an ordinary account");
    assert_eq!(output.out(), "plain\n");
    host.write("/tmp/local/up", b"from the client\n");
    host.scp_to(host.plain(), &[], &["up"], "/srv/outside/drop/up")
        .succeeded("an upload outside by an ordinary account");
    host.refurnish();
}

#[test]
fn by_force_command() {
    let mut host = Host::with_sshd();
    free(&host);
    let lines = format!("Match User plain\nForceCommand {XFERSH} --forced\n");
    host.start_sshd(&SshdConfig::with(&lines));
    confined_to_files(&host);
}

#[test]
fn by_one_key() {
    let mut host = Host::with_sshd();
    free(&host);
    let key = host.shell_line(&format!("cat {CLIENT_KEY}.pub"));
    let line = format!("restrict,command=\"{XFERSH} --forced\" {key}");
    host.write("/etc/ssh/forced_keys", line.as_bytes());
    host.start_sshd(&SshdConfig::with(
        "Match User plain\nAuthorizedKeysFile /etc/ssh/forced_keys\n",
    ));
    confined_to_files(&host);
}

/// `Subsystem sftp internal-sftp` can stay for the other accounts: sshd passes the name and its options on.
#[test]
fn with_the_internal_server_of_sshd() {
    let mut host = Host::with_sshd();
    free(&host);
    let forced = format!("Match User plain\nForceCommand {XFERSH} --forced\n");
    for (options, writes, served) in [
        ("", true, true),
        (" -f AUTH -l INFO -u 027", true, true),
        (" -R", false, true),
        (" -d /srv", false, false),
    ] {
        host.start_sshd(&SshdConfig {
            sftp: format!("internal-sftp{options}"),
            ..SshdConfig::with(&forced)
        });
        host.refurnish();
        host.write("/tmp/local/up", b"from the client\n");
        host.log();
        let read = host.sftp(host.plain(), "get uploads/old.txt down\n");
        assert_eq!(read.status.success(), served, "{options}: {read}");
        let log = host.log();
        let line = &log.first().expect("a verdict").text;
        let verdict = if served {
            "verdict=allowed"
        } else {
            "verdict=refused"
        };
        let command = format!("command=\"internal-sftp{options}\"");
        assert!(line.contains(verdict) && line.contains(&command), "{line}");
        let before = host.disk();
        let put = host.sftp(host.plain(), "put up uploads/new\n");
        assert_eq!(put.status.success(), writes, "{options}: {put}");
        if writes {
            assert_eq!(
                host.read(host.plain().at("uploads/new")),
                b"from the client\n"
            );
            let before = host.disk();
            host.sftp(host.plain(), "put up .bashrc\n")
                .failed("a dotfile");
            host.sftp(host.plain(), "put up /srv/outside/drop/up\n")
                .failed("outside");
            before.assert_same(&host.disk(), options);
        } else {
            before.assert_same(&host.disk(), options);
        }
        // The name alone, from a client that has no such forced command, is no server.
        let sent = host.ssh(host.alice(), &[], "internal-sftp");
        assert_eq!(sent.code(), 126, "{sent}");
    }
}

#[test]
fn the_variable_alone_is_no_command() {
    let host = Host::new();
    let mut shell = host.shell(host.alice());
    shell.env("SSH_ORIGINAL_COMMAND", "sftp-server");
    let output = host.run(shell.args(["-c", "id"]), b"");
    assert_eq!(output.code(), 126, "{output}");
    let mut shell = host.shell(host.alice());
    shell.env("SSH_ORIGINAL_COMMAND", "id");
    let output = host.run(shell.args(["-c", "scp -f note.txt"]), b"\0\0\0\0");
    assert!(output.status.success(), "{output}");
    assert!(output.out().contains("note.txt"), "{output}");
}
