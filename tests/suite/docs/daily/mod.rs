//! "Daily work" in the administrator's guide: its commands as they are written, with a real journald, rsyslogd, logrotate
//! and fail2ban, about real sessions. One host serves all of them.

mod bans;
mod daemons;
mod lines;
mod people;

use std::path::Path;
use std::process::Command;

use super::{block_of, blocks, read};
use crate::harness::{Account, Host, Output, until};
use crate::prepared;
use daemons::LogDaemons;

/// What rsyslog writes xfersh's lines to, from that step on.
const OWN_FILE: &str = "/var/log/xfersh.log";

const GUIDE: &str = "docs/administrators-guide.md";

/// Where alice's client is; the guide has 192.0.2.7. Not 127.0.0.1, since fail2ban bans none of the host's own addresses.
const CLIENT: &str = "127.0.0.7";

/// In the order in which the test runs them.
const MARKS: &[&str] = &[
    "run: journal",
    "run: file",
    "run: own-file",
    "run: rotate",
    "run: uploads",
    "run: uploads-file",
    "run: refused",
    "run: refused-ask",
    "run: refused-mend",
    "run: incomplete",
    "run: who",
    "run: end",
    "run: disable",
    "run: enable",
    "run: ban",
    "run: ban-journal",
    "run: ban-look",
    "run: unban",
];

/// A host with alice, an sshd, and the daemons of the log.
struct Site {
    // The daemons end before the host does.
    log: LogDaemons,
    host: Host,
    alice: Account,
    marks: u32,
}

impl Site {
    fn new() -> Self {
        let (mut host, alice) = {
            let host = prepared::bare();
            prepared::install(&host, &[]).succeeded("install/install");
            let alice = prepared::add_account(&host, "alice");
            (host, alice)
        };
        let log = LogDaemons::start(&host);
        host.start_system_sshd();
        // The host runs no systemd: what it is told is done by the test.
        host.shell_line("mkdir /srv/stand-in; mkdir -m 700 /srv/root");
        host.install(
            "/srv/stand-in/systemctl",
            b"#!/bin/sh\necho \"$*\" >>/run/systemctl\n",
        );
        let mut site = Self {
            log,
            host,
            alice,
            marks: 0,
        };
        site.settle("/var/log/auth.log");
        site
    }

    /// Runs a block of the guide as root.
    fn run(&self, mark: &str) -> Output {
        self.run_text(None, &block_of(GUIDE, mark))
    }

    /// The same at another time, as far as the commands of the block look at the clock.
    fn run_at(&self, time: &str, mark: &str) -> Output {
        self.run_text(Some(time), &block_of(GUIDE, mark))
    }

    fn run_text(&self, time: Option<&str>, text: &str) -> Output {
        let text = text
            .replace("192.0.2.7", CLIENT)
            .replace("/root/", "/srv/root/");
        let mut command = Command::new(if time.is_some() { "faketime" } else { "env" });
        command
            .args(time)
            .args(["bash", "-euo", "pipefail", "-c", &text]);
        command.current_dir("/").env_clear();
        command.env("PATH", "/srv/stand-in:/usr/sbin:/usr/bin:/sbin:/bin");
        self.host.run(&mut command, b"")
    }

    /// `ssh` from an address, with a command.
    fn ssh(&self, from: &str, account: &Account, command: &str) -> Output {
        let bind = format!("BindAddress={from}");
        self.host.ssh(account, &["-o", &bind], command)
    }

    /// `sftp` from the client's address.
    fn sftp(&self, lines: &str) -> Output {
        let bind = format!("BindAddress={CLIENT}");
        self.host.sftp_with(&self.alice, &["-o", &bind], lines)
    }

    /// `scp` from the client's address, with the old protocol.
    fn scp(&self, local: &str, remote: &str) -> Output {
        let bind = format!("BindAddress={CLIENT}");
        let options = ["-O", "-o", &bind];
        self.host.scp_to(&self.alice, &options, &[local], remote)
    }

    /// Waits until everything that was logged so far is in the journal and in this file.
    fn settle(&mut self, file: &str) {
        self.marks += 1;
        let mark = format!("mark {} of the test", self.marks);
        let tag = if file == OWN_FILE { "xfersh" } else { "mark" };
        let arguments = ["-p", "authpriv.info", "-t", tag, "--id=1", &mark];
        self.host.root("logger", &arguments).succeeded("logger");
        until(&format!("{mark} in {file}"), || {
            self.host.exists(file) && self.text(file).contains(&mark)
        });
        self.host
            .root("journalctl", &["--sync"])
            .succeeded("journalctl --sync");
    }

    fn text(&self, file: &str) -> String {
        String::from_utf8_lossy(&self.host.read(file)).into_owned()
    }
}

/// What the lines say after the time, which is the first word.
fn without_time(text: &str) -> Vec<&str> {
    let rest = |line| str::split_once(line, ' ').map_or(line, |(_, rest)| rest);
    text.lines().map(rest).collect()
}

#[test]
fn every_command_block_has_a_test() {
    let text = read(GUIDE);
    let (before, rest) = text.split_once("\n## Daily work\n").expect("the chapter");
    let first = before.lines().count();
    let last = first
        + rest
            .split("\n## ")
            .next()
            .unwrap_or_default()
            .lines()
            .count();
    let blocks = blocks(Path::new(GUIDE));
    let commands = blocks
        .iter()
        .filter(|block| (first..=last + 1).contains(&block.line) && block.language == "sh");
    let marks: Vec<&str> = commands.map(|block| block.mark.as_str()).collect();
    assert_eq!(marks, MARKS, "each block needs a mark and a test");
}

#[test]
fn the_commands_do_what_the_guide_says() {
    let mut site = Site::new();
    lines::what_was_logged(&mut site);
    lines::a_file_of_its_own(&mut site);
    lines::rotated(&mut site);
    lines::who_uploaded_what(&mut site);
    lines::what_did_not_arrive(&mut site);
    people::a_refused_caller(&mut site);
    people::who_is_connected(&mut site);
    people::a_disabled_account(&mut site);
    bans::clients_are_banned(&mut site);
}
