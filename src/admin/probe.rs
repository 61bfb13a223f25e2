//! What `--check --live` tries inside the confinement: one row per attempt.
//!
//! The program runs instead of the server, under the same domain, filter and
//! guard. Each attempt is harmless even if it succeeds against the promise:
//! files are created under unique names and removed at once, attributes are set
//! to the values they have.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use caps::CapSet;
use nix::errno::Errno;

use nix::fcntl::OFlag;
use nix::sys::prctl;
use nix::sys::signal::kill;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::getppid;

use crate::cli::Probe;
use crate::console;
use crate::exit::Exit;

/// One attempt.
pub struct Try {
    /// The promise of docs/threat-model.md.
    pub promise: &'static str,
    /// What is tried.
    pub what: &'static str,
    /// The required result of it.
    pub expected: Expected,
    run: fn(&Probe) -> io::Result<()>,
}

/// The required result of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It works.
    Works,
    /// It is refused.
    Refused,
}

impl Expected {
    /// The word in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Refused => "refused",
        }
    }
}

const fn refused(
    promise: &'static str,
    what: &'static str,
    run: fn(&Probe) -> io::Result<()>,
) -> Try {
    Try {
        promise,
        what,
        expected: Expected::Refused,
        run,
    }
}

const fn works(
    promise: &'static str,
    what: &'static str,
    run: fn(&Probe) -> io::Result<()>,
) -> Try {
    Try {
        promise,
        what,
        expected: Expected::Works,
        run,
    }
}

const READ_LOG: &str = "read the log file";
const WRITE_LOG: &str = "write to the log file";
const MOVE_LOG: &str = "rename the log file";
/// The attempts that mean something only where there is a log file.
pub const OF_LOG_FILE: [&str; 3] = [READ_LOG, WRITE_LOG, MOVE_LOG];

/// All attempts, in order. The last ones could replace the program.
pub const TRIES: &[Try] = &[
    refused("P2", "create a file in /tmp", |probe| {
        create_in(Path::new("/tmp"), probe)
    }),
    refused("P2", "create a file in /var/tmp", |probe| {
        create_in(Path::new("/var/tmp"), probe)
    }),
    refused("P3", "create a file in the home", |probe| {
        create_in(&probe.home, probe)
    }),
    refused("P3", "create a directory in the home", |probe| {
        make_directory(&probe.home.join(&probe.name))
    }),
    refused("P3", "set the mode of the home", |probe| {
        set_mode(&probe.home)
    }),
    refused("P3", "set the times of the home", |probe| {
        set_times(&probe.home)
    }),
    refused("P4", "create a dotfile", |probe| {
        create(&writable(probe)?.join(dot(probe)))
    }),
    refused("P4", "create a dot directory", |probe| {
        make_directory(&writable(probe)?.join(dot(probe)))
    }),
    refused("P4", "rename a file to a dotfile", rename_to_dotfile),
    refused("P5", "create a network socket", |_| {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map(drop)
    }),
    refused("P5", "connect to the system log", |_| {
        std::os::unix::net::UnixDatagram::unbound()?.connect("/dev/log")
    }),
    refused("P5", "connect to the journal", |_| {
        std::os::unix::net::UnixDatagram::unbound()?.connect("/run/systemd/journal/socket")
    }),
    refused("P5", "connect to the bus of the host", |_| {
        UnixStream::connect("/run/dbus/system_bus_socket").map(drop)
    }),
    refused("P8", READ_LOG, |probe| {
        open_log(probe, File::options().read(true))
    }),
    refused("P8", WRITE_LOG, |probe| {
        open_log(probe, File::options().append(true))
    }),
    // To its own name: nothing happens if it works.
    refused("P8", MOVE_LOG, |probe| fs::rename(log(probe)?, log(probe)?)),
    refused("P5", "signal the guard", |_| {
        kill(getppid(), None).map_err(io::Error::from)
    }),
    works("P6", "have no capability", |_| no_capability()),
    works("P6", "have no_new_privs set", |_| no_new_privileges()),
    works("P6", "have no descriptor but 0, 1, 2", |_| no_descriptor()),
    works("P6", "have none of the caller's environment", |_| {
        no_environment()
    }),
    works(
        "P11",
        "create, write, read, rename and remove a file",
        round_trip,
    ),
    refused("P12", "read /etc/hostname", |_| {
        File::open("/etc/hostname").map(drop)
    }),
    refused("P12", "list /", |_| fs::read_dir("/").map(drop)),
    refused("P12", "list /etc", |_| fs::read_dir("/etc").map(drop)),
    refused("P5", "start a program", |_| {
        let arguments: [&std::ffi::CStr; 1] = [c"true"];
        nix::unistd::execv(c"/bin/true", &arguments)?;
        Ok(())
    }),
];

impl Try {
    /// Tries it; returns the errno if it is refused.
    fn run(&self, probe: &Probe) -> Result<(), i32> {
        (self.run)(probe).map_err(|error| error.raw_os_error().unwrap_or(Errno::EIO as i32))
    }
}

/// Runs all attempts and prints a line for each: its number, and 0 or an errno.
/// The directory in which files were created gets its times back before the
/// last attempt, which may not return.
pub fn run(probe: &Probe) -> Exit {
    let before = probe
        .writable
        .as_deref()
        .and_then(|path| fs::metadata(path).ok());
    for (at, row) in TRIES.iter().enumerate() {
        if at + 1 == TRIES.len()
            && let (Some(path), Some(before)) = (&probe.writable, &before)
        {
            // Not every policy allows setting them.
            let _ = give_times(path, before);
        }
        let errno = row.run(probe).err().unwrap_or(0);
        let printed = console::print(&format!("{at} {errno}\n"));
        if printed != Exit::Success {
            return printed;
        }
    }
    Exit::Success
}

fn dot(probe: &Probe) -> String {
    format!(".{}", probe.name)
}

/// Without a writable directory there is nothing to try: as good as refused.
fn writable(probe: &Probe) -> io::Result<&Path> {
    probe
        .writable
        .as_deref()
        .ok_or_else(|| Errno::EACCES.into())
}

/// Without a log file there is nothing to try: as good as refused.
fn log(probe: &Probe) -> io::Result<&Path> {
    probe.log.as_deref().ok_or_else(|| Errno::EACCES.into())
}

/// Opens it, and writes nothing. It may be a FIFO.
fn open_log(probe: &Probe, how: &mut OpenOptions) -> io::Result<()> {
    let path = log(probe)?;
    how.custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    Ok(())
}

fn create_in(directory: &Path, probe: &Probe) -> io::Result<()> {
    create(&directory.join(&probe.name))
}

fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    fs::remove_file(path)
}

fn make_directory(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::remove_dir(path)
}

fn set_mode(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode();
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777))
}

fn set_times(path: &Path) -> io::Result<()> {
    give_times(path, &fs::metadata(path)?)
}

/// Sets the times of a file to those of that status.
fn give_times(path: &Path, status: &fs::Metadata) -> io::Result<()> {
    let accessed = TimeSpec::new(status.atime(), status.atime_nsec());
    let modified = TimeSpec::new(status.mtime(), status.mtime_nsec());
    let flags = UtimensatFlags::FollowSymlink;
    utimensat(nix::fcntl::AT_FDCWD, path, &accessed, &modified, flags)?;
    Ok(())
}

fn rename_to_dotfile(probe: &Probe) -> io::Result<()> {
    let directory = writable(probe)?;
    let (plain, hidden) = (directory.join(&probe.name), directory.join(dot(probe)));
    File::create_new(&plain)?;
    let renamed = fs::rename(&plain, &hidden);
    let _ = fs::remove_file(if renamed.is_ok() { &hidden } else { &plain });
    renamed
}

fn round_trip(probe: &Probe) -> io::Result<()> {
    let Some(directory) = &probe.writable else {
        // A policy that allows no writing keeps its promise.
        return Ok(());
    };
    let first = directory.join(&probe.name);
    let second = directory.join(format!("{}.new", probe.name));
    File::create_new(&first)?.write_all(b"probe")?;
    let mut text = String::new();
    let read = File::open(&first).and_then(|mut file| file.read_to_string(&mut text));
    let renamed = fs::rename(&first, &second);
    let removed = fs::remove_file(if renamed.is_ok() { &second } else { &first });
    read?;
    renamed?;
    removed?;
    if text == "probe" {
        Ok(())
    } else {
        Err(Errno::EIO.into())
    }
}

fn no_capability() -> io::Result<()> {
    for set in [CapSet::Permitted, CapSet::Effective, CapSet::Inheritable] {
        let held = caps::read(None, set).map_err(|error| io::Error::other(error.to_string()))?;
        if !held.is_empty() {
            return Err(Errno::EEXIST.into());
        }
    }
    Ok(())
}

fn no_new_privileges() -> io::Result<()> {
    if prctl::get_no_new_privs()? {
        Ok(())
    } else {
        Err(Errno::ENODATA.into())
    }
}

/// Numbers up to the usual limit of a session.
fn no_descriptor() -> io::Result<()> {
    let open = (3..1024).find(|number| is_open(*number));
    open.map_or(Ok(()), |_| Err(Errno::EEXIST.into()))
}

fn is_open(number: i32) -> bool {
    crate::system::descriptors::is_open(number)
}

fn no_environment() -> io::Result<()> {
    const KNOWN: [&str; 5] = ["USER", "LOGNAME", "PATH", "HOME", "SSH_CONNECTION"];
    let foreign = std::env::vars_os().any(|(name, _)| !KNOWN.iter().any(|known| name == *known));
    if foreign {
        Err(Errno::EEXIST.into())
    } else {
        Ok(())
    }
}
