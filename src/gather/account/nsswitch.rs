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

/// What nsswitch.conf(5) says of accounts and groups.
#[derive(Debug, Default)]
pub struct Nsswitch {
    passwd: Vec<String>,
    group: Vec<String>,
    initgroups: Vec<String>,
}

impl Nsswitch {
    /// Reads it; it may be missing.
    ///
    /// # Errors
    ///
    /// Those of reading the file, except that there is none.
    pub fn read() -> io::Result<Self> {
        match fs::read_to_string(NSSWITCH) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            text => Ok(Self::parse(&text?)),
        }
    }

    /// Reads its text. The first line of a database counts.
    pub fn parse(text: &str) -> Self {
        let mut read = Self::default();
        for line in text.lines() {
            let Some((database, sources)) = line.split_once(':') else {
                continue;
            };
            let list = match database.trim() {
                "passwd" => &mut read.passwd,
                "group" => &mut read.group,
                "initgroups" => &mut read.initgroups,
                _ => continue,
            };
            if list.is_empty() {
                list.extend(names(sources).map(str::to_owned));
            }
        }
        read
    }

    /// The sources of a database, `passwd` or `group`.
    pub fn sources(&self, database: &str) -> &[String] {
        match database {
            "passwd" => &self.passwd,
            "group" => &self.group,
            _ => &[],
        }
    }

    /// The sources of an account's groups.
    fn of_groups(&self) -> impl Iterator<Item = &str> {
        let all = self.group.iter().chain(&self.initgroups);
        all.map(String::as_str)
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
        dead(self.passwd.iter().map(String::as_str))
    }
}

/// The sources that a line names, without the actions in brackets and what
/// follows a `#`.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split('#').next().unwrap_or_default();
    let mut bracket = false;
    words.split_whitespace().filter(move |word| {
        let inside = bracket || word.starts_with('[');
        bracket = inside && !word.ends_with(']');
        !inside
    })
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
        let nsswitch = Nsswitch::parse(text);
        assert_eq!(nsswitch.passwd, ["files", "sss", "db"]);
        assert_eq!(nsswitch.group, ["files"]);
        assert_eq!(nsswitch.initgroups, [""; 0]);
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
            let nsswitch = Nsswitch::parse(text);
            assert_eq!(nsswitch.has_other_groups(), other, "{text}");
            assert_eq!(nsswitch.has_remote_groups(), remote, "{text}");
        }
    }
}
