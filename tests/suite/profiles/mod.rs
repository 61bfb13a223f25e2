//! Rights per key: `--forced --profile NAME`, through a real sshd with real clients.

mod admin;
mod guide;
mod hostile;

use std::process::Command;

use crate::harness::client::LOCAL;
use crate::harness::sshd::{CLIENT_CONFIG, CLIENT_KEY};
use crate::harness::{Account, Host, Output, SshdConfig, XFERSH};

/// Where the keys of both accounts are.
const KEYS: &str = "/etc/ssh/keys_of_profiles";

/// The private key of a client.
fn key(name: &str) -> String {
    format!("/etc/ssh/key_{name}")
}

/// Creates a key and returns its line for authorized_keys.
fn make_key(host: &Host, name: &str) -> String {
    let path = key(name);
    host.shell_line(&format!(
        "ssh-keygen -q -t ed25519 -N '' -C {name} -f {path}"
    ));
    host.shell_line(&format!("cat {path}.pub"))
        .trim()
        .to_owned()
}

/// The line of a key that sshd lets in with this forced command.
fn forced(host: &Host, name: &str, arguments: &str) -> String {
    let own = make_key(host, name);
    format!("restrict,command=\"{XFERSH} {arguments}\" {own}\n")
}

/// Starts an sshd that knows these keys, and the usual one of the harness if `plain` says so.
fn start(host: &mut Host, keys: &str, plain: bool, lines: &str) {
    let usual = host.shell_line(&format!("cat {CLIENT_KEY}.pub"));
    let keys = if plain {
        format!("{keys}{usual}")
    } else {
        keys.to_owned()
    };
    host.write(KEYS, keys.as_bytes());
    let lines = format!("AcceptEnv *\n{lines}\nMatch all\nAuthorizedKeysFile {KEYS}\n");
    // The first value counts, and the harness has one: a block overrides it.
    host.start_sshd(&SshdConfig::with(&lines));
}

/// `sftp -b -` with this key.
#[track_caller]
fn sftp(host: &Host, account: &Account, name: &str, lines: &str) -> Output {
    host.sftp_with(account, &["-i", &key(name)], lines)
}

/// `rsync ARGUMENTS` with this key, where `@` stands for the account.
#[track_caller]
fn rsync(host: &Host, account: &Account, name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new("rsync");
    command
        .current_dir(LOCAL)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/tmp")
        .args(["-e", &format!("ssh -F {CLIENT_CONFIG} -i {}", key(name))]);
    for argument in arguments {
        command.arg(argument.replace('@', &format!("{}@host:", account.name)));
    }
    host.run(&mut command, b"")
}

/// Directories of an account: `in`, and `out` with a file.
fn directories(host: &Host, account: &Account) {
    let home = account.home().display().to_string();
    let id = account.id;
    host.shell_line(&format!(
        "cd {home} && mkdir -p in out && echo older >in/older && echo ready >out/file && chown -R {id}:{id} in out"
    ));
}
