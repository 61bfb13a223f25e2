//! rsync as a protocol of the policy, with the unmodified rsync of the machine through a real sshd. Every case is
//! first shown to work in an ordinary account.

mod access;
mod dotfiles;
mod many;
mod odd;
mod options;
mod places;
mod resume;
mod same;
mod trees;

use std::process::Command;

use crate::harness::client::LOCAL;
use crate::harness::sshd::CLIENT_CONFIG;
use crate::harness::{Account, Host, Output};

const POLICY: &str = "protocols = [\"sftp\", \"scp\", \"rsync\"]\n";

/// Names an rsync other than the machine's, as client and server of these tests.
const OTHER_RSYNC: &str = "XFERSH_TEST_RSYNC";

/// A host with an sshd and a policy that allows rsync, plus `more`.
fn host(more: &str) -> Host {
    let other = std::env::var_os(OTHER_RSYNC).map(|path| {
        std::fs::read(&path).unwrap_or_else(|error| panic!("cannot read {path:?}: {error}"))
    });
    let host = Host::with_sshd();
    if let Some(program) = other {
        host.write("/opt/rsync", &program);
        host.root("chmod", &["755", "/opt/rsync"])
            .succeeded("chmod");
        host.root("mount", &["--bind", "/opt/rsync", "/usr/bin/rsync"])
            .succeeded("mount");
    }
    host.policy(&format!("{POLICY}{more}"));
    host
}

/// `rsync ARGUMENTS` where `@` at the start of an argument, or after a space in it, stands for `ACCOUNT@host`.
fn command(account: &Account, arguments: &[&str]) -> Command {
    let mut command = Command::new("rsync");
    command
        .current_dir(LOCAL)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/tmp")
        .env("LC_ALL", "C.UTF-8")
        .args(["-e", &format!("ssh -F {CLIENT_CONFIG}")]);
    for argument in arguments {
        command.arg(match argument.strip_prefix('@') {
            Some(rest) => format!("{}@host{rest}", account.name),
            None => (*argument).to_owned(),
        });
    }
    command
}

#[track_caller]
fn rsync(host: &Host, account: &Account, arguments: &[&str]) -> Output {
    host.run(&mut command(account, arguments), b"")
}

/// Writes local files of the client.
fn local(host: &Host, files: &[(&str, &str)]) {
    host.inside(|| {
        for (name, content) in files {
            let path = std::path::Path::new(LOCAL).join(name);
            std::fs::create_dir_all(path.parent().expect("a name below the directory"))
                .expect("making a local directory");
            std::fs::write(path, content).expect("writing a local file");
        }
    });
}

/// Runs a shell script as root on the host, in the directory of the client's files.
#[track_caller]
fn prepare(host: &Host, script: &str) {
    let mut command = Command::new("/bin/sh");
    command.args(["-euc", script]).current_dir(LOCAL);
    host.run(&mut command, b"").succeeded(script);
}

/// Runs a shell script as the account on its home, without its login shell: what the account did itself before the
/// session.
#[track_caller]
fn beforehand(host: &Host, account: &Account, script: &str) {
    let owner = format!("cd {} && {script}", account.home().display());
    let arguments = ["-u", &account.name, "--", "/bin/sh", "-euc", &owner];
    host.root("runuser", &arguments).succeeded(script);
}

/// The content of a file in the account's home; `None` if there is none.
fn content(host: &Host, account: &Account, below: &str) -> Option<String> {
    let path = account.at(below);
    let bytes = host.inside(|| std::fs::read(path)).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// No temporary name of rsync is left anywhere in the home.
#[track_caller]
fn assert_no_temporaries(host: &Host, account: &Account) {
    let home = account.home().display().to_string();
    let found = host.root(
        "find",
        &[
            &home,
            "-regextype",
            "egrep",
            "-regex",
            r".*/\.[^/]+\.[A-Za-z0-9]{6}",
        ],
    );
    assert_eq!(found.out(), "", "temporary files are left");
}
