//! Through a real sshd: what a session may and may not do, whatever environment and files the client brings.

use std::fs;

use crate::harness::{Account, Host, Kind, SshdConfig, XFERSH};

const SENTENCE: &str = "xfersh: This account is for file transfer only.\n";

#[test]
fn clients_copy_both_ways() {
    let host = Host::with_sshd();
    let alice = host.alice();
    host.write("/tmp/local/up", b"a file\n");
    host.sftp(alice, "put up uploads/by-sftp\nget uploads/by-sftp back\nls -l\nmkdir uploads/d\nrm uploads/old.txt\n")
        .succeeded("sftp");
    assert_eq!(host.read("/tmp/local/back"), b"a file\n");
    for options in [&[][..], &["-O"], &["-p"], &["-O", "-p"]] {
        host.scp_to(alice, options, &["up"], "uploads/by-scp")
            .succeeded("scp up");
        host.scp_from(alice, options, "uploads/by-scp", "down")
            .succeeded("scp down");
        assert_eq!(host.read("/tmp/local/down"), b"a file\n");
        host.inside(|| fs::remove_file("/tmp/local/down"))
            .expect("removing");
    }
    host.inside(|| {
        fs::create_dir_all("/tmp/local/tree/a/b").expect("a tree");
        fs::write("/tmp/local/tree/a/b/file", "deep\n").expect("a file");
    });
    for (name, options) in [("new", &["-r"][..]), ("old", &["-O", "-r", "-p"])] {
        host.scp_to(alice, options, &["tree"], &format!("uploads/{name}"))
            .succeeded("a tree up");
        assert_eq!(
            host.read(format!("/home/alice/uploads/{name}/a/b/file")),
            b"deep\n"
        );
        host.scp_from(
            alice,
            options,
            &format!("uploads/{name}"),
            &format!("{name}-back"),
        )
        .succeeded("a tree down");
        assert_eq!(
            host.read(format!("/tmp/local/{name}-back/a/b/file")),
            b"deep\n"
        );
    }
    let log = host.log();
    assert!(
        log.iter()
            .any(|line| line.text.contains("verdict=allowed")
                && line.text.contains("client=127.0.0.1")),
        "{log:?}"
    );
}

#[test]
fn commands_and_shells_are_refused() {
    let host = Host::with_sshd();
    for command in [
        "id",
        "sh -c id",
        "touch uploads/new",
        "touch note.txt; echo done",
        "scp -t uploads; touch uploads/new",
        "bash",
        "/bin/sh",
    ] {
        let run = |account: &Account| host.ssh(account, &[], command);
        let baseline = run(host.plain());
        if !command.starts_with("scp") {
            baseline.succeeded("an ordinary account");
        }
        host.refurnish();
        let _ = host.log();
        let before = host.disk();
        let output = run(host.alice());
        assert_eq!(
            (output.code(), output.out().as_str(), output.err().as_str()),
            (126, "", SENTENCE),
            "{command}"
        );
        before.assert_same(&host.disk(), command);
        let log = host.log();
        assert_eq!(log.len(), 1, "{command}: {log:?}");
        assert!(
            log[0].text.contains("verdict=refused") && log[0].text.contains("account=alice"),
            "{log:?}"
        );
    }
    // No command at all: a login shell.
    let mut client = host.client("ssh");
    let plain = host
        .run(client.arg("plain@host"), b"echo from the shell\n")
        .succeeded("a login shell");
    assert_eq!(plain.out(), "from the shell\n");
    let mut client = host.client("ssh");
    let ours = host.run(client.arg("alice@host"), b"echo from the shell\n");
    assert_eq!(
        (ours.code(), ours.out().as_str(), ours.err().as_str()),
        (126, "", SENTENCE)
    );
}

#[test]
fn a_refusal_does_not_tell_what_exists() {
    let host = Host::new();
    let pairs = [
        ("scp -t .ssh/authorized_keys", "scp -t .ssh/no-such-file"),
        ("scp -t note.txt", "scp -t no-such-file"),
        (
            "scp -t /srv/outside/shared.txt",
            "scp -t /srv/outside/no-such-file",
        ),
        ("scp -t /etc/shadow", "scp -t /etc/no-such-file"),
        ("/usr/bin/id", "/usr/bin/no-such-program"),
        ("cat /etc/shadow", "cat /etc/no-such-file"),
        ("scp -f ~root/x", "scp -f ~no-such-account/x"),
    ];
    for (existing, missing) in pairs {
        let seen = [existing, missing].map(|command| {
            let output = host.direct(host.alice(), command.as_bytes(), b"");
            assert_eq!(host.log().len(), 1, "{command}");
            assert_eq!(output.err().lines().count(), 1, "{command}: {output}");
            (output.code(), output.stdout, output.stderr)
        });
        assert_eq!(seen[0], seen[1], "{existing} and {missing}");
        assert_eq!((seen[0].0, seen[0].1.len()), (126, 0), "{existing}");
    }
}

/// A preloaded library would run before `main` of a dynamically linked shell.
#[test]
fn a_hostile_environment_changes_nothing() {
    let mut host = Host::new();
    let library = host
        .install_program("preload", Kind::Library)
        .display()
        .to_string();
    // PermitUserEnvironment lets a file of the account set what the protocol cannot, including PATH and HOME.
    let variables = [
        format!("LD_PRELOAD={library}"),
        format!("LD_AUDIT={library}"),
        "LD_DEBUG=all".to_owned(),
        "LD_DEBUG_OUTPUT=/srv/outside/drop/debug".to_owned(),
        "GLIBC_TUNABLES=glibc.malloc.check=3".to_owned(),
        "PATH=/srv/outside".to_owned(),
        "HOME=/srv/outside/drop".to_owned(),
        "BASH_ENV=/srv/outside/drop/env".to_owned(),
        "ENV=/srv/outside/drop/env".to_owned(),
        "IFS=/".to_owned(),
        "SSH_ORIGINAL_COMMAND=id".to_owned(),
    ];
    host.start_sshd(&SshdConfig::with(
        "AcceptEnv *\nPermitUserEnvironment yes\n",
    ));
    let furnish = || {
        host.refurnish();
        host.inside(|| {
            for account in [host.plain(), host.alice()] {
                let path = account.at(".ssh/environment");
                fs::write(&path, variables.join("\n") + "\n").expect("an environment file");
                account.own(&path);
            }
        });
    };
    let send: Vec<String> = vec![format!("SetEnv={}", variables.join(" "))];
    let session = |account: &Account, command: &str, input: &[u8]| {
        let mut client = host.client("ssh");
        send.iter().for_each(|option| {
            client.args(["-o", option]);
        });
        client.arg(format!("{}@host", account.name)).arg(command);
        host.run(&mut client, input)
    };
    furnish();
    let before = host.disk();
    session(host.plain(), "/bin/true", b"");
    let diff = before.diff(&host.disk());
    assert!(
        diff.contains("drop/loaded-") && diff.contains("drop/debug."),
        "the environment reaches an ordinary account:\n{diff}"
    );

    furnish();
    let before = host.disk();
    for command in ["/usr/lib/openssh/sftp-server", "scp -f note.txt", "id"] {
        let output = session(host.alice(), command, b"\0\0\0");
        assert_eq!(output.code() == 126, command == "id", "{command}: {output}");
    }
    before.assert_same(&host.disk(), "a hostile environment");
    // `~` is the home of the account, not what HOME says.
    let output = session(host.alice(), "scp -t ~/uploads", b"C0644 2 new.txt\nx\n\0");
    output.succeeded("an upload below ~");
    assert_eq!(host.read("/home/alice/uploads/new.txt"), b"x\n");
    assert!(!host.exists("/srv/outside/drop/uploads") && !host.exists("/srv/outside/drop/new.txt"));
}

#[test]
fn the_binary_has_no_interpreter() {
    let host = Host::new();
    let elf = host.read(XFERSH);
    let number = |at: usize, size: usize| {
        elf[at..at + size]
            .iter()
            .rev()
            .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
    };
    assert_eq!(
        (&elf[..4], elf[4], elf[5]),
        (&b"\x7fELF"[..], 2, 1),
        "a little-endian ELF64 file"
    );
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let types: Vec<usize> = (0..count)
        .map(|index| number(table + index * size, 4))
        .collect();
    // PT_LOAD is 1, PT_INTERP 3 (elf.h).
    assert!(types.contains(&1) && !types.contains(&3), "{types:?}");
}

#[test]
fn an_rc_file_is_refused_in_silence_and_the_transfer_works() {
    let host = Host::with_sshd();
    let furnish = || {
        host.refurnish();
        host.inside(|| {
            for account in [host.plain(), host.alice()] {
                let path = account.at(".ssh/rc");
                fs::write(&path, "echo from the rc file; touch uploads/rc-ran\n")
                    .expect("an rc file");
                account.own(&path);
            }
        });
    };
    furnish();
    host.ssh(host.plain(), &[], "true")
        .succeeded("an ordinary account");
    assert!(
        host.exists("/home/plain/uploads/rc-ran"),
        "sshd runs the rc file"
    );
    host.write("/tmp/local/up", b"a file\n");
    host.sftp(host.alice(), "put up uploads/new\n")
        .succeeded("sftp");
    host.scp_to(host.alice(), &["-O"], &["up"], "uploads/newer")
        .succeeded("scp -O");
    assert!(!host.exists("/home/alice/uploads/rc-ran"));
    assert_eq!(host.read("/home/alice/uploads/newer"), b"a file\n");
    let log = host.log();
    assert!(
        log.iter()
            .any(|line| line.text.contains("verdict=refused") && line.text.contains(".ssh/rc")),
        "{log:?}"
    );
}

#[test]
fn a_terminal_is_refused() {
    let host = Host::with_sshd();
    let plain = host
        .ssh(host.plain(), &["-tt"], "tty")
        .succeeded("a terminal in an ordinary account");
    assert!(plain.out().starts_with("/dev/pts/"), "{plain}");
    let before = host.disk();
    for command in ["/usr/lib/openssh/sftp-server", "scp -t uploads"] {
        let _ = host.log();
        let output = host.ssh(host.alice(), &["-tt"], command);
        assert_eq!(output.code(), 126, "{command}: {output}");
        let log = host.log();
        assert!(
            log.len() == 1 && log[0].text.contains("terminal"),
            "{log:?}"
        );
    }
    before.assert_same(&host.disk(), "a terminal");
}

/// Accounts from LDAP or SSSD are in no file: `getent` knows them, here a substitute for the real one.
#[test]
fn an_account_that_only_the_name_service_knows() {
    let host = Host::new();
    let account = host.alice();
    let (id, home) = (account.id, account.home().display().to_string());
    let direct = |command: &str, input: &[u8]| host.direct(account, command.as_bytes(), input);
    direct("scp -t uploads", b"C0644 2 one\nx\n\0").succeeded("with a line in /etc/passwd");
    host.shell_line("sed -i '/^alice:/d' /etc/passwd /etc/group");
    let _ = host.log();
    assert_eq!(
        direct("scp -t uploads", b"").code(),
        126,
        "nobody knows the account"
    );
    let script = format!(
        "#!/bin/sh\ndatabase=$1\nfor key; do :; done\ncase $database:$key in\n\
         passwd:{id}) echo 'alice:x:{id}:{id}::{home}:{XFERSH}' ;;\n\
         group:{id}) echo 'alice:x:{id}:' ;;\ninitgroups:alice) echo alice {id} ;;\n*) exit 2 ;;\nesac\n"
    );
    host.install("/opt/getent", script.as_bytes());
    host.root("mount", &["--bind", "/opt/getent", "/usr/bin/getent"])
        .succeeded("a stand-in for getent");
    // scp itself asks the C library for its user, which knows no such service here; the verdict is ours.
    let _ = host.log();
    assert_ne!(direct("scp -t uploads", b"").code(), 126);
    let log = host.log();
    let known = log[0].text.contains("account=alice") && log[0].text.contains("verdict=allowed");
    assert!(known, "{log:?}");
}

#[test]
fn two_hundred_sessions_at_once() {
    let host = Host::with_sshd();
    let alice = host.alice();
    // One connection, two hundred sessions: sshd starts a shell for each.
    let mux = ["-o", "ControlPath=/tmp/mux"];
    let mut master = host.client("ssh");
    let master = host
        .namespace()
        .spawn(master.args(mux).args(["-M", "-N", "alice@host"]));
    let mut master = master.expect("a connection");
    while !host.exists("/tmp/mux") {
        std::thread::sleep(std::time::Duration::from_millis(10));
        assert!(
            matches!(master.try_wait(), Ok(None)),
            "the connection ended"
        );
    }
    let mut sessions: Vec<_> = (0..200)
        .map(|_| {
            let mut client = host.client("ssh");
            client.args(mux).args(["-s", "alice@host", "sftp"]);
            crate::harness::Sftp::start(host.namespace(), &mut client)
        })
        .collect();
    assert!(host.processes_of(alice).len() >= 200, "all run at once");
    for (number, session) in sessions.iter_mut().enumerate() {
        assert!(session.greeted, "session {number}");
        let path = format!("uploads/from-{number}");
        assert!(session.put(&path, path.as_bytes()).ok(), "session {number}");
    }
    let ends: Vec<i32> = sessions
        .into_iter()
        .map(crate::harness::Sftp::end)
        .collect();
    assert_eq!(ends, [0; 200]);
    for number in [0, 99, 199] {
        let path = format!("uploads/from-{number}");
        assert_eq!(host.read(alice.at(&path)), path.as_bytes());
    }
    let _ = master.kill();
    let _ = master.wait();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while !host.processes_of(alice).is_empty() {
        assert!(
            std::time::Instant::now() < deadline,
            "left running: {:?}",
            host.processes_of(alice)
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let allowed = host
        .log()
        .iter()
        .filter(|line| line.text.contains("verdict=allowed"))
        .count();
    assert_eq!(allowed, 200);
}
