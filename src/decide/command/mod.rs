//! What the client asks for: the form of the command, nothing about places.
//!
//! The server invocations that real clients send are accepted. Everything else
//! is refused, whatever it would have done: a list of what is harmless is
//! short, a list of what is harmful has no end (CVE-2004-1161 to
//! CVE-2019-1000018 are one forgotten entry each).

mod forced;
pub mod paths;
pub mod pattern;
pub mod programs;
pub(super) mod rsync;
mod scp;
mod sftp;
pub mod words;

use super::policy::Protocol;
use super::verdict::Refusal;
use crate::print::escape::Escaped;
use words::Word;

pub use forced::ForcedLine;
pub use rsync::{PathOption, PathPurpose, RsyncOption, RsyncRequest};
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
    pub const fn protocol(&self) -> Protocol {
        match self {
            Self::Sftp(_) => Protocol::Sftp,
            Self::Scp(_) => Protocol::Scp,
            Self::Rsync(_) => Protocol::Rsync,
        }
    }
}

/// What PuTTY, WinSCP and phpseclib send if a server has no sftp subsystem
/// (`psftp.c`, `SftpFileSystem.cpp`); taken for `sftp-server`, byte for byte,
/// and never given to a shell.
const PUTTY_FALLBACK: &[u8] = b"test -x /usr/lib/sftp-server && exec /usr/lib/sftp-server\n\
    test -x /usr/local/lib/sftp-server && exec /usr/local/lib/sftp-server\n\
    exec sftp-server";

/// sshd's name for its built-in sftp server (sshd_config(5), Subsystem). Under
/// ForceCommand and `command=` sshd runs that command instead and passes on the
/// line of its Subsystem, this name and its options, as the client's wish.
const INTERNAL_SFTP: &[u8] = b"internal-sftp";

/// Reads a command.
///
/// `is_configured` says whether a path is the one that the policy sets for a
/// protocol: a client may name that one too. `forced`: sshd passes on what its
/// configuration says, so `internal-sftp` stands for `sftp-server`.
///
/// # Errors
///
/// The refusal of its form.
pub fn parse(
    command: &[u8],
    forced: bool,
    is_configured: impl Fn(Protocol, &[u8]) -> bool,
) -> Result<Request, Refusal> {
    if command == PUTTY_FALLBACK {
        return Ok(Request::Sftp(SftpRequest::default()));
    }
    if is_user_rc(command) {
        return Err(
            Refusal::form("the account's ~/.ssh/rc, which sshd runs before a command")
                .hint("set 'PermitUserRC no' in sshd_config"),
        );
    }
    let words = words::split(command).map_err(|error| Refusal::form(error.to_string()))?;
    let Some((program, arguments)) = words.split_first() else {
        return Err(Refusal::form("an empty command"));
    };
    let internal = (forced && program.bytes() == INTERNAL_SFTP).then_some(Protocol::Sftp);
    let protocol = internal
        .or_else(|| program_protocol(program.bytes(), is_configured))
        .ok_or_else(|| unknown_program(program, arguments))?;
    match protocol {
        Protocol::Sftp => sftp::parse(arguments).map(Request::Sftp),
        Protocol::Scp => scp::parse(arguments).map(Request::Scp),
        Protocol::Rsync => rsync::parse(arguments).map(Request::Rsync),
    }
    .map_err(|error| error.of(protocol))
}

/// The protocol that a program name stands for: a name in the table of
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

/// Says more than "no" if a server of the table is meant: it is at a path where
/// this host may have it, or is called through another program.
fn unknown_program(program: &Word, arguments: &[Word]) -> Refusal {
    let error = Refusal::form("not a file transfer server");
    let path = program.bytes();
    if let Some(hint) = within_xfersh(program, arguments) {
        return error.hint(hint);
    }
    if path == INTERNAL_SFTP {
        return error.hint(
            "sshd starts no shell for it; the client sent the name itself. 'xfersh --forced' \
             takes it for sftp-server",
        );
    }
    let name = path.rsplit(|c| *c == b'/').next().unwrap_or_default();
    if let Some(protocol) = programs::protocol(name)
        && path.starts_with(b"/")
    {
        let key = programs::key(protocol);
        return error.hint(format!(
            "if this host has its server there, name that path in the policy key '{key}'"
        ));
    }
    let server = arguments
        .iter()
        .find(|word| programs::protocol(word.bytes()).is_some());
    let Some(server) = server else {
        return error;
    };
    let (program, server) = (Escaped::bytes(path), Escaped::bytes(server.bytes()));
    let mut error = error.hint(format!(
        "call {server} directly, without {program} before it"
    ));
    let (program, server) = (program.cut(), server.cut());
    error.told = Some(format!(
        "Call {server} directly, without {program} before it."
    ));
    error
}

/// What to do about a forced command that is for another shell, or that a
/// client sends to one that has its own.
fn within_xfersh(program: &Word, arguments: &[Word]) -> Option<&'static str> {
    let name = program.bytes().rsplit(|c| *c == b'/').next();
    let is_forced = arguments.first().map(Word::bytes) == Some(b"--forced");
    (name == Some(b"xfersh") && is_forced).then_some(
        "xfersh runs already: as a login shell it takes 'xfersh --forced --profile NAME' as a \
         forced command and needs none without a profile; a client cannot choose one",
    )
}

/// Refuses a path that the kernel would not accept. Other words may be longer.
fn vet_path(word: &Word) -> Result<(), Refusal> {
    match word.bytes().len() {
        0 => Err(Refusal::form("an empty path")),
        length if length > words::PATH_MAX => {
            let most = words::PATH_MAX;
            Err(Refusal::form(format!(
                "a path of {length} bytes; the limit is {most}"
            )))
        }
        _ => Ok(()),
    }
}

/// Whether sshd asks for the account's rc file: `/bin/sh .ssh/rc` (sshd(8),
/// SSHRC; `_PATH_SSH_USER_RC`), by a relative or an absolute path.
fn is_user_rc(command: &[u8]) -> bool {
    command.starts_with(b"/bin/sh ") && command.ends_with(b".ssh/rc")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(command: &str) -> Result<Request, Refusal> {
        parse_as(command, false)
    }

    fn parse_as(command: &str, forced: bool) -> Result<Request, Refusal> {
        super::parse(command.as_bytes(), forced, |protocol, path| {
            protocol == Protocol::Scp && path == b"/opt/ssh/scp"
        })
    }

    #[test]
    fn the_server_of_sshd_is_known_where_sshd_names_it() {
        for command in ["internal-sftp", "internal-sftp -f AUTH -l INFO -R -u 027"] {
            let request = parse_as(command, true);
            assert_eq!(
                request,
                parse(&command.replace("internal-sftp", "sftp-server"))
            );
            assert!(request.is_ok(), "{command}");
            let error = parse(command).unwrap_err();
            assert_eq!(error.protocol, None, "{command}");
            assert!(error.hint.unwrap().contains("--forced"), "{command}");
        }
        for command in [
            "internal-sftp -d /",
            "internal-sftp -e",
            "internal-sftp x",
            "/usr/lib/openssh/internal-sftp",
            "internal-sftpx",
            "env internal-sftp",
        ] {
            assert!(parse_as(command, true).is_err(), "{command}");
        }
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
    fn what_is_too_long_for_a_path_is_refused_as_a_path_alone() {
        let (path, longer) = ("x".repeat(4096), "x".repeat(4097));
        for (before, after) in [
            ("scp -t ", ""),
            ("scp -f y ", ""),
            ("rsync --server . ", ""),
            ("rsync --server --sender . y ", ""),
            ("rsync --server --temp-dir=", " . x"),
            ("rsync --server --temp-dir ", " . x"),
        ] {
            assert!(parse(&format!("{before}{path}{after}")).is_ok(), "{before}");
            assert!(
                parse(&format!("{before}{longer}{after}")).is_err(),
                "{before}"
            );
        }
        for option in ["--skip-compress", "--usermap", "--log-format"] {
            assert!(parse(&format!("rsync --server {option}={longer} . x")).is_ok());
        }
        assert!(parse(&format!("sftp-server -P {longer}")).is_ok());
    }

    #[test]
    fn a_server_that_is_meant_gets_a_hint() {
        let hint = |command: &str| parse(command).unwrap_err().hint.unwrap_or_default();
        for (command, key) in [
            ("/usr/pkg/libexec/sftp-server", "'sftp_server'"),
            (
                "/nix/store/x-openssh/libexec/sftp-server -l INFO",
                "'sftp_server'",
            ),
            ("/opt/x/bin/scp -t x", "'scp'"),
            ("/usr/pkg/bin/rsync --server . x", "'rsync'"),
        ] {
            assert!(hint(command).contains(key), "{command}");
        }
        for command in [
            "nice rsync --server . x",
            "sudo -n /usr/bin/rsync --server . x",
        ] {
            assert!(hint(command).contains("without"), "{command}");
        }
        // Not a path that the client owns, which no policy should name.
        for command in [
            "./sftp-server",
            "bin/scp -t x",
            "scpx -t x",
            "sh -c 'scp -t x'",
        ] {
            assert_eq!(hint(command), "", "{command}");
        }
    }
}
