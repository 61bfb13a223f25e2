//! Calls that change a name, a mode, an owner, a time or an attribute: they go
//! to the guard.
//!
//! A kind of server that never makes such a call gets EPERM without the guard.
//! Landlock would stop most of them too; the guard stops the rest.

use super::answer::{ABSENT, Kinds, NOTIFY, Syscall, only, row};
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
    only(RECEIVES, "mkdir", x86(83), NOTIFY, "makes a directory"),
    only(RECEIVES, "mkdirat", both(258, 34), NOTIFY, "makes a directory"),
    only(RECEIVES, "chmod", x86(90), NOTIFY, "sets the mode of an upload by name"),
    only(RECEIVES, "fchmodat", both(268, 53), NOTIFY, "sets the mode of an upload by name"),
    only(RECEIVES, "fchmodat2", both(452, 452), NOTIFY, "sets the mode of an upload by name"),
    only(RECEIVES, "fchmod", both(91, 52), NOTIFY, "sets the mode of an upload; the descriptor may be of any file that is readable"),
    only(RECEIVES, "utime", x86(132), NOTIFY, "sets the times of an upload, by name or, without one, by descriptor"),
    only(RECEIVES, "utimes", x86(235), NOTIFY, "sets the times of an upload, by name or, without one, by descriptor"),
    only(RECEIVES, "futimesat", x86(261), NOTIFY, "sets the times of an upload, by name or, without one, by descriptor"),
    only(RECEIVES, "utimensat", both(280, 88), NOTIFY, "sets the times of an upload, by name or, without one, by descriptor"),
    only(EDITS, "truncate", both(76, 45), NOTIFY, "sftp sets the size by name"),
    only(EDITS, "rename", x86(82), NOTIFY, "renames a file"),
    only(EDITS, "renameat", both(264, 38), NOTIFY, "renames a file"),
    only(EDITS, "renameat2", both(316, 276), NOTIFY, "renames a file"),
    only(REMOVES, "unlink", x86(87), NOTIFY, "removes a file; a sending rsync does so with --remove-source-files"),
    only(REMOVES, "unlinkat", both(263, 35), NOTIFY, "removes a file; a sending rsync does so with --remove-source-files"),
    only(EDITS, "rmdir", x86(84), NOTIFY, "removes a directory"),
    only(EDITS, "link", x86(86), NOTIFY, "gives a file a second name, which is how sftp renames"),
    only(EDITS, "linkat", both(265, 37), NOTIFY, "gives a file a second name, which is how sftp renames"),
    only(EDITS, "symlink", x86(88), NOTIFY, "makes a symbolic link"),
    only(EDITS, "symlinkat", both(266, 36), NOTIFY, "makes a symbolic link"),
    only(EDITS, "chown", x86(92), NOTIFY, "sets owner or group by name"),
    only(EDITS, "lchown", x86(94), NOTIFY, "sets owner or group by name"),
    only(EDITS, "fchownat", both(260, 54), NOTIFY, "sets owner or group by name"),
    only(EDITS, "fchown", both(93, 55), NOTIFY, "sets owner or group by descriptor"),
    only(RECEIVER, "mknod", x86(133), NOTIFY, "rsync -D; the guard creates no device, but logs the attempt"),
    only(RECEIVER, "mknodat", both(259, 33), NOTIFY, "rsync -D; the guard creates no device, but logs the attempt"),
    only(RECEIVER, "setxattr", both(188, 5), NOTIFY, "rsync -X and -A write extended attributes"),
    only(RECEIVER, "lsetxattr", both(189, 6), NOTIFY, "rsync -X and -A write extended attributes"),
    only(RECEIVER, "fsetxattr", both(190, 7), NOTIFY, "rsync -X and -A write extended attributes"),
    only(RECEIVER, "removexattr", both(197, 14), NOTIFY, "rsync -X and -A remove extended attributes"),
    only(RECEIVER, "lremovexattr", both(198, 15), NOTIFY, "rsync -X and -A remove extended attributes"),
    only(RECEIVER, "fremovexattr", both(199, 16), NOTIFY, "rsync -X and -A remove extended attributes"),
    row("setxattrat", both(463, 463), ABSENT, "newer than the servers, which fall back to the older calls"),
    row("removexattrat", both(466, 466), ABSENT, "newer than the servers, which fall back to the older calls"),
    row("file_setattr", both(469, 469), ABSENT, "newer than the servers, which fall back to the older calls"),
    row("umask", both(95, 166), NOTIFY, "the guard creates files on the server's behalf and must know its mask"),
];
