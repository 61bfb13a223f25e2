//! Several sessions write to one file or FIFO at once: each line stays whole, and none is lost.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::{FIFO, FILE, Reader, make, policy};
use crate::harness::{Host, until};

const SESSIONS: usize = 4;
const FILES: usize = 40;

#[test]
fn lines_of_several_sessions_do_not_mix() {
    let host = Host::with_sshd();
    host.shell_line("cd /tmp/local; echo x >x; mkdir -p /var/log/xfersh");
    make(&host, FILE, "touch");
    make(&host, FIFO, "mkfifo");
    let read = "/var/log/xfersh/read";
    let _reader = Reader::of_fifo(&host, read);
    // Names that are escaped, so that a line is long: two thirds of what a FIFO takes at once.
    let name = "\u{1}".repeat(220);
    for (target, file) in [(FILE, FILE), (FIFO, read)] {
        host.policy(&policy(&format!("file:{target}"), "json"));
        host.refurnish();
        std::thread::scope(|scope| {
            for session in 0..SESSIONS {
                let (host, name) = (&host, &name);
                scope.spawn(move || {
                    let mut lines = format!("mkdir uploads/{session}\n");
                    for number in 0..FILES {
                        let _ = writeln!(lines, "put x uploads/{session}/{name}{number}");
                    }
                    host.sftp(host.alice(), &lines).succeeded("uploads");
                });
            }
        });
        let text = || String::from_utf8(host.read(file)).expect("text");
        until("the ends of all", || {
            text().matches("\"operation\":\"end\"").count() == SESSIONS && text().ends_with('\n')
        });
        let mut sequences: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut created = 0;
        // A line that happens to end with a block of the disk is followed by an empty one.
        for line in text().lines().filter(|line| !line.is_empty()) {
            let object: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let session = object["session"].as_str().expect("a session").to_owned();
            let number = object["sequence"].as_u64().expect("a number");
            sequences.entry(session).or_default().push(number);
            let is_file = object["operation"] == "created" && object["kind"] == "file";
            created += usize::from(is_file);
        }
        assert_eq!(created, SESSIONS * FILES, "{target}");
        assert_eq!(sequences.len(), SESSIONS, "{target}");
        for numbers in sequences.values() {
            let all: Vec<u64> = (1..=numbers.len() as u64).collect();
            assert_eq!(*numbers, all, "{target}");
        }
    }
}
