//! The doctor on what takes the log: each finding, and that its command mends it.

use super::doctor::findings;
use super::harness::Host;
use super::log_targets::{FIFO, FILE, Reader, make};
use super::prepared::{prepared, sh};

fn log(host: &Host, target: &str) {
    host.policy(&format!("log = \"{target}\"\n"));
}

fn only(host: &Host) -> (String, String, String) {
    let rows = findings(host);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    rows.into_iter().next().expect("one")
}

#[test]
fn a_file() {
    let (host, carol) = prepared();
    log(&host, &format!("file:{FILE}"));
    // syslog is not missed by a policy that does not use it.
    sh(&host, "mv /dev/log /dev/away");
    let (id, severity, mend) = only(&host);
    assert_eq!((&*id, &*severity), ("log-file-missing", "warning"));
    sh(&host, &mend);
    assert_eq!(findings(&host), [], "{mend}");
    host.direct(&carol, b"sftp-server", b"")
        .succeeded("a session");
    assert!(String::from_utf8_lossy(&host.read(FILE)).contains(" end server="));
    for (line, id, severity) in [
        (
            "chmod 600 /var/log/xfersh/log",
            "log-file-closed",
            "warning",
        ),
        (
            "chown carol /var/log/xfersh/log",
            "log-file-unsafe",
            "serious",
        ),
        ("chmod 777 /var/log/xfersh", "log-file-unsafe", "serious"),
    ] {
        sh(&host, line);
        let rows = findings(&host);
        let found = rows.first().expect("a finding");
        assert_eq!((&*found.0, &*found.1), (id, severity), "{line}");
        // An account that is refused is a finding as well.
        let refused = rows.iter().filter(|row| row.0 == "account-refused");
        assert_eq!(
            refused.count(),
            usize::from(severity == "serious"),
            "{rows:#?}"
        );
        if found.2.starts_with('#') {
            sh(
                &host,
                "chmod 755 /var/log/xfersh; chown root /var/log/xfersh/log",
            );
        } else {
            sh(&host, &found.2);
        }
        assert_eq!(findings(&host), [], "{line}: {}", found.2);
        host.direct(&carol, b"sftp-server", b"")
            .succeeded("a session");
    }
    host.policy(&format!(
        "log = \"file:{FILE}\"\nreadable = [\"~\", \"/var/log\"]\n"
    ));
    let rows = findings(&host);
    let ids: Vec<&str> = rows.iter().map(|row| &*row.0).collect();
    assert_eq!(ids, ["log-file-unsafe", "account-refused"]);
    assert!(rows.iter().all(|row| row.2.starts_with('#')), "{rows:?}");
}

#[test]
fn a_fifo_and_the_journal() {
    let (host, _carol) = prepared();
    make(&host, FIFO, "mkfifo");
    log(&host, &format!("file:{FIFO}"));
    let (id, severity, mend) = only(&host);
    assert_eq!((&*id, &*severity), ("log-fifo-unread", "warning"));
    assert!(mend.starts_with('#'), "{mend}");
    let reader = Reader::of_fifo(&host, "/var/log/copy");
    assert_eq!(findings(&host), []);
    drop(reader);
    log(&host, "journal");
    let (id, severity, mend) = only(&host);
    assert_eq!((&*id, &*severity), ("journal-missing", "warning"));
    assert!(mend.contains("systemd-journald.socket"), "{mend}");
    host.policy("log = \"journal\"\naudit = \"required\"\n");
    assert_eq!(only(&host).1, "serious");
    let _listener = host.inside(|| {
        std::fs::create_dir_all("/run/systemd/journal").expect("a directory");
        std::os::unix::net::UnixDatagram::bind("/run/systemd/journal/socket").expect("a socket")
    });
    assert_eq!(findings(&host), []);
}
