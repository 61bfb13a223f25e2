//! Nobody reads, nothing has room: a session waits a limited time, goes on, and says later how many lines were lost.

use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;

use serde_json::Value;

use super::{FIFO, FILE, Reader, make, of_text, policy};
use crate::harness::{Host, XFERSH, until};

fn text(host: &Host, file: &str) -> String {
    String::from_utf8(host.read(file)).expect("text")
}

fn lost(line: &str) -> u64 {
    let fields = of_text(line);
    fields
        .get("lost")
        .map_or(0, |lost| lost.parse().expect("a number"))
}

#[test]
fn a_fifo_that_nobody_reads() {
    let host = Host::new();
    make(&host, FIFO, "mkfifo");
    host.policy(&policy(&format!("file:{FIFO}"), "text"));
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.greeted && sftp.put("uploads/a", b"x").ok());
    assert_eq!(sftp.end(), 0);
    let log = host.log();
    assert!(log[0].text.contains("event=log-unavailable"), "{log:#?}");
    assert!(log[1].text.contains("verdict=allowed"), "{log:#?}");
    assert!(
        log.iter().any(|line| line.text.contains("created file")),
        "{log:#?}"
    );
    let required = format!(
        "{}audit = \"required\"\n",
        policy(&format!("file:{FIFO}"), "text")
    );
    host.policy(&required);
    let output = host.direct(host.alice(), b"sftp-server", b"");
    assert_eq!(output.code(), 125, "{output}");
    let log = host.log();
    assert!(
        log.last()
            .expect("a line")
            .text
            .contains("cannot open the log file"),
        "{log:#?}"
    );
    // With a reader, that policy serves.
    let _reader = Reader::of_fifo(&host, "/var/log/copy");
    host.direct(host.alice(), b"sftp-server", b"")
        .succeeded("a session");
    until("its lines", || {
        text(&host, "/var/log/copy").contains(" end server=")
    });
}

/// The reader ends and another one takes its place: the session goes on, and says how many lines were lost.
#[test]
fn a_reader_that_is_replaced() {
    let host = Host::new();
    make(&host, FIFO, "mkfifo");
    host.policy(&policy(&format!("file:{FIFO}"), "text"));
    let reader = Reader::of_fifo(&host, "/var/log/first");
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.mkdir("uploads/one").ok());
    until("a line", || {
        text(&host, "/var/log/first").contains("uploads/one")
    });
    drop(reader);
    for name in ["two", "three"] {
        assert!(sftp.mkdir(&format!("uploads/{name}")).ok());
        // Each is tried by itself.
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let _reader = Reader::of_fifo(&host, "/var/log/second");
    assert!(sftp.mkdir("uploads/four").ok());
    assert_eq!(sftp.end(), 0);
    until("the end", || {
        text(&host, "/var/log/second").contains(" end server=")
    });
    let second = text(&host, "/var/log/second");
    let first = second.lines().next().expect("a line");
    assert_eq!(lost(first), 2, "{second}");
    assert_eq!(second.lines().skip(1).map(lost).sum::<u64>(), 0, "{second}");
}

#[test]
fn a_fifo_that_is_full() {
    let host = Host::new();
    make(&host, FIFO, "mkfifo");
    host.policy(&policy(&format!("file:{FIFO}"), "json"));
    let mut reader = host.inside(|| {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true);
        options
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(FIFO)
            .expect("a reader")
    });
    let started = std::time::Instant::now();
    let mut sftp = host.raw_sftp_direct(host.alice());
    let long = "n".repeat(200);
    for index in 0..400 {
        assert!(sftp.mkdir(&format!("uploads/{long}{index}")).ok());
    }
    let took = started.elapsed();
    assert!(took.as_secs() < 20, "the session took {took:?}");
    let mut bytes = Vec::new();
    let mut read = |bytes: &mut Vec<u8>| {
        let mut buffer = [0; 65536];
        while let Ok(count) = reader.read(&mut buffer) {
            bytes.extend_from_slice(&buffer[..count]);
        }
    };
    read(&mut bytes);
    assert!(sftp.mkdir("uploads/late").ok());
    assert_eq!(sftp.end(), 0);
    read(&mut bytes);
    let lines: Vec<Value> = String::from_utf8(bytes)
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is whole"))
        .collect();
    let lost: u64 = lines.iter().filter_map(|line| line["lost"].as_u64()).sum();
    let last = lines.last().expect("a line");
    assert_eq!(last["operation"], "end");
    assert!(lost > 100, "{lost}");
    assert_eq!(
        lines.len() as u64 + lost,
        last["sequence"].as_u64().expect("a number")
    );
}

/// The disk is full for a while: no line is left in halves.
#[test]
fn a_disk_that_is_full() {
    let host = Host::new();
    host.shell_line(
        "mkdir /var/log/xfersh; mount -t tmpfs -o size=16k,mode=755 tmpfs /var/log/xfersh",
    );
    make(&host, FILE, ":>");
    host.policy(&policy(&format!("file:{FILE}"), "text"));
    let mut sftp = host.raw_sftp_direct(host.alice());
    for index in 0..200 {
        assert!(
            sftp.mkdir(&format!("uploads/{index}-{}", "n".repeat(100)))
                .ok()
        );
    }
    until("it is full", || host.read(FILE).len() >= 16384);
    std::thread::sleep(std::time::Duration::from_millis(100));
    host.shell_line("mount -o remount,size=1m /var/log/xfersh");
    assert!(sftp.mkdir("uploads/late").ok());
    assert_eq!(sftp.end(), 0);
    let text = text(&host, FILE);
    let (whole, torn): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| {
        line.contains(" seq=") && (line.ends_with('"') || line.contains(" end "))
    });
    assert!(torn.len() <= 1, "{torn:#?}");
    let lost: u64 = whole.iter().map(|line| lost(line)).sum();
    let last = of_text(whole.last().expect("a line"));
    assert!(lost > 50 && last["words"] == "end", "{lost} {last:?}");
    assert_eq!((whole.len() as u64 + lost).to_string(), last["seq"]);
}

/// What a session wrote in halves takes no line of another session along, neither of one that is open nor of a new one.
#[test]
fn a_line_in_halves_is_nobody_elses() {
    let host = Host::new();
    host.shell_line(
        "mkdir /var/log/xfersh; mount -t tmpfs -o size=16k,mode=755 tmpfs /var/log/xfersh",
    );
    for opened_before in [true, false] {
        make(&host, FILE, ":>");
        host.policy(&policy(&format!("file:{FILE}"), "text"));
        let open = || host.raw_sftp_direct(host.alice());
        let before = opened_before.then(open);
        let mut fills = host.raw_sftp_direct(host.alice());
        for index in 0..200 {
            let name = format!("uploads/{opened_before}{index}-{}", "n".repeat(100));
            assert!(fills.mkdir(&name).ok());
        }
        until("it is full", || host.read(FILE).len() >= 16384);
        assert_eq!(fills.end(), 0);
        let torn = text(&host, FILE);
        assert!(!torn.ends_with('\n'), "proves nothing: {torn}");
        host.shell_line("mount -o remount,size=1m /var/log/xfersh");
        let mut other = before.unwrap_or_else(open);
        let made = format!("uploads/late-{opened_before}");
        assert!(other.mkdir(&made).ok());
        assert_eq!(other.end(), 0);
        let text = text(&host, FILE);
        let late = text[torn.len()..].lines().filter(|line| !line.is_empty());
        for line in late.clone() {
            assert_eq!(line.matches(" session=").count(), 1, "{line}");
        }
        assert!(
            text[torn.len()..].starts_with('\n'),
            "{opened_before}: {text}"
        );
        assert!(late.clone().any(|line| line.contains(&made)), "{text}");
        host.shell_line(&format!(
            "rm {FILE}; mount -o remount,size=16k /var/log/xfersh"
        ));
    }
}

/// The limit on the size of files is the server's. The log may be larger.
#[test]
fn the_limit_on_files_is_not_the_logs() {
    let host = Host::new();
    make(&host, FILE, ":>");
    host.shell_line(&format!(
        "head -c 100000 /dev/zero | tr '\\0' '\\n' >{FILE}"
    ));
    let limited = format!(
        "{}max_file_size = 1000\n",
        policy(&format!("file:{FILE}"), "text")
    );
    host.policy(&limited);
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.put("uploads/small", &[b'x'; 1000]).ok());
    assert!(
        !sftp.put("uploads/large", &[b'x'; 1001]).ok(),
        "the limit holds"
    );
    let truncate = crate::harness::sftp::Attributes::size(1001);
    assert!(
        !sftp.setstat("uploads/small", truncate).ok(),
        "by its path, too"
    );
    let truncate = crate::harness::sftp::Attributes::size(999);
    assert!(sftp.setstat("uploads/small", truncate).ok());
    assert_eq!(sftp.end(), 0);
    let size = |name: &str| host.read(format!("/home/alice/uploads/{name}")).len();
    assert_eq!((size("small"), size("large")), (999, 1000));
    let text = text(&host, FILE);
    assert!(text.contains(" end server=exited:0"), "{text}");
    assert!(!text.contains(" lost="), "{text}");
}

/// Nobody is at /dev/log and the policy cannot be read: there is one more place to look for lines.
#[test]
fn before_the_policy_is_known() {
    let host = Host::new();
    host.shell_line("mv /dev/log /dev/away");
    host.policy("protocols = [\"telnet\"]\n");
    let output = host.direct(host.alice(), b"sftp-server", b"");
    assert_eq!(output.code(), 126, "{output}");
    make(&host, "/run/xfersh/log", ":>");
    let output = host.direct(host.alice(), b"sftp-server", b"");
    assert_eq!(output.code(), 126, "{output}");
    let fallback = text(&host, "/run/xfersh/log");
    assert_eq!(fallback.lines().count(), 1, "{fallback}");
    assert!(
        fallback.contains(" verdict=refused stage=host"),
        "{fallback}"
    );
    // Not what others than root could have put there.
    host.shell_line("chown alice /run/xfersh/log");
    host.direct(host.alice(), b"sftp-server", b"")
        .failed("a session");
    assert_eq!(text(&host, "/run/xfersh/log"), fallback);
    // Lines stay there, however large it is and whatever limit the policy has for the files of clients.
    make(&host, "/run/xfersh/log", ":>");
    host.shell_line("head -c 100000 /dev/zero | tr '\\0' '\\n' >/run/xfersh/log");
    host.policy("max_file_size = 1000\n");
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.put("uploads/small", &[b'x'; 1000]).ok());
    assert!(!sftp.put("uploads/large", &[b'x'; 1001]).ok());
    assert_eq!(sftp.end(), 0);
    let fallback = text(&host, "/run/xfersh/log");
    assert!(fallback.contains("created file"), "{}", fallback.trim());
    assert!(
        fallback.contains(" end server=exited:0"),
        "{}",
        fallback.trim()
    );
    // A policy that can be read, but not applied, says where.
    make(&host, FILE, ":>");
    host.policy(&format!("log = \"file:{FILE}\"\nwritable = [\"/\"]\n"));
    host.policy(&format!(
        "log = \"file:{FILE}\"\n[[match]]\nuser = \"alice\"\nwritable = [\"%h/../x\"]\n"
    ));
    host.shell_line("mv /dev/away /dev/log");
}

/// What an administrator calls works with each target.
#[test]
fn the_administrators_calls() {
    let host = Host::new();
    make(&host, FILE, ":>");
    make(&host, FIFO, "mkfifo");
    let _reader = Reader::of_fifo(&host, "/var/log/copy");
    for target in [FILE, FIFO] {
        host.policy(&policy(&format!("file:{target}"), "json"));
        let output = host.root(XFERSH, &["--check", "--live", "--user", "alice"]);
        let output = output.succeeded("--live").out();
        assert!(output.contains(" 0 not as promised"), "{output}");
        let shown = host
            .root(XFERSH, &["--check", "--user", "alice"])
            .succeeded("--check")
            .out();
        assert!(
            shown.contains(&format!("log = \"file:{target}\"")),
            "{shown}"
        );
        let mut sftp = host.raw_sftp_direct(host.alice());
        assert!(sftp.put("uploads/x", b"x").ok());
        let listed = host
            .root(XFERSH, &["--who", "--json"])
            .succeeded("--who")
            .out();
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        let session = listed["sessions"][0]["session"]
            .as_str()
            .expect("a session");
        let file = if target == FIFO {
            "/var/log/copy"
        } else {
            target
        };
        until("the same session", || text(&host, file).contains(session));
        host.root(XFERSH, &["--end", session]).succeeded("--end");
        sftp.end();
        until("why it ended", || {
            let log = text(&host, file);
            let last: Value =
                serde_json::from_str(log.lines().last().expect("a line")).expect("JSON");
            last["operation"] == "end" && last["by_uid"] == 0
        });
        let log = text(&host, file);
        assert!(log.contains("\"operation\":\"test\""), "{log}");
    }
    assert_eq!(host.log(), []);
}
