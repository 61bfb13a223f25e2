//! Two sessions of one account: what one of them creates does not make the other's files its own.

use crate::harness::Host;
use crate::harness::sftp::Attributes;

/// `~/site` may be added to, `~/uploads` may be changed.
const POLICY: &str = "[[directory]]\npath = \"~/site\"\naccess = \"append-only\"\ndotfiles = \"allowed\"\n\
    [[directory]]\npath = \"~/uploads\"\naccess = \"read-write\"\ndotfiles = \"allowed\"\n";

#[test]
fn an_own_directory_takes_no_others_along() {
    let host = Host::new();
    host.policy(POLICY);
    let moves = ["uploads/2026", "site/.2026"];
    for (account, expected) in [(host.plain(), true), (host.alice(), false)] {
        let mut first = host.raw_sftp_direct(account);
        let mut second = host.raw_sftp_direct(account);
        assert!(first.greeted && second.greeted);
        assert!(first.mkdir("site/2026").ok() && first.mkdir("site/2026/deep").ok());
        assert!(second.put("site/2026/deep/backup.tar", b"precious").ok());
        let before = host.disk();
        for to in moves {
            assert_eq!(first.posix_rename("site/2026", to).ok(), expected, "{to}");
            if expected {
                assert!(first.posix_rename(to, "site/2026").ok());
            } else {
                before.assert_same(&host.disk(), to);
            }
        }
        // In the directory of the policy only the name may change; what is in it stays the other session's.
        assert!(first.posix_rename("site/2026", "site/2027").ok());
        assert_eq!(first.remove("site/2027/deep/backup.tar").ok(), expected);
        // With only its own files in it, a directory may go where its files could be created.
        assert!(first.mkdir("site/own").ok() && first.mkdir("site/own/deep").ok());
        assert!(first.put("site/own/deep/.file", b"x").ok());
        assert!(first.posix_rename("site/own", "uploads/own").ok());
        assert!(first.remove("uploads/own/deep/.file").ok());
        assert_eq!((first.end(), second.end()), (0, 0));
    }
}

/// The account cannot be locked out of a directory that its own policy needs, by mode, list or name.
#[test]
fn nobody_locks_the_account_out() {
    let host = Host::new();
    host.policy("[[directory]]\npath = \"~/uploads/in/box\"\naccess = \"upload-only\"\n");
    host.shell_line(
        "for home in /home/plain /home/alice; do mkdir -p $home/uploads/in/box; chown -R $(stat -c %u:%g $home) $home/uploads/in; done",
    );
    for account in [host.plain(), host.alice()] {
        let works = account.name == "plain";
        let mut sftp = host.raw_sftp_direct(account);
        assert!(sftp.greeted, "no session: {:#?}", host.log());
        for directory in ["uploads", "uploads/in", "uploads/in/box"] {
            for mode in [0o000, 0o400, 0o500, 0o600, 0o077] {
                let before = host.disk();
                let reply = sftp.setstat(directory, Attributes::mode(mode));
                assert_eq!(reply.ok(), works, "{directory} {mode:o}: {reply:?}");
                if works {
                    assert!(sftp.setstat(directory, Attributes::mode(0o755)).ok());
                } else {
                    before.assert_same(&host.disk(), directory);
                }
            }
        }
        assert_eq!(sftp.posix_rename("uploads/in", "uploads/out").ok(), works);
        if works {
            assert!(sftp.posix_rename("uploads/out", "uploads/in").ok());
        }
        // What the upload of a tree onto it sets is set.
        for mode in [0o700, 0o750, 0o2775] {
            let reply = sftp.setstat("uploads", Attributes::mode(mode));
            assert!(reply.ok(), "{mode:o}: {reply:?} {:#?}", host.log());
        }
        assert!(sftp.setstat("uploads", Attributes::times(1, 2)).ok());
        // Any other directory may be made inaccessible.
        assert!(sftp.mkdir("uploads/other").ok());
        assert!(sftp.setstat("uploads/other", Attributes::mode(0)).ok());
        assert_eq!(sftp.end(), 0);
    }
}

/// A name that the policy reserves for a directory that does not exist yet.
#[test]
fn the_name_of_an_absent_directory_is_kept() {
    let host = Host::new();
    host.policy(
        "symlinks = \"any\"\n[[directory]]\npath = \"~/uploads/archive/in\"\naccess = \"upload-only\"\n",
    );
    for account in [host.plain(), host.alice()] {
        let works = account.name == "plain";
        let mut sftp = host.raw_sftp_direct(account);
        assert!(sftp.greeted, "no session: {:#?}", host.log());
        let before = host.disk();
        for path in ["uploads/archive", "uploads/archive/in"] {
            if path.ends_with("in") {
                // A directory may take the name; from then on the rules apply.
                assert!(sftp.mkdir("uploads/archive").ok());
            }
            assert_eq!(sftp.symlink("/etc", path).ok(), works, "{path}");
            if works {
                assert!(sftp.remove(path).ok());
            }
            assert_eq!(sftp.put(path, b"x").ok(), works, "{path}");
            if works {
                assert!(sftp.remove(path).ok());
            }
            assert_eq!(sftp.posix_rename("uploads/sub", path).ok(), works, "{path}");
            if works {
                assert!(sftp.posix_rename(path, "uploads/sub").ok());
            } else if path.ends_with("archive") {
                before.assert_same(&host.disk(), path);
            }
        }
        assert!(sftp.mkdir("uploads/archive/in").ok());
        assert!(sftp.put("uploads/archive/in/new", b"x").ok());
        assert_eq!(sftp.end(), 0);
        let mut next = host.raw_sftp_direct(account);
        assert_eq!(next.get("uploads/archive/in/new").is_ok(), works);
        assert_eq!(next.remove("uploads/archive/in/new").ok(), works);
        assert_eq!(
            next.setstat("uploads/archive", Attributes::mode(0)).ok(),
            works
        );
        next.end();
    }
}
