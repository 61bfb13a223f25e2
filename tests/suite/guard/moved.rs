//! What the guard cannot keep: a relative symbolic link in a directory that is moved.

use crate::harness::Host;

/// `symlinks = "inside"` judges a link where it is made, or moved itself. In a directory that is moved up it leads
/// elsewhere. The threat model says so; if this is stopped one day, this test fails and both are put right.
#[test]
fn a_link_in_a_directory_that_is_moved_up_leads_out() {
    let host = Host::new();
    let mut sftp = host.raw_sftp_direct(host.alice());
    let outside = "../../../etc/passwd";
    assert!(
        !sftp.symlink(outside, "uploads/link").ok(),
        "the link itself is refused"
    );
    assert!(sftp.mkdir("uploads/a").ok() && sftp.mkdir("uploads/a/b").ok());
    assert!(sftp.mkdir("uploads/a/b/c").ok());
    // From there it leads to ~/etc/passwd, which is inside.
    assert!(
        sftp.symlink("../../../../etc/passwd", "uploads/a/b/c/link")
            .ok()
    );
    assert!(sftp.posix_rename("uploads/a/b/c", "uploads/c").ok());
    assert_eq!(sftp.end(), 0);
    let seen = host.inside(|| std::fs::canonicalize("/home/alice/uploads/c/link"));
    assert_eq!(
        seen.ok().as_deref(),
        Some(std::path::Path::new("/etc/passwd")),
        "it does not lead out any more: correct docs/threat-model.md"
    );
}
