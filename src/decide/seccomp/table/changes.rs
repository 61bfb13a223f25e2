//! Calls that change a name, a mode, an owner, a time or an attribute: they go
//! to the guard.
//!
//! A kind of server that never makes such a call gets EPERM from the guard,
//! whatever the policy grants, and the attempt is logged.

use super::answer::{ABSENT, Kinds, NOTIFY, Syscall, change, row};
use super::numbers::{both, x86};
use crate::decide::plan::ServerKind;

/// Servers that receive files.
const RECEIVES: Kinds = Kinds::of(&[
    ServerKind::Sftp,
    ServerKind::ScpSink,
    ServerKind::RsyncReceiver,
]);
/// Servers that change existing files.
const EDITS: Kinds = Kinds::of(&[ServerKind::Sftp, ServerKind::RsyncReceiver]);
/// Servers that remove files.
const REMOVES: Kinds = Kinds::of(&[
    ServerKind::Sftp,
    ServerKind::RsyncReceiver,
    ServerKind::RsyncSender,
]);
/// `rsync --server` without `--sender`.
const RECEIVER: Kinds = Kinds::of(&[ServerKind::RsyncReceiver]);

/// The rows, one per line.
#[rustfmt::skip]
pub(super) const ROWS: &[Syscall] = &[
    row("creat", x86(85), NOTIFY, "creates and truncates a file"),
    change(RECEIVES, "mkdir", x86(83), "makes a directory"),
    change(RECEIVES, "mkdirat", both(258, 34), "makes a directory"),
    change(RECEIVES, "chmod", x86(90), "sets the mode of an upload by name"),
    change(RECEIVES, "fchmodat", both(268, 53), "sets the mode of an upload by name"),
    change(RECEIVES, "fchmodat2", both(452, 452), "sets the mode of an upload by name"),
    change(RECEIVES, "fchmod", both(91, 52), "sets the mode of an upload; the descriptor may be of any file that is readable"),
    change(RECEIVES, "utime", x86(132), "sets the times of an upload, by name or, without one, by descriptor"),
    change(RECEIVES, "utimes", x86(235), "sets the times of an upload, by name or, without one, by descriptor"),
    change(RECEIVES, "futimesat", x86(261), "sets the times of an upload, by name or, without one, by descriptor"),
    change(RECEIVES, "utimensat", both(280, 88), "sets the times of an upload, by name or, without one, by descriptor"),
    change(EDITS, "truncate", both(76, 45), "sftp sets the size by name"),
    change(EDITS, "rename", x86(82), "renames a file"),
    change(EDITS, "renameat", both(264, 38), "renames a file"),
    change(EDITS, "renameat2", both(316, 276), "renames a file"),
    change(REMOVES, "unlink", x86(87), "removes a file; a sending rsync does so with --remove-source-files"),
    change(REMOVES, "unlinkat", both(263, 35), "removes a file; a sending rsync does so with --remove-source-files"),
    change(EDITS, "rmdir", x86(84), "removes a directory"),
    change(EDITS, "link", x86(86), "gives a file a second name, which is how sftp renames"),
    change(EDITS, "linkat", both(265, 37), "gives a file a second name, which is how sftp renames"),
    change(EDITS, "symlink", x86(88), "makes a symbolic link"),
    change(EDITS, "symlinkat", both(266, 36), "makes a symbolic link"),
    change(EDITS, "chown", x86(92), "sets owner or group by name"),
    change(EDITS, "lchown", x86(94), "sets owner or group by name"),
    change(EDITS, "fchownat", both(260, 54), "sets owner or group by name"),
    change(EDITS, "fchown", both(93, 55), "sets owner or group by descriptor"),
    change(RECEIVER, "mknod", x86(133), "rsync -D; the guard creates no device, but logs the attempt"),
    change(RECEIVER, "mknodat", both(259, 33), "rsync -D; the guard creates no device, but logs the attempt"),
    change(RECEIVER, "setxattr", both(188, 5), "rsync -X and -A write extended attributes"),
    change(RECEIVER, "lsetxattr", both(189, 6), "rsync -X and -A write extended attributes"),
    change(RECEIVER, "fsetxattr", both(190, 7), "rsync -X and -A write extended attributes"),
    change(RECEIVER, "removexattr", both(197, 14), "rsync -X and -A remove extended attributes"),
    change(RECEIVER, "lremovexattr", both(198, 15), "rsync -X and -A remove extended attributes"),
    change(RECEIVER, "fremovexattr", both(199, 16), "rsync -X and -A remove extended attributes"),
    row("setxattrat", both(463, 463), ABSENT, "newer than the servers, which fall back to the older calls"),
    row("removexattrat", both(466, 466), ABSENT, "newer than the servers, which fall back to the older calls"),
    row("file_setattr", both(469, 469), ABSENT, "newer than the servers, which fall back to the older calls"),
    row("umask", both(95, 166), NOTIFY, "the guard creates files on the server's behalf and must know its mask"),
];
