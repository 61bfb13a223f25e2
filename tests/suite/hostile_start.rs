//! Odd and hostile ways to start the shell: it neither crashes nor serves anything but the request.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::harness::sshd::CLIENT_CONFIG;
use crate::harness::{Host, Kind, Line, Output, XFERSH};

const SERVER: &str = "/usr/lib/openssh/sftp-server";
/// The first packet of a client.
const HELLO: &[u8] = b"\0\0\0\x05\x01\0\0\0\x03";

/// Starts the shell as alice from a bash; `before` ends with the command that execs it.
fn start(host: &Host, before: &str, arguments: &str, input: &[u8]) -> Output {
    let id = host.alice().id;
    let script =
        format!("{before} setpriv --reuid {id} --regid {id} --init-groups {XFERSH} {arguments}");
    let mut command = Command::new("bash");
    command
        .args(["-c", &script])
        .current_dir(host.alice().home());
    host.run(
        command.env("SSH_CONNECTION", "127.0.0.1 1 127.0.0.1 22"),
        input,
    )
}

/// The server ran and ended well: standard input was over after the first packet.
fn served(output: &Output) -> bool {
    output.code() == 0
}

/// No crash, no trace on the disk, and a line in the log that has no raw byte of the peer.
#[track_caller]
fn unharmed(host: &Host, what: &str, output: &Output) -> Vec<Line> {
    assert!(
        output.code() < 128 && output.code() != 101,
        "{what}: {output}"
    );
    let log = host.log();
    assert!(!log.is_empty(), "{what}: nothing in the log: {output}");
    let raw = log.iter().any(|line| {
        line.raw
            .iter()
            .any(|byte| byte.is_ascii_control() || *byte >= 0x80)
    });
    assert!(!raw, "{what}: raw bytes in the log: {log:?}");
    log
}

#[test]
fn standard_descriptors_closed() {
    let host = Host::new();
    let before = host.disk();
    assert!(
        served(&start(&host, "exec", &format!("-c {SERVER}"), HELLO)),
        "the ordinary start is served"
    );
    let _ = host.log();
    for closed in [
        "<&-",
        ">&-",
        "2>&-",
        "<&- >&-",
        "<&- 2>&-",
        ">&- 2>&-",
        "<&- >&- 2>&-",
    ] {
        for request in [SERVER, "'scp -f note.txt'", "id"] {
            let output = start(
                &host,
                &format!("exec {closed}; exec"),
                &format!("-c {request}"),
                HELLO,
            );
            let what = format!("{closed} {request}");
            let log = unharmed(&host, &what, &output);
            let hears = !closed.contains('<');
            let speaks = !closed.starts_with('>') && !closed.contains(" >");
            let complains = !closed.contains("2>");
            let sends = request.contains("scp");
            // A server whose standard input is over ends; scp misses the answer of its peer.
            let (status, lines) = match request {
                "id" => (126, &["verdict=refused"][..]),
                _ if sends && !hears => (1, &["verdict=allowed", "end server=exited:1 "][..]),
                _ => (0, &["verdict=allowed", "end server=exited:0 "][..]),
            };
            assert_eq!(output.code(), status, "{what}: {output}");
            assert_eq!(log.len(), lines.len(), "{what}: {log:?}");
            for (line, part) in log.iter().zip(lines) {
                assert!(line.text.contains(part), "{what}: {log:?}");
            }
            assert_eq!(
                !output.stdout.is_empty(),
                sends && hears && speaks,
                "{what}: {output}"
            );
            assert_eq!(
                !output.stderr.is_empty(),
                request == "id" && complains,
                "{what}: {output}"
            );
        }
    }
    before.assert_same(&host.disk(), "closed descriptors");
}

#[test]
fn extra_descriptors_and_ignored_signals_do_not_reach_the_server() {
    let host = Host::new();
    host.install_program("probe", Kind::Program);
    host.policy("sftp_server = \"/opt/probe\"\n");
    let before = "for number in {10..209}; do eval \"exec $number</etc/passwd\"; done;";
    let output = start(
        &host,
        &format!("{before} exec env --ignore-signal=CHLD,PIPE,HUP"),
        &format!("-c {SERVER}"),
        b"report\n",
    );
    let report = output.succeeded("the probe").out();
    let of = |key: &str| {
        report
            .lines()
            .filter(|line| line.starts_with(key))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("descriptor"),
        ["descriptor 0", "descriptor 1", "descriptor 2"],
        "{report}"
    );
    for signal in [1, 13, 17] {
        assert!(
            !of("ignored").contains(&format!("ignored {signal}")),
            "{report}"
        );
    }
    let script = format!("{before} exec env --ignore-signal=CHLD,PIPE,HUP /opt/probe report");
    let baseline = host.run(Command::new("bash").args(["-c", &script]), b"");
    assert!(
        baseline.out().matches("descriptor").count() > 200,
        "{baseline}"
    );
    assert!(baseline.out().contains("ignored 17"), "{baseline}");
}

#[test]
fn a_transfer_works_with_signals_ignored() {
    let host = Host::new();
    let stream = b"C0644 2 new.txt\nx\n\0";
    let output = start(
        &host,
        "exec env --ignore-signal=CHLD,PIPE,HUP,TERM",
        "-c 'scp -t uploads'",
        stream,
    );
    output.succeeded("an upload");
    assert_eq!(host.read("/home/alice/uploads/new.txt"), b"x\n");
}

#[test]
fn no_arguments_at_all() {
    let host = Host::new();
    let program = host.install_program("empty_argv", Kind::Program);
    let account = host.alice();
    let mut command = Command::new(program);
    command
        .arg(XFERSH)
        .uid(account.id)
        .gid(account.id)
        .current_dir(account.home());
    let output = host.run(&mut command, HELLO);
    unharmed(&host, "an empty argv", &output);
    assert_eq!((output.code(), output.stdout.len()), (126, 0), "{output}");
}

#[test]
fn a_name_with_escape_sequences() {
    let host = Host::new();
    for name in [
        "\u{1b}]0;owned\u{7}",
        "-\u{1b}[2J",
        "--check",
        "-",
        "",
        "xfersh\nverdict=allowed",
        "\u{202e}sh",
    ] {
        for words in [&["-c", SERVER][..], &["-c", "id"], &[]] {
            let mut command = host.shell(host.alice());
            command.arg0(name).args(words);
            let output = host.run(&mut command, HELLO);
            unharmed(&host, &format!("argv[0] {name:?} {words:?}"), &output);
            assert!(
                !output.err().contains('\u{1b}') && !output.err().contains('\u{202e}'),
                "{output}"
            );
            assert_eq!(
                served(&output),
                words.get(1) == Some(&SERVER),
                "argv[0] {name:?} {words:?}: {output}"
            );
        }
    }
}

#[test]
fn a_login_name_accepts_nothing_but_a_command() {
    let host = Host::new();
    for words in [
        &["--help"][..],
        &["--version"],
        &["--check"],
        &["--doctor"],
        &["-l"],
        &["-i"],
        &["script.sh"],
        &["-lc", "id"],
    ] {
        let mut command = host.shell(host.alice());
        command.arg0("-xfersh").args(words);
        let output = host.run(&mut command, b"");
        unharmed(&host, &format!("{words:?}"), &output);
        assert_eq!(
            (output.code(), output.stdout.len()),
            (126, 0),
            "{words:?}: {output}"
        );
    }
}

#[test]
fn a_command_given_twice() {
    let host = Host::new();
    for words in [
        ["-c", SERVER, "-c", "id"],
        ["-c", "id", "-c", SERVER],
        ["-c", SERVER, SERVER, "id"],
    ] {
        let mut command = host.shell(host.alice());
        let output = host.run(command.args(words), HELLO);
        unharmed(&host, &format!("{words:?}"), &output);
        assert_eq!(
            (output.code(), output.stdout.len()),
            (126, 0),
            "{words:?}: {output}"
        );
    }
}

#[test]
fn a_terminal_in_place_of_a_pipe() {
    let host = Host::new();
    let id = host.alice().id;
    let inner = format!(
        "setpriv --reuid {id} --regid {id} --clear-groups {XFERSH} -c {SERVER}; echo status $?"
    );
    let output = host.run(
        Command::new("script")
            .args(["-q", "-c", &inner, "/dev/null"])
            .current_dir("/"),
        b"",
    );
    assert!(output.out().contains("status 126"), "{output}");
    let log = host.log();
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].text.contains("terminal"), "{log:?}");
}

#[test]
fn very_long_commands() {
    let host = Host::new();
    let before = host.disk();
    // The kernel accepts at most 128 KiB in one argument (MAX_ARG_STRLEN), including the NUL.
    for (what, length) in [("the longest argument", 131_071 - 7), ("a long path", 5000)] {
        let command = [b"scp -t ".as_slice(), &vec![b'a'; length]].concat();
        let output = host.direct(host.alice(), &command, b"");
        assert_eq!(
            (output.code(), output.stdout.len()),
            (126, 0),
            "{what}: {output}"
        );
        let log = unharmed(&host, what, &output);
        assert!(
            log.iter().all(|line| line.raw.len() < 8192),
            "{what}: the log line is bounded"
        );
    }
    before.assert_same(&host.disk(), "long commands");
}

/// The client cannot pass a mebibyte on its own command line, but it can read one from its configuration.
#[test]
fn a_mebibyte_through_sshd() {
    let host = Host::with_sshd();
    let line = format!("RemoteCommand scp -t {}\n", "a".repeat(1 << 20));
    let config = [host.read(CLIENT_CONFIG), line.into_bytes()].concat();
    host.write("/etc/ssh/long", &config);
    let before = host.disk();
    let mut client = Command::new("ssh");
    let output = host.run(client.args(["-F", "/etc/ssh/long", "alice@host"]), b"");
    // sshd ends a connection whose packet is longer than 256 KiB (PACKET_MAX_SIZE of packet.h): no shell was started.
    assert_eq!((output.code(), output.stdout.len()), (255, 0), "{output}");
    let log = host.log();
    assert!(log.is_empty(), "{log:?}");
    before.assert_same(&host.disk(), "a command of a mebibyte");
    host.sftp(host.alice(), "ls uploads\n")
        .succeeded("the next session");
}

#[test]
fn commands_that_are_no_text() {
    let host = Host::new();
    for bytes in [
        &b"\xff\xfe\xfd"[..],
        b"scp -t uploads/\xff\xfe",
        b"\xf0\x9f",
        b"scp -t '\xc0\xaf..'",
        b"\x1b[2J",
        b"\x01\x02",
    ] {
        let mut command = host.shell(host.alice());
        command.arg("-c").arg(OsStr::from_bytes(bytes));
        let output = host.run(&mut command, b"");
        unharmed(&host, &bytes.escape_ascii().to_string(), &output);
        assert!(
            output
                .err()
                .bytes()
                .all(|byte| byte == b'\n' || !byte.is_ascii_control()),
            "{output}"
        );
    }
    let stream = b"C0644 2 x\nx\n\0";
    let upload = host.direct(host.alice(), b"scp -t uploads/\xff\xfe", stream);
    upload.succeeded("a name that is no UTF-8");
}
