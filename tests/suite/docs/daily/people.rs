//! One caller who was refused, and one account that is to be closed.

use super::{CLIENT, GUIDE, OWN_FILE, Site, block_of};
use crate::harness::until;

/// The steps of the guide, from the complaint to the upload.
pub fn a_refused_caller(site: &mut Site) {
    site.host.shell_line("install -d -o alice -g alice /srv/in");
    site.host.write("/tmp/local/report.pdf", b"a report\n");
    let target = "/srv/in/report.pdf";
    let upload = |site: &Site| site.scp("report.pdf", target);
    upload(site).failed("the upload");
    site.settle(OWN_FILE);
    let found = site.run("run: refused").succeeded("finding the line").out();
    let line = found.lines().last().expect("a line");
    let asked = format!("client={CLIENT} verdict=refused stage=path ");
    assert!(line.contains(&asked), "{found}");
    assert!(
        line.ends_with(&format!("command=\"scp -t {target}\"")),
        "{line}"
    );
    let answer = site.run("run: refused-ask");
    assert_eq!(answer.code(), 126, "{answer}");
    let reason = line
        .split("reason=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let reason = reason.expect("a reason");
    assert!(answer.out().contains(reason), "{reason}: {answer}");
    // The new policy is asked before it is in force.
    site.host
        .write("/srv/root/xfersh.new", b"writable = [\"~/*\"]\n");
    assert_eq!(site.run("run: refused-mend").code(), 126);
    site.host.write(
        "/srv/root/xfersh.new",
        b"writable = [\"~/*\", \"/srv/in\"]\n",
    );
    site.run("run: refused-mend").succeeded("the new policy");
    upload(site).failed("the upload before the policy is in force");
    assert!(!site.host.exists(target));
    site.host.policy("writable = [\"~/*\", \"/srv/in\"]\n");
    upload(site).succeeded("the upload");
    assert_eq!(site.host.read(target), b"a report\n");
    // A change that the system refuses is found in the same way.
    site.host
        .shell_line("chown root /srv/in; chmod 755 /srv/in");
    site.sftp("put report.pdf /srv/in/second\n")
        .failed("an upload into a directory of root's");
    site.settle(OWN_FILE);
    let found = site.run("run: refused").succeeded("finding the line").out();
    let event = "failed call=open errno=EACCES path=\"/srv/in/second\"";
    assert!(found.lines().any(|line| line.ends_with(event)), "{found}");
    site.host.no_policy();
}

/// Two sessions: one is ended by its name, the other by its account, and the log says by whom.
pub fn who_is_connected(site: &mut Site) {
    let open = [
        site.host.raw_sftp(&site.alice),
        site.host.raw_sftp(&site.alice),
    ];
    let listed = site.run("run: who").succeeded("the block").out();
    let sessions: Vec<&str> = listed
        .lines()
        .filter(|line| line.contains("alice"))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(sessions.len(), open.len(), "{listed}");
    let text = block_of(GUIDE, "run: end").replace("1a5aebf27d665c9d", sessions[1]);
    site.run_text(None, &text).succeeded("the block");
    for session in open {
        session.end();
    }
    site.settle(OWN_FILE);
    let text = site.text(OWN_FILE);
    for session in sessions {
        let mut lines = text.lines().filter(|line| line.contains(session));
        let end = lines.rfind(|line| line.contains(" end server=killed:"));
        let by_root = |end: &str| end.contains(" cause=terminated by_uid=0 ");
        assert!(end.is_some_and(by_root), "{text}");
    }
    let listed = site.run("run: who").succeeded("the block").out();
    assert!(!listed.contains("alice"), "{listed}");
}

/// With PAM and without: no key lets an expired account in, and its session ends with a closing line.
pub fn a_disabled_account(site: &mut Site) {
    for pam in ["no", "yes"] {
        let set = format!("sed -i 's/^UsePAM .*/UsePAM {pam}/' /etc/ssh/sshd_config");
        site.host.shell_line(&set);
        site.host.start_system_sshd();
        site.sftp("pwd\n").succeeded("a session before");
        let mut open = site.host.raw_sftp(&site.alice);
        assert!(open.greeted && open.mkdir("uploads/x").ok());
        assert!(open.rmdir("uploads/x").ok());
        site.run("run: disable").succeeded("the block");
        until("nothing of alice's runs", || {
            site.host.processes_of(&site.alice).is_empty()
        });
        open.end();
        site.sftp("pwd\n").failed("a session of an expired account");
        site.settle(OWN_FILE);
        let text = site.text(OWN_FILE);
        let end = text.lines().rfind(|line| line.contains(" end server="));
        let by_root =
            |end: &str| end.contains(" cause=terminated by_uid=0 ") && end.contains(" created=1 ");
        assert!(end.is_some_and(by_root), "{text}");
        site.run("run: enable").succeeded("the block");
        site.sftp("pwd\n").succeeded("a session after");
        site.host
            .root("passwd", &["--lock", "alice"])
            .succeeded("passwd");
        let locked = site.sftp("pwd\n");
        assert_eq!(locked.status.success(), pam == "yes", "{locked}");
        site.host.shell_line("usermod -p '*' alice");
    }
}
