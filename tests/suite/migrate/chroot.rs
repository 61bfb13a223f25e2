//! `ForceCommand internal-sftp` with `ChrootDirectory`: keys elsewhere, the home a path in the chroot.

use super::super::doctor::{findings_of, mend};
use super::super::doctor_state::State;
use super::*;

const CONFIG: &str = "/etc/ssh/sshd_config";

/// The old set-up of the guide, with alice and bob.
fn old() -> (Host, Account, Account) {
    let mut host = host();
    // Its Subsystem line replaces the distribution's.
    sh(&host, &format!("sed -i '/^Subsystem/d' {CONFIG}"));
    let text = host.shell_line(&format!("cat {CONFIG}"));
    host.write(CONFIG, format!("{text}{}", block("old: chroot")).as_bytes());
    sh(
        &host,
        &format!(
            "groupadd sftponly && mkdir -p /srv/sftp /etc/ssh/sftp_keys; cp {CLIENT_KEY}.pub /etc/ssh/sftp_keys/alice; cp {CLIENT_KEY}.pub /etc/ssh/sftp_keys/bob"
        ),
    );
    let accounts = ["alice", "bob"].map(|name| {
        sh(
            &host,
            &format!(
                "useradd -M -d /in -s /usr/sbin/nologin -G sftponly -p '*' {name} && \
                 mkdir /srv/sftp/{name} && install -d -o {name} -g {name} /srv/sftp/{name}/in"
            ),
        );
        account(&host, name, Shell::Plain)
    });
    host.start_system_sshd();
    let [alice, bob] = accounts;
    (host, alice, bob)
}

const LINES: &[Line] = &[
    same("sftp put up; get up got; rm up"),
    same("sftp put -r tree; rename tree moved; rm moved/sub/two; rmdir moved/sub; rmdir moved"),
    same("SCP up HOST:by-scp"),
    no_more("sftp put up /in/absolute; rm /in/absolute"),
    instead("sftp put up /srv/sftp/alice/in/absolute; rm /srv/sftp/alice/in/absolute"),
    no_more("sftp put .dot; rm .dot"),
    never("sftp put up ../beside"),
    never("sftp get /etc/ssh/sshd_config got"),
    never("SSH HOST id"),
    never("SCP -O up HOST:x"),
    never("SSH -W 127.0.0.1:22 HOST | grep SSH"),
];

#[test]
fn an_account_leaves_the_chroot() {
    let (mut host, alice, bob) = old();
    try_lines(&host, &alice, LINES, false);
    host.sftp(&alice, "put up bits\nchmod 4755 bits\n")
        .succeeded("set-uid");
    let mode = || host.shell_line("stat -c %a /srv/sftp/alice/in/bits");
    assert_eq!(mode(), "4755\n");
    put_policy(&host, "from-chroot");
    run(&host, "from-chroot");
    host.start_system_sshd();
    // Who is not moved yet is served as before.
    try_lines(&host, &bob, &LINES[..3], false);
    let said = run(&host, "from-chroot-account");
    assert!(said.out().contains("0 serious, 0 warnings"), "{said}");
    try_lines(&host, &alice, LINES, true);
    host.sftp(&alice, "put up bits\nchmod 4755 bits\n")
        .succeeded("set-uid");
    let mode = host.shell_line("stat -c %a /srv/sftp/alice/in/bits");
    assert_eq!(mode, "755\n");
    try_lines(&host, &bob, LINES_OF_BOB, false);
}

const LINES_OF_BOB: &[Line] = &[
    same("sftp put up; get up got; rm up"),
    same("sftp put up /in/absolute; rm /in/absolute"),
    never("SSH HOST id"),
];

/// A home that was left as it is in the chroot keeps the account out of work; the doctor's own line mends it.
#[test]
fn a_home_in_the_chroot_is_mended_by_the_line_of_the_doctor() {
    for home in ["/in", "/"] {
        let (mut host, alice, _bob) = old();
        sh(&host, &format!("usermod -d {home} alice"));
        put_policy(&host, "from-chroot");
        run(&host, "from-chroot");
        // What explains the home is still there for this account.
        sh(&host, "rm /etc/ssh/sshd_config.d/00-xfersh.conf");
        sh(
            &host,
            "install -m 0644 /etc/ssh/sftp_keys/alice /etc/ssh/xfersh_keys/alice; \
             usermod --shell /usr/bin/xfersh --append --groups xfersh alice",
        );
        host.start_system_sshd();
        let broken = State::of(&host);
        let rows = findings_of(&host, "alice");
        let mut ids: Vec<_> = rows.iter().map(|row| row.0.as_str()).collect();
        ids.sort_unstable();
        // Below `/` no session may write at all, which is said as well.
        ids.retain(|id| *id != "account-refused" || home != "/");
        assert_eq!(
            ids,
            ["home-missing", "sshd-chroot", "sshd-force-internal-sftp"],
            "{rows:#?}"
        );
        let line = |id: &str| rows.iter().find(|row| row.0 == id).expect(id).2.clone();
        assert_eq!(line("home-missing"), "usermod -d /srv/sftp/alice alice");
        mend(&host, &line("sshd-force-internal-sftp"));
        mend(&host, &line("sshd-chroot"));
        host.start_system_sshd();
        host.sftp(&alice, "put up\n").failed(home);
        mend(&host, &line("home-missing"));
        assert_eq!(findings_of(&host, "alice"), []);
        State::of(&host).assert_untouched(
            &broken,
            &broken,
            &["/etc/ssh/sshd_config.d/00-xfersh.conf"],
            home,
        );
        try_lines(&host, &alice, LINES, true);
        assert!(host.exists("/srv/sftp/alice/in/by-scp"));
    }
}
