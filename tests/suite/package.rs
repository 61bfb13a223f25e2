//! The packages: what is in them. The Debian one: built, installed, used, removed, purged.

mod archive;
mod formats;
mod retired;
mod sbom;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::harness::account::Shell;
use super::harness::sshd::CLIENT_KEY;
use super::harness::{Host, Output, XFERSH};
use super::prepared::{DROP_IN, SHELL, SOURCE, USR_CHANGES, account, assert_same, bare, etc, sh};

const PACKAGE: &str = "/opt/package/xfersh.deb";

/// Puts the package on the host. It is built once, on the first host that asks.
fn build(host: &Host) {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    let content = BUILT.get_or_init(|| {
        let build = format!("{SOURCE}/install/debian/build");
        let arguments = ["--binary", XFERSH, "--output", "/opt/package"];
        host.root(&build, &arguments)
            .succeeded("building the package");
        host.read(PACKAGE)
    });
    sh(host, "mkdir -p /opt/package");
    host.write(PACKAGE, content);
}

/// Dependencies are not checked: the test machine need not have the same packages.
fn dpkg(host: &Host, arguments: &[&str]) -> Output {
    let mut all = vec!["--force-depends"];
    all.extend(arguments);
    host.root("dpkg", &all).succeeded("dpkg")
}

fn usr(host: &Host) -> String {
    // Indexes that triggers of other packages rebuild are not ours.
    let line = format!("find {USR_CHANGES} ! -type d ! -path '*/mandb/*' ! -path '*/.build-id/*'");
    host.root("/bin/sh", &["-c", &line]).succeeded("find").out()
}

#[test]
fn it_is_installed_used_removed_and_purged() {
    let mut host = bare();
    build(&host);
    let before = etc(&host);
    dpkg(&host, &["-i", PACKAGE]);
    assert!(host.exists(DROP_IN) && host.exists(SHELL));
    host.root(
        "xfersh-add-account",
        &[
            "carol",
            "--key",
            &format!("{CLIENT_KEY}.pub"),
            "--directory",
            "uploads",
        ],
    )
    .succeeded("an account");
    let carol = account(&host, "carol", Shell::Xfersh);
    host.start_system_sshd();
    host.inside(|| std::fs::write("/tmp/local/a", "content\n"))
        .expect("a local file");
    host.sftp(&carol, "put a uploads/a\n")
        .succeeded("an upload");
    host.ssh(&carol, &[], "id").failed("a command");
    host.root(SHELL, &["--doctor", "--user", "carol"])
        .succeeded("the doctor");
    // The same package again is an upgrade.
    dpkg(&host, &["-i", PACKAGE]);
    let shells = String::from_utf8(host.read("/etc/shells")).expect("text");
    assert_eq!(shells.matches(SHELL).count(), 1, "{shells}");

    dpkg(&host, &["-r", "xfersh"]);
    assert!(!host.exists(SHELL));
    assert!(host.exists(DROP_IN), "the drop-in is kept until the purge");
    let shells = String::from_utf8(host.read("/etc/shells")).expect("text");
    assert!(!shells.contains(SHELL), "{shells}");
    // What the test itself created; the harness's client also has its configuration in /etc.
    sh(
        &host,
        "userdel carol; rm /etc/ssh/xfersh_keys/carol /etc/ssh/client_test_config",
    );
    dpkg(&host, &["-P", "xfersh"]);
    assert_same(&before, &etc(&host), "after the purge");
    assert_eq!(usr(&host), "", "after the purge");
    host.root("dpkg", &["-s", "xfersh"])
        .failed("asking for a purged package");
}

#[test]
fn a_purge_keeps_keys_and_members() {
    let host = bare();
    build(&host);
    dpkg(&host, &["-i", PACKAGE]);
    host.root(
        "xfersh-add-account",
        &[
            "carol",
            "--key",
            &format!("{CLIENT_KEY}.pub"),
            "--directory",
            "uploads",
        ],
    )
    .succeeded("an account");
    dpkg(&host, &["-P", "xfersh"]);
    assert!(host.exists("/etc/ssh/xfersh_keys/carol"));
    assert!(host.exists("/home/carol/uploads"));
    host.root("getent", &["group", "xfersh"])
        .succeeded("the group of an account that is left");
}

/// Removal says who would be locked out, upgrades and purges do not; a changed drop-in stays until the purge, as Debian
/// Policy has it for configuration files, and the administrator's own files stay after it.
#[test]
fn a_removal_names_who_loses_the_login_and_keeps_what_was_changed() {
    let host = bare();
    build(&host);
    dpkg(&host, &["-i", PACKAGE]);
    let locked_out = |output: &Output| {
        let err = output.err();
        let line = err
            .lines()
            .find(|line| line.contains("cannot log in until"));
        line.map(|line| {
            assert!(line.contains("xfersh-remove-account NAME"), "{line}");
            let names = line.split("is back:").nth(1).unwrap_or_default();
            let names = names.split('(').next().unwrap_or_default();
            names.split_whitespace().map(str::to_owned).collect()
        })
    };
    let none: Option<Vec<String>> = None;
    assert_eq!(locked_out(&dpkg(&host, &["-r", "xfersh"])), none);
    dpkg(&host, &["-i", PACKAGE]);
    sh(
        &host,
        "xfersh-add-account carol; xfersh-add-account dora; xfersh-add-account erin; useradd -M -s /bin/sh frank; \
         xfersh-remove-account erin; echo 'protocols = [\"sftp\"]' >/etc/xfersh.toml",
    );
    sh(&host, &format!("echo '# mine' >>{DROP_IN}"));
    assert_eq!(locked_out(&dpkg(&host, &["-i", PACKAGE])), none);
    let both = vec!["carol".to_owned(), "dora".to_owned()];
    assert_eq!(locked_out(&dpkg(&host, &["-r", "xfersh"])), Some(both));
    let in_force = || host.shell_line(&format!("cat {DROP_IN}"));
    assert!(in_force().ends_with("# mine\n"), "{}", in_force());
    // Installed again, it is still the administrator's.
    dpkg(&host, &["-i", PACKAGE]);
    assert!(in_force().ends_with("# mine\n"), "{}", in_force());
    dpkg(&host, &["-r", "xfersh"]);
    assert_eq!(locked_out(&dpkg(&host, &["-P", "xfersh"])), none);
    assert!(!host.exists(DROP_IN) && !host.exists("/var/lib/xfersh"));
    assert!(host.exists("/etc/xfersh.toml") && host.exists("/home/carol"));
    sh(&host, "sshd -t");
}

#[test]
fn both_ways_to_build_it_put_the_same_files_in() {
    let host = bare();
    build(&host);
    let listing = host
        .root("dpkg-deb", &["--contents", PACKAGE])
        .succeeded("dpkg-deb");
    let listed = listing.out();
    let files = listed.lines().filter(|line| line.starts_with('-'));
    let built: BTreeSet<(String, String)> = files
        .map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(fields[1], "root/root", "{line}");
            let mode = if fields[0] == "-rwxr-xr-x" {
                "755"
            } else {
                "644"
            };
            let path = fields[5].trim_start_matches("./").trim_end_matches(".gz");
            (path.to_owned(), mode.to_owned())
        })
        .collect();
    assert_eq!(built, declared());
}

/// The files of the Debian package with their modes, as Cargo.toml lists them for `cargo deb`.
fn declared() -> BTreeSet<(String, String)> {
    let manifest = include_str!("../../Cargo.toml");
    let start = manifest.find("\nassets = [").expect("the list of assets");
    let end = manifest[start..].find("\n]").expect("its end");
    let rows = manifest[start..start + end]
        .lines()
        .filter(|line| line.trim_start().starts_with("[\""));
    let declared: BTreeSet<(String, String)> = rows
        .map(|line| {
            let words: Vec<&str> = line.split('"').collect();
            (words[3].to_owned(), words[5].to_owned())
        })
        .collect();
    assert!(declared.len() >= 10);
    declared
}
