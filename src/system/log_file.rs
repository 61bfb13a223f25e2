//! A file or FIFO to which lines are appended, each with one write(2), so that
//! the lines of several sessions do not mix.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::stat::fstat;
use nix::unistd::{Whence, lseek, write};

use super::signals;
use super::statx::{FileId, Status};

/// The longest line that a FIFO takes as a whole (PIPE_BUF of pipe(7)).
pub const PIPE_BUF: usize = 4096;

/// The usual block of a file system; what larger ones have is a multiple of it.
const BLOCK: u64 = 4096;

/// A log file that is open to append.
#[derive(Clone, Debug)]
pub struct LogFile {
    fd: Arc<OwnedFd>,
    id: FileId,
    is_fifo: bool,
    /// The last line was written in part: the disk was full.
    is_torn: bool,
}

impl LogFile {
    /// A file that is open to append, without waiting.
    pub fn new(fd: OwnedFd, status: &Status) -> Self {
        Self {
            fd: Arc::new(fd),
            id: status.inode.file(),
            is_fifo: status.mode & libc::S_IFMT == libc::S_IFIFO,
            is_torn: false,
        }
    }

    /// Which file it is.
    pub const fn id(&self) -> FileId {
        self.id
    }

    /// How long a line may be, with its line break.
    pub const fn longest(&self) -> usize {
        if self.is_fifo { PIPE_BUF } else { usize::MAX }
    }

    /// Writes a line, with its line break. For room in a FIFO it waits this
    /// long at most.
    ///
    /// # Errors
    ///
    /// Those of write(2): EPIPE if nobody reads a FIFO, EAGAIN if it stayed
    /// full, ENOSPC if the disk is; then the line is lost.
    pub fn write_line(&mut self, line: &[u8], wait: Duration) -> io::Result<()> {
        if !self.is_fifo {
            return self.append(line);
        }
        // The guard's own end must not depend on who reads.
        signals::while_ignored(Signal::SIGPIPE, || self.write_to_fifo(line, wait))?
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let begun = [b"\n", line].concat();
        let is_torn = self.is_torn || self.may_end_in_halves();
        let line = if is_torn { &begun } else { line };
        loop {
            match write(&*self.fd, line) {
                Ok(count) if count == line.len() => {
                    self.is_torn = false;
                    return Ok(());
                }
                Ok(count) => {
                    self.is_torn |= count > 0;
                    return Err(Errno::ENOSPC.into());
                }
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether another session may have written its last line in part: a disk
    /// is full at the end of a block. If a whole line of another session ends
    /// there by chance, an empty one follows.
    fn may_end_in_halves(&self) -> bool {
        fstat(&*self.fd).is_ok_and(|now| {
            // Of another width on each processor.
            let block = u64::try_from(now.st_blksize).map_or(BLOCK, |size| size.clamp(512, BLOCK));
            let size = u64::try_from(now.st_size).unwrap_or(0);
            size > 0 && size % block == 0 && !self.ends_with_own(now.st_size)
        })
    }

    /// Whether nobody has written since this one: its offset is where its last
    /// line ends.
    fn ends_with_own(&self, size: i64) -> bool {
        lseek(&*self.fd, 0, Whence::SeekCur) == Ok(size)
    }

    /// Up to PIPE_BUF bytes are written as a whole or not at all.
    fn write_to_fifo(&self, line: &[u8], wait: Duration) -> io::Result<()> {
        let begun = Instant::now();
        loop {
            match write(&*self.fd, line) {
                Ok(count) if count == line.len() => return Ok(()),
                Ok(_) => return Err(Errno::EMSGSIZE.into()),
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => {}
                Err(error) => return Err(error.into()),
            }
            let left = wait.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Err(Errno::EAGAIN.into());
            }
            let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLOUT)];
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut fds, left) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::statx;
    use nix::fcntl::{OFlag, open};
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use std::io::Read as _;

    fn place(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("xfersh-{name}-{}", std::process::id()))
    }

    fn opened(path: &std::path::Path) -> nix::Result<LogFile> {
        let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let fd = open(path, flags, Mode::empty())?;
        let status = statx::of_fd(fd.as_fd()).expect("a status");
        Ok(LogFile::new(fd, &status))
    }

    #[test]
    fn a_fifo_that_nobody_reads_or_that_is_full_takes_nothing_and_ends_nobody() {
        let path = place("fifo");
        mkfifo(&path, Mode::from_bits_truncate(0o600)).expect("a FIFO");
        assert_eq!(opened(&path).unwrap_err(), Errno::ENXIO);
        let reader = open(&path, OFlag::O_RDONLY | OFlag::O_NONBLOCK, Mode::empty());
        let mut reader = std::fs::File::from(reader.expect("a reader"));
        let mut log = opened(&path).expect("a FIFO with a reader");
        assert_eq!(log.longest(), PIPE_BUF);
        let line = [b'x'; PIPE_BUF];
        let mut count = 0;
        let error = loop {
            match log.write_line(&line, Duration::ZERO) {
                Ok(()) => count += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
        let mut read = vec![0; count * PIPE_BUF + 1];
        let mut bytes = 0;
        while let Ok(more) = reader.read(&mut read) {
            bytes += more;
        }
        assert!(count > 0 && bytes == count * PIPE_BUF, "{bytes} {count}");
        log.write_line(b"again\n", Duration::ZERO).expect("room");
        drop(reader);
        let error = log.write_line(b"gone\n", Duration::ZERO).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPIPE));
        std::fs::remove_file(&path).expect("removing it");
    }

    #[test]
    fn lines_are_appended_and_a_torn_one_is_ended() {
        let path = place("file");
        std::fs::write(&path, "").expect("a file");
        let mut log = opened(&path).expect("a file");
        log.write_line(b"one\n", Duration::ZERO).expect("a line");
        log.is_torn = true;
        log.write_line(b"two\n", Duration::ZERO).expect("a line");
        log.write_line(b"three\n", Duration::ZERO).expect("a line");
        let text = std::fs::read_to_string(&path).expect("its text");
        assert_eq!(text, "one\n\ntwo\nthree\n");
        std::fs::remove_file(&path).expect("removing it");
    }

    #[test]
    fn what_another_one_may_have_torn_is_ended() {
        let path = place("block");
        let part = "x".repeat(4096);
        std::fs::write(&path, &part).expect("a file");
        let mut log = opened(&path).expect("a file");
        let whole = format!("{}\n", "y".repeat(4094));
        log.write_line(whole.as_bytes(), Duration::ZERO)
            .expect("a line");
        // Its own line ends with a block, and is whole.
        log.write_line(b"one\n", Duration::ZERO).expect("a line");
        let mut other = opened(&path).expect("a file");
        other.write_line(b"two\n", Duration::ZERO).expect("a line");
        let text = std::fs::read_to_string(&path).expect("its text");
        assert_eq!(text, format!("{part}\n{whole}one\ntwo\n"));
        std::fs::remove_file(&path).expect("removing it");
    }
}
