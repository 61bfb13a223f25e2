//! P12: nothing is read or listed outside the readable directories and what a server needs to start.

use super::report;
use crate::harness::client::LOCAL;
use crate::harness::{Account, Host, Sftp};

type Act = fn(&mut Sftp) -> bool;

const READS: &[(&str, Act)] = &[
    ("a file that all may read", |s| {
        s.get("/srv/outside/secret.txt").is_ok()
    }),
    ("the same through ..", |s| {
        s.get("uploads/../../../srv/outside/secret.txt").is_ok()
    }),
    ("the same through an old symlink", |s| {
        s.get("uploads/to-secret").is_ok()
    }),
    ("below an old symlink", |s| {
        s.get("uploads/to-outside/secret.txt").is_ok()
    }),
    ("a file of another account", |s| {
        s.get("/home/bob/note.txt").is_ok()
    }),
    ("the configuration of sshd", |s| {
        s.get("/etc/ssh/sshd_test_config").is_ok()
    }),
    ("the policy", |s| s.get("/etc/xfersh.toml").is_ok()),
    ("the shells", |s| s.get("/etc/shells").is_ok()),
    ("a program", |s| s.get("/usr/bin/id").is_ok()),
    ("its own memory map", |s| s.get("/proc/self/maps").is_ok()),
    ("another process", |s| s.get("/proc/1/cmdline").is_ok()),
    ("the mounts", |s| s.get("/proc/mounts").is_ok()),
    ("the version of the kernel", |s| {
        s.get("/proc/version").is_ok()
    }),
    ("list /", |s| s.list("/").is_ok()),
    ("list /home", |s| s.list("/home").is_ok()),
    ("list another home", |s| s.list("/home/bob").is_ok()),
    ("list /etc", |s| s.list("/etc").is_ok()),
    ("list /usr/bin", |s| s.list("/usr/bin").is_ok()),
    ("list /usr/lib", |s| s.list("/usr/lib").is_ok()),
    ("list /tmp", |s| s.list("/tmp").is_ok()),
    ("list /dev", |s| s.list("/dev").is_ok()),
    ("list /proc", |s| s.list("/proc").is_ok()),
    ("list through an old symlink", |s| {
        s.list("uploads/to-outside").is_ok()
    }),
    ("list ..", |s| s.list("..").is_ok()),
    ("a new symlink", |s| {
        s.symlink("/srv/outside/secret.txt", "uploads/l").ok() && s.get("uploads/l").is_ok()
    }),
];

const HOME_READS: &[(&str, Act)] = &[
    ("a file in the home", |s| s.get("note.txt").is_ok()),
    ("a file below", |s| s.get("uploads/sub/deep.txt").is_ok()),
    ("list the home", |s| {
        s.list(".")
            .is_ok_and(|names| names.contains(&b"note.txt".to_vec()))
    }),
    ("through a symlink inside", |s| {
        s.get("uploads/to-note").is_ok()
    }),
];

fn host() -> Host {
    use crate::harness::{Shell, SshdConfig};
    let accounts = [
        ("plain", Shell::Plain),
        ("alice", Shell::Xfersh),
        ("bob", Shell::Plain),
    ];
    let mut host = Host::with_accounts(&accounts);
    host.start_sshd(&SshdConfig::default());
    host.policy("protocols = [\"sftp\", \"scp\"]\n");
    host
}

#[test]
fn by_sftp() {
    let host = host();
    let mut plain = host.raw_sftp(host.plain());
    let mut ours = host.raw_sftp(host.alice());
    report(READS.iter().map(|(name, act)| {
        let result = match (act(&mut plain), act(&mut ours)) {
            (false, _) => Err("proves nothing: fails in an ordinary account".to_owned()),
            (true, true) => Err("was read".to_owned()),
            (true, false) => Ok(()),
        };
        (*name, result)
    }));
    report(HOME_READS.iter().map(|(name, act)| {
        (
            *name,
            if act(&mut ours) {
                Ok(())
            } else {
                Err("should be readable".to_owned())
            },
        )
    }));
    assert_eq!((plain.end(), ours.end()), (0, 0));
}

/// `scp -f` words that ordinary accounts can download, and whether ours can.
const SOURCES: &[(&str, bool)] = &[
    ("uploads/old.txt", true),
    ("note.txt", true),
    ("~/note.txt", true),
    ("uploads/o*.txt", true),
    ("uploads/[o]ld.tx?", true),
    ("/srv/outside/secret.txt", false),
    ("uploads/../../../srv/outside/secret.txt", false),
    ("uploads/to-secret", false),
    ("/srv/outside/s*", false),
    ("/s*/outside/secret.txt", false),
    ("uploads/to-outside/*.txt", false),
    ("/home/*/note.txt", false),
    ("/etc/ssh/sshd_test_conf*", false),
    ("/proc/version", false),
];

#[test]
fn by_old_scp() {
    let host = host();
    let fetch = |account: &Account, source: &str| {
        host.inside(|| {
            let _ = std::fs::remove_dir_all(format!("{LOCAL}/fetched"));
            std::fs::create_dir(format!("{LOCAL}/fetched"))
        })
        .expect("a directory");
        let output = host.scp_from(account, &["-O"], source, "fetched");
        let names = host.inside(|| {
            std::fs::read_dir(format!("{LOCAL}/fetched"))
                .expect("listing")
                .count()
        });
        (output, names)
    };
    report(SOURCES.iter().map(|(source, readable)| {
        let (output, names) = fetch(host.plain(), source);
        if !output.status.success() || names == 0 {
            return (
                *source,
                Err(format!(
                    "proves nothing: fails in an ordinary account: {output}"
                )),
            );
        }
        let (output, names) = fetch(host.alice(), source);
        let result = match readable {
            true if !output.status.success() || names == 0 => {
                Err(format!("should be readable: {output}"))
            }
            // Our own home also matches `/home/*`, if the directory is read.
            false if names > 0 => Err(format!("was fetched: {output}")),
            _ => Ok(()),
        };
        (*source, result)
    }));
}

/// A wildcard must not reveal which names exist outside.
#[test]
fn wildcards_tell_no_outside_name() {
    let host = host();
    for source in ["/srv/outside/sec*", "/srv/outside/nonsense*"] {
        let fetched = host.direct(
            host.plain(),
            format!("scp -f {source}").as_bytes(),
            b"\0\0\0\0",
        );
        let known = fetched.out().contains("secret.txt");
        assert_eq!(
            known,
            source.contains("sec*"),
            "an ordinary shell expands: {fetched}"
        );
        let ours = host.direct(
            host.alice(),
            format!("scp -f {source}").as_bytes(),
            b"\0\0\0\0",
        );
        assert!(
            !ours.out().contains("secret.txt") && !ours.err().contains("secret.txt"),
            "{ours}"
        );
    }
}
