//! The doctor finds what lets an account past its shell, and its commands fix it.

use serde_json::Value;

use super::doctor_state::State;
use super::harness::sshd::CLIENT_KEY;
use super::harness::{Host, Snapshot};
use super::prepared::{SHELL, USR_CHANGES, bare, install, installed, prepared, sh};

/// The findings about carol: identifier, severity, the command that fixes it. Notes are left out.
#[track_caller]
pub fn findings(host: &Host) -> Vec<(String, String, String)> {
    findings_by(host, SHELL)
}

/// The same, found by a binary in another place.
#[track_caller]
pub fn findings_by(host: &Host, program: &str) -> Vec<(String, String, String)> {
    findings_with(host, program, "carol")
}

/// The same about another account.
#[track_caller]
pub fn findings_of(host: &Host, name: &str) -> Vec<(String, String, String)> {
    findings_with(host, SHELL, name)
}

#[track_caller]
fn findings_with(host: &Host, program: &str, name: &str) -> Vec<(String, String, String)> {
    let output = host.root(program, &["--doctor", "--user", name, "--json"]);
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    let list = report["findings"].as_array().expect("a list of findings");
    let text = |finding: &Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let serious = list
        .iter()
        .filter(|finding| finding["severity"] == "serious")
        .count();
    assert_eq!(report["serious"], serious, "{output}");
    assert_eq!(output.code(), i32::from(serious > 0), "{output}");
    let rows = list.iter().filter(|finding| finding["severity"] != "note");
    rows.map(|finding| {
        (
            text(finding, "id"),
            text(finding, "severity"),
            text(finding, "mend"),
        )
    })
    .collect()
}

#[test]
fn a_prepared_host_is_healthy_and_serves() {
    let (host, carol) = prepared();
    assert_eq!(findings(&host), [], "a prepared host");
    host.inside(|| std::fs::write("/tmp/local/a", "content\n"))
        .expect("a local file");
    host.sftp(&carol, "put a uploads/a\n")
        .succeeded("an upload by sftp");
    host.scp_to(&carol, &["-O"], &["a"], "uploads/b")
        .succeeded("an upload by scp");
    assert_eq!(host.read(carol.at("uploads/b")), b"content\n");
    host.ssh(&carol, &[], "id").failed("a command");
    host.sftp(&carol, "put a c\n")
        .failed("an upload into the home");
    host.sftp(&carol, "mkdir .ssh\n")
        .failed("a directory for keys");
}

/// How a set-up is broken (a line for root's shell), what the doctor calls it, and how bad it is.
const BROKEN: &[(&str, &str, &str)] = &[
    (
        "sed -i 's|^Subsystem.*|Subsystem sftp internal-sftp|' /etc/ssh/sshd_config",
        "sshd-internal-sftp",
        "serious",
    ),
    (
        "echo 'ForceCommand internal-sftp' >>/etc/ssh/sshd_config",
        "sshd-force-internal-sftp",
        "serious",
    ),
    (
        "sed -i 's|^Subsystem.*|& -l QUIET|' /etc/ssh/sshd_config",
        "sshd-subsystem-options",
        "serious",
    ),
    (
        "printf 'Match User carol\\nX11Forwarding yes\\n' >/etc/ssh/sshd_config.d/05-local.conf",
        "sshd-x11-forwarding",
        "serious",
    ),
    (
        "sed -i '/AgentForwarding/d' /etc/ssh/sshd_config.d/10-xfersh.conf",
        "sshd-agent-forwarding",
        "serious",
    ),
    (
        "printf 'Match User carol\\nPermitTunnel yes\\n' >/etc/ssh/sshd_config.d/05-local.conf",
        "sshd-tunnel",
        "serious",
    ),
    (
        "echo 'protocols = [\"sftp\"]' >/etc/xfersh.toml; chmod 666 /etc/xfersh.toml",
        "policy-writable",
        "serious",
    ),
    (
        "echo 'protocols = [\"sftp\"]' >/etc/xfersh.toml; chown daemon /etc/xfersh.toml",
        "policy-owner",
        "serious",
    ),
    (
        "printf 'Match User carol\\nAuthorizedKeysFile %%h/uploads/.ssh/keys\\n' >/etc/ssh/sshd_config.d/05-local.conf; \
         cd /home/carol/uploads; mkdir -m 755 .ssh; install -m 644 /etc/ssh/xfersh_keys/carol .ssh/keys; \
         rm /etc/ssh/xfersh_keys/carol",
        "sshd-keys-writable",
        "serious",
    ),
    // The place of the keys leads into a writable directory by a link.
    (
        "mkdir /home/carol/uploads/.keys; ln -s uploads/.keys /home/carol/.ssh; rm /etc/ssh/xfersh_keys/carol",
        "sshd-keys-writable",
        "serious",
    ),
    (
        "chown daemon /etc/ssh/xfersh_keys/carol",
        "sshd-keys-owner",
        "serious",
    ),
    // sshd's rule for key files knows no sticky directories.
    (
        "chmod 1777 /etc/ssh/xfersh_keys",
        "sshd-keys-mode",
        "serious",
    ),
    (
        "chmod o+w /etc/ssh/xfersh_keys",
        "sshd-keys-mode",
        "serious",
    ),
    (
        "echo 'protocols = [\"sftp\"]' >/etc/xfersh.toml; chmod 600 /etc/xfersh.toml",
        "policy-unreadable",
        "serious",
    ),
    (
        "chmod g+w /usr/lib/openssh/sftp-server",
        "server-writable",
        "serious",
    ),
    ("chown daemon /usr/lib/openssh", "server-owner", "serious"),
    (
        "chmod 700 /usr/lib/openssh/sftp-server",
        "server-mode",
        "serious",
    ),
    ("chmod 700 /usr/lib/openssh", "server-mode", "serious"),
    ("chmod u+s /usr/bin/xfersh", "binary-setuid", "serious"),
    ("chown daemon /usr/bin/xfersh", "binary-owner", "serious"),
    ("chmod o+w /usr/bin", "binary-writable", "serious"),
    ("chmod g+w /home/carol", "home-writable", "serious"),
    ("chown 54321 /home/carol", "home-owner", "serious"),
    ("rm -r /home/carol", "home-missing", "serious"),
    // Root's umask may be anything; a policy that only root can read refuses every session.
    (
        "mkdir -m 750 /home/carol/.ssh; chown 54321 /home/carol/.ssh",
        "ssh-directory-owner",
        "serious",
    ),
    (
        "mkdir /home/carol/uploads/k; mv /etc/ssh/xfersh_keys/carol /home/carol/uploads/k/authorized_keys; \
         chown carol /home/carol/uploads/k/authorized_keys; ln -s /srv/k /home/carol/.ssh; mv /home/carol/uploads/k /srv/k",
        "ssh-directory-link",
        "warning",
    ),
    (
        "mkdir -m 700 /home/carol/.ssh; touch /home/carol/.ssh/rc; chown -R carol /home/carol/.ssh",
        "ssh-rc",
        "warning",
    ),
    (
        "mkdir -m 777 /home/carol/.ssh; chown carol /home/carol/.ssh",
        "ssh-directory-mode",
        "serious",
    ),
    (
        "groupadd -f docker; gpasswd -a carol docker",
        "account-group",
        "serious",
    ),
    (
        "echo 'confinement = \"best-effort\"' >/etc/xfersh.toml",
        "policy-best-effort",
        "warning",
    ),
    (
        "sed -i 's|^carol:\\(.*\\):/usr/bin/xfersh|carol:\\1:/opt/missing/xfersh|' /etc/passwd; add-shell /opt/missing/xfersh",
        "shell-missing",
        "serious",
    ),
    ("usermod -s /bin/sh carol", "account-shell", "serious"),
    (
        "mkdir -p /var/spool/cron/crontabs; echo '* * * * * /home/carol/uploads/x' >/var/spool/cron/crontabs/carol",
        "account-crontab",
        "serious",
    ),
    (
        "sed -i '\\|^/usr/bin/xfersh$|d' /etc/shells",
        "shell-not-listed",
        "warning",
    ),
    (
        "sed -i '/PermitTTY/d' /etc/ssh/sshd_config.d/10-xfersh.conf",
        "sshd-permit-tty",
        "warning",
    ),
    (
        "sed -i '/PermitUserRC/d' /etc/ssh/sshd_config.d/10-xfersh.conf",
        "sshd-permit-user-rc",
        "warning",
    ),
    (
        "printf 'Match User carol\\nAcceptEnv LD_*\\n' >/etc/ssh/sshd_config.d/05-local.conf",
        "sshd-accept-env",
        "warning",
    ),
    (
        "sed -i 's/^AcceptEnv.*/AcceptEnv */' /etc/ssh/sshd_config; gpasswd -d carol xfersh",
        "sshd-accept-env",
        "warning",
    ),
    ("gpasswd -d carol xfersh", "sshd-tcp-forwarding", "serious"),
    (
        "gpasswd -d carol xfersh; rm /etc/ssh/sshd_config.d/*",
        "sshd-stream-local-forwarding",
        "serious",
    ),
    (
        "sed -i /Include/d /etc/ssh/sshd_config",
        "sshd-include",
        "serious",
    ),
    (
        "echo 'PermitUserEnvironment yes' >>/etc/ssh/sshd_config",
        "sshd-user-environment",
        "warning",
    ),
    (
        "echo 'StrictModes no' >>/etc/ssh/sshd_config",
        "sshd-strict-modes",
        "warning",
    ),
    (
        "rmdir /home/carol/uploads",
        "no-writable-directory",
        "warning",
    ),
    (
        "runuser -u carol -- mkdir -m 777 /home/carol/uploads/open",
        "home-other-writable",
        "warning",
    ),
    (
        "echo '|/bin/sh' >/home/carol/.forward",
        "account-forward",
        "warning",
    ),
];

/// The place of a finding that has this identifier.
fn with_id<'a>(
    rows: &'a [(String, String, String)],
    id: &str,
) -> Option<&'a (String, String, String)> {
    rows.iter().find(|row| row.0 == id)
}

#[test]
fn each_broken_set_up_of_sshd_is_found_and_its_line_mends_it() {
    let of_sshd = BROKEN.iter().filter(|(_, id, _)| id.starts_with("sshd-"));
    of_sshd.for_each(break_and_mend);
}

#[test]
fn each_broken_set_up_of_the_host_is_found_and_its_line_mends_it() {
    let of_the_host = BROKEN.iter().filter(|(_, id, _)| !id.starts_with("sshd-"));
    of_the_host.for_each(break_and_mend);
}

#[track_caller]
fn break_and_mend((line, id, severity): &(&str, &str, &str)) {
    let (host, _carol) = installed();
    assert_eq!(findings(&host), [], "before: {line}");
    let healthy = State::of(&host);
    sh(&host, line);
    let broken = State::of(&host);
    let rows = findings(&host);
    let found =
        with_id(&rows, id).unwrap_or_else(|| panic!("{line}\nshould give {id}, got {rows:#?}"));
    assert_eq!(found.1, *severity, "{line}");
    mend(&host, &found.2);
    let left = findings(&host);
    assert_eq!(
        with_id(&left, id),
        None,
        "{line}\nshould be mended by: {}",
        found.2
    );
    // What else was wrong has its own line.
    left.iter().for_each(|row| mend(&host, &row.2));
    assert_eq!(findings(&host), [], "{line}\nshould be mended in full");
    sh(&host, "sshd -t");
    State::of(&host).assert_only_mended(&healthy, &broken, &[], line);
}

/// Runs the line of a finding where KEY.pub is the client's key.
#[track_caller]
pub fn mend(host: &Host, line: &str) {
    sh(
        host,
        &format!("cd /tmp/local && cp {CLIENT_KEY}.pub KEY.pub && {{ :; {line}\n}}"),
    );
}

/// What only a package or a person can mend: how it is broken, what it is called, how it is undone.
const MISSING: &[(&str, &str, &str)] = &[
    (
        "mv /usr/lib/openssh/sftp-server /usr/lib/openssh/away",
        "server-missing",
        "mv /usr/lib/openssh/away /usr/lib/openssh/sftp-server",
    ),
    (
        "echo 'writeable = [\"~/in\"]' >/etc/xfersh.toml",
        "policy-error",
        "rm /etc/xfersh.toml",
    ),
    (
        "mv /usr/bin/scp /usr/bin/away; mkdir /usr/bin/scp",
        "server-type",
        "rmdir /usr/bin/scp; mv /usr/bin/away /usr/bin/scp",
    ),
    (
        "mv /usr/sbin/sshd /usr/sbin/away",
        "sshd-missing",
        "mv /usr/sbin/away /usr/sbin/sshd",
    ),
    (
        "echo Bogus >>/etc/ssh/sshd_config",
        "sshd-unreadable",
        "sed -i /Bogus/d /etc/ssh/sshd_config",
    ),
    // File systems that do not answer: nothing in them counts as sound.
    (
        "echo >/etc/xfersh.toml; mknod /dev/fuse c 10 229; exec 9<>/dev/fuse; mount -i -t fuse -o \
         fd=9,rootmode=100000,user_id=0,group_id=0 none /etc/xfersh.toml",
        "policy-unusable",
        "umount /etc/xfersh.toml; rm /etc/xfersh.toml /dev/fuse",
    ),
    (
        "mkdir /home/carol/.ssh; mknod /dev/fuse c 10 229; exec 9<>/dev/fuse; mount -i -t fuse -o \
         fd=9,rootmode=40000,user_id=0,group_id=0 none /home/carol/.ssh",
        "not-examined",
        "umount /home/carol/.ssh; rmdir /home/carol/.ssh; rm /dev/fuse",
    ),
    (
        "mv /dev/log /dev/away",
        "syslog-missing",
        "mv /dev/away /dev/log",
    ),
];

#[test]
fn what_is_missing_is_found() {
    let (host, _carol) = installed();
    for (line, id, undo) in MISSING {
        sh(&host, line);
        let rows = findings(&host);
        assert!(
            with_id(&rows, id).is_some(),
            "{line}\nshould give {id}, got {rows:#?}"
        );
        sh(&host, undo);
        assert_eq!(findings(&host), [], "{undo}");
    }
}

#[test]
fn the_doctor_changes_nothing() {
    let (host, _carol) = installed();
    sh(
        &host,
        "chmod u+s /usr/bin/xfersh; chmod 777 /home/carol; usermod -aG disk carol",
    );
    let state = |host: &Host| {
        host.inside(|| Snapshot::of(&["/etc", "/home", "/run", "/mnt", "/var/log", USR_CHANGES]))
    };
    let before = state(&host);
    for arguments in [
        &["--doctor"][..],
        &["--doctor", "--user", "carol"],
        &["--doctor", "--user", "carol", "--json"],
    ] {
        let output = host.root(SHELL, arguments);
        assert_eq!(output.code(), 1, "{output}");
    }
    before.assert_same(&state(&host), "the doctor");
}

#[test]
fn the_host_alone_is_examined_without_an_account() {
    let (host, _carol) = installed();
    let healthy = host.root(SHELL, &["--doctor"]).succeeded("a healthy host");
    let row = "carol    0        0         nothing found\n";
    assert!(healthy.out().contains(row), "{healthy}");
    assert!(
        healthy.out().contains("0 serious, 0 warnings, "),
        "{healthy}"
    );
    sh(&host, "chmod 4755 /usr/bin/xfersh");
    let broken = host.root(SHELL, &["--doctor"]);
    assert_eq!(broken.code(), 1, "{broken}");
    assert!(
        broken.out().starts_with("serious  binary-setuid\n"),
        "{broken}"
    );
}

#[test]
fn a_host_without_drop_in_is_open_and_said_to_be() {
    let host = bare();
    install(&host, &[]).succeeded("install/install");
    sh(
        &host,
        "rm /etc/ssh/sshd_config.d/*; useradd -m -s /usr/bin/xfersh carol",
    );
    let rows = findings(&host);
    let ids: Vec<_> = rows.iter().map(|row| row.0.as_str()).collect();
    for id in [
        "sshd-tcp-forwarding",
        "sshd-stream-local-forwarding",
        "sshd-agent-forwarding",
        "sshd-x11-forwarding",
    ] {
        assert!(ids.contains(&id), "{id} in {ids:?}");
    }
}

#[test]
fn what_cannot_be_examined_is_an_error_of_its_own() {
    let (host, carol) = installed();
    let unknown = host.root(SHELL, &["--doctor", "--user", "no-such-account"]);
    assert_eq!(
        (unknown.code(), unknown.out().as_str()),
        (2, ""),
        "{unknown}"
    );
    assert!(unknown.err().contains("no-such-account"), "{unknown}");
    let denied = host.run(carol.runs(SHELL).arg("--doctor"), b"");
    assert_eq!((denied.code(), denied.out().as_str()), (2, ""), "{denied}");
    assert!(denied.err().contains("as root"), "{denied}");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let (host, _carol) = installed();
    sh(&host, "chmod u+s /usr/bin/xfersh");
    let in_terminal = |variables: &str| {
        let line = format!("{variables} {SHELL} --doctor");
        host.root("script", &["-qec", &line, "/dev/null"]).out()
    };
    assert!(in_terminal("TERM=xterm").contains("\x1b[1;31mserious"));
    assert!(!in_terminal("TERM=xterm NO_COLOR=1").contains('\x1b'));
    assert!(!in_terminal("TERM=dumb").contains('\x1b'));
    assert!(
        !host
            .root("env", &["TERM=xterm", SHELL, "--doctor"])
            .out()
            .contains('\x1b')
    );
}
