//! A disk made of lines, and the answers that it gives to an inquiry.

use std::path::{Path, PathBuf};

use crate::decide::account::Account;
use crate::decide::facts::{
    DirectoryId, DirectoryState, DirectoryStates, Facts, HomeChild, Program, UnknownFact,
};
use crate::decide::form::Inquiry;
use crate::decide::needs::Needs;
use crate::decide::operands::Operand;
use crate::decide::policy::Policy;
use crate::decide::roots::start::StartDirectory;

/// The directories, with commas between. After a path can stand
///
/// * `= PATH`: it is a link of root's to that one,
/// * `mount of PATH`: it is that one under another name,
/// * `unsafe LINK`: it leads through this link, which others can replace,
/// * `unknown`: it could not be looked at.
///
/// What is not there does not exist.
#[derive(Clone, Copy)]
pub struct Disk<'a>(pub &'a str);

/// The home with two directories and a dotfile in it, and one elsewhere.
pub const PLAIN: Disk<'static> = Disk("/home/u, /home/u/.ssh, /home/u/in, /home/u/out, /srv/data");

impl<'a> Disk<'a> {
    fn entries(self) -> impl Iterator<Item = (&'a Path, &'a str)> {
        self.0.split(',').map(|entry| {
            let entry = entry.trim();
            let (path, what) = entry.split_once(' ').unwrap_or((entry, ""));
            (Path::new(path), what)
        })
    }

    fn state(self, path: &Path) -> DirectoryState {
        let Some(at) = self.entries().position(|(there, _)| there == path) else {
            return DirectoryState::Absent(self.resolve(path));
        };
        let what = self.entries().nth(at).map_or("", |(_, what)| what);
        match what.split_once(' ') {
            Some(("=", other)) => self.state(Path::new(other)),
            Some(("mount", other)) => {
                let other = Path::new(other.trim_start_matches("of "));
                let DirectoryState::Directory { id, .. } = self.state(other) else {
                    panic!("{what}");
                };
                DirectoryState::Directory {
                    path: path.to_path_buf(),
                    id,
                }
            }
            Some(("unsafe", link)) => DirectoryState::UnsafeLink(link.into()),
            _ if what == "unknown" => DirectoryState::Failed(unknown(path)),
            _ => DirectoryState::Directory {
                path: path.to_path_buf(),
                id: DirectoryId {
                    device: 1,
                    inode: at.try_into().unwrap(),
                },
            },
        }
    }

    /// The path with its existing part resolved.
    fn resolve(self, path: &Path) -> PathBuf {
        let mut resolved = PathBuf::new();
        for part in path.components() {
            match part {
                std::path::Component::ParentDir => {
                    resolved.pop();
                }
                part => resolved.push(part),
            }
            let entry = self.entries().find(|(there, _)| *there == resolved);
            if let Some((_, what)) = entry
                && let Some(("=", other)) = what.split_once(' ')
            {
                resolved = other.into();
            }
        }
        resolved
    }

    fn children(self, home: &Path, with_ids: bool) -> Result<Vec<HomeChild>, UnknownFact> {
        let inside = self.entries().filter(|(path, what)| {
            let is_dot = path.to_str().unwrap().contains("/.");
            path.parent() == Some(home) && !is_dot && !what.starts_with('=')
        });
        let child = |(path, _)| match self.state(path) {
            DirectoryState::Directory { id, .. } => Ok(HomeChild {
                path: path.into(),
                id: with_ids.then_some(id),
            }),
            _ => Err(unknown(path)),
        };
        inside.map(child).collect()
    }

    /// What `gather::disk` would find.
    pub fn facts(
        self,
        inquiry: &Inquiry,
        policy: &Policy,
        account: &Account,
        program: Option<Program>,
    ) -> Facts {
        let asked = &inquiry.directories;
        let named = asked.paths.iter();
        let named = named.map(|path| (path.clone(), self.state(path)));
        let mut places = DirectoryStates {
            named: named.collect(),
            home_children: Ok(Vec::new()),
            start: Ok(StartDirectory {
                path: self.resolve(&policy.start_directory(account)),
                instead: None,
            }),
        };
        if asked.home_children
            && let Some(home) = places.directory(&asked.home)
        {
            places.home_children = self.children(home, asked.others);
        }
        let start = places.start.as_ref().map(|start| start.path.clone());
        let start = start.unwrap();
        let operands = inquiry.operands.iter().map(|operand| Operand {
            path: self.resolve(&start.join(&operand.path)),
            ..*operand
        });
        let target = inquiry.target.as_ref().map(|path| start.join(path));
        Facts {
            log_file: None,
            program: program
                .unwrap_or_else(|| Program::Found(inquiry.programs[0].clone(), Needs::default())),
            operands: operands.collect(),
            target_is_directory: target
                .is_some_and(|path| matches!(self.state(&path), DirectoryState::Directory { .. })),
            places,
        }
    }
}

fn unknown(path: &Path) -> UnknownFact {
    UnknownFact {
        reason: format!("cannot look at {}", path.display()),
        hint: "repair it".to_owned(),
    }
}
