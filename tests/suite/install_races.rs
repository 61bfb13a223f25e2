//! Scripts that run as root in places where an account can replace names at any moment.

use std::process::Command;

use super::harness::Host;
use super::harness::account::Shell;
use super::harness::sshd::CLIENT_KEY;
use super::prepared::{account, installed, sh};

/// The account puts a link in place of its `uploads` and removes it, again and again, while root adds the account.
/// Returns whether root gave away what the link leads to; the script runs up to `tries` times.
fn is_given_away(host: &Host, script: &str, tries: usize) -> bool {
    let swap = r#"cd /home/erin && while :; do ln -s /srv/secret uploads 2>/dev/null; rm -rf uploads; done"#;
    let mut swapper = Command::new("runuser");
    swapper.args(["-u", "erin", "--", "/bin/sh", "-c", swap]);
    let mut swapper = host
        .namespace()
        .spawn(swapper.current_dir("/"))
        .expect("the account's own loop");
    let mut lost = false;
    for _ in 0..tries {
        // It may fail, since names come and go; what counts is the disk.
        host.root(script, &["erin", "--directory", "uploads"]);
        let owner = host.shell_line("stat -c '%U %a' /srv/secret");
        if owner.trim() != "root 700" {
            lost = true;
            break;
        }
    }
    let _ = swapper.kill();
    let _ = swapper.wait();
    lost
}

/// A host with an account that owns its home, as an older one may, and a directory of root.
fn host() -> Host {
    let (host, _carol) = installed();
    sh(
        &host,
        "useradd -m -d /home/erin -G xfersh -s /usr/bin/xfersh -p '*' erin && mkdir -m 700 /srv/secret",
    );
    host
}

#[test]
fn a_link_that_is_swapped_gives_nothing_away() {
    let host = host();
    // The baseline: the race against two steps by path, as the script had them, can be won.
    let racy = r#"#!/bin/sh
        home=/home/$1
        [ -d "$home/uploads" ] || install -d -o "$1" -g "$1" -m 0750 "$home/uploads"
    "#;
    host.install("/opt/racy", racy.as_bytes());
    assert!(is_given_away(&host, "/opt/racy", 3_000), "the race is real");
    sh(&host, "chown root: /srv/secret && chmod 700 /srv/secret");
    assert!(!is_given_away(&host, "/usr/sbin/xfersh-add-account", 150));
}

#[test]
fn uploads_are_made_in_a_home_of_either_owner() {
    let host = host();
    host.root("xfersh-add-account", &["erin", "--directory", "uploads"])
        .succeeded("an account with a home of its own");
    let line = "stat -c '%U:%G %a' /home/erin/uploads";
    assert_eq!(host.shell_line(line), "erin:erin 750\n");
    // A link on the way that root created does no harm.
    sh(&host, "mkdir /srv/homes && ln -s /srv/homes /home/more");
    host.root(
        "xfersh-add-account",
        &[
            "frank",
            "--home",
            "/home/more/deep/frank",
            "--directory",
            "uploads",
        ],
    )
    .succeeded("a home behind a link");
    let line =
        "stat -c '%U:%G %a' /srv/homes/deep /srv/homes/deep/frank /srv/homes/deep/frank/uploads";
    assert_eq!(
        host.shell_line(line),
        "root:root 755\nroot:frank 750\nfrank:frank 750\n"
    );
}

#[test]
fn no_home_is_made_where_others_can_exchange_names() {
    let host = host();
    sh(
        &host,
        "mkdir -m 1777 /srv/open && ln -s /home/erin/link /srv/way && runuser -u erin -- ln -s /srv/secret /home/erin/link",
    );
    for home in ["/srv/open/grace", "/home/erin/grace", "/srv/way/grace"] {
        let output = host
            .root("xfersh-add-account", &["grace", "--home", home])
            .failed(home);
        assert!(
            output.err().contains("users other than root can write"),
            "{output}"
        );
        assert!(!host.exists(home), "{home}");
        // Nor the account.
        host.root("id", &["grace"]).failed("grace");
    }
    assert_eq!(host.shell_line("ls -A /srv/secret"), "");
}

/// The key file is read once, so that no link can lead the script to another file after it was examined.
#[test]
fn the_key_that_is_examined_is_the_key_that_is_installed() {
    let host = host();
    // Reading it a second time gives something else: a FIFO whose writer continues with another text.
    sh(&host, "mkfifo /run/key; echo 'other text' >/run/other");
    let feed = format!("cat {CLIENT_KEY}.pub >/run/key; sleep 0.2; cat /run/other >/run/key");
    let mut feeder = Command::new("/bin/sh");
    feeder.args(["-c", &feed]);
    let mut feeder = host.namespace().spawn(&mut feeder).expect("a feeder");
    let output = host.root("xfersh-add-account", &["erin", "--key", "/run/key"]);
    let _ = feeder.kill();
    let _ = feeder.wait();
    output.succeeded("a key from a pipe");
    let erin = account(&host, "erin", Shell::Xfersh);
    let installed = host.read(format!("/etc/ssh/xfersh_keys/{}", erin.name));
    assert_eq!(installed, host.read(format!("{CLIENT_KEY}.pub")));
}
