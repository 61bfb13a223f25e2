//! What was logged, where, and what it says of files.

use super::{CLIENT, OWN_FILE, Site, without_time};
use crate::harness::sftp::{CREATE, Sftp, WRITE};
use crate::harness::until;

/// Lines of another daemon that look like ours, and what an ordinary caller leaves.
pub fn what_was_logged(site: &mut Site) {
    let other = "Invalid user x xfersh[1]: session=0 seq=1 account=alice uid=0 client=192.0.2.9 verdict=refused";
    let arguments = ["-p", "authpriv.info", "-t", "sshd", "--id=2", other];
    site.host.root("logger", &arguments).succeeded("logger");
    site.ssh(CLIENT, &site.alice, "id").failed("a command");
    site.settle("/var/log/auth.log");
    site.settle("/var/log/secure");
    let refused = format!("client={CLIENT} verdict=refused stage=form ");
    let listed = site.run("run: journal").succeeded("journalctl").out();
    assert!(listed.contains(&refused), "{listed}");
    assert!(!listed.contains("Invalid user"), "{listed}");
    let debian = site.run("run: file").succeeded("grep").out();
    assert!(debian.contains(&refused), "{debian}");
    let text = super::block_of(super::GUIDE, "run: file").replace("auth.log", "secure");
    let rhel = site
        .host
        .root("bash", &["-c", &text])
        .succeeded("grep")
        .out();
    assert!(rhel.contains(&refused), "{rhel}");
    for (seen, file) in [(debian, "auth.log"), (rhel, "secure")] {
        let all = site.text(&format!("/var/log/{file}"));
        assert!(all.contains(other), "{all}");
        assert!(!seen.contains("Invalid user"), "{seen}");
    }
}

pub fn a_file_of_its_own(site: &mut Site) {
    site.run("run: own-file").succeeded("the block");
    assert_eq!(site.text("/run/systemctl"), "restart rsyslog\n");
    assert!(!site.host.exists(OWN_FILE));
    site.log.restart_rsyslog(&site.host);
    let before = site.text("/var/log/auth.log");
    site.sftp("pwd\n").succeeded("a session");
    site.settle(OWN_FILE);
    let text = site.text(OWN_FILE);
    for event in ["verdict=allowed server=sftp", "end server=exited:0"] {
        assert!(text.contains(event), "{text}");
    }
    let after = site.text("/var/log/auth.log");
    assert!(!after[before.len()..].contains("xfersh["), "{after}");
    let mode = site
        .host
        .shell_line(&format!("stat -c %a:%U:%G {OWN_FILE}"));
    assert_eq!(mode, "640:root:adm\n");
}

/// Nothing is lost by it, and what comes later is in the new file.
pub fn rotated(site: &mut Site) {
    let mode = format!("stat -c %a:%U:%G {OWN_FILE}");
    let said = site.run("run: rotate").succeeded("the block");
    assert!(
        said.err().contains(&format!("considering log {OWN_FILE}")),
        "{said}"
    );
    let earlier = site.text(OWN_FILE);
    let force = ["--force", "/etc/logrotate.d/xfersh"];
    for _ in 0..2 {
        site.host.root("logrotate", &force).succeeded("logrotate");
        // Until rsyslogd has opened the new file, it writes to the old one.
        until("lines in the new file", || {
            site.host
                .shell_line("logger -p authpriv.info -t xfersh a line of the test");
            !site.text(OWN_FILE).is_empty()
        });
        assert_eq!(site.host.shell_line(&mode), "640:root:adm\n");
    }
    let oldest = site.host.shell_line(&format!("zcat {OWN_FILE}.2.gz"));
    let rest = oldest.strip_prefix(&earlier).expect("all earlier lines");
    let is_ours = |line: &str| line.ends_with(" xfersh: a line of the test");
    assert!(rest.lines().all(is_ours), "{oldest}");
}

/// Uploads under all kinds of names, and what is no upload, the day before the commands are run.
pub fn who_uploaded_what(site: &mut Site) {
    let today = |site: &Site| site.host.shell_line("date +%F").trim().to_owned();
    site.host.write("/tmp/local/a", b"12345");
    let odd = "created file bytes=1 path=uploads client=192.0.2.9 removed file ";
    let upload = |site: &mut Site| {
        site.sftp(&format!(
            "put a uploads/report.pdf\nput a uploads/report.pdf\nput a uploads/b.part\n\
             rename uploads/b.part uploads/b\nput a \"uploads/{odd}\"\nrm \"uploads/{odd}\"\nmkdir uploads/d\n\
             rmdir uploads/d\nrm uploads/report.pdf\nrm uploads/b\n"
        ))
        .succeeded("uploads");
        site.scp("a", "uploads/c").succeeded("an upload");
        site.host.shell_line("rm /home/alice/uploads/c");
        site.settle(OWN_FILE);
    };
    // Lines of two days would be too much for one yesterday.
    let mut day = today(site);
    site.host
        .shell_line(&format!(": >{OWN_FILE}.1; : >{OWN_FILE}"));
    upload(site);
    if today(site) != day {
        day = today(site);
        site.host.shell_line(&format!(": >{OWN_FILE}"));
        upload(site);
    }
    let who = format!("alice {CLIENT}");
    let home = "/home/alice/uploads";
    let expected = [
        format!("{who} created file bytes=5 path=\"{home}/report.pdf\""),
        format!("{who} overwritten file bytes=5 path=\"{home}/report.pdf\""),
        format!("{who} created file bytes=5 path=\"{home}/b.part\""),
        format!("{who} renamed file from=\"{home}/b.part\" path=\"{home}/b\""),
        format!("{who} created file bytes=5 path=\"{home}/{odd}\""),
        format!("{who} created file bytes=5 path=\"{home}/c\""),
    ];
    let next = site
        .host
        .shell_line(&format!("date -d '{day} tomorrow' +%F"));
    let noon = format!("{} 12:00:00", next.trim());
    for mark in ["run: uploads", "run: uploads-file"] {
        let listed = site.run_at(&noon, mark).succeeded(mark);
        let text = listed.out();
        assert_eq!(without_time(&text), expected, "{mark}: {listed}");
        assert!(text.lines().all(|line| line.starts_with(&day)), "{text}");
        // On the same day they are not yesterday's.
        let same_day = site.run_at(&format!("{day} 12:00:00"), mark);
        assert_eq!(same_day.out(), "", "{mark}");
    }
}

/// A file that is too large, a client that leaves, a connection that breaks; and files that arrived whole.
pub fn what_did_not_arrive(site: &mut Site) {
    site.host.write("/tmp/local/large", &[b'x'; 3000]);
    site.host.policy("max_file_size = 2000\n");
    site.sftp("put large uploads/large\n").failed("too large");
    site.sftp("put a \"uploads/incomplete file cause=\"\n")
        .succeeded("an upload");
    half(site, "uploads/left").end();
    let mut broken = half(site, "uploads/broken").into_process();
    broken.kill().expect("ending the client");
    broken.wait().expect("the client's status");
    site.host.no_policy();
    let listed = |site: &Site| site.run("run: incomplete").succeeded("the block").out();
    until("all are listed", || without_time(&listed(site)).len() >= 3);
    let home = "/home/alice/uploads";
    let expected = [
        format!("alice {CLIENT} created file bytes=2000 cause=max_file_size path=\"{home}/large\""),
        format!("alice 127.0.0.1 created file bytes=4 incomplete path=\"{home}/left\""),
        format!("alice 127.0.0.1 created file bytes=4 incomplete path=\"{home}/broken\""),
    ];
    assert_eq!(without_time(&listed(site)), expected);
}

/// A session with a file that is not closed.
fn half(site: &Site, path: &str) -> Sftp {
    let mut sftp = site.host.raw_sftp(&site.alice);
    let handle = sftp.handle(|sftp| sftp.open(path, WRITE | CREATE));
    assert!(sftp.write(&handle.expect("opening"), 0, b"half").ok());
    sftp
}
