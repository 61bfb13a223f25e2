//! Sockets and other ways to talk to processes outside the session.
//!
//! A server cannot create a socket itself. If the account comes from a name
//! service, the guard makes the connection and hands it over.

use nix::libc;

use super::answer::{
    ALLOW, Action, Condition, DENY, Kinds, Syscall, SyscallRule, allow_if, errno, is, is_long,
    only, row, when,
};
use super::numbers::both;
use crate::decide::plan::ServerKind;

const REFUSED: Action = errno(libc::EACCES);

/// Only a stream: a datagram socket could send to any address.
const STREAM: [Condition; 3] = [
    is(0, libc::AF_UNIX.cast_unsigned()),
    Condition::Int {
        argument: 1,
        mask: !(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK).cast_unsigned(),
        value: libc::SOCK_STREAM.cast_unsigned(),
    },
    is(2, 0),
];

const SOCKET: SyscallRule = SyscallRule::Judged {
    arms: &[when(&STREAM, Action::NotifyIfNameService)],
    otherwise: REFUSED,
};

/// rsync's receiver: the channel between its halves.
const SOCKETPAIR: SyscallRule = allow_if(&[when(&STREAM, Action::Allow)]);

/// Without an address: sends to where the socket is connected.
const SENDTO: SyscallRule = allow_if(&[when(&[is_long(4, 0)], Action::AllowIfNameService)]);

const CONVERSATION: SyscallRule = SyscallRule::Always(Action::AllowIfNameService);

/// `rsync --server` without `--sender`.
const RECEIVER: Kinds = Kinds::of(&[ServerKind::RsyncReceiver]);

/// The rows, one per line.
#[rustfmt::skip]
pub(super) const ROWS: &[Syscall] = &[
    row("socket", both(41, 198), SOCKET, "the guard makes the stream to a name service; any other is a way out"),
    row("connect", both(42, 203), SyscallRule::Always(Action::NotifyIfNameService), "the guard connects, to the policy's exact list of paths"),
    only(RECEIVER, "socketpair", both(53, 199), SOCKETPAIR, "the channel between the halves of rsync's receiver"),
    row("sendto", both(44, 206), SENDTO, "asks the name service on the connection that the guard made"),
    row("sendmsg", both(46, 211), SyscallRule::Always(REFUSED), "its address is in memory, where no filter can see it; the clients of name services use write and sendto"),
    row("recvfrom", both(45, 207), CONVERSATION, "talks to the name service on the connection that the guard made"),
    row("recvmsg", both(47, 212), CONVERSATION, "talks to the name service on the connection that the guard made"),
    row("getsockopt", both(55, 209), ALLOW, "asks what an inherited descriptor is"),
    row("getsockname", both(51, 204), ALLOW, "asks what an inherited descriptor is"),
    row("getpeername", both(52, 205), ALLOW, "asks what an inherited descriptor is"),
    row("shutdown", both(48, 210), CONVERSATION, "ends a connection"),
    row("bind", both(49, 200), SyscallRule::Always(REFUSED), "no server listens"),
    row("listen", both(50, 201), SyscallRule::Always(REFUSED), "no server listens"),
    row("accept", both(43, 202), SyscallRule::Always(REFUSED), "no server listens"),
    row("accept4", both(288, 242), SyscallRule::Always(REFUSED), "no server listens"),
    row("setsockopt", both(54, 208), SyscallRule::Always(REFUSED), "no server needs it"),
    row("sendmmsg", both(307, 269), SyscallRule::Always(REFUSED), "as sendmsg"),
    row("recvmmsg", both(299, 243), SyscallRule::Always(REFUSED), "no server needs it"),
    row("mq_open", both(240, 180), DENY, "message queues reach other processes"),
    row("mq_unlink", both(241, 181), DENY, "message queues reach other processes"),
    row("mq_timedsend", both(242, 182), DENY, "message queues reach other processes"),
    row("mq_timedreceive", both(243, 183), DENY, "message queues reach other processes"),
    row("mq_notify", both(244, 184), DENY, "message queues reach other processes"),
    row("mq_getsetattr", both(245, 185), DENY, "message queues reach other processes"),
    row("msgget", both(68, 186), DENY, "System V IPC reaches other processes of the account, and no Landlock rule covers it"),
    row("msgsnd", both(69, 189), DENY, "System V IPC reaches other processes of the account, and no Landlock rule covers it"),
    row("msgrcv", both(70, 188), DENY, "System V IPC reaches other processes of the account, and no Landlock rule covers it"),
    row("msgctl", both(71, 187), DENY, "System V IPC reaches other processes of the account, and no Landlock rule covers it"),
    row("semget", both(64, 190), DENY, "System V IPC reaches other processes of the account, and no Landlock rule covers it"),
    row("semop", both(65, 193), DENY, "System V IPC reaches other processes of the account, and no Landlock rule covers it"),
    row("semtimedop", both(220, 192), DENY, "System V IPC reaches other processes of the account, and no Landlock rule covers it"),
    row("semctl", both(66, 191), DENY, "System V IPC reaches other processes of the account, and no Landlock rule covers it"),
    row("shmget", both(29, 194), DENY, "System V IPC reaches other processes of the account, and no Landlock rule covers it"),
    row("shmat", both(30, 196), DENY, "System V IPC reaches other processes of the account, and no Landlock rule covers it"),
    row("shmctl", both(31, 195), DENY, "System V IPC reaches other processes of the account, and no Landlock rule covers it"),
    row("shmdt", both(67, 197), DENY, "System V IPC reaches other processes of the account, and no Landlock rule covers it"),
];
