//! What a policy means for one account: which directories it can read and
//! write, how, and within which limits. `--check` begins with it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::decide::access::{Access, Right};
use crate::decide::account::Account;
use crate::decide::facts::Program;
use crate::decide::policy::{Origin, PathTarget, Policy, Protocol};
use crate::decide::roots::directories::{DirectoryState, DirectoryStates};
use crate::decide::roots::entries::entries;
use crate::decide::roots::nesting::{Root, Roots};
use crate::decide::roots::nowhere::nowhere;
use crate::decide::roots::roots;
use crate::decide::roots::start::StartDirectory;
use crate::decide::verdict::Refusal;
use crate::print::escape::Escaped;
use crate::print::json::Json;
use crate::print::style::{Colour, Style};
use crate::print::table::{self, Row};

/// As many directories are listed in text.
const LISTED_MAX: usize = 50;

/// What a policy means for one account, on this disk.
#[derive(Debug)]
pub struct Summary<'a> {
    policy: &'a Policy,
    account: &'a Account,
    places: &'a DirectoryStates,
    /// The directories with rights, in the order of the policy.
    roots: Vec<Root>,
    /// Why sessions are refused, or a directory cannot be used.
    pub faults: Vec<String>,
    /// What an administrator may want to know.
    pub notes: Vec<String>,
    /// The protocols that are served.
    protocols: Vec<Protocol>,
    /// Whether every session is refused.
    is_refused: bool,
}

/// What becomes of the protocols of a policy.
#[derive(Debug, Default)]
pub struct Served {
    /// Those that no session is served with, and why.
    pub refused: Vec<(Protocol, Refusal)>,
    /// What an administrator may want to know of the servers of the others.
    pub notes: Vec<String>,
}

impl<'a> Summary<'a> {
    /// What follows from the policy and the state of the disk.
    pub fn of(
        policy: &'a Policy,
        account: &'a Account,
        places: &'a DirectoryStates,
        served: Served,
    ) -> Self {
        let Served { refused, notes } = served;
        let mut protocols = policy.protocols.value.clone();
        protocols.retain(|protocol| refused.iter().all(|(other, _)| other != protocol));
        let mut summary = Self {
            policy,
            account,
            places,
            roots: roots(policy, account, places, Access::READ_WRITE),
            faults: places
                .faults(policy, account)
                .iter()
                .map(with_hint)
                .collect(),
            notes,
            is_refused: protocols.is_empty(),
            protocols,
        };
        for (protocol, refusal) in &refused {
            summary.add_refusal(*protocol, refusal);
        }
        summary.look_at_absent();
        if !summary.is_refused {
            let nowhere = nowhere(policy, account, &summary.roots);
            summary.notes.extend(nowhere);
        }
        if !summary.is_refused
            && let Ok(start) = &places.start
        {
            summary.notes.extend(summary.note_on_start(start));
        }
        summary
    }

    /// A reason that is the same for every protocol is said once.
    fn add_refusal(&mut self, protocol: Protocol, refusal: &Refusal) {
        let missing = Program::Missing.refusal(protocol);
        let is_missing = missing.is_some_and(|missing| missing.reason == refusal.reason);
        let text = if is_missing {
            format!("{}: {}", protocol.name(), with_hint(refusal))
        } else {
            with_hint(refusal)
        };
        if self.faults.contains(&text) {
            return;
        }
        // Not every host has scp, which is served by default.
        let by_default = self.policy.protocols.origin == Origin::Default
            && self.policy.program(protocol).is_none();
        if is_missing && by_default && !self.is_refused {
            self.notes.push(text);
        } else {
            self.faults.push(text);
        }
    }

    /// Where sessions start, if that may surprise.
    fn note_on_start(&self, start: &StartDirectory) -> Option<String> {
        let path = Escaped::path(&start.path);
        if let Some(why) = &start.instead {
            return Some(format!("sessions start in {path}: {why}"));
        }
        let is_listed = |root: &Root| root.exists && root.access.has(Right::List);
        let roots = Roots::from(self.roots.clone());
        let own = roots.holding(&start.path).map(|index| &roots[index]);
        let other = self.roots.iter().find(|root| is_listed(root))?;
        let other = Escaped::path(&other.path);
        (!own.is_some_and(is_listed)).then(|| {
            format!("sessions start in {path} and cannot list it, but {other}: see 'start'")
        })
    }

    /// A directory that the policy names must be there. The home alone is named
    /// by default: whoever has other directories needs none.
    fn look_at_absent(&mut self) {
        let has_any = self
            .roots
            .iter()
            .any(|root| root.exists && root.access != Access::NONE);
        let all = self.policy.all().flat_map(entries);
        let written = all.filter(|entry| entry.origin != Origin::Default);
        let written = written.filter_map(|entry| match entry.template.target(self.account) {
            PathTarget::Directory(path) => Some(path),
            PathTarget::HomeChildren => None,
        });
        let written: BTreeSet<_> = written.collect();
        for (path, place) in &self.places.named {
            if !matches!(place, DirectoryState::Absent(_)) {
                continue;
            }
            let shown = Escaped::path(path);
            if written.contains(path) || !has_any {
                let what = "is not a directory yet; nothing else may take its name";
                self.faults.push(format!("{shown} {what}"));
            } else {
                let what = "is not a directory: the account has no home";
                self.notes.push(format!("{shown} {what}"));
            }
        }
    }

    /// The first lines: what the account can do.
    pub fn text(&self) -> String {
        let mut out = self.headline();
        let with_rights = self.roots.iter().filter(|root| root.access != Access::NONE);
        let mut rows: Vec<_> = with_rights.map(row).collect();
        let more = rows.len().saturating_sub(LISTED_MAX);
        rows.truncate(LISTED_MAX);
        if !rows.is_empty() {
            let header = ["DIRECTORY", "READ", "WRITE", "ACCESS", "DOTFILES"];
            let _ = write!(out, "\n{}", table::text(header, &rows, Style::Plain));
        }
        if more > 0 {
            let _ = writeln!(out, "and {more} more: --json lists all");
        }
        out.push('\n');
        out
    }

    fn headline(&self) -> String {
        let name = self.account.shown();
        if self.is_refused {
            return format!("{name} is refused, whatever it asks for: see 'fault' below.\n");
        }
        let names: Vec<_> = self
            .protocols
            .iter()
            .map(|protocol| protocol.name())
            .collect();
        let protocols = match names.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => "no protocol".to_owned(),
        };
        format!("{name} can copy files with {protocols}, and do nothing else.\n")
    }

    /// Where sessions start.
    pub fn start(&self) -> Option<String> {
        let start = self.places.start.as_ref().ok()?;
        Some(Escaped::path(&start.path).cut().to_string())
    }

    /// The limits that are set.
    pub fn limits(&self) -> String {
        let limits = self.policy.limits();
        if limits.is_empty() {
            "none".to_owned()
        } else {
            limits.join(", ")
        }
    }

    /// The directories with rights.
    pub fn roots(&self) -> impl Iterator<Item = &Root> {
        self.roots.iter()
    }

    /// The directories that can be written.
    pub fn writable(&self) -> impl Iterator<Item = &Root> {
        self.roots.iter().filter(|root| root.access.writes())
    }

    /// The directories that can be read or listed.
    pub fn readable(&self) -> impl Iterator<Item = &Root> {
        let reads = |root: &&Root| root.access.has(Right::Read) || root.access.has(Right::List);
        self.roots.iter().filter(reads)
    }

    /// The same as fields of an object.
    pub fn fields(&self) -> Vec<(&'static str, Json)> {
        let protocols = self.protocols.iter();
        let start = self.places.start.as_ref().ok();
        let reason = start.and_then(|start| start.instead.as_deref());
        let paths = |roots: &mut dyn Iterator<Item = &Root>| {
            Json::List(roots.map(|root| Json::path(&root.path)).collect())
        };
        vec![
            (
                "protocols",
                Json::texts(protocols.map(|protocol| protocol.name())),
            ),
            (
                "directories",
                Json::List(self.roots.iter().map(object).collect()),
            ),
            ("writable", paths(&mut self.writable())),
            ("readable", paths(&mut self.readable())),
            (
                "start",
                start.map_or(Json::Null, |start| Json::path(&start.path)),
            ),
            ("start_reason", reason.map_or(Json::Null, Json::sentence)),
            ("limits", self.policy.limits_to_json()),
        ]
    }
}

/// A refusal and what to do about it.
fn with_hint(refusal: &Refusal) -> String {
    match &refusal.hint {
        Some(hint) => format!("{} ({hint})", refusal.reason),
        None => refusal.reason.to_string(),
    }
}

fn row(root: &Root) -> Row<5> {
    let absent = if root.exists { "" } else { "  (absent)" };
    Row {
        cells: [
            Escaped::path(&root.path).cut().to_string(),
            reads(root.access).to_owned(),
            writes(root.access).to_owned(),
            root.access.to_string(),
            format!("{}{absent}", root.dotfiles.name()),
        ],
        colour: Colour::Good,
    }
}

/// What can be read, in a word or two.
const fn reads(access: Access) -> &'static str {
    match (access.has(Right::Read), access.has(Right::List)) {
        (true, true) => "yes",
        (true, false) => "files",
        (false, true) => "names",
        (false, false) => "no",
    }
}

/// What can be written, in a word or two.
const fn writes(access: Access) -> &'static str {
    match (access.has(Right::Create), access.has(Right::Overwrite)) {
        (true, true) => "yes",
        (true, false) => "new files",
        (false, true) => "old files",
        (false, false) if access.writes() => "no files",
        (false, false) => "no",
    }
}

fn object(root: &Root) -> Json {
    Json::Object(vec![
        ("path", Json::path(&root.path)),
        ("exists", Json::Bool(root.exists)),
        ("read", Json::Bool(root.access.has(Right::Read))),
        ("list", Json::Bool(root.access.has(Right::List))),
        ("write", Json::Bool(root.access.writes())),
        ("access", Json::texts(root.access.rights().map(Right::name))),
        ("dotfiles", Json::Text(root.dotfiles.name().to_owned())),
    ])
}
