//! On a terminal: our own colours, and nothing else that a terminal acts on.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};

use nix::pty::openpty;

use super::{ACCOUNT, ODD, harm, odd_host};
use crate::harness::{Host, XFERSH};

/// What a terminal gets from a call of root.
fn on_terminal(host: &Host, arguments: &[&str]) -> String {
    let pty = openpty(None, None).expect("a pseudo-terminal");
    let side = || Stdio::from(pty.slave.try_clone().expect("a descriptor"));
    let mut command = Command::new(XFERSH);
    command
        .args(arguments)
        .current_dir("/")
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdin(side())
        .stdout(side())
        .stderr(side());
    let mut child = host
        .namespace()
        .spawn(&mut command)
        .expect("starting xfersh");
    // The last open one is the child's: then reading ends, with EIO on Linux.
    drop(command);
    drop(pty.slave);
    let mut master = File::from(pty.master);
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = master.read(&mut piece) {
        bytes.extend_from_slice(&piece[..count]);
    }
    child.wait().expect("the end of xfersh");
    String::from_utf8(bytes).expect("UTF-8 on the terminal")
}

/// The text without our colours and with the line breaks of a file.
fn without_colours(text: &str) -> String {
    let colours = ["\x1b[32m", "\x1b[1;31m", "\x1b[33m", "\x1b[36m", "\x1b[0m"];
    let text = colours
        .iter()
        .fold(text.to_owned(), |text, colour| text.replace(colour, ""));
    text.replace("\r\n", "\n")
}

#[test]
fn a_terminal_gets_our_colours_and_nothing_else() {
    let host = odd_host();
    let path = format!(
        "writable = [\"~/uploads\"]\nreadable = [\"~/{}\"]\n",
        r"\u202E\u001b[2J"
    );
    host.policy(&path);
    let option = format!("--{ODD}");
    let rows: [(&[&str], bool); 8] = [
        (&["--doctor", "--user", ACCOUNT], true),
        (&["--doctor"], true),
        (&["--check", "--live", "--user", ACCOUNT], true),
        (&["--check", "--user", ACCOUNT], false),
        (&["--check", "--user", ACCOUNT, "-c", "sftp-server"], false),
        (&["--check", "--user", ODD], false),
        (&["--check", "--json", "--user", ODD], false),
        (&[&option], false),
    ];
    for (arguments, coloured) in rows {
        let text = on_terminal(&host, arguments);
        let plain = without_colours(&text);
        assert!(!plain.is_empty(), "{arguments:?}");
        assert_eq!(harm(plain.as_bytes()), None, "{arguments:?}: {text:?}");
        assert_eq!(text.contains("\x1b["), coloured, "{arguments:?}: {text:?}");
    }
}
