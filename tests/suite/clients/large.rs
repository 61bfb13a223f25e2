//! A large tree and a large file with every protocol, whole and in pieces.

use std::time::Duration;

use super::{stage, table};
use crate::harness::Host;
use crate::harness::run::run_within;

/// The sections of the page.
pub const SECTIONS: &[&str] = &["large-tree", "large-file", "large-cut"];
const LIMIT: Duration = Duration::from_secs(580);

/// 2,000 files in 300 directories, 50 symlinks, ten sparse files; `$1` is where.
const MAKE_TREE: &str = r#"
mkdir -p $1 && cd $1 &&
for d in $(seq 300); do mkdir -p "d$((d % 20))/e $d"; done &&
for f in $(seq 1990); do d=$((f % 300 + 1)); head -c $((f * 37 % 9000)) /dev/urandom >"d$((d % 20))/e $d/file $f"; done &&
for f in $(seq 10); do truncate -s 3M sparse$f && printf end >>sparse$f; done &&
for l in $(seq 50); do ln -s "../sparse$((l % 10 + 1))" d1/link$l; done
"#;
/// Three GiB with data at both ends and in the middle.
const MAKE_FILE: &str = r#"
truncate -s 3G $1 && printf start | dd of=$1 conv=notrunc status=none &&
printf middle | dd of=$1 conv=notrunc bs=1M seek=1500 status=none && printf end >>$1
"#;

struct Way {
    client: &'static str,
    policy: &'static str,
    /// `$FROM` in the local directory to `uploads/`, and `$FROM` in `out/` to `down/`.
    up: &'static str,
    down: &'static str,
    /// How the trees are compared: links as links, as what they lead to, or not at all.
    compare: &'static str,
    /// Whether it moves the large file too: one client for each protocol does.
    large_file: bool,
}

const RSYNC: &str = "protocols = [\"rsync\"]\n";
const AS_LINKS: &str = "diff -r --no-dereference";
const FOLLOWED: &str = "diff -r";
const WITHOUT_LINKS: &str = "diff -r --no-dereference -x 'link*'";

const WAYS: &[Way] = &[
    Way {
        client: "sftp by OpenSSH sftp, which leaves links out of a tree",
        policy: "",
        up: "echo put -r $FROM uploads/ | sftp -b - $TO",
        down: "echo get -r out/$FROM down/ | sftp -b - $TO",
        compare: WITHOUT_LINKS,
        large_file: true,
    },
    Way {
        client: "sftp by lftp, which keeps links",
        policy: "",
        up: "test -f $FROM && lftp -c \"open sftp://$U:x@host; put -O uploads $FROM\" || \
             lftp -c \"open sftp://$U:x@host; mirror -R $FROM uploads/$FROM\"",
        down: "test -f $HOME_OF_U/out/$FROM && lftp -c \"open sftp://$U:x@host; get -O down out/$FROM\" || \
               lftp -c \"open sftp://$U:x@host; mirror out/$FROM down/$FROM\"",
        compare: AS_LINKS,
        large_file: false,
    },
    Way {
        client: "sftp by scp, which follows links",
        policy: "",
        up: "scp -qr $FROM $TO:uploads/",
        down: "scp -qr $TO:out/$FROM down/",
        compare: FOLLOWED,
        large_file: false,
    },
    Way {
        client: "scp by scp -O, which follows links",
        policy: "",
        up: "scp -Oqr $FROM $TO:uploads/",
        down: "scp -Oqr $TO:out/$FROM down/",
        compare: FOLLOWED,
        large_file: true,
    },
    Way {
        client: "rsync -aS, which keeps links and holes",
        policy: RSYNC,
        up: "rsync -aS $FROM $TO:uploads/",
        down: "rsync -aS $TO:out/$FROM down/",
        compare: AS_LINKS,
        large_file: true,
    },
];

#[test]
#[ignore = "moves several GiB: tests/run --all"]
fn a_large_tree_goes_up_and_down_by_each_protocol() {
    let host = stage::host(stage::SUBSYSTEM);
    let mut rows = String::new();
    for way in WAYS {
        prepare(&host, way, MAKE_TREE, "tree");
        line(
            &host,
            "test $(find tree -type f | wc -l) = 2000 -a $(find tree -type l | wc -l) = 50",
        );
        line(&host, &format!("FROM=tree; {}", way.up));
        line(
            &host,
            &format!("{} tree $HOME_OF_U/uploads/tree", way.compare),
        );
        line(&host, &format!("FROM=tree; {}", way.down));
        line(&host, &format!("{} tree down/tree", way.compare));
        rows += &result(
            "2,000 files, 300 directories, 50 links, 10 sparse files",
            way,
        );
    }
    table::keep_section(SECTIONS[0], &rows);
}

/// sftp cannot transfer holes, so the copy takes disk space for all of its bytes; rsync -S creates them again.
#[test]
#[ignore = "moves several GiB: tests/run --all"]
fn a_file_of_three_gib_goes_up_and_down_by_each_protocol() {
    let host = stage::host(stage::SUBSYSTEM);
    let mut rows = String::new();
    for way in WAYS.iter().filter(|way| way.large_file) {
        // In blocks of 512 bytes: the file has about a thousand of data, and six million in all.
        let blocks = if way.policy == RSYNC {
            "-lt 100000"
        } else {
            "-gt 6000000"
        };
        let holes = format!("test $(stat -c %b $HOME_OF_U/uploads/file) {blocks}");
        prepare(&host, way, MAKE_FILE, "file");
        line(&host, &format!("FROM=file; {}", way.up));
        line(
            &host,
            &format!("cmp file $HOME_OF_U/uploads/file && {holes} && rm $HOME_OF_U/uploads/file"),
        );
        line(&host, &format!("FROM=file; {}", way.down));
        line(&host, "cmp file down/file && rm down/file");
        rows += &result("a sparse file of 3 GiB", way);
    }
    table::keep_section(SECTIONS[1], &rows);
}

/// Both clients are killed again and again, at random moments after more has arrived, and continue where they were.
#[test]
#[ignore = "moves several GiB: tests/run --all"]
fn interrupted_transfers_go_on_where_they_were() {
    let host = stage::host(stage::SUBSYSTEM);
    let resuming = [
        (
            "",
            "echo reput file uploads/file | sftp -q -b - $TO",
            "echo reget out/file down/file | sftp -q -b - $TO",
        ),
        (
            "",
            "lftp -c \"open sftp://$U:x@host; put -c -O uploads file\"",
            "lftp -c \"open sftp://$U:x@host; get -c -O down out/file\"",
        ),
        (
            RSYNC,
            "rsync --append file $TO:uploads/file",
            "rsync --append $TO:out/file down/file",
        ),
    ];
    let mut rows = String::new();
    for (policy, up, down) in resuming {
        let way = Way {
            client: up
                .split(' ')
                .find(|word| ["sftp", "lftp", "rsync"].contains(word))
                .unwrap_or(up),
            policy,
            up,
            down,
            compare: "cmp",
            large_file: false,
        };
        prepare(&host, &way, "head -c 300000000 /dev/urandom >$1", "file");
        line(
            &host,
            ": >$HOME_OF_U/uploads/file; chown $U: $HOME_OF_U/uploads/file; : >down/file",
        );
        for (what, arrived) in [(up, "$HOME_OF_U/uploads/file"), (down, "down/file")] {
            let interrupted = format!(
                "cut=0; size() {{ stat -c %s {arrived}; }}; for n in 1 2 3 4; do \
                 before=$(size); setsid bash -c '{what}' & client=$!; \
                 while [ $(size) = $before ] && kill -0 $client 2>/dev/null; do sleep 0.01; done; \
                 sleep 0.0$((RANDOM % 10)); kill -KILL -- -$client; wait $client; \
                 now=$(size); [ $now -gt 0 ] && [ $now -lt 300000000 ] && cut=1; done; \
                 sleep 1; {what}; echo cut=$cut; cmp file {arrived}"
            );
            let said = line(&host, &interrupted);
            // If the machine was so fast that nothing was interrupted, this proved nothing.
            assert!(
                said.contains("cut=1"),
                "{what}: it was never interrupted half-way: {said}"
            );
        }
        rows += &result("300 MB, killed four times at random moments", &way);
    }
    table::keep_section(SECTIONS[2], &rows);
}

/// A line of the page about what was just compared.
fn result(what: &str, way: &Way) -> String {
    let lines = format!("{} | {}", table::code(way.up), table::code(way.down));
    format!("| {what} | {} | {lines} | identical |\n", way.client)
}

/// Puts what is to be transferred on both sides, owned by the restricted account.
fn prepare(host: &Host, way: &Way, make: &str, name: &str) {
    eprintln!("{}", way.client);
    if way.policy.is_empty() {
        host.no_policy();
    } else {
        host.policy(way.policy);
    }
    stage::set(host, host.alice());
    line(host, "rm -rf up $HOME_OF_U/out/*");
    line(host, &format!("set -- $PWD/{name}; {make}"));
    line(
        host,
        &format!("cp -a --sparse=always {name} $HOME_OF_U/out/ && chown -hR $U: $HOME_OF_U/out"),
    );
}

#[track_caller]
fn line(host: &Host, line: &str) -> String {
    let mut command = stage::command(host.alice(), line);
    run_within(host.namespace(), &mut command, b"", LIMIT)
        .succeeded(line)
        .out()
}
