//! With `dotfiles = "hidden"` no call by path reveals a dotfile, whatever path leads to it.

use xfersh::decide::plan::ServerKind;

use super::case;
use super::places::furnish;
use super::session::{Session, command, host, policy};
use crate::harness::Account;

/// `@` is a pointer to the path, `AT` a directory and a path.
const READS: &[&str] = &[
    "open @ 0 0",
    "open @ 0x200000 0",
    "open @ 0x220000 0",
    "openat AT 0 0",
    "openat AT 0x200000 0",
    "stat @ b:256",
    "lstat @ b:256",
    "newfstatat AT b:256 0",
    "newfstatat AT b:256 0x100",
    "statx AT 0 0xfff b:256",
    "statx AT 0x100 0xfff b:256",
    "access @ 0",
    "faccessat AT 0",
    "faccessat2 AT 0 0",
    "statfs @ b:256",
    "getxattr @ p:user.old b:16 16",
    "lgetxattr @ p:user.old b:16 16",
    "listxattr @ b:64 64",
    "llistxattr @ b:64 64",
];

const HIDDEN: &[&str] = &[
    "uploads/.hidden",
    "uploads/../uploads/.hidden",
    "site/.git",
    "site/.git/hooks",
    "site/.git/hooks/post-commit",
    ".bashrc",
    ".ssh/config",
    "uploads/to-ssh/config",
    "/home/NAME/site/.htaccess",
];

#[test]
fn nothing_tells_of_a_hidden_file() {
    let host = host();
    host.policy(&policy("dotfiles = \"hidden\"\n"));
    for account in [host.plain(), host.alice()] {
        furnish(&host, account);
        let path = account.at("site/.htaccess");
        host.inside(|| xattr::set_deref(path, "user.old", b"1").expect("an attribute"));
    }
    let mut plain = Session::plain(&host);
    for kind in [
        ServerKind::Sftp,
        ServerKind::RsyncReceiver,
        ServerKind::RsyncSender,
    ] {
        let mut ours = Session::start(&host, host.alice(), command(kind));
        for (form, path) in READS
            .iter()
            .flat_map(|form| HIDDEN.iter().map(move |path| (form, path)))
        {
            let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
            let row = form.split(' ').next().unwrap_or_default();
            if case::number(row).is_none() {
                continue;
            }
            let at = [
                format!("-100 p:{path}"),
                format!("r:{parent} p:{name}"),
                format!("r:uploads p:../{path}"),
            ];
            for at in &at[..if form.contains("AT ") {
                3 - usize::from(path.starts_with('/'))
            } else {
                1
            }] {
                let steps = form.replace("AT", at).replace('@', &format!("p:{path}"));
                let expected = plain.ask(&steps.replace("NAME", "plain"));
                assert!(
                    expected.is_some_and(|result| result >= 0),
                    "proves nothing: {steps}: {expected:?}"
                );
                let seen = ours.ask(&steps.replace("NAME", "alice"));
                assert!(
                    seen.is_some_and(|result| result < 0),
                    "{kind:?}: {steps}: {seen:?}"
                );
            }
        }
        // What is not hidden is seen.
        for steps in [
            "open p:uploads/old.txt 0 0",
            "newfstatat -100 p:uploads/old.txt b:256 0",
            "statx -100 p:site 0 0xfff b:256",
        ] {
            assert!(
                ours.ask(steps).expect("an answer") >= 0,
                "{kind:?}: {steps}"
            );
        }
        assert_eq!(ours.end(), 0);
    }
}

/// A name that exists and one that does not, in every position of a path: `#` is the name.
const PAIRS: [(&str, &str); 5] = [
    (".file", ".none"),
    (".open", ".none"),
    (".shut", ".none"),
    (".link", ".none"),
    (".loose", ".none"),
];

const POSITIONS: &[&str] = &[
    "uploads/#",
    "uploads/#/",
    "uploads/#/.",
    "uploads/#/x",
    "uploads/#/x/y",
    "uploads/#/../old.txt",
    "uploads/../uploads/#",
    "/home/NAME/uploads/#/x",
    // Links with plain names that lead there: "to" is followed by the name without its dot.
    "uploads/to#",
    "uploads/to#/",
    "uploads/to#/x",
    "uploads/in#",
];

/// Looks and changes alike.
const CALLS: &[&str] = &[
    "open @ 0 0",
    "open @ 0x1 0",
    "open @ 0x41 0644",
    "open @ 0x10000 0",
    "stat @ b:256",
    "statx -100 @ 0 0xfff b:256",
    "access @ 0",
    "statfs @ b:256",
    "readlink @/ b:64 64",
    "unlink @/",
    "rmdir @/",
    "mkdir @/ 0755",
    "rename @/ p:uploads/moved",
    "rename p:uploads/old.txt @/",
    "link @/ p:uploads/second",
    "link p:uploads/old.txt @/",
    "symlink p:old.txt @/",
    "truncate @ 0",
    "chmod @ 0600",
    "utimensat -100 @ 0 0",
    "chown @ -1 -1",
];

/// Creates the existing half of the pairs, and links to both halves.
fn furnish_pairs(host: &crate::harness::Host, account: &Account) {
    host.inside(|| {
        let at = |name: &str| account.at(&format!("uploads/{name}"));
        std::fs::write(at(".file"), b"x").expect("a file");
        for directory in [".open", ".shut"] {
            std::fs::create_dir(at(directory)).expect("a directory");
            std::fs::write(at(directory).join("x"), b"x").expect("a file");
        }
        std::os::unix::fs::symlink("old.txt", at(".link")).expect("a link");
        std::os::unix::fs::symlink("nowhere", at(".loose")).expect("a link");
        for name in ["file", "open", "shut", "link", "loose", "none"] {
            std::os::unix::fs::symlink(format!(".{name}"), at(&format!("to.{name}")))
                .expect("a link");
            let below = format!(".{name}/x");
            std::os::unix::fs::symlink(below, at(&format!("in.{name}"))).expect("a link");
        }
        account.own(&at(""));
        crate::harness::account::set_mode(&at(".shut"), 0);
    });
}

/// With `dotfiles = "hidden"` each answer about a hidden name is the same as for a name that does not exist.
#[test]
fn a_hidden_name_is_answered_as_one_that_is_absent() {
    let host = host();
    host.policy(&policy("dotfiles = \"hidden\"\nsymlinks = \"any\"\n"));
    for account in [host.plain(), host.alice()] {
        furnish(&host, account);
        furnish_pairs(&host, account);
    }
    let probes = || {
        CALLS.iter().flat_map(|call| {
            POSITIONS.iter().flat_map(move |position| {
                // If the call uses the name itself, a link with a plain name is not hidden.
                let by_link = position.contains("to#") || position.contains("in#");
                let itself = call.contains("@/");
                (!(by_link && itself)).then_some((call.replace("@/", "@"), *position))
            })
        })
    };
    let mut plain = Session::plain(&host);
    let mut told = 0;
    for kind in [ServerKind::Sftp, ServerKind::RsyncReceiver] {
        let mut ours = Session::start(&host, host.alice(), command(kind));
        let before = host.disk();
        let mut wrong = Vec::new();
        for (call, position) in probes() {
            let row = call.split(' ').next().unwrap_or_default().to_owned();
            if case::number(&row).is_none() {
                continue;
            }
            for (present, absent) in PAIRS {
                let steps = |name: &str, account: &str| {
                    let path = position.replace('#', name).replace("NAME", account);
                    call.replace('@', &format!("p:{path}"))
                };
                let seen = ours.ask(&steps(present, "alice")).expect("an answer");
                let expected = ours.ask(&steps(absent, "alice")).expect("an answer");
                if seen != expected || seen >= 0 {
                    wrong.push(format!(
                        "{}: {seen}, absent: {expected}",
                        steps(present, "alice")
                    ));
                }
                // The baseline only looks: what it changed would be missing for the next probe.
                if call.starts_with("stat ") {
                    told += i32::from(
                        plain.ask(&steps(present, "plain")) != plain.ask(&steps(absent, "plain")),
                    );
                }
            }
        }
        assert!(wrong.is_empty(), "{kind:?}: {}: {wrong:#?}", wrong.len());
        before.assert_same(&host.disk(), "probes");
        assert_eq!(ours.end(), 0);
    }
    assert!(
        told > 20,
        "proves nothing: an ordinary account is told {told} times"
    );
}
