//! What the doctor calls healthy, `--check` allows and a session serves, and the other way round: over owners, modes
//! and links of the server program, of the policy file and of the way to each.

use super::doctor::findings_by;
use super::harness::{Account, Host, XFERSH};
use super::prepared::{SHELL, installed, sh};

/// What is done, and whether it is sound.
type Row = (&'static str, bool);

/// `$P` is the program, `$D` its directory; carol is the account.
const PROGRAM: &[Row] = &[
    ("true", true),
    ("chgrp staff $P", true),
    ("chmod 555 $P", true),
    // Without a new privilege these bits mean nothing (prctl(2), PR_SET_NO_NEW_PRIVS).
    ("chmod 4755 $P", true),
    ("chmod 2755 $P", true),
    ("chmod 775 $P", false),
    ("chmod 757 $P", false),
    ("chmod 777 $P", false),
    ("chown root:staff $P; chmod 775 $P", false),
    ("chown carol $P", false),
    ("chown carol:carol $P", false),
    ("chmod 644 $P", false),
    ("chmod 700 $P", false),
    // A process of a program that cannot be read cannot be guarded (ptrace(2), dumpable).
    ("chmod 711 $P", false),
    ("chmod 750 $P", false),
    ("chgrp carol $P; chmod 750 $P", true),
    ("chmod 775 $D", false),
    ("chmod 757 $D", false),
    ("chmod 777 $D", false),
    ("chmod 1777 $D", false),
    ("chown root:staff $D; chmod 2775 $D", false),
    ("chgrp staff $D", true),
    ("chown carol $D", false),
    ("chmod 711 $D", true),
    ("chmod 700 $D", false),
    ("chmod 1777 $D; chown carol $P", false),
    ("mv $P $D/real; ln -s real $P", true),
    ("mv $P $D/real; ln -s $D/real $P", true),
    ("mv $P $D/real; ln -s real $P; chown -h carol $P", false),
    ("mv $P $D/real; ln -s real $P; chmod 775 $D/real", false),
    ("mv $P $D/real; ln -s real $P; chmod 777 $D", false),
    ("mv $P $D/real; ln -s real $P; chmod 1777 $D", false),
    (
        "mv $P $D/real; ln -s real $P; chmod 1777 $D; chown -h carol $P",
        false,
    ),
    (
        "mkdir $D/theirs; mv $P $D/theirs/real; ln -s theirs/real $P; chown carol $D/theirs",
        false,
    ),
    (
        "mkdir $D/theirs; mv $P $D/real; ln -s theirs/../real $P; chown carol $D/theirs",
        false,
    ),
    (
        "mkdir $D/shared; mv $P $D/real; ln -s ../real $D/shared/hop; ln -s shared/hop $P; chmod 777 $D/shared",
        false,
    ),
    ("ln -sf nowhere $P", false),
    ("ln -sf sftp-server $P", false),
    ("rm $P", false),
    ("rm $P; mkdir $P", false),
    ("rm $P; mkfifo $P", false),
];

/// Where the program is: in a place that is searched, and where the policy says.
const PLACES: &[(&str, &str)] = &[
    ("/usr/lib/openssh", ""),
    ("/opt/in", "sftp_server = \"/opt/in/sftp-server\"\n"),
];

/// `$P` is the policy, `$D` its directory.
const POLICY: &[Row] = &[
    ("true", true),
    ("rm $P", true),
    ("chgrp staff $P", true),
    ("chmod 444 $P", true),
    ("chmod 755 $P", true),
    ("chmod 664 $P", false),
    ("chmod 646 $P", false),
    ("chown root:staff $P; chmod 664 $P", false),
    ("chown carol $P", false),
    ("chmod 600 $P", false),
    ("chmod 640 $P", false),
    ("chgrp carol $P; chmod 640 $P", true),
    ("chmod 0 $P", false),
    ("mv $P $D/real; ln -s real $P", true),
    ("mv $P $D/real; ln -s real $P; chown -h carol $P", false),
    ("mv $P $D/real; ln -s real $P; chown carol $D/real", false),
    ("mv $P $D/real; ln -s real $P; chmod 640 $D/real", false),
    (
        "mkdir -m 1777 $D/shared; mv $P $D/shared/x; ln -s shared/x $P",
        true,
    ),
    (
        "mkdir -m 777 $D/shared; mv $P $D/shared/x; ln -s shared/x $P; chmod 777 $D/shared",
        false,
    ),
    ("ln -sf nowhere $P", false),
    ("rm $P; mkdir $P", false),
    ("rm $P; mkfifo $P", false),
    ("chmod 775 $D", false),
    ("chmod 777 $D", false),
    ("chmod 1777 $D", true),
    ("chmod 1777 $D; rm $P", true),
    ("chmod 1777 $D; chown carol $P", false),
    ("chown root:staff $D; chmod 775 $D", false),
    ("chown carol $D", false),
    ("chown carol $D; rm $P", false),
    ("chmod 711 $D", true),
];

/// The binary: whether the doctor calls it healthy, and whether it serves. Who may change it, it cannot know.
const BINARY: &[(&str, bool, bool)] = &[
    ("true", true, true),
    ("chmod 555 $P", true, true),
    ("chmod 775 $P", false, true),
    ("chmod 757 $P", false, true),
    ("chown carol $P", false, true),
    ("chown root:staff $P; chmod 775 $P", false, true),
    ("chmod 4755 $P", false, false),
    ("chmod 2755 $P", false, false),
    ("chmod 750 $P", false, false),
    ("chmod 700 $P", false, false),
    ("rm $P", false, false),
    ("mv $P $D/real; ln -s real $P", true, true),
    (
        "mv $P $D/real; ln -s real $P; chown -h carol $P",
        false,
        true,
    ),
    ("chmod 775 $D", false, true),
    ("chmod 777 $D", false, true),
    // scp lies there as well, and a sticky directory is no exception for it.
    ("chmod 1777 $D", false, true),
    ("chown carol $D", false, true),
];

/// Does what a row says to a file.
fn change(host: &Host, file: &str, line: &str) {
    let directory = file.rsplit_once('/').expect("a path").0;
    sh(host, &format!("P={file}; D={directory}; {line}"));
}

/// Puts a file back as it was kept, and its directory.
fn restore(host: &Host, file: &str, mode: &str) {
    change(
        host,
        file,
        &format!(
            "rm -rf $P $D/real $D/theirs $D/shared; chown root:root $D; chmod 0755 $D; \
             cp /opt/kept $P; chown root:root $P; chmod {mode} $P"
        ),
    );
}

/// Nothing but what sshd says of key files, whose directories it judges by a rule of its own, and the note on a set-ID
/// bit, which refuses nobody.
fn is_healthy(host: &Host) -> bool {
    ids(host).is_empty()
}

fn ids(host: &Host) -> Vec<String> {
    let rows = findings_by(host, XFERSH).into_iter();
    let ids = rows.map(|(id, ..)| id);
    ids.filter(|id| !id.starts_with("sshd-keys-") && id != "server-set-id")
        .collect()
}

fn is_allowed(host: &Host) -> bool {
    let command = ["--check", "--user", "carol", "-c", "sftp-server"];
    host.root(XFERSH, &command).code() == 0
}

fn is_served(host: &Host, shell: &str) -> bool {
    let words = ["-u", "carol", "--", shell, "-c", "sftp-server"];
    host.root("runuser", &words).code() == 0
}

/// Runs a table on a file: what each of the three says against what is expected of all.
fn compare(host: &Host, file: &str, mode: &str, rows: &[Row]) -> Vec<String> {
    sh(host, &format!("cp {file} /opt/kept"));
    let mut wrong = Vec::new();
    for (line, sound) in rows {
        restore(host, file, mode);
        change(host, file, line);
        let seen = [is_healthy(host), is_allowed(host), is_served(host, XFERSH)];
        if seen != [*sound; 3] {
            wrong.push(format!(
                "{file}: {line}: expected {sound}, doctor, check and session: {seen:?} {:?}",
                ids(host)
            ));
        }
    }
    restore(host, file, mode);
    assert!(is_healthy(host), "{file} as it was");
    wrong
}

fn host() -> (Host, Account) {
    let (host, carol) = installed();
    assert_eq!(ids(&host), [""; 0], "before");
    (host, carol)
}

#[test]
fn on_the_server_program() {
    let (host, _carol) = host();
    let mut wrong = Vec::new();
    for (directory, policy) in PLACES {
        let file = format!("{directory}/sftp-server");
        sh(
            &host,
            &format!("mkdir -p {directory}; cp -n /usr/lib/openssh/sftp-server {file}"),
        );
        host.policy(policy);
        wrong.extend(compare(&host, &file, "0755", PROGRAM));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn on_the_policy() {
    let (host, _carol) = host();
    host.policy("protocols = [\"sftp\"]\n");
    let wrong = compare(&host, "/etc/xfersh.toml", "0644", POLICY);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn on_the_binary() {
    let (host, _carol) = host();
    sh(&host, &format!("cp {SHELL} /opt/kept"));
    let mut wrong = Vec::new();
    for (line, healthy, served) in BINARY {
        restore(&host, SHELL, "0755");
        change(&host, SHELL, line);
        let seen = (is_healthy(&host), is_served(&host, SHELL));
        if seen != (*healthy, *served) {
            wrong.push(format!(
                "{line}: expected {:?}: {seen:?}",
                (healthy, served)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
