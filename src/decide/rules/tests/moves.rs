//! Names that change, second names, and what comes with them.

use std::path::Path;

use super::*;

#[test]
fn renaming() {
    use Replace::{Allowed, Never};
    let lacks = |right| Err(Denial::Right(right));
    let rows = [
        ("/home/u/rw/a", "/home/u/rw/b", OLD, true, Ok(Allowed)),
        ("/home/u/rw/a", "/srv/free/b", OLD, true, Ok(Allowed)),
        (
            "/home/u/rw/a",
            "/home/u/rw/.b",
            OLD,
            false,
            Err(Denial::Dotfile),
        ),
        (
            "/home/u/rw/.a",
            "/home/u/rw/b",
            OLD,
            false,
            Err(Denial::Dotfile),
        ),
        ("/home/u/rw/a", "/home/u/b", OLD, false, Err(Denial::Home)),
        ("/home/u/a", "/home/u/rw/b", OLD, false, Err(Denial::Home)),
        ("/home/u/rw/a", "/etc/b", OLD, false, Err(Denial::Outside)),
        ("/home/u/rw/a", "/home/u/rw/in/b", OLD, false, Ok(Never)),
        (
            "/home/u/rw/a",
            "/home/u/rw/in/b",
            OLD,
            true,
            lacks(Right::Overwrite),
        ),
        (
            "/home/u/rw/a",
            "/home/u/d/b",
            OLD,
            false,
            lacks(Right::Create),
        ),
        (
            "/home/u/rw/in/a",
            "/home/u/rw/in/b",
            OLD,
            false,
            lacks(Right::Rename),
        ),
        ("/home/u/rw/in/a", "/home/u/rw/in/b", OWN, false, Ok(Never)),
        (
            "/home/u/rw/in/a",
            "/home/u/rw/in/b",
            OWN,
            true,
            lacks(Right::Overwrite),
        ),
        (
            "/home/u/append/a",
            "/home/u/rw/b",
            OLD,
            false,
            lacks(Right::Rename),
        ),
        ("/home/u/rw/d", "/home/u/rw/e", DIR, false, Ok(Allowed)),
        (
            "/home/u/rw/in",
            "/home/u/rw/e",
            DIR,
            false,
            Err(Denial::PolicyDirectory),
        ),
        (
            "/home/u/rw/d",
            "/home/u/rw/in",
            DIR,
            true,
            Err(Denial::PolicyDirectory),
        ),
    ];
    let rules = rules();
    for (from, to, subject, taken, expected) in rows {
        let (from, to) = (place(from), place(to));
        let seen = rename(&rules, &from, &to, &subject, taken);
        let seen = seen.map_err(|(denial, _)| denial);
        assert_eq!(seen, expected, "{from:?} {to:?}");
    }
}

#[test]
fn a_directory_above_a_root_stays_where_it_is() {
    let mut rules = rules();
    let deep = "/home/u/rw/d/e/deep";
    rules
        .roots
        .push(root(deep, Access::UPLOAD_ONLY, Dotfiles::Protected));
    let place = |path: &str| Place::by_text(path.as_ref(), &rules.roots, &rules.home);
    let (from, to) = (place("/home/u/rw/d"), place("/home/u/rw/f"));
    let seen = rename(&rules, &from, &to, &DIR, false);
    assert_eq!(seen, Err((Denial::PolicyDirectory, &from)));
}

#[test]
fn linking() {
    let rows = [
        ("/home/u/rw/a", "/home/u/rw/b", OLD, YES),
        ("/home/u/rw/.a", "/home/u/rw/b", OLD, DOT),
        ("/home/u/rw/a", "/home/u/rw/.b", OLD, DOT),
        ("/home/u/.ssh/a", "/home/u/rw/b", OLD, DOT),
        ("/home/u/a", "/home/u/rw/b", OLD, HOME),
        ("/home/u/d/a", "/home/u/rw/b", OLD, lacks(Right::Link)),
        ("/etc/passwd", "/home/u/rw/b", OLD, OUT),
        ("/home/u/rw/a", "/home/u/rw/b", FIFO, SPECIAL),
        (
            "/home/u/rw/in/a",
            "/home/u/rw/in/b",
            OLD,
            lacks(Right::Link),
        ),
        ("/home/u/rw/in/a", "/home/u/rw/in/b", OWN, YES),
        ("/home/u/append/a", "/home/u/append/b", OLD, YES),
        ("/home/u/rw/a", "/home/u/d/b", OLD, lacks(Right::Create)),
    ];
    let rules = rules();
    for (from, to, subject, expected) in rows {
        let (from, to) = (place(from), place(to));
        let seen = link(&rules, &from, &to, &subject, false).map_err(|(denial, _)| denial);
        assert_eq!(seen, expected, "{from:?} {to:?}");
    }
}

#[test]
fn temporaries_of_rsync() {
    let mut rules = rules();
    let at = place("/home/u/rw/.a.AbC123");
    assert_eq!(create(&rules, &at, FileKind::File), DOT);
    let rows = [
        ("/home/u/rw/.a.AbC123", YES),
        ("/home/u/rw/.git/.a.AbC123", DOT),
        ("/home/u/rw/.a.AbC12", DOT),
        ("/home/u/.a.AbC123", HOME),
        ("/home/u/d/.a.AbC123", lacks(Right::Create)),
    ];
    for (path, expected) in rows {
        assert_eq!(create_temporary(&rules, &place(path)), expected, "{path}");
    }
    let mut file = OWN;
    file.is_rsync_temporary = true;
    let (target, dotted) = (place("/home/u/rw/a"), place("/home/u/rw/.b.AbC123"));
    assert_eq!(attributes(&rules, &at, &file), YES);
    assert_eq!(remove(&rules, &at, &file, false), YES);
    let seen = rename(&rules, &at, &target, &file, true);
    assert_eq!(seen, Ok(Replace::Allowed));
    let seen = rename(&rules, &at, &dotted, &file, false);
    assert_eq!(seen, Err((Denial::Dotfile, &dotted)));
    assert_eq!(remove(&rules, &at, &OWN, false), DOT);

    // A link by rsync, to a file that may be older.
    let link_name = place("/home/u/rw/.a.4711");
    let rows = [
        ("/home/u/rw/.a.4711", YES),
        ("/home/u/rw/.git/.a.4711", DOT),
        ("/home/u/rw/.a.AbC123", DOT),
        ("/home/u/.a.4711", HOME),
    ];
    for (path, expected) in rows {
        let seen = create_temporary_link(&rules, &place(path));
        assert_eq!(seen, expected, "{path}");
    }
    assert_eq!(link(&rules, &target, &link_name, &OLD, true), Ok(()));
    let seen = link(&rules, &target, &link_name, &OLD, false);
    assert_eq!(seen, Err((Denial::Dotfile, &link_name)));
    let seen = link(&rules, &dotted, &link_name, &OLD, true);
    assert_eq!(seen, Err((Denial::Dotfile, &dotted)));
    let mut named = OLD;
    named.is_rsync_temporary = true;
    let seen = rename(&rules, &link_name, &target, &named, true);
    assert_eq!(seen, Ok(Replace::Allowed));
    let seen = rename(&rules, &link_name, &target, &OLD, true);
    assert_eq!(seen, Err((Denial::Dotfile, &link_name)));

    rules.rsync_temporaries = false;
    assert_eq!(create_temporary(&rules, &at), DOT);
    assert_eq!(create_temporary_link(&rules, &link_name), DOT);
}

/// A session's own directory may go to another root, or below a dotfile, only
/// if everything in it is its own.
#[test]
fn what_a_directory_takes_along() {
    let mut rules = rules();
    rules
        .roots
        .push(root("/srv/add", Access::APPEND_ONLY, Dotfiles::Allowed));
    let place = |path: &str| Place::by_text(path.as_ref(), &rules.roots, &rules.home);
    let (from, free) = (place("/srv/add/2026"), place("/srv/free/2026"));
    let hidden = place("/srv/add/.2026");
    let rows = [
        (&free, Contents::Own, Ok(Replace::Allowed)),
        (&free, Contents::Others, Err(Denial::Contents)),
        (&hidden, Contents::Own, Ok(Replace::Never)),
        (&hidden, Contents::Others, Err(Denial::Contents)),
    ];
    for (to, contents, expected) in rows {
        assert!(asks_for_contents(&from, to, &OWN_DIR));
        let seen = crate::decide::rules::rename(&rules, &from, to, &OWN_DIR, contents, false);
        let seen = seen
            .map(|(_, replace)| replace)
            .map_err(|(denial, _)| denial);
        assert_eq!(seen, expected, "{to:?} {contents:?}");
    }
    assert!(!asks_for_contents(&from, &place("/srv/add/2027"), &OWN_DIR));
    assert!(!asks_for_contents(&from, &free, &OWN));
}

/// With the right to rename, older files still gain nothing by it.
#[test]
fn nothing_gains_rights_by_a_move() {
    let mut rules = rules();
    let some = Access::of(&[Right::Create, Right::Rename, Right::Link]);
    rules
        .roots
        .push(root("/srv/drop", some, Dotfiles::Protected));
    let place = |path: &str| Place::by_text(path.as_ref(), &rules.roots, &rules.home);
    let (from, to, same) = (
        place("/srv/drop/a"),
        place("/home/u/rw/a"),
        place("/srv/drop/b"),
    );
    let gained = Err((Denial::Gains, &to));
    assert_eq!(rename(&rules, &from, &to, &OLD, false), gained);
    assert_eq!(
        rename(&rules, &from, &to, &OWN, false),
        Ok(Replace::Allowed)
    );
    assert_eq!(
        rename(&rules, &from, &same, &OLD, false),
        Ok(Replace::Never)
    );
    assert_eq!(
        link(&rules, &from, &to, &OLD, false),
        Err((Denial::Gains, &to))
    );
    assert_eq!(link(&rules, &from, &same, &OLD, false), Ok(()));
}

/// The name of an absent directory of the policy is reserved for a directory.
#[test]
fn a_name_that_is_kept_for_a_directory() {
    let mut rules = rules();
    let mut absent = root(
        "/home/u/rw/later/on",
        Access::APPEND_ONLY,
        Dotfiles::Protected,
    );
    absent.exists = false;
    rules.roots.push(absent);
    let place = |path: &str| {
        let by_text = Place::by_text(path.as_ref(), &rules.roots, &rules.home);
        let parent = by_text.path.rsplitn(2, |&b| b == b'/').nth(1).unwrap();
        let parent = Path::new(std::str::from_utf8(parent).unwrap());
        // As the guard represents it: the name in its directory.
        Place {
            is_policy_directory: by_text.is_policy_directory,
            ..Place::by_text(parent, &rules.roots, &rules.home).child(by_text.name())
        }
    };
    for path in ["/home/u/rw/later", "/home/u/rw/later/on"] {
        let at = place(path);
        assert_eq!(create(&rules, &at, FileKind::Directory), YES, "{path}");
        assert_eq!(create(&rules, &at, FileKind::Symlink), ROOT, "{path}");
        assert_eq!(create(&rules, &at, FileKind::File), ROOT, "{path}");
        let from = place("/home/u/rw/x");
        assert!(rename(&rules, &from, &at, &DIR, false).is_err(), "{path}");
        assert!(link(&rules, &from, &at, &OLD, false).is_err(), "{path}");
        assert_eq!(remove(&rules, &at, &DIR, false), ROOT, "{path}");
    }
}
