//! Accounts that come from another shell or from sshd's chroot, moved by the very blocks of the administrator's guide:
//! the old set-up serves a client, the blocks are run, xfersh serves the same client.

mod chroot;
mod jails;
mod mysecureshell;
mod rrsync;
mod rush;

use std::process::Command;

use super::docs::block_of;
use super::harness::account::Shell;
use super::harness::client::LOCAL;
use super::harness::sshd::{CLIENT_CONFIG, CLIENT_KEY};
use super::harness::{Account, Host, Output};
use super::prepared::{account, bare, install, sh};

const GUIDE: &str = "docs/administrators-guide.md";

/// A host with xfersh installed, and nobody who uses it.
fn host() -> Host {
    let host = bare();
    install(&host, &[]).succeeded("install/install");
    host.shell_line(&format!(
        "cd {LOCAL} && mkdir -p tree/sub && echo one >up && echo two >tree/sub/two && echo x >.dot"
    ));
    host
}

/// The block of the guide with this mark.
fn block(mark: &str) -> String {
    block_of(GUIDE, mark)
}

/// Runs a block of the guide as root, exactly as written, ending at the first command that fails.
#[track_caller]
fn run(host: &Host, mark: &str) -> Output {
    let mut shell = Command::new("bash");
    let text = block(&format!("run: {mark}"));
    shell.args(["-euo", "pipefail", "-c", &text]);
    host.run(shell.current_dir("/"), b"").succeeded(mark)
}

/// Puts a policy of the guide in force, which `--check` must find sound.
#[track_caller]
fn put_policy(host: &Host, mark: &str) {
    host.policy(&block(&format!("recipe: {mark}")));
    host.root("xfersh", &["--check", "--config", "/etc/xfersh.toml"])
        .succeeded(mark);
}

/// Creates an account with a home of its own and the client's key in it.
fn add(host: &Host, name: &str, shell: &str) -> Account {
    sh(
        host,
        &format!(
            "useradd -m -s {shell} -p '*' {name} && mkdir -m 700 /home/{name}/.ssh && \
             cp {CLIENT_KEY}.pub /home/{name}/.ssh/authorized_keys && chown -R {name}: /home/{name}/.ssh"
        ),
    );
    account(host, name, Shell::Plain)
}

/// What a client does, and whether it works before and after.
struct Line {
    act: &'static str,
    before: bool,
    after: bool,
}

/// It works as before.
const fn same(act: &'static str) -> Line {
    Line {
        act,
        before: true,
        after: true,
    }
}

/// It worked, and is refused.
const fn no_more(act: &'static str) -> Line {
    Line {
        after: false,
        ..same(act)
    }
}

/// What the guide says to write instead.
const fn instead(act: &'static str) -> Line {
    Line {
        before: false,
        ..same(act)
    }
}

/// Never served.
const fn never(act: &'static str) -> Line {
    Line {
        before: false,
        after: false,
        act,
    }
}

/// Runs the lines: `sftp …`, or a command of the client, in which `SSH`, `SCP` and `RSYNC` use the host's configuration.
#[track_caller]
fn try_lines(host: &Host, who: &Account, lines: &[Line], is_after: bool) {
    for Line { act, before, after } in lines {
        let output = match act.strip_prefix("sftp ") {
            Some(line) => host.sftp(who, &format!("{}\n", line.replace("; ", "\n"))),
            None => {
                let line = act
                    .replace("RSYNC", "rsync -e \"ssh $0\"")
                    .replace("SCP", "scp -q $0")
                    .replacen("SSH", "ssh $0", 1)
                    .replace("HOST", &format!("{}@host", who.name));
                let script = line.replace("$0", &format!("-F {CLIENT_CONFIG}"));
                host.run(
                    Command::new("sh").args(["-c", &script]).current_dir(LOCAL),
                    b"",
                )
            }
        };
        let expected = if is_after { *after } else { *before };
        assert_eq!(
            output.code() == 0,
            expected,
            "{act} {}: {output}",
            if is_after { "with xfersh" } else { "before" }
        );
    }
}
