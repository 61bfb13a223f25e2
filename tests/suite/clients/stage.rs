//! A test host as clients of every kind need it, and one row's files on it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::material;
use crate::harness::account::set_mode;
use crate::harness::client::LOCAL;
use crate::harness::run::{Output, run_within};
use crate::harness::sshd::CLIENT_CONFIG;
use crate::harness::{Account, Host, Kind, SshdConfig};

/// What a client may not write: a dotfile, in a directory that it may write to.
pub const PROTECTED: &str = "uploads/.profile";
/// Enough for a slow client on a busy machine; most rows take less than a second.
const LIMIT: Duration = Duration::from_secs(150);
const KEY: &str = "/etc/ssh/test_client_key";
/// Where `tests/run --all` puts packages that do not come from the system.
pub const PACKAGES: &str = "/var/cache/xfersh-tests";

/// Programs that drive a library, one per file.
const DRIVERS: &[(&str, &str)] = &[
    (
        "functions.sh",
        include_str!("../../programs/clients/functions.sh"),
    ),
    (
        "paramiko.py",
        include_str!("../../programs/clients/paramiko.py"),
    ),
    (
        "asyncssh.py",
        include_str!("../../programs/clients/asyncssh.py"),
    ),
    (
        "fzsftp.py",
        include_str!("../../programs/clients/fzsftp.py"),
    ),
    ("ssh2.js", include_str!("../../programs/clients/ssh2.js")),
];

/// The `Subsystem` of sshd that Debian has.
pub const SUBSYSTEM: &str = "/usr/lib/openssh/sftp-server";

/// A host on which `host` is its own sshd for OpenSSH's client and everything that starts it, with keys for the others.
pub fn host(subsystem: &str) -> Host {
    let mut host = Host::new();
    host.start_sshd(&SshdConfig {
        sftp: subsystem.to_owned(),
        ..SshdConfig::default()
    });
    host.inside(|| {
        let names = fs::read_to_string("/etc/hosts").unwrap_or_default();
        fs::write("/etc/hosts", format!("{names}\n127.0.0.1 host\n")).expect("writing /etc/hosts");
        // Clients that start ssh know no `-F`.
        fs::copy(CLIENT_CONFIG, "/etc/ssh/ssh_config").expect("copying the client's configuration");
        let key = fs::read_to_string("/etc/ssh/test_host_key.pub").expect("sshd has a key");
        fs::write("/etc/ssh/ssh_known_hosts", format!("host,127.0.0.1 {key}"))
            .expect("writing the known hosts");
        fs::create_dir("/opt/clients").expect("mkdir");
        for (name, text) in DRIVERS {
            fs::write(Path::new("/opt/clients").join(name), text).expect("writing a driver");
        }
        fs::create_dir("/tmp/home").expect("a home for the configuration of clients");
        set_mode(Path::new("/tmp/home"), 0o700);
    });
    if Path::new("/usr/include/libssh/libssh.h").exists() {
        host.install_program("libssh_client", Kind::ProgramWith("-lssh"));
    }
    host.shell_line("mknod -m 666 /dev/fuse c 10 229");
    if Path::new("/usr/bin/puttygen").exists() {
        host.shell_line(&format!("puttygen {KEY} -o {KEY}.ppk"));
        host.shell_line(
            "ssh-keygen -lf /etc/ssh/test_host_key.pub | cut -d' ' -f2 >/opt/clients/host-key",
        );
    }
    host
}

/// Puts the files of one row on both sides.
pub fn set(host: &Host, account: &Account) {
    host.inside(|| {
        account.furnish();
        let home = account.home();
        material::furnish(&home.join("out"));
        material::first_half(&home.join("uploads/part.bin"));
        fs::create_dir(home.join("uploads/names")).expect("mkdir");
        account.own(&home);
        let local = Path::new(LOCAL);
        let _ = fs::remove_dir_all(local);
        material::furnish(&local.join("up"));
        fs::create_dir(local.join("down")).expect("mkdir");
        material::first_half(&local.join("down/part.bin"));
    });
}

/// Runs a client's line against `account`.
pub fn run(host: &Host, account: &Account, line: &str) -> Output {
    run_within(host.namespace(), &mut command(account, line), b"", LIMIT)
}

pub fn command(account: &Account, line: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", line]).current_dir(LOCAL);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .env("HOME", "/tmp/home")
        .env("LC_ALL", "C.UTF-8")
        .env("U", &account.name)
        .env("TO", format!("{}@host", account.name))
        .env("HOME_OF_U", account.home())
        .env("DOT", PROTECTED)
        .env("KEY", KEY)
        .env("BASH_ENV", "/opt/clients/functions.sh")
        .env("D", "/opt/clients")
        .env("PACKAGES", PACKAGES);
    command
}

/// What a client said, the same for every account.
pub fn neutral(account: &Account, said: &[u8]) -> String {
    String::from_utf8_lossy(said)
        .replace(&account.name, "USER")
        .replace(|c: char| c.is_control() && c != '\n', " ")
}
