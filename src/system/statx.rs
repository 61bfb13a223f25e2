//! statx(2): what a file is, with its birth time.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

/// What tells one file from every other one, now and later: an inode number is
/// used again after a removal, with another birth time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Inode {
    /// Device, major and minor number.
    pub device: (u32, u32),
    /// Inode number.
    pub number: u64,
    /// Birth, seconds and nanoseconds; zero where the file system has none.
    pub born: (i64, u32),
}

impl Inode {
    /// Whether both are the same file as long as one of them is held open.
    #[must_use]
    pub fn is(self, other: Self) -> bool {
        self.device == other.device && self.number == other.number
    }
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// `/dev/null` (character device 1:3) by whatever name.
    Null,
    /// A device, FIFO or socket.
    Special,
}

/// What statx(2) says of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Which file.
    pub inode: Inode,
    /// Of which kind.
    pub kind: Kind,
    /// Permission bits with set-uid, set-gid and sticky bit.
    pub mode: u32,
    /// Hard links.
    pub links: u32,
    /// Bytes.
    pub size: u64,
}

/// `struct statx_timestamp` of `<linux/stat.h>`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Time {
    seconds: i64,
    nanoseconds: u32,
    reserved: i32,
}

/// `struct statx` of `<linux/stat.h>`: 256 bytes since Linux 4.11.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Raw {
    mask: u32,
    block_size: u32,
    attributes: u64,
    links: u32,
    uid: u32,
    gid: u32,
    mode: u16,
    spare0: u16,
    inode: u64,
    size: u64,
    blocks: u64,
    attributes_mask: u64,
    times: [Time; 4],
    rdev: [u32; 2],
    dev: [u32; 2],
    spare: [u64; 14],
}

const _: () = assert!(size_of::<Raw>() == 256);

/// Where `struct statx` has the birth time among its four times.
const BIRTH: usize = 1;

/// The file behind a descriptor, O_PATH or not.
///
/// # Errors
/// EBADF; EIO and the like from the file system.
pub fn of_fd(fd: BorrowedFd<'_>) -> io::Result<Status> {
    statx(fd, c"", libc::AT_EMPTY_PATH)
}

/// The file of this name below a directory; a symbolic link is not followed.
///
/// # Errors
/// ENOENT, ENOTDIR, EACCES, ENAMETOOLONG as stat(2).
pub fn of_name(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<Status> {
    statx(directory, name, libc::AT_SYMLINK_NOFOLLOW)
}

fn statx(fd: BorrowedFd<'_>, name: &CStr, flags: i32) -> io::Result<Status> {
    let wanted = libc::STATX_TYPE
        | libc::STATX_MODE
        | libc::STATX_NLINK
        | libc::STATX_INO
        | libc::STATX_SIZE
        | libc::STATX_BTIME;
    let mut raw = Raw::default();
    // SAFETY: the kernel writes one `struct statx`, whose layout and size are
    // those of `Raw`, and reads the borrowed C string.
    let result = unsafe {
        libc::syscall(
            libc::SYS_statx,
            fd.as_raw_fd(),
            name.as_ptr(),
            flags,
            wanted,
            std::ptr::from_mut(&mut raw),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(status(&raw))
}

fn status(raw: &Raw) -> Status {
    let birth = raw.times[BIRTH];
    let kind = match u32::from(raw.mode) & libc::S_IFMT {
        libc::S_IFREG => Kind::File,
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFLNK => Kind::Symlink,
        libc::S_IFCHR if raw.rdev == [1, 3] => Kind::Null,
        _ => Kind::Special,
    };
    Status {
        inode: Inode {
            device: (raw.dev[0], raw.dev[1]),
            number: raw.inode,
            born: if raw.mask & libc::STATX_BTIME == 0 {
                (0, 0)
            } else {
                (birth.seconds, birth.nanoseconds)
            },
        },
        kind,
        mode: u32::from(raw.mode) & 0o7777,
        links: raw.links,
        size: raw.size,
    }
}
