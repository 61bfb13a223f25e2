//! Two entries for one thing: for a directory in the policy, for a uid in the user database.

use super::{refused, served};
use crate::harness::{Account, Host, Shell, XFERSH};

/// The policy, and whether it is served: `/srv/b` is a bind mount of `/srv/a`, `/srv/c` a link of root to it.
const DIRECTORIES: &[(&str, bool)] = &[
    (
        "writable = [\"/srv/a\"]\nreadable = [\"/srv/a\", \"/srv/a/\"]\n",
        true,
    ),
    (
        "writable = [\"~/*\"]\n[[directory]]\npath = \"~/uploads\"\naccess = \"read-only\"\n",
        true,
    ),
    (
        "writable = [\"~/uploads\"]\nreadable = [\"/home/alice/uploads\"]\n",
        true,
    ),
    ("writable = [\"/srv/a\", \"/srv/b\"]\n", false),
    (
        "writable = [\"/srv/b\"]\n[[directory]]\npath = \"/srv/a\"\naccess = \"read-only\"\n",
        false,
    ),
    ("writable = [\"/srv/a\"]\nreadable = [\"/srv/c\"]\n", false),
    // Not yet there, by either name.
    ("writable = [\"/srv/c/new\", \"/srv/a/new\"]\n", false),
    // ~/shared is a bind mount of /srv/shared.
    ("writable = [\"~/*\", \"/srv/shared\"]\n", false),
    ("writable = [\"~/*\"]\n", true),
];

#[test]
fn a_directory_has_one_entry() {
    let host = Host::new();
    host.shell_line(
        "mkdir /srv/a /srv/b /srv/shared /home/alice/shared; mount --bind /srv/a /srv/b; ln -s a /srv/c; \
         mount --bind /srv/shared /home/alice/shared",
    );
    for (policy, is_served) in DIRECTORIES {
        host.policy(policy);
        if *is_served {
            served(&host, host.alice(), policy);
        } else {
            refused(&host, host.alice(), "account", &["are the same directory"]);
        }
    }
    host.policy(DIRECTORIES[4].0);
    let said = [
        "writable = \\\"/srv/b\\\" (line 1)",
        "path = \\\"/srv/a\\\" (line 2)",
    ];
    host.log();
    host.direct(host.alice(), b"sftp-server", b"");
    let lines = host.log();
    let line = &lines.first().expect("a log line").text;
    assert!(said.iter().all(|word| line.contains(word)), "{line}");
}

/// A second entry with alice's uid, whose home is further down.
fn second(host: &Host, home: &str) -> Account {
    let id = host.alice().id;
    host.shell_line(&format!(
        "useradd -o -u {id} -g {id} -M -d {home} -s {XFERSH} -p '*' alicesub"
    ));
    Account {
        name: "alicesub".to_owned(),
        id,
        shell: Shell::Xfersh,
    }
}

#[test]
fn entries_of_one_uid_with_different_homes() {
    let host = Host::with_sshd();
    host.shell_line(
        "install -d -o alice -g alice -m 700 /home/alice/uploads/private; \
         echo secret >/home/alice/uploads/private/file; \
         chown alice: /home/alice/uploads/private/file",
    );
    let secret = "/home/alice/uploads/private/file";
    let sub = second(&host, "/home/alice/site");
    let before = host.disk();
    for account in [host.alice(), &sub] {
        host.log();
        host.scp_from(account, &["-O"], secret, "got")
            .failed("reading as either");
        let lines = host.log();
        let line = &lines.first().expect("a log line").text;
        let said = "'alice' and 'alicesub' share the uid";
        assert!(
            line.contains("stage=account") && line.contains(said),
            "{line}"
        );
        assert!(line.contains("different homes"), "{line}");
        assert!(
            line.contains("give both the same home, or each a uid of its own"),
            "{line}"
        );
        let check = host.root(
            XFERSH,
            &["--check", "--user", &account.name, "-c", "sftp-server"],
        );
        assert_eq!(check.code(), 2, "{check}");
        assert!(check.err().contains("different homes"), "{check}");
        let doctor = host.root(XFERSH, &["--doctor", "--user", &account.name]);
        assert!(doctor.out().contains("different homes"), "{doctor}");
    }
    assert!(!host.exists("/tmp/local/got"));
    before.assert_same(&host.disk(), "sessions of both entries");
    // The advice, taken.
    host.shell_line("usermod -d /home/alice alicesub");
    for account in [host.alice(), &sub] {
        host.scp_from(account, &["-O"], secret, "got")
            .succeeded("reading with one home");
    }
}

/// What a group gives one entry, it must give the other too.
#[test]
fn entries_of_one_uid_in_different_groups() {
    let host = Host::new();
    second(&host, "/home/alice");
    host.policy("[[match]]\ngroup = \"readers\"\naccess = \"read-only\"\n");
    served(&host, host.alice(), "a group of neither");
    host.shell_line("groupadd readers; gpasswd -a alicesub readers");
    let session = host.direct(host.alice(), b"sftp-server", b"");
    assert_eq!(session.code(), 126, "{session}");
    let lines = host.log();
    let line = &lines.last().expect("a log line").text;
    assert!(line.contains("under different policies"), "{line}");
}
