//! What is written to a file while it is open counts, whatever happens to its names, its descriptors and its mode.

use super::limits::{ends_by, until_the_end};
use super::{RSYNC, attack, attacked, number};
use crate::harness::sftp::{Attributes, CREATE, Reply, WRITE};
use crate::harness::{Account, Host, Sftp};

const BOUND: &str = "max_bytes = \"1M\"\n";
const MIB: u64 = 1 << 20;
/// What a client can write in the second before the guard checks again, and more.
const FAR_BEYOND: u64 = 400 * MIB;

fn open(sftp: &mut Sftp, path: &str) -> Vec<u8> {
    let handle = sftp.handle(|sftp| sftp.open(path, WRITE | CREATE));
    handle.expect("opening")
}

/// Writes a MiB in pieces that fit into a packet.
fn write_a_mib(sftp: &mut Sftp, handle: &[u8], from: u64) -> Reply {
    const PIECE: u64 = 1 << 17;
    let mut last = Reply::End;
    for piece in 0..MIB / PIECE {
        last = sftp.write(handle, from + piece * PIECE, &[b'x'; PIECE as usize]);
    }
    last
}

/// Keeps writing; an ordinary account gets that far.
fn write_on(account: &Account, sftp: &mut Sftp, handle: &[u8]) {
    if account.name == "plain" {
        for turn in 0..12 {
            assert!(write_a_mib(sftp, handle, turn * MIB).ok());
        }
        assert!(sftp.stat("uploads").ok());
        return;
    }
    let mut turn = 0;
    until_the_end(sftp, |sftp| {
        turn += 1;
        assert!(turn * MIB < FAR_BEYOND, "it does not end");
        write_a_mib(sftp, handle, (turn - 1) * MIB)
    });
}

/// The bytes after `bytes=` in the lines that contain `words`.
fn bytes_in(lines: &[String], words: &str) -> Vec<u64> {
    let found = lines.iter().filter(|line| line.contains(words));
    let bytes = |line: &String| {
        let (_, rest) = line.split_once("bytes=")?;
        rest.split(' ').next()?.parse().ok()
    };
    found.filter_map(bytes).collect()
}

fn log(host: &Host) -> Vec<String> {
    host.log().into_iter().map(|line| line.text).collect()
}

fn size(host: &Host, account: &Account, below: &str) -> u64 {
    let path = account.at(below);
    host.inside(|| path.metadata().expect("a file").len())
}

type Rename = fn(&mut Sftp, &str, &str) -> Reply;

#[test]
fn a_file_that_is_renamed_while_it_is_written_counts() {
    // The first of them is link(2) and unlink(2).
    let ways: [(Rename, &str); 2] = [
        (Sftp::rename, "removed file path="),
        (Sftp::posix_rename, "renamed file from="),
    ];
    for (rename, line) in ways {
        let host = Host::new();
        host.policy(BOUND);
        for account in [host.plain(), host.alice()] {
            let mut sftp = host.raw_sftp_direct(account);
            let handle = open(&mut sftp, "uploads/first");
            assert!(sftp.write(&handle, 0, b"12345").ok());
            assert!(rename(&mut sftp, "uploads/first", "uploads/second").ok());
            assert!(!host.exists(account.at("uploads/first")));
            write_on(account, &mut sftp, &handle);
            sftp.end();
        }
        let lines = log(&host);
        let written = size(&host, host.alice(), "uploads/second");
        assert!(written > MIB, "{written}");
        assert_eq!(size(&host, host.plain(), "uploads/second"), 12 * MIB);
        assert_eq!(bytes_in(&lines, " created file"), [5], "{lines:#?}");
        assert_eq!(bytes_in(&lines, " written file"), [written], "{lines:#?}");
        assert_eq!(bytes_in(&lines, " end server="), [written], "{lines:#?}");
        let of = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
        let second = format!(
            "written file bytes={written} incomplete cause=max_bytes path=\"/home/alice/uploads/second\""
        );
        assert_eq!(of(&second), 1, "{lines:#?}");
        assert_eq!(
            of(&format!("{line}\"/home/alice/uploads/first\"")),
            1,
            "{lines:#?}"
        );
        assert_eq!(of("ending the session: max_bytes reached"), 1, "{lines:#?}");
    }
}

#[test]
fn a_file_that_is_removed_while_it_is_written_counts() {
    let host = Host::new();
    host.policy(BOUND);
    for account in [host.plain(), host.alice()] {
        let mut sftp = host.raw_sftp_direct(account);
        let handle = open(&mut sftp, "uploads/first");
        assert!(sftp.write(&handle, 0, b"12345").ok());
        assert!(sftp.remove("uploads/first").ok());
        write_on(account, &mut sftp, &handle);
        sftp.end();
        assert!(!host.exists(account.at("uploads/first")));
    }
    let lines = log(&host);
    assert_eq!(bytes_in(&lines, " created file"), [5], "{lines:#?}");
    let written = bytes_in(&lines, " written file");
    assert!(matches!(written[..], [more] if more > MIB), "{lines:#?}");
    assert_eq!(bytes_in(&lines, " end server="), written, "{lines:#?}");
}

#[test]
fn seventy_files_that_are_open_at_once_count() {
    let host = Host::new();
    host.policy(BOUND);
    for account in [host.plain(), host.alice()] {
        let mut sftp = host.raw_sftp_direct(account);
        let handles: Vec<Vec<u8>> = (0..70)
            .map(|n| open(&mut sftp, &format!("uploads/f{n}")))
            .collect();
        for handle in &handles {
            assert!(sftp.write(handle, 0, &[b'x'; 20_000]).ok());
        }
        if account.name == "plain" {
            std::thread::sleep(std::time::Duration::from_millis(1500));
            assert!(sftp.stat("uploads").ok());
        } else {
            until_the_end(&mut sftp, |sftp| sftp.stat("uploads"));
        }
        sftp.end();
        let all = (0..70).map(|n| size(&host, account, &format!("uploads/f{n}")));
        assert_eq!(all.sum::<u64>(), 1_400_000, "{}", account.name);
    }
    let lines = log(&host);
    let bytes = bytes_in(&lines, " created file");
    assert_eq!(bytes, [20_000; 70], "{lines:#?}");
    assert_eq!(bytes_in(&lines, " end server="), [1_400_000], "{lines:#?}");
}

/// A file that only a child of the server has open, which can happen with rsync.
#[test]
fn a_file_that_only_a_child_has_open_counts() {
    let host = attacked(BOUND);
    let plain = attack(&host, host.plain(), RSYNC, "heir uploads/new 64");
    assert_eq!(number(&plain, "bytes"), 4 * MIB, "{plain}");
    let alice = attack(&host, host.alice(), RSYNC, "heir uploads/new 2000");
    assert_eq!(alice.code(), 128 + 9, "{alice}");
    let written = size(&host, host.alice(), "uploads/new");
    assert!((MIB..2000 * 65536).contains(&written), "{written}");
    let lines = log(&host);
    assert_eq!(bytes_in(&lines, " created file"), [written], "{lines:#?}");
    assert_eq!(bytes_in(&lines, " end server="), [written], "{lines:#?}");
}

/// The sum of these sizes is beyond 64 bits.
#[test]
fn sizes_near_the_largest_do_not_overflow() {
    let host = Host::new();
    const LARGEST: u64 = (1 << 63) - 1;
    for (policy, is_bounded) in [("", false), (BOUND, true)] {
        host.policy(policy);
        for account in [host.plain(), host.alice()] {
            let mut sftp = host.raw_sftp_direct(account);
            let handles: Vec<Vec<u8>> = (0..4)
                .map(|n| open(&mut sftp, &format!("uploads/f{n}")))
                .collect();
            for handle in &handles {
                let reply = sftp.fsetstat(handle, Attributes::size(LARGEST));
                assert!(reply.ok(), "{}: {reply:?}", account.name);
            }
            if is_bounded && account.name == "alice" {
                until_the_end(&mut sftp, |sftp| sftp.stat("uploads"));
                sftp.end();
                ends_by(&host, "max_bytes");
                continue;
            }
            for handle in &handles {
                assert!(sftp.close(handle).ok());
            }
            assert_eq!(sftp.end(), 0);
            for n in 0..4 {
                assert_eq!(size(&host, account, &format!("uploads/f{n}")), LARGEST);
            }
        }
        if !is_bounded {
            let lines = log(&host);
            assert_eq!(
                bytes_in(&lines, " created file"),
                [LARGEST; 4],
                "{lines:#?}"
            );
            assert_eq!(bytes_in(&lines, " end server="), [u64::MAX], "{lines:#?}");
        }
        host.shell_line("rm /home/*/uploads/f?");
    }
}

/// A mode that was set only for a moment is in the log.
#[test]
fn every_mode_during_an_upload_is_logged() {
    let host = Host::new();
    let mut sftp = host.raw_sftp_direct(host.alice());
    let handle = open(&mut sftp, "uploads/new");
    let path = host.alice().at("uploads/new");
    let mode = || {
        use std::os::unix::fs::PermissionsExt;
        host.inside(|| path.metadata().expect("a file").permissions().mode() & 0o7777)
    };
    for (wanted, by_name) in [
        (0o644, false),
        (0o777, false),
        (0o666, true),
        (0o640, false),
    ] {
        let wish = Attributes::mode(wanted);
        let reply = if by_name {
            sftp.setstat("uploads/new", wish)
        } else {
            sftp.fsetstat(&handle, wish)
        };
        assert!(reply.ok(), "{reply:?}");
        assert_eq!(mode(), wanted);
    }
    assert!(sftp.close(&handle).ok());
    assert!(sftp.remove("uploads/new").ok());
    assert_eq!(sftp.end(), 0);
    let lines = log(&host);
    for mode in ["0644", "0777", "0666", "0640"] {
        let text = format!("mode={mode} path=\"/home/alice/uploads/new\"");
        let count = lines.iter().filter(|line| line.contains(&text)).count();
        assert_eq!(count, 1, "{mode}: {lines:#?}");
    }
    let created: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains("created"))
        .collect();
    assert!(
        created[0].contains("mode=0640"),
        "the last one: {created:?}"
    );
}

/// The handle of a directory that is gone: as with an unmodified server.
#[test]
fn attributes_of_a_removed_directory_can_be_set_by_its_handle() {
    let host = Host::new();
    let replies = |account: &Account| {
        let mut sftp = host.raw_sftp_direct(account);
        assert!(sftp.mkdir("uploads/new").ok());
        let before = sftp.handle(|sftp| sftp.open("uploads/new", crate::harness::sftp::READ));
        let older = sftp.handle(|sftp| sftp.open("uploads/empty", crate::harness::sftp::READ));
        let (new, older) = (before.expect("opening"), older.expect("opening"));
        assert!(sftp.rmdir("uploads/new").ok() && sftp.rmdir("uploads/empty").ok());
        let mut replies = Vec::new();
        for handle in [&new, &older] {
            replies.push(sftp.fsetstat(handle, Attributes::mode(0o700)).code());
            replies.push(sftp.fsetstat(handle, Attributes::times(1, 2)).code());
            let id = account.id;
            replies.push(sftp.fsetstat(handle, Attributes::owner(id, id)).code());
            replies.push(sftp.fsetstat(handle, Attributes::size(0)).code());
            assert!(sftp.close(handle).ok());
        }
        assert_eq!(sftp.end(), 0);
        replies
    };
    let plain = replies(host.plain());
    assert_eq!(plain[..3], [0, 0, 0]);
    assert_eq!(plain, replies(host.alice()));
}
