//! What xfersh was asked, by whom, and how: the input that the peer controls.

use std::net::{IpAddr, SocketAddr};

use super::policy::ProfileName;

/// The longest command that is accepted, in bytes. Linux limits one argument to
/// 128 KiB (MAX_ARG_STRLEN, execve(2)), so sshd cannot pass on more.
pub const COMMAND_MAX: usize = 128 * 1024;

/// One call of the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The argument after `-c` (or SSH_ORIGINAL_COMMAND); `None` is a login
    /// without a command.
    pub command: Option<Vec<u8>>,
    /// Whether sshd was told to start xfersh whatever the client wants
    /// (`--forced`): then the command can also be sshd's own name for its
    /// built-in sftp server.
    pub forced: bool,
    /// The profile that it names with that, if any.
    pub profile: Option<AskedProfile>,
    /// The peer's end of the connection.
    pub client: Client,
    /// Whether one of the descriptors 0 to 2 is a terminal.
    pub terminal: bool,
    /// The file mode creation mask that was inherited.
    pub umask: u32,
}

/// The profile that a forced command names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedProfile {
    /// Its name.
    pub name: ProfileName,
    /// What it does to the rights of the account.
    pub effect: ProfileEffect,
}

/// What a profile does to the rights of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileEffect {
    /// Its blocks hold like any others: an ordinary account, whose shell runs
    /// the forced command.
    Selects,
    /// It takes rights away and gives none: under the login shell xfersh, where
    /// a client can send the forced command itself.
    Narrows,
}

impl ProfileEffect {
    /// The name in the answers of `--json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Selects => "selects",
            Self::Narrows => "narrows",
        }
    }
}

/// The connection, as sshd wrote it into SSH_CONNECTION (ssh(1)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The client's address and port and the server's, in that order.
    pub connection: Option<(SocketAddr, SocketAddr)>,
}

impl Client {
    /// Reads `CLIENT-IP CLIENT-PORT SERVER-IP SERVER-PORT`. Anything else is
    /// not a connection: a value that sshd did not write is not passed on.
    pub fn from_ssh_connection(value: &[u8]) -> Self {
        Self {
            connection: parse_connection(value),
        }
    }

    /// A client that is known by its address alone (dry run).
    pub fn from_address(address: IpAddr) -> Self {
        let unknown = SocketAddr::new(address, 0);
        Self {
            connection: Some((unknown, unknown)),
        }
    }

    /// The client's address.
    pub fn address(&self) -> Option<IpAddr> {
        let (client, _) = self.connection?;
        Some(client.ip())
    }
}

fn parse_connection(value: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let text = std::str::from_utf8(value).ok()?;
    let mut fields = text.split(' ');
    let mut end = || {
        let address = fields.next()?;
        // A link-local IPv6 address carries its zone: fe80::1%eth0.
        let bare = address.split_once('%').map_or(address, |(ip, _)| ip);
        let port = fields.next()?;
        Some(SocketAddr::new(bare.parse().ok()?, port.parse().ok()?))
    };
    let pair = (end()?, end()?);
    fields.next().is_none().then_some(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_is_read_whole_or_not_at_all() {
        let rows: [(&[u8], Option<&str>); 8] = [
            (b"192.0.2.7 50123 198.51.100.1 22", Some("192.0.2.7")),
            (b"2001:db8::7 50123 2001:db8::1 22", Some("2001:db8::7")),
            (b"fe80::7%eth0 50123 fe80::1%eth0 22", Some("fe80::7")),
            (b"", None),
            (b"192.0.2.7 50123 198.51.100.1", None),
            (b"192.0.2.7 50123 198.51.100.1 22 x", None),
            (b"192.0.2.7 70000 198.51.100.1 22", None),
            (b"UNKNOWN 65535 UNKNOWN 65535", None),
        ];
        for (value, expected) in rows {
            let client = Client::from_ssh_connection(value);
            let seen = client.address().map(|ip| ip.to_string());
            assert_eq!(seen.as_deref(), expected, "{value:?}");
        }
    }
}
