//! What the client asks for: the form of the command, nothing about places.
//!
//! Accepted are the server invocations that real clients send. Everything
//! else is refused, whatever it would have done: a list of what is harmless
//! is short, a list of what is harmful has no end (CVE-2004-1161 to
//! CVE-2019-1000018 are one forgotten entry each).

mod rsync;
mod scp;
mod sftp;

use std::borrow::Cow;

use super::policy::Protocol;
use super::programs;
use super::words;

pub use rsync::{Place, Purpose, RsyncOption, RsyncRequest};
pub use scp::{Direction, ScpRequest};
pub use sftp::{LogLevel, SftpRequest};

/// A command whose form is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `sftp-server`.
    Sftp(SftpRequest),
    /// `scp -t` or `scp -f`.
    Scp(ScpRequest),
    /// `rsync --server`.
    Rsync(RsyncRequest),
}

impl Request {
    /// The protocol of the request.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        match self {
            Self::Sftp(_) => Protocol::Sftp,
            Self::Scp(_) => Protocol::Scp,
            Self::Rsync(_) => Protocol::Rsync,
        }
    }
}

/// Why the form of a command is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormError {
    /// The protocol, where the program could be told.
    pub protocol: Option<Protocol>,
    /// The reason.
    pub reason: Cow<'static, str>,
    /// The policy key to use instead, or another way out.
    pub hint: Option<&'static str>,
}

impl FormError {
    fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            protocol: None,
            reason: reason.into(),
            hint: None,
        }
    }

    const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    const fn of(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }
}

/// What PuTTY, WinSCP and phpseclib send where a server has no sftp
/// subsystem (`psftp.c`, `SftpFileSystem.cpp`); taken for `sftp-server`,
/// byte for byte, and never given to a shell.
const PUTTY_FALLBACK: &[u8] = b"test -x /usr/lib/sftp-server && exec /usr/lib/sftp-server\n\
    test -x /usr/local/lib/sftp-server && exec /usr/local/lib/sftp-server\n\
    exec sftp-server";

/// Reads a command.
///
/// `is_configured` tells whether a path is the one that the policy gives for
/// a protocol: a client may name that one too.
///
/// # Errors
///
/// Why its form is refused.
pub fn parse(
    command: &[u8],
    is_configured: impl Fn(Protocol, &[u8]) -> bool,
) -> Result<Request, FormError> {
    if command == PUTTY_FALLBACK {
        return Ok(Request::Sftp(SftpRequest::default()));
    }
    if is_user_rc(command) {
        return Err(
            FormError::new("the account's ~/.ssh/rc, which sshd runs before a command")
                .hint("set 'PermitUserRC no' in sshd_config"),
        );
    }
    let words = words::split(command).map_err(|error| FormError::new(error.to_string()))?;
    let Some((program, arguments)) = words.split_first() else {
        return Err(FormError::new("an empty command"));
    };
    if let Some(long) = words
        .iter()
        .find(|word| word.bytes().len() > words::PATH_MAX)
    {
        let length = long.bytes().len();
        return Err(FormError::new(format!("a word of {length} bytes")));
    }
    let protocol = program_protocol(program.bytes(), is_configured)
        .ok_or_else(|| FormError::new("not a file transfer server"))?;
    match protocol {
        Protocol::Sftp => sftp::parse(arguments).map(Request::Sftp),
        Protocol::Scp => scp::parse(arguments).map(Request::Scp),
        Protocol::Rsync => rsync::parse(arguments).map(Request::Rsync),
    }
    .map_err(|error| error.of(protocol))
}

/// The protocol that a program name stands for: a name of the table of
/// programs, or the path in the policy.
fn program_protocol(
    program: &[u8],
    is_configured: impl Fn(Protocol, &[u8]) -> bool,
) -> Option<Protocol> {
    let configured = || {
        Protocol::ALL
            .into_iter()
            .find(|p| is_configured(*p, program))
    };
    programs::protocol(program).or_else(configured)
}

/// Whether sshd asks for the account's rc file: `/bin/sh .ssh/rc` (sshd(8),
/// SSHRC; `_PATH_SSH_USER_RC`), by a relative or an absolute path.
fn is_user_rc(command: &[u8]) -> bool {
    command.starts_with(b"/bin/sh ") && command.ends_with(b".ssh/rc")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(command: &str) -> Result<Request, FormError> {
        super::parse(command.as_bytes(), |protocol, path| {
            protocol == Protocol::Scp && path == b"/opt/ssh/scp"
        })
    }

    #[test]
    fn programs_are_known_by_name_place_or_policy() {
        for program in ["scp", "/usr/bin/scp", "/bin/scp", "/opt/ssh/scp", "'scp'"] {
            assert!(parse(&format!("{program} -t x")).is_ok(), "{program}");
        }
        for program in [
            "scpx",
            "/opt/scp",
            "/usr/bin/../bin/scp",
            "usr/bin/scp",
            "./scp",
            "/scp",
            "//usr/bin/scp",
            "/tmp/usr/bin/scp",
            "SCP",
        ] {
            let error = parse(&format!("{program} -t x")).unwrap_err();
            assert_eq!(error.protocol, None, "{program}");
        }
    }

    #[test]
    fn the_putty_fallback_is_taken_byte_for_byte() {
        let fallback = String::from_utf8(PUTTY_FALLBACK.to_vec()).unwrap();
        assert!(matches!(parse(&fallback), Ok(Request::Sftp(_))));
        assert!(parse(&format!("{fallback}\n")).is_err());
        assert!(parse(&fallback.replace("exec sftp", "exec  sftp")).is_err());
    }

    #[test]
    fn the_rc_call_of_sshd_has_its_own_reason() {
        for command in ["/bin/sh .ssh/rc", "/bin/sh /home/alice/.ssh/rc"] {
            let error = parse(command).unwrap_err();
            assert!(error.reason.contains(".ssh/rc"), "{error:?}");
        }
    }

    #[test]
    fn a_word_longer_than_a_path_is_refused() {
        assert!(parse(&format!("scp -t {}", "x".repeat(4096))).is_ok());
        assert!(parse(&format!("scp -t {}", "x".repeat(4097))).is_err());
    }
}
