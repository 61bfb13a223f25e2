//! Paths that options name: used inside the policy, refused outside it.

use crate::harness::Host;

use super::{beforehand, content, host, local, prepare, rsync};

/// `plain` writes to a place outside with an option; alice does not, and nothing outside has changed.
#[track_caller]
fn only_plain_writes(host: &Host, arguments: &[&str], outside: &str) {
    let what = format!("{arguments:?}");
    let before = host.disk();
    let output = rsync(host, host.plain(), arguments);
    let diff = before.diff(&host.disk());
    assert!(diff.contains(outside), "{what}: {output}\n{diff}");
    host.refurnish();
    let before = host.disk();
    let output = rsync(host, host.alice(), arguments);
    let diff = before.diff(&host.disk());
    let strangers = diff
        .lines()
        .filter(|line| !line[2..].starts_with("/home/alice/uploads"));
    assert_eq!(
        strangers.collect::<Vec<_>>(),
        Vec::<&str>::new(),
        "{what}: {output}"
    );
    host.refurnish();
}

#[test]
fn backups_of_what_is_replaced() {
    let host = host("");
    local(&host, &[("src/old.txt", "newer and longer\n")]);
    for account in [host.plain(), host.alice()] {
        let absolute = format!("--backup-dir={}", account.at("uploads/kept").display());
        for (option, kept) in [
            ("--suffix=.bak", "uploads/old.txt.bak"),
            ("--backup-dir=../uploads/earlier", "uploads/earlier/old.txt"),
            (&absolute, "uploads/kept/old.txt"),
        ] {
            host.refurnish();
            rsync(&host, account, &["-a", "-b", option, "src/", "@:uploads/"]).succeeded(option);
            assert_eq!(
                content(&host, account, kept).as_deref(),
                Some("uploaded before\n"),
                "{option}"
            );
            let new = content(&host, account, "uploads/old.txt");
            assert_eq!(new.as_deref(), Some("newer and longer\n"), "{option}");
        }
    }
    for option in [
        "--backup-dir=/srv/outside/drop",
        "--backup-dir=../../../srv/outside/drop",
    ] {
        only_plain_writes(
            &host,
            &["-a", "-b", option, "src/", "@:uploads/"],
            "/srv/outside/drop/old.txt",
        );
    }
    for directory in ["~/.ssh", "../.config"] {
        let option = format!("--backup-dir={directory}");
        // Unquoted for the remote shell, so that `~` is the home there.
        let arguments = ["-a", "-b", "--old-args", &option, "src/", "@:uploads/"];
        only_plain_writes(&host, &arguments, "old.txt");
    }
}

#[test]
fn temporary_directories() {
    let host = host("");
    local(&host, &[("src/new.txt", "new\n")]);
    for account in [host.plain(), host.alice()] {
        host.refurnish();
        let absolute = format!("--temp-dir={}", account.at("uploads/empty").display());
        for option in ["--temp-dir=empty", &absolute] {
            rsync(&host, account, &["-a", "-I", option, "src/", "@:uploads/"]).succeeded(option);
            assert_eq!(
                content(&host, account, "uploads/new.txt").as_deref(),
                Some("new\n")
            );
        }
    }
    host.refurnish();
    // Nothing of a temporary file is left to see: the transfer itself shows whether it could be created.
    for option in [
        "--temp-dir=/srv/outside/drop",
        "--temp-dir=/tmp",
        "--temp-dir=~/.config",
    ] {
        let arguments = ["-a", "--old-args", option, "src/", "@:uploads/sub/"];
        rsync(&host, host.plain(), &arguments).succeeded(option);
        let before = host.disk();
        rsync(&host, host.alice(), &arguments).failed(option);
        let diff = before.diff(&host.disk());
        assert!(!diff.contains("new.txt"), "{option}: {diff}");
    }
}

#[test]
fn log_files() {
    let host = host("");
    local(&host, &[("src/new.txt", "new\n")]);
    for account in [host.plain(), host.alice()] {
        rsync(
            &host,
            account,
            &["-a", "-M--log-file=uploads/log", "src/", "@:uploads/"],
        )
        .succeeded("a log");
        let log = content(&host, account, "uploads/log").unwrap_or_default();
        assert!(log.contains("new.txt"), "{}: {log}", account.name);
    }
    for (place, seen) in [
        ("/srv/outside/drop/log", "/srv/outside/drop/log"),
        (".ssh/rc", ".ssh/rc"),
        ("uploads/.log", "uploads/.log"),
        ("log", "/log"),
        ("uploads/to-outside/drop/log", "/srv/outside/drop/log"),
    ] {
        host.refurnish();
        let option = format!("-M--log-file={place}");
        let arguments = ["-a", &option, "src/", "@:uploads/"];
        let before = host.disk();
        rsync(&host, host.plain(), &arguments).succeeded(place);
        let diff = before.diff(&host.disk());
        assert!(diff.contains(seen), "{place}: {diff}");
        host.refurnish();
        let before = host.disk();
        rsync(&host, host.alice(), &arguments).failed(place);
        before.assert_same(&host.disk(), place);
    }
    rsync(
        &host,
        host.alice(),
        &["-a", "-M--log-file=uploads/log", "@:uploads/old.txt", "."],
    )
    .failed("a log of a download");
}

#[test]
fn basis_directories() {
    let host = host("");
    local(
        &host,
        &[("src/secret.txt", "secret.txt of somebody else\n")],
    );
    // `--copy-dest` shows whether the server could read: the file arrives without being sent.
    prepare(
        &host,
        "touch -r /srv/outside/secret.txt src/secret.txt; chmod 644 src/secret.txt",
    );
    let sent = |account, option: &str| {
        let output = rsync(
            &host,
            account,
            &["-t", "--stats", option, "src/secret.txt", "@:uploads/copy/"],
        );
        output.out().contains("Literal data: 0 bytes")
    };
    for account in [host.plain(), host.alice()] {
        rsync(
            &host,
            account,
            &["-t", "src/secret.txt", "@:uploads/basis/"],
        )
        .succeeded("a basis");
        for kind in ["--copy-dest", "--compare-dest", "--link-dest"] {
            beforehand(&host, account, "rm -rf uploads/copy");
            assert!(
                sent(account, &format!("{kind}=../basis")),
                "{kind}, {}",
                account.name
            );
        }
    }
    beforehand(&host, host.plain(), "rm -rf uploads/copy");
    assert!(sent(host.plain(), "--copy-dest=../../../../srv/outside"));
    beforehand(&host, host.alice(), "rm -rf uploads/copy");
    assert!(
        !sent(host.alice(), "--copy-dest=../../../../srv/outside"),
        "alice read a file outside"
    );
    rsync(
        &host,
        host.alice(),
        &[
            "-t",
            "--copy-dest=/srv/outside",
            "src/secret.txt",
            "@:uploads/copy/",
        ],
    )
    .failed("a basis outside");
}

#[test]
fn hard_links_to_protected_files_are_not_made() {
    let host = host("");
    for account in [host.plain(), host.alice()] {
        // The same content and times as the dotfile, so that rsync links to it.
        let home = account.home().display().to_string();
        prepare(
            &host,
            &format!(
                "rm -rf dots; mkdir dots; cp -p {home}/.bashrc dots/.bashrc; cp -p {home}/note.txt dots/note.txt"
            ),
        );
        let output = rsync(
            &host,
            account,
            &["-rt", "--link-dest=../..", "dots/", "@:uploads/fresh/"],
        );
        let links = |below: &str| {
            use std::os::unix::fs::MetadataExt;
            let path = account.at(below);
            host.inside(|| std::fs::metadata(path))
                .map_or(0, |facts| facts.nlink())
        };
        if account.name == "plain" {
            assert!(output.status.success(), "{output}");
            assert_eq!((links(".bashrc"), links("note.txt")), (3, 3));
        } else {
            // Two each: the older links of `uploads`.
            assert_eq!((links(".bashrc"), links("note.txt")), (2, 2), "{output}");
        }
    }
}

#[test]
fn lists_of_files() {
    let host = host("");
    local(&host, &[("list", "old.txt\nsub/deep.txt\n")]);
    for account in [host.plain(), host.alice()] {
        beforehand(&host, account, "printf 'old.txt\\n' >uploads/list");
        for (option, expected) in [
            ("--files-from=list".to_owned(), "old.txt\nsub\n"),
            (
                format!("--files-from=:{}", account.at("uploads/list").display()),
                "old.txt\n",
            ),
            ("--files-from=:uploads/list".to_owned(), "old.txt\n"),
        ] {
            prepare(&host, "rm -rf got; mkdir got");
            rsync(&host, account, &["-a", &option, "@:uploads/", "got/"]).succeeded(&option);
            assert_eq!(
                host.root("ls", &["/tmp/local/got"]).out(),
                expected,
                "{option}"
            );
        }
    }
    // A list outside the policy would reveal its lines as names of missing files.
    let arguments = [
        "-a",
        "--files-from=:/srv/outside/secret.txt",
        "@:uploads/",
        "got/",
    ];
    let told = "of somebody else";
    assert!(rsync(&host, host.plain(), &arguments).err().contains(told));
    let output = rsync(&host, host.alice(), &arguments).failed("a list outside");
    assert!(
        !output.err().contains(told) && !output.out().contains(told),
        "{output}"
    );
}

#[test]
fn sources_and_targets_outside() {
    let host = host("");
    local(&host, &[("up", "up\n")]);
    for source in [
        "@:/srv/outside/secret.txt",
        "@:../../srv/outside/secret.txt",
        "@:uploads/to-outside/secret.txt",
    ] {
        prepare(&host, "rm -rf got; mkdir got");
        rsync(&host, host.plain(), &["-t", source, "got/"]).succeeded(source);
        assert!(host.exists("/tmp/local/got/secret.txt"), "{source}");
        prepare(&host, "rm -rf got; mkdir got");
        rsync(&host, host.alice(), &["-t", source, "got/"]).failed(source);
        assert!(!host.exists("/tmp/local/got/secret.txt"), "{source}");
    }
    for target in [
        "@:/srv/outside/drop/",
        "@:../../srv/outside/drop/",
        "@:uploads/to-outside/drop/",
        "@:/tmp/",
    ] {
        let place = if target == "@:/tmp/" {
            "/tmp/up"
        } else {
            "/srv/outside/drop/up"
        };
        rsync(&host, host.plain(), &["up", target]).succeeded(target);
        assert!(host.exists(place), "{target}");
        prepare(&host, &format!("rm {place}"));
        let before = host.disk();
        rsync(&host, host.alice(), &["up", target]).failed(target);
        before.assert_same(&host.disk(), target);
    }
}

/// A link is transferred as a link, and never followed.
#[test]
fn options_that_follow_links_are_refused() {
    let host = host("");
    for options in [["-L", "-r"], ["-k", "-r"], ["--copy-unsafe-links", "-rl"]] {
        let mut arguments = options.to_vec();
        arguments.extend(["@:uploads/to-outside", "got/"]);
        prepare(&host, "rm -rf got; mkdir got");
        rsync(&host, host.plain(), &arguments).succeeded("links followed");
        assert!(
            host.exists("/tmp/local/got/to-outside/secret.txt"),
            "{options:?}"
        );
        prepare(&host, "rm -rf got; mkdir got");
        let output = rsync(&host, host.alice(), &arguments).failed("links followed");
        assert!(
            !host.exists("/tmp/local/got/to-outside"),
            "{options:?}: {output}"
        );
    }
}

/// What begins at the target, or at the parent of a target that is one file, is judged before rsync starts.
#[test]
fn relative_places_are_judged_from_the_target() {
    let host = host("readable = [\"~/uploads\"]\n");
    let outside = "../../../srv/outside/drop";
    for (command, refused) in [
        (format!("--temp-dir={outside} -r . uploads"), true),
        (format!("--backup-dir={outside} -r . uploads"), true),
        (format!("--partial-dir={outside} -r . uploads"), true),
        (
            "--link-dest=../../../srv/outside -r . uploads".to_owned(),
            true,
        ),
        ("--compare-dest=../.ssh -r . uploads".to_owned(), true),
        ("--copy-dest=to-outside -r . uploads".to_owned(), true),
        // `old.txt` is a file: then the same path begins at the directory that contains it.
        ("--temp-dir=../x -r . uploads/old.txt".to_owned(), true),
        ("--temp-dir=../x . uploads/absent".to_owned(), true),
        // What comes shows only later: one file, or a directory.
        ("--temp-dir=../x -r . uploads/absent".to_owned(), true),
        ("--temp-dir=../x -r . uploads/absent/".to_owned(), false),
        ("--link-dest=../sub -r . uploads/absent".to_owned(), true),
        ("--link-dest=../sub -r . uploads/absent/".to_owned(), false),
        (
            "--link-dest=../empty -r . uploads/sub/absent".to_owned(),
            false,
        ),
        ("--temp-dir=../x . uploads/absent/".to_owned(), false),
        ("--temp-dir=../sub -r . uploads/sub".to_owned(), false),
        (
            "--partial-dir=.rsync-partial -r . uploads".to_owned(),
            false,
        ),
        (
            "--partial-dir=.~tmp~ --delay-updates -r . uploads".to_owned(),
            false,
        ),
    ] {
        let command = format!("rsync --server {command}");
        let before = host.disk();
        let output = host.direct(host.alice(), command.as_bytes(), b"");
        assert_eq!(output.code() == 126, refused, "{command}: {output}");
        if refused {
            let option = command.split([' ', '=']).nth(2).unwrap_or_default();
            let told = format!("The option {option} is refused");
            assert!(output.err().contains(&told), "{command}: {output}");
            before.assert_same(&host.disk(), &command);
        }
    }
}

/// rsync removes `link/..` in the text, the kernel goes where the link leads: neither may be outside.
#[test]
fn two_dots_behind_a_link_are_judged_both_ways() {
    let host = host("readable = [\"~/uploads\"]\nwritable = [\"~/uploads\"]\n");
    beforehand(
        &host,
        host.alice(),
        "mkdir -p uploads/sub/deep; ln -s sub/deep uploads/down; ln -s uploads/sub/deep far",
    );
    for (command, refused) in [
        ("rsync --server --sender -r . uploads/down/../x", false),
        ("rsync --server --sender -r . uploads/sub/../x", false),
        // For the kernel uploads/sub/x, in the text ~/x.
        ("rsync --server --sender -r . far/../x", true),
        ("rsync --server -r . far/../x", true),
        ("rsync --server --sender -r . far/../*", true),
        ("rsync --server -r --log-file=far/../x . uploads", true),
        // For the kernel ~/x, in the text uploads/x.
        ("rsync --server --sender -r . uploads/down/../../../x", true),
    ] {
        let output = host.direct(host.alice(), command.as_bytes(), b"");
        // What a wildcard matches is judged when the session is being started.
        let is_refused = matches!(output.code(), 125 | 126);
        assert_eq!(is_refused, refused, "{command}: {output}");
    }
}

/// Without its start directory a server starts in `/`, and its relative paths begin there.
#[test]
fn relative_places_without_a_start_directory() {
    let host = host("start = \"~/uploads/gone\"\nreadable = [\"~/uploads\"]\n");
    for (command, refused) in [
        // From the first readable directory, where the server starts instead.
        ("rsync --server --sender -r . old.txt", false),
        ("rsync --server --sender -r . ../note.txt", true),
        ("rsync --server --sender -r . ../../../etc/passwd", true),
        ("rsync --server -r . tmp/x", false),
        ("rsync --server -r . ../tmp/x", true),
        ("rsync --server -r --log-file=../LOG . tmp/x", true),
        ("scp -f ../../../etc/passwd", true),
        ("scp -t ../x", true),
        ("rsync --server --sender -r . /home/alice/uploads", false),
        ("scp -f old.txt", false),
        ("scp -t x", false),
    ] {
        let output = host.direct(host.alice(), command.as_bytes(), b"");
        assert_eq!(output.code() == 126, refused, "{command}: {output}");
    }
    // Where it was judged is where it is.
    let sent = host.direct(host.alice(), b"scp -f old.txt", b"\0\0\0\0");
    let content = host.read(host.alice().at("uploads/old.txt"));
    assert!(
        String::from_utf8_lossy(&sent.stdout).contains(&*String::from_utf8_lossy(&content)),
        "{sent}"
    );
}

/// A procfs link means something else to each process, so it is not followed before the server starts.
#[test]
fn a_link_of_procfs_leads_nowhere() {
    let host = host("start = \"/srv/start\"\nreadable = [\"~/uploads\"]\n");
    beforehand(
        &host,
        host.alice(),
        "ln -s /proc/self/cwd uploads/cwd; ln -s /proc/self/root uploads/root",
    );
    for command in [
        "rsync --server --sender -r . /home/alice/uploads/cwd/x",
        "rsync --server --sender -r . /home/alice/uploads/root/home/alice/uploads",
        "rsync --server -r . /home/alice/uploads/cwd/x",
        "scp -f /proc/self/cwd/x",
        "scp -t /dev/fd/0",
    ] {
        let output = host.direct(host.alice(), command.as_bytes(), b"");
        assert_eq!(output.code(), 126, "{command}: {output}");
    }
}

/// A partial directory is next to each file, so a target above the writable directories is no reason to refuse it.
#[test]
fn partial_directories_below_the_target() {
    let host = host("");
    local(&host, &[("src/uploads/new.txt", "new\n")]);
    for account in [host.plain(), host.alice()] {
        let arguments = ["-rlt", "-O", "--partial-dir=kept", "src/uploads", "@:"];
        rsync(&host, account, &arguments).succeeded("a tree");
        assert_eq!(
            content(&host, account, "uploads/new.txt").as_deref(),
            Some("new\n")
        );
    }
    for option in ["--partial-dir=../kept", "--temp-dir=kept"] {
        let command = format!("rsync --server -r {option} . .");
        let output = host.direct(host.alice(), command.as_bytes(), b"");
        assert_eq!(output.code(), 126, "{command}: {output}");
    }
}
