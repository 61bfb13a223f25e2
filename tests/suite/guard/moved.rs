//! A relative symbolic link in a directory that is moved: under `symlinks = "inside"` it must not lead outside, not
//! even from its new place.

use crate::harness::sftp::Reply;
use crate::harness::{Account, Host, Sftp};

/// A link to ~/etc/passwd, four levels down; from two levels further up it is /etc/passwd.
fn make(sftp: &mut Sftp) {
    for directory in ["uploads/a", "uploads/a/b", "uploads/a/b/c"] {
        assert!(sftp.mkdir(directory).ok(), "{directory}");
    }
    let link = sftp.symlink("../../../../etc/passwd", "uploads/a/b/c/link");
    assert!(link.ok(), "{link:?}");
}

fn leads_to(host: &Host, account: &Account, path: &str) -> Option<std::path::PathBuf> {
    host.inside(|| std::fs::canonicalize(account.at(path)).ok())
}

#[test]
fn a_link_in_a_directory_that_is_moved_up_leads_nowhere_else() {
    let host = Host::new();
    // The baseline.
    let mut sftp = host.raw_sftp_direct(host.plain());
    make(&mut sftp);
    assert!(sftp.posix_rename("uploads/a/b/c", "uploads/c").ok());
    assert_eq!(sftp.end(), 0);
    let seen = leads_to(&host, host.plain(), "uploads/c/link");
    assert_eq!(seen.as_deref(), Some("/etc/passwd".as_ref()));

    // Own directories and, in the next session, older ones.
    let mut sftp = host.raw_sftp_direct(host.alice());
    make(&mut sftp);
    for _ in 0..2 {
        let before = host.disk();
        for (from, to) in [
            ("uploads/a/b/c", "uploads/c"),
            ("uploads/a/b", "uploads/b"),
            ("uploads/a/b/c", "site/c"),
        ] {
            let reply = sftp.posix_rename(from, to);
            assert!(!reply.ok() && reply != Reply::End, "{from} {to}: {reply:?}");
        }
        before.assert_same(&host.disk(), "a directory with a link");
        assert_eq!(sftp.end(), 0);
        sftp = host.raw_sftp_direct(host.alice());
    }
    // The same name elsewhere in its directory; a link that also leads inside from there.
    assert!(sftp.posix_rename("uploads/a/b/c", "uploads/a/b/d").ok());
    assert!(sftp.remove("uploads/a/b/d/link").ok());
    assert!(sftp.symlink("../../old.txt", "uploads/a/b/d/link").ok());
    assert!(sftp.posix_rename("uploads/a/b/d", "uploads/a/d").ok());
    assert_eq!(sftp.end(), 0);

    // Where links may lead anywhere, directories may be moved anywhere.
    host.policy("symlinks = \"any\"\n");
    host.refurnish();
    let mut sftp = host.raw_sftp_direct(host.alice());
    make(&mut sftp);
    assert!(sftp.posix_rename("uploads/a/b/c", "uploads/c").ok());
    assert_eq!(sftp.end(), 0);
}
