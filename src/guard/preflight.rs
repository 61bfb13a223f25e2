//! Can the guard look into its server? Its answers depend on access to two
//! things: the server's memory and its descriptors. Both are tested before the
//! session begins, and an error says what is in the way.

use std::io;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use nix::unistd::{Pid, getpid};

use super::caller;
use crate::error::{Error, Step};
use crate::system::memory;

/// What is read from the server's side: it has the same bytes at the same
/// address, since it was forked from this process.
static MARK: [u8; 8] = *b"xfersh\r\n";

/// Reads memory of the server's side and looks at one of its descriptors.
///
/// # Errors
///
/// If either fails, with the reason as far as it can be known from here.
pub fn prove(server: Pid) -> Result<(), Error> {
    read_mark(server).map_err(no_memory)?;
    caller::can_look_at(server.as_raw(), 0).map_err(no_descriptors)
}

fn read_mark(pid: Pid) -> io::Result<()> {
    let mut got = [0; MARK.len()];
    let address = std::ptr::from_ref(&MARK).addr() as u64;
    let count = memory::read(pid.as_raw(), address, &mut got)?;
    if count == got.len() && got == MARK {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::EFAULT))
    }
}

/// A process may always read itself, unless a filter refuses the call.
fn no_memory(error: io::Error) -> Error {
    let is_refused = [libc::EPERM, libc::EACCES, libc::ENOSYS]
        .iter()
        .any(|code| error.raw_os_error() == Some(*code));
    if !is_refused {
        return Error::io(Step::Guard("memory of the server"), error);
    }
    let reason = if read_mark(getpid()).is_err() {
        "the call process_vm_readv is refused (by the seccomp profile of a container?)"
    } else if !prctl::get_dumpable().unwrap_or(true) {
        "the account cannot read the xfersh binary, so the kernel denies access to the memory of \
         its processes: set its mode to 755"
    } else if error.raw_os_error() == Some(libc::EPERM) {
        "a process may not read the memory of its own child here: set Yama's \
         kernel.yama.ptrace_scope, or its equivalent, to 0 or 1"
    } else {
        "a security module does not let a process read the memory of its own child"
    };
    Error::text(
        Step::Guard("memory of the server"),
        format!("{error}: {reason}"),
    )
}

fn no_descriptors(errno: Errno) -> Error {
    let is_procfs = statfs("/proc").is_ok_and(|found| found.filesystem_type() == PROC_SUPER_MAGIC);
    let step = Step::Guard("descriptors of the server");
    match errno {
        Errno::EBADF | Errno::ENOTDIR if is_procfs => {
            Error::text(step, "/proc shows the processes of another namespace")
        }
        Errno::EBADF | Errno::ENOTDIR => Error::text(
            step,
            "procfs is not mounted on /proc (in a chroot: mount -t proc proc DIRECTORY/proc)",
        ),
        _ => Error::io(step, errno),
    }
}
