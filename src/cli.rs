//! The command line: one call by sshd, a few by an administrator.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt as _};

use crate::print::escape::Escaped;
use crate::session::SessionCall;

/// What xfersh was called to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A session.
    Session(SessionCall),
    /// The dry run.
    Check(Check),
    /// Inside the confinement, by `--check --live`.
    Probe(Probe),
    /// The examination of the host.
    Doctor(Doctor),
    /// The open sessions.
    Who(WhoCall),
    /// Ending open sessions.
    End(End),
    /// The help text.
    Help,
    /// The version.
    Version,
}

/// The arguments of `--check`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// The account; the caller's own if none is named.
    pub user: Option<String>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The policy file instead of the host's.
    pub config: Option<PathBuf>,
    /// Print one JSON object.
    pub json: bool,
    /// Print the keys of the policy that have their defaults, too.
    pub verbose: bool,
    /// Answer as for a call with --forced.
    pub forced: bool,
    /// Answer as for a call with --forced and this profile.
    pub profile: Option<String>,
    /// Enter the confinement and test it.
    pub live: bool,
    /// The command; without one the policy is checked.
    pub command: Option<OsString>,
}

/// The arguments of `--doctor`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doctor {
    /// The account whose set-up is also examined.
    pub user: Option<String>,
    /// Examine the accounts only, all of them.
    pub all: bool,
    /// Print one JSON object.
    pub json: bool,
}

/// The arguments of `--who`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhoCall {
    /// Print one JSON object.
    pub json: bool,
}

/// The arguments of `--end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// What is to be ended.
    pub target: Target,
}

/// Which sessions are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one that the log and `--who` call so.
    Session(String),
    /// All of this account.
    Account(String),
}

/// The arguments of `--probe`: where its tries take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The home directory.
    pub home: PathBuf,
    /// The name that is used for whatever is made.
    pub name: String,
    /// The log file, if the policy has one.
    pub log: Option<PathBuf>,
    /// A directory in which the policy lets the session create, if any.
    pub writable: Option<PathBuf>,
}

/// A call that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What is wrong with it: a sentence.
    pub what: String,
    /// Whether it asks for a JSON object as the answer.
    pub json: bool,
}

/// The text of `--help`.
pub const HELP: &str = "\
xfersh: a login shell for accounts that may copy files and do nothing else

  xfersh -c COMMAND            serve COMMAND (called by sshd)
  xfersh --forced [--profile NAME]
                               serve SSH_ORIGINAL_COMMAND (for ForceCommand),
                               with the [[match]] blocks of that profile
  xfersh --check [OPTIONS] -c COMMAND
                               say what would be done, and why; do nothing
  xfersh --check --user NAME   say what the account may do
  xfersh --check [--config FILE]
                               check the policy file for errors
  xfersh --check --live --user NAME
                               enter the confinement and test the promises
  xfersh --doctor [--user NAME | --all] [--json]
                               examine this host and an account's set-up;
                               --all: a line for each account
  xfersh --who [--json]        list the open sessions
  xfersh --end SESSION | --end --account NAME
                               end a session, or all of an account
  xfersh --probe HOME NAME LOG [DIRECTORY]
                               what --live runs inside the confinement
  xfersh --help | --version

Options of --check:
  --user NAME      the account (default: the caller's)
  --address IP     the client's address
  --config FILE    a policy other than /etc/xfersh.toml
  --forced         COMMAND is what --forced would get
  --profile NAME   the same with that profile
  --json           one JSON object instead of text
  --verbose        also the keys of the policy that have their defaults
  --live           test the confinement for real (needs --user)

Exit status: 0 allowed, ended or nothing serious, 1 a finding or no such
session, 2 usage or policy error, 125 xfersh failed, 126 refused; a served
session ends with the server's own status. See xfersh(8) and xfersh.toml(5).
";

/// Reads the arguments, `argv[0]` first.
///
/// A name that begins with `-` is a login (login(1), sshd(8)): then only `-c
/// COMMAND` is accepted, so that no client can reach an administrator's call
/// through an account's shell.
///
/// # Errors
///
/// What is wrong with the call.
pub fn parse(arguments: Vec<OsString>) -> Result<Role, Usage> {
    let mut arguments = arguments.into_iter();
    let name = arguments.next().unwrap_or_default();
    let is_login = name.as_encoded_bytes().starts_with(b"-");
    let rest: Vec<_> = arguments.collect();
    if let [option, command] = rest.as_slice()
        && option == "-c"
    {
        let command = Some(command.clone());
        return Ok(Role::Session(SessionCall::Command(command)));
    }
    if rest.is_empty() {
        return Ok(Role::Session(SessionCall::Command(None)));
    }
    if is_login || rest.first().is_some_and(|option| option == "-c") {
        let what = "arguments other than -c COMMAND";
        return Ok(Role::Session(SessionCall::Foreign(what)));
    }
    let json = asks_for_json(&rest);
    parse_admin(rest).map_err(|what| Usage { what, json })
}

/// Whether the caller expects one JSON object, even if something else is wrong
/// with the call.
fn asks_for_json(arguments: &[OsString]) -> bool {
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    has("--json") && ["--check", "--doctor", "--who"].into_iter().any(has)
}

fn parse_admin(arguments: Vec<OsString>) -> Result<Role, String> {
    let mut parser = Parser::from_args(arguments);
    let first = parser.next().map_err(said)?;
    let call = match first {
        Some(Arg::Long("help") | Arg::Short('h')) => Role::Help,
        Some(Arg::Long("version") | Arg::Short('V')) => Role::Version,
        Some(Arg::Long("forced")) => return parse_forced(&mut parser),
        Some(Arg::Long("check")) => return parse_check(&mut parser),
        Some(Arg::Long("probe")) => return parse_probe(&mut parser),
        Some(Arg::Long("doctor")) => return parse_doctor(&mut parser),
        Some(Arg::Long("who")) => return parse_who(&mut parser),
        Some(Arg::Long("end")) => return parse_end(&mut parser),
        Some(argument) => return Err(said(argument.unexpected())),
        None => return Ok(Role::Session(SessionCall::Command(None))),
    };
    match parser.next().map_err(said)? {
        None => Ok(call),
        Some(argument) => Err(said(argument.unexpected())),
    }
}

fn parse_forced(parser: &mut Parser) -> Result<Role, String> {
    let mut profile = None;
    while let Some(argument) = parser.next().map_err(said)? {
        match argument {
            Arg::Long("profile") if profile.is_none() => {
                profile = Some(parser.value().map_err(said)?);
            }
            argument => return Err(said(argument.unexpected())),
        }
    }
    Ok(Role::Session(SessionCall::Forced { profile }))
}

fn parse_check(parser: &mut Parser) -> Result<Role, String> {
    let mut check = Check::default();
    while let Some(argument) = parser.next().map_err(said)? {
        match argument {
            Arg::Long("user") => check.user = Some(value(parser)?),
            Arg::Long("address") => check.address = Some(value(parser)?),
            Arg::Long("config") => check.config = Some(parser.value().map_err(said)?.into()),
            Arg::Long("json") => check.json = true,
            Arg::Long("verbose") => check.verbose = true,
            Arg::Long("forced") => check.forced = true,
            Arg::Long("profile") => check.profile = Some(value(parser)?),
            Arg::Long("live") => check.live = true,
            Arg::Short('c') if check.command.is_none() => {
                check.command = Some(parser.value().map_err(said)?);
            }
            argument => return Err(said(argument.unexpected())),
        }
    }
    match check {
        Check {
            live: true,
            user: None,
            ..
        } => Err("--live needs --user NAME".to_owned()),
        Check {
            live: true,
            command: Some(_),
            ..
        } => Err("--live takes no command: it tries every protocol".to_owned()),
        check => Ok(Role::Check(check)),
    }
}

fn parse_probe(parser: &mut Parser) -> Result<Role, String> {
    let mut words = parser.raw_args().map_err(said)?;
    let first = [words.next(), words.next(), words.next()];
    match (first, words.next(), words.next()) {
        ([Some(home), Some(name), Some(log)], writable, None) => Ok(Role::Probe(Probe {
            home: home.into(),
            log: (!log.is_empty()).then(|| log.into()),
            writable: writable.map(PathBuf::from),
            name: name.string().map_err(said)?,
        })),
        _ => Err("--probe takes HOME NAME LOG [DIRECTORY]".to_owned()),
    }
}

fn parse_doctor(parser: &mut Parser) -> Result<Role, String> {
    let mut doctor = Doctor::default();
    while let Some(argument) = parser.next().map_err(said)? {
        match argument {
            Arg::Long("user") => doctor.user = Some(value(parser)?),
            Arg::Long("all") => doctor.all = true,
            Arg::Long("json") => doctor.json = true,
            argument => return Err(said(argument.unexpected())),
        }
    }
    if doctor.all && doctor.user.is_some() {
        return Err("--all and --user exclude each other".to_owned());
    }
    Ok(Role::Doctor(doctor))
}

fn parse_who(parser: &mut Parser) -> Result<Role, String> {
    let mut who = WhoCall::default();
    while let Some(argument) = parser.next().map_err(said)? {
        match argument {
            Arg::Long("json") => who.json = true,
            argument => return Err(said(argument.unexpected())),
        }
    }
    Ok(Role::Who(who))
}

fn parse_end(parser: &mut Parser) -> Result<Role, String> {
    let mut target = None;
    while let Some(argument) = parser.next().map_err(said)? {
        let next = match argument {
            Arg::Long("account") => Target::Account(value(parser)?),
            Arg::Value(session) => Target::Session(session.parse().map_err(said)?),
            argument => return Err(said(argument.unexpected())),
        };
        if target.replace(next).is_some() {
            return Err("--end takes one SESSION or --account NAME".to_owned());
        }
    }
    let target = target.ok_or("--end needs a SESSION or --account NAME")?;
    Ok(Role::End(End { target }))
}

fn value<T: std::str::FromStr>(parser: &mut Parser) -> Result<T, String>
where
    T::Err: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    parser.value().map_err(said)?.parse().map_err(said)
}

/// What is wrong, as a sentence: lexopt's own texts contain the argument
/// unescaped.
fn said(error: lexopt::Error) -> String {
    use lexopt::Error;
    match error {
        Error::MissingValue { option: None } => "a value is missing".to_owned(),
        Error::MissingValue {
            option: Some(option),
        } => format!("the option '{}' needs a value", Escaped::text(&option)),
        Error::UnexpectedOption(option) => {
            format!("unknown option '{}'", Escaped::text(&option))
        }
        Error::UnexpectedArgument(value) => {
            format!("unexpected argument '{}'", Escaped::os(&value))
        }
        Error::UnexpectedValue { option, value } => {
            let (option, value) = (Escaped::text(&option), Escaped::os(&value));
            format!("the option '{option}' takes no value, but has '{value}'")
        }
        Error::NonUnicodeValue(value) => format!("'{}' is not UTF-8", Escaped::os(&value)),
        Error::ParsingFailed { value, error } => {
            let (value, error) = (Escaped::text(&value), error.to_string());
            format!("cannot read '{value}': {}", Escaped::text(&error))
        }
        Error::Custom(error) => Escaped::text(&error.to_string()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: &[&str]) -> Result<Role, Usage> {
        parse(arguments.iter().map(OsString::from).collect())
    }

    #[test]
    fn what_sshd_calls() {
        let session = |command: Option<&str>| {
            let command = command.map(OsString::from);
            Ok(Role::Session(SessionCall::Command(command)))
        };
        let foreign = "arguments other than -c COMMAND";
        let foreign = Ok(Role::Session(SessionCall::Foreign(foreign)));
        let rows: [(&[&str], Result<Role, Usage>); 10] = [
            (&["xfersh", "-c", "scp -t x"], session(Some("scp -t x"))),
            (&["-xfersh", "-c", "scp -t x"], session(Some("scp -t x"))),
            (&["xfersh", "-c", ""], session(Some(""))),
            (&["xfersh", "-c", "--help"], session(Some("--help"))),
            (&["-xfersh"], session(None)),
            (&["xfersh"], session(None)),
            (&[], session(None)),
            (&["-xfersh", "--check"], foreign.clone()),
            (&["xfersh", "-c", "a", "-c", "b"], foreign.clone()),
            (&["xfersh", "-c"], foreign),
        ];
        for (arguments, expected) in rows {
            assert_eq!(call(arguments), expected, "{arguments:?}");
        }
    }

    #[test]
    fn what_an_administrator_calls() {
        let Ok(Role::Check(check)) = call(&[
            "xfersh",
            "--check",
            "--user",
            "alice",
            "--address=192.0.2.7",
            "--json",
            "-c",
            "scp -f x",
        ]) else {
            panic!("no check");
        };
        assert_eq!(check.user.as_deref(), Some("alice"));
        assert_eq!(check.address, Some("192.0.2.7".parse().unwrap()));
        assert_eq!(check.command, Some("scp -f x".into()));
        assert!(check.json && !check.live);
        assert_eq!(
            call(&["xfersh", "--forced"]),
            Ok(Role::Session(SessionCall::Forced { profile: None }))
        );
        for arguments in [
            &["xfersh", "--forced", "--profile", "a b"][..],
            &["xfersh", "--forced", "--profile=a b"],
        ] {
            let profile = Some("a b".into());
            let forced = Ok(Role::Session(SessionCall::Forced { profile }));
            assert_eq!(call(arguments), forced, "{arguments:?}");
        }
        assert_eq!(call(&["xfersh", "--help"]), Ok(Role::Help));
        let target = Target::Account("a".to_owned());
        let end = Ok(Role::End(End { target }));
        assert_eq!(call(&["xfersh", "--end", "--account", "a"]), end);
        for wrong in [
            &["xfersh", "--check", "--address", "x"][..],
            &["xfersh", "--check", "--user"],
            &["xfersh", "--check", "x"],
            &["xfersh", "--check", "-c", "a", "-c", "b"],
            &["xfersh", "--check", "--live"],
            &["xfersh", "--check", "--live", "--user", "a", "-c", "x"],
            &["xfersh", "--forced", "x"],
            &["xfersh", "--forced", "--profile"],
            &["xfersh", "--forced", "--profile", "a", "--profile", "b"],
            &["xfersh", "--profile", "a", "--forced"],
            &["xfersh", "--check", "--profile"],
            &["xfersh", "--help", "x"],
            &["xfersh", "--doctor", "-c", "x"],
            &["xfersh", "--who", "x"],
            &["xfersh", "--end"],
            &["xfersh", "--end", "--account"],
            &["xfersh", "--end", "a", "b"],
            &["xfersh", "--end", "a", "--account", "b"],
            &["xfersh", "scp", "-t", "x"],
            &["xfersh", "--checks"],
        ] {
            assert!(call(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_printable_words() {
        let rows: [(&[&str], &str); 8] = [
            (&["--\x1b[2J"], r"unknown option '--\x1b[2J'"),
            (
                &["--check", "a\u{202e}"],
                r"unexpected argument 'a\u{202e}'",
            ),
            (&["--check", "-\u{9b}"], r"unknown option '-\u{9b}'"),
            (
                &["--check", "--json=\x07"],
                r"the option '--json' takes no value, but has '\x07'",
            ),
            (&["--check", "--user"], "the option '--user' needs a value"),
            (
                &["--check", "--address", "\x1b"],
                r"cannot read '\x1b': invalid IP address syntax",
            ),
            (&["--doctor", "a\\b"], r"unexpected argument 'a\\b'"),
            (&["--help", "\n"], r"unexpected argument '\n'"),
        ];
        for (arguments, expected) in rows {
            let arguments = [&["xfersh"], arguments].concat();
            assert_eq!(call(&arguments).unwrap_err().what, expected);
        }
    }

    #[test]
    fn a_wrong_call_for_json_is_known_as_one() {
        let rows: [(&[&str], bool); 6] = [
            (&["--check", "--json", "--nonsense"], true),
            (&["--check", "--nonsense", "--json"], true),
            (&["--json", "--check"], true),
            (&["--doctor", "--json", "--live"], true),
            (&["--check", "--nonsense"], false),
            (&["--json"], false),
        ];
        for (arguments, expected) in rows {
            let arguments = [&["xfersh"], arguments].concat();
            assert_eq!(call(&arguments).unwrap_err().json, expected);
        }
    }
}
