//! A host that an administrator has prepared with the scripts of `install/`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::harness::account::{Account, Shell};
use super::harness::sshd::{CLIENT_KEY, HOST_KEY, PORT, install_keys};
use super::harness::{Host, XFERSH};

/// Where the source tree is on such a host: the checkout itself may be hidden there.
pub const SOURCE: &str = "/opt/source";
/// Where the binary is installed.
pub const SHELL: &str = "/usr/bin/xfersh";
/// sshd's drop-in.
pub const DROP_IN: &str = "/etc/ssh/sshd_config.d/10-xfersh.conf";
const CONFIG: &str = "/etc/ssh/sshd_config";

/// Changes below /usr end up here.
pub const USR_CHANGES: &str = "/mnt/usr/changes";

/// A host on which nothing is installed yet: /usr and parts of /var can be written, the source tree and a binary are
/// there, sshd is configured as Debian ships it.
pub fn bare() -> Host {
    let host = Host::with_accounts(&[("plain", Shell::Plain)]);
    for place in ["/usr", "/var/lib", "/var/spool"] {
        let own = format!("/mnt{place}");
        let (changes, work) = (format!("{own}/changes"), format!("{own}/work"));
        let options = format!("lowerdir={place},upperdir={changes},workdir={work}");
        host.root("mkdir", &["-p", &changes, &work])
            .succeeded("mkdir");
        host.root(
            "mount",
            &["-t", "overlay", "overlay", "-o", &options, place],
        )
        .succeeded("an overlay");
    }
    let tree = source_tree();
    install_keys(host.namespace());
    host.inside(|| {
        for (path, mode, content) in &tree {
            let path = Path::new(SOURCE).join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("making a directory");
            fs::write(&path, content).expect("writing the source tree");
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).expect("chmod");
        }
        fs::write(CONFIG, config()).expect("writing the configuration of sshd");
        let drop_ins = Path::new(DROP_IN).parent().expect("a parent");
        let _ = fs::remove_dir_all(drop_ins);
        fs::create_dir(drop_ins).expect("a directory for drop-ins");
        let _ = fs::remove_file("/etc/xfersh.toml");
    });
    host
}

/// sshd_config as Debian 12 ships it, on the loopback interface.
fn config() -> String {
    format!(
        "Include /etc/ssh/sshd_config.d/*.conf\nPort {PORT}\nListenAddress 127.0.0.1\nHostKey {HOST_KEY}\n\
         PidFile none\nKbdInteractiveAuthentication no\nUsePAM no\nX11Forwarding yes\nPrintMotd no\n\
         AcceptEnv LANG LC_*\nSubsystem\tsftp\t/usr/lib/openssh/sftp-server\n"
    )
}

/// The files that the scripts need, with their modes; read before a namespace hides the checkout.
fn source_tree() -> Vec<(PathBuf, u32, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut waiting = vec![root.join("install"), root.join("docs")];
    let mut files = vec![root.join("Cargo.toml")];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory)
            .expect("reading the source tree")
            .flatten()
        {
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_directory {
                &mut waiting
            } else {
                &mut files
            }
            .push(entry.path());
        }
    }
    let read = |path: PathBuf| {
        let mode = fs::metadata(&path).expect("a mode").permissions().mode() & 0o777;
        let content = fs::read(&path).expect("reading the source tree");
        let below = path
            .strip_prefix(root)
            .expect("a path in the tree")
            .to_owned();
        (below, mode, content)
    };
    files.into_iter().map(read).collect()
}

/// `install/install --binary …` and what follows.
pub fn install(host: &Host, options: &[&str]) -> super::harness::Output {
    let mut arguments = vec!["--binary", XFERSH];
    arguments.extend(options);
    host.root(&format!("{SOURCE}/install/install"), &arguments)
}

/// A host with xfersh installed and an account `carol` made by add-account, with the client's key; no sshd runs.
pub fn installed() -> (Host, Account) {
    let host = bare();
    install(&host, &[]).succeeded("install/install");
    let carol = add_account(&host, "carol");
    (host, carol)
}

/// The same with an sshd.
pub fn prepared() -> (Host, Account) {
    let (mut host, carol) = installed();
    host.start_system_sshd();
    (host, carol)
}

pub fn add_account(host: &Host, name: &str) -> Account {
    let key = format!("{CLIENT_KEY}.pub");
    let arguments = [name, "--key", &key, "--directory", "uploads"];
    host.root("/usr/sbin/xfersh-add-account", &arguments)
        .succeeded("xfersh-add-account");
    account(host, name, Shell::Xfersh)
}

/// An account that is in the files of the host.
pub fn account(host: &Host, name: &str, shell: Shell) -> Account {
    let id = host.root("id", &["-u", name]).succeeded("id").out();
    Account {
        name: name.to_owned(),
        id: id.trim().parse().expect("a uid"),
        shell,
    }
}

/// Runs a line of root's shell.
#[track_caller]
pub fn sh(host: &Host, line: &str) {
    host.root("/bin/sh", &["-c", line]).succeeded(line);
}

/// The files of /etc with their sums: without times and without the backups that the account tools keep (`passwd-`).
pub fn etc(host: &Host) -> BTreeSet<String> {
    let line = "cd /etc && find . -type f ! -name '*-' ! -name '*.lock' ! -name ld.so.cache -exec sha256sum {} +";
    let sums = host.root("/bin/sh", &["-c", line]).succeeded("sha256sum");
    sums.out().lines().map(str::to_owned).collect()
}

#[track_caller]
pub fn assert_same(before: &BTreeSet<String>, after: &BTreeSet<String>, what: &str) {
    let different: Vec<_> = before.symmetric_difference(after).collect();
    assert!(different.is_empty(), "{what}: {different:#?}");
}
