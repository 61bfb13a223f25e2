//! The sources of accounts and groups in nsswitch.conf(5), and the daemons that
//! answer for some of them.
//!
//! A source whose daemon does not run knows nothing, and the C library passes
//! that on as "there is no such entry". For a group that is a rule less. So the
//! daemon is asked for a sign of life of its own.

use std::fs;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

/// The file that names the sources.
pub const NSSWITCH: &str = "/etc/nsswitch.conf";

/// A source that answers only while its daemon runs.
#[derive(Debug, PartialEq, Eq)]
pub struct Daemon {
    /// Its name in nsswitch.conf(5).
    pub source: &'static str,
    /// Where its library asks it.
    pub socket: &'static str,
    /// The service that starts it.
    pub unit: &'static str,
}

const DAEMONS: [Daemon; 3] = [
    Daemon {
        source: "sss",
        socket: "/var/lib/sss/pipes/nss",
        unit: "sssd",
    },
    Daemon {
        source: "ldap",
        socket: "/run/nslcd/socket",
        unit: "nslcd",
    },
    Daemon {
        source: "winbind",
        socket: "/run/samba/winbindd/pipe",
        unit: "winbind",
    },
];

/// Sources that are files of this host: what they do not know, nobody does.
const FILES: [&str; 5] = ["files", "compat", "extrausers", "db", "systemd"];

/// The text of nsswitch.conf(5).
#[derive(Debug)]
pub struct Nsswitch(String);

impl Nsswitch {
    /// Reads it; it may be missing.
    ///
    /// # Errors
    ///
    /// Those of reading it, except that there is none.
    pub fn read() -> io::Result<Self> {
        match fs::read_to_string(NSSWITCH) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self(String::new())),
            text => text.map(Self),
        }
    }

    /// The sources of a database, without the actions in brackets.
    pub fn sources(&self, database: &str) -> Vec<&str> {
        let mut lines = self.0.lines().filter_map(|line| line.split('#').next());
        let line = lines.find_map(|line| {
            line.trim()
                .strip_prefix(database)?
                .trim_start()
                .strip_prefix(':')
        });
        let words = line.unwrap_or_default().split_whitespace();
        let mut bracket = false;
        words
            .filter(|word| {
                let inside = bracket || word.starts_with('[');
                bracket = inside && !word.ends_with(']');
                !inside
            })
            .collect()
    }

    /// The sources of an account's groups.
    fn of_groups(&self) -> impl Iterator<Item = &str> {
        let own = self.sources("initgroups");
        self.sources("group").into_iter().chain(own)
    }

    /// Whether groups can come from elsewhere than /etc/group.
    pub fn has_other_groups(&self) -> bool {
        self.of_groups().any(|source| source != "files")
    }

    /// Whether groups can come from elsewhere than files of this host.
    pub fn has_remote_groups(&self) -> bool {
        self.of_groups().any(|source| !FILES.contains(&source))
    }

    /// A source of groups whose daemon does not answer.
    pub fn dead_for_groups(&self) -> Option<&'static Daemon> {
        dead(self.of_groups())
    }

    /// A source of accounts whose daemon does not answer.
    pub fn dead_for_accounts(&self) -> Option<&'static Daemon> {
        dead(self.sources("passwd").into_iter())
    }
}

fn dead<'a>(sources: impl Iterator<Item = &'a str>) -> Option<&'static Daemon> {
    let mut daemons = sources.filter_map(|source| {
        let mut known = DAEMONS.iter();
        known.find(|daemon| daemon.source == source)
    });
    daemons.find(|daemon| !listens(Path::new(daemon.socket)))
}

/// Whether a daemon listens there. One that has no room for more is alive.
fn listens(path: &Path) -> bool {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let connected = socket(AddressFamily::Unix, SockType::Stream, flags, None)
        .and_then(|fd| connect(fd.as_raw_fd(), &UnixAddr::new(path)?));
    matches!(connected, Ok(()) | Err(Errno::EAGAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_nsswitch() {
        let text = "# passwd: nis\npasswd:  files [!UNAVAIL = return] sss db # all\ngroup: files\n";
        let nsswitch = Nsswitch(text.to_owned());
        assert_eq!(nsswitch.sources("passwd"), ["files", "sss", "db"]);
        assert_eq!(nsswitch.sources("group"), ["files"]);
        assert_eq!(nsswitch.sources("shadow"), [""; 0]);
    }

    #[test]
    fn where_groups_can_come_from() {
        for (text, other, remote) in [
            ("", false, false),
            ("passwd: files sss\ngroup: files\n", false, false),
            ("group: files systemd\n", true, false),
            ("group: files\ninitgroups: files sss\n", true, true),
            ("group: files elsewhere\n", true, true),
        ] {
            let nsswitch = Nsswitch(text.to_owned());
            assert_eq!(nsswitch.has_other_groups(), other, "{text}");
            assert_eq!(nsswitch.has_remote_groups(), remote, "{text}");
        }
    }
}
