//! One number in one process for each file: what an upload is counted by.

use xfersh::decide::plan::ServerKind;

use super::case;
use super::session::{KINDS, Session, command, host, policy};

const EPERM: i64 = -1;

/// Every call that makes a second descriptor of an open file.
const SECOND: &[(&str, &str)] = &[
    ("dup", "dup $"),
    ("dup2", "dup2 $ 9"),
    ("dup3", "dup3 $ 9 0"),
    ("fcntl", "fcntl $ 0 9"),
    ("fcntl", "fcntl $ 1030 9"),
];

#[test]
fn an_open_file_has_one_descriptor() {
    let host = host();
    host.policy(&policy(""));
    for (row, call) in SECOND {
        if case::number(row).is_none() {
            continue;
        }
        let line = |home: &str| format!("openat -100 p:{home}/uploads/new 0x41 0600 ; {call}");
        let mut session = Session::plain(&host);
        let result = session.ask(&line("/home/plain"));
        assert!(result.is_some_and(|result| result >= 0), "{call}");
        assert_eq!(session.end(), 0);
        for kind in [KINDS[0], ServerKind::RsyncReceiver] {
            let mut session = Session::start(&host, host.alice(), command(kind));
            let result = session.ask(&line("/home/alice"));
            assert_eq!(result, Some(EPERM), "{kind:?}: {call}");
            assert_eq!(session.end(), 0);
            assert!(host.exists(host.alice().at("uploads/new")));
        }
    }
}
