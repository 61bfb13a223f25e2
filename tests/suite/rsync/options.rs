//! What an rsync command could start or change besides its transfer.

use std::path::Path;

use crate::harness::{Account, Host};

use super::{beforehand, content, host, local, rsync};

/// Of the account's own files, `~/.popt` can make any command line start a program.
#[test]
fn a_popt_file_starts_nothing() {
    let host = host("");
    local(&host, &[("up", "up\n")]);
    for account in [host.plain(), host.alice()] {
        let home = account.home().display().to_string();
        beforehand(
            &host,
            account,
            &format!(
                "printf '#!/bin/sh\\ntouch {home}/uploads/started\\n' >uploads/run; chmod 755 uploads/run; \
                 echo 'rsync exec --server {home}/uploads/run' >.popt"
            ),
        );
        rsync(&host, account, &["up", "@:uploads/"]);
    }
    assert!(
        host.exists(host.plain().at("uploads/started")),
        "the attack does not work at all"
    );
    assert!(!host.exists(host.alice().at("uploads/started")));
    assert_eq!(
        content(&host, host.alice(), "uploads/up").as_deref(),
        Some("up\n")
    );
}

#[test]
fn the_default_policy_has_no_rsync() {
    let host = Host::with_sshd();
    local(&host, &[("up", "up\n")]);
    rsync(&host, host.plain(), &["up", "@:uploads/"]).succeeded("plain");
    let before = host.disk();
    let _ = host.log();
    let output = rsync(&host, host.alice(), &["up", "@:uploads/"]).failed("alice");
    before.assert_same(&host.disk(), "rsync without leave");
    assert!(!output.err().is_empty());
    let log = host.log();
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].text.contains("rsync"), "{log:?}");
}

/// Options with which a client, or somebody in its name, could do more than transfer.
#[test]
fn refused_options_start_nothing() {
    let host = host("");
    let direct = |account: &Account, command: &str| host.direct(account, command.as_bytes(), b"");
    for command in [
        "rsync --server -e.LsfxCIvu --log-file=/dev/null -s",
        "rsync --daemon --no-detach --port=8730 --config=uploads/conf",
        "rsync --server --daemon .",
        "rsync -e uploads/run x:y .",
        "rsync --server --sender --debug=FILTER -r . uploads",
        "rsync --server -r --write-devices . uploads/x",
    ] {
        // There it starts, whatever it then misses.
        let plain = direct(host.plain(), &format!("timeout 1 {command}"));
        let runs = plain.err().contains("rsync") || plain.err().contains("uploads/conf");
        assert!(runs && plain.code() < 124, "{command}: {plain}");
        let before = host.disk();
        let output = direct(host.alice(), command);
        assert_eq!(output.code(), 126, "{command}: {output}");
        assert!(output.stdout.is_empty(), "{command}: {output}");
        before.assert_same(&host.disk(), command);
    }
    // Such an option does something elsewhere.
    beforehand(
        &host,
        host.plain(),
        "printf '#!/bin/sh\ntouch uploads/started\n' >uploads/run; chmod 755 uploads/run",
    );
    direct(host.plain(), "rsync -e uploads/run x:y .");
    assert!(host.exists(host.plain().at("uploads/started")));
}

/// Devices, FIFOs and sockets are not created; the rest of the transfer arrives.
#[test]
fn special_files_are_left_out() {
    let host = host("");
    local(&host, &[("src/file", "file\n")]);
    super::prepare(&host, "mkfifo src/fifo");
    rsync(&host, host.plain(), &["-a", "src/", "@:uploads/"]).succeeded("plain");
    assert!(host.exists(host.plain().at("uploads/fifo")));
    let output = rsync(&host, host.alice(), &["-a", "src/", "@:uploads/"]).failed("alice");
    assert_eq!(output.code(), 23, "{output}");
    assert!(!host.exists(host.alice().at("uploads/fifo")));
    assert_eq!(
        content(&host, host.alice(), "uploads/file").as_deref(),
        Some("file\n")
    );
}

/// A link to a place outside is not written, unless the policy says so; `--munge-links` and `--fake-super` are tested
/// separately.
#[test]
fn links_out_of_the_policy_are_left_out() {
    let host = host("");
    super::prepare(
        &host,
        "mkdir src; ln -s /srv/outside src/out; ln -s old.txt src/in",
    );
    rsync(&host, host.plain(), &["-a", "src/", "@:uploads/"]).succeeded("plain");
    assert!(host.exists(host.plain().at("uploads/out")));
    rsync(&host, host.alice(), &["-a", "src/", "@:uploads/"]).failed("alice");
    assert!(!host.exists(host.alice().at("uploads/out")));
    assert!(host.exists(host.alice().at("uploads/in")));
}

/// Every other option that the table accepts works.
#[test]
fn options_of_the_table_work() {
    let host = host("");
    super::prepare(
        &host,
        "mkdir -p src/d; echo a >src/a; echo b >src/d/b; ln -s a src/l",
    );
    for options in [
        &["-rlptgoD", "--chmod=F640"][..],
        &["-a", "--size-only", "--modify-window=1"],
        &[
            "-a",
            "--max-size=1M",
            "--min-size=0",
            "--max-delete=3",
            "--delete",
        ],
        &["-a", "--existing", "--ignore-existing"],
        &["-a", "-m", "-O", "-J", "-x", "-u", "-E"],
        &["-a", "--usermap=*:alice", "--groupmap=*:alice"],
        &["-a", "-yy", "--checksum-seed=7", "-B700"],
        &["-aR", "--no-implied-dirs"],
        &["-a", "-i", "--info=ALL2", "--stats"],
        &["-a", "-M--fake-super", "-M--munge-links"],
        &[
            "-a",
            "--skip-compress=gz/jpg",
            "-z",
            "--compress-level=3",
            "--max-alloc=512M",
        ],
        &["-a", "--timeout=20", "--contimeout=0", "--human-readable"],
        &["-a", "-C", "-W", "--safe-links"],
        &["-a", "-U", "--open-noatime"],
        &["-a", "--mkpath"],
        &["-aH", "--protocol=29"],
        &["-d"],
    ] {
        for account in [host.plain(), host.alice()] {
            host.refurnish();
            let mut arguments = options.to_vec();
            arguments.extend(["src/", "@:uploads/sub/"]);
            let what = format!("{} {options:?}", account.name);
            rsync(&host, account, &arguments).succeeded(&what);
            let mut arguments = vec!["-r"];
            arguments.extend(["@:uploads/", "got/"]);
            rsync(&host, account, &arguments).succeeded(&what);
        }
    }
    let listed = rsync(&host, host.alice(), &["@:uploads/"]).succeeded("a listing");
    assert!(listed.out().contains("old.txt"), "{listed}");
    assert!(Path::new("/usr/bin/rsync").exists());
}

/// popt replaces `!#:+` in a value with the next word, here the dot: rsync opens a path other than the one written.
#[test]
fn a_value_that_popt_rewrites_is_refused() {
    let host = host("");
    let up = "uploads/!#:+/!#:+/!#:+/../../..";
    for account in [host.plain(), host.alice()] {
        beforehand(
            &host,
            account,
            "mkdir -p 'uploads/!#:+/!#:+/!#:+' 'uploads/srv/outside/drop' uploads/srv/outside",
        );
    }
    let log = format!("--log-file={up}/srv/outside/drop/LOG");
    let names = format!("--files-from={up}/etc/passwd");
    let temporary = format!("--temp-dir={up}/srv/outside/drop");
    // By hand, since the client's own popt also rewrites what it sends.
    let write = format!("rsync --server -r {log} . uploads");
    let before = host.disk();
    let output = host.direct(host.plain(), write.as_bytes(), b"");
    let diff = before.diff(&host.disk());
    assert!(
        diff.contains("/srv/outside/drop/LOG"),
        "the attack does not work at all: {output} {diff}"
    );
    host.refurnish();
    let read = format!("rsync --server --sender -r {names} . uploads");
    // The version of the protocol, then nothing to exclude.
    let hello = [&[29, 0, 0, 0][..], &[0; 64]].concat();
    let output = host.direct(host.plain(), read.as_bytes(), &hello);
    assert!(
        output.err().contains("root:x:0:0"),
        "the attack does not work at all: {output}"
    );
    for (command, option) in [
        (write, "--log-file"),
        (read, "--files-from"),
        (
            format!("rsync --server -r {temporary} . uploads"),
            "--temp-dir",
        ),
        (
            "rsync --server -r --log-format='x!#:+' . uploads".to_owned(),
            "--log-format",
        ),
        (
            "rsync --server -r --suffix '!#:+' . uploads".to_owned(),
            "--suffix",
        ),
    ] {
        let before = host.disk();
        let output = host.direct(host.alice(), command.as_bytes(), &hello);
        assert_eq!(output.code(), 126, "{command}: {output}");
        assert!(output.err().contains(option), "{command}: {output}");
        assert!(!output.err().contains("root:x"), "{command}: {output}");
        before.assert_same(&host.disk(), &command);
    }
}

/// A client that transfers files with an option that is refused is told which one, and what to do instead.
#[test]
fn a_refused_option_is_named_to_the_client() {
    let host = host("");
    local(&host, &[("src/new.txt", "new\n")]);
    for (arguments, told) in [
        (
            &["-a", "-s", "src/", "@:uploads/"][..],
            "The option -s is refused: ",
        ),
        (&["-aK", "src/", "@:uploads/"], "The option -K is refused: "),
        (
            &[
                "-a",
                "--copy-unsafe-links",
                "-M--copy-unsafe-links",
                "src/",
                "@:uploads/",
            ],
            "The option --copy-unsafe-links is refused: it follows symbolic links. Instead: transfer the links as links",
        ),
        (
            &[
                "-a",
                "-M--log-file=/srv/outside/drop/log",
                "src/",
                "@:uploads/",
            ],
            "The option --log-file is refused: the target is not in a writable directory.",
        ),
        (
            &["-a", "--rsync-path=nice rsync", "src/", "@:uploads/"],
            "Call rsync directly, without nice before it.",
        ),
    ] {
        rsync(&host, host.plain(), arguments).succeeded("in an ordinary account");
        let before = host.disk();
        let output = rsync(&host, host.alice(), arguments).failed(told);
        assert!(output.err().contains(told), "{arguments:?}: {output}");
        before.assert_same(&host.disk(), told);
    }
    for (command, told) in [
        ("sftp-server -d /", "The option -d is refused: "),
        ("scp -S sh -t uploads", "The option -S is refused: "),
        ("sftp-server -\u{1b}[2J", r"The option -\x1b is refused: "),
    ] {
        let output = host.direct(host.alice(), command.as_bytes(), b"");
        assert_eq!(output.code(), 126, "{output}");
        assert!(output.err().contains(told), "{output}");
    }
}

/// The longest option is as long as the command, the longest path as long as the kernel accepts.
#[test]
fn a_long_option_is_served() {
    let host = host("");
    local(&host, &[("src/new.txt", "new\n")]);
    let suffixes: Vec<String> = (0..900).map(|number| format!("s{number}")).collect();
    let option = format!("-M--skip-compress={}", suffixes.join("/"));
    assert!(option.len() > 4096);
    for account in [host.plain(), host.alice()] {
        rsync(&host, account, &["-az", &option, "src/", "@:uploads/"]).succeeded("a long list");
        assert_eq!(
            content(&host, account, "uploads/new.txt").as_deref(),
            Some("new\n")
        );
    }
}
