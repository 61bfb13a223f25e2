//! `host-setup retire`: what a package manager without a purge leaves when it removes xfersh.

use crate::harness::{Host, Output};
use crate::prepared::{
    DROP_IN, SHELL, SOURCE, add_account, assert_same, bare, etc, install, installed, sh,
};

fn retire(host: &Host) -> Output {
    let script = format!("{SOURCE}/install/host-setup");
    host.root(&script, &["retire", SHELL]).succeeded("retire")
}

fn is_listed(host: &Host) -> bool {
    let shells = String::from_utf8(host.read("/etc/shells")).expect("text");
    shells.lines().any(|line| line == SHELL)
}

#[test]
fn what_nobody_uses_goes() {
    let host = bare();
    let before = etc(&host);
    install(&host, &[]).succeeded("install/install");
    assert!(is_listed(&host) && host.exists(DROP_IN));
    retire(&host);
    assert_same(&before, &etc(&host), "after host-setup retire");
    // It can be repeated.
    retire(&host);
    assert_same(&before, &etc(&host), "after the second one");
}

/// Without the drop-in, an account of the group could forward ports; without the shell it cannot log in.
#[test]
fn the_drop_in_stays_while_an_account_needs_it() {
    let (host, carol) = installed();
    add_account(&host, "dora");
    let output = retire(&host).out();
    assert!(
        output.contains("carol dora") && output.contains("cannot log in until"),
        "{output}"
    );
    assert!(!is_listed(&host) && host.exists(DROP_IN));
    sh(&host, "getent group xfersh && sshd -t");
    // One with another shell is still in the group: sshd's rules are for the group.
    sh(&host, "userdel dora; usermod --shell /bin/sh carol");
    assert!(retire(&host).out().contains(&carol.name));
    assert!(host.exists(DROP_IN));
    // And one that has the shell without being in the group.
    sh(
        &host,
        "gpasswd -d carol xfersh; usermod --shell /usr/bin/xfersh carol",
    );
    assert!(retire(&host).out().contains(&carol.name));
    assert!(host.exists(DROP_IN));
    sh(&host, "userdel carol; rm /etc/ssh/xfersh_keys/*");
    retire(&host);
    assert!(!host.exists(DROP_IN) && !host.exists("/etc/ssh/xfersh_keys"));
    host.root("getent", &["group", "xfersh"]).failed("getent");
}

#[test]
fn a_changed_drop_in_stays() {
    let host = bare();
    install(&host, &[]).succeeded("install/install");
    sh(&host, &format!("echo '# mine' >>{DROP_IN}"));
    let output = retire(&host).out();
    assert!(output.contains("which you have changed"), "{output}");
    assert!(host.exists(DROP_IN) && !is_listed(&host));
    sh(&host, "getent group xfersh");
}
