//! One script, run by both accounts in lock-step on trees that are the same at the beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{Mode, UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;

use super::answer::Answer;
use super::request::{Request, Step};
use super::rules::{self, Known};
use crate::harness::account::{furnish_outside, set_mode};
use crate::harness::{Account, Host, Sftp, Snapshot};

/// What plain OpenSSH gets instead of a request that ends differently for a documented reason, so that both trees stay
/// the same: if they are not the same afterwards, the documented reason is not all of it.
#[derive(Clone)]
pub enum Instead {
    Nothing,
    This(Request),
}

/// Where the two ended differently.
pub struct Difference {
    pub step: Step,
    pub plain: Answer,
    pub ours: Answer,
    /// How the trees differ, `-` with OpenSSH, `+` here; empty if the answers differ.
    pub disk: String,
    /// The documented rule that allows it, and what plain OpenSSH is to get instead.
    pub rule: Option<(&'static str, Instead)>,
}

struct Side<'a> {
    account: &'a Account,
    sessions: Vec<Sftp>,
    /// What was opened, by the number of the step.
    handles: BTreeMap<usize, Vec<u8>>,
}

/// A FIFO, a group that is not the account's first, times of long ago.
fn furnish(account: &Account) {
    account.furnish();
    let fifo = account.at("uploads/fifo");
    nix::unistd::mkfifo(&fifo, Mode::from_bits_truncate(0o644)).expect("a FIFO");
    for name in ["fifo", "old.txt", "other-note"] {
        let path = account.at("uploads").join(name);
        std::os::unix::fs::chown(&path, Some(account.id), Some(account.team())).expect("chown");
    }
    age(&account.home());
}

fn age(path: &Path) {
    if path.is_dir() && !path.is_symlink() {
        let names = std::fs::read_dir(path).expect("listing");
        names.flatten().for_each(|name| age(&name.path()));
    }
    let then = TimeSpec::new(981_173_106, 0);
    utimensat(
        AT_FDCWD,
        path,
        &then,
        &then,
        UtimensatFlags::NoFollowSymlink,
    )
    .expect("utimensat");
}

/// The inode numbers of a tree: a file system in memory gives none of them away again.
fn inodes(path: &Path, all: &mut BTreeSet<u64>) {
    all.extend(path.symlink_metadata().map(|status| status.ino()));
    if path.is_dir() && !path.is_symlink() {
        let names = std::fs::read_dir(path).expect("listing");
        names.flatten().for_each(|name| inodes(&name.path(), all));
    }
}

fn seconds() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u32::try_from(since.expect("a clock").as_secs()).expect("before 2106")
}

/// Runs a script to its end, or to the first difference that is not among those of `known`. With `carefully` the trees
/// are compared after each request, not only at the end.
pub fn run(
    host: &Host,
    script: &[Step],
    instead: &BTreeMap<usize, Instead>,
    carefully: bool,
) -> Option<Difference> {
    let accounts = [host.plain(), host.alice()];
    let mut older = BTreeSet::new();
    host.inside(|| {
        accounts.iter().for_each(|account| furnish(account));
        furnish_outside();
        // Both accounts see this place, so neither may change it.
        for (name, mode) in [("", 0o755), ("drop", 0o755), ("shared.txt", 0o644)] {
            set_mode(&Path::new("/srv/outside").join(name), mode);
        }
        inodes(&host.alice().home(), &mut older);
    });
    let start = seconds();
    let count = 1 + script.iter().map(|step| step.session).max().unwrap_or(0);
    let mut sides = accounts.map(|account| Side {
        account,
        sessions: (0..count).map(|_| host.raw_sftp_direct(account)).collect(),
        handles: BTreeMap::new(),
    });
    for side in &sides {
        let greeted = side.sessions.iter().all(|session| session.greeted);
        assert!(greeted, "no session for {}", side.account.name);
    }
    let found = host.inside(|| {
        let mut known = Known {
            home: host.alice().home(),
            older,
            opened: BTreeMap::new(),
        };
        let groups = script.chunk_by(|_, next| next.joined);
        for group in groups {
            if let Some(found) = step(group, instead, &mut sides, &mut known, start) {
                return Some(found);
            }
            if carefully {
                let disk = compare(&accounts, start);
                if !disk.is_empty() {
                    return Some(on_disk(group, disk, instead));
                }
            }
        }
        if carefully {
            return None;
        }
        let disk = compare(&accounts, start);
        let last = script.last().filter(|_| !disk.is_empty())?;
        Some(on_disk(std::slice::from_ref(last), disk, instead))
    });
    for side in sides {
        side.sessions.into_iter().for_each(|session| {
            session.end();
        });
    }
    found
}

fn compare(accounts: &[&Account; 2], start: u32) -> String {
    let [plain, ours] = accounts.map(|account| {
        Snapshot::of(&[account.home()])
            .comparable(account.id, i64::from(start))
            .moved(&account.home().display().to_string(), "/home")
    });
    plain.diff(&ours)
}

fn on_disk(group: &[Step], disk: String, instead: &BTreeMap<usize, Instead>) -> Difference {
    let step = group.last().expect("a group has a request");
    let unexplained = |step: &&Step| !instead.contains_key(&step.number);
    let found = group.iter().filter(unexplained).find_map(|step| {
        let rule = rules::on_disk(&step.request, &disk)?;
        Some((step.clone(), Some(rule)))
    });
    let (step, rule) = found.unwrap_or((step.clone(), None));
    let done = Answer::Status(0, "as the other".to_owned());
    Difference {
        step,
        plain: done.clone(),
        ours: done,
        disk,
        rule,
    }
}

/// Makes the requests of a group, which one session sends together, on both sides.
fn step(
    group: &[Step],
    instead: &BTreeMap<usize, Instead>,
    sides: &mut [Side<'_>; 2],
    known: &mut Known,
    start: u32,
) -> Option<Difference> {
    let session = group[0].session;
    for (at, side) in sides.iter_mut().enumerate() {
        let requests = group.iter().filter_map(|step| {
            let request = match instead.get(&step.number) {
                Some(Instead::Nothing) if at == 0 => return None,
                Some(Instead::This(other)) if at == 0 => other,
                _ => &step.request,
            };
            Some(request.encode(side.account, &side.handles))
        });
        let requests: Vec<_> = requests.collect();
        side.sessions[session].send_together(&requests);
    }
    let mut first = None;
    for step in group {
        let exception = instead.get(&step.number);
        let mut answers = [Answer::Space, Answer::Space];
        for (at, side) in sides.iter_mut().enumerate() {
            if at == 0 && matches!(exception, Some(Instead::Nothing)) {
                continue;
            }
            let packet = side.sessions[session].receive();
            let name = step.request.verb.name;
            answers[at] = Answer::of(packet.as_deref(), name, side.account, start);
            if let Answer::Handle(handle) = &answers[at] {
                side.handles.insert(step.number, handle.clone());
            }
        }
        let [plain, ours] = answers;
        if let Answer::Handle(_) = ours {
            known.opened(step);
        }
        if exception.is_none() && plain != ours && first.is_none() {
            first = Some(Difference {
                rule: rules::answers(&step.request, &plain, &ours, known),
                step: step.clone(),
                plain,
                ours,
                disk: String::new(),
            });
        }
    }
    first
}
