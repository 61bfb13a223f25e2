//! The doctor finds what around an account keeps its sessions from working, or runs what they upload. Each finding is
//! mended by its own line, and then a real client transfers.

use super::doctor::findings;
use super::harness::account::Account;
use super::harness::sshd::CLIENT_CONFIG;
use super::harness::{Host, Kind, Output};
use super::prepared::{installed, prepared, sh};

/// How a host is broken, what the doctor calls it, and how bad it is.
type Broken = (&'static str, &'static str, &'static str);

#[track_caller]
fn found(host: &Host, broken: &Broken) -> String {
    let (line, id, severity) = broken;
    let rows = findings(host);
    let row = rows.iter().find(|row| row.0 == *id);
    let row = row.unwrap_or_else(|| panic!("{line}\nshould give {id}, got {rows:#?}"));
    assert_eq!(row.1, *severity, "{line}");
    row.2.clone()
}

/// Breaks, finds, mends by the finding's own line, and finds nothing any more.
#[track_caller]
fn break_and_mend(host: &Host, broken: &Broken) {
    assert_eq!(findings(host), [], "before: {}", broken.0);
    sh(host, broken.0);
    let mend = found(host, broken);
    sh(host, &mend);
    assert_eq!(
        findings(host),
        [],
        "{}\nshould be mended by: {mend}",
        broken.0
    );
}

#[track_caller]
fn transfers(host: &Host, carol: &Account, what: &str) {
    host.write("/tmp/local/sent", what.as_bytes());
    host.sftp(carol, "put sent uploads/sent\n").succeeded(what);
    host.scp_to(carol, &["-O"], &["sent"], "uploads/old")
        .succeeded(what);
    for name in ["uploads/sent", "uploads/old"] {
        assert_eq!(host.read(carol.at(name)), what.as_bytes(), "{what}");
    }
}

const JOBS: &[Broken] = &[
    (
        "echo '* * * * * root /home/carol/uploads/x' >/etc/cron.d/local",
        "host-job",
        "serious",
    ),
    (
        "printf 'SHELL=/bin/sh\\n0 4 * * * root cd /home/carol/uploads && ./x\\n' >/etc/crontab",
        "host-job",
        "serious",
    ),
    (
        "mkdir -p /var/spool/cron/crontabs; echo '@daily sh /home/carol/uploads/x' >/var/spool/cron/crontabs/root",
        "host-job",
        "serious",
    ),
    // The file is not there yet, and a client can make it.
    (
        "ln -s /home/carol/uploads/x /etc/cron.daily/local",
        "host-job",
        "serious",
    ),
    (
        "printf '#!/bin/sh\\n. /home/carol/uploads/x\\n' >/etc/cron.hourly/local; chmod 755 /etc/cron.hourly/local",
        "host-job",
        "serious",
    ),
    // By a link of root's.
    (
        "ln -s /home/carol/uploads/x /usr/local/bin/job; echo '0 4 * * * root /usr/local/bin/job' >/etc/cron.d/link",
        "host-job",
        "serious",
    ),
    (
        "mkdir -p /etc/systemd/system; printf '[Timer]\\nOnCalendar=daily\\n' >/etc/systemd/system/own.timer; \
         printf '[Service]\\nExecStart=-/home/carol/uploads/x\\n' >/etc/systemd/system/own.service",
        "host-job",
        "serious",
    ),
    (
        "mkdir -p /etc/systemd/system/ssh.service.d; \
         printf '[Service]\\nExecStartPre=/bin/sh /home/carol/uploads/x\\n' >/etc/systemd/system/ssh.service.d/own.conf",
        "host-job",
        "serious",
    ),
];

#[test]
fn what_the_host_runs_from_a_writable_directory_is_found() {
    let (host, carol) = prepared();
    sh(
        &host,
        "mkdir -p /etc/cron.d /etc/cron.daily /etc/cron.hourly",
    );
    JOBS.iter().for_each(|row| break_and_mend(&host, row));
    transfers(&host, &carol, "mended");
    // What only reads there is nobody's mistake.
    sh(
        &host,
        "echo '0 4 * * * root tar -czf /var/backups/x.tgz /home/carol/uploads' >/etc/cron.d/backup",
    );
    assert_eq!(findings(&host), []);
}

#[test]
fn names_that_nobody_has_are_found() {
    let (host, _carol) = installed();
    let policy = |user: &str, group: &str| {
        host.policy(&format!(
            "[[match]]\nuser = [\"{user}\"]\naccess = \"read-only\"\n[[match]]\ngroup = [\"{group}\"]\naccess = \"read-only\"\n"
        ));
    };
    // Globs may stand for accounts to come.
    policy("b*", "team-?");
    assert_eq!(findings(&host), []);
    policy("root", "daemon");
    assert_eq!(findings(&host), []);
    for (user, group) in [("karol", "daemon"), ("root", "uploaders")] {
        policy(user, group);
        let ids: Vec<_> = findings(&host)
            .into_iter()
            .map(|row| (row.0, row.1))
            .collect();
        let expected = ("policy-match-unknown".to_owned(), "warning".to_owned());
        assert_eq!(ids, [expected], "{user} {group}");
    }
    let alone = host.root(super::prepared::SHELL, &["--doctor"]);
    assert!(
        alone
            .out()
            .contains("the group 'uploaders', which does not exist"),
        "{alone}"
    );
}

/// A copy of the real server that needs a library from a directory that is not in the start-up table: what a server
/// of NixOS or a build of one's own in /usr/local is.
fn install_odd(host: &Host, program: &str, to: &str) {
    sh(
        host,
        &format!(
            "set -e
             mkdir -p /usr/local/lib/odd
             echo 'int odd(void) {{ return 1; }}' >/tmp/odd.c
             cc -shared -o /usr/local/lib/odd/libodd.so /tmp/odd.c
             cp {program} {to}
             patchelf --set-rpath /usr/local/lib/odd {to}
             patchelf --add-needed libodd.so {to}"
        ),
    );
}

#[test]
fn a_server_with_libraries_elsewhere_is_found() {
    let (host, carol) = prepared();
    let servers = [
        ("sftp", "sftp_server", "/usr/lib/openssh/sftp-server"),
        ("scp", "scp", "/usr/bin/scp"),
        ("rsync", "rsync", "/usr/bin/rsync"),
    ];
    for (protocol, key, program) in servers {
        let to = format!("/usr/local/bin/odd-{protocol}");
        install_odd(&host, program, &to);
        // Outside the confinement it finds its library.
        let bare = host.shell_line(&format!("{to} --version 2>&1 </dev/null || true"));
        assert!(!bare.contains("shared libraries"), "{bare}");
        let protocols = "protocols = [\"sftp\", \"scp\", \"rsync\"]\n";
        host.policy(protocols);
        let _ = host.log();
        assert_eq!(findings(&host), [], "before {protocol}");
        // What the doctor starts is no client's session.
        let log = host.log();
        let tests = log
            .iter()
            .filter(|line| line.text.contains(" client=- event=test by=\"--doctor\""));
        assert_eq!(tests.count(), 3, "{log:#?}");
        // Named in the policy, its library is found.
        host.policy(&format!("{protocols}{key} = \"{to}\"\n"));
        assert_eq!(findings(&host), [], "{key} = {to}");
        send(&host, &carol, protocol).succeeded("an upload by a server that the policy names");
        assert!(host.exists(carol.at("uploads/odd")));
        sh(&host, &format!("rm {}", carol.at("uploads/odd").display()));
        // In the place of the distribution's, no session looks for it.
        sh(&host, &format!("cp {program} /tmp/kept; cp {to} {program}"));
        host.policy(protocols);
        send(&host, &carol, protocol).failed("an upload by a server without its library");
        assert!(!host.exists(carol.at("uploads/odd")));
        let rows = findings(&host);
        let [row] = rows.as_slice() else {
            panic!("{program}: {rows:#?}");
        };
        assert_eq!(
            (row.0.as_str(), row.1.as_str()),
            ("server-elsewhere", "serious")
        );
        sh(&host, &row.2);
        assert_eq!(findings(&host), [], "{program}");
        transfers(&host, &carol, program);
        sh(&host, &format!("cp /tmp/kept {program}"));
    }
}

#[test]
fn a_server_that_says_nothing_or_cannot_be_loaded_is_found() {
    let (host, _carol) = prepared();
    for (make, id) in [
        ("cp /bin/true /usr/local/bin/odd", "server-silent"),
        (
            "printf '#!/bin/sh\\n' >/usr/local/bin/odd",
            "server-unloadable",
        ),
    ] {
        sh(&host, &format!("{make}; chmod 755 /usr/local/bin/odd"));
        host.policy("sftp_server = \"/usr/local/bin/odd\"\n");
        let ids: Vec<_> = findings(&host).into_iter().map(|row| row.0).collect();
        assert_eq!(ids, [id], "{make}");
    }
}

fn send(host: &Host, carol: &Account, protocol: &str) -> Output {
    host.write("/tmp/local/sent", b"sent");
    match protocol {
        "sftp" => host.sftp(carol, "put sent uploads/odd\n"),
        "scp" => host.scp_to(carol, &["-O"], &["sent"], "uploads/odd"),
        _ => {
            let mut client = std::process::Command::new("rsync");
            let shell = format!("ssh -F {CLIENT_CONFIG}");
            client.args(["-e", &shell, "/tmp/local/sent", "carol@host:uploads/odd"]);
            host.run(client.current_dir("/tmp"), b"")
        }
    }
}

/// Limits of pam_limits, in sshd's own stack.
#[test]
fn limits_that_no_session_survives_are_found() {
    let (mut host, carol) = installed();
    sh(
        &host,
        "sed -i 's/^UsePAM no/UsePAM yes/' /etc/ssh/sshd_config",
    );
    sh(
        &host,
        "printf 'account required pam_permit.so\\nsession required pam_limits.so\\n' >/etc/pam.d/sshd",
    );
    host.start_system_sshd();
    let rows: &[(&str, &str)] = &[
        ("carol - nproc 1", "nproc"),
        ("@xfersh hard nofile 16", "nofile"),
        ("* - fsize 0", "fsize"),
    ];
    for (line, item) in rows {
        sh(
            &host,
            &format!("echo '{line}' >/etc/security/limits.d/50-own.conf"),
        );
        host.write("/tmp/local/sent", b"sent");
        host.sftp(&carol, "put sent uploads/limited\n").failed(line);
        let broken = ("", "account-limits", "serious");
        let mend = found(&host, &broken);
        assert!(mend.contains(item), "{line}: {mend}");
        sh(&host, &mend);
        assert_eq!(findings(&host), [], "{line}\nshould be mended by: {mend}");
        transfers(&host, &carol, line);
    }
}

/// A source that the start-up table does not know, with a library of its own. nscd, which the mend installs, asks it
/// for the session.
#[test]
fn a_source_of_accounts_that_no_session_can_ask_is_found() {
    let (host, carol) = prepared();
    let module = host.install_program("elsewhere", Kind::Library);
    sh(
        &host,
        &format!(
            "set -e
             install -m 644 {} /usr/lib/$(cc -print-multiarch)/libnss_elsewhere.so.2
             mkdir /opt/accounts
             grep '^carol:' /etc/passwd >/opt/accounts/passwd
             sed -i '/^carol:/d' /etc/passwd
             sed -i -E 's/^passwd:.*/passwd: files elsewhere/' /etc/nsswitch.conf",
            module.display()
        ),
    );
    let known = host.shell_line("getent passwd carol");
    assert!(known.starts_with("carol:"), "{known}");
    host.write("/tmp/local/sent", b"sent");
    host.sftp(&carol, "put sent uploads/lost\n")
        .failed("an upload by an account of that source");
    let broken = ("carol in another source", "name-service", "serious");
    let mend = found(&host, &broken);
    assert_eq!(mend, "apt-get install -y nscd");
    // The package is there already; it would start its daemon.
    sh(&host, "mkdir -p /run/nscd; nscd");
    assert_eq!(findings(&host), [], "mended by nscd");
    transfers(&host, &carol, "by nscd");
    sh(&host, "nscd -K");
}

/// A policy that the account cannot read, and a home in which there is nothing to write to: each says so, with path
/// and mend, wherever an administrator looks.
#[test]
fn what_keeps_every_session_from_working_is_named() {
    let (host, carol) = prepared();
    let check = || host.root(super::prepared::SHELL, &["--check", "--user", "carol"]);
    let last = || {
        host.log()
            .iter()
            .map(|line| line.text.clone())
            .collect::<Vec<_>>()
    };
    host.policy("access = \"read-write\"\n");
    let rows = [
        ("chmod 600 /etc/xfersh.toml", "chmod a+r /etc/xfersh.toml"),
        ("chmod 700 /etc", "chmod a+x /etc"),
    ];
    // For sshd's own processes /etc must be open, so the second row asks --check alone.
    for (line, mend) in rows {
        sh(&host, line);
        let output = check();
        assert_eq!(output.code(), 2, "{output}");
        assert!(
            output.err().contains(&format!("as root: {mend}")),
            "{output}"
        );
        if line.contains("toml") {
            let _ = host.log();
            host.sftp(&carol, "ls\n").failed(line);
            let log = last();
            assert!(log.iter().any(|text| text.contains(mend)), "{log:#?}");
        }
        sh(&host, mend);
        check().succeeded(mend);
    }
    transfers(&host, &carol, "readable again");
    let _ = host.log();
    sh(
        &host,
        "rm -r /home/carol/uploads; chown root /home/carol; chmod 755 /home/carol",
    );
    host.write("/tmp/local/sent", b"sent");
    host.sftp(&carol, "put sent uploads\n")
        .failed("nothing to write to");
    let log = last();
    let says = "finds none in /home/carol";
    let lines = log
        .iter()
        .filter(|text| text.contains("event=nowhere-writable") && text.contains(says));
    assert_eq!(lines.count(), 1, "{log:#?}");
    assert!(check().out().contains(says), "{}", check());
    let broken = ("", "no-writable-directory", "warning");
    sh(&host, &found(&host, &broken));
    transfers(&host, &carol, "a directory to write to");
    assert!(!last().iter().any(|text| text.contains("nowhere-writable")));
}

/// What is mounted read-only is a decision of somebody's: the line says so and does nothing.
#[test]
fn a_writable_directory_on_a_read_only_mount_is_found() {
    let (host, carol) = prepared();
    sh(
        &host,
        "mount --bind /home/carol/uploads /home/carol/uploads; mount -o remount,bind,ro /home/carol/uploads",
    );
    host.policy("writable = [\"~/uploads\"]\n");
    host.write("/tmp/local/sent", b"sent");
    host.sftp(&carol, "put sent uploads/sent\n")
        .failed("a read-only mount");
    let mend = found(&host, &("", "directory-read-only", "warning"));
    assert!(mend.starts_with("# "), "{mend}");
    sh(&host, &mend);
    found(&host, &("", "directory-read-only", "warning"));
    sh(&host, "mount -o remount,bind,rw /home/carol/uploads");
    assert_eq!(findings(&host), []);
    transfers(&host, &carol, "a mount that can be written");
}
