//! Every attempt of a server that has been taken over is counted, whichever kind of server it is and whatever the
//! policy grants: no change is refused in silence.

use xfersh::decide::plan::ServerKind;

use super::session::{KINDS, Session, command, host, policy};

/// One system call each, none of which may succeed anywhere below. The directory exists and belongs to the account.
const ATTEMPTS: [&str; 16] = [
    "mkdir p:uploads/.made 0755",
    "open p:uploads/.made 0xc1 0600",
    "open p:.made 0x41 0600",
    "open p:note.txt 0x2 0",
    "open p:note.txt 0x200 0",
    "creat p:.made 0600",
    "truncate p:note.txt 0",
    "rename p:note.txt p:uploads/moved",
    "unlink p:note.txt",
    "rmdir p:uploads",
    "link p:note.txt p:uploads/second",
    "symlink p:note.txt p:.link",
    "chmod p:note.txt 0600",
    "chown p:note.txt -1 -1",
    "utimensat -100 p:note.txt 0 0",
    "mknod p:.made 0100644 0",
];

#[test]
fn each_is_counted_in_each_kind_of_server() {
    let host = host();
    let mut plain = Session::plain(&host);
    let done = plain.ask("mkdir p:uploads/.made 0755");
    assert_eq!(done, Some(0), "an ordinary account");
    assert_eq!(plain.ask("rmdir p:uploads/.made"), Some(0));
    plain.end();
    for access in ["", "access = \"read-only\"\n"] {
        host.policy(&policy(access));
        for kind in KINDS {
            if !access.is_empty() && matches!(kind, ServerKind::ScpSink | ServerKind::RsyncReceiver)
            {
                continue; // refused before it starts
            }
            let before = host.disk();
            let mut session = Session::start(&host, host.alice(), command(kind));
            let _ = host.log();
            for attempt in ATTEMPTS {
                let result = session.ask(attempt);
                assert!(
                    result.is_some_and(|result| result < 0),
                    "{kind:?}: {attempt}: {result:?}"
                );
            }
            session.end();
            before.assert_same(&host.disk(), "something changed");
            let lines = host.log();
            let end = &lines.last().expect("a closing line").text;
            let count = format!(" refused={} failed=0 ", ATTEMPTS.len());
            assert!(end.contains(&count), "{access}{kind:?}: {lines:#?}");
            let shown = lines
                .iter()
                .filter(|line| line.text.contains(" refused call="));
            let more: usize = lines
                .iter()
                .filter_map(|line| {
                    line.text
                        .split_once(" refused more=")?
                        .1
                        .split(' ')
                        .next()?
                        .parse::<usize>()
                        .ok()
                })
                .sum();
            assert_eq!(shown.count() + more, ATTEMPTS.len(), "{lines:#?}");
            let lacks_path =
                |text: &str| text.contains(" refused call=") && text.contains("path=\"\"");
            assert!(
                !lines.iter().any(|line| lacks_path(&line.text)),
                "{lines:#?}"
            );
        }
    }
}
