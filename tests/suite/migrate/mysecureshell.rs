//! MySecureShell: a login shell with an sftp server of its own, and a chroot that only it believes in.

use super::*;

const LINES: &[Line] = &[
    same("sftp put up; get up got; rm up"),
    same("sftp put -r tree; rename tree moved; rm moved/sub/two; rmdir moved/sub; rmdir moved"),
    same("SCP up HOST:by-scp"),
    no_more("sftp put up /absolute; rm /absolute"),
    instead("sftp put up /srv/ftp/alice/absolute; rm /srv/ftp/alice/absolute"),
    no_more("sftp put .dot; rm .dot"),
    never("sftp get /etc/ssh/sshd_config got"),
    never("SSH HOST id"),
    never("SCP -O up HOST:x"),
    never("RSYNC up HOST:x"),
];

#[test]
fn an_account_comes_from_mysecureshell() {
    let mut host = host();
    host.write(
        "/etc/ssh/sftp_config",
        block("old: mysecureshell").as_bytes(),
    );
    let alice = add(&host, "alice", "/usr/bin/mysecureshell");
    sh(
        &host,
        "mkdir /srv/ftp && install -d -o alice -g alice /srv/ftp/alice",
    );
    host.start_system_sshd();
    try_lines(&host, &alice, LINES, false);
    let modes = || {
        host.sftp(&alice, "put up mode\nmkdir modes\nchmod 4755 mode\n")
            .succeeded("a file");
        host.shell_line("cd /srv/ftp/alice; stat -c %a mode modes; rm mode; rmdir modes")
    };
    assert_eq!(modes(), "4755\n777\n");
    put_policy(&host, "from-mysecureshell");
    run(&host, "move-account");
    run(&host, "from-mysecureshell");
    let said = host.root("xfersh", &["--doctor", "--user", "alice"]);
    assert!(said.out().contains("0 serious, 0 warnings"), "{said}");
    try_lines(&host, &alice, LINES, true);
    assert_eq!(modes(), "640\n750\n");
}
