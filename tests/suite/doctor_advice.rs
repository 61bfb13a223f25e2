//! Advice is code: no line that the doctor prints harms anybody whom the finding is not about, even where the policy or
//! the host names what belongs to others.

use super::doctor::{findings, findings_of, mend};
use super::doctor_state::State;
use super::harness::account::Shell;
use super::prepared::{SHELL, account, installed, sh};

/// How the host is, the finding, and how its line begins. Every line is run; then only `about` may have other rights.
const OTHERS: &[(&str, &str, &str, &[&str])] = &[
    (
        "mkdir -p /srv/www/live; chown -R www-data:www-data /srv/www; printf 'writable = [\"/srv/www/live\"]\\n' >/etc/xfersh.toml",
        "directory-not-writable",
        "runuser -u www-data -- setfacl -m u:carol:rwx /srv/www/live",
        &["/srv/www/live"],
    ),
    (
        "mkdir -m 755 /srv/in; printf 'writable = [\"/srv/in\"]\\n' >/etc/xfersh.toml",
        "directory-not-writable",
        "setfacl -m u:carol:rwx /srv/in",
        &["/srv/in"],
    ),
    (
        "mkdir -p /etc/drop; printf 'writable = [\"/etc/drop\"]\\n' >/etc/xfersh.toml",
        "directory-not-writable",
        "# /etc/drop is not for this account",
        &[],
    ),
    (
        "useradd -m bob; mkdir /home/bob/in; chmod 755 /home/bob; printf 'writable = [\"/home/bob/in\"]\\n' >/etc/xfersh.toml",
        "directory-not-writable",
        "# /home/bob/in is not for this account",
        &[],
    ),
    (
        "useradd -m bob; chmod 755 /home/bob; printf 'writable = [\"/home/bob/new\"]\\n' >/etc/xfersh.toml",
        "directory-missing",
        "# /home/bob/new is not for this account",
        &[],
    ),
    (
        "useradd -m bob; mkdir /home/bob/in; chmod 700 /home/bob; printf 'writable = [\"/home/bob/in\"]\\n' >/etc/xfersh.toml",
        "directory-closed",
        "# /home/bob is not for this account",
        &[],
    ),
    (
        "mkdir -m 700 /srv/deep; mkdir /srv/deep/in; chown carol /srv/deep/in; printf 'writable = [\"/srv/deep/in\"]\\n' >/etc/xfersh.toml",
        "directory-closed",
        "setfacl -m u:carol:x /srv/deep",
        &["/srv/deep"],
    ),
    (
        "printf 'writable = [\"/srv/new/in\"]\\n' >/etc/xfersh.toml",
        "directory-missing",
        "install -d -o carol ",
        &[],
    ),
    (
        "printf 'writable = [\"~/uploads/new\"]\\n' >/etc/xfersh.toml",
        "directory-missing",
        "runuser -u carol -- mkdir -p ",
        &[],
    ),
    // A name that a link has: nothing is created over it.
    (
        "rmdir /home/carol/uploads; ln -s /etc /home/carol/uploads",
        "no-writable-directory",
        "# create a directory in /home/carol",
        &[],
    ),
    (
        "touch /srv/file; printf 'writable = [\"/srv/file\"]\\n' >/etc/xfersh.toml",
        "directory-type",
        "# /srv/file is not for this account",
        &[],
    ),
    (
        "mkdir -p /srv/www/carol/uploads; chown www-data /srv/www; chown -R carol /srv/www/carol; usermod -d /srv/www/carol carol",
        "home-path-owner",
        "# move the home",
        &[],
    ),
    (
        "mkdir -p /srv/www/carol/uploads; chgrp www-data /srv/www; chmod 2775 /srv/www; chown -R carol /srv/www/carol; usermod -d /srv/www/carol carol",
        "home-path-writable",
        "# move the home",
        &[],
    ),
    (
        "mkdir -p /srv/www/uploads; chown www-data /srv/www; chown carol /srv/www/uploads; usermod -d /srv/www carol",
        "home-owner",
        "# move the home",
        &[],
    ),
    (
        "mkdir -m 700 /srv/mine; cp /usr/lib/openssh/sftp-server /srv/mine/; printf 'sftp_server = \"/srv/mine/sftp-server\"\\n' >/etc/xfersh.toml",
        "server-mode",
        "# install the program",
        &[],
    ),
    (
        "mkdir /srv/mine; chown www-data /srv/mine; cp /usr/lib/openssh/sftp-server /srv/mine/; printf 'sftp_server = \"/srv/mine/sftp-server\"\\n' >/etc/xfersh.toml",
        "server-owner",
        "# install the program",
        &[],
    ),
    (
        "mkdir /srv/keys; chown www-data /srv/keys; cp -p /etc/ssh/xfersh_keys/carol /srv/keys/carol; \
         printf 'Match User carol\\nAuthorizedKeysFile /srv/keys/%%u\\n' >/etc/ssh/sshd_config.d/05-local.conf",
        "sshd-keys-owner",
        "# keep the keys",
        &[],
    ),
];

#[test]
fn what_belongs_to_others_is_left_alone() {
    for (line, id, begins, about) in OTHERS {
        let (host, _carol) = installed();
        let healthy = State::of(&host);
        sh(&host, line);
        let broken = State::of(&host);
        let rows = findings(&host);
        let found = rows.iter().find(|row| row.0 == *id);
        let found = found.unwrap_or_else(|| panic!("{line}\nshould give {id}, got {rows:#?}"));
        assert!(found.2.starts_with(begins), "{line}\n{}", found.2);
        for row in &rows {
            mend(&host, &row.2);
        }
        let left = findings(&host);
        let is_left = left.iter().any(|row| row.0 == *id);
        assert_eq!(
            is_left,
            found.2.starts_with("# "),
            "{line}\n{}\n{left:#?}",
            found.2
        );
        State::of(&host).assert_untouched(&healthy, &broken, about, line);
    }
}

/// Between the doctor's look and root's paste a name became a link to what is root's: no line follows it.
#[test]
fn a_name_that_became_a_link_leads_nowhere() {
    let rows: [(&str, &str, &str); 3] = [
        (
            "runuser -u carol -- mkdir -m 777 /home/carol/uploads/open",
            "home-other-writable",
            "cd /home/carol/uploads; runuser -u carol -- mv open away; runuser -u carol -- ln -s /srv/victim open",
        ),
        (
            "mkdir -p /srv/www/live; chown -R www-data:www-data /srv/www; printf 'writable = [\"/srv/www/live\"]\\n' >/etc/xfersh.toml",
            "directory-not-writable",
            "cd /srv/www; runuser -u www-data -- mv live away; runuser -u www-data -- ln -s /srv/victim live",
        ),
        (
            "mkdir -m 755 /home/carol/.ssh; touch /home/carol/.ssh/keys; chmod 666 /home/carol/.ssh/keys; chown -R carol /home/carol/.ssh",
            "ssh-directory-mode",
            "cd /home/carol/.ssh; runuser -u carol -- ln -sf /srv/victim keys",
        ),
    ];
    for (line, id, swap) in rows {
        let (host, _carol) = installed();
        sh(&host, "mkdir -m 777 /srv/victim");
        sh(&host, line);
        let rows = findings(&host);
        let found = rows.iter().find(|row| row.0 == id);
        let found = found.unwrap_or_else(|| panic!("{line}\nshould give {id}, got {rows:#?}"));
        sh(&host, swap);
        let state = || host.shell_line("stat -c '%a %u %g' /srv/victim; getfacl -cp /srv/victim");
        let before = state();
        // As root it would be followed.
        host.shell_line("chmod o-w /srv/victim");
        assert_ne!(state(), before);
        host.shell_line("chmod 777 /srv/victim");
        let _ = host.root("sh", &["-c", &found.2]);
        assert_eq!(state(), before, "{}", found.2);
    }
}

/// Whoever has a shell can put anything where root's doctor looks for keys.
#[test]
fn a_key_file_that_is_no_file_holds_nobody_up() {
    let (host, _carol) = installed();
    sh(
        &host,
        "useradd -m -s /bin/bash dora; usermod -p '*' dora; mkdir ~dora/.ssh",
    );
    for what in [
        "mkfifo",
        "truncate -s 1T",
        "ln -s /dev/zero",
        "ln -s /dev/tty",
        "mkdir",
        "ln -s authorized_keys",
    ] {
        sh(
            &host,
            &format!("cd ~dora/.ssh; rm -rf authorized_keys; {what} authorized_keys"),
        );
        for arguments in ["--doctor --all", "--doctor --user dora"] {
            let line = format!("ulimit -v 2000000; timeout 60 {SHELL} {arguments}");
            let output = host.root("sh", &["-c", &line]);
            assert!([0, 1].contains(&output.code()), "{what}: {output}");
        }
    }
}

#[test]
fn the_options_of_the_subsystem_stay() {
    let (host, _carol) = installed();
    sh(
        &host,
        "sed -i 's|^Subsystem.*|& -R -l QUIET -u 027|' /etc/ssh/sshd_config",
    );
    for row in findings(&host) {
        mend(&host, &row.2);
    }
    let line = host.shell_line("grep -i ^subsystem /etc/ssh/sshd_config");
    assert_eq!(
        line,
        "Subsystem\tsftp\t/usr/lib/openssh/sftp-server -R -u 027\n"
    );
}

#[test]
fn the_patterns_of_accept_env_stay() {
    let (host, _carol) = installed();
    sh(
        &host,
        "gpasswd -d carol xfersh; sed -i 's|^AcceptEnv.*|AcceptEnv LANG LD_* GIT_AUTHOR_NAME PATH LD_PRELOAD\\nacceptenv = HOME|' /etc/ssh/sshd_config",
    );
    let rows = findings(&host);
    let found = rows
        .iter()
        .find(|row| row.0 == "sshd-accept-env")
        .unwrap_or_else(|| panic!("{rows:#?}"));
    mend(&host, &found.2);
    sh(&host, "sshd -t");
    let lines = host.shell_line("grep -i ^acceptenv /etc/ssh/sshd_config");
    let words: Vec<_> = lines.split_whitespace().collect();
    assert_eq!(words, ["AcceptEnv", "LANG", "GIT_AUTHOR_NAME"]);
}

#[test]
fn a_home_that_root_cannot_enter_is_not_replaced() {
    let (host, _carol) = installed();
    sh(
        &host,
        "mknod /dev/fuse c 10 229; exec 9<>/dev/fuse; mount -i -t fuse -o \
         fd=9,rootmode=40000,user_id=0,group_id=0 none /home/carol",
    );
    let rows = findings(&host);
    let of_home: Vec<_> = rows
        .iter()
        .filter(|row| row.2.contains("/home/carol"))
        .collect();
    assert!(rows.iter().any(|row| row.0 == "not-examined"), "{rows:#?}");
    assert!(
        of_home
            .iter()
            .all(|row| row.2.starts_with("ls -ld ") || row.2.starts_with("# ")),
        "{rows:#?}"
    );
    sh(&host, "umount /home/carol");
}

/// A home that does not exist, or is a device, is nobody's to create, to close or to take; what the session serves the
/// doctor calls healthy.
#[test]
fn a_home_that_nobody_needs() {
    let (mut host, carol) = installed();
    sh(
        &host,
        "mkdir /srv/in; chown carol /srv/in; printf 'writable = [\"/srv/in\"]\nreadable = [\"/srv/in\"]\n' >/etc/xfersh.toml",
    );
    host.start_system_sshd();
    for home in ["/nonexistent", "/dev/null"] {
        sh(&host, &format!("usermod -d {home} carol"));
        assert_eq!(findings(&host), [], "{home}");
        host.sftp(&carol, "-mkdir /srv/in/a\nls /srv/in\n")
            .succeeded(home);
        sh(&host, "mv /etc/xfersh.toml /etc/aside");
        let rows = findings(&host);
        let found: Vec<_> = rows
            .iter()
            .filter(|row| row.0.starts_with("home-"))
            .collect();
        assert!(
            matches!(found[..], [(id, ..)] if id == "home-missing"),
            "{rows:#?}"
        );
        assert!(found[0].2.starts_with("# create the home"), "{rows:#?}");
        sh(&host, "mv /etc/aside /etc/xfersh.toml");
    }
}

#[test]
fn the_dry_run_says_how_a_closed_policy_is_opened() {
    let (host, _carol) = installed();
    sh(
        &host,
        "echo 'protocols = [\"sftp\"]' >/etc/xfersh.toml; chmod 600 /etc/xfersh.toml",
    );
    let output = host.root(SHELL, &["--check", "--user", "carol"]);
    assert_eq!(output.code(), 2, "{output}");
    let says = "cannot read the policy /etc/xfersh.toml: Permission denied (os error 13); a session reads it with the rights of its account: chmod a+r /etc/xfersh.toml";
    assert!(output.err().contains(says), "{output}");
    let host_alone = host.root(SHELL, &["--doctor"]);
    assert_eq!(host_alone.code(), 1, "{host_alone}");
    assert!(
        host_alone.out().contains("serious  policy-unreadable"),
        "{host_alone}"
    );
    sh(&host, "chmod a+r /etc/xfersh.toml");
    host.root(SHELL, &["--check", "--user", "carol"])
        .succeeded("the dry run");
}

#[test]
fn root_and_the_system_are_refused() {
    let (host, _carol) = installed();
    for (name, why) in [
        ("root", "uid 0"),
        ("www-data", "an account of the system"),
        ("daemon", "an account of the system"),
    ] {
        let output = host.root(SHELL, &["--doctor", "--user", name]);
        assert_eq!((output.code(), output.out().as_str()), (2, ""), "{output}");
        assert!(output.err().contains(why), "{output}");
    }
    // But not one that has the shell.
    sh(&host, "usermod -s /usr/bin/xfersh www-data");
    let output = host.root(SHELL, &["--doctor", "--user", "www-data"]);
    assert_eq!(output.code(), 1, "{output}");
}

/// An ordinary account with a key that is confined keeps its shell, its groups and its forwarding.
#[test]
fn an_ordinary_account_with_a_forced_key_is_left_ordinary() {
    let (mut host, _carol) = installed();
    sh(
        &host,
        "useradd -m -s /bin/bash dora; usermod -p '*' dora; usermod -aG adm dora; mkdir -m 700 ~dora/.ssh; mkdir ~dora/uploads; \
         { printf 'command=\"/usr/bin/xfersh --forced\" '; cat /etc/ssh/test_client_key.pub; } >~dora/.ssh/authorized_keys; \
         chown -R dora ~dora/.ssh ~dora/uploads; rm /etc/ssh/sshd_config.d/*",
    );
    let dora = account(&host, "dora", Shell::Plain);
    let rows = findings_of(&host, "dora");
    let ids: Vec<_> = rows.iter().map(|row| row.0.as_str()).collect();
    assert_eq!(ids, ["key-not-restricted"], "{rows:#?}");
    assert!(
        rows.iter()
            .all(|row| !row.2.contains("usermod") && !row.2.contains("gpasswd")),
        "{rows:#?}"
    );
    mend(&host, &rows[0].2);
    assert_eq!(findings_of(&host, "dora"), []);
    host.start_system_sshd();
    host.sftp(&dora, "mkdir uploads/a\n")
        .succeeded("a directory");
    host.sftp(&dora, "mkdir uploads/.a\n").failed("a dotfile");
    let keys = host.shell_line("cut -c1-60 ~dora/.ssh/authorized_keys");
    assert!(
        keys.starts_with("restrict,command=\"/usr/bin/xfersh --forced\" ssh-"),
        "{keys}"
    );
    // The same with a profile that the policy does not have yet.
    sh(
        &host,
        "sed -i 's/--forced\"/--forced --profile up\"/' ~dora/.ssh/authorized_keys",
    );
    host.sftp(&dora, "ls uploads\n")
        .failed("an unknown profile");
    let rows = findings_of(&host, "dora");
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0].0, "profile-unknown");
    mend(&host, &rows[0].2);
    assert_eq!(findings_of(&host, "dora"), []);
    host.sftp(&dora, "ls uploads\n")
        .succeeded("with the block of the line");
    host.sftp(&dora, "mkdir uploads/b\n")
        .failed("read-only, until the administrator says more");
    // All of them in a table; a member of the group with another shell is named.
    sh(
        &host,
        "useradd -m -s /bin/bash -G xfersh eve; rm /etc/ssh/xfersh_keys/carol",
    );
    let table = host.root(SHELL, &["--doctor", "--all"]);
    assert_eq!(table.code(), 1, "{table}");
    let lines: Vec<_> = table.out().lines().map(str::to_owned).collect();
    let carol = lines.iter().find(|line| line.starts_with("carol "));
    assert!(
        carol.is_some_and(|line| !line.contains("nothing found")),
        "{table}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("dora ") && line.ends_with("nothing found")),
        "{table}"
    );
    let host_alone = host.root(SHELL, &["--doctor"]);
    assert!(
        host_alone
            .out()
            .contains("eve is in the group xfersh, but its shell is /bin/bash"),
        "{host_alone}"
    );
    assert!(host_alone.out().contains("\ndora "), "{host_alone}");
    let title = ["warning  ", "group-member-shell"].concat();
    assert!(host_alone.out().contains(&title), "{host_alone}");
}
