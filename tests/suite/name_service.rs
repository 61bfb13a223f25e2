//! Accounts that are in no file of /etc, with a real source of the name service (nss-extrausers) and a real sshd.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use crate::harness::account::{Shell, set_mode};
use crate::harness::{Account, Host, Output, XFERSH};

/// Moves alice out of /etc into the other source, and makes the C library ask it.
pub fn move_alice(host: &Host) {
    let line = "set -e
        mkdir /opt/extrausers
        for file in passwd group shadow; do
            grep '^alice' /etc/$file >/opt/extrausers/$file
            sed -i '/^alice/d' /etc/$file
        done
        chmod 640 /opt/extrausers/shadow
        mount --bind /opt/extrausers /var/lib/extrausers
        sed -i -E 's/^(passwd|group|shadow):.*/\\1: files extrausers/' /etc/nsswitch.conf";
    host.shell_line(line);
}

fn upload(host: &Host, old: bool, to: &str) -> Output {
    let options: &[&str] = if old {
        &["-O", "/tmp/one"]
    } else {
        &["/tmp/one"]
    };
    let target = format!("alice@host:{to}");
    let mut client = host.client("scp");
    host.run(client.args(options).arg(&target), b"")
}

#[test]
fn an_account_of_another_source_transfers_like_any_other() {
    let host = Host::with_sshd();
    move_alice(&host);
    let known = host.shell_line("getent passwd alice");
    assert!(known.starts_with("alice:"), "{known}");
    let local = host.shell_line("grep -c ^alice /etc/passwd || true");
    assert_eq!(local.trim(), "0");
    host.write("/tmp/one", b"one");
    let _ = host.log();
    for old in [false, true] {
        let name = format!("uploads/by-name-service-{old}");
        upload(&host, old, &name).succeeded("an upload");
        assert_eq!(host.read(host.alice().at(&name)), b"one");
        let before = host.disk();
        upload(&host, old, ".profile").failed("a dotfile");
        before.assert_same(&host.disk(), "a dotfile");
    }
    let log = host.log();
    let allowed = |line: &crate::harness::Line| {
        line.text.contains("account=alice") && line.text.contains("verdict=allowed")
    };
    assert!(log.iter().any(allowed), "{log:#?}");
    // A condition on groups asks the same source.
    host.policy(
        "access = \"read-only\"\n[[match]]\ngroup = \"alice-team\"\naccess = \"read-write\"\n",
    );
    upload(&host, false, "uploads/by-group").succeeded("as a member of the group");
    host.policy("access = \"read-only\"\n[[match]]\ngroup = \"others\"\naccess = \"read-write\"\n");
    upload(&host, false, "uploads/by-no-group").failed("as no member");
    assert!(!host.exists(host.alice().at("uploads/by-no-group")));
}

/// An entry of the other source with the uid of one in /etc/passwd: its session would be judged as the local one.
#[test]
fn the_dry_run_knows_the_other_entries_of_a_uid() {
    let host = Host::new();
    let id = host.alice().id;
    move_alice(&host);
    host.shell_line(&format!(
        "echo 'local:x:{id}:{id}::/home/alice/site:{XFERSH}' >>/etc/passwd"
    ));
    for name in ["alice", "local"] {
        let doctor = host.root(XFERSH, &["--doctor", "--user", name]);
        assert!(doctor.out().contains("different homes"), "{doctor}");
    }
    let check = ["--check", "--user", "alice", "-c", "sftp-server"];
    let check = host.root(XFERSH, &check);
    assert_eq!(check.code(), 2, "{check}");
    assert!(
        check.err().contains("'alice' and 'local' share the uid"),
        "{check}"
    );
}

/// A name service that fails while it is asked for groups removes no group and no rule for it.
#[test]
fn a_name_service_that_fails_refuses_the_session() {
    let host = Host::new();
    move_alice(&host);
    host.policy("[[match]]\ngroup = \"alice-team\"\naccess = \"read-only\"\n");
    host.install(
        "/opt/getent",
        b"#!/bin/sh\n[ $1 != initgroups ] || exit 3\nexec /opt/real-getent \"$@\"\n",
    );
    host.shell_line(
        "cp /usr/bin/getent /opt/real-getent; sed -i '/alice/d' /opt/extrausers/group; \
         echo 'alice-team:x:64602:alice' >>/opt/extrausers/group",
    );
    let write = |host: &Host| host.direct(host.alice(), b"scp -t uploads", b"C0644 2 one\nx\n\0");
    write(&host).failed("as a member of the group");
    host.root("mount", &["--bind", "/opt/getent", "/usr/bin/getent"])
        .succeeded("a stand-in for getent");
    host.log();
    let before = host.disk();
    let session = write(&host);
    assert_eq!(session.code(), 126, "{session}");
    before.assert_same(&host.disk(), "without an answer");
    let line = &host.log().remove(0).text;
    assert!(line.contains("stage=account"), "{line}");
    assert!(line.contains("ended with status 3"), "{line}");
}

const SINK: &[u8] = b"scp -t uploads";
const ONE: &[u8] = b"C0644 4 one\none\n\0";
const TEAM_READS: &str = "[[match]]\ngroup = \"alice-team\"\naccess = \"read-only\"\n";

/// Ends with a refusal of stage "account" whose reason contains this, and writes nothing; the dry run says the same.
fn refused_for(host: &Host, reason: &str) {
    let before = host.disk();
    host.log();
    let session = host.direct(host.alice(), SINK, ONE);
    assert_eq!(session.code(), 126, "{session}");
    before.assert_same(&host.disk(), reason);
    let line = &host.log().remove(0).text;
    assert!(line.contains("stage=account"), "{line}");
    assert!(line.contains(reason), "{line}");
    let check = host.root(
        XFERSH,
        &["--check", "--user", "alice", "-c", "scp -t uploads"],
    );
    assert_ne!(check.code(), 0, "{check}");
    let said = format!("{}{}", check.out(), check.err());
    assert!(said.contains(reason), "{check}");
}

/// An account of /etc/passwd is in a group that only the other source knows: its block takes the right to write.
#[test]
fn a_group_of_another_source_counts_for_a_local_account() {
    let host = Host::with_sshd();
    let line = "set -e
        mkdir /opt/extrausers
        touch /opt/extrausers/passwd
        grep '^alice-team:' /etc/group >/opt/extrausers/group
        sed -i '/^alice-team:/d' /etc/group
        mount --bind /opt/extrausers /var/lib/extrausers
        sed -i -E 's/^(passwd|group):.*/\\1: files extrausers/' /etc/nsswitch.conf";
    host.shell_line(line);
    host.write("/tmp/one", b"one");
    host.policy("");
    upload(&host, false, "uploads/free").succeeded("without the block");
    host.policy(TEAM_READS);
    let before = host.disk();
    upload(&host, false, "uploads/blocked").failed("as a member of the group");
    before.assert_same(&host.disk(), "as a member of the group");
    // However the C library lets that line be written.
    for line in [
        "group files extrausers",
        "group: files [NOTFOUND=continue]extrausers",
        "group: files\ngroup: files extrausers",
    ] {
        host.shell_line(&format!(
            "sed -i /^group/d /etc/nsswitch.conf; printf '{line}\\n' >>/etc/nsswitch.conf"
        ));
        let known = host.shell_line("getent group alice-team || echo none");
        assert!(
            known.contains("alice-team:"),
            "proves nothing: {line}: {known}"
        );
        let before = host.disk();
        upload(&host, false, "uploads/blocked").failed(line);
        before.assert_same(&host.disk(), line);
    }
    let check = host.root(
        XFERSH,
        &["--check", "--user", "alice", "-c", "scp -t uploads"],
    );
    assert_eq!(check.code(), 126, "{check}");
    host.policy(&TEAM_READS.replace("alice-team", "others"));
    upload(&host, false, "uploads/other").succeeded("with a block for others");
    // Where nobody can be asked for its name.
    host.policy(TEAM_READS);
    host.shell_line(
        "mkdir -p /opt/bin/upper /opt/bin/work; mount -t overlay \
         -o lowerdir=/usr/bin,upperdir=/opt/bin/upper,workdir=/opt/bin/work overlay /usr/bin; rm /usr/bin/getent",
    );
    let before = host.disk();
    upload(&host, false, "uploads/blocked").failed("without getent");
    before.assert_same(&host.disk(), "without getent");
    host.policy("");
    upload(&host, false, "uploads/free").succeeded("without a block");
}

/// A group of the session that has no name may be the one of a block. Without blocks for groups nobody asks.
#[test]
fn a_group_without_a_name_refuses_where_blocks_ask_for_groups() {
    let host = Host::new();
    move_alice(&host);
    host.policy(&TEAM_READS.replace("alice-team", "others"));
    host.direct(host.alice(), SINK, ONE)
        .succeeded("with names for all groups");
    host.shell_line("sed -i '/^alice:/d' /opt/extrausers/group");
    let id = host.alice().id;
    host.log();
    let before = host.disk();
    let session = host.direct(host.alice(), SINK, b"C0644 4 two\ntwo\n\0");
    assert_eq!(session.code(), 126, "{session}");
    before.assert_same(&host.disk(), "without a name");
    let line = &host.log().remove(0).text;
    let reason = format!("'alice' is in the group {id}, for which the name service has no name");
    assert!(line.contains(&reason), "{line}");
    host.policy("");
    host.direct(host.alice(), SINK, ONE)
        .succeeded("without a block for groups");
}

/// A source whose daemon does not run knows no group. The refusal names it; once something listens there, the local
/// account is served.
#[test]
fn a_daemon_that_does_not_run_is_named() {
    let host = Host::new();
    host.shell_line("sed -i -E 's/^(passwd|group):.*/\\1: files ldap/' /etc/nsswitch.conf");
    let reason = "the source 'ldap' of /etc/nsswitch.conf does not answer: nothing listens at /run/nslcd/socket";
    host.policy("");
    host.direct(host.alice(), SINK, ONE)
        .succeeded("a policy without blocks for groups");
    // A group that is known: one that is not would refuse the session with a daemon, too.
    host.shell_line("getent group others || echo 'others:x:64999:' >>/etc/group");
    host.policy(&TEAM_READS.replace("alice-team", "others"));
    refused_for(&host, reason);
    let listener = host.inside(|| {
        std::fs::create_dir("/run/nslcd").expect("a directory");
        let listener = UnixListener::bind("/run/nslcd/socket").expect("a socket");
        set_mode(Path::new("/run/nslcd/socket"), 0o666);
        listener
    });
    host.direct(host.alice(), SINK, ONE)
        .succeeded("with a daemon");
    drop(listener);
    // An account of that source alone.
    host.policy("");
    host.shell_line("sed -i '/^alice:/d' /etc/passwd");
    refused_for(&host, reason);
}

/// A source that never answers: the session ends by itself, and so does the dry run.
#[test]
fn a_source_that_hangs_holds_no_session() {
    let host = Host::new();
    move_alice(&host);
    host.shell_line(&format!(
        "rm /opt/extrausers/passwd; mkfifo -m 666 /opt/extrausers/passwd
         {{ {XFERSH} --check --user alice >/opt/check 2>&1; touch /opt/checked; }} >/dev/null 2>&1 &"
    ));
    let session = host.direct(host.alice(), SINK, ONE);
    assert_eq!(session.code(), 126, "{session}");
    let line = &host.log().remove(0).text;
    let reason = "does not answer: '/usr/bin/getent passwd -- ";
    assert!(line.contains(reason), "{line}");
    assert!(line.contains("files extrausers"), "{line}");
    host.shell_line("until [ -e /opt/checked ]; do sleep 0.1; done");
    let said = String::from_utf8(host.read("/opt/check")).expect("text");
    assert!(said.contains(reason), "{said}");
    assert_eq!(host.processes_of(host.alice()), [""; 0]);
}

/// The C library gives up nscd by itself, at every question again: the questions of a process have their time together.
#[test]
fn a_source_that_is_slow_at_every_question_holds_no_session() {
    let host = Host::new();
    move_alice(&host);
    let slow = |seconds: &str| {
        let script = format!(
            "#!/bin/sh\necho >>/opt/asked\nsleep {seconds}\nexec /opt/real-getent \"$@\"\n"
        );
        host.install("/opt/getent", script.as_bytes());
        host.shell_line(": >/opt/asked; chmod 666 /opt/asked");
    };
    slow("0");
    host.shell_line(
        "cp /usr/bin/getent /opt/real-getent; mount --bind /opt/getent /usr/bin/getent",
    );
    host.policy("[[match]]\ngroup = \"nobody-has-it\"\naccess = \"read-only\"\n");
    let session = host.direct(host.alice(), SINK, ONE);
    assert_eq!(session.code(), 0, "{session}");
    let asked = host.read("/opt/asked").len();
    assert!(asked >= 3, "one that asks less proves nothing: {asked}");
    host.shell_line("umount /usr/bin/getent");
    slow("10");
    host.shell_line("mount --bind /opt/getent /usr/bin/getent");
    let session = host.direct(host.alice(), SINK, ONE);
    assert_eq!(session.code(), 126, "{session}");
    let log = host.log();
    let line = &log.last().expect("a refusal").text;
    assert!(
        line.contains("does not answer: '/usr/bin/getent "),
        "{line}"
    );
    assert_eq!(
        host.read("/opt/asked").len(),
        3,
        "asked until the time is over"
    );
}

/// An account of the other source with this name and id is served, and the blocks of the policy are for it.
fn served(name: &str, id: u32) {
    let host = Host::new();
    let account = Account {
        name: name.to_owned(),
        id,
        shell: Shell::Xfersh,
    };
    host.inside(|| {
        account.register();
        account.furnish();
    });
    move_alice(&host);
    let known = host.shell_line(&format!(
        "getent passwd '{name}'; grep -c alice /etc/passwd || true"
    ));
    assert!(
        known.starts_with(&format!("{name}:x:{id}:{id}:")),
        "{known}"
    );
    assert!(known.ends_with("\n0\n"), "{known}");
    let said = format!("account={name} uid={id} ");
    host.log();
    host.direct(&account, SINK, ONE).succeeded("an upload");
    assert_eq!(host.read(account.at("uploads/one")), b"one\n");
    let log = host.log();
    assert!(log[0].text.contains(&said), "{log:#?}");
    for block in ["user", "group"] {
        let other = host.alice().name.clone();
        host.policy(&format!(
            "[[match]]\n{block} = '{other}'\naccess = \"read-only\"\n"
        ));
        host.direct(&account, SINK, ONE)
            .succeeded("another's block");
        host.policy(&format!(
            "[[match]]\n{block} = '{name}'\naccess = \"read-only\"\n"
        ));
        let before = host.disk();
        let session = host.direct(&account, SINK, ONE);
        assert_eq!(session.code(), 126, "{block}: {session}");
        before.assert_same(&host.disk(), block);
        let check = ["--check", "--user", name, "-c", "scp -t uploads"];
        let check = host.root(XFERSH, &check);
        assert_eq!(check.code(), 126, "{block}: {check}");
    }
    host.policy("");
    let live = ["--check", "--live", "--user", name];
    host.root(XFERSH, &live).succeeded("--check --live");
}

/// As a mapping of a directory's identifiers gives them (sssd, winbind): above what fits a signed number.
#[test]
fn a_uid_above_two_thousand_million() {
    served("alice-far", 3_000_000_123);
}

#[test]
fn a_name_with_its_realm() {
    served("alice@realm.example.org", 64_150);
}

/// Sources that do not mind the case, or that know an account by several names, answer with the one that counts.
#[test]
fn the_dry_run_takes_the_name_that_the_source_answers_with() {
    let host = Host::new();
    move_alice(&host);
    host.install(
        "/opt/getent",
        b"#!/bin/sh\ncase $3 in Alice | 'EXAMPLE\\alice') set -- $1 -- alice;; esac\nexec /opt/real-getent \"$@\"\n",
    );
    host.shell_line(
        "cp /usr/bin/getent /opt/real-getent; mount --bind /opt/getent /usr/bin/getent",
    );
    host.policy("[[match]]\nuser = \"alice\"\naccess = \"read-only\"\n");
    for name in ["alice", "Alice", "EXAMPLE\\alice"] {
        let check = host.root(XFERSH, &["--check", "--user", name]);
        assert_eq!(check.code(), 0, "{check}");
        assert!(check.out().contains("read-only"), "{check}");
    }
    // A number is a uid to getent(1), and no account has it as a name.
    let id = host.alice().id.to_string();
    let check = host.root(XFERSH, &["--check", "--user", &id]);
    assert_eq!(check.code(), 2, "{check}");
    assert!(check.err().contains("no account is named"), "{check}");
}

/// As sshd does it, which asks the name service for the groups of the session.
fn as_member(host: &Host, shell: &str) -> Output {
    let id = host.alice().id.to_string();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", &id, "--regid", &id, "--init-groups", shell, "-c"])
        .arg("scp -t uploads")
        .env("SSH_CONNECTION", "192.0.2.7 1 192.0.2.1 22")
        .current_dir(host.alice().home());
    host.run(&mut command, ONE)
}

/// A source that is away says of each group that there is none, and a session of a local account has none of its groups.
/// So where that can be, a group that the policy names must be known: its block may take rights away.
#[test]
fn a_group_of_a_source_that_is_away_refuses_where_a_block_names_it() {
    let host = Host::new();
    host.shell_line(
        "set -e
        mkdir /opt/extrausers
        touch /opt/extrausers/passwd
        grep '^alice-team:' /etc/group >/opt/extrausers/group
        sed -i '/^alice-team:/d' /etc/group
        mount --bind /opt/extrausers /var/lib/extrausers
        sed -i -E 's/^(passwd|group):.*/\\1: files extrausers elsewhere/' /etc/nsswitch.conf",
    );
    let shell = host.alice().shell_path().to_owned();
    host.policy("");
    as_member(&host, &shell).succeeded("without a block");
    host.policy(TEAM_READS);
    as_member(&host, &shell).failed("as a member");
    let log = host.log();
    let line = &log.last().expect("a line").text;
    assert!(!line.contains("stage=account"), "the block applies: {line}");
    host.shell_line("mv /opt/extrausers/group /opt/extrausers/away");
    let known = host.shell_line("getent group alice-team || echo status $?; id -nG alice");
    assert!(known.starts_with("status 2\n"), "{known}");
    assert!(!known.contains("alice-team"), "{known}");
    as_member(&host, "/bin/sh").succeeded("an ordinary account");
    let before = host.disk();
    let session = as_member(&host, &shell);
    assert_eq!(session.code(), 126, "{session}");
    before.assert_same(&host.disk(), "its source is away");
    let log = host.log();
    let line = &log.last().expect("a line").text;
    let reason = "the policy has a block for the group 'alice-team', which no source of /etc/nsswitch.conf knows";
    assert!(
        line.contains("stage=account") && line.contains(reason),
        "{line}"
    );
    refused_for(&host, reason);
    // It is back, but sshd has asked before that.
    host.shell_line("mv /opt/extrausers/away /opt/extrausers/group");
    let id = host.alice().id.to_string();
    let mut late = Command::new("setpriv");
    late.args(["--reuid", &id, "--regid", &id, "--clear-groups", &shell])
        .args(["-c", "scp -t uploads"])
        .current_dir(host.alice().home());
    let before = host.disk();
    host.run(&mut late, ONE).failed("as a member, asked again");
    before.assert_same(&host.disk(), "asked again");
    // Files of this host are not away.
    host.policy(&TEAM_READS.replace("alice-team", "no-such-group"));
    as_member(&host, &shell).failed("a group that nobody knows");
    host.shell_line("sed -i 's/ elsewhere//' /etc/nsswitch.conf");
    as_member(&host, &shell).succeeded("files alone");
}

/// What knows no account may be away: the session, the dry run and the doctor say so, and where to look.
#[test]
fn a_source_of_accounts_that_is_away_is_named() {
    let host = Host::new();
    move_alice(&host);
    host.shell_line("sed -i -E 's/^passwd:.*/& elsewhere/' /etc/nsswitch.conf");
    host.direct(host.alice(), SINK, ONE)
        .succeeded("with its source");
    host.shell_line("rm /opt/extrausers/passwd");
    refused_for(&host, "no account ");
    let hint =
        "a source that is away (/etc/nsswitch.conf: elsewhere) says that there is no such account";
    for arguments in [
        &["--check", "--user", "alice"][..],
        &["--doctor", "--user", "alice"],
    ] {
        let output = host.root(XFERSH, arguments);
        assert_ne!(output.code(), 0, "{output}");
        let said = format!("{}{}", output.out(), output.err());
        assert!(said.contains("no account is named 'alice'"), "{said}");
        assert!(
            said.contains("see that 'getent passwd' knows 'alice'"),
            "{said}"
        );
        assert!(said.contains(hint), "{said}");
    }
    // Where no server can be away, that is no help.
    host.shell_line("sed -i 's/ elsewhere//' /etc/nsswitch.conf");
    let check = host.root(XFERSH, &["--check", "--user", "alice"]);
    assert!(!check.err().contains("is away"), "{check}");
}
