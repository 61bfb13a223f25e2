//! The scripts that add accounts and take them out again, seen through a real sshd.

use super::harness::account::Shell;
use super::harness::{Account, Host, Output, Snapshot};
use super::prepared::{account, installed, prepared, sh};

fn remove(host: &Host, arguments: &[&str]) -> Output {
    host.root("xfersh-remove-account", arguments)
}

/// The command that the script printed to undo what it did.
fn undo(output: &Output) -> String {
    let out = output.out();
    let line = out
        .lines()
        .find_map(|line| line.strip_prefix("xfersh: to undo: "));
    line.unwrap_or_else(|| panic!("no line to undo it in {output}"))
        .to_owned()
}

fn files(host: &Host) -> Snapshot {
    host.inside(|| Snapshot::of(&["/home", "/srv", "/etc/ssh/xfersh_keys"]))
}

/// Whether carol's key opens a forwarded connection, which no shell can refuse.
fn forwards(host: &Host, account: &Account) -> bool {
    let mut client = host.client("ssh");
    client
        .args(["-W", "127.0.0.1:22"])
        .arg(format!("{}@host", account.name));
    host.run(&mut client, b"").out().starts_with("SSH-2.0-")
}

#[test]
fn a_closed_account_is_out_until_that_is_undone() {
    let (host, carol) = prepared();
    sh(&host, "chage -E 2100-01-01 carol");
    host.sftp(&carol, "mkdir uploads/before\n")
        .succeeded("a session before");
    let open = host.raw_sftp(&carol);
    assert!(open.greeted && !host.processes_of(&carol).is_empty());
    let before = files(&host);
    let output = remove(&host, &["carol"]).succeeded("closing the account");
    assert_eq!(host.processes_of(&carol), [] as [&str; 0]);
    assert!(output.out().contains("ended the sessions"), "{output}");
    let log = host.log();
    let last = log.last().expect("a closing line");
    assert!(last.text.contains("by_uid=0"), "{log:#?}");
    open.end();
    before.assert_same(&files(&host), "closing the account");
    host.sftp(&carol, "ls\n").failed("a login");
    host.scp_from(&carol, &["-O"], "uploads", ".")
        .failed("a login");
    // Not even what needs no shell, though the group's rules no longer apply.
    assert!(!forwards(&host, &carol));
    assert_eq!(host.shell_line("id -Gn carol"), "carol\n");
    assert_eq!(
        host.shell_line("getent passwd carol | cut -d: -f7"),
        "/usr/sbin/nologin\n"
    );
    // Twice is once.
    let again = remove(&host, &["carol"]).failed("closing it again");
    assert!(again.err().contains("closed already; to delete"), "{again}");
    sh(&host, &undo(&output));
    assert_eq!(host.shell_line("id -Gn carol"), "carol xfersh\n");
    assert_eq!(
        host.shell_line("getent shadow carol | cut -d: -f8"),
        "47482\n"
    );
    host.sftp(&carol, "rmdir uploads/before\n")
        .succeeded("a session after");
    host.ssh(&carol, &[], "id").failed("a command");
    assert!(!forwards(&host, &carol));
}

#[test]
fn an_account_gets_a_shell_again() {
    let (host, carol) = prepared();
    host.ssh(&carol, &[], "id").failed("a command");
    let before = files(&host);
    let open = host.raw_sftp(&carol);
    assert!(open.greeted);
    let output = remove(&host, &["carol", "--shell", "/bin/sh"]).succeeded("another shell");
    assert_eq!(host.processes_of(&carol), [] as [&str; 0]);
    open.end();
    before.assert_same(&files(&host), "another shell");
    // The keys of the group no longer count, and the home is still root's; both are said, with what to do.
    host.ssh(&carol, &[], "id").failed("a login by the old key");
    let out = output.out();
    let give = out
        .lines()
        .find_map(|line| line.strip_prefix("xfersh: to give it to carol: "));
    sh(&host, give.expect("how to give carol the home"));
    assert!(out.contains("are in ~/.ssh/authorized_keys"), "{output}");
    sh(
        &host,
        "runuser -u carol -- sh -c 'umask 077; mkdir ~/.ssh; cat >~/.ssh/authorized_keys' </etc/ssh/xfersh_keys/carol",
    );
    assert!(
        host.ssh(&carol, &[], "id")
            .succeeded("a command")
            .out()
            .contains("carol")
    );
    sh(&host, &undo(&output));
    host.ssh(&carol, &[], "id").failed("a command");
    host.sftp(&carol, "ls uploads\n")
        .succeeded("a session again");
}

/// What this script closed it also deletes; an account that somebody else closed it leaves alone.
#[test]
fn a_closed_account_can_be_deleted() {
    let (host, carol) = prepared();
    remove(&host, &["carol"]).succeeded("closing the account");
    sh(&host, "mv /etc/ssh/xfersh_keys/carol /srv/key");
    let mut before = files(&host);
    let refused = remove(&host, &["carol", "--delete"]).failed("an account without keys of xfersh");
    assert!(
        refused.err().contains("not an account of xfersh"),
        "{refused}"
    );
    before.assert_same(&files(&host), "a refused call");
    sh(
        &host,
        "mv /srv/key /etc/ssh/xfersh_keys/carol; chage -E -1 carol",
    );
    before = files(&host);
    remove(&host, &["carol", "--delete"]).failed("an account that has not expired");
    before.assert_same(&files(&host), "a refused call");
    sh(&host, "chage -E 1 carol");
    let output = remove(&host, &["carol", "--delete"]).succeeded("deleting the closed account");
    assert!(output.out().contains("cannot be undone"), "{output}");
    host.root("id", &["carol"]).failed("the account");
    assert!(!host.exists("/home/carol") && !host.exists("/etc/ssh/xfersh_keys/carol"));
    assert_eq!(host.processes_of(&carol), [] as [&str; 0]);
}

#[test]
fn a_deleted_account_leaves_only_what_is_elsewhere() {
    let (host, carol) = prepared();
    sh(
        &host,
        "mkdir /srv/victim /srv/in; echo kept >/srv/victim/file; install -d -o carol /srv/in/carol; \
         cd /home/carol; ln -s /srv/victim .link; echo x >uploads/own; ln -s /srv/victim uploads/link; \
         mkdir 'uploads/a b'; mount -t tmpfs tmpfs 'uploads/a b'; echo kept >'uploads/a b/file'",
    );
    let before = files(&host);
    let refused = remove(&host, &["carol", "--delete"]).failed("another file system in the home");
    assert!(refused.err().contains("something is mounted"), "{refused}");
    before.assert_same(&files(&host), "another file system in the home");
    let open = host.raw_sftp(&carol);
    assert!(open.greeted);
    sh(&host, "umount '/home/carol/uploads/a b'");
    let output = remove(&host, &["carol", "--delete"]).succeeded("deleting the account");
    assert!(output.out().contains("cannot be undone"), "{output}");
    host.root("id", &["carol"]).failed("the account");
    host.root("getent", &["group", "carol"]).failed("its group");
    assert!(!host.exists("/home/carol") && !host.exists("/etc/ssh/xfersh_keys/carol"));
    assert_eq!(host.shell_line("cat /srv/victim/file"), "kept\n");
    assert!(host.exists("/srv/in/carol"));
    assert_eq!(host.processes_of(&carol), [] as [&str; 0]);
}

/// Accounts that the script does not touch, and calls that are wrong: what is said, and that nothing changes.
#[test]
fn what_is_not_its_business_is_left_alone() {
    let (host, _carol) = installed();
    sh(
        &host,
        "useradd -o -u 0 -M -s /usr/bin/xfersh toor; usermod -s /usr/bin/xfersh www-data; \
         useradd -m -s /bin/bash -G xfersh bashful; \
         useradd -M -s /usr/bin/xfersh first; useradd -o -u $(id -u first) -M -s /usr/bin/xfersh second; \
         mkdir /srv/victim; ln -s /srv/victim /home/linked; useradd -M -s /usr/bin/xfersh linked; \
         useradd -M -d /srv -s /usr/bin/xfersh broad; useradd -M -d /home/carol -s /usr/bin/xfersh carols; \
         mkdir /srv/shop; useradd -M -d /srv/shop -s /usr/bin/xfersh shop; \
         useradd -M -d /srv/open/a/b -s /usr/bin/xfersh open; mkdir -m 1777 /srv/open; \
         runuser -u open -- mkdir -p /srv/open/a/b; mkdir -p /home/carol/below; \
         useradd -M -d /home/carol/below -s /usr/bin/xfersh below",
    );
    let state = || host.inside(|| Snapshot::of(&["/etc", "/home", "/srv"]));
    let before = state();
    let rows: [(&[&str], &str); 20] = [
        (&["root"], "your own account or root's"),
        (&["toor"], "uid 0"),
        (&["www-data"], "an account of the system"),
        (&["nobody"], "an account of the system"),
        (
            &["bashful"],
            "its shell is /bin/bash; to take it out of the group: gpasswd -d bashful xfersh",
        ),
        (&["plain"], "its shell is /bin/sh"),
        (&["first"], "shares its uid"),
        (&["nemo"], "there is no account"),
        (&["../x"], "not a valid account name"),
        (&["a.*"], "not a valid account name"),
        (&[], "which account"),
        (&["carol", "carol"], "one account"),
        (&["carol", "--shell", "/bin/nonesuch"], "not in /etc/shells"),
        (&["carol", "--shell", "/usr/bin/xfersh"], "what it has now"),
        (&["carol", "--shell", "/bin/sh", "--delete"], "not both"),
        (&["linked", "--delete"], "is not a directory"),
        (&["broad", "--delete"], "not only an account's"),
        (&["shop", "--delete"], "belongs to others"),
        (&["open", "--delete"], "users other than root"),
        // carols has the same home, below has one in it.
        (&["carol", "--delete"], "is also that of carols below"),
    ];
    for (arguments, expected) in rows {
        let output = remove(&host, arguments).failed("a wrong call");
        assert!(output.err().contains(expected), "{arguments:?}: {output}");
        assert_eq!(output.out(), "", "{arguments:?}");
    }
    let own = host
        .root(
            "/bin/sh",
            &["-c", "SUDO_USER=carol xfersh-remove-account carol"],
        )
        .failed("one's own account");
    assert!(own.err().contains("your own account"), "{own}");
    before.assert_same(&state(), "refused calls");
}

/// Directories are made on request, with the owner that they need, and through no link of the account.
#[test]
fn directories_are_made_on_request() {
    let (host, _carol) = installed();
    sh(
        &host,
        "useradd -m -d /home/erin -G xfersh -s /usr/bin/xfersh -p '*' erin; mkdir /srv/in /srv/victim; \
         chmod 1777 /srv/victim; runuser -u erin -- ln -s /srv/victim /home/erin/link; echo x >/srv/file",
    );
    let add = |name: &str, directory: &str| {
        host.root("xfersh-add-account", &[name, "--directory", directory])
    };
    for (name, directory, made) in [
        ("carol", "a/b/c", "/home/carol/a /home/carol/a/b/c"),
        ("carol", "with space/", "'/home/carol/with space'"),
        ("carol", "/srv/in/carol", "/srv/in/carol"),
        ("erin", "a/b", "/home/erin/a /home/erin/a/b"),
    ] {
        add(name, directory).succeeded(directory);
        let owners = host.shell_line(&format!("stat -c '%U:%G %a' {made} | sort -u"));
        assert_eq!(owners, format!("{name}:{name} 750\n"), "{directory}");
    }
    let state = || host.inside(|| Snapshot::of(&["/home", "/srv"]));
    let before = state();
    for (directory, why) in [
        ("link", "symbolic link"),
        ("link/a", "symbolic link"),
        ("/home/erin/link/a", "symbolic link"),
        ("/srv/none/erin", "does not exist"),
        ("/srv/file", "in the way"),
        ("../x", "without '.'"),
        ("a//b", "without '.'"),
        (".ssh", "begins with a dot"),
    ] {
        let output = add("erin", directory).failed(directory);
        assert!(output.err().contains(why), "{directory}: {output}");
    }
    before.assert_same(&state(), "refused directories");
    // It ends with what the dry run says.
    let said = add("erin", "uploads").succeeded("a directory").out();
    let check = host.shell_line("xfersh --check --user erin");
    assert!(
        said.contains(&check) && check.contains("/home/erin/uploads"),
        "{said}"
    );
    let erin = account(&host, "erin", Shell::Xfersh);
    assert_eq!(erin.name, "erin");
}
