//! From an accepted rsync request to the places that it names and the
//! argument vector of the server.

use super::account::Account;
use super::facts;
use super::facts::Expands;
use super::places::Use;
use super::plan::Argument;
use super::request::{Direction, Place, RsyncOption, RsyncRequest};
use super::verdict::Refusal;
use super::words::Word;

/// The paths of the request that are judged before it is served, each with
/// what is asked of it: the operands, then [`places`].
pub(super) fn operands(request: &RsyncRequest) -> impl Iterator<Item = (&Word, Use, Expands)> {
    let usage = Use {
        direction: direction(request),
        recursive: request.reaches_below(),
    };
    let named = places(request).map(|place| {
        let direction = if place.purpose.writes() {
            Direction::Sink
        } else {
            Direction::Source
        };
        let recursive = false;
        (
            &place.word,
            Use {
                direction,
                recursive,
            },
            Expands(false),
        )
    });
    let expands = Expands(request.sender);
    let operands = request.operands.iter();
    let operands = operands.map(move |word| (word, usage, expands));
    operands.chain(named)
}

/// The places that options name, but for those that are counted from the
/// target: which directory that is shows only when the files are known, and
/// most are not used at all (a partial directory only after an interruption).
/// The kernel and the guard judge them when they are.
fn places(request: &RsyncRequest) -> impl Iterator<Item = &Place> {
    request.places().filter(|place| {
        let absolute = place.word.bytes().starts_with(b"/") || place.word.has_tilde();
        absolute || !place.purpose.from_target()
    })
}

const fn direction(request: &RsyncRequest) -> Direction {
    if request.sender {
        Direction::Source
    } else {
        Direction::Sink
    }
}

/// The server's argument vector. `--` ends the options before the first
/// path, since popt(3) takes a later word for an option otherwise.
pub(super) fn argv(request: &RsyncRequest, account: &Account) -> Result<Vec<Argument>, Refusal> {
    let literal = |word: &str| Argument::Literal(word.into());
    let mut argv = vec![literal("rsync"), literal("--server")];
    if request.sender {
        argv.push(literal("--sender"));
    }
    for option in &request.options {
        argv.push(Argument::Literal(match option {
            RsyncOption::Plain(option) => option.clone(),
            RsyncOption::Place(place) => {
                let word = facts::expand_tilde(&place.word, account)?;
                place.argument(word.bytes())
            }
        }));
    }
    argv.extend([literal("--"), literal(".")]);
    for word in &request.operands {
        let recursive = request.reaches_below();
        argv.push(super::operand(
            word,
            direction(request),
            recursive,
            account,
        )?);
    }
    Ok(argv)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::account::AccountSource;
    use crate::decide::request::{self, Request};

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
        match request::parse(command.as_bytes(), |_, _| false) {
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

    #[test]
    fn each_path_is_judged_for_what_is_done_there() {
        let command = "rsync --server --log-file=log --files-from names --backup-dir /b \
             --temp-dir=t --link-dest ~/l --compare-dest=../c -r . up";
        let request = rsync(command);
        use Direction::{Sink, Source};
        let seen: Vec<_> = operands(&request)
            .map(|(word, usage, _)| (word.bytes(), usage.direction))
            .collect();
        let expected: [(&[u8], Direction); 5] = [
            (b"up", Sink),
            (b"log", Sink),
            (b"names", Source),
            (b"/b", Sink),
            (b"~/l", Source),
        ];
        assert_eq!(seen, expected);
    }
}
