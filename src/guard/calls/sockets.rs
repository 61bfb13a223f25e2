//! Sockets of the name service, for accounts that are not in /etc/passwd: the
//! server's C library asks nscd, sssd or systemd-userdb for them. The guard
//! makes the socket and connects it, to the paths of the plan and to nothing
//! else.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use std::os::fd::AsRawFd as _;

use crate::decide::rules::Denial;
use crate::guard::caller::Caller;
use crate::guard::failure::Failure;
use crate::guard::{Answer, Guard};

/// Where `sun_path` begins in `struct sockaddr_un` (unix(7)).
const PATH_AT: usize = 2;

impl Guard<'_> {
    /// socket(2): of the Unix family, stream or datagram.
    pub(super) fn socket(
        &mut self,
        domain: i32,
        kind: i32,
        protocol: i32,
    ) -> Result<Answer, Failure> {
        let flags = kind & (libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
        let stream = match kind & !flags {
            libc::SOCK_STREAM => SockType::Stream,
            libc::SOCK_DGRAM => SockType::Datagram,
            _ => return Err(Denial::Socket.into()),
        };
        let none = self.plan.rules.name_service_sockets.is_empty();
        if domain != libc::AF_UNIX || protocol != 0 || none {
            return Err(Denial::Socket.into());
        }
        let own = SockFlag::from_bits_truncate(flags) | SockFlag::SOCK_CLOEXEC;
        let fd = socket(AddressFamily::Unix, stream, own, None)?;
        Ok(Answer::Descriptor {
            fd,
            close_on_exec: flags & libc::SOCK_CLOEXEC != 0,
            upload: false,
        })
    }

    /// connect(2), to a path of the plan. It does not wait for room in the
    /// daemon's queue: EAGAIN then, and the C library goes on without.
    pub(super) fn connect(
        &mut self,
        caller: &Caller,
        number: i32,
        address: u64,
        size: u64,
    ) -> Result<Answer, Failure> {
        let mut bytes = [0; size_of::<libc::sockaddr_un>()];
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let given = bytes.get_mut(..size).ok_or(Errno::EINVAL)?;
        caller.read(address, given)?;
        let refused = || Failure::from(Denial::Socket);
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
            Failure::Denied(Denial::Socket, Errno::EACCES, path)
        })?;
        let fd = caller.descriptor(number)?;
        let _waits = self.channel.still_waits(caller)?;
        let before = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
        fcntl(&fd, FcntlArg::F_SETFL(before | OFlag::O_NONBLOCK))?;
        let connected = connect(fd.as_raw_fd(), &UnixAddr::new(known)?);
        fcntl(&fd, FcntlArg::F_SETFL(before))?;
        connected?;
        Ok(Answer::Value(0))
    }
}
