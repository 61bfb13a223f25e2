//! A profile under the login shell xfersh only takes rights away: whatever the narrowed plan allows, the account's own
//! plan allows, and so does that of the profile. The bytes choose the policies, the disk, the command and the places.

mod choices;
mod policies;
mod questions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use xfersh::decide::case::Case;
use xfersh::decide::decide;
use xfersh::decide::facts::{Facts, Program};
use xfersh::decide::form::Inquiry;
use xfersh::decide::invocation::{Client, Invocation};
use xfersh::decide::needs::Needs;
use xfersh::decide::operands::Operand;
use xfersh::decide::plan::Plan;
use xfersh::decide::policy::{Policy, ProfileName, parse};
use xfersh::decide::roots::directories::{DirectoryId, DirectoryState, DirectoryStates, HomeChild};
use xfersh::decide::roots::start::StartDirectory;
use xfersh::decide::verdict::Verdict;

use super::command::ACCOUNT;
use choices::Choices;
use questions::{Answers, Question};

/// The mask that the session inherits.
const INHERITED: u32 = 0o022;

/// A disk: which directories exist, and which of the policies' names are links to another one.
struct Disk {
    absent: Vec<PathBuf>,
    children: Vec<PathBuf>,
}

/// `/srv/link` is root's link to `/srv/a/b`, `/srv/to` one to the home.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(below) = path.strip_prefix("/srv/to") {
        return Path::new("/home/alice").join(below).components().collect();
    }
    match path.strip_prefix("/srv/link") {
        Ok(below) => Path::new("/srv/a/b").join(below).components().collect(),
        Err(_) => path.to_path_buf(),
    }
}

impl Disk {
    fn any(choices: &mut Choices<'_>) -> Self {
        let some = |paths: &[&str], choices: &mut Choices<'_>| {
            let chosen = paths.iter().filter(|_| choices.below(3) == 0);
            chosen.map(PathBuf::from).collect()
        };
        let mut absent: Vec<PathBuf> = some(policies::PLACES, choices);
        absent.retain(|path| !Path::new("/home/alice").starts_with(path));
        let children: Vec<PathBuf> = some(
            &["/home/alice/in", "/home/alice/up", "/home/alice/x"],
            choices,
        );
        let mut disk = Self {
            absent,
            children: Vec::new(),
        };
        disk.children = children
            .into_iter()
            .filter(|child| !disk.lacks(child))
            .collect();
        disk
    }

    fn lacks(&self, path: &Path) -> bool {
        self.absent.iter().any(|absent| path.starts_with(absent))
    }

    fn facts(&self, inquiry: &Inquiry) -> Facts {
        let id = |path: &Path| DirectoryId {
            device: 1,
            inode: path.to_string_lossy().bytes().fold(7, |sum: u64, byte| {
                sum.wrapping_mul(31).wrapping_add(byte.into())
            }),
        };
        let state = |path: &PathBuf| {
            let path = resolved(path);
            if self.lacks(&path) {
                DirectoryState::Absent(path)
            } else {
                DirectoryState::Directory {
                    id: id(&path),
                    path,
                }
            }
        };
        let named: BTreeMap<_, _> = inquiry
            .directories
            .paths
            .iter()
            .map(|path| (path.clone(), state(path)))
            .collect();
        let home_children = self.children.iter().map(|path| HomeChild {
            path: path.clone(),
            id: Some(id(path)),
        });
        Facts {
            program: Program::Found("/usr/bin/server".into(), Needs::default()),
            places: DirectoryStates {
                named,
                home_children: Ok(home_children.collect()),
                start: Ok(StartDirectory {
                    path: "/home/alice".into(),
                    instead: None,
                }),
            },
            operands: inquiry
                .operands
                .iter()
                .map(|operand| Operand {
                    path: resolved(&operand.path),
                    ..*operand
                })
                .collect(),
            target_is_directory: true,
            log_file: None,
        }
    }

    fn plan(&self, policy: &Policy, command: &str) -> Option<Plan> {
        let (account, invocation) = (
            ACCOUNT.clone(),
            Invocation {
                command: Some(command.into()),
                forced: false,
                profile: None,
                client: Client::default(),
                terminal: false,
                umask: INHERITED,
            },
        );
        let case = Case {
            policy,
            account: &account,
            invocation: &invocation,
        };
        let inquiry = Inquiry::of(&case).ok()?;
        match decide(&case, &inquiry, &self.facts(&inquiry)) {
            Verdict::Granted(plan) => Some(*plan),
            Verdict::Refused(_) => None,
        }
    }
}

/// The account's own policy, that of the profile, and what both allow.
fn policies_of(text: &str) -> [Policy; 3] {
    let file = parse(text, Path::new("policy")).expect("a policy of the test");
    let profile = ProfileName::new(b"p").expect("a name");
    let own = file.effective(&ACCOUNT, None);
    let with = file
        .effective_with(&profile, &ACCOUNT, None)
        .expect("a block");
    let narrowed = own.clone().narrow(with.clone(), INHERITED);
    [own, with, narrowed]
}

/// What a plan sets aside from the places.
fn bounds_hold(narrowed: &Plan, wide: &Plan, text: &str) {
    fn within<T: Ord + Copy>(narrow: Option<T>, wide: Option<T>) -> bool {
        wide.is_none_or(|wide| narrow.is_some_and(|narrow| narrow <= wide))
    }
    let (narrow, limits) = (&narrowed.limits, &wide.limits);
    assert!(within(narrow.max_sessions, limits.max_sessions), "{text}");
    assert!(within(narrow.idle_timeout, limits.idle_timeout), "{text}");
    assert!(
        within(narrow.max_session_time, limits.max_session_time),
        "{text}"
    );
    assert!(within(narrow.max_bytes, limits.max_bytes), "{text}");
    assert!(within(narrow.max_file_size, limits.max_file_size), "{text}");
    let mask = |plan: &Plan| plan.umask.unwrap_or(INHERITED);
    assert_eq!(mask(narrowed) & mask(wide), mask(wide), "umask\n{text}");
    assert_eq!(narrowed.environment, wide.environment, "{text}");
    assert!(narrowed.rules.log_reads >= wide.rules.log_reads, "{text}");
    assert!(
        narrowed.rules.rsync_temporaries <= wide.rules.rsync_temporaries,
        "{text}"
    );
    let requires = |plan: &Plan| {
        use xfersh::decide::policy::Requirement::Required;
        [plan.confinement == Required, plan.audit == Required]
    };
    let pairs = requires(narrowed).into_iter().zip(requires(wide));
    assert!(
        pairs.into_iter().all(|(narrow, wide)| narrow >= wide),
        "{text}"
    );
}

/// What came of a comparison.
#[derive(Default)]
pub struct Narrowed {
    /// The profile's session is refused.
    pub refused: usize,
    /// Answers that allow something.
    pub allowed: usize,
    /// What only the account's own plan allows.
    pub taken_away: usize,
}

/// Compares the plans of a policy and of its narrowing by a profile.
pub fn narrow(bytes: &[u8]) -> Narrowed {
    let mut choices = Choices::from(bytes);
    let text = policies::text(&mut choices);
    let disk = Disk::any(&mut choices);
    let command = policies::command(&mut choices);
    let [own, profile, narrowed] = policies_of(&text).map(|policy| disk.plan(&policy, &command));
    let mut found = Narrowed::default();
    let Some(narrowed) = narrowed else {
        found.refused = 1;
        return found;
    };
    let (Some(own), Some(profile)) = (own, profile) else {
        panic!("served only with the profile: {command}\n{text}");
    };
    assert_eq!(narrowed.kind, own.kind);
    for wide in [&own, &profile] {
        bounds_hold(&narrowed, wide, &text);
    }
    while choices.are_left() {
        let question = Question::any(&mut choices);
        let [narrow, own, profile] =
            [&narrowed, &own, &profile].map(|plan| Answers::of(plan, &question));
        for (what, wide) in [
            ("the account's own plan", &own),
            ("the profile's plan", &profile),
        ] {
            let gained = narrow.beyond(wide);
            assert!(
                gained.is_empty(),
                "{gained:?} is allowed, not by {what}\n{question:?}\n{command}\n{text}"
            );
        }
        found.allowed += narrow.count();
        found.taken_away += own.beyond(&narrow).len();
    }
    found
}

/// A profile that sets nothing takes nothing away.
pub fn narrow_nothing(bytes: &[u8]) {
    let mut choices = Choices::from(bytes);
    let base = policies::keys(&mut choices);
    let text = format!(
        "{base}{}\n[[match]]\nprofile = \"p\"\n",
        policies::directories(&mut choices, "directory")
    );
    let disk = Disk::any(&mut choices);
    let command = policies::command(&mut choices);
    let [own, _, narrowed] = policies_of(&text).map(|policy| disk.plan(&policy, &command));
    assert_eq!(own.is_some(), narrowed.is_some(), "{command}\n{text}");
    let (Some(own), Some(narrowed)) = (own, narrowed) else {
        return;
    };
    assert_eq!(
        (&own.grants, &own.limits, own.umask),
        (&narrowed.grants, &narrowed.limits, narrowed.umask)
    );
    while choices.are_left() {
        let question = Question::any(&mut choices);
        let [own, narrowed] = [&own, &narrowed].map(|plan| Answers::of(plan, &question));
        assert_eq!(own, narrowed, "{question:?}\n{command}\n{text}");
    }
}
