//! scponly and rssh, which no archive carries any more: accounts as their documents set them up, with the programs that
//! are missing, are moved by the blocks of the guide.

use super::*;

/// What of the host was copied into a chroot, as far as it matters.
const JAIL: &str = "mkdir -p bin lib/x dev etc usr/lib && cp /bin/sh bin && cp /etc/passwd etc && mknod dev/null c 1 3";

/// The shell is not there: nobody gets in, and nobody needs to.
fn has_no_program(host: &Host, who: &Account) {
    host.sftp(who, "ls\n").failed("a shell that is gone");
}

const LINES: &[Line] = &[
    same("sftp put up; get up got; rm up"),
    same("sftp put -r tree; rename tree moved; rm moved/sub/two; rmdir moved/sub; rmdir moved"),
    same("SCP up HOST:by-scp"),
    same("SCP -O -r tree HOST:by-old-scp"),
    never("sftp put .dot"),
    never("sftp put up ../beside"),
    never("sftp get /etc/ssh/sshd_config got"),
    never("SSH HOST id"),
    never("RSYNC up HOST:x"),
];

/// scponlyc: the home is the chroot, with what the programs need, and after two slashes where the session starts.
#[test]
fn an_account_comes_from_scponly() {
    let mut host = host();
    let alice = add(&host, "alice", "/usr/local/sbin/scponlyc");
    sh(
        &host,
        &format!(
            "cd /home/alice && {JAIL} && install -d -o alice -g alice incoming && \
             chown root: . && chmod 755 . && usermod -d /home/alice//incoming alice && \
             mkdir incoming/.ssh && mv .ssh/authorized_keys incoming/.ssh && rmdir .ssh && chown -R alice: incoming && \
             runuser -u alice -- sh -c 'echo earlier >incoming/earlier'",
        ),
    );
    host.start_system_sshd();
    has_no_program(&host, &alice);
    put_policy(&host, "from-scponly");
    run(&host, "move-account");
    run(&host, "from-scponly");
    let said = host.root("xfersh", &["--doctor", "--user", "alice"]);
    assert!(said.out().contains("0 serious"), "{said}");
    assert_eq!(
        host.shell_line("ls /home/alice; getent passwd alice | cut -d: -f6"),
        "incoming\n/home/alice\n"
    );
    try_lines(&host, &alice, LINES, true);
    host.sftp(&alice, "get earlier got\n")
        .succeeded("what is from before");
}

/// rssh: the jail has the homes of several accounts, with umask and protocols for each.
#[test]
fn accounts_come_from_rssh() {
    let mut host = host();
    host.write("/etc/rssh.conf", block("old: rssh").as_bytes());
    sh(
        &host,
        &format!("mkdir -p /srv/jail/home && cd /srv/jail && {JAIL}"),
    );
    let accounts = ["alice", "bob"].map(|name| {
        let account = add(&host, name, "/usr/bin/rssh");
        sh(
            &host,
            &format!(
                "mv /home/{name} /srv/jail/home && usermod -d /srv/jail/home/{name} {name} && \
                 runuser -u {name} -- mkdir /srv/jail/home/{name}/files"
            ),
        );
        account
    });
    host.start_system_sshd();
    let [alice, bob] = &accounts;
    has_no_program(&host, alice);
    put_policy(&host, "from-rssh");
    run(&host, "move-account");
    let for_bob = block("run: move-account").replace("name=alice", "name=bob");
    sh(&host, &for_bob);
    let mode = |name: &str| host.shell_line(&format!("stat -c %a /srv/jail/home/{name}/files/up"));
    try_lines(
        &host,
        alice,
        &[
            same("sftp put up files/up; get files/up got"),
            same("SCP -O up HOST:files/old"),
            never("SCP -O up HOST:"),
            never("RSYNC up HOST:files/"),
            never("SSH HOST id"),
        ],
        true,
    );
    assert_eq!(mode("alice"), "644\n");
    try_lines(
        &host,
        bob,
        &[
            never("sftp put up files/up"),
            never("SCP -O up HOST:files/up"),
            same("RSYNC up HOST:files/"),
            never("RSYNC up HOST:"),
        ],
        true,
    );
    assert_eq!(mode("bob"), "640\n");
}
