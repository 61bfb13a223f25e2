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

    /// Reads its text as glibc does, for which a colon may be missing and a
    /// condition need not stand apart. Of several lines for one database the
    /// first or the last counts, by the version: here all of them do, since a
    /// source too many costs a question, and one too few a rule.
    pub fn parse(text: &str) -> Self {
        let mut read = Self::default();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim_start();
            let end = line.find(|c: char| c == ':' || c.is_whitespace());
            let (database, sources) = line.split_at(end.unwrap_or(line.len()));
            let list = match database {
                "passwd" => &mut read.passwd,
                "group" => &mut read.group,
                "initgroups" => &mut read.initgroups,
                _ => continue,
            };
            for name in names(sources) {
                if !list.iter().any(|known| known == name) {
                    list.push(name.to_owned());
                }
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

    /// The sources of accounts that are no files of this host.
    pub fn remote_for_accounts(&self) -> Vec<&str> {
        let all = self.passwd.iter().map(String::as_str);
        all.filter(|source| !FILES.contains(source)).collect()
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

/// The sources in the rest of a line, without the conditions in brackets.
fn names(mut rest: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c: char| c == ':' || c.is_whitespace());
            let Some(condition) = rest.strip_prefix('[') else {
                break;
            };
            rest = condition.split_once(']').map_or("", |(_, after)| after);
        }
        let end = rest.find(|c: char| c == '[' || c.is_whitespace());
        let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        (!name.is_empty()).then_some(name)
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

    /// Each is seen to be read by glibc's getent(1) as it is here.
    #[test]
    fn lines_as_the_c_library_reads_them() {
        for text in [
            "group files sss",
            "group : files sss",
            " \tgroup:\tfiles\tsss",
            "group: files [NOTFOUND=continue]sss",
            "group: files[NOTFOUND=continue]sss",
            "group: files [ NOTFOUND=continue ] [!UNAVAIL=continue]sss[SUCCESS=merge]",
            "group: files\ngroup: sss",
            "group: files\ngroup: files sss",
            "group: files sss\ngroup: files",
        ] {
            let group = Nsswitch::parse(text).group;
            assert_eq!(group, ["files", "sss"], "{text}");
        }
        for text in [
            "",
            "groups: sss",
            "# group: sss",
            "group:",
            "group: [",
            "group",
        ] {
            assert_eq!(Nsswitch::parse(text).group, [""; 0], "{text}");
        }
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
