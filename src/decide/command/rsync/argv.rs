//! The argument vector of an accepted rsync request.

use super::paths::{direction, reaches_below};
use super::{RsyncOption, RsyncRequest};
use crate::decide::account::Account;
use crate::decide::operands::{argument, expand_tilde};
use crate::decide::plan::Argument;
use crate::decide::verdict::Refusal;

/// The server's argument vector. `--` ends the options before the first path,
/// since otherwise popt(3) takes a later word for an option.
pub(in crate::decide) fn argv(
    request: &RsyncRequest,
    account: &Account,
) -> Result<Vec<Argument>, Refusal> {
    let literal = |word: &str| Argument::Literal(word.into());
    let mut argv = vec![literal("rsync"), literal("--server")];
    if request.sender {
        argv.push(literal("--sender"));
    }
    for option in &request.options {
        argv.push(Argument::Literal(match option {
            RsyncOption::Plain(option) => option.clone(),
            RsyncOption::Path(place) => {
                let word = expand_tilde(&place.word, account)?;
                place.argument(word.bytes())
            }
        }));
    }
    argv.extend([literal("--"), literal(".")]);
    for word in &request.operands {
        let recursive = reaches_below(request);
        argv.push(argument(word, direction(request), recursive, account)?);
    }
    Ok(argv)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::account::AccountSource;
    use crate::decide::command::{self, Request};

    fn account() -> Account {
        Account {
            name: "alice".into(),
            aliases: Vec::new(),
            uid: 1000,
            gid: 1000,
            home: "/home/alice".into(),
            groups: Vec::new(),
            source: AccountSource::Passwd,
        }
    }

    fn rsync(command: &str) -> RsyncRequest {
        match command::parse(command.as_bytes(), false, |_, _| false) {
            Ok(Request::Rsync(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn vector(command: &str) -> Vec<String> {
        let argv = argv(&rsync(command), &account()).unwrap();
        let text = |argument: Argument| match argument {
            Argument::Literal(word) => word.into_string().unwrap(),
            Argument::Pattern { pattern, .. } => format!("<{}>", pattern.into_string().unwrap()),
        };
        argv.into_iter().map(text).collect()
    }

    #[test]
    fn the_vector_is_rebuilt() {
        let rows: [(&str, &str); 5] = [
            (
                "rsync --server -logDtpre.iLs . up/",
                "rsync --server -logDtpre.iLs -- . up/",
            ),
            (
                "/usr/bin/rsync --server --sender -r . -dash ~/x '~' d/*.c 'd/*.c'",
                "rsync --server --sender -r -- . -dash /home/alice/x ~ <d/*.c> d/*.c",
            ),
            (
                "rsync --server --backup-dir ~/old --partial-dir .p -r . ~alice/up",
                "rsync --server --backup-dir=/home/alice/old --partial-dir=.p -r -- . /home/alice/up",
            ),
            ("rsync --server -r . x*", "rsync --server -r -- . x*"),
            ("rsync --server -r .", "rsync --server -r -- . ."),
        ];
        for (command, expected) in rows {
            assert_eq!(vector(command).join(" "), expected, "{command}");
        }
        let other = rsync("rsync --server --temp-dir ~bob/t -r . x");
        assert!(argv(&other, &account()).is_err());
    }
}
