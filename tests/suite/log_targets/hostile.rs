//! A server that has been taken over reaches neither the log file, nor the FIFO, nor journald: by no name, mount or link.

use std::os::unix::net::UnixDatagram;

use super::{FIFO, FILE, Reader, make};
use crate::harness::account::set_mode;
use crate::hostile::session::{KINDS, Session, command, host, policy};

const JOURNAL: &str = "/run/systemd/journal/socket";

/// What an ordinary account can do to a file that it may append to, and to a FIFO. The last ones go through a mount in
/// its own directory. Numbers: 0x401 is O_WRONLY|O_APPEND, 0x801 O_WRONLY|O_NONBLOCK, 0x802 O_RDWR|O_NONBLOCK.
fn attempts() -> Vec<String> {
    let mut attempts = Vec::new();
    for path in [FILE, "uploads/logs/log"] {
        attempts.push(format!("open p:{path} 0x401 0"));
        attempts.push(format!("open p:{path} 0x1 0"));
        attempts.push(format!("open p:{path} 0x2 0"));
        attempts.push(format!("open p:{path} 0x41 0600"));
        attempts.push(format!("truncate p:{path} 0"));
        attempts.push(format!("utimensat -100 p:{path} 0 0"));
    }
    for path in [FIFO, "uploads/pipes/lines"] {
        attempts.push(format!("open p:{path} 0x801 0"));
        attempts.push(format!("open p:{path} 0x802 0"));
    }
    // Through the mount it can be read, if its mode lets the account read it: docs/threat-model.md.
    attempts.push(format!("open p:{FILE} 0x0 0"));
    attempts.push(format!("open p:{FIFO} 0x800 0"));
    attempts
}

/// What nobody but root can do: the directory is root's.
const NEVER: [&str; 6] = [
    "unlink p:uploads/logs/log",
    "rename p:uploads/logs/log p:uploads/logs/other",
    "rename p:uploads/logs p:uploads/other",
    "link p:uploads/logs/log p:uploads/second",
    "chmod p:uploads/logs/log 0666",
    "chown p:uploads/logs/log -1 -1",
];

#[test]
fn no_server_reaches_what_the_log_is_written_to() {
    let host = host();
    make(&host, FILE, ":>");
    make(&host, FIFO, "mkfifo");
    host.shell_line(&format!("chmod 0666 {FILE} {FIFO}"));
    let _reader = Reader::of_fifo(&host, "/var/log/copy");
    let journal = host.inside(|| {
        std::fs::create_dir_all("/run/systemd/journal").expect("a directory");
        let journal = UnixDatagram::bind(JOURNAL).expect("a socket");
        set_mode(JOURNAL.as_ref(), 0o666);
        journal.set_nonblocking(true).expect("a flag");
        journal
    });
    let name: String = [1, 0]
        .iter()
        .chain(JOURNAL.as_bytes())
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let size = JOURNAL.len() + 2;
    let to_journal = format!("socket 1 2 0 ; sendto $ p:MESSAGE=forged 14 0 v:{name} {size}");
    for account in [host.plain(), host.alice()] {
        let home = account.home();
        host.shell_line(&format!(
            "cd {0}/uploads && mkdir logs pipes && mount --bind /var/log/xfersh logs && mount --bind /run/xfersh pipes",
            home.display()
        ));
    }
    let mut plain = Session::plain(&host);
    for steps in attempts().iter().chain([&to_journal]) {
        let result = plain.ask(steps).expect("an answer");
        assert!(result >= 0, "proves nothing: {steps}: {result}");
    }
    plain.end();
    assert!(journal.recv(&mut [0; 64]).is_ok(), "proves nothing");
    host.shell_line(&format!("rm -f /home/plain/uploads/second; : >{FILE}"));
    for target in [
        format!("file:{FILE}"),
        format!("file:{FIFO}"),
        "journal".to_owned(),
    ] {
        host.policy(&policy(&format!("log = \"{target}\"\n")));
        for kind in KINDS {
            let mut session = Session::start(&host, host.alice(), command(kind));
            // Whatever was logged so far is not of these attempts.
            for steps in attempts().iter().map(String::as_str).chain(NEVER) {
                // What the log is not is a file like others, where the mount shows it.
                let other = if target.ends_with(FILE) {
                    "uploads/pipes"
                } else {
                    "uploads/logs"
                };
                if target == "journal" || steps.contains(other) {
                    continue;
                }
                let result = session
                    .ask(steps)
                    .unwrap_or_else(|| panic!("{steps} ends the session"));
                assert!(result < 0, "{target} {kind:?}: {steps}: {result}");
            }
            for steps in [
                &*to_journal,
                "open P:guard/fd/3 0x1 0",
                "open P:guard/fd/4 0x1 0",
            ] {
                let result = session.ask(steps).unwrap_or(-1);
                assert!(result < 0, "{target} {kind:?}: {steps}: {result}");
            }
            session.end();
        }
        let mut buffer = [0; 65536];
        while let Ok(length) = journal.recv(&mut buffer) {
            let record = String::from_utf8_lossy(&buffer[..length]);
            assert!(record.starts_with("MESSAGE=session="), "{target}: {record}");
        }
    }
    let text = String::from_utf8(host.read(FILE)).expect("text");
    for kind in ["sftp", "scp", "rsync"] {
        assert!(text.contains(&format!("server={kind}")), "{kind}: {text}");
    }
    let whole = |line: &str| line.contains("]: session=") && line.contains(" seq=");
    assert!(text.lines().all(whole), "{text}");
    assert!(text.contains("reason=\"the file of the log\""), "{text}");
}
