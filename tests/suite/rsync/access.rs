//! The narrower rights of a policy under rsync: read-only, upload-only, append-only.

use crate::harness::Host;

use super::{assert_no_temporaries, content, host, local, prepare, rsync};

/// Every way in which rsync could change `uploads`, with what it needs.
const CHANGES: &[(&str, &[&str])] = &[
    ("replaces", &["-a", "src/", "@:uploads/"]),
    (
        "replaces without times",
        &["-r", "-I", "src/", "@:uploads/"],
    ),
    (
        "writes in place",
        &["-a", "--inplace", "src/", "@:uploads/"],
    ),
    ("appends", &["-a", "--append", "src/", "@:uploads/"]),
    (
        "appends after a look",
        &["-a", "--append-verify", "src/", "@:uploads/"],
    ),
    (
        "keeps the old one aside",
        &["-a", "-b", "src/", "@:uploads/"],
    ),
    (
        "moves the old one",
        &["-a", "-b", "--backup-dir=aside", "src/", "@:uploads/"],
    ),
    ("deletes", &["-a", "--delete", "bare/", "@:uploads/"]),
    (
        "deletes after",
        &[
            "-a",
            "--delete-after",
            "--delete-excluded",
            "bare/",
            "@:uploads/",
        ],
    ),
    (
        "deletes what is missing",
        &["-a", "--delete-missing-args", "old.txt", "@:uploads/"],
    ),
    (
        "puts a file over a directory",
        &["-a", "--force", "dirs/", "@:uploads/"],
    ),
    ("sets modes", &["-a", "--size-only", "same/", "@:uploads/"]),
    (
        "writes a log",
        &[
            "-a",
            "-M--log-file=uploads/old.txt",
            "src/old.txt",
            "@:uploads/sub/",
        ],
    ),
    (
        "uses a temporary directory",
        &["-a", "--temp-dir=sub", "src/", "@:uploads/"],
    ),
    (
        "keeps partial files",
        &["-a", "--partial-dir=sub", "src/", "@:uploads/"],
    ),
    (
        "removes sources",
        &["-a", "--remove-source-files", "@:uploads/old.txt", "got/"],
    ),
];

fn files(host: &Host) {
    local(
        host,
        &[
            ("src/old.txt", "uploaded before, and now longer\n"),
            ("same/old.txt", "uploaded BEFORE\n"),
            ("dirs/sub", "a file in the place of a directory\n"),
            ("fresh/a/new.txt", "new\n"),
        ],
    );
    prepare(
        host,
        "mkdir -p bare got; chmod 600 same/old.txt; ln -s new.txt fresh/a/link; ln fresh/a/new.txt fresh/a/other",
    );
}

/// None of the changes reaches what `uploads` held before, in an account with this access.
#[track_caller]
fn nothing_older_changes(access: &str) {
    let host = host(&format!("access = \"{access}\"\n"));
    files(&host);
    for (what, arguments) in CHANGES {
        host.refurnish();
        let watched = || {
            let found = host.root(
                "find",
                &[
                    "/home",
                    "/srv",
                    "-not",
                    "-path",
                    "*/local/*",
                    "-type",
                    "f",
                    "-printf",
                    "%p %m %s %T@ %i\n",
                ],
            );
            let mut lines: Vec<String> = found.out().lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let older = |lines: &[String], account: &str| -> Vec<String> {
            let home = format!("/home/{account}/");
            lines
                .iter()
                .filter(|line| line.starts_with(&home))
                .cloned()
                .collect()
        };
        let before = watched();
        rsync(&host, host.plain(), arguments);
        assert_ne!(
            older(&before, "plain"),
            older(&watched(), "plain"),
            "{what}: nothing happened in plain"
        );
        let before = older(&watched(), "alice");
        let output = rsync(&host, host.alice(), arguments);
        let after = older(&watched(), "alice");
        let lost: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
        assert!(lost.is_empty(), "{access}, {what}: {lost:?} {output}");
        assert_eq!(
            content(&host, host.alice(), "uploads/old.txt").as_deref(),
            Some("uploaded before\n"),
            "{what}"
        );
        assert_no_temporaries(&host, host.alice());
    }
}

#[test]
fn read_only_keeps_everything() {
    nothing_older_changes("read-only");
}

#[test]
fn upload_only_keeps_everything() {
    nothing_older_changes("upload-only");
}

#[test]
fn append_only_keeps_everything() {
    nothing_older_changes("append-only");
}

#[test]
fn read_only_gives_and_takes_nothing() {
    let host = host("access = \"read-only\"\n");
    files(&host);
    rsync(&host, host.alice(), &["-aHAX", "@:uploads/old.txt", "got/"]).succeeded("a download");
    assert_eq!(host.read("/tmp/local/got/old.txt"), b"uploaded before\n");
    let before = host.disk();
    for target in ["@:uploads/", "@:uploads/fresh/", "@:"] {
        rsync(&host, host.plain(), &["-a", "-n", "fresh/", target]).succeeded("an upload");
        let output = rsync(&host, host.alice(), &["-a", "fresh/", target]).failed("an upload");
        before.assert_same(&host.disk(), &format!("{target}: {output}"));
    }
}

#[test]
fn upload_only_takes_new_files_and_gives_none() {
    let host = host("access = \"upload-only\"\n");
    files(&host);
    for options in [&["-a", "-O"][..], &["-r"], &["-rt", "-O", "--inplace"]] {
        host.refurnish();
        for account in [host.plain(), host.alice()] {
            let mut arguments = options.to_vec();
            arguments.extend(["fresh/", "@:uploads/"]);
            rsync(&host, account, &arguments).succeeded(&format!("{} {options:?}", account.name));
            assert_eq!(
                content(&host, account, "uploads/a/new.txt").as_deref(),
                Some("new\n")
            );
        }
        assert_no_temporaries(&host, host.alice());
    }
    for source in ["@:uploads/old.txt", "@:uploads/", "@:note.txt"] {
        rsync(&host, host.plain(), &["-r", source, "got/"]).succeeded(source);
        prepare(&host, "rm -rf got; mkdir got");
        rsync(&host, host.alice(), &["-r", source, "got/"]).failed(source);
        assert_eq!(
            host.root("ls", &["-A", "/tmp/local/got"]).out(),
            "",
            "{source}"
        );
    }
}

/// A backup client adds snapshots and cannot remove one.
#[test]
fn append_only_takes_snapshots() {
    let host = host("access = \"append-only\"\n");
    for account in [host.plain(), host.alice()] {
        prepare(
            &host,
            "rm -rf src; mkdir -p src/d; echo same >src/d/same; echo one >src/changing; ln -s d src/link",
        );
        rsync(
            &host,
            account,
            &["-aHAX", "--delete", "src/", "@:uploads/snap.1/"],
        )
        .succeeded("the first");
        prepare(&host, "echo the second >src/changing; echo new >src/new");
        rsync(
            &host,
            account,
            &[
                "-aHAX",
                "--delete",
                "--link-dest=../snap.1",
                "src/",
                "@:uploads/snap.2/",
            ],
        )
        .succeeded("the second");
        use std::os::unix::fs::MetadataExt;
        let same = account.at("uploads/snap.2/d/same");
        let facts = host
            .inside(|| std::fs::metadata(same))
            .expect("the second snapshot");
        assert_eq!(facts.nlink(), 2, "{}", account.name);
    }
    // The times of directories are left out: something new may be created in an older one.
    let tree = || {
        let found = host
            .root(
                "find",
                &[
                    "/home/alice/uploads",
                    "-not",
                    "-type",
                    "d",
                    "-printf",
                    "%p %y %m %s %T@ %i %l\\n",
                ],
            )
            .out();
        let mut lines: Vec<String> = found.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let before = tree();
    for options in [
        &["-aHAX", "--delete"][..],
        &["-aHAX", "--inplace", "-I"],
        &["-a", "--delete", "--force", "-I"],
        &["-a", "--append"],
    ] {
        prepare(
            &host,
            "rm -rf src; mkdir src; echo overwritten >src/changing",
        );
        let mut arguments = options.to_vec();
        arguments.extend(["src/", "@:uploads/snap.1/"]);
        rsync(&host, host.plain(), &arguments).succeeded("taking a snapshot back");
        rsync(&host, host.alice(), &arguments).failed("taking a snapshot back");
        assert_eq!(before, tree(), "{options:?}");
    }
}
