//! What the session created stays its own, even in large trees: a backup client sets the times of a directory after
//! everything in it.

use crate::harness::Host;
use crate::harness::sftp::Attributes;

const DIRECTORIES: u32 = 600;

#[test]
fn directories_of_a_large_tree_get_their_times_under_append_only() {
    let host = Host::new();
    host.policy("access = \"append-only\"\n");
    let mut sftp = host.raw_sftp_direct(host.alice());
    let path = |number: u32| format!("uploads/new{number}");
    for number in 0..DIRECTORIES {
        assert!(sftp.mkdir(&path(number)).ok(), "{number}");
    }
    for number in 0..DIRECTORIES {
        let times = Attributes::times(1_000_000_000, 1_000_000_000 + number);
        let reply = sftp.setstat(&path(number), times);
        assert!(reply.ok(), "{number}: {reply:?}");
    }
    assert_eq!(sftp.end(), 0);
    // To the next session they are old.
    let mut sftp = host.raw_sftp_direct(host.alice());
    let before = host.disk();
    let reply = sftp.setstat(&path(0), Attributes::times(1, 1));
    assert!(!reply.ok(), "{reply:?}");
    assert!(!sftp.rmdir(&path(0)).ok());
    before.assert_same(&host.disk(), "an older directory");
    assert_eq!(sftp.end(), 0);
}
