//! GNU Rush: a login shell whose rules match and rewrite the command line.

use super::*;

const LINES: &[Line] = &[
    same("sftp put up; get up got; rm up"),
    same("sftp put -r tree; rename tree moved; rm moved/sub/two; rmdir moved/sub; rmdir moved"),
    same("SCP up HOST:by-scp"),
    same("SCP -O -r tree HOST:by-old-scp"),
    same("SCP -O HOST:by-scp got"),
    same("RSYNC -rt tree HOST:by-rsync"),
    same("RSYNC -rt --delete HOST:by-rsync/ back"),
    same("sftp put up /home/alice/files/absolute; rm /home/alice/files/absolute"),
    // What it lets a client do to become more than one that copies.
    no_more("sftp put up /home/alice/beside; rm /home/alice/beside"),
    no_more("sftp put .dot /home/alice/.bashrc"),
    no_more("sftp rename /home/alice/.ssh /home/alice/.s; rename /home/alice/.s /home/alice/.ssh"),
    no_more("sftp get /etc/ssh/sshd_config got"),
    no_more("SCP -O .dot HOST:/home/alice/.profile"),
    no_more("RSYNC .dot HOST:/home/alice/.rsynced"),
    never("SSH HOST id"),
];

#[test]
fn an_account_comes_from_rush() {
    let mut host = host();
    host.write("/etc/rush.rc", block("old: rush").as_bytes());
    let alice = add(&host, "alice", "/usr/sbin/rush");
    sh(&host, "install -d -o alice -g alice /home/alice/files");
    host.start_system_sshd();
    try_lines(&host, &alice, LINES, false);
    let mode = || {
        host.sftp(&alice, "-rm mode\nput up mode\n")
            .succeeded("a file");
        host.shell_line("stat -c %a /home/alice/files/mode; rm /home/alice/files/mode")
    };
    assert_eq!(mode(), "640\n");
    put_policy(&host, "from-rush");
    let said = run(&host, "move-account");
    assert!(said.out().contains("0 serious"), "{said}");
    let before = host.shell_line("sha256sum ~alice/.bashrc ~alice/.profile ~alice/.ssh/*");
    try_lines(&host, &alice, LINES, true);
    assert_eq!(mode(), "640\n");
    let after = host.shell_line("sha256sum ~alice/.bashrc ~alice/.profile ~alice/.ssh/*");
    assert_eq!(before, after);
    // And back, as the guide says.
    sh(
        &host,
        "usermod --shell /usr/sbin/rush alice; gpasswd -d alice xfersh",
    );
    try_lines(&host, &alice, &LINES[..3], false);
    host.sftp(&alice, "put .dot\n").succeeded("a dotfile");
}
