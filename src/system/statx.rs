//! statx(2): what a file is, with its birth time.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

/// What distinguishes one file from every other one, now and later: an inode
/// number is reused after a removal, with another birth time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Inode {
    /// Device, major and minor number.
    pub device: (u32, u32),
    /// Inode number.
    pub number: u64,
    /// Birth time in seconds and nanoseconds; zero if the file system has none.
    pub born: (i64, u32),
}

impl Inode {
    /// Which file it is among those that exist now.
    pub const fn file(self) -> FileId {
        FileId {
            device: self.device,
            number: self.number,
        }
    }

    /// Whether the file system says when a file was created. Without that, a
    /// reused inode number cannot be distinguished from the first one.
    pub const fn has_birth(self) -> bool {
        self.born.0 != 0 || self.born.1 != 0
    }
}

/// What distinguishes one file from every other one that exists at the same
/// time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    /// Device, major and minor number.
    pub device: (u32, u32),
    /// Inode number.
    pub number: u64,
}

/// What statx(2) says about one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Which file.
    pub inode: Inode,
    /// File type and permission bits (inode(7)).
    pub mode: u32,
    /// Major and minor number of a device file.
    pub device_file: (u32, u32),
    /// Owner.
    pub owner: u32,
    /// Hard links.
    pub links: u32,
    /// Bytes.
    pub size: u64,
    /// Whether a mount begins here (STATX_ATTR_MOUNT_ROOT, Linux 5.8).
    pub is_mount_root: bool,
    /// The mount through which it was reached (STATX_MNT_ID, Linux 5.8).
    pub mount: u64,
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
    mount: u64,
    spare: [u64; 13],
}

const _: () = assert!(size_of::<Raw>() == 256);

/// Where `struct statx` has the birth time among its four times.
const BIRTH: usize = 1;
/// STATX_MNT_ID of `<linux/stat.h>`.
const MOUNT_ID: u32 = 0x1000;
/// STATX_ATTR_MOUNT_ROOT of `<linux/stat.h>`.
const MOUNT_ROOT: u64 = 0x2000;

/// The file behind a descriptor, O_PATH or not.
///
/// # Errors
/// EBADF; EIO and the like from the file system; ENOENT or ESTALE if it is gone
/// on a file system like FUSE or NFS.
pub fn of_fd(fd: BorrowedFd<'_>) -> io::Result<Status> {
    as_it_is_now(fd, c"", libc::AT_EMPTY_PATH)
}

/// The file of this name below a directory; a symbolic link is not followed.
///
/// # Errors
/// ENOENT, ENOTDIR, EACCES, ENAMETOOLONG as stat(2).
pub fn of_name(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<Status> {
    as_it_is_now(directory, name, libc::AT_SYMLINK_NOFOLLOW)
}

/// File systems without birth times, FUSE and NFS, may also show for a second
/// how many links a file had before it was linked or removed by its other name,
/// and show a file that is gone. So they are asked again.
fn as_it_is_now(fd: BorrowedFd<'_>, name: &CStr, flags: i32) -> io::Result<Status> {
    let cached = statx(fd, name, flags)?;
    let is_file = cached.mode & libc::S_IFMT == libc::S_IFREG;
    if cached.inode.has_birth() || !is_file {
        return Ok(cached);
    }
    statx(fd, name, flags | libc::AT_STATX_FORCE_SYNC)
}

/// The same as [`of_fd`] for a file of any kind, asking the file system in any
/// case.
///
/// # Errors
/// As [`of_fd`].
pub fn of_fd_now(fd: BorrowedFd<'_>) -> io::Result<Status> {
    statx(fd, c"", libc::AT_EMPTY_PATH | libc::AT_STATX_FORCE_SYNC)
}

/// What is known already of the file that a name below a directory leads to:
/// no file system is asked, so this does not wait for one that does not answer.
///
/// # Errors
/// ENOENT, EACCES and the like as stat(2).
pub fn known(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<Status> {
    statx(directory, name, libc::AT_STATX_DONT_SYNC)
}

fn statx(fd: BorrowedFd<'_>, name: &CStr, flags: i32) -> io::Result<Status> {
    let wanted = libc::STATX_TYPE
        | libc::STATX_MODE
        | libc::STATX_NLINK
        | libc::STATX_INO
        | libc::STATX_UID
        | libc::STATX_SIZE
        | libc::STATX_BTIME
        | MOUNT_ID;
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
        mode: u32::from(raw.mode),
        device_file: (raw.rdev[0], raw.rdev[1]),
        owner: raw.uid,
        links: raw.links,
        size: raw.size,
        is_mount_root: raw.attributes & MOUNT_ROOT != 0,
        mount: raw.mount,
    }
}
