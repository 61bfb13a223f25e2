//! The matrix under each policy: `access` by its names and by lists of rights, nested directories, dotfiles, modes.

use std::os::unix::fs::PermissionsExt;

use xfersh::decide::plan::ServerKind;

use super::matrix::{ALL_RIGHTS, cases, effects, effects_of, nothing_changes};
use super::places::furnish;
use super::session::{KINDS, Session, command, disk, disk_here, host, policy};
use crate::harness::Host;

/// Everything that is not granted fails at every place; everything that is granted works.
fn exactly(access: &str, rights: &[&str], kinds: &[ServerKind]) {
    let host = host();
    host.policy(&policy(&format!("access = {access}\n")));
    for kind in kinds {
        nothing_changes(&host, *kind, rights);
    }
    effects(&host, ServerKind::Sftp, rights);
}

#[test]
fn read_only() {
    let host = host();
    host.policy(&policy("access = \"read-only\"\n"));
    for kind in [
        ServerKind::Sftp,
        ServerKind::ScpSource,
        ServerKind::RsyncSender,
    ] {
        nothing_changes(&host, kind, &["list", "read"]);
    }
}

#[test]
fn upload_only() {
    let kinds = [
        ServerKind::Sftp,
        ServerKind::ScpSink,
        ServerKind::RsyncReceiver,
    ];
    exactly("\"upload-only\"", &["create", "mkdir"], &kinds);
}

#[test]
fn append_only() {
    exactly(
        "\"append-only\"",
        &["list", "read", "create", "mkdir", "link"],
        &KINDS,
    );
}

#[test]
fn each_right_by_itself() {
    for right in &ALL_RIGHTS[2..] {
        exactly(
            &format!("[\"list\", \"read\", \"{right}\"]"),
            &["list", "read", *right],
            &KINDS[..1],
        );
    }
}

#[test]
fn hidden_dotfiles() {
    let host = host();
    host.policy(&policy("dotfiles = \"hidden\"\n"));
    nothing_changes(&host, ServerKind::Sftp, ALL_RIGHTS);
    nothing_changes(&host, ServerKind::RsyncReceiver, ALL_RIGHTS);
    let mut cases = cases(ServerKind::Sftp, ALL_RIGHTS);
    cases.retain(|case| !case.by_o_path());
    assert!(effects_of(&host, ServerKind::Sftp, &cases) > 50);
}

/// One line each: what is asked, and whether it is done.
fn script(host: &Host, kind: ServerKind, rows: &[(&str, bool)]) {
    furnish(host, host.alice());
    let mut session = Session::start(host, host.alice(), command(kind));
    let session = host.inside(move || {
        let mut before = disk_here();
        for (steps, done) in rows {
            let result = session.ask(steps);
            let result = result.unwrap_or_else(|| panic!("the session ended at {steps}"));
            let after = disk_here();
            let diff = before.diff(&after);
            assert_eq!(result >= 0, *done, "{steps}: {result}\n{diff}");
            assert!(*done || diff.is_empty(), "{steps}: {result}\n{diff}");
            before = after;
        }
        session
    });
    assert_eq!(session.end(), 0);
}

/// What this session created may be finished as clients do it, and is then as safe as anything older.
#[test]
fn uploads_of_this_session() {
    let host = host();
    for access in ["upload-only", "append-only"] {
        host.policy(&policy(&format!("access = \"{access}\"\n")));
        script(
            &host,
            ServerKind::Sftp,
            &[
                ("open p:uploads/part 0x41 0644 ; write $ p:content 7", true),
                ("chmod p:uploads/part 0600", true),
                ("utimensat -100 p:uploads/part 0 0", true),
                ("rename p:uploads/part p:uploads/whole", true),
                ("open p:uploads/part2 0xc1 0644 ; write $ p:content 7", true),
                // Never over a name that is taken, older or new.
                ("rename p:uploads/part2 p:uploads/old.txt", false),
                ("rename p:uploads/part2 p:uploads/whole", false),
                (
                    "renameat2 -100 p:uploads/part2 -100 p:uploads/old.txt 2",
                    false,
                ),
                ("link p:uploads/part2 p:uploads/old.txt", false),
                (
                    "link p:uploads/part2 p:uploads/linked ; unlink p:uploads/part2",
                    true,
                ),
                ("mkdir p:uploads/dir 0755", true),
                ("chmod p:uploads/dir 0700", true),
                ("rename p:uploads/dir p:uploads/spare", false),
                ("open p:uploads/dir/.dot 0x41 0644", false),
                // What is older stays, whatever is tried.
                ("open p:uploads/old.txt 0x441 0644", false),
                ("open p:uploads/old.txt 0x401 0", false),
                ("open p:uploads/old.txt 0x241 0644", false),
                ("open p:uploads/old.txt 0xc1 0644", false),
                ("truncate p:uploads/old.txt 16", false),
                ("chmod p:uploads/old.txt 0777", false),
                ("utimensat -100 p:uploads/old.txt 0 0", false),
                ("unlink p:uploads/old.txt", false),
                ("rename p:uploads/old.txt p:uploads/gone", false),
                ("rename p:uploads/sub p:uploads/gone", false),
                ("rmdir p:uploads/empty", false),
                ("symlink p:whole p:uploads/old.txt", false),
                ("mknod p:uploads/old.txt 0100644 0", false),
            ],
        );
        // For the next session they are older.
        let before = disk(&host);
        let mut session = Session::start(&host, host.alice(), command(ServerKind::Sftp));
        for steps in [
            "open p:uploads/whole 0x401 0",
            "unlink p:uploads/whole",
            "rename p:uploads/whole p:uploads/x",
            "chmod p:uploads/whole 0644",
            "truncate p:uploads/linked 0",
            "rmdir p:uploads/dir",
        ] {
            assert!(
                session.ask(steps).expect("an answer") < 0,
                "{access}: {steps}"
            );
        }
        assert_eq!(session.end(), 0);
        before.assert_same(&disk(&host), access);
    }
}

/// More files than the guard has descriptors for: all of them stay the session's own, and older ones stay older.
#[test]
fn no_upload_is_forgotten() {
    let host = host();
    host.policy(&policy("access = \"upload-only\"\n"));
    furnish(&host, host.alice());
    let mut session = Session::limited(&host, host.alice(), command(ServerKind::Sftp), 512);
    for number in 0..600 {
        let steps = format!("open p:uploads/f{number} 0x41 0644 ; write $ p:x 1");
        assert_eq!(session.ask(&steps), Some(1), "{number}");
        // Files that are created faster than birth times change may be forgotten if few descriptors are available.
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(
        session.guards_descriptors() < 512,
        "{}",
        session.guards_descriptors()
    );
    let before = disk(&host);
    for steps in [
        "unlink p:uploads/old.txt",
        "truncate p:uploads/old.txt 0",
        "open p:uploads/old.txt 0x401 0",
    ] {
        assert!(session.ask(steps).expect("an answer") < 0, "{steps}");
    }
    before.assert_same(&disk(&host), "an older upload");
    for steps in [
        "open p:uploads/f0 0x401 0 ; write $ p:x 1",
        "rename p:uploads/f1 p:uploads/g1",
        "unlink p:uploads/f0",
        "unlink p:uploads/f599",
    ] {
        assert!(session.ask(steps).expect("an answer") >= 0, "{steps}");
    }
    assert_eq!(session.end(), 0);
}

#[test]
fn nested_directories() {
    let host = host();
    let directory = |path: &str, access: &str| {
        format!("[[directory]]\npath = \"{path}\"\naccess = \"{access}\"\n")
    };
    let text = [
        directory("~/uploads", "upload-only"),
        directory("~/uploads/sub", "read-write"),
        directory("~/uploads/empty", "read-only"),
        directory("~/site", "append-only"),
    ]
    .concat();
    host.policy(&policy(&text));
    script(
        &host,
        ServerKind::Sftp,
        &[
            ("open p:uploads/new 0x41 0644", true),
            ("open p:uploads/old.txt 0x1 0", false),
            ("open p:uploads/old.txt 0 0", false),
            ("open p:uploads/sub/deep.txt 0x201 0", true),
            ("open p:uploads/sub/../old.txt 0x1 0", false),
            ("mkdir p:uploads/empty/x 0755", false),
            ("rename p:uploads/sub/deep.txt p:uploads/empty/x", false),
            ("rename p:uploads/sub/deep.txt p:uploads/old.txt", false),
            ("rename p:uploads/old.txt p:uploads/sub/x", false),
            ("link p:uploads/old.txt p:uploads/sub/x", false),
            ("rename p:site/index.html p:uploads/sub/x", false),
            ("rename p:uploads/sub p:uploads/moved", false),
            ("rmdir p:uploads/empty", false),
            ("open p:site/index.html 0x1 0", false),
            ("open p:site/index.html 0 0", true),
            ("open p:site/new 0x41 0644", true),
            ("rename p:uploads/sub/deep.txt p:site/moved", true),
            // It is still older than the session.
            ("rename p:site/moved p:site/again", false),
            ("open p:uploads/sub/.dot 0x41 0644", false),
            ("open p:site/.git/hooks/post-commit 0x1 0", false),
        ],
    );
}

#[test]
fn dot_names_that_are_allowed() {
    let host = host();
    host.policy(&policy(
        "dotfile_names = [\".gitkeep\", \"._*\", \".some*\"]\n",
    ));
    let rows: &[(&str, bool)] = &[
        ("open p:uploads/.gitkeep 0x41 0644", true),
        ("open p:uploads/._x 0x41 0644", true),
        ("open p:uploads/.new 0x41 0644", false),
        ("open p:.gitkeep 0x41 0644", false),
        ("open p:._x 0x41 0644", false),
        ("open p:uploads/to-home/.gitkeep 0x41 0644", false),
        ("mkdir p:uploads/.ssh 0755", false),
        ("mkdir p:uploads/.something 0755", true),
        ("open p:uploads/.something/.new 0x41 0644", false),
        ("rename p:uploads/old.txt p:uploads/.gitkeep", true),
        ("rename p:uploads/.hidden p:uploads/.gitkeep", false),
        ("open p:site/.git/.gitkeep 0x41 0644", false),
        ("chmod p:.ssh 0755", false),
    ];
    script(&host, ServerKind::Sftp, rows);
    host.policy(&policy(
        "dotfiles = \"allowed\"\nconfinement = \"required\"\n",
    ));
    script(
        &host,
        ServerKind::Sftp,
        &[
            ("open p:uploads/.new 0x41 0644", true),
            ("open p:site/.git/hooks/post-commit 0x201 0", true),
            ("open p:.new 0x41 0644", false),
            ("open p:.bashrc 0x1 0", false),
            ("open p:.ssh/rc 0x41 0644", false),
            ("chmod p:.ssh 0755", false),
            ("open p:uploads/to-home/.new 0x41 0644", false),
        ],
    );
}

#[test]
fn targets_of_symbolic_links() {
    let host = host();
    let targets = |inside: bool, any: bool| -> Vec<(String, bool)> {
        [
            ("old.txt", inside),
            ("../site/index.html", inside),
            ("/home/alice/uploads/sub", inside),
            ("not-yet", inside),
            ("..", inside),
            ("../.ssh", any),
            ("../.bashrc", any),
            (".hidden", any),
            ("/etc/passwd", any),
            ("/", any),
            ("../../plain", any),
            ("to-ssh/config", any),
            ("nothing/../../.ssh", any),
            ("/proc/self/cwd", any),
        ]
        .iter()
        .enumerate()
        .map(|(at, (target, done))| (format!("symlink p:{target} p:uploads/l{at}"), *done))
        .collect()
    };
    for (symlinks, inside, any) in [
        ("inside", true, false),
        ("any", true, true),
        ("none", false, false),
    ] {
        host.policy(&policy(&format!("symlinks = \"{symlinks}\"\n")));
        let rows = targets(inside, any);
        let rows: Vec<(&str, bool)> = rows
            .iter()
            .map(|(steps, done)| (steps.as_str(), *done))
            .collect();
        script(&host, ServerKind::Sftp, &rows);
    }
}

/// A target is judged by where it leads now; what precedes a `..` could be replaced later.
#[test]
fn a_target_whose_way_is_exchanged() {
    let host = host();
    host.policy(&policy(""));
    script(
        &host,
        ServerKind::Sftp,
        &[
            ("mkdir p:uploads/d 0755", true),
            // If it were created, and `d` then became a link to the home, it would lead beside the home.
            ("symlink p:d/../plain/note.txt p:uploads/l", false),
            ("symlink p:d/../../site p:uploads/l", false),
            (
                "symlink p:/home/alice/uploads/d/../old.txt p:uploads/l",
                false,
            ),
            ("symlink p:./../uploads/old.txt p:uploads/l", true),
            ("rmdir p:uploads/d", true),
            ("symlink p:.. p:uploads/d", true),
        ],
    );
}

/// A directory takes its dotfiles along: not to a place where they could be changed, created or seen and before could
/// not.
#[test]
fn directories_between_rules_for_dotfiles() {
    let host = host();
    let directory = |path: &str, dotfiles: &str| {
        format!(
            "[[directory]]\npath = \"{path}\"\naccess = \"read-write\"\ndotfiles = \"{dotfiles}\"\n"
        )
    };
    let modes = ["protected", "hidden", "allowed"];
    for from in modes {
        for to in modes.into_iter().filter(|to| *to != from) {
            let text = [directory("~/site", from), directory("~/uploads", to)].concat();
            host.policy(&policy(&text));
            script(
                &host,
                ServerKind::Sftp,
                &[
                    ("mkdir p:site/d 0755", true),
                    ("rename p:site/d p:uploads/d", false),
                    ("rename p:uploads/sub p:site/sub", false),
                    ("rename p:site/d p:site/e", true),
                    ("rename p:site/index.html p:uploads/index.html", true),
                ],
            );
        }
    }
}

/// Asks for each of these changes in one session, and looks at the mode of what is named. An access control list, which
/// would get around a limit, is refused.
fn modes_become(limits: &str, rows: &[(&str, &str, u32)]) {
    let host = host();
    host.policy(&policy(limits));
    let account = host.alice();
    furnish(&host, account);
    let mut session = Session::start(&host, account, command(ServerKind::RsyncReceiver));
    for (steps, name, mode) in rows {
        let result = session.ask(steps);
        assert!(
            result.is_some_and(|result| result >= 0),
            "{steps}: {result:?}"
        );
        let path = account.at(&format!("uploads/{name}"));
        let seen = host.inside(|| path.metadata().expect("a file").permissions().mode() & 0o7777);
        assert_eq!(format!("{seen:04o}"), format!("{mode:04o}"), "{steps}");
    }
    let before = disk(&host);
    for bits in ["06", "00"] {
        let acl = format!(
            "setxattr p:uploads/a p:system.posix_acl_access v:0200000001000600ffffffff0400{bits}00ffffffff2000{bits}00ffffffff 28 0"
        );
        assert!(session.ask(&acl).expect("an answer") < 0);
    }
    assert_eq!(session.end(), 0);
    before.assert_same(&disk(&host), "access control lists");
}

/// No set-uid bit, and no bit beyond the policy's, by any call that sets one.
#[test]
fn bits_of_the_mode() {
    modes_become(
        "file_mode_max = \"0640\"\ndirectory_mode_max = \"0750\"\n",
        &[
            ("umask 0 ; open p:uploads/a 0x41 07777", "a", 0o640),
            ("openat -100 p:uploads/b 0x41 07777", "b", 0o640),
            (
                "chmod p:uploads/a 0600 ; chmod p:uploads/a 07777",
                "a",
                0o640,
            ),
            ("fchmodat -100 p:uploads/b 06777", "b", 0o640),
            ("open p:uploads/c 0x41 0600 ; fchmod $ 07777", "c", 0o640),
            ("mkdir p:uploads/d 0777", "d", 0o750),
            ("chmod p:uploads/d 05777", "d", 0o750),
            ("mknodat -100 p:uploads/e 0107777 0", "e", 0o640),
            ("chmod p:uploads/old.txt 07777", "old.txt", 0o640),
            ("fchmodat2 -100 p:uploads/old.txt 06644 0", "old.txt", 0o640),
        ],
    );
}

/// The bits of a minimum are there, whatever mode the client asks for and whatever the umask is.
#[test]
fn bits_that_are_always_there() {
    modes_become(
        "file_mode_min = \"0664\"\ndirectory_mode_min = \"2770\"\n",
        &[
            ("umask 077 ; open p:uploads/a 0x41 0600", "a", 0o664),
            ("openat -100 p:uploads/b 0x41 0", "b", 0o664),
            ("chmod p:uploads/a 0400", "a", 0o664),
            ("fchmodat -100 p:uploads/b 06000", "b", 0o664),
            ("open p:uploads/c 0x41 0600 ; fchmod $ 0", "c", 0o664),
            ("mkdir p:uploads/d 0700", "d", 0o2770),
            ("chmod p:uploads/d 0", "d", 0o2770),
            ("mknodat -100 p:uploads/e 0100600 0", "e", 0o664),
            ("chmod p:uploads/old.txt 0600", "old.txt", 0o664),
        ],
    );
}
