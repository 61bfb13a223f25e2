//! The decision tables: one row per case, allowed ones next to refused ones.

use std::path::{Path, PathBuf};

mod moves;
mod narrowed;

use super::*;
use crate::decide::access::Access;
use crate::decide::policy::{NameGlob, NameGlobs, Symlinks};

fn root(path: &str, access: Access, dotfiles: Dotfiles) -> Root {
    Root {
        path: PathBuf::from(path),
        exists: true,
        access,
        dotfiles,
        narrowed: None,
    }
}

fn rules() -> Rules {
    let all = Access::READ_WRITE;
    Rules {
        home: PathBuf::from("/home/u"),
        roots: vec![
            root("/home/u", Access::READ_ONLY, Dotfiles::Protected),
            root("/home/u/rw", all, Dotfiles::Protected),
            root("/home/u/rw/in", Access::UPLOAD_ONLY, Dotfiles::Protected),
            root("/home/u/append", Access::APPEND_ONLY, Dotfiles::Protected),
            root("/srv/.data/in", all, Dotfiles::Protected),
            root("/srv/free", all, Dotfiles::Allowed),
            root("/srv/hidden", all, Dotfiles::Hidden),
            root("/home", all, Dotfiles::Allowed),
        ]
        .into(),
        dotfile_names: NameGlobs::from(
            [".gitkeep", "._*", ".s*"]
                .map(|name| NameGlob::new(name.into()))
                .to_vec(),
        )
        .into(),
        symlinks: Symlinks::Inside,
        file_mode_max: Some(0o640),
        directory_mode_max: Some(0o2770),
        file_mode_min: None,
        directory_mode_min: None,
        watch_reads: false,
        watch_named_reads: false,
        log_reads: false,
        library_files: Vec::new(),
        rsync_temporaries: true,
        name_service_sockets: Vec::new(),
        log_file: None,
    }
}

fn place(path: &str) -> Place {
    let rules = rules();
    Place::by_text(path.as_ref(), &rules.roots, &rules.home)
}

const fn subject(kind: FileKind, links: u32, own_names: Option<u32>) -> FileState {
    FileState {
        kind,
        links,
        own_names,
        is_rsync_temporary: false,
        is_log: false,
    }
}

// The same questions, without the permit that comes with a yes.

fn create(rules: &Rules, place: &Place, kind: FileKind) -> Verdict {
    super::create(rules, place, kind).map(drop)
}

fn create_temporary(rules: &Rules, place: &Place) -> Verdict {
    super::create_temporary(rules, place).map(drop)
}

fn create_temporary_link(rules: &Rules, place: &Place) -> Verdict {
    super::create_temporary_link(rules, place).map(drop)
}

fn write(rules: &Rules, place: &Place, subject: &FileState) -> Verdict {
    super::write(rules, place, subject).map(drop)
}

fn attributes(rules: &Rules, place: &Place, subject: &FileState) -> Verdict {
    super::attributes(rules, place, subject).map(drop)
}

fn remove(rules: &Rules, place: &Place, subject: &FileState, own_name: bool) -> Verdict {
    super::remove(rules, place, subject, own_name).map(drop)
}

fn rename<'p>(
    rules: &Rules,
    from: &'p Place,
    to: &'p Place,
    subject: &FileState,
    taken: bool,
) -> Result<Replace, DeniedPlace<'p>> {
    let seen = super::rename(rules, from, to, subject, Contents::Others, taken);
    seen.map(|(_, replace)| replace)
}

fn link<'p>(
    rules: &Rules,
    from: &'p Place,
    to: &'p Place,
    subject: &FileState,
    temporary: bool,
) -> Result<(), DeniedPlace<'p>> {
    super::link(rules, from, to, subject, temporary).map(drop)
}

const OLD: FileState = subject(FileKind::File, 1, None);
const OWN: FileState = subject(FileKind::File, 1, Some(1));
const HARD: FileState = subject(FileKind::File, 2, None);
const HALF: FileState = subject(FileKind::File, 2, Some(1));
const BOTH: FileState = subject(FileKind::File, 2, Some(2));
const DIR: FileState = subject(FileKind::Directory, 9, None);
const OWN_DIR: FileState = subject(FileKind::Directory, 2, Some(1));
const FIFO: FileState = subject(FileKind::Special, 1, None);

type Verdict = Result<(), Denial>;
const YES: Verdict = Ok(());
const HOME: Verdict = Err(Denial::Home);
const DOT: Verdict = Err(Denial::Dotfile);
const HIDDEN: Verdict = Err(Denial::Hidden);
const OUT: Verdict = Err(Denial::Outside);
const ROOT: Verdict = Err(Denial::PolicyDirectory);
const LINKS: Verdict = Err(Denial::Links);
const SPECIAL: Verdict = Err(Denial::Special);
const fn lacks(right: Right) -> Verdict {
    Err(Denial::Right(right))
}

#[test]
fn places_where_a_file_may_be_made() {
    let rows = [
        ("/home/u/rw/a", YES),
        ("/home/u/rw/d/e/a", YES),
        ("/home/u/a", HOME),
        ("/home/u/.ssh", HOME),
        ("/home/u", HOME),
        ("/home/u/.ssh/authorized_keys", DOT),
        ("/home/u/d/a", lacks(Right::Create)),
        ("/home/u/rw", ROOT),
        ("/home/u/rw/in", ROOT),
        ("/home/u/rw/.a", DOT),
        ("/home/u/rw/.git/hooks/x", DOT),
        ("/home/u/rw/d/.git/x", DOT),
        ("/home/u/rw/..a", DOT),
        ("/home/u/rw/a.", YES),
        ("/home/u/rwx/a", lacks(Right::Create)),
        ("/home/u/rw/.gitkeep", YES),
        ("/home/u/rw/._a/b", YES),
        ("/home/u/rw/.svn", YES),
        ("/home/u/rw/.ssh", DOT),
        ("/home/u/rw/.ssh2/a", DOT),
        ("/home/u/rw/in/a", YES),
        ("/home/u/append/a", YES),
        ("/srv/.data/in/a", YES),
        ("/srv/.data/in/.a", DOT),
        ("/srv/.data/a", OUT),
        ("/srv/free/.a", YES),
        ("/srv/free/.ssh/a", YES),
        ("/srv/hidden/.a", HIDDEN),
        ("/home/v/.a", YES),
        ("/etc/passwd", OUT),
        ("/", OUT),
    ];
    let rules = rules();
    for (path, expected) in rows {
        assert_eq!(
            create(&rules, &place(path), FileKind::File),
            expected,
            "{path}"
        );
    }
}

#[test]
fn a_home_below_a_root_keeps_its_dotfiles() {
    let mut rules = rules();
    let kept = rules
        .roots
        .iter()
        .filter(|root| root.path == Path::new("/home"));
    rules.roots = kept.cloned().collect::<Vec<_>>().into();
    let rows = [
        ("/home/u/d/a", YES),
        ("/home/u/d/.a", YES),
        ("/home/u/.ssh/a", DOT),
        ("/home/u/._x/a", DOT),
        ("/home/u/a", HOME),
    ];
    for (path, expected) in rows {
        assert_eq!(
            create(&rules, &place(path), FileKind::File),
            expected,
            "{path}"
        );
    }
}

#[test]
fn the_home_by_another_name_is_the_home() {
    let alias = Place {
        home_at: Some(first_name_at("/srv/free/alias".len())),
        is_policy_directory: true,
        ..place("/srv/free/alias")
    };
    let within = alias.child(b"a");
    let rules = rules();
    assert_eq!(attributes(&rules, &alias, &DIR), HOME);
    assert_eq!(remove(&rules, &alias, &DIR, false), HOME);
    assert_eq!(create(&rules, &within, FileKind::File), HOME);
    assert_eq!(write(&rules, &within, &OLD), HOME);
}

#[test]
fn kinds_that_may_be_made() {
    let rules = rules();
    let at = place("/home/u/rw/a");
    for (kind, expected) in [
        (FileKind::File, YES),
        (FileKind::Directory, YES),
        (FileKind::Symlink, YES),
        (FileKind::Special, SPECIAL),
        (FileKind::Null, SPECIAL),
    ] {
        assert_eq!(create(&rules, &at, kind), expected, "{kind:?}");
    }
}

#[test]
fn writing() {
    let rows = [
        ("/home/u/rw/a", OLD, YES),
        ("/home/u/rw/a", OWN, YES),
        ("/home/u/rw/a", HARD, LINKS),
        ("/home/u/rw/a", HALF, LINKS),
        ("/home/u/rw/a", BOTH, YES),
        ("/home/u/rw/a", FIFO, SPECIAL),
        ("/home/u/rw/a", DIR, SPECIAL),
        ("/home/u/rw/.a", OWN, DOT),
        ("/home/u/rw/in/a", OLD, lacks(Right::Overwrite)),
        ("/home/u/rw/in/a", OWN, YES),
        ("/home/u/rw/in/a", HALF, LINKS),
        ("/home/u/append/a", OLD, lacks(Right::Overwrite)),
        ("/home/u/append/a", OWN, YES),
        ("/home/u/d/a", OWN, lacks(Right::Overwrite)),
        ("/home/u/a", OWN, HOME),
    ];
    let rules = rules();
    for (path, subject, expected) in rows {
        let seen = write(&rules, &place(path), &subject);
        assert_eq!(seen, expected, "{path} {subject:?}");
    }
}

#[test]
fn attributes_of_what_is_there() {
    let rows = [
        ("/home/u/rw/a", OLD, YES),
        ("/home/u/rw/d", DIR, YES),
        ("/home/u/rw", DIR, YES),
        ("/home/u/rw/in", DIR, lacks(Right::Attributes)),
        ("/home/u", DIR, HOME),
        ("/home/u/.ssh", DIR, HOME),
        ("/home/u/rw/.git", DIR, DOT),
        ("/home/u/rw/a", HARD, LINKS),
        ("/home/u/rw/a", FIFO, SPECIAL),
        ("/home/u/rw/in/a", OLD, lacks(Right::Attributes)),
        ("/home/u/rw/in/a", OWN, YES),
        ("/home/u/rw/in/d", OWN_DIR, YES),
        ("/home/u/append/a", OLD, lacks(Right::Attributes)),
    ];
    let rules = rules();
    for (path, subject, expected) in rows {
        let seen = attributes(&rules, &place(path), &subject);
        assert_eq!(seen, expected, "{path} {subject:?}");
    }
}

#[test]
fn removing() {
    let rows = [
        ("/home/u/rw/a", OLD, YES),
        ("/home/u/rw/a", HARD, YES),
        ("/home/u/rw/a", FIFO, YES),
        ("/home/u/rw/d", DIR, YES),
        ("/home/u/rw/in", DIR, ROOT),
        ("/home/u/rw", DIR, ROOT),
        ("/home/v", DIR, YES),
        ("/home/u/rw/.a", OLD, DOT),
        ("/home/u/a", OLD, HOME),
        ("/home/u/rw/in/a", OLD, lacks(Right::Remove)),
        ("/home/u/rw/in/a", OWN, YES),
        ("/home/u/append/a", OLD, lacks(Right::Remove)),
        ("/home/u/append/d", OWN_DIR, YES),
    ];
    let rules = rules();
    for (path, subject, expected) in rows {
        let seen = remove(&rules, &place(path), &subject, false);
        assert_eq!(seen, expected, "{path} {subject:?}");
    }
    let second = place("/home/u/append/b");
    assert_eq!(remove(&rules, &second, &HARD, true), YES);
    assert_eq!(remove(&rules, &second, &OLD, true), lacks(Right::Remove));
    let dotted = place("/home/u/append/.b");
    assert_eq!(remove(&rules, &dotted, &HARD, true), DOT);
}

#[test]
fn targets_of_symbolic_links() {
    let rows = [
        ("/home/u/rw/a", true),
        ("/home/u", true),
        ("/home/u/d", true),
        ("/home/u/.ssh/authorized_keys", false),
        ("/home/u/rw/.htaccess", false),
        ("/etc/passwd", false),
        ("/srv", false),
    ];
    let rules = rules();
    for (path, expected) in rows {
        let seen = symlink_target(&rules, &place(path)).is_ok();
        assert_eq!(seen, expected, "{path}");
    }
}

#[test]
fn reading() {
    let rows = [
        ("/home/u/a", FileKind::File, YES),
        ("/home/u/rw/in/a", FileKind::File, lacks(Right::Read)),
        ("/home/u/rw/in", FileKind::Directory, lacks(Right::List)),
        ("/home/u/append", FileKind::Directory, YES),
        ("/srv/hidden/.a", FileKind::File, HIDDEN),
        ("/srv/hidden/.d/a", FileKind::File, HIDDEN),
        ("/srv/hidden/a", FileKind::File, YES),
        ("/home/u/.bashrc", FileKind::File, YES),
        ("/usr/lib/x.so", FileKind::File, YES),
    ];
    let rules = rules();
    for (path, kind, expected) in rows {
        let subject = subject(kind, 1, None);
        let seen = read(&rules, &place(path), &subject);
        assert_eq!(seen, expected, "{path}");
    }
}

#[test]
fn modes() {
    let mut rules = rules();
    assert_eq!(mode(&rules, FileKind::File, 0o7777), 0o640);
    assert_eq!(mode(&rules, FileKind::Directory, 0o7777), 0o2770);
    rules.file_mode_max = None;
    rules.directory_mode_max = None;
    assert_eq!(mode(&rules, FileKind::File, 0o7755), 0o755);
    assert_eq!(mode(&rules, FileKind::Directory, 0o3755), 0o3755);
    rules.file_mode_min = Some(0o660);
    rules.directory_mode_min = Some(0o2770);
    assert_eq!(mode(&rules, FileKind::File, 0o4600), 0o660);
    assert_eq!(mode(&rules, FileKind::Directory, 0o700), 0o2770);
    rules.file_mode_max = Some(0o640);
    rules.directory_mode_max = Some(0o755);
    assert_eq!(mode(&rules, FileKind::File, 0o600), 0o640);
    assert_eq!(mode(&rules, FileKind::Directory, 0o700), 0o2750);
}

#[test]
fn nobody_is_locked_out() {
    let holding = place("/home/u/rw");
    let rows = [
        (0o755, 0o000, false),
        (0o755, 0o555, false),
        (0o755, 0o400, false),
        (0o755, 0o700, true),
        (0o750, 0o2775, true),
        (0o500, 0o500, true),
        (0o500, 0o700, true),
    ];
    for (old, new, expected) in rows {
        assert_eq!(
            keeps_access(&holding, old, new).is_ok(),
            expected,
            "{old:o} {new:o}"
        );
    }
    let other = place("/home/u/rw/d");
    assert!(keeps_access(&other, 0o755, 0o000).is_ok());
}

#[test]
fn short_names_count_where_there_are_some() {
    let rules = rules();
    let mut at = place("/home/u/rw/HTACCE~1");
    assert_eq!(create(&rules, &at, FileKind::File), YES);
    at.has_short_names = true;
    assert_eq!(create(&rules, &at, FileKind::File), DOT);
    let mut free = place("/srv/free/HTACCE~1");
    free.has_short_names = true;
    assert_eq!(create(&rules, &free, FileKind::File), YES);
}
