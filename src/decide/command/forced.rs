//! The line by which sshd starts xfersh whatever a client asks for
//! (`ForceCommand`, `command=` in a line of authorized_keys).

use super::words;
use crate::decide::policy::ProfileName;

/// The program and its option.
const PROGRAM: &[u8] = b"xfersh";
const OPTION: &[u8] = b"--forced";
const PROFILE: &[u8] = b"--profile";

/// What such a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForcedLine {
    /// `xfersh --forced`.
    Plain,
    /// `xfersh --forced --profile NAME`, or why there is no such name.
    Profile(Result<ProfileName, String>),
}

impl ForcedLine {
    /// Reads a command; `None` if it is another one. The program is named
    /// alone or by an absolute path.
    pub fn read(command: &[u8]) -> Option<Self> {
        // Most commands are others, and need not be split for this.
        if !command.windows(OPTION.len()).any(|part| part == OPTION) {
            return None;
        }
        let words = words::split(command).ok()?;
        let words: Vec<_> = words.iter().map(words::Word::bytes).collect();
        let [program, option, arguments @ ..] = words.as_slice() else {
            return None;
        };
        let is_program = *program == PROGRAM
            || (program.starts_with(b"/")
                && program.rsplit(|byte| *byte == b'/').next() == Some(PROGRAM));
        if !is_program || *option != OPTION {
            return None;
        }
        let name = match arguments {
            [] => return Some(Self::Plain),
            [option, name] if *option == PROFILE => name,
            [one] => one.strip_prefix(PROFILE)?.strip_prefix(b"=")?,
            _ => return None,
        };
        Some(Self::Profile(ProfileName::new(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let profile = |name: &str| Some(ForcedLine::Profile(ProfileName::new(name.as_bytes())));
        let rows: [(&str, Option<ForcedLine>); 20] = [
            ("xfersh --forced", Some(ForcedLine::Plain)),
            ("/usr/bin/xfersh  --forced", Some(ForcedLine::Plain)),
            ("xfersh --forced --profile up", profile("up")),
            ("/opt/x/xfersh --forced --profile=up", profile("up")),
            (
                "'xfersh' \"--forced\" --profile 'up-2.x'",
                profile("up-2.x"),
            ),
            ("xfersh --forced --profile 'a b'", profile("a b")),
            ("xfersh --forced --profile=", profile("")),
            ("xfersh --forced --profile '*'", profile("*")),
            ("xfersh --forced --profile", None),
            ("xfersh --forced --profile up --profile wide", None),
            ("xfersh --forced --profile up wide", None),
            ("xfersh --profile up --forced", None),
            ("xfersh --forced up", None),
            ("xfersh --forced; id", None),
            ("xfersh --forced --profile $x", None),
            ("./xfersh --forced", None),
            ("home/xfersh --forced", None),
            ("env xfersh --forced --profile up", None),
            ("scp -t --forced", None),
            ("xfershx --forced", None),
        ];
        for (line, expected) in rows {
            assert_eq!(ForcedLine::read(line.as_bytes()), expected, "{line}");
        }
    }
}
