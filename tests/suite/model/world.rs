//! A policy and a tree from a seed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::ground::{ALL, Dotfiles, Ground, Rights, Root, Symlinks};
use super::random::Random;
use crate::harness::account::set_mode;
use crate::harness::{Account, Host};

pub const SERVER: &str = "/opt/model";

/// Directories that a policy may name, each after those that contain it. The last ones do not exist when the first
/// session begins.
pub const PLACES: &[&str] = &["uploads", "uploads/in", "dev", "site", "box", "site/deep"];
pub const ABSENT: &[&str] = &["uploads/later", "dev/d/later"];

const ACCESS: &[(&str, &[&str])] = &[
    ("\"read-write\"", ALL),
    (
        "\"append-only\"",
        &["list", "read", "create", "mkdir", "link"],
    ),
    ("\"upload-only\"", &["create", "mkdir"]),
    ("\"read-only\"", &["list", "read"]),
    ("", &["list", "read", "create", "mkdir", "rename"]),
    ("", &["list", "read", "create", "overwrite"]),
    ("", &["list", "read", "create", "mkdir", "remove"]),
    (
        "",
        &[
            "list",
            "read",
            "create",
            "mkdir",
            "rename",
            "rename-directories",
        ],
    ),
    ("", &["create", "mkdir", "overwrite"]),
    ("", &["list", "read", "create", "mkdir", "attributes"]),
    ("", &["list", "read", "create", "mkdir", "link", "remove"]),
];

/// A directory of the policy and its rights, set by a scenario instead of the seed.
pub type Fixed = (&'static str, &'static [&'static str], Dotfiles);

pub struct World {
    pub ground: Ground,
    pub policy: String,
}

impl World {
    /// `more` is added to the policy's first part.
    pub fn new(random: &mut Random, home: &Path, fixed: &[Fixed], more: &str) -> Self {
        let mut roots = vec![Root {
            path: home.to_owned(),
            rights: rights(&["list", "read"]),
            dotfiles: Dotfiles::Protected,
        }];
        let mut directories = String::new();
        // One that does not exist yet only in some: what goes wrong there would hide the rest.
        let absent = if random.percent(30) { ABSENT } else { &[] };
        for place in PLACES.iter().chain(absent) {
            let given = fixed.iter().find(|(path, ..)| path == place);
            let (written, allowed, dotfiles) = match given {
                Some((_, allowed, dotfiles)) => (String::new(), *allowed, *dotfiles),
                // Those directly in the home stay: "writable" must name something.
                None if place.contains('/') && (!fixed.is_empty() || random.percent(40)) => {
                    continue;
                }
                None => {
                    let at = if random.percent(45) {
                        0
                    } else {
                        random.below(ACCESS.len())
                    };
                    let dotfiles = *random.pick(&[
                        Dotfiles::Protected,
                        Dotfiles::Protected,
                        Dotfiles::Hidden,
                        Dotfiles::Allowed,
                    ]);
                    (ACCESS[at].0.to_owned(), ACCESS[at].1, dotfiles)
                }
            };
            let access = if written.is_empty() {
                format!("{allowed:?}")
            } else {
                written
            };
            directories += &format!(
                "[[directory]]\npath = \"~/{place}\"\naccess = {access}\ndotfiles = \"{}\"\n",
                dotfiles.name()
            );
            roots.push(Root {
                path: home.join(place),
                rights: rights(allowed),
                dotfiles,
            });
        }
        let (symlinks, links) = if fixed.is_empty() {
            *random.pick(&[
                (Symlinks::Inside, "inside"),
                (Symlinks::Any, "any"),
                (Symlinks::None, "none"),
            ])
        } else {
            (Symlinks::Inside, "inside")
        };
        let dot_names: &[&str] = if random.percent(30) {
            &[".DS_Store", "._*"]
        } else {
            &[]
        };
        let mut policy = format!(
            "protocols = [\"sftp\", \"rsync\"]\nrsync = \"{SERVER}\"\nreadable = [\"~\"]\nwritable = [\"~/uploads\"]\n\
             symlinks = \"{links}\"\n{more}"
        );
        if !dot_names.is_empty() {
            policy += &format!("dotfile_names = {dot_names:?}\n");
        }
        // A server that has been taken over for clients from there, an unmodified one for all others.
        policy += &format!(
            "{directories}[[match]]\naddress = \"10.1.0.0/16\"\nsftp_server = \"{SERVER}\"\n"
        );
        Self {
            ground: Ground {
                home: home.to_owned(),
                roots,
                dot_names: dot_names.to_vec(),
                symlinks,
            },
            policy,
        }
    }

    /// Writes policy and tree; every file says a number of its own.
    pub fn furnish(&self, host: &Host, account: &Account, random: &mut Random) {
        host.policy(&self.policy);
        host.inside(|| {
            let mut maker = Maker { tokens: 0, random };
            let outside = Path::new(OUTSIDE);
            for top in [&self.ground.home, &outside.to_owned()] {
                let _ = fs::remove_dir_all(top);
                fs::create_dir_all(top).expect("a directory");
                set_mode(top, 0o755);
                maker.fill(top, false);
                account.own(top);
            }
            for place in PLACES {
                let path = self.ground.home.join(place);
                fs::create_dir_all(&path).expect("a directory");
                maker.fill(&path, true);
            }
            account.own(&self.ground.home);
            set_mode(outside, 0o777);
        });
    }

    /// What the checker looks at.
    pub fn tops(&self) -> Vec<PathBuf> {
        vec![self.ground.home.clone(), OUTSIDE.into()]
    }
}

/// Beside the home, and owned by the account: only xfersh prevents access.
pub const OUTSIDE: &str = "/srv/outside";

type Names = &'static [&'static str];

/// Directories and files of each place of the policy, and of the home and outside.
const IN_PLACES: (Names, Names) = (
    &["d/e", ".sub"],
    &[
        "a",
        "b",
        "d/a",
        "d/.dot",
        "d/.a.AbC123",
        ".keep",
        ".sub/x",
        ".f.1",
        "two",
    ],
);
const ELSEWHERE: (Names, Names) = (
    &["d", ".ssh"],
    &["a", ".keep", "d/.dot", ".ssh/authorized_keys"],
);

struct Maker<'r> {
    tokens: u64,
    random: &'r mut Random,
}

impl Maker<'_> {
    fn fill(&mut self, directory: &Path, place: bool) {
        let at = |name: &str| directory.join(name);
        let (directories, files) = if place { IN_PLACES } else { ELSEWHERE };
        for name in directories {
            fs::create_dir_all(at(name)).expect("a directory");
        }
        for name in files {
            if self.random.percent(85) || [".keep", "two", ".f.1"].contains(name) {
                self.file(&at(name));
            }
        }
        if !place {
            return;
        }
        for (of, name) in [(".keep", "plain"), ("two", "two2"), (".f.1", "plain1")] {
            if self.random.percent(60) {
                fs::hard_link(at(of), at(name)).expect("a hard link");
            }
        }
        let target = *self.random.pick(&[
            "a",
            "d",
            ".keep",
            ".sub",
            "..",
            "../uploads/in",
            OUTSIDE,
            "nothing",
        ]);
        symlink(target, at("ln")).expect("a symbolic link");
    }

    fn file(&mut self, path: &Path) {
        self.tokens += 1;
        fs::write(path, format!("old-{} of the first tree\n", self.tokens)).expect("a file");
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000 + self.tokens);
        fs::File::options()
            .write(true)
            .open(path)
            .and_then(|file| file.set_modified(long_ago))
            .expect("setting the time");
    }
}

fn rights(names: &[&'static str]) -> Rights {
    names.iter().copied().collect()
}
