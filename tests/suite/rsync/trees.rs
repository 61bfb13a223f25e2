//! Whole trees, both ways, with the options of backups.

use crate::harness::{Account, Host, Snapshot};

use super::{assert_no_temporaries, content, host, prepare, rsync};

/// Everything that rsync can transfer, and names that break word splitting.
const TREE: &str = r#"
    rm -rf src && mkdir -p src/deep/er src/empty-dir "src/with space" && cd src
    printf 'hello\n' >plain.txt; : >empty; printf 'linked\n' >one
    ln one two; ln -s plain.txt link; ln -s nowhere dangling; ln -s deep dirlink
    printf x >deep/er/x; printf y >"with space/it's \$HOME;id"; printf z >'-dash'
    printf 'ü' >'größe'; printf n >"$(printf 'new\nline')"; printf g >'a*[?]'
    printf l >"$(printf '%0255d' 0)"
    head -c 3000000 /dev/urandom >big; truncate -s 5M sparse; printf end >>sparse
    printf '#!/bin/sh\n' >run; chmod 750 run; chmod 600 plain.txt; chmod 2775 deep; chmod 500 empty-dir
    find . -exec touch -h -d '2020-02-02 02:02:02.123456789 UTC' {} +
"#;

/// An ACL that lets user 1 read: version 2, then tag, rights and id of each entry (`linux/posix_acl_xattr.h`).
const ACL: [u16; 22] = [
    2, 0, 1, 6, !0, !0, 2, 4, 1, 0, 4, 4, !0, !0, 16, 4, !0, !0, 32, 4, !0, !0,
];

fn make_tree(host: &Host) {
    prepare(host, TREE);
    let acl: Vec<u8> = ACL.iter().flat_map(|word| word.to_le_bytes()).collect();
    host.inside(|| {
        xattr::set("/tmp/local/src/plain.txt", "user.note", b"a value").expect("an attribute");
        xattr::set("/tmp/local/src/one", "system.posix_acl_access", &acl).expect("an ACL");
    });
}

/// The tree at `path` as if it were at `/`, without what an account that is not root cannot preserve: the owners.
fn tree(host: &Host, path: &str) -> Snapshot {
    host.inside(|| Snapshot::of(&[path])).moved(path, "/")
}

/// Up as `account`, and down again as root into `back`; owners are those of the client both times.
#[track_caller]
fn round_trip(host: &Host, account: &Account, options: &[&str]) {
    let what = format!("{} with {options:?}", account.name);
    let mut up = options.to_vec();
    up.extend(["src/", "@:uploads/tree/"]);
    rsync(host, account, &up).succeeded(&format!("up, {what}"));
    assert_no_temporaries(host, account);
    prepare(host, "rm -rf back");
    let mut down = options.to_vec();
    down.extend(["--no-o", "--no-g", "@:uploads/tree/", "back/"]);
    rsync(host, account, &down).succeeded(&format!("down, {what}"));
    let diff = tree(host, "/tmp/local/src").diff(&tree(host, "/tmp/local/back"));
    assert_eq!(diff, "", "{what}");
}

#[test]
fn a_tree_comes_back_as_it_went() {
    let host = host("");
    make_tree(&host);
    for options in [
        &["-aHAX"][..],
        &["-aHAX", "-z", "--checksum"],
        &["-aHAX", "-S", "--whole-file", "--numeric-ids"],
        &["-aHAX", "--inplace", "--no-inc-recursive"],
        &[
            "-aHAX",
            "--fsync",
            "--preallocate",
            "--timeout=30",
            "--bwlimit=100000",
        ],
        &["-aHAX", "--zc=zlib", "--cc=md5", "-vv"],
        &["-aHAX", "--iconv=utf8,utf8"],
    ] {
        for account in [host.plain(), host.alice()] {
            round_trip(&host, account, options);
        }
        host.refurnish();
    }
}

#[test]
fn a_second_run_brings_every_kind_of_change() {
    let host = host("");
    for account in [host.plain(), host.alice()] {
        make_tree(&host);
        round_trip(&host, account, &["-aHAX"]);
        prepare(
            &host,
            r#"cd src
            printf 'changed\n' >>plain.txt; ln -sfn empty link; rm two; printf 'apart\n' >two
            ln -f plain.txt one; rm -r "with space"; rm -r deep/er; printf 'a file now' >deep/er
            rm run; mkdir run; printf r >run/r; chmod 644 big
            head -c 1000 /dev/urandom | dd of=big bs=1 seek=5000 conv=notrunc status=none
            chmod 755 empty-dir; printf new >empty-dir/new
            # rsync takes times in the same second for equal ones.
            find . -newermt 2021-01-01 -exec touch -h -d '2022-02-02 02:02:02.5 UTC' {} +"#,
        );
        host.inside(|| xattr::remove("/tmp/local/src/plain.txt", "user.note"))
            .expect("removing an attribute");
        for options in [
            &["-aHAX", "--delete"][..],
            &["-aHAX", "--delete-after", "--force"],
            &["-aHAX", "--delete-excluded", "--ignore-errors"],
        ] {
            round_trip(&host, account, options);
        }
    }
}

#[test]
fn an_account_without_xfersh_ends_with_the_same_tree() {
    let host = host("");
    make_tree(&host);
    for account in [host.plain(), host.alice()] {
        rsync(&host, account, &["-aHAX", "src/", "@:uploads/tree/"]).succeeded("up");
    }
    let normal = |account: &Account| {
        let home = account.home().display().to_string();
        let listed = host.root(
            "find",
            &[
                &format!("{home}/uploads/tree"),
                "-printf",
                "%P %y %m %s %T@ %n %l\\n",
            ],
        );
        let mut lines: Vec<String> = listed.out().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let plain = normal(host.plain());
    assert!(plain.len() > 15, "{plain:?}");
    assert_eq!(plain, normal(host.alice()));
}

/// Backups in the style of rsnapshot: what did not change is a hard link into the previous snapshot.
#[test]
fn snapshots_share_what_did_not_change() {
    let host = host("");
    for account in [host.plain(), host.alice()] {
        prepare(
            &host,
            "rm -rf src; mkdir -p src/d; echo same >src/d/same; echo one >src/changing",
        );
        rsync(
            &host,
            account,
            &["-aHAX", "--delete", "src/", "@:uploads/snap.1/"],
        )
        .succeeded("first");
        prepare(&host, "echo the second >src/changing");
        let uploads = account.at("uploads").display().to_string();
        for (target, basis) in [
            ("snap.2", "../snap.1".to_owned()),
            ("snap.3", format!("{uploads}/snap.2")),
        ] {
            let option = format!("--link-dest={basis}");
            let target = format!("@:uploads/{target}/");
            rsync(
                &host,
                account,
                &[
                    "-aHAX",
                    "--delete",
                    "--numeric-ids",
                    &option,
                    "src/",
                    &target,
                ],
            )
            .succeeded("a snapshot");
        }
        let links = |below: &str| {
            use std::os::unix::fs::MetadataExt;
            let path = account.at(below);
            host.inside(|| std::fs::metadata(path))
                .expect("a file of a snapshot")
                .nlink()
        };
        assert_eq!(links("uploads/snap.1/d/same"), 3, "{}", account.name);
        assert_eq!(links("uploads/snap.3/changing"), 2, "{}", account.name);
        assert_eq!(
            content(&host, account, "uploads/snap.1/changing").as_deref(),
            Some("one\n")
        );
        assert_eq!(
            content(&host, account, "uploads/snap.3/changing").as_deref(),
            Some("the second\n")
        );
    }
}

#[test]
fn sources_may_be_several_and_wildcards() {
    let host = host("");
    for account in [host.plain(), host.alice()] {
        for (sources, expected) in [
            (
                &["@:uploads/old.txt", ":uploads/sub/deep.txt"][..],
                &["deep.txt", "old.txt"][..],
            ),
            (&["@:uploads/*.txt"], &["old.txt"]),
            (&["@:~/note.txt"], &["note.txt"]),
            (&["@:uploads/s?b/[a-d]*.txt"], &["deep.txt"]),
            (&["-R", "@:uploads/./sub/deep.txt"], &["sub"]),
            (&["-R", "@:uploads/./sub/*.txt"], &["sub"]),
            (&["-r", "@:uploads/su*/"], &["deep.txt"]),
        ] {
            prepare(&host, "rm -rf got; mkdir got");
            let mut arguments = vec!["-t", "--old-args"];
            arguments.extend(sources);
            arguments.push("got/");
            let what = format!("{} {sources:?}", account.name);
            rsync(&host, account, &arguments).succeeded(&what);
            let names = host.root("ls", &["/tmp/local/got"]).out();
            assert_eq!(names.lines().collect::<Vec<_>>(), expected, "{what}");
        }
    }
}
