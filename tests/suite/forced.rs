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
