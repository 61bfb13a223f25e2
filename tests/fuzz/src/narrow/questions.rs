//! What a plan says of one place, of two, and of one file.

use std::path::{Path, PathBuf};

use xfersh::decide::plan::{Plan, Rules};
use xfersh::decide::policy::Symlinks;
use xfersh::decide::rules::{self, Contents, FileKind, FileState, Place, Replace};

use super::choices::Choices;
use super::policies::PLACES;

const NAMES: &[&str] = &[
    "x",
    "y",
    "deep",
    ".ok",
    ".d",
    ".other",
    ".part",
    ".x",
    "in",
    "b",
    "c",
    "HTACCE~1",
    ".f.AbCdEf",
    "..tmp",
];
const KINDS: &[FileKind] = &[FileKind::File, FileKind::Directory, FileKind::Symlink];

/// A file, where it is, and where it is to go.
#[derive(Debug)]
pub struct Question {
    from: PathBuf,
    to: PathBuf,
    state: FileState,
    contents: Contents,
    taken: bool,
    short_names: bool,
}

fn place(choices: &mut Choices<'_>) -> PathBuf {
    let mut path = PathBuf::from(choices.of(PLACES));
    for _ in 0..choices.below(4) {
        path.push(choices.of(NAMES));
    }
    super::resolved(&path)
}

impl Question {
    pub fn any(choices: &mut Choices<'_>) -> Self {
        let kind = choices.of(KINDS);
        Self {
            from: place(choices),
            to: place(choices),
            state: FileState {
                kind,
                links: choices.of(&[1, 1, 1, 2]),
                own_names: choices.of(&[None, None, Some(1), Some(2)]),
                is_rsync_temporary: choices.below(6) == 0,
                is_log: choices.below(12) == 0,
            },
            contents: choices.of(&[Contents::Own, Contents::Others]),
            taken: choices.below(2) == 0,
            short_names: choices.below(5) == 0,
        }
    }
}

/// What is allowed, by its name.
#[derive(Debug, PartialEq, Eq)]
pub struct Answers {
    allowed: Vec<(&'static str, bool)>,
    modes: [u32; 2],
}

impl Answers {
    pub fn of(plan: &Plan, question: &Question) -> Self {
        let rules = &plan.rules;
        let at = |path: &Path| Place {
            has_short_names: question.short_names,
            ..Place::by_text(path, &rules.roots, &rules.home)
        };
        let (from, to, state) = (at(&question.from), at(&question.to), &question.state);
        let mut allowed = of_one(rules, &from, state);
        let renamed = rules::rename(rules, &from, &to, state, question.contents, question.taken);
        let linked = |temporary| rules::link(rules, &from, &to, state, temporary).is_ok();
        allowed.extend([
            ("rename", renamed.is_ok()),
            ("replace", matches!(renamed, Ok((_, Replace::Allowed)))),
            ("link", linked(false)),
            ("link as rsync", rules.rsync_temporaries && linked(true)),
        ]);
        allowed.extend(reads(plan, &question.from, &from, state));
        let kinds = [FileKind::File, FileKind::Directory];
        Self {
            allowed,
            modes: kinds.map(|kind| rules::mode(rules, kind, 0o7777)),
        }
    }

    /// What is allowed here and not there.
    pub fn beyond(&self, other: &Self) -> Vec<&'static str> {
        let pairs = self.allowed.iter().zip(&other.allowed);
        let more = pairs.filter(|(own, other)| own.1 && !other.1);
        let mut more: Vec<_> = more.map(|(own, _)| own.0).collect();
        let modes = self.modes.iter().zip(other.modes);
        if modes.into_iter().any(|(own, other)| own & !other != 0) {
            more.push("a mode");
        }
        more
    }

    pub fn count(&self) -> usize {
        self.allowed.iter().filter(|answer| answer.1).count()
    }
}

fn of_one(rules: &Rules, place: &Place, state: &FileState) -> Vec<(&'static str, bool)> {
    let symlink = match rules.symlinks {
        Symlinks::None => false,
        Symlinks::Any => true,
        Symlinks::Inside => rules::symlink_target(rules, place).is_ok(),
    };
    vec![
        ("create", rules::create(rules, place, state.kind).is_ok()),
        (
            "create as rsync",
            rules::create_temporary(rules, place).is_ok(),
        ),
        (
            "link as rsync",
            rules::create_temporary_link(rules, place).is_ok(),
        ),
        ("write", rules::write(rules, place, state).is_ok()),
        ("read back", rules::read_back(rules, place)),
        ("attributes", rules::attributes(rules, place, state).is_ok()),
        ("lock out", rules::keeps_access(place, 0o700, 0).is_ok()),
        ("remove", rules::remove(rules, place, state, false).is_ok()),
        (
            "remove an own name",
            rules::remove(rules, place, state, true).is_ok(),
        ),
        ("be led to by a link", symlink),
        (
            "be seen",
            rules::visible(rules, place, state.is_rsync_temporary).is_ok(),
        ),
    ]
}

/// Reading is allowed by the kernel, and where the guard watches, by the guard.
fn reads(plan: &Plan, path: &Path, place: &Place, state: &FileState) -> Vec<(&'static str, bool)> {
    let mut kernel = landlock::BitFlags::EMPTY;
    for grant in &plan.grants {
        if path.starts_with(&grant.path) {
            kernel |= grant.access;
        }
    }
    let needed = match state.kind {
        FileKind::Directory => landlock::AccessFs::ReadDir,
        _ => landlock::AccessFs::ReadFile,
    };
    // Whether the log can be read is a question of its mode: the guard sees it only where it watches reads anyway.
    let state = &FileState {
        is_log: false,
        ..*state
    };
    let watched = plan.rules.watch_reads || plan.rules.watch_named_reads;
    let judged = !watched || rules::read_by_name(&plan.rules, place, state).is_ok();
    let mut answers = vec![("read", kernel.contains(needed) && judged)];
    for right in landlock::BitFlags::<landlock::AccessFs>::all() {
        answers.push(("a right of the kernel", kernel.contains(right)));
    }
    answers
}
