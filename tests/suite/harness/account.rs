//! The accounts of a test host: their lines in passwd, group and shadow, and what lies in their homes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Ids that no distribution assigns by itself.
const FIRST_ID: u32 = 64101;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shell {
    /// The baseline: an ordinary account.
    Plain,
    Xfersh,
}

#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    pub id: u32,
    pub shell: Shell,
}

impl Account {
    pub fn nth(index: usize, name: &str, shell: Shell) -> Self {
        let id = FIRST_ID + u32::try_from(index).expect("a handful of accounts");
        Self {
            name: name.to_owned(),
            id,
            shell,
        }
    }

    pub fn home(&self) -> PathBuf {
        Path::new("/home").join(&self.name)
    }

    /// The id of a group that the account is a member of.
    pub fn team(&self) -> u32 {
        self.id + 500
    }

    /// A path in the home.
    pub fn at(&self, below: &str) -> PathBuf {
        self.home().join(below)
    }

    pub fn shell_path(&self) -> &'static str {
        match self.shell {
            Shell::Plain => "/bin/sh",
            Shell::Xfersh => super::host::XFERSH,
        }
    }

    /// A program that runs as the account, whatever its shell is, in its home.
    pub fn runs(&self, program: &str) -> Command {
        let id = self.id.to_string();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", &id, "--regid", &id, "--clear-groups", program])
            .current_dir(self.home());
        command
    }

    /// Writes the account into the account files of the namespace, replacing an account with the same name.
    pub fn register(&self) {
        let Self { name, id, .. } = self;
        let home = self.home().display().to_string();
        add_line(
            "/etc/passwd",
            name,
            &format!("{name}:x:{id}:{id}::{home}:{}", self.shell_path()),
        );
        add_line("/etc/group", name, &format!("{name}:x:{id}:"));
        // A second group, so that the account can change the group of its files.
        add_line(
            "/etc/group",
            &format!("{name}-team"),
            &format!("{name}-team:x:{}:{name}", self.team()),
        );
        add_line("/etc/shadow", name, &format!("{name}:*:19000:0:99999:7:::"));
    }

    /// Creates the home again, with everything in it that an attack could target.
    pub fn furnish(&self) {
        let home = self.home();
        if home.exists() {
            fs::remove_dir_all(&home).expect("clearing the home");
        }
        fs::create_dir_all(&home).expect("making the home");
        for (name, mode) in DIRECTORIES {
            let path = home.join(name);
            fs::create_dir_all(&path).expect("making a directory");
            set_mode(&path, *mode);
        }
        for (name, mode, content) in FILES {
            let path = home.join(name);
            fs::write(&path, content)
                .unwrap_or_else(|error| panic!("cannot write {path:?}: {error}"));
            set_mode(&path, *mode);
        }
        for (name, target) in SYMLINKS {
            symlink(target, home.join(name)).expect("making a symlink");
        }
        for (name, target) in HARD_LINKS {
            fs::hard_link(home.join(target), home.join(name)).expect("making a hard link");
        }
        self.own(&home);
        set_mode(&home, 0o755);
    }

    /// Gives the tree at `path` to the account.
    pub fn own(&self, path: &Path) {
        std::os::unix::fs::lchown(path, Some(self.id), Some(self.id)).expect("lchown");
        if path.is_dir() && !path.is_symlink() {
            for name in fs::read_dir(path).expect("listing").flatten() {
                self.own(&name.path());
            }
        }
    }
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

/// What is beside the homes: readable and even writable by everyone, so that only xfersh prevents access.
pub fn furnish_outside() {
    let outside = Path::new("/srv/outside");
    if outside.exists() {
        fs::remove_dir_all(outside).expect("clearing");
    }
    fs::create_dir_all(outside.join("drop")).expect("making a directory");
    for (name, mode) in [("", 0o777), ("drop", 0o777)] {
        set_mode(&outside.join(name), mode);
    }
    for (name, mode) in [("secret.txt", 0o644), ("shared.txt", 0o666)] {
        let path = outside.join(name);
        fs::write(&path, format!("{name} of somebody else\n")).expect("writing");
        set_mode(&path, mode);
        chown(&path, Some(0), Some(0)).expect("chown");
    }
}

const DIRECTORIES: &[(&str, u32)] = &[
    (".ssh", 0o700),
    (".config", 0o755),
    ("empty", 0o755),
    ("uploads", 0o755),
    ("uploads/sub", 0o755),
    ("uploads/empty", 0o755),
    ("site", 0o755),
    ("site/.git", 0o755),
    ("site/.git/hooks", 0o755),
];

const FILES: &[(&str, u32, &str)] = &[
    (".bashrc", 0o644, "# .bashrc\n"),
    (".ssh/authorized_keys", 0o600, "# nobody\n"),
    (".ssh/config", 0o600, "# no host\n"),
    (".config/settings", 0o644, "quiet = true\n"),
    ("note.txt", 0o644, "a note in the home\n"),
    ("uploads/old.txt", 0o644, "uploaded before\n"),
    ("uploads/sub/deep.txt", 0o644, "deep\n"),
    ("uploads/.hidden", 0o644, "hidden\n"),
    ("site/index.html", 0o644, "<p>hello</p>\n"),
    ("site/.htaccess", 0o644, "Require all denied\n"),
    ("site/.git/hooks/post-commit", 0o755, "#!/bin/sh\n"),
];

const SYMLINKS: &[(&str, &str)] = &[
    ("uploads/to-home", ".."),
    ("uploads/to-ssh", "../.ssh"),
    ("uploads/to-keys", "../.ssh/authorized_keys"),
    ("uploads/to-note", "../note.txt"),
    ("uploads/to-outside", "/srv/outside"),
    ("uploads/to-secret", "/srv/outside/secret.txt"),
    ("uploads/to-nothing", "../nothing.txt"),
];

/// Other names of files that the account created before: for a dotfile, for a file in the home.
const HARD_LINKS: &[(&str, &str)] = &[
    ("uploads/other-bashrc", ".bashrc"),
    ("uploads/other-note", "note.txt"),
];

fn add_line(file: &str, name: &str, line: &str) {
    let old = fs::read_to_string(file).unwrap_or_default();
    let prefix = format!("{name}:");
    let mut new: String = old
        .lines()
        .filter(|other| !other.starts_with(&prefix))
        .flat_map(|other| [other, "\n"])
        .collect();
    new.push_str(line);
    new.push('\n');
    fs::write(file, new).unwrap_or_else(|error| panic!("cannot write {file}: {error}"));
}
