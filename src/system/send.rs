//! sendmmsg(2): several messages with one system call.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

/// How many messages one call takes.
pub const AT_ONCE: usize = 32;

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Messages, counted from the first one.
    pub count: usize,
    /// Whether all of the last one was sent; a stream may take only part of it.
    pub whole: bool,
}

/// Sends the first [`AT_ONCE`] messages, each made of `N` parts, on a connected
/// socket. Each may wait as long as `SO_SNDTIMEO` says.
///
/// # Errors
///
/// As send(2), if not even the first one was sent. A later one that fails only
/// ends the count.
pub fn sendmmsg<const N: usize>(
    socket: BorrowedFd<'_>,
    messages: &[[IoSlice<'_>; N]],
) -> io::Result<Sent> {
    let messages = &messages[..messages.len().min(AT_ONCE)];
    let mut headers: [libc::mmsghdr; AT_ONCE] = empty();
    for (header, parts) in headers.iter_mut().zip(messages) {
        // The kernel does not write to what is sent.
        header.msg_hdr.msg_iov = parts.as_ptr().cast_mut().cast();
        // Its type differs between C libraries; N is a handful.
        #[allow(clippy::as_underscore, reason = "size_t in glibc, int in musl")]
        {
            header.msg_hdr.msg_iovlen = N as _;
        }
    }
    // Not through the C library: musl's sends them one by one. SAFETY:
    // `headers` has an entry for each of `messages`, whose parts are borrowed
    // until after the call; IoSlice promises the layout of an iovec.
    let count = unsafe {
        libc::syscall(
            libc::SYS_sendmmsg,
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            messages.len(),
            libc::MSG_NOSIGNAL,
        )
    };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    let last = count.checked_sub(1);
    let whole = last.is_none_or(|last| {
        let length: usize = messages[last].iter().map(|part| part.len()).sum();
        headers[last].msg_len as usize == length
    });
    Ok(Sent { count, whole })
}

fn empty() -> [libc::mmsghdr; AT_ONCE] {
    // SAFETY: the C library's structure of integers and pointers; all zeros is
    // a message of no parts to no address.
    unsafe { std::mem::zeroed() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::os::fd::AsFd as _;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    #[test]
    fn messages_arrive_apart_and_in_order() {
        let (from, to) = UnixDatagram::pair().expect("two sockets");
        let messages = [
            [IoSlice::new(b"a"), IoSlice::new(b"b")],
            [IoSlice::new(b""), IoSlice::new(b"c")],
        ];
        let sent = sendmmsg(from.as_fd(), &messages).expect("sent");
        assert_eq!(
            sent,
            Sent {
                count: 2,
                whole: true
            }
        );
        for expected in [&b"ab"[..], b"c"] {
            let mut buffer = [0; 8];
            let length = to.recv(&mut buffer).expect("a message");
            assert_eq!(&buffer[..length], expected);
        }
    }

    #[test]
    fn what_does_not_fit_is_not_counted() {
        let (from, to) = UnixDatagram::pair().expect("two sockets");
        from.set_nonblocking(true).expect("a flag");
        let message = [IoSlice::new(b"x")];
        let mut count = 0;
        let error = loop {
            match sendmmsg(from.as_fd(), &[message; AT_ONCE]) {
                Ok(sent) => count += sent.count,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        to.set_nonblocking(true).expect("a flag");
        let arrived = std::iter::from_fn(|| to.recv(&mut [0; 8]).ok()).count();
        assert!(count > 0 && arrived == count, "{arrived} of {count}");
    }

    #[test]
    fn a_part_of_a_message_is_told_from_the_whole() {
        let (from, mut to) = UnixStream::pair().expect("two sockets");
        from.set_nonblocking(true).expect("a flag");
        let large = vec![b'x'; 10 << 20];
        let messages = [[IoSlice::new(b"first")], [IoSlice::new(&large)]];
        let sent = sendmmsg(from.as_fd(), &messages).expect("sent");
        assert_eq!(
            sent,
            Sent {
                count: 2,
                whole: false
            }
        );
        drop(from);
        let mut arrived = Vec::new();
        to.read_to_end(&mut arrived).expect("reading");
        assert!(arrived.starts_with(b"firstx") && arrived.len() < large.len());
    }
}
