//! Interrupted transfers: resumed to the same bytes, and nothing temporary is left.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Account, Host};

use super::{assert_no_temporaries, command, host, prepare, rsync};

/// Starts a slow transfer and kills the client when the server has received some of it.
fn interrupted(host: &Host, account: &Account, options: &[&str]) {
    let mut arguments = vec!["--bwlimit=4000"];
    arguments.extend(options);
    arguments.extend(["big", "@:uploads/"]);
    let mut command = command(account, &arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut client = host
        .namespace()
        .spawn(&mut command)
        .expect("starting rsync");
    let deadline = Instant::now() + Duration::from_secs(30);
    let directory = account.at("uploads").display().to_string();
    loop {
        let found = host.root("find", &[&directory, "-name", "*big*", "-size", "+200k"]);
        if !found.out().is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "nothing arrives");
        std::thread::sleep(Duration::from_millis(20));
    }
    client.kill().expect("killing the client");
    client.wait().expect("waiting for the client");
    while !host.processes_of(account).is_empty() {
        assert!(
            Instant::now() < deadline,
            "left behind: {:?}",
            host.processes_of(account)
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_was_interrupted_is_resumed() {
    let host = host("");
    prepare(&host, "head -c 8000000 /dev/urandom >big");
    for account in [host.plain(), host.alice()] {
        for (first, second) in [
            (&["-a", "--partial"][..], &["-a", "--append-verify"][..]),
            (&["-a", "--partial"], &["-a", "--partial"]),
            (&["-a", "--inplace"], &["-a", "--inplace"]),
            (
                &["-a", "--partial-dir=parts"],
                &["-a", "--partial-dir=parts"],
            ),
        ] {
            host.refurnish();
            interrupted(&host, account, first);
            let what = format!("{} {first:?} {second:?}", account.name);
            let mut arguments = second.to_vec();
            arguments.extend(["--no-whole-file", "--stats", "big", "@:uploads/"]);
            let output = rsync(&host, account, &arguments).succeeded(&what);
            assert!(
                !output.out().contains("Matched data: 0 bytes") || first != second,
                "{what}: {output}"
            );
            assert_eq!(
                host.read("/tmp/local/big"),
                host.read(account.at("uploads/big")),
                "{what}"
            );
            assert_no_temporaries(&host, account);
        }
    }
}

#[test]
fn nothing_is_left_of_a_transfer_that_is_not_to_be_resumed() {
    let host = host("");
    prepare(&host, "head -c 8000000 /dev/urandom >big");
    for account in [host.plain(), host.alice()] {
        interrupted(&host, account, &["-a"]);
        assert!(!host.exists(account.at("uploads/big")));
        assert_no_temporaries(&host, account);
    }
}

/// Killed outright, the server cannot clean up: the guard does.
#[test]
fn the_temporary_of_a_killed_server_goes() {
    let host = host("");
    prepare(&host, "head -c 8000000 /dev/urandom >big");
    let names = |account: &Account| {
        let directory = account.at("uploads").display().to_string();
        host.root("find", &[&directory, "-name", ".big.*"]).out()
    };
    for account in [host.plain(), host.alice()] {
        let mut slow = command(account, &["-a", "--bwlimit=4000", "big", "@:uploads/"]);
        slow.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut client = host.namespace().spawn(&mut slow).expect("starting rsync");
        let deadline = Instant::now() + Duration::from_secs(30);
        while names(account).is_empty() {
            assert!(Instant::now() < deadline, "no temporary file appears");
            std::thread::sleep(Duration::from_millis(20));
        }
        // All at once: one that sees the other end first removes the file.
        for signal in ["-STOP", "-KILL"] {
            let uid = account.id.to_string();
            let kill = [signal, "-u", &uid, "-x", "rsync"];
            host.root("pkill", &kill).succeeded("pkill");
        }
        client.wait().expect("waiting for the client");
        while !host.processes_of(account).is_empty() {
            assert!(
                Instant::now() < deadline,
                "left behind: {:?}",
                host.processes_of(account)
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(
            names(account).is_empty(),
            account.name == "alice",
            "{}",
            account.name
        );
    }
}
