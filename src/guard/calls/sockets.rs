//! Sockets of the name service, for accounts that are not in /etc/passwd: the
//! server's C library asks nscd, sssd, winbind or systemd-userdb for them. The
//! guard creates the socket and connects it, to the paths of the plan and to
//! nothing else.
//!
//! Streams only. A datagram socket can send to any address in memory, where no
//! filter sees it: to /dev/log, for example.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::sys::stat::fstat;

use crate::decide::rules::Denial;
use crate::guard::call_error::CallError;
use crate::guard::caller::Caller;
use crate::guard::{Answer, Guard};

/// Where `sun_path` begins in `struct sockaddr_un` (unix(7)).
const PATH_AT: usize = 2;

/// The most sockets that are remembered: a C library connects a new one at
/// once.
const SOCKETS: usize = 8;

/// The sockets that the guard has handed over and that are not connected yet.
/// It keeps each of them under its inode number, so that it need not fetch it
/// back from the server. The inode number identifies it whatever descriptor
/// number or copy the server names.
#[derive(Debug, Default)]
pub struct Sockets(Vec<(u64, OwnedFd)>);

impl Sockets {
    fn remember(&mut self, fd: OwnedFd) -> Result<(), CallError> {
        let inode = fstat(&fd)?.st_ino;
        if self.0.len() == SOCKETS {
            self.0.remove(0);
        }
        self.0.push((inode, fd));
        Ok(())
    }

    fn find(&self, inode: u64) -> Result<&OwnedFd, CallError> {
        let found = self.0.iter().find(|(own, _)| *own == inode);
        found.map(|(_, fd)| fd).ok_or(Denial::Socket.into())
    }

    fn forget(&mut self, inode: u64) {
        self.0.retain(|(own, _)| *own != inode);
    }
}

impl Guard<'_> {
    /// socket(2): a stream of the Unix family.
    pub(super) fn socket(
        &mut self,
        domain: i32,
        kind: i32,
        protocol: i32,
    ) -> Result<Answer, CallError> {
        let flags = kind & (libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
        let none = self.plan.rules.name_service_sockets.is_empty();
        let stream = kind & !flags == libc::SOCK_STREAM;
        if domain != libc::AF_UNIX || !stream || protocol != 0 || none {
            return Err(Denial::Socket.into());
        }
        let own = SockFlag::from_bits_truncate(flags) | SockFlag::SOCK_CLOEXEC;
        let fd = socket(AddressFamily::Unix, SockType::Stream, own, None)?;
        self.sockets.remember(fd.try_clone()?)?;
        Ok(Answer::Descriptor {
            fd,
            close_on_exec: flags & libc::SOCK_CLOEXEC != 0,
            upload: false,
        })
    }

    /// connect(2), to a path of the plan. It does not wait for room in the
    /// daemon's queue: it then returns EAGAIN, and the C library continues
    /// without the daemon.
    pub(super) fn connect(
        &mut self,
        caller: &Caller,
        number: i32,
        address: u64,
        size: u64,
    ) -> Result<Answer, CallError> {
        let mut bytes = [0; size_of::<libc::sockaddr_un>()];
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let given = bytes.get_mut(..size).ok_or(Errno::EINVAL)?;
        caller.read(address, given)?;
        let refused = || CallError::from(Denial::Socket);
        let family = given.first_chunk::<PATH_AT>().ok_or_else(refused)?;
        if i32::from(u16::from_ne_bytes(*family)) != libc::AF_UNIX {
            return Err(refused());
        }
        let path = given[PATH_AT..].split(|&b| b == 0).next();
        let path = Path::new(std::ffi::OsStr::from_bytes(path.unwrap_or_default()));
        let sockets = &self.plan.rules.name_service_sockets;
        let known = sockets.iter().find(|known| *known == path);
        let known = known.ok_or_else(|| {
            let path = path.as_os_str().as_bytes().to_vec();
            CallError::Denied(Denial::Socket, Errno::EACCES, path)
        })?;
        let inode = caller.socket(number)?;
        let _waits = self.channel.still_waits(caller)?;
        let fd = self.sockets.find(inode)?;
        let before = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
        fcntl(fd, FcntlArg::F_SETFL(before | OFlag::O_NONBLOCK))?;
        let connected = connect(fd.as_raw_fd(), &UnixAddr::new(known)?);
        fcntl(fd, FcntlArg::F_SETFL(before))?;
        connected?;
        self.sockets.forget(inode);
        Ok(Answer::Value(0))
    }
}
