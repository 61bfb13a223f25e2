//! What a session created stays its own, and nothing else becomes its own.

use super::kinds::{self, Disk};
use super::restore;
use crate::harness::Host;
use crate::harness::sftp::Attributes;

/// More than the guard holds open of files that have a birth time.
const DIRECTORIES: u32 = 600;

/// How many of the directories that a session makes stay its own, under append-only; and that a new file can be
/// renamed and get its times.
pub fn remembered(host: &Host, disk: &Disk, wrong: &mut Vec<String>) -> String {
    host.policy("access = \"append-only\"\n");
    restore(host, disk, host.alice());
    let mut sftp = host.raw_sftp_direct(host.alice());
    let times = Attributes::times(1_000_000_001, 1_000_000_003);
    if !sftp.put("uploads/part", b"new").ok()
        || !sftp.setstat("uploads/part", times).ok()
        || !sftp.rename("uploads/part", "uploads/whole").ok()
        || !sftp.setstat("uploads/whole", times).ok()
        || !sftp.put("uploads/part", b"other").ok()
        || !sftp.posix_rename("uploads/part", "uploads/other").ok()
    {
        wrong.push("append-only: a new file is not renamed".to_owned());
    }
    if sftp.put("uploads/part", b"third").ok()
        && sftp.posix_rename("uploads/part", "uploads/whole").ok()
    {
        wrong.push("append-only: a new file replaces an earlier one".to_owned());
    }
    let path = |number: u32| format!("uploads/new{number}");
    for number in 0..DIRECTORIES {
        assert!(sftp.mkdir(&path(number)).ok(), "{}: {number}", disk.name);
    }
    let known = (0..DIRECTORIES).filter(|number| sftp.setstat(&path(*number), times).ok());
    let known = known.count();
    if known < DIRECTORIES as usize {
        wrong.push(format!(
            "append-only: {known} of {DIRECTORIES} new directories stay the session's own"
        ));
    }
    if sftp.end() != 0 {
        wrong.push("append-only: the session ended".to_owned());
    }
    restore(host, disk, host.alice());
    format!("{known} of {DIRECTORIES}")
}

/// A file system without birth times on one that reuses inode numbers at once: a file that gets the number of one of
/// the session's own, which is gone, does not become its own. FUSE holds nothing open on the file system below.
#[test]
fn a_number_that_is_used_again_makes_no_own_file() {
    let host = Host::new();
    kinds::BINDFS.mount(&host).expect("mounting");
    let number = |path: &str| host.shell_line(&format!("stat -c %i {path}"));
    for is_taken in [true, false] {
        host.policy(if is_taken {
            "access = \"append-only\"\n"
        } else {
            ""
        });
        let path = "/home/alice/uploads/mine";
        let mut sftp = host.raw_sftp_direct(host.alice());
        assert!(sftp.put("uploads/mine", b"mine").ok());
        // It is the session's own until it is gone.
        assert!(sftp.setstat("uploads/mine", Attributes::times(1, 1)).ok());
        let mine = number(path);
        host.shell_line(&format!("rm {path}"));
        let other = "/home/alice/uploads/other";
        let made = (0..200).any(|_| {
            host.shell_line(&format!(
                "rm -f {other}; echo other >{other}; chown alice: {other}"
            ));
            number(other) == mine
        });
        assert!(made, "the number {mine} was not used again");
        let before = host.disk();
        let overwritten = sftp.put("uploads/other", b"x").ok();
        assert_eq!(overwritten, !is_taken, "overwriting");
        if is_taken {
            assert!(!sftp.setstat("uploads/other", Attributes::times(1, 1)).ok());
            assert!(!sftp.posix_rename("uploads/other", "uploads/x").ok());
            before.assert_same(&host.disk(), "another's file");
        }
        assert_eq!(sftp.end(), 0);
        host.shell_line(&format!("rm {other}"));
    }
}
