//! `sftp-server` and its options.
//!
//! What `Subsystem sftp` says in sshd_config reaches the shell as a command,
//! and a client can send the same string. So an option can only tighten what
//! the policy allows; other options are refused, with a hint at the policy key
//! to use instead.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use super::words::Word;
use crate::decide::verdict::Refusal;

/// How much sftp-server logs (`-l`, sftp-server(8)), quietest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are those of sftp-server(8)")]
pub enum LogLevel {
    Quiet,
    Fatal,
    Error,
    Info,
    Verbose,
    Debug,
}

impl LogLevel {
    /// sftp-server's own default.
    pub const DEFAULT: Self = Self::Error;

    fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_slice() {
            b"QUIET" => Self::Quiet,
            b"FATAL" => Self::Fatal,
            b"ERROR" => Self::Error,
            b"INFO" => Self::Info,
            b"VERBOSE" => Self::Verbose,
            b"DEBUG" | b"DEBUG1" | b"DEBUG2" | b"DEBUG3" => Self::Debug,
            _ => return None,
        })
    }
}

/// Syslog facilities that sftp-server knows (`-f`, sftp-server(8)).
const FACILITIES: [&[u8]; 12] = [
    b"DAEMON",
    b"USER",
    b"AUTH",
    b"AUTHPRIV",
    b"LOCAL0",
    b"LOCAL1",
    b"LOCAL2",
    b"LOCAL3",
    b"LOCAL4",
    b"LOCAL5",
    b"LOCAL6",
    b"LOCAL7",
];

/// A request for sftp-server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SftpRequest {
    /// `-R`: read-only.
    pub read_only: bool,
    /// `-u`: the file mode creation mask.
    pub umask: Option<u32>,
    /// The options as they are passed on, checked.
    pub options: Vec<OsString>,
}

/// Reads the words after `sftp-server`.
pub(super) fn parse(arguments: &[Word]) -> Result<SftpRequest, Refusal> {
    let mut request = SftpRequest::default();
    let mut words = arguments.iter().map(Word::bytes);
    while let Some(word) = words.next() {
        let [b'-', letter, attached @ ..] = word else {
            return Err(Refusal::form("sftp-server takes no operands"));
        };
        if *letter == b'R' && attached.is_empty() {
            request.read_only = true;
            request.options.push("-R".into());
            continue;
        }
        if *letter == b'R' {
            return Err(Refusal::of_word(b"-R", "it takes no value"));
        }
        refuse_option(*letter)?;
        let value = match attached {
            [] => words.next(),
            _ => Some(attached),
        };
        let missing = || Refusal::of_word(&[b'-', *letter], "it needs a value");
        let value = value.ok_or_else(missing)?;
        check_value(*letter, value, &mut request)?;
        request
            .options
            .push(OsString::from_vec(vec![b'-', *letter]));
        request.options.push(OsString::from_vec(value.to_vec()));
    }
    Ok(request)
}

/// Refuses every option that does more than tighten.
fn refuse_option(letter: u8) -> Result<(), Refusal> {
    let hint = match letter {
        b'P' | b'p' | b'u' | b'l' | b'f' => return Ok(()),
        b'd' => "use the policy key 'start'",
        b'e' => "remove it from the Subsystem line: xfersh has its own log",
        b'Q' | b'h' => "call sftp-server yourself",
        _ => "remove it from the Subsystem line",
    };
    let why = "it could loosen what the policy allows";
    Err(Refusal::of_word(&[b'-', letter], why).hint(hint))
}

/// Checks the value of an option that takes one.
fn check_value(letter: u8, value: &[u8], request: &mut SftpRequest) -> Result<(), Refusal> {
    let refused = |why: &'static str| Refusal::of_word(&[b'-', letter], why);
    match letter {
        b'u' => {
            let mask = octal(value).ok_or_else(|| refused("its value is not an octal mask"))?;
            request.umask = Some(mask);
        }
        b'l' => {
            let level = LogLevel::from_name(value)
                .ok_or_else(|| refused("sftp-server has no such level"))?;
            if level < LogLevel::DEFAULT {
                return Err(refused("it logs less than the default, ERROR")
                    .hint("remove it from the Subsystem line: xfersh has its own log"));
            }
        }
        b'f' if !FACILITIES.contains(&value.to_ascii_uppercase().as_slice()) => {
            return Err(refused("syslog has no such facility"));
        }
        // Names of requests, "write,open" or "posix-rename@openssh.com".
        b'P' | b'p'
            if !value
                .iter()
                .all(|c| c.is_ascii_alphanumeric() || b"-@.,".contains(c)) =>
        {
            return Err(refused(
                "a list of requests can only have letters, digits, '-', '@' and '.'",
            ));
        }
        _ => {}
    }
    Ok(())
}

/// Reads an octal mask as sftp-server does, but without sign or blanks.
fn octal(digits: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok()?;
    let octal = (1..=4).contains(&text.len()) && text.bytes().all(|c| (b'0'..=b'7').contains(&c));
    let mask = u32::from_str_radix(text, 8).ok()?;
    (octal && mask <= 0o777).then_some(mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::command::words;

    fn sftp(command: &str) -> Result<SftpRequest, Refusal> {
        parse(&words::split(command.as_bytes()).unwrap())
    }

    #[test]
    fn options_that_tighten_pass() {
        let rows: [(&str, bool, Option<u32>, &str); 9] = [
            ("", false, None, ""),
            ("-R", true, None, "-R"),
            ("-R -R", true, None, "-R -R"),
            ("-P write", false, None, "-P write"),
            (
                "-p open,close,posix-rename@openssh.com",
                false,
                None,
                "-p open,close,posix-rename@openssh.com",
            ),
            (
                "-f AUTH -l INFO -u 0027",
                false,
                Some(0o27),
                "-f AUTH -l INFO -u 0027",
            ),
            ("-u077", false, Some(0o77), "-u 077"),
            ("-l error", false, None, "-l error"),
            ("-l DEBUG3", false, None, "-l DEBUG3"),
        ];
        for (arguments, read_only, umask, options) in rows {
            let request = sftp(arguments).unwrap();
            assert_eq!(request.read_only, read_only, "{arguments}");
            assert_eq!(request.umask, umask, "{arguments}");
            assert_eq!(request.options.join(" ".as_ref()), options, "{arguments}");
        }
    }

    #[test]
    fn the_others_are_refused() {
        for arguments in [
            "-d /",
            "-d/",
            "-e",
            "-h",
            "-Q requests",
            "-c id",
            "x",
            "-",
            "--",
            "-l QUIET",
            "-l FATAL",
            "-l",
            "-l LOUD",
            "-u",
            "-u 8",
            "-u 1777",
            "-u +22",
            "-u 00022",
            "-f",
            "-f LOCAL8",
            "-P 'a b'",
            "-P",
            "-RR",
            "-Re",
            "-eR",
            "-R x",
        ] {
            assert!(sftp(arguments).is_err(), "{arguments}");
        }
    }
}
