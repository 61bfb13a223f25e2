//! The documented differences, and when each of them explains what was seen. Each row holds a text of
//! docs/differences.md.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use super::answer::Answer;
use super::pair::Instead;
use super::request::{Request, Step};
use crate::harness::sftp::{Attributes, CREATE};

/// What is known of alice's session, for what her tree does not show.
pub struct Known {
    pub home: PathBuf,
    /// The files that were there before.
    pub older: BTreeSet<u64>,
    pub opened: BTreeMap<usize, u64>,
}

/// Where a path leads.
struct Led {
    path: PathBuf,
    status: Option<fs::Metadata>,
}

#[derive(PartialEq)]
enum Place {
    Outside,
    /// The home, or a name in it.
    Home,
    Dotfile,
    Within,
}

impl Known {
    pub fn opened(&mut self, step: &Step) {
        let path = step.request.paths().next().map(|path| self.at(path));
        let status = path.and_then(|path| fs::metadata(path).ok());
        if let Some(status) = status {
            self.opened.insert(step.number, status.ino());
        }
    }

    fn at(&self, path: &[u8]) -> PathBuf {
        match path.strip_prefix(b"@") {
            Some(rest) => self
                .home
                .join(OsStr::from_bytes(rest.strip_prefix(b"/").unwrap_or(rest))),
            None => self.home.join(OsStr::from_bytes(path)),
        }
    }

    /// Follows a path name by name; what is missing is taken as it is written.
    fn led(&self, from: &Path, path: &[u8], follow: bool) -> Led {
        let mut left: Vec<_> = split(&from.join(self.at_from(from, path)));
        let mut here = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name == b".." {
                here.pop();
                continue;
            }
            let next = here.join(OsStr::from_bytes(&name));
            match fs::read_link(&next) {
                Ok(target) if (follow || !left.is_empty()) && links < 40 => {
                    links += 1;
                    left.extend(split(&target));
                    if target.is_absolute() {
                        here = PathBuf::from("/");
                    }
                }
                _ => here = next,
            }
        }
        Led {
            status: here.symlink_metadata().ok(),
            path: here,
        }
    }

    fn at_from(&self, from: &Path, path: &[u8]) -> PathBuf {
        match path.strip_prefix(b"@") {
            Some(_) => self.at(path),
            None => from.join(OsStr::from_bytes(path)),
        }
    }

    fn place(&self, led: &Led) -> Place {
        let Ok(below) = led.path.strip_prefix(&self.home) else {
            return Place::Outside;
        };
        let names: Vec<&[u8]> = below.iter().map(OsStr::as_bytes).collect();
        if names.iter().any(|name| name.starts_with(b".")) {
            Place::Dotfile
        } else if names.len() < 2 {
            Place::Home
        } else {
            Place::Within
        }
    }

    /// An older file with several names.
    fn is_shared(&self, inode: u64) -> bool {
        let mut waiting = vec![self.home.clone()];
        while let Some(path) = waiting.pop() {
            let Ok(status) = path.symlink_metadata() else {
                continue;
            };
            if status.ino() == inode {
                return status.nlink() > 1 && !status.is_dir() && self.older.contains(&inode);
            }
            if status.is_dir() {
                let names = fs::read_dir(&path).into_iter().flatten().flatten();
                waiting.extend(names.map(|name| name.path()));
            }
        }
        false
    }

    /// Whether a link in what is moved would lead out from its new place.
    fn leads_out(&self, old: &Path, new: &Path) -> bool {
        let Ok(status) = old.symlink_metadata() else {
            return false;
        };
        if status.is_symlink() {
            let target = fs::read_link(old).unwrap_or_default();
            let from = new.parent().unwrap_or(new);
            let led = self.led(from, target.as_os_str().as_bytes(), true);
            return self.place(&led) != Place::Within;
        }
        let names = fs::read_dir(old).into_iter().flatten().flatten();
        status.is_dir()
            && names
                .map(|name| name.file_name())
                .any(|name| self.leads_out(&old.join(&name), &new.join(&name)))
    }
}

/// The names of a path, the last first.
fn split(path: &Path) -> Vec<Vec<u8>> {
    let names = path.components().rev();
    names
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.as_bytes().to_vec()),
            Component::ParentDir => Some(b"..".to_vec()),
            _ => None,
        })
        .collect()
}

/// Whether a directory, or one in it, cannot be listed and searched by its owner.
fn holds_closed(path: &Path) -> bool {
    let status = path.symlink_metadata();
    let Some(status) = status.ok().filter(fs::Metadata::is_dir) else {
        return false;
    };
    let names = fs::read_dir(path).into_iter().flatten().flatten();
    status.mode() & 0o500 != 0o500
        || names
            .map(|name| name.path())
            .any(|path| holds_closed(&path))
}

fn climbs(target: &[u8]) -> bool {
    let names = target
        .split(|&b| b == b'/')
        .filter(|name| !name.is_empty() && *name != b".");
    names
        .skip_while(|name| *name == b"..")
        .any(|name| name == b"..")
}

/// A question that a rule asks: the request, both answers, what is known.
type When = fn(&Seen<'_>) -> bool;

struct Seen<'a> {
    request: &'a Request,
    plain: &'a Answer,
    ours: &'a Answer,
    known: &'a Known,
    /// Where each path leads, by itself and with a link at its end followed.
    led: Vec<[Led; 2]>,
}

pub struct Rule {
    pub name: &'static str,
    /// What docs/differences.md says of it.
    pub says: &'static str,
    when: When,
}

pub const RULES: &[Rule] = &[
    Rule {
        name: "forbidden",
        says: "What the policy forbids (outside the directories, in the home itself, dotfiles",
        when: |seen| seen.ours.is_refused() && !seen.plain.is_failure() && seen.is_forbidden(),
    },
    Rule {
        name: "forbidden, and impossible",
        says: "what is forbidden is not tried",
        when: |seen| seen.ours.is_refused() && seen.plain.is_failure() && seen.is_forbidden(),
    },
    Rule {
        name: "missing, and another file system",
        says: "that the two are on different file systems is found out last",
        when: |seen| {
            let outside = |led: &[Led; 2]| seen.known.place(&led[0]) == Place::Outside;
            seen.request.is(&["rename", "posix-rename", "hardlink"])
                && seen.ours.is_missing()
                && seen.plain.is_failure()
                && seen.led.iter().any(outside)
        },
    },
    Rule {
        name: "older second name",
        says: "| write to a file with an older second name | done | permission denied |",
        when: |seen| {
            let by_path = seen.led.iter().filter_map(|led| led[1].status.as_ref());
            let by_handle = seen.request.handles();
            let opened = by_handle.filter_map(|handle| seen.known.opened.get(&handle).copied());
            let mut inodes = by_path.map(MetadataExt::ino).chain(opened);
            seen.ours.is_refused()
                && (seen.request.is(&["setstat", "lsetstat", "fsetstat"])
                    || seen.request.flags() & !1 != 0)
                && inodes.any(|inode| seen.known.is_shared(inode))
        },
    },
    Rule {
        name: "FIFO",
        says: "only files, directories and symbolic links are changed; a FIFO can be removed",
        when: |seen| {
            seen.ours.is_refused()
                && seen.led.iter().flatten().any(|led| {
                    let status = led.status.as_ref();
                    status.is_some_and(|status| status.file_type().is_fifo())
                })
        },
    },
    Rule {
        name: "dangling link",
        says: "| create through a dangling link | done | permission denied |",
        when: |seen| {
            seen.ours.is_refused()
                && seen.request.flags() & CREATE != 0
                && seen.led.iter().any(|[link, to]| {
                    let is_link = link.status.as_ref().is_some_and(fs::Metadata::is_symlink);
                    is_link && to.status.is_none()
                })
        },
    },
    Rule {
        name: "link out",
        says: "| a link out of the directories | done | permission denied |",
        when: |seen| {
            let (Some(target), Some([link, _])) = (seen.request.target(), seen.led.first()) else {
                return false;
            };
            let from = link.path.parent().unwrap_or(&link.path);
            // OpenSSH writes it as it is, `@` too.
            let to = seen.known.led(from, target, true);
            seen.ours.is_refused() && !climbs(target) && seen.known.place(&to) != Place::Within
        },
    },
    Rule {
        name: "`..` behind a name",
        says: "| a link whose target has `..` behind a name | done | permission denied |",
        when: |seen| seen.ours.is_refused() && seen.request.target().is_some_and(climbs),
    },
    Rule {
        name: "access time of a directory or link",
        says: "The access time of a directory or of a symbolic link may be later than with OpenSSH",
        when: |seen| seen.plain.without_access_times() == seen.ours.without_access_times(),
    },
    Rule {
        name: "moved link",
        says: "| a directory moved to where a relative link in it would lead outside |",
        when: |seen| {
            let [[old, _], [new, _]] = seen.led.as_slice() else {
                return false;
            };
            seen.ours.is_refused() && seen.known.leads_out(&old.path, &new.path)
        },
    },
    Rule {
        name: "moved, with a closed directory in it",
        says: "| a directory moved that holds one that the account cannot look into | done |",
        when: |seen| {
            let old = seen.led.first().map(|led| &led[0].path);
            seen.ours.is_refused()
                && seen.request.is(&["rename", "posix-rename"])
                && old.is_some_and(|old| holds_closed(old))
        },
    },
    Rule {
        name: "locked out",
        says: "takes away the owner's rights on a directory of the policy",
        when: |seen| {
            let mode = seen.request.attributes().mode;
            let takes = mode.is_some_and(|mode| mode & 0o700 != 0o700);
            let is_directory = |led: &[Led; 2]| {
                led[1].path.parent() == Some(seen.known.home.as_path())
                    || seen.known.home.starts_with(&led[1].path)
            };
            let opened = |handle: usize| {
                let inode = seen.known.opened.get(&handle);
                let names = fs::read_dir(&seen.known.home)
                    .into_iter()
                    .flatten()
                    .flatten();
                inode.is_some_and(|inode| {
                    names
                        .filter_map(|name| name.metadata().ok())
                        .any(|status| status.ino() == *inode)
                })
            };
            seen.ours.is_refused()
                && takes
                && (seen.led.iter().any(is_directory) || seen.request.handles().any(opened))
        },
    },
    Rule {
        name: BITS,
        says: "| set-user-id and sticky bits of a file | done | done, with another effect |",
        // Only the disk, or an answer about it, shows this.
        when: |_| false,
    },
];

const BITS: &str = "set-user-id";

impl Seen<'_> {
    fn is_forbidden(&self) -> bool {
        let forbidden = |led: &[Led; 2]| {
            let is_home = led[1].path == self.known.home;
            let of_itself = self.request.is(&["setstat", "lsetstat"]) && !is_home;
            let reads = self.request.is(&["open", "opendir"]) && self.request.flags() & !1 == 0;
            let change = !of_itself && !reads;
            let mut places = led.iter().map(|led| self.known.place(led));
            places.any(|place| match place {
                Place::Outside | Place::Dotfile => true,
                // A directory of the policy is in the home itself.
                Place::Home => change || !led[1].status.as_ref().is_some_and(fs::Metadata::is_dir),
                Place::Within => false,
            })
        };
        self.led.iter().any(forbidden)
    }
}

/// The rule that allows these two answers.
pub fn answers(
    request: &Request,
    plain: &Answer,
    ours: &Answer,
    known: &Known,
) -> Option<(&'static str, Instead)> {
    let led = |path| [false, true].map(|follow| known.led(&known.home, path, follow));
    let seen = Seen {
        request,
        plain,
        ours,
        known,
        led: request.paths().map(led).collect(),
    };
    let rule = RULES.iter().find(|rule| (rule.when)(&seen))?;
    // What else such a request asks for is done: only the mode is refused.
    let rest = Attributes {
        mode: None,
        ..request.attributes()
    };
    let instead = if rule.name == "locked out" && rest != Attributes::default() {
        Instead::This(request.with(rest))
    } else {
        Instead::Nothing
    };
    Some((rule.name, instead))
}

/// The rule that allows the trees to differ after a request.
pub fn on_disk(request: &Request, disk: &str) -> Option<(&'static str, Instead)> {
    let all_are = |kind: &str| disk.lines().all(|line| line.contains(kind));
    let attributes = request.attributes();
    // Refused by both, but OpenSSH had done a part of it.
    if request.is(&["setstat", "lsetstat"]) && all_are("/fifo p ") {
        return Some(("FIFO", Instead::Nothing));
    }
    let is_root = |line: &str| {
        let path = line.split(' ').nth(1).unwrap_or_default();
        line.contains(" d ") && path.matches('/').count() == 2
    };
    if attributes.mode.is_some_and(|mode| mode & 0o700 != 0o700) && disk.lines().all(is_root) {
        let rest = Attributes {
            mode: None,
            ..attributes
        };
        return Some(("locked out", Instead::This(request.with(rest))));
    }
    let mode = attributes.mode.filter(|mode| mode & 0o7000 != 0)?;
    let kept = Attributes {
        mode: Some(mode & !0o7000),
        ..attributes
    };
    all_are(" f ").then(|| (BITS, Instead::This(request.with(kept))))
}
