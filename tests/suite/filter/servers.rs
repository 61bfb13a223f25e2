//! Real servers under the real filter, each notified call let through: no call that they need is missing from the
//! table, and the guard is woken only for calls that change something.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::probe::{Action, Respond, probe, probe_sftp};

/// A private directory, removed at the end.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("xfersh-filter-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The start, and /dev/null, which every start opens for writing.
fn only_the_start(seen: &Action) -> bool {
    let calls = [nix::libc::SYS_execve, nix::libc::SYS_openat];
    let once = |call: &nix::libc::c_long| seen.notified.get(&(*call as u32)) == Some(&1);
    seen.notified.len() == 2 && calls.iter().all(once)
}

#[test]
fn scp_source_wakes_the_guard_only_to_start() {
    let scratch = Scratch::new("source");
    let path = scratch.file("a", b"content");
    let words = ["scp-source", "-", "exec", "/usr/bin/scp", "-p", "-f", &path];
    let seen = probe(&words, &[0; 64], Respond::LetThrough);
    assert!(seen.status.success(), "{:?}: {}", seen.status, seen.stderr);
    assert!(seen.stdout.windows(7).any(|part| part == b"content"));
    assert!(only_the_start(&seen), "{:?}", seen.notified);
}

#[test]
fn scp_sink_receives() {
    let scratch = Scratch::new("sink");
    let target = scratch.0.to_str().unwrap();
    let words = [
        "scp-sink",
        "-",
        "exec",
        "/usr/bin/scp",
        "-r",
        "-p",
        "-t",
        target,
    ];
    let input = b"T1000 0 1000 0\nD0750 0 d\nT1000 0 1000 0\nC0640 5 f\nhello\0E\n";
    let seen = probe(&words, input, Respond::LetThrough);
    assert!(seen.status.success(), "{:?}: {}", seen.status, seen.stderr);
    let file = scratch.0.join("d/f");
    assert_eq!(std::fs::read(&file).unwrap(), b"hello");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}

/// A session by hand: upload, attributes, rename, directory, listing, df.
#[test]
fn sftp_server_serves_a_session() {
    let scratch = Scratch::new("sftp");
    let path = scratch.0.join("new").to_str().unwrap().to_owned();
    let text = |s: &str| [&(s.len() as u32).to_be_bytes()[..], s.as_bytes()].concat();
    let packet = |kind: u8, body: &[&[u8]]| {
        let body = body.concat();
        [&(body.len() as u32 + 1).to_be_bytes()[..], &[kind], &body].concat()
    };
    let id = 7u32.to_be_bytes();
    let none = 0u32.to_be_bytes();
    let write_create = 0x1au32.to_be_bytes();
    let mode = [4u32.to_be_bytes(), 0o600u32.to_be_bytes()].concat();
    let directory = scratch.0.join("dir").to_str().unwrap().to_owned();
    let renamed = scratch.0.join("renamed").to_str().unwrap().to_owned();
    let handle = text("\0\0\0\0");
    let input = [
        packet(1, &[&3u32.to_be_bytes()]),
        packet(3, &[&id, &text(&path), &write_create, &none]),
        packet(6, &[&id, &handle, &[0; 8], &text("data")]),
        packet(10, &[&id, &handle, &mode]),
        packet(4, &[&id, &handle]),
        packet(14, &[&id, &text(&directory), &none]),
        packet(18, &[&id, &text(&path), &text(&renamed)]),
        packet(9, &[&id, &text(&renamed), &mode]),
        packet(17, &[&id, &text(&renamed)]),
        packet(16, &[&id, &text(".")]),
        packet(11, &[&id, &text(scratch.0.to_str().unwrap())]),
        packet(12, &[&id, &handle]),
        packet(15, &[&id, &text(&directory)]),
        packet(200, &[&id, &text("statvfs@openssh.com"), &text("/")]),
    ];
    let server = [
        "/usr/lib/openssh/sftp-server",
        "/usr/libexec/openssh/sftp-server",
        "/usr/lib/ssh/sftp-server",
    ]
    .into_iter()
    .find(|path| Path::new(path).exists())
    .expect("sftp-server is installed");
    for options in ["-", "wn"] {
        let seen = probe_sftp(&["sftp", options, "exec", server], &input);
        assert!(seen.status.success(), "{:?}: {}", seen.status, seen.stderr);
        let replies = String::from_utf8_lossy(&seen.stdout);
        assert_eq!(
            std::fs::read(&renamed).ok().as_deref(),
            Some(&b"data"[..]),
            "{options}: {:?} {replies:?}",
            seen.notified
        );
        assert!(!Path::new(&directory).exists());
        std::fs::remove_file(&renamed).unwrap();
        assert!(seen.notified.len() > 5, "{:?}", seen.notified);
    }
    // Only looking: the start, and /dev/null, which every start opens for writing.
    let looking = [
        packet(1, &[&3u32.to_be_bytes()]),
        packet(17, &[&id, &text("/")]),
        packet(11, &[&id, &text("/")]),
        packet(12, &[&id, &handle]),
    ];
    let seen = probe_sftp(&["sftp", "-", "exec", server], &looking);
    assert_eq!(
        seen.notified.values().sum::<usize>(),
        2,
        "{:?}",
        seen.notified
    );
}
