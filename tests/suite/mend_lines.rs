//! The doctor's commands are pasted into root's shell, and clients choose names in them: each shell must take them
//! literally.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use super::doctor::findings;
use super::harness::{Account, Host, Snapshot};
use super::prepared::installed;

/// Names that a shell could take for more than a name. None of them may run `touch`.
const HOSTILE: &[&[u8]] = &[
    b"with space",
    b"it's",
    b"double\"quote",
    b"history!x",
    b"!!",
    b"a'!x'b!",
    b"$HOME",
    b"$(touch canary)",
    b"`touch canary`",
    b"a;touch canary",
    b"a\ntouch canary\n",
    b"back\\slash",
    b"{a,b}",
    b"-rf",
    b"a*?[b]",
    b"tab\tescape\x1b[2J",
    b"\xff\xfe!",
];

/// Directories with these names that every account may write, and files of others among the keys.
fn break_it(host: &Host, carol: &Account) -> Vec<PathBuf> {
    let uploads = carol.at("uploads");
    let keys = carol.at(".ssh");
    let names = HOSTILE.iter().map(|name| OsStr::from_bytes(name));
    let paths: Vec<PathBuf> = names
        .flat_map(|name| [uploads.join(name), keys.join(name)])
        .collect();
    let own = |path: &std::path::Path| {
        std::os::unix::fs::chown(path, Some(carol.id), Some(carol.id)).expect("chown");
    };
    host.inside(|| {
        let set = |path: &std::path::Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        };
        let _ = std::fs::remove_dir_all(&keys);
        std::fs::create_dir(&keys).expect("a directory for keys");
        set(&keys, 0o755);
        for path in &paths {
            if path.starts_with(&keys) {
                std::fs::write(path, "").expect("a file");
                set(path, 0o666);
                own(path);
            } else {
                let _ = std::fs::remove_dir(path);
                std::fs::create_dir(path).expect("a directory");
                set(path, 0o777);
                own(path);
            }
        }
    });
    paths
}

/// Feeds a line to a shell as if it were typed.
fn feed(host: &Host, shell: &[&str], line: &str) {
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).current_dir("/run");
    host.run(&mut command, format!(": bygone\n{line}\n").as_bytes());
}

#[test]
fn each_line_mends_whatever_the_names_are() {
    let (host, carol) = installed();
    for shell in [&["bash", "--norc", "-i"][..], &["dash"], &["bash"]] {
        let paths = break_it(&host, &carol);
        let rows = findings(&host);
        let count = |id: &str| rows.iter().filter(|row| row.0 == id).count();
        assert_eq!(count("home-other-writable"), HOSTILE.len(), "{rows:#?}");
        assert!(rows.len() >= paths.len(), "{rows:#?}");
        let before = host.inside(|| Snapshot::of(&["/run"]));
        for (_, _, line) in &rows {
            feed(&host, shell, line);
        }
        assert_eq!(findings(&host), [], "{shell:?}");
        host.inside(|| {
            for path in &paths {
                let mode = path.symlink_metadata().expect("it is there").permissions();
                assert_eq!(mode.mode() & 0o002, 0, "{shell:?}: {path:?}");
            }
        });
        // No part of a name was run.
        let after = host.inside(|| Snapshot::of(&["/run"]));
        before.assert_same(&after, &format!("{shell:?}"));
    }
}
