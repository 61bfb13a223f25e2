//! The real rsync on both ends, its server under the real filter.
//!
//! The client's remote shell is a script that hands the words of the server to
//! this process and passes the bytes on by two named pipes, since the responder
//! has to be the parent of the server.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};

use nix::libc;

use super::probe::{Action, Respond, converse};
use super::servers::Scratch;

const REMOTE_SHELL: &str = "#!/bin/sh\n\
    cd \"${0%/*}\" && shift && echo \"$@\" >words\n\
    exec 3<&0\n\
    cat <&3 >up &\n\
    exec cat <down\n";

/// Runs the client with these words and its server under the filter.
fn transfer(scratch: &Scratch, kind: &str, words: &[&str]) -> Action {
    let shell = scratch.file("shell", REMOTE_SHELL.as_bytes());
    fs::set_permissions(&shell, fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["up", "down"] {
        nix::unistd::mkfifo(&scratch.0.join(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    let client = Command::new("rsync")
        .args(["-e", &shell])
        .args(words)
        .spawn()
        .expect("rsync");
    let up = File::open(scratch.0.join("up")).unwrap();
    let down = File::create(scratch.0.join("down")).unwrap();
    let server = fs::read_to_string(scratch.0.join("words")).unwrap();
    let mut all = vec![kind, "-", "exec"];
    all.push("/usr/bin/rsync");
    all.extend(server.split_whitespace().skip(1));
    let seen = converse(&all, Respond::LetThrough, |stdin, stdout| {
        relay(up, down, stdin, stdout, client)
    });
    for name in ["up", "down"] {
        fs::remove_file(scratch.0.join(name)).unwrap();
    }
    seen
}

fn relay(
    mut up: File,
    mut down: File,
    stdin: &mut impl io::Write,
    stdout: &mut (impl io::Read + Send),
    mut client: Child,
) -> Vec<u8> {
    std::thread::scope(|scope| {
        scope.spawn(move || {
            drop(io::copy(stdout, &mut down));
        });
        // A process that ends early shows in its exit status.
        drop(io::copy(&mut up, stdin));
        drop(up);
        client.wait().expect("the client");
    });
    Vec::new()
}

fn count(seen: &Action, number: i64) -> usize {
    seen.notified.get(&(number as u32)).copied().unwrap_or(0)
}

fn tree(scratch: &Scratch) -> (String, String) {
    let (from, to) = (scratch.0.join("from"), scratch.0.join("to"));
    fs::create_dir_all(from.join("sub")).unwrap();
    fs::create_dir(&to).unwrap();
    fs::write(from.join("sub/a"), b"some content").unwrap();
    fs::write(from.join("b"), vec![b'x'; 300_000]).unwrap();
    std::os::unix::fs::symlink("b", from.join("link")).unwrap();
    (format!("{}/", from.display()), format!("{}/", to.display()))
}

fn arrived(to: &str) {
    assert_eq!(
        fs::read(Path::new(to).join("sub/a")).unwrap(),
        b"some content"
    );
    assert_eq!(fs::read(Path::new(to).join("b")).unwrap().len(), 300_000);
    assert_eq!(
        fs::read_link(Path::new(to).join("link")).unwrap(),
        Path::new("b")
    );
}

/// Twice: the second time there is something to compare with and to delete.
#[test]
fn rsync_receives() {
    let scratch = Scratch::new("rsync-up");
    let (from, to) = tree(&scratch);
    for round in 0..2 {
        let words = [
            "-aHAXz",
            "--delete",
            "--checksum",
            &from,
            &format!("host:{to}"),
        ];
        let seen = transfer(&scratch, "rsync-receiver", &words);
        assert!(
            seen.status.success(),
            "{:?}: {} {:?}",
            seen.status,
            seen.stderr,
            seen.notified
        );
        arrived(&to);
        // Its generator ends its receiver.
        assert_eq!(count(&seen, libc::SYS_kill), 1, "{:?}", seen.notified);
        assert_eq!(count(&seen, libc::SYS_execve), 1);
        if round == 0 {
            assert!(count(&seen, libc::SYS_openat) >= 2, "{:?}", seen.notified);
            fs::write(Path::new(&to).join("extra"), b"").unwrap();
        }
        assert_eq!(Path::new(&to).join("extra").exists(), round == 0);
    }
}

#[test]
fn rsync_sends() {
    let scratch = Scratch::new("rsync-down");
    let (from, to) = tree(&scratch);
    let words = ["-aHAXz", &format!("host:{from}"), &to];
    let seen = transfer(&scratch, "rsync-sender", &words);
    assert!(
        seen.status.success(),
        "{:?}: {} {:?}",
        seen.status,
        seen.stderr,
        seen.notified
    );
    arrived(&to);
    println!("{:?}", seen.notified);
    let changing = seen
        .notified
        .iter()
        .filter(|(number, _)| ![libc::SYS_execve, libc::SYS_umask].contains(&i64::from(**number)));
    assert_eq!(changing.count(), 0, "{:?}", seen.notified);
}
