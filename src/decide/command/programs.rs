//! The server programs: their names, the paths by which a client may name them,
//! and where they are looked for. One table for all three.

use std::path::PathBuf;

use crate::decide::policy::Protocol;

/// One server program.
struct ServerProgram {
    protocol: Protocol,
    /// The name of the file. A client may use just this name.
    name: &'static str,
    /// Directories in which it is looked for, the most likely first. A client
    /// may name it in each of them.
    searched: &'static [&'static str],
}

/// Where they put other programs.
const BIN: &[&str] = &[
    "/usr/bin",
    "/usr/local/bin",
    "/run/current-system/sw/bin",
    "/run/current-system/profile/bin",
    "/opt/bin",
];

/// Where the distributions put the servers: Debian; Fedora; Arch, Alpine and
/// older SUSE; SUSE; Void, Slackware, OpenWrt and dropbear's default; older
/// Debian; Gentoo; local builds; NixOS; Guix; Entware.
const SERVERS: [ServerProgram; 3] = [
    ServerProgram {
        protocol: Protocol::Sftp,
        name: "sftp-server",
        searched: &[
            "/usr/lib/openssh",
            "/usr/libexec/openssh",
            "/usr/lib/ssh",
            "/usr/libexec/ssh",
            "/usr/libexec",
            "/usr/lib",
            "/usr/lib64/misc",
            "/usr/lib/misc",
            "/usr/lib64/ssh",
            "/usr/local/libexec",
            "/run/current-system/sw/libexec",
            "/run/current-system/profile/libexec",
            "/opt/libexec",
        ],
    },
    ServerProgram {
        protocol: Protocol::Scp,
        name: "scp",
        searched: BIN,
    },
    ServerProgram {
        protocol: Protocol::Rsync,
        name: "rsync",
        searched: BIN,
    },
];

/// Directories that clients name although no server is looked for there: those
/// of a merged /usr, and PuTTY's second guess for sftp.
const NAMED_TOO: [&str; 2] = ["/bin", "/usr/local/lib"];

/// The protocol that a program stands for: by its bare name, or by its name
/// in a directory of the table. Which of those directories goes with which
/// program does not matter, since what runs is never the client's path.
pub fn protocol(program: &[u8]) -> Option<Protocol> {
    let slash = program.iter().rposition(|c| *c == b'/');
    let (directory, name) = match slash {
        Some(slash) => (Some(&program[..slash]), &program[slash + 1..]),
        None => (None, program),
    };
    let searched = SERVERS.iter().flat_map(|server| server.searched);
    let mut known = searched.chain(&NAMED_TOO).map(|known| known.as_bytes());
    if directory.is_some_and(|directory| {
        !known.any(|known| known == directory) && !is_of_a_store(directory)
    }) {
        return None;
    }
    let server = SERVERS.iter().find(|server| server.name.as_bytes() == name);
    server.map(|server| server.protocol)
}

/// Whether this is a directory of programs in a package of Nix or Guix, as
/// sshd's `Subsystem` names it there: `/nix/store/HASH-openssh-9.9p2/libexec`.
fn is_of_a_store(directory: &[u8]) -> bool {
    let package = STORES
        .iter()
        .find_map(|store| directory.strip_prefix(store.as_bytes()));
    let Some((package, rest)) = package.and_then(|rest| rest.split_at_checked(HASH)) else {
        return false;
    };
    let mut names = rest.split(|c| *c == b'/');
    let name = names.next().and_then(|name| name.strip_prefix(b"-"));
    let within = names.next();
    let is_name = |c: &u8| c.is_ascii_alphanumeric() || b"+-._?=".contains(c);
    package
        .iter()
        .all(|c| c.is_ascii_digit() || c.is_ascii_lowercase())
        && name.is_some_and(|name| !name.is_empty() && name.iter().all(is_name))
        && within.is_some_and(|within| within == b"libexec" || within == b"bin")
        && names.next().is_none()
}

/// The stores, and the length of the hash that a package's name begins with.
const STORES: [&str; 2] = ["/nix/store/", "/gnu/store/"];
const HASH: usize = 32;

/// The policy key that names the server of a protocol.
pub const fn key(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Sftp => "sftp_server",
        Protocol::Scp => "scp",
        Protocol::Rsync => "rsync",
    }
}

/// Where the server of a protocol is looked for, in this order.
pub fn places(protocol: Protocol) -> Vec<PathBuf> {
    let servers = SERVERS.iter().filter(|server| server.protocol == protocol);
    servers
        .flat_map(|server| {
            let searched = server.searched.iter();
            searched.map(|directory| PathBuf::from(directory).join(server.name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_name_each_place_that_is_searched() {
        for wanted in Protocol::ALL {
            let places = places(wanted);
            assert!(!places.is_empty(), "{wanted:?}");
            for place in places {
                let seen = protocol(place.as_os_str().as_encoded_bytes());
                assert_eq!(seen, Some(wanted), "{}", place.display());
            }
        }
    }

    #[test]
    fn names() {
        let rows: [(&str, Option<Protocol>); 20] = [
            ("/usr/lib64/misc/sftp-server", Some(Protocol::Sftp)),
            ("/run/current-system/sw/bin/rsync", Some(Protocol::Rsync)),
            (
                "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-openssh-9.9p2/libexec/sftp-server",
                Some(Protocol::Sftp),
            ),
            (
                "/gnu/store/0123456789abcdfghijklmnpqrsvwxyz-rsync-3.4.1/bin/rsync",
                Some(Protocol::Rsync),
            ),
            ("/nix/store/0123456789abcdfghijklmnpqrsvwxyz-x/bin/sh", None),
            (
                "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-x/lib/scp",
                None,
            ),
            (
                "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-x/bin/a/scp",
                None,
            ),
            ("/nix/store/0123456789abcdfghijklmnpqrsvwxyz-/bin/scp", None),
            ("/nix/store/0123456789abcdfghijklmnpqrsvwxyz/bin/scp", None),
            (
                "/nix/store/0123456789abcdfghijklmnpqrsvwx./-x/bin/scp",
                None,
            ),
            ("/nix/store/bin/scp", None),
            ("scp", Some(Protocol::Scp)),
            ("/bin/rsync", Some(Protocol::Rsync)),
            ("/usr/local/lib/sftp-server", Some(Protocol::Sftp)),
            ("/usr/local/libexec/sftp-server", Some(Protocol::Sftp)),
            ("/scp", None),
            ("bin/scp", None),
            ("/usr/bin//scp", None),
            ("/opt/scp", None),
            ("/usr/bin/sh", None),
        ];
        for (program, expected) in rows {
            assert_eq!(protocol(program.as_bytes()), expected, "{program}");
        }
    }
}
