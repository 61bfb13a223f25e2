//! The places that an accepted rsync request names.

use crate::decide::command::paths::{Base, NamedPath, Use};
use crate::decide::command::words::Word;
use crate::decide::command::{Direction, PathOption, RsyncRequest};

/// The paths of the request that are judged before it is served, each with what
/// it is for: the operands, then the places that options name.
pub(in crate::decide) fn named(request: &RsyncRequest) -> impl Iterator<Item = NamedPath<'_>> {
    let operands = request.operands.iter().map(|word| NamedPath {
        word,
        usage: Use {
            direction: direction(request),
            recursive: reaches_below(request),
            removes: request.removes_sources(),
            ..Use::default()
        },
        expands: request.sender,
        base: Base::Start,
        option: None,
    });
    let places = request.places().flat_map(|place| {
        let bases = bases(request, place).iter();
        bases.map(|base| named_place(place, *base))
    });
    operands.chain(places)
}

fn named_place(place: &PathOption, base: Base) -> NamedPath<'_> {
    NamedPath {
        word: &place.word,
        usage: Use {
            direction: if place.purpose.writes() {
                Direction::Sink
            } else {
                Direction::Source
            },
            // It is next to each file, also if files go into directories below
            // the target.
            recursive: place.option == "partial-dir" && base != Base::Start && !climbs(place),
            removes: false,
            // Clients name one in every transfer, but it is used only after an
            // interruption: then the guard protects dotfiles.
            unused: base != Base::Start,
        },
        expands: false,
        base,
        option: Some(place.option),
    }
}

fn climbs(place: &PathOption) -> bool {
    place
        .word
        .bytes()
        .split(|c| *c == b'/')
        .any(|part| part == b"..")
}

/// All the places where the path of an option can begin.
///
/// rsync changes to the target before it uses those that begin there
/// (`get_local_name` in main.c). A target that is not a directory and will not
/// become one is the name of a single file: then rsync changes to the directory
/// of that file. An absent target becomes one or the other, depending on how
/// many files come. With a slash at its end it becomes a directory, except in a
/// dry run, where it is not created.
fn bases(request: &RsyncRequest, place: &PathOption) -> &'static [Base] {
    let absolute = place.word.bytes().starts_with(b"/") || place.word.has_tilde();
    let file = || {
        let target = request.operands.first().map_or(&b""[..], Word::bytes);
        !target.ends_with(b"/")
    };
    if absolute || !place.purpose.from_target() {
        &[Base::Start]
    } else if request.is_dry() || file() {
        &[Base::Target, Base::BesideTarget]
    } else {
        &[Base::Target]
    }
}

/// Whether files go to, or come from, directories of the policy below the
/// operand. A source above them cannot be listed: only files that a list names
/// can be sent from it.
pub(super) fn reaches_below(request: &RsyncRequest) -> bool {
    request.reaches_below() && (!request.sender || request.has_list())
}

pub(super) const fn direction(request: &RsyncRequest) -> Direction {
    if request.sender {
        Direction::Source
    } else {
        Direction::Sink
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::command::{self, Request};

    fn rsync(command: &str) -> RsyncRequest {
        match command::parse(command.as_bytes(), false, |_, _| false) {
            Ok(Request::Rsync(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_path_is_judged_for_what_is_done_there() {
        let command = "rsync --server --log-file=log --files-from names --backup-dir /b \
             --temp-dir=t --link-dest ~/l --compare-dest=../c -r . up";
        let request = rsync(command);
        use Base::{BesideTarget, Start, Target};
        use Direction::{Sink, Source};
        let seen: Vec<_> = named(&request)
            .map(|named| (named.word.bytes(), named.usage.direction, named.base))
            .collect();
        let expected: [(&[u8], Direction, Base); 9] = [
            (b"up", Sink, Start),
            (b"log", Sink, Start),
            (b"names", Source, Start),
            (b"/b", Sink, Start),
            (b"t", Sink, Target),
            (b"t", Sink, BesideTarget),
            (b"~/l", Source, Start),
            (b"../c", Source, Target),
            (b"../c", Source, BesideTarget),
        ];
        assert_eq!(seen, expected);
        let bases = |command: &str| -> Vec<_> {
            let request = rsync(command);
            named(&request).skip(1).map(|named| named.base).collect()
        };
        assert_eq!(bases("rsync --server --temp-dir=t -r . up/"), [Target]);
        for command in [
            "rsync --server --temp-dir=t . up",
            "rsync --server --temp-dir=t -r . up",
            "rsync --server --temp-dir=t -rn . up/",
            "rsync --server --temp-dir=t -rn . up",
        ] {
            assert_eq!(bases(command), [Target, BesideTarget], "{command}");
        }
    }
}
