//! Under `dotfiles = "hidden"` no call by path tells of a dotfile, whatever way leads to it.

use xfersh::decide::plan::ServerKind;

use super::case;
use super::places::furnish;
use super::session::{Session, command, host, policy};

/// `@` is a pointer to the path, `AT` a directory and a path.
const READS: &[&str] = &[
    "open @ 0 0",
    "open @ 0x200000 0",
    "open @ 0x220000 0",
    "openat AT 0 0",
    "openat AT 0x200000 0",
    "stat @ b:256",
    "lstat @ b:256",
    "newfstatat AT b:256 0",
    "newfstatat AT b:256 0x100",
    "statx AT 0 0xfff b:256",
    "statx AT 0x100 0xfff b:256",
    "access @ 0",
    "faccessat AT 0",
    "faccessat2 AT 0 0",
    "statfs @ b:256",
    "getxattr @ p:user.old b:16 16",
    "lgetxattr @ p:user.old b:16 16",
    "listxattr @ b:64 64",
    "llistxattr @ b:64 64",
];

const HIDDEN: &[&str] = &[
    "uploads/.hidden",
    "uploads/../uploads/.hidden",
    "site/.git",
    "site/.git/hooks",
    "site/.git/hooks/post-commit",
    ".bashrc",
    ".ssh/config",
    "uploads/to-ssh/config",
    "/home/NAME/site/.htaccess",
];

#[test]
fn nothing_tells_of_a_hidden_file() {
    let host = host();
    host.policy(&policy("dotfiles = \"hidden\"\n"));
    for account in [host.plain(), host.alice()] {
        furnish(&host, account);
        let path = account.at("site/.htaccess");
        host.inside(|| xattr::set_deref(path, "user.old", b"1").expect("an attribute"));
    }
    let mut plain = Session::plain(&host);
    for kind in [
        ServerKind::Sftp,
        ServerKind::RsyncReceiver,
        ServerKind::RsyncSender,
    ] {
        let mut ours = Session::start(&host, host.alice(), command(kind));
        for (form, path) in READS
            .iter()
            .flat_map(|form| HIDDEN.iter().map(move |path| (form, path)))
        {
            let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
            let row = form.split(' ').next().unwrap_or_default();
            if case::number(row).is_none() {
                continue;
            }
            let at = [
                format!("-100 p:{path}"),
                format!("r:{parent} p:{name}"),
                format!("r:uploads p:../{path}"),
            ];
            for at in &at[..if form.contains("AT ") {
                3 - usize::from(path.starts_with('/'))
            } else {
                1
            }] {
                let steps = form.replace("AT", at).replace('@', &format!("p:{path}"));
                let expected = plain.ask(&steps.replace("NAME", "plain"));
                assert!(
                    expected.is_some_and(|result| result >= 0),
                    "proves nothing: {steps}: {expected:?}"
                );
                let seen = ours.ask(&steps.replace("NAME", "alice"));
                assert!(
                    seen.is_some_and(|result| result < 0),
                    "{kind:?}: {steps}: {seen:?}"
                );
            }
        }
        // What is not hidden is seen.
        for steps in [
            "open p:uploads/old.txt 0 0",
            "newfstatat -100 p:uploads/old.txt b:256 0",
            "statx -100 p:site 0 0xfff b:256",
        ] {
            assert!(
                ours.ask(steps).expect("an answer") >= 0,
                "{kind:?}: {steps}"
            );
        }
        assert_eq!(ours.end(), 0);
    }
}
