//! File systems that the administrator mounts below the directories of the policy: what a bind mount shows is judged
//! as what it is, not as where it is seen; any other file system is simply a part of the place.

use std::time::Duration;

use crate::harness::sftp::{Attributes, CREATE, READ, WRITE};
use crate::harness::{Account, Host, Sftp};

const NESTED: &str = "[[directory]]\npath = \"~/uploads/in\"\naccess = \"upload-only\"\n";

/// A host where each account has these mounts in its uploads; `/srv/NAME` is a directory elsewhere.
fn host(policy: &str) -> Host {
    let host = Host::new();
    for account in [host.plain(), host.alice()] {
        host.shell_line(&format!(
            r#"set -e; cd {home}
            mkdir -p uploads/in/sub /srv/{name}/sub
            cd uploads; mkdir alias inner keys foreign ram; touch one-file rc
            echo older >in/older.txt; echo older >in/sub/older.txt; echo foreign >/srv/{name}/file
            chown -R {id}:{id} . /srv/{name}
            mount --bind in alias; mount --bind in/sub inner; mount --bind ../.ssh keys
            mount --bind /srv/{name} foreign; mount -t tmpfs -o uid={id},gid={id},mode=755 tmpfs ram
            mount --bind in/older.txt one-file; mount --bind ../.config/settings rc"#,
            home = account.home().display(),
            name = account.name,
            id = account.id
        ));
    }
    host.policy(policy);
    host
}

type Attempt = (&'static str, fn(&mut Sftp) -> bool);

const NOTHING_OF: &[Attempt] = &[
    ("read", |s| s.get("uploads/alias/older.txt").is_ok()),
    ("list", |s| s.list("uploads/alias").is_ok()),
    ("mode", |s| {
        s.setstat("uploads/alias/older.txt", Attributes::mode(0o640))
            .ok()
    }),
    ("overwrite", |s| {
        s.put("uploads/alias/older.txt", b"older").ok()
    }),
    ("rename", |s| {
        s.rename("uploads/alias/older.txt", "uploads/alias/x").ok()
            && s.rename("uploads/alias/x", "uploads/alias/older.txt").ok()
    }),
    ("read what lies deeper", |s| {
        s.get("uploads/alias/sub/older.txt").is_ok()
    }),
    ("read inside", |s| s.get("uploads/inner/older.txt").is_ok()),
    ("list inside", |s| s.list("uploads/inner").is_ok()),
    ("overwrite inside", |s| {
        s.put("uploads/inner/older.txt", b"older").ok()
    }),
    ("rename inside", |s| {
        s.rename("uploads/inner/older.txt", "uploads/inner/x").ok()
            && s.rename("uploads/inner/x", "uploads/inner/older.txt").ok()
    }),
    ("read one file", |s| s.get("uploads/one-file").is_ok()),
    ("overwrite one file", |s| {
        s.put("uploads/one-file", b"older").ok()
    }),
    ("remove inside", |s| {
        s.remove("uploads/inner/older.txt").ok()
    }),
    ("remove", |s| s.remove("uploads/alias/older.txt").ok()),
];

/// What belongs to the account and is protected wherever it is seen.
const NOTHING_OF_THE_HOME: &[Attempt] = &[
    ("keys", |s| {
        s.put("uploads/keys/authorized_keys", b"key").ok()
    }),
    ("a new file of keys", |s| {
        s.put("uploads/keys/rc", b"x").ok()
    }),
    ("mode of the keys", |s| {
        s.setstat("uploads/keys/authorized_keys", Attributes::mode(0o666))
            .ok()
    }),
    ("mode of their directory", |s| {
        s.setstat("uploads/keys", Attributes::mode(0o777)).ok()
    }),
    ("one dotfile", |s| s.put("uploads/rc", b"echo").ok()),
    ("rename keys", |s| {
        s.rename("uploads/keys/authorized_keys", "uploads/keys/x")
            .ok()
    }),
    ("remove keys", |s| s.remove("uploads/keys/config").ok()),
];

/// Each works in an ordinary account; here it fails and leaves the disk as it was.
#[track_caller]
fn nothing_gets_through(host: &Host, attempts: &[Attempt]) {
    let mut sftp = host.raw_sftp_direct(host.plain());
    for (name, attempt) in attempts {
        assert!(attempt(&mut sftp), "{name}: fails in an ordinary account");
    }
    assert_eq!(sftp.end(), 0);
    let before = host.disk();
    let mut sftp = host.raw_sftp_direct(host.alice());
    let mut wrong = Vec::new();
    for (name, attempt) in attempts {
        if attempt(&mut sftp) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?} work");
    before.assert_same(&host.disk(), "protected by another name");
    assert!(sftp.stat("uploads").ok(), "the session goes on");
    assert_eq!(sftp.end(), 0);
}

#[test]
fn a_bind_mount_of_a_nested_rule_has_its_rights() {
    let host = host(NESTED);
    nothing_gets_through(&host, NOTHING_OF);
    // New files arrive through each of its names.
    let mut sftp = host.raw_sftp_direct(host.alice());
    for path in ["uploads/alias/new", "uploads/inner/new", "uploads/in/newer"] {
        assert!(sftp.put(path, b"new").ok(), "{path}");
    }
    assert_eq!(sftp.end(), 0);
    for path in ["in/new", "in/sub/new", "in/newer"] {
        assert_eq!(host.read(host.alice().at("uploads").join(path)), b"new");
    }
}

#[test]
fn a_bind_mount_of_a_dotfile_is_one() {
    let host = host("");
    nothing_gets_through(&host, NOTHING_OF_THE_HOME);
}

/// Also if the home itself is not a directory of the policy.
#[test]
fn a_bind_mount_of_a_dotfile_is_one_where_only_uploads_are_writable() {
    let host = host("writable = [\"~/uploads\"]\nreadable = [\"~/uploads\"]\n");
    nothing_gets_through(&host, NOTHING_OF_THE_HOME);
}

/// Everything that can be done in a place, through one of its directories.
fn ordinary_work(sftp: &mut Sftp, place: &str) {
    let at = |name: &str| format!("{place}/{name}");
    assert!(sftp.put(&at("a"), b"a").ok(), "{place}");
    assert!(sftp.mkdir(&at("d")).ok(), "{place}");
    assert!(sftp.rename(&at("a"), &at("d/b")).ok(), "{place}");
    assert!(sftp.posix_rename(&at("d"), &at("e")).ok(), "{place}");
    assert!(sftp.setstat(&at("e/b"), Attributes::mode(0o600)).ok());
    assert!(sftp.put(&at("e/b"), b"again").ok(), "{place}");
    assert_eq!(sftp.get(&at("e/b")).ok(), Some(b"again".to_vec()));
    assert!(sftp.hardlink(&at("e/b"), &at("l")).ok(), "{place}");
    assert!(sftp.symlink("e/b", &at("s")).ok(), "{place}");
    // Its own dotfiles are protected, and it is a file system of its own.
    assert!(!sftp.posix_rename(&at("e/b"), "uploads/moved").ok());
    for name in ["s", "l", "e/b"] {
        assert!(sftp.remove(&at(name)).ok(), "{place}/{name}");
    }
    assert!(sftp.rmdir(&at("e")).ok(), "{place}");
}

#[test]
fn other_file_systems_are_a_part_of_the_place() {
    let host = host(NESTED);
    for account in [host.plain(), host.alice()] {
        let mut sftp = host.raw_sftp_direct(account);
        for place in ["uploads/foreign", "uploads/foreign/sub", "uploads/ram"] {
            ordinary_work(&mut sftp, place);
        }
        assert_eq!(
            sftp.get("uploads/foreign/file").ok(),
            Some(b"foreign\n".to_vec())
        );
        let is_bound = account.name == "alice";
        for place in ["uploads/foreign", "uploads/ram"] {
            let dotfile = format!("{place}/.htaccess");
            assert_eq!(sftp.put(&dotfile, b"x").ok(), !is_bound, "{dotfile}");
        }
        assert_eq!(sftp.end(), 0);
    }
    assert!(host.exists("/srv/plain/.htaccess") && !host.exists("/srv/alice/.htaccess"));
    assert!(!host.exists(host.alice().at("uploads/ram/.htaccess")));
}

/// Unmounts a file system as soon as nobody uses it any more.
fn can_be_unmounted(host: &Host, account: &Account) -> bool {
    let path = account.at("uploads/ram").display().to_string();
    for _ in 0..100 {
        if host.root("umount", &[&path]).status.success() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    false
}

#[test]
fn an_idle_session_keeps_no_file_system_busy() {
    let host = host("");
    for account in [host.plain(), host.alice()] {
        let mut sftp = host.raw_sftp_direct(account);
        ordinary_work(&mut sftp, "uploads/ram");
        assert!(sftp.mkdir("uploads/ram/kept").ok());
        assert!(sftp.put("uploads/ram/kept/file", b"x").ok());
        assert!(sftp.symlink("file", "uploads/ram/kept/link").ok());
        assert!(sftp.list("uploads/ram/kept").is_ok());
        let handle = sftp.handle(|sftp| sftp.open("uploads/ram/open", WRITE | CREATE));
        let handle = handle.expect("opening");
        let path = account.at("uploads/ram").display().to_string();
        host.root("umount", &[&path]).failed("a file is open");
        assert!(sftp.close(&handle).ok());
        assert!(can_be_unmounted(&host, account), "{}", account.name);
        // The session continues, without what was there.
        let gone = sftp.open("uploads/ram/kept/file", READ);
        assert!(!gone.ok(), "{gone:?}");
        assert!(sftp.put("uploads/ram/after", b"x").ok());
        assert_eq!(sftp.end(), 0);
        assert_eq!(host.read(account.at("uploads/ram/after")), b"x");
    }
}

/// The kernel reuses the number of a mount that is gone: what was learned about the first says nothing about the
/// second.
#[test]
fn a_mount_that_is_made_while_a_session_runs_is_judged_as_what_it_is() {
    let host = host(NESTED);
    let mut same_number = false;
    for _ in 0..60 {
        for account in [host.plain(), host.alice()] {
            let ram = account.at("uploads/ram").display().to_string();
            let number = || host.shell_line(&format!("findmnt -no ID {ram}"));
            let mut sftp = host.raw_sftp_direct(account);
            assert!(sftp.put("uploads/ram/file", b"file").ok());
            assert!(sftp.remove("uploads/ram/file").ok());
            let before = number();
            for _ in 0..100 {
                if host.root("umount", &[&ram]).status.success() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            let inside = account.at("uploads/in/sub").display().to_string();
            host.root("mount", &["--bind", &inside, &ram])
                .succeeded("mount");
            let is_bound = account.name == "alice";
            same_number |= is_bound && number() == before;
            let path = "uploads/ram/older.txt";
            assert_eq!(sftp.get(path).is_err(), is_bound);
            assert_eq!(!sftp.put(path, b"older\n").ok(), is_bound);
            assert_eq!(sftp.end(), 0);
            assert_eq!(
                host.read(account.at("uploads/in/sub/older.txt")),
                b"older\n"
            );
            host.shell_line(&format!(
                "umount {ram} && mount -t tmpfs -o uid={id},gid={id},mode=755 tmpfs {ram}",
                id = account.id
            ));
        }
        if same_number {
            return;
        }
    }
    panic!("no number of a mount was used again");
}
