//! A newer version over an older one.

use super::prepared::{DROP_IN, SHELL, SOURCE, install, installed, sh};

/// A new version brings a new drop-in: one that is as it was installed is replaced, one that somebody changed is kept,
/// and the doctor says so. What sshd refuses leaves the old one in force.
#[test]
fn an_upgrade_replaces_what_nobody_changed() {
    let (host, _carol) = installed();
    let shipped = format!("{SOURCE}/install/sshd/10-xfersh.conf");
    let in_force = || host.shell_line(&format!("cat {DROP_IN}"));
    sh(&host, &format!("echo '# a newer version' >>{shipped}"));
    install(&host, &[]).succeeded("an upgrade");
    assert!(
        in_force().ends_with("# a newer version\n"),
        "{}",
        in_force()
    );
    let differs = || {
        host.root(SHELL, &["--doctor", "--user", "carol"])
            .out()
            .contains("sshd-drop-in-differs")
    };
    assert!(!differs());
    // One that sshd refuses.
    let before = in_force();
    sh(
        &host,
        &format!("cp {shipped} /etc/good; echo 'Bogus yes' >>{shipped}"),
    );
    install(&host, &[]).failed("a drop-in that sshd refuses");
    assert_eq!(in_force(), before);
    sh(&host, &format!("cp /etc/good {shipped}"));
    // One that the administrator changed.
    sh(
        &host,
        &format!("echo '# mine' >>{DROP_IN}; echo '# the newest version' >>{shipped}"),
    );
    let kept = install(&host, &[]).succeeded("an upgrade");
    assert!(kept.out().contains("which you have changed"), "{kept}");
    assert!(in_force().ends_with("# mine\n"), "{}", in_force());
    assert!(differs());
    // Removed, it leaves nothing.
    install(&host, &["--uninstall"]).succeeded("--uninstall");
    assert!(!host.exists("/var/lib/xfersh"));
}
