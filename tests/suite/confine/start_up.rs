//! What a server reads to start is not for its client: no command that names a file of the start-up table, by any name
//! that leads to it, gets the file.

use std::process::Command;

use crate::harness::client::LOCAL;
use crate::harness::sshd::CLIENT_CONFIG;
use crate::harness::{Account, Host, Output};

/// One of each kind: data, configuration, a library.
const FILES: [&str; 5] = [
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/ld.so.cache",
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
];

fn host() -> Host {
    let host = Host::with_sshd();
    host.policy("protocols = [\"sftp\", \"scp\", \"rsync\"]\nreadable = [\"~/uploads\"]\n");
    for account in [host.plain(), host.alice()] {
        host.inside(|| {
            let uploads = account.home().join("uploads");
            let make = |target: &str, name: &str| {
                std::os::unix::fs::symlink(target, uploads.join(name)).expect("making a link");
            };
            for (number, file) in FILES.iter().enumerate() {
                make(file, &format!("l{number}"));
            }
            std::fs::create_dir(uploads.join("tree")).expect("making a directory");
            make("/etc/passwd", "tree/l");
            make("/etc", "etc");
            account.own(&account.at("uploads/tree"));
        });
    }
    host
}

/// The file, and each other name that leads to it.
fn names(number: usize) -> Vec<String> {
    let file = FILES[number];
    let mut names = vec![
        file.to_owned(),
        format!("uploads/../../..{file}"),
        format!("uploads/l{number}"),
    ];
    if let Some(name) = file.strip_prefix("/etc/") {
        names.push(format!("uploads/etc/{name}"));
    }
    names
}

#[test]
fn scp_sends_none_of_it() {
    let host = host();
    let old_scp = |account: &Account, options: &[&str], name: &str| -> Output {
        let mut command = host.client("scp");
        command
            .args(["-O", "-q", "-F", CLIENT_CONFIG])
            .args(options);
        command
            .arg(format!("{}@host:{name}", account.name))
            .arg("got");
        host.inside(|| {
            let _ = std::fs::remove_dir_all(format!("{LOCAL}/got"));
            let _ = std::fs::remove_file(format!("{LOCAL}/got"));
        });
        host.run(&mut command, b"")
    };
    let got = |path: &str| host.inside(|| std::fs::read(format!("{LOCAL}/{path}")).ok());
    for (number, file) in FILES.iter().enumerate() {
        for name in names(number) {
            old_scp(host.plain(), &[], &name).succeeded(&name);
            assert_eq!(got("got"), Some(host.read(file)), "{name}");
            old_scp(host.alice(), &[], &name).failed(&name);
            assert_eq!(got("got"), None, "{name}");
        }
    }
    // A link within a tree is followed too.
    old_scp(host.plain(), &["-r"], "uploads/tree").succeeded("a tree");
    assert_eq!(got("got/l"), Some(host.read("/etc/passwd")));
    old_scp(host.alice(), &["-r"], "uploads/tree").failed("a tree");
    assert_eq!(got("got/l"), None);
    assert!(host.inside(|| std::path::Path::new(LOCAL).join("got").is_dir()));
}

#[test]
fn rsync_sends_none_of_it() {
    let host = host();
    let rsync = |account: &Account, arguments: &[&str]| -> Output {
        let mut command = Command::new("rsync");
        let arguments = arguments
            .iter()
            .map(|word| word.replace('@', &format!("{}@host", account.name)));
        command
            .current_dir(LOCAL)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .args(["-e", &format!("ssh -F {CLIENT_CONFIG}")])
            .args(arguments);
        host.inside(|| {
            let _ = std::fs::remove_file(format!("{LOCAL}/got"));
        });
        host.run(&mut command, b"")
    };
    let got = || host.inside(|| std::fs::read(format!("{LOCAL}/got")).ok());
    for (number, file) in FILES.iter().enumerate() {
        for name in names(number) {
            // rsync sends a link as a link.
            if name.starts_with("uploads/l") {
                continue;
            }
            let source = format!("@:{name}");
            rsync(host.plain(), &[&source, "got"]).succeeded(&name);
            assert_eq!(got(), Some(host.read(file)), "{name}");
            rsync(host.alice(), &[&source, "got"]).failed(&name);
            assert_eq!(got(), None, "{name}");
        }
        let names = format!("--files-from=:{file}");
        let output = rsync(host.plain(), &["-r", &names, "@:uploads", "got"]);
        assert_ne!(output.code(), 126, "{names}: {output}");
        let output = rsync(host.alice(), &["-r", &names, "@:uploads", "got"]);
        assert!(
            output.err().contains("--files-from is refused"),
            "{names}: {output}"
        );
    }
    // A list from the client names what the command does not, above the policy or through a link.
    host.inside(|| {
        std::fs::write(format!("{LOCAL}/list"), "etc/passwd\nusr/lib/os-release\n")
            .expect("a list");
    });
    let got = || host.inside(|| std::fs::read(format!("{LOCAL}/tree/etc/passwd")).ok());
    for source in ["@:/", "@:uploads"] {
        let arguments = ["--files-from=list", source, "tree/"];
        host.inside(|| drop(std::fs::remove_dir_all(format!("{LOCAL}/tree"))));
        rsync(host.plain(), &arguments);
        assert_eq!(got(), Some(host.read("/etc/passwd")), "{source}");
        host.inside(|| drop(std::fs::remove_dir_all(format!("{LOCAL}/tree"))));
        rsync(host.alice(), &arguments).failed(source);
        assert_eq!(got(), None, "{source}");
    }
    // What is readable still arrives with a list.
    host.inside(|| std::fs::write(format!("{LOCAL}/list"), "uploads/old.txt\n").expect("a list"));
    rsync(host.alice(), &["--files-from=list", "@:", "tree/"]).succeeded("a list");
    let arrived = host.inside(|| std::fs::read(format!("{LOCAL}/tree/uploads/old.txt")).ok());
    assert_eq!(arrived, Some(host.read(host.alice().at("uploads/old.txt"))));
}
