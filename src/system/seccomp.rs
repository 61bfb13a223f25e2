//! seccomp(2): loading a filter, and the notifications that it sends.
//!
//! [`crate::decide`] decides what the filter says; this file only hands it to
//! the kernel. It never loads a filter without a listener, and never loads one
//! twice.
//!
//! The listener is close-on-exec, so the server never sees it. The process that
//! loaded the filter need not send it anywhere: at that moment it shares its
//! descriptor table with the guard. So the filter need not allow sendmsg(2).
//!
//! Sources: seccomp(2), seccomp_unotify(2), `<linux/seccomp.h>`.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::libc;

/// Bytes reserved for each structure that the kernel fills or reads. Today's
/// kernel needs 80. It always copies the size of its own structure, so
/// [`Listener::new`] refuses a newer kernel that needs more than this.
const ROOM: usize = 256;

/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` of `<linux/seccomp.h>`, Linux 6.6.
const SYNC_WAKE_UP: u64 = 1;

/// Why a filter was not loaded.
#[derive(Debug)]
pub enum FilterError {
    /// There already is a filter with a listener (EBUSY): the kernel allows one
    /// per process, and a container manager may hold it.
    ListenerTaken,
    /// The kernel's own reason: EACCES without `no_new_privs`, EINVAL for a
    /// program that it does not accept or a kernel before Linux 5.0.
    Refused(io::Error),
    /// The call succeeded, but the process is not in filter mode.
    NotInForce,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ListenerTaken => f.write_str(
                "cannot load the system call filter: another program already listens to this \
                 process (a container manager's seccomp profile with a notifier?)",
            ),
            Self::Refused(cause) => write!(f, "cannot load the system call filter: {cause}"),
            Self::NotInForce => f.write_str(
                "cannot load the system call filter: the kernel reports that it is not in force",
            ),
        }
    }
}

impl std::error::Error for FilterError {}

/// A filter that is in force, seen from the process that loaded it.
#[derive(Debug)]
pub struct Loaded {
    /// The listener, close-on-exec.
    pub listener: OwnedFd,
    /// Whether a signal other than a fatal one waits until a received
    /// notification is answered (Linux 5.19). Without it a signal makes the
    /// call restart, and what was done for it would be done twice.
    pub wait_killable: bool,
}

/// Loads `program` for the calling thread and all that it starts from now on,
/// irrevocably, and reads back that it is in force.
///
/// `no_new_privs` must be set. The process must have one thread.
///
/// # Errors
/// See [`FilterError`].
pub fn load_irrevocably(program: &[libc::sock_filter]) -> Result<Loaded, FilterError> {
    let listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    let killable = listener | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    let (fd, wait_killable) = match set_filter(program, killable) {
        Ok(fd) => (fd, true),
        // A kernel before 5.19 does not know the second flag.
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => {
            (set_filter(program, listener).map_err(refused)?, false)
        }
        Err(e) => return Err(refused(e)),
    };
    if !in_filter_mode() {
        return Err(FilterError::NotInForce);
    }
    Ok(Loaded {
        listener: fd,
        wait_killable,
    })
}

/// Loads `program` without a listener, irrevocably: for the guard itself.
///
/// # Errors
/// See [`FilterError::Refused`].
pub fn load_quiet_irrevocably(program: &[libc::sock_filter]) -> io::Result<()> {
    let fprog = describe(program)?;
    // SAFETY: as in `set_filter`; without the listener flag no descriptor is
    // made.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            std::ptr::from_ref(&fprog),
        )
    };
    check(result).map(drop)
}

fn describe(program: &[libc::sock_filter]) -> io::Result<libc::sock_fprog> {
    let len =
        u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    Ok(libc::sock_fprog {
        len,
        filter: program.as_ptr().cast_mut(),
    })
}

fn refused(cause: io::Error) -> FilterError {
    match cause.raw_os_error() {
        Some(libc::EBUSY) => FilterError::ListenerTaken,
        _ => FilterError::Refused(cause),
    }
}

fn set_filter(program: &[libc::sock_filter], flags: libc::c_ulong) -> io::Result<OwnedFd> {
    let fprog = describe(program)?;
    // SAFETY: the kernel reads `len` instructions from `filter`, both of which
    // describe the borrowed slice, copies them and never writes to them.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            std::ptr::from_ref(&fprog),
        )
    };
    let fd = RawFd::try_from(check(fd)?).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: with SECCOMP_FILTER_FLAG_NEW_LISTENER the call returns a new
    // descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether the calling thread is under a filter.
pub fn in_filter_mode() -> bool {
    // SAFETY: PR_GET_SECCOMP takes no pointer and changes nothing.
    let mode = unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) };
    mode == 2
}

/// What the running kernel supports, for the doctor and the fail-closed check
/// before a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    /// Filters can end the process (Linux 4.14).
    pub kill_process: bool,
    /// Filters can notify (Linux 5.0).
    pub notify: bool,
    /// The notification structures fit (see [`Listener::new`]).
    pub sizes_fit: bool,
}

impl Support {
    /// Asks the kernel; changes nothing.
    pub fn probe() -> Self {
        Self {
            kill_process: action_available(libc::SECCOMP_RET_KILL_PROCESS),
            notify: action_available(libc::SECCOMP_RET_USER_NOTIF),
            sizes_fit: check_sizes().is_ok(),
        }
    }

    /// Whether everything that a session needs is there.
    pub const fn complete(self) -> bool {
        self.kill_process && self.notify && self.sizes_fit
    }
}

/// Whether the kernel knows a filter action (`SECCOMP_GET_ACTION_AVAIL`).
pub fn action_available(action: u32) -> bool {
    // SAFETY: the kernel reads one u32 from the pointer, which borrows `action`
    // for the time of the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_ACTION_AVAIL,
            0,
            std::ptr::from_ref(&action),
        )
    };
    result == 0
}

fn check_sizes() -> io::Result<()> {
    let mut sizes = libc::seccomp_notif_sizes {
        seccomp_notif: 0,
        seccomp_notif_resp: 0,
        seccomp_data: 0,
    };
    // SAFETY: the kernel writes one `seccomp_notif_sizes` to the pointer, which
    // borrows `sizes` for the time of the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_NOTIF_SIZES,
            0,
            std::ptr::from_mut(&mut sizes),
        )
    };
    check(result)?;
    let fits = |kernel: u16, ours: usize| (ours..=ROOM).contains(&usize::from(kernel));
    if fits(sizes.seccomp_notif, size_of::<libc::seccomp_notif>())
        && fits(
            sizes.seccomp_notif_resp,
            size_of::<libc::seccomp_notif_resp>(),
        )
    {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::EOVERFLOW))
    }
}

/// A structure followed by room for what a newer kernel adds.
#[repr(C)]
union Padded<T: Copy> {
    value: T,
    room: [u64; ROOM / 8],
}

impl<T: Copy> Padded<T> {
    const fn zeroed() -> Self {
        Self {
            room: [0; ROOM / 8],
        }
    }
}

/// One call that waits for an answer. All of it comes from the caller: nothing
/// here has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The cookie to answer with; unique within one listener.
    pub id: u64,
    /// The calling thread, in the listener's pid namespace; 0 if it is not
    /// visible there.
    pub pid: u32,
    /// `AUDIT_ARCH_*` of the call.
    pub arch: u32,
    /// The number of the call.
    pub number: u32,
    /// Its arguments as they were in the registers.
    pub args: [u64; 6],
}

/// The guard's end of a filter.
///
/// It is readable (POLLIN) while a call waits, and hung up (POLLHUP) once no
/// process is left under the filter.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    /// See [`Loaded::wait_killable`].
    wait_killable: bool,
}

impl Listener {
    /// Takes a descriptor that [`load_irrevocably`] made, and what it said
    /// about signals.
    ///
    /// # Errors
    /// EOVERFLOW if the kernel's structures are larger than the room here,
    /// EINVAL before Linux 5.14, which does not know SECCOMP_ADDFD_FLAG_SEND: it
    /// looks at the flags before it finds that there is no such descriptor
    /// (`seccomp_notify_addfd` in kernel/seccomp.c).
    pub fn new(fd: OwnedFd, wait_killable: bool) -> io::Result<Self> {
        const NONE: u32 = u32::MAX;
        check_sizes()?;
        let listener = Self { fd, wait_killable };
        match listener.add_fd(0, NONE, false, libc::SECCOMP_ADDFD_FLAG_SEND) {
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(listener),
            Err(error) => Err(error),
            Ok(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Whether a caller's wait ends only when the caller dies.
    pub const fn wait_killable(&self) -> bool {
        self.wait_killable
    }

    /// Makes the answer wake the caller on the guard's own CPU (Linux 6.6): a
    /// cold wake-up on another CPU costs ten times as much.
    ///
    /// # Errors
    /// EINVAL on an older kernel, which is harmless.
    pub fn wake_up_synchronously(&self) -> io::Result<()> {
        // SAFETY: SECCOMP_IOCTL_NOTIF_SET_FLAGS takes its flags by value and
        // no pointer.
        let result = unsafe {
            libc::ioctl(
                self.fd.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS,
                SYNC_WAKE_UP,
            )
        };
        check(result.into()).map(drop)
    }

    /// Takes the next notification; waits for one if there is none.
    ///
    /// # Errors
    /// EINTR; ENOENT if the caller was killed or interrupted meanwhile: take
    /// the next one.
    pub fn receive(&self) -> io::Result<Notification> {
        let mut buffer = Padded::<libc::seccomp_notif>::zeroed();
        // SAFETY: the kernel writes its own `struct seccomp_notif`, which
        // `Listener::new` found to be no larger than ROOM, to a buffer of ROOM
        // bytes that is all zero, as it demands.
        let result = unsafe {
            libc::ioctl(
                self.fd.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_RECV,
                std::ptr::from_mut(&mut buffer),
            )
        };
        check(result.into())?;
        // SAFETY: every bit pattern is a `seccomp_notif`, and all bytes of the
        // union were initialised by `zeroed`.
        let got = unsafe { buffer.value };
        Ok(Notification {
            id: got.id,
            pid: got.pid,
            arch: got.data.arch,
            number: got.data.nr.cast_unsigned(),
            args: got.data.args,
        })
    }

    /// Answers call `id` with the result `value`.
    ///
    /// # Errors
    /// ENOENT if the caller no longer waits.
    pub fn answer(&self, id: u64, value: i64) -> io::Result<()> {
        self.send(libc::seccomp_notif_resp {
            id,
            val: value,
            error: 0,
            flags: 0,
        })
    }

    /// Answers call `id` with failure; `errno` is positive, as in errno(3).
    ///
    /// # Errors
    /// ENOENT if the caller no longer waits.
    pub fn fail(&self, id: u64, errno: i32) -> io::Result<()> {
        self.send(libc::seccomp_notif_resp {
            id,
            val: 0,
            error: -errno.abs(),
            flags: 0,
        })
    }

    /// Lets the kernel perform call `id` as the caller wrote it. Its memory may
    /// have changed since it was read: this is only for the one execve(2)
    /// before the server runs.
    ///
    /// # Errors
    /// ENOENT if the caller no longer waits.
    pub fn let_through_unchecked(&self, id: u64) -> io::Result<()> {
        let flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or(1);
        self.send(libc::seccomp_notif_resp {
            id,
            val: 0,
            error: 0,
            flags,
        })
    }

    fn send(&self, response: libc::seccomp_notif_resp) -> io::Result<()> {
        let mut buffer = Padded::<libc::seccomp_notif_resp>::zeroed();
        buffer.value = response;
        // SAFETY: the kernel reads its own `struct seccomp_notif_resp`, which
        // `Listener::new` found to be no larger than ROOM, from a buffer of
        // ROOM bytes; what follows our structure is zero.
        let result = unsafe {
            libc::ioctl(
                self.fd.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_SEND,
                std::ptr::from_mut(&mut buffer),
            )
        };
        check(result.into()).map(drop)
    }

    /// Puts a duplicate of `fd` into the caller of `id`, answers the call with
    /// its number there, and returns that.
    ///
    /// In two steps where signals wait for the answer. In one
    /// (SECCOMP_ADDFD_FLAG_SEND, Linux 5.14), a guard that is stopped or frozen
    /// between the two halves of it would leave the call answered with 0: the
    /// kernel has noted the answer by then, and takes the descriptor back. Where
    /// signals do not wait (before Linux 5.19), one between two steps would lose
    /// the descriptor in the caller.
    ///
    /// # Errors
    /// EMFILE if the caller has no room: it still waits. ENOENT if it no longer
    /// waits.
    pub fn hand_over(&self, id: u64, fd: BorrowedFd<'_>, close_on_exec: bool) -> io::Result<i32> {
        let fd = fd.as_raw_fd().cast_unsigned();
        if self.wait_killable {
            let number = self.add_fd(id, fd, close_on_exec, 0)?;
            self.answer(id, number.into())?;
            Ok(number)
        } else {
            self.add_fd(id, fd, close_on_exec, libc::SECCOMP_ADDFD_FLAG_SEND)
        }
    }

    fn add_fd(
        &self,
        id: u64,
        fd: u32,
        close_on_exec: bool,
        flags: libc::c_ulong,
    ) -> io::Result<i32> {
        let request = libc::seccomp_notif_addfd {
            id,
            flags: u32::try_from(flags).unwrap_or(0),
            srcfd: fd,
            newfd: 0,
            newfd_flags: if close_on_exec {
                libc::O_CLOEXEC.cast_unsigned()
            } else {
                0
            },
        };
        // SAFETY: the kernel reads as many bytes as the ioctl number says,
        // which is the size of the structure that the pointer borrows.
        let result = unsafe {
            libc::ioctl(
                self.fd.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_ADDFD,
                std::ptr::from_ref(&request),
            )
        };
        check(result.into())?;
        Ok(result)
    }

    /// Whether the caller of `id` still waits. Ask after opening anything by
    /// its pid and before trusting it: the pid may have been reused.
    pub fn still_waits(&self, id: u64) -> bool {
        // SAFETY: the kernel reads one u64 from the pointer, which borrows `id`
        // for the time of the call.
        let result = unsafe {
            libc::ioctl(
                self.fd.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_ID_VALID,
                std::ptr::from_ref(&id),
            )
        };
        result == 0
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
