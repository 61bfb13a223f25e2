//! A file system that finds a file by more names than the stored one (vfat, exfat, SMB servers, directories with case
//! folding): `tests/programs/folding.c` simulates it. The rules apply to what a name leads to.

use crate::harness::sftp::Attributes;
use crate::harness::{Account, Host, Sftp, Snapshot};

/// U+200B, which has zero width.
const ZERO_WIDTH: &str = "\u{200b}";

/// What is in the uploads of each account before every attempt.
const TREE: &str = r#"
    rm -rf in dir .htaccess .ssh .git *new* moved* file NEW
    mkdir in dir .ssh .git
    echo older >in/older.txt
    echo file >file
    echo denied >.htaccess
    echo key >.ssh/authorized_keys
    echo config >.git/config
"#;

/// A host where the uploads of both accounts are on such a file system.
fn host(words: &str, policy: &str) -> Host {
    let host = Host::new();
    for account in [host.plain(), host.alice()] {
        host.mount_folding(account, words);
    }
    for account in [host.plain(), host.alice()] {
        furnish(&host, account);
    }
    host.policy(policy);
    host
}

/// Where the files of the account really are.
fn stored(account: &Account) -> String {
    format!("/mnt/{}", account.name)
}

fn furnish(host: &Host, account: &Account) {
    host.shell_line(&format!(
        "set -e; cd {}; {TREE} chown -R {id}:{id} .",
        stored(account),
        id = account.id
    ));
}

fn disk(host: &Host) -> Snapshot {
    host.inside(|| Snapshot::of(&["/mnt"]))
}

type Attempt = (&'static str, fn(&mut Sftp) -> bool);

/// Each works in an ordinary account; here it fails and leaves the disk as it was.
#[track_caller]
fn nothing_gets_through(host: &Host, attempts: &[Attempt]) {
    for (name, attempt) in attempts {
        furnish(host, host.plain());
        let mut sftp = host.raw_sftp_direct(host.plain());
        assert!(attempt(&mut sftp), "{name}: fails in an ordinary account");
        assert_eq!(sftp.end(), 0);
    }
    furnish(host, host.alice());
    let mut sftp = host.raw_sftp_direct(host.alice());
    let before = disk(host);
    for (name, attempt) in attempts {
        assert!(!attempt(&mut sftp), "{name}: works");
        before.assert_same(&disk(host), name);
    }
    assert!(sftp.stat("uploads").ok(), "the session goes on");
    assert_eq!(sftp.end(), 0);
}

const NESTED: &[Attempt] = &[
    ("read", |s| s.get("uploads/IN/older.txt").is_ok()),
    ("read by a name of no width", |s| {
        s.get(&format!("uploads/{ZERO_WIDTH}in/older.txt")).is_ok()
    }),
    ("list", |s| s.list("uploads/IN").is_ok()),
    ("overwrite", |s| s.put("uploads/In/OLDER.txt", b"new").ok()),
    ("truncate", |s| {
        s.setstat("uploads/IN/older.txt", Attributes::size(1)).ok()
    }),
    ("mode of a file", |s| {
        s.setstat("uploads/IN/older.txt", Attributes::mode(0o600))
            .ok()
    }),
    ("mode of the directory", |s| {
        s.setstat("uploads/IN", Attributes::mode(0)).ok()
    }),
    ("remove", |s| s.remove("uploads/IN/older.txt").ok()),
    ("rename within", |s| {
        s.rename("uploads/IN/older.txt", "uploads/IN/x").ok()
    }),
    ("rename out", |s| {
        s.posix_rename("uploads/IN/older.txt", "uploads/moved").ok()
    }),
    ("rename over", |s| {
        s.posix_rename("uploads/file", "uploads/IN/older.txt").ok()
    }),
    ("link out", |s| {
        s.hardlink("uploads/IN/older.txt", "uploads/moved").ok()
    }),
    ("rename the directory", |s| {
        s.posix_rename("uploads/IN", "uploads/moved").ok()
    }),
    ("rename the directory by a name of no width", |s| {
        s.posix_rename(&format!("uploads/{ZERO_WIDTH}in"), "uploads/moved")
            .ok()
    }),
    ("remove the directory", |s| {
        s.remove("uploads/in/older.txt").ok() && s.rmdir("uploads/IN").ok()
    }),
];

#[test]
fn a_nested_rule_holds_by_every_name_of_its_directory() {
    let host = host(
        "names",
        "[[directory]]\npath = \"~/uploads/in\"\naccess = \"upload-only\"\n",
    );
    nothing_gets_through(&host, NESTED);
    // What is allowed works with every name, and so does the rest of the directory.
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.put("uploads/IN/new.txt", b"new").ok());
    assert!(sftp.put("uploads/DIR/new.txt", b"new").ok());
    assert_eq!(sftp.get("uploads/dir/NEW.txt").ok(), Some(b"new".to_vec()));
    assert!(sftp.rename("uploads/Dir/new.txt", "uploads/dir/Other").ok());
    assert!(sftp.posix_rename("uploads/dir", "uploads/moved").ok());
    assert!(sftp.remove("uploads/MOVED/other").ok());
    assert!(sftp.rmdir("uploads/MOVED").ok());
    assert_eq!(sftp.end(), 0);
    assert_eq!(host.read("/mnt/alice/in/new.txt"), b"new");
    assert_eq!(host.read("/mnt/alice/in/older.txt"), b"older\n");
    assert!(!host.exists("/mnt/alice/dir") && !host.exists("/mnt/alice/moved"));
}

/// Puts a file there, as another session does.
fn stored_by_another(host: &Host, account: &Account) {
    host.shell_line(&format!(
        "cd {}/new && echo other >other && chown {id}:{id} other",
        account.at("uploads").display(),
        id = account.id
    ));
}

/// The directory of a rule that does not exist yet.
#[test]
fn an_absent_directory_of_the_policy_gets_its_rights_by_every_name() {
    let host = host(
        "names",
        "[[directory]]\npath = \"~/uploads/new\"\naccess = \"upload-only\"\n",
    );
    for name in ["uploads/new", "uploads/NEW", "uploads/\u{200b}new"] {
        for account in [host.plain(), host.alice()] {
            let is_bound = account.name == "alice";
            furnish(&host, account);
            let mut sftp = host.raw_sftp_direct(account);
            // Only a directory may take the name.
            let before = disk(&host);
            if is_bound {
                assert!(!sftp.put(name, b"file").ok(), "{name}");
                assert!(!sftp.symlink("in", name).ok(), "{name}");
                assert!(!sftp.posix_rename("uploads/file", name).ok(), "{name}");
                assert!(!sftp.posix_rename("uploads/dir", name).ok(), "{name}");
                before.assert_same(&disk(&host), name);
            }
            assert!(sftp.mkdir(name).ok(), "{name}");
            stored_by_another(&host, account);
            let path = format!("{name}/other");
            let before = disk(&host);
            assert_eq!(sftp.get(&path).is_err(), is_bound, "{name}");
            assert_eq!(!sftp.put(&path, b"new").ok(), is_bound, "{name}");
            assert_eq!(!sftp.remove(&path).ok(), is_bound, "{name}");
            if is_bound {
                before.assert_same(&disk(&host), name);
            }
            assert_eq!(sftp.end(), 0);
        }
    }
}

/// The administrator replaces a directory of the policy while a session runs.
#[test]
fn a_directory_that_is_replaced_meanwhile_has_the_rights_of_its_path() {
    let host = host(
        "names",
        "[[directory]]\npath = \"~/uploads/in\"\naccess = \"upload-only\"\n",
    );
    for path in ["uploads/in/older.txt", "uploads/IN/older.txt"] {
        for account in [host.plain(), host.alice()] {
            let is_bound = account.name == "alice";
            furnish(&host, account);
            let mut sftp = host.raw_sftp_direct(account);
            assert!(sftp.put("uploads/in/first", b"first").ok());
            host.shell_line(&format!("mv {0}/in {0}.before", stored(account)));
            furnish(&host, account);
            // It checks again what it has open once it is idle.
            std::thread::sleep(std::time::Duration::from_millis(2500));
            let before = disk(&host);
            assert_eq!(sftp.get(path).is_err(), is_bound, "{path}");
            assert_eq!(!sftp.put(path, b"new").ok(), is_bound, "{path}");
            assert_eq!(!sftp.remove(path).ok(), is_bound, "{path}");
            if is_bound {
                before.assert_same(&disk(&host), path);
                assert!(sftp.put("uploads/in/second", b"second").ok(), "{path}");
            }
            assert_eq!(sftp.end(), 0);
            host.shell_line(&format!("rm -r {}.before", stored(account)));
        }
    }
}

/// The names under which a dotfile is reached on such a file system.
const DOTFILES: &[Attempt] = &[
    ("write by its short name", |s| {
        s.put("uploads/HTACCE~1", b"Allow").ok()
    }),
    ("by its short name in lower case", |s| {
        s.put("uploads/htacce~1", b"Allow").ok()
    }),
    ("by a name of no width", |s| {
        s.put("uploads/\u{200b}.htaccess", b"Allow").ok()
    }),
    ("by another case", |s| {
        s.put("uploads/.HTACCESS", b"Allow").ok()
    }),
    ("remove by its short name", |s| {
        s.remove("uploads/HTACCE~1").ok()
    }),
    ("remove by a name of no width", |s| {
        s.remove("uploads/\u{200b}.htaccess").ok()
    }),
    ("remove by another case", |s| {
        s.remove("uploads/.HtAccess").ok()
    }),
    ("rename by its short name", |s| {
        s.posix_rename("uploads/HTACCE~1", "uploads/moved").ok()
    }),
    ("rename by a name of no width", |s| {
        s.posix_rename("uploads/\u{200b}.htaccess", "uploads/moved")
            .ok()
    }),
    ("rename onto its short name", |s| {
        s.posix_rename("uploads/file", "uploads/HTACCE~1").ok()
    }),
    ("rename onto a name of no width", |s| {
        s.posix_rename("uploads/file", "uploads/\u{200b}.htaccess")
            .ok()
    }),
    ("mode by its short name", |s| {
        s.setstat("uploads/HTACCE~1", Attributes::mode(0o600)).ok()
    }),
    ("mode by a name of no width", |s| {
        s.setstat("uploads/\u{200b}.htaccess", Attributes::mode(0o600))
            .ok()
    }),
    ("times by its short name", |s| {
        s.setstat("uploads/HTACCE~1", Attributes::times(1, 1)).ok()
    }),
    ("truncate by its short name", |s| {
        s.setstat("uploads/HTACCE~1", Attributes::size(0)).ok()
    }),
    ("a new one by a name of no width", |s| {
        s.put("uploads/\u{200b}.new", b"new").ok()
    }),
    ("a new directory by a name of no width", |s| {
        s.mkdir("uploads/\u{200b}.new").ok()
    }),
    ("a link by a name of no width", |s| {
        s.symlink("file", "uploads/\u{200b}.new").ok()
    }),
    ("below a directory by its short name", |s| {
        s.put("uploads/SSH~1/authorized_keys", b"key").ok()
    }),
    ("below a directory by a name of no width", |s| {
        s.put("uploads/\u{200b}.ssh/authorized_keys", b"key").ok()
    }),
    ("below a directory by another case", |s| {
        s.put("uploads/.SSH/authorized_keys", b"key").ok()
    }),
    ("rename a directory by its short name", |s| {
        s.posix_rename("uploads/SSH~1", "uploads/moved").ok()
    }),
];

#[test]
fn a_dotfile_is_one_by_every_name() {
    let host = host("names", "");
    nothing_gets_through(&host, DOTFILES);
    let mut sftp = host.raw_sftp_direct(host.alice());
    for name in ["new.txt", "NEW~2x.txt", "notes~", "longer-name~1"] {
        let path = format!("uploads/{name}");
        assert!(sftp.put(&path, b"new").ok(), "{name}");
        assert!(sftp.remove(&path).ok(), "{name}");
    }
    assert_eq!(sftp.end(), 0);
}

const KEYS: &[Attempt] = &[
    ("by another case", |s| {
        s.put("uploads/.SSH/authorized_keys", b"key").ok()
    }),
    ("by its short name", |s| {
        s.put("uploads/SSH~1/authorized_keys", b"key").ok()
    }),
    ("by a name of no width", |s| {
        s.put("uploads/\u{200b}.ssh/authorized_keys", b"key").ok()
    }),
    ("by another case of what begins so", |s| {
        s.mkdir("uploads/.Ssh2").ok()
    }),
    ("another by a name of no width", |s| {
        s.put("uploads/\u{200b}.git/config", b"x").ok()
    }),
];

#[test]
fn an_exception_for_dotfiles_is_none_for_ssh() {
    let host = host(
        "names",
        "dotfile_names = [\".S*\", \".h*\", \".H*\", \".g*\", \".G*\"]\n",
    );
    nothing_gets_through(&host, KEYS);
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.put("uploads/.HTACCESS", b"new").ok());
    assert!(sftp.put("uploads/.GIT/Config", b"new").ok());
    assert_eq!(sftp.end(), 0);
    assert_eq!(host.read("/mnt/alice/.htaccess"), b"new");
    assert_eq!(host.read("/mnt/alice/.git/config"), b"new");
}

const HIDDEN: &[Attempt] = &[
    ("read by its short name", |s| {
        s.get("uploads/HTACCE~1").is_ok()
    }),
    ("read by a name of no width", |s| {
        s.get("uploads/\u{200b}.htaccess").is_ok()
    }),
    ("read by another case", |s| {
        s.get("uploads/.HTACCESS").is_ok()
    }),
    ("look by its short name", |s| {
        s.stat("uploads/htacce~1").ok()
    }),
    ("look by a name of no width", |s| {
        s.lstat("uploads/\u{200b}.htaccess").ok()
    }),
    ("list by its short name", |s| {
        s.list("uploads/SSH~1").is_ok()
    }),
    ("list by another case", |s| s.list("uploads/.SSH").is_ok()),
    ("read below its short name", |s| {
        s.get("uploads/SSH~1/authorized_keys").is_ok()
    }),
    ("read below, and back", |s| {
        s.get("uploads/SSH~1/../file").is_ok()
    }),
];

#[test]
fn a_hidden_dotfile_is_hidden_by_every_name() {
    let host = host("names", "dotfiles = \"hidden\"\n");
    nothing_gets_through(&host, HIDDEN);
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert_eq!(sftp.get("uploads/FILE").ok(), Some(b"file\n".to_vec()));
    // What exists is answered like what does not.
    for name in ["HTACCE~1", "SSH~1", "\u{200b}.htaccess", ".HTACCESS"] {
        let there = sftp.stat(&format!("uploads/{name}"));
        let missing = sftp.stat("uploads/missing");
        assert_eq!(there, missing, "{name}");
    }
    assert_eq!(sftp.end(), 0);
}
