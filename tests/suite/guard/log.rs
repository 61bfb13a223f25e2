//! The transfer log: a line for each changed file, the counts at the end, no gap, no forged line, no flood, and a
//! session that does not wait for a log daemon that hangs.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;

use super::{SFTP, attack, attacked, number};
use crate::harness::sftp::{Attributes, CREATE, WRITE};
use crate::harness::{Host, Line, Shell};

/// The part of a line after the common beginning of all lines of the session, if numbers and session match.
#[track_caller]
fn events(lines: &[Line]) -> Vec<String> {
    let mut sessions = BTreeMap::new();
    let mut events = Vec::new();
    for line in lines {
        let fields: Vec<&str> = line.text.splitn(7, ' ').collect();
        assert!(fields.len() == 7, "{line:?}");
        assert!(fields[0].starts_with("xfersh["), "{line:?}");
        let session = fields[1].strip_prefix("session=").expect("a session");
        let sequence: u64 = fields[2]
            .strip_prefix("seq=")
            .and_then(|number| number.parse().ok())
            .expect("a number");
        assert_eq!(fields[3], "account=alice");
        assert!(fields[5].starts_with("client="), "{line:?}");
        let last = sessions.entry(session.to_owned()).or_insert(0);
        assert_eq!(sequence, *last + 1, "a gap before {line:?}");
        *last = sequence;
        events.push(fields[6].to_owned());
    }
    events
}

#[test]
fn one_line_for_each_changed_file() {
    let host = Host::new();
    let mut sftp = host.raw_sftp_direct(host.alice());
    let done = |ok: bool, what: &str| assert!(ok, "{what}");
    done(sftp.put("uploads/a", b"12345").ok(), "put");
    done(sftp.put("uploads/a", b"123").ok(), "put again");
    done(sftp.mkdir("uploads/d").ok(), "mkdir");
    done(sftp.rename("uploads/a", "uploads/b").ok(), "rename");
    done(sftp.posix_rename("uploads/b", "uploads/d/c").ok(), "rename");
    done(sftp.hardlink("uploads/d/c", "uploads/l").ok(), "link");
    done(sftp.symlink("d/c", "uploads/s").ok(), "symlink");
    done(
        sftp.setstat("uploads/l", Attributes::mode(0o600)).ok(),
        "chmod",
    );
    done(
        sftp.setstat("uploads/l", Attributes::times(1, 2)).ok(),
        "times",
    );
    done(
        sftp.setstat("uploads/l", Attributes::size(1)).ok(),
        "truncate",
    );
    done(sftp.remove("uploads/l").ok(), "remove");
    done(!sftp.put(".bashrc", b"x").ok(), "refused");
    done(!sftp.remove("uploads/.hidden").ok(), "refused");
    done(!sftp.mkdir("uploads/d").ok(), "an error is no change");
    assert_eq!(sftp.end(), 0);
    let events = events(&host.log());
    let home = "/home/alice";
    let expected = [
        format!("created file bytes=5 path=\"{home}/uploads/a\""),
        format!("overwritten file bytes=3 path=\"{home}/uploads/a\""),
        format!("created directory path=\"{home}/uploads/d\""),
        // sftp's rename is link and unlink.
        format!("created link from=\"{home}/uploads/a\" path=\"{home}/uploads/b\""),
        format!("removed file path=\"{home}/uploads/a\""),
        format!("renamed file from=\"{home}/uploads/b\" path=\"{home}/uploads/d/c\""),
        format!("created link from=\"{home}/uploads/d/c\" path=\"{home}/uploads/l\""),
        format!("created symlink path=\"{home}/uploads/s\""),
        format!("attributes mode=0600 path=\"{home}/uploads/l\""),
        format!("attributes times=set path=\"{home}/uploads/l\""),
        format!("overwritten file bytes=1 path=\"{home}/uploads/l\""),
        format!("removed file path=\"{home}/uploads/l\""),
        "reason=\"the home directory itself cannot be changed\" path=\"/home/alice/.bashrc\""
            .to_owned(),
        format!("reason=\"a dotfile, or below one\" path=\"{home}/uploads/.hidden\""),
    ];
    for line in &expected {
        let count = events
            .iter()
            .filter(|event| event.contains(line.as_str()))
            .count();
        assert_eq!(count, 1, "{line}\nin: {events:#?}");
    }
    assert!(events[0].starts_with("verdict=allowed"), "{events:#?}");
    let end = events.last().expect("a closing line");
    assert!(end.starts_with("end server=exited:0 seconds=0 "), "{end}");
    for part in ["overwritten=2", "refused=2", "bytes=8"] {
        assert!(end.split(' ').any(|seen| seen == part), "{part}: {end}");
    }
}

#[test]
fn names_cannot_forge_a_line() {
    let host = Host::new();
    let names = [
        "x\nxfersh[1]: session=0 seq=1 verdict=allowed",
        "x\r<86>xfersh",
        "\u{1b}[2K\u{1b}[1A\u{1b}]0;title\u{7}",
        "\u{202e}txt.exe",
        "\u{200b}zero\u{feff}width",
        "quote\" path=\"other",
        "back\\slash",
        "\u{9b}31m",
    ];
    let mut sftp = host.raw_sftp_direct(host.alice());
    for name in names {
        assert!(sftp.put(&format!("uploads/{name}"), b"x").ok(), "{name:?}");
        assert!(!sftp.put(&format!(".{name}"), b"x").ok(), "{name:?}");
    }
    assert_eq!(sftp.end(), 0);
    let lines = host.log();
    let events = events(&lines);
    assert_eq!(
        events
            .iter()
            .filter(|event| event.starts_with("created file "))
            .count(),
        names.len(),
        "{events:#?}"
    );
    for line in &lines {
        let odd = line.raw.iter().find(|byte| !(b' '..=b'~').contains(*byte));
        assert_eq!(odd, None, "{}", line.raw.escape_ascii());
    }
    for event in events.iter().filter(|event| event.starts_with("created")) {
        assert_eq!(event.matches(" path=\"").count(), 1, "{event}");
        assert!(event.ends_with('"'), "{event}");
    }
}

/// A directory service may have names with blanks. What follows one must not look like the fields of another client.
#[test]
fn a_name_with_blanks_stays_one_field() {
    let name = "eve uid=0 client=192.0.2.9 verdict=refused";
    let host = Host::with_accounts(&[(name, Shell::Xfersh)]);
    let refused = host.direct(host.account(name), b"id", b"");
    assert_eq!(refused.code(), 126, "{refused}");
    let lines = host.log();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let fields: Vec<&str> = lines[0].text.split(' ').collect();
    let expected = "account=eve\\x20uid=0\\x20client=192.0.2.9\\x20verdict=refused";
    assert_eq!(fields[3], expected, "{fields:?}");
    assert_eq!(fields[5], "client=127.0.0.1", "{fields:?}");
    assert_eq!(fields[6], "verdict=refused", "{fields:?}");
}

#[test]
fn a_flood_is_summarised() {
    const COUNT: u64 = 20_000;
    let host = attacked("");
    let output = attack(&host, host.alice(), SFTP, &format!("flood .bashrc {COUNT}"));
    assert_eq!(
        (number(&output, "attempts"), number(&output, "well")),
        (COUNT, 0)
    );
    let events = events(&host.log());
    assert!(
        events.len() < 20,
        "{} lines for one kind of refusal",
        events.len()
    );
    let shown = events
        .iter()
        .filter(|event| event.starts_with("refused call="))
        .count() as u64;
    assert!(shown > 0, "{events:#?}");
    let rest = format!("refused more={} ", COUNT - shown);
    assert!(
        events.iter().any(|event| event.starts_with(&rest)),
        "{rest}: {events:#?}"
    );
    let end = events.last().expect("a closing line");
    assert!(end.contains(&format!("refused={COUNT}")), "{end}");
    // The baseline: the same opens succeed in an ordinary account.
    let output = attack(&host, host.plain(), "", "flood .bashrc 100");
    assert_eq!(number(&output, "well"), 100);
}

/// A daemon that reads nothing: the queue of its socket is full.
#[test]
fn a_log_daemon_that_hangs_does_not_hang_the_session() {
    let host = Host::new();
    let hung = host.inside(|| {
        std::fs::remove_file("/dev/log").expect("removing the socket");
        let hung = UnixDatagram::bind("/dev/log").expect("another socket");
        crate::harness::account::set_mode("/dev/log".as_ref(), 0o666);
        // One socket may not send as much as the queue of the other takes.
        let mut fills = true;
        let mut fillers = Vec::new();
        while fills {
            let filler = UnixDatagram::unbound().expect("a socket");
            filler.set_nonblocking(true).expect("a flag");
            fills = false;
            while filler.send_to(b"full", "/dev/log").is_ok() {
                fills = true;
            }
            fillers.push(filler);
        }
        hung
    });
    let started = std::time::Instant::now();
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.greeted);
    for index in 0..200 {
        assert!(sftp.put(&format!("uploads/f{index}"), b"x").ok());
    }
    // Some lines go nowhere; then the daemon wakes up.
    hung.set_nonblocking(true).expect("a flag");
    let mut lines = Vec::new();
    let read = |lines: &mut Vec<String>| {
        let mut buffer = [0; 4096];
        while let Ok(length) = hung.recv(&mut buffer) {
            let line = String::from_utf8_lossy(&buffer[..length]).into_owned();
            lines.extend((line != "full").then_some(line));
        }
    };
    // The guard may find room as soon as there is some.
    read(&mut lines);
    assert!(sftp.mkdir("uploads/late").ok());
    assert_eq!(sftp.end(), 0);
    let took = started.elapsed();
    assert!(took.as_secs() < 10, "the session took {took:?}");
    read(&mut lines);
    let told = lines.iter().find_map(|line| {
        let (_, rest) = line.split_once(" lost=")?;
        rest.split(' ').next()?.parse::<u64>().ok()
    });
    assert!(
        told.is_some_and(|lost| lost > 1),
        "no count of what was lost: {lines:#?}"
    );
    // The numbers of lost lines are missing.
    let first: u64 = lines
        .iter()
        .find_map(|line| line.split_once(" seq=")?.1.split(' ').next()?.parse().ok())
        .expect("a number");
    assert_eq!(first, told.unwrap_or(0) + 1, "{lines:#?}");
}

/// An upload that is still open when the session ends gets its line nevertheless.
#[test]
fn an_upload_that_is_cut_off_is_logged() {
    let host = Host::new();
    let mut sftp = host.raw_sftp_direct(host.alice());
    let handle = sftp
        .handle(|sftp| sftp.open("uploads/part", WRITE | CREATE))
        .expect("opening");
    assert!(sftp.write(&handle, 0, &[b'x'; 1000]).ok());
    assert_eq!(sftp.end(), 0);
    let events = events(&host.log());
    let line = "created file bytes=1000 incomplete path=\"/home/alice/uploads/part\"";
    assert!(events.iter().any(|event| event == line), "{events:#?}");
}

/// The old protocol sets mode and times while the file is open: that belongs to the one line.
#[test]
fn one_line_for_each_file_of_a_tree() {
    let host = Host::with_sshd();
    host.shell_line(
        "mkdir -p /tmp/local/tree/sub && cd /tmp/local/tree && printf one >one && printf three >sub/three",
    );
    for options in [&["-O", "-rp"][..], &["-O", "-r"], &["-r"], &["-rp"]] {
        host.refurnish();
        let _ = host.log();
        host.scp_to(host.alice(), options, &["tree"], "uploads/copy")
            .succeeded("scp");
        let events = events(&host.log());
        for (what, path) in [
            ("directory", ""),
            ("directory", "/sub"),
            ("file bytes=3", "/one"),
            ("file bytes=5", "/sub/three"),
        ] {
            let path = format!("path=\"/home/alice/uploads/copy{path}\"");
            let start = format!("created {what}");
            let lines: Vec<_> = events
                .iter()
                .filter(|event| event.ends_with(&path))
                .collect();
            let made = lines
                .iter()
                .filter(|event| event.starts_with(&start))
                .count();
            assert_eq!(made, 1, "{options:?}: {start} {path}: {events:#?}");
            if what != "directory" {
                assert_eq!(lines.len(), 1, "{options:?}: {lines:#?}");
            }
        }
        let end = events.last().expect("a closing line");
        assert!(
            end.contains("created=4 ") && end.contains(" bytes=8 "),
            "{end}"
        );
    }
}
