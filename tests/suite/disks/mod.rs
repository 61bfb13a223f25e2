//! File systems: the promises hold on each, and ordinary work ends as in an ordinary account on it.
//!
//! `tests/platforms/file-systems` runs this with `XFERSH_DISKS_TABLE`, a file to which each file system adds its row.
//! There, one that cannot be mounted is a row that says why; here, only the kernel's optional ones may be missing.

mod facts;
mod kinds;
mod own;
mod promises;

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kinds::{Disk, Need, On};
use promises::{ADDED, Attempt, DOTFILES, HOMES, OLDER, READING, WORK};

use crate::harness::{Account, Host, Snapshot, skipped};

/// Names the file that gets the rows of the table.
const TABLE: &str = "XFERSH_DISKS_TABLE";

#[test]
fn tmpfs() {
    holds_on(&kinds::TMPFS);
}

#[test]
fn ext4() {
    holds_on(&kinds::EXT4);
}

#[test]
fn overlay() {
    holds_on(&kinds::OVERLAY);
}

#[test]
fn overlay_on_one_file_system() {
    holds_on(&kinds::OVERLAY_ONE);
}

#[test]
fn bindfs() {
    holds_on(&kinds::BINDFS);
}

#[test]
fn mergerfs() {
    holds_on(&kinds::MERGERFS);
}

#[test]
fn xfs() {
    holds_on(&kinds::XFS);
}

#[test]
fn btrfs() {
    holds_on(&kinds::BTRFS);
}

#[test]
fn btrfs_with_subvolumes() {
    holds_on(&kinds::BTRFS_SUBVOLUMES);
}

#[test]
fn exfat() {
    holds_on(&kinds::EXFAT_FUSE);
    holds_on(&kinds::EXFAT);
}

#[test]
fn vfat() {
    holds_on(&kinds::VFAT);
}

#[test]
fn casefold() {
    holds_on(&kinds::CASEFOLD);
}

/// `XFERSH_TEST_NFS` names a directory with a mount for each version: tests/platforms/file-systems has them in a guest.
#[test]
fn nfs_4() {
    holds_on(&kinds::NFS_4);
}

#[test]
fn nfs_3() {
    holds_on(&kinds::NFS_3);
}

/// What became of the attempts on one file system.
#[derive(Default)]
struct Outcome {
    /// Attempts that xfersh had to prevent, and did.
    prevented: usize,
    /// Those that the file system itself prevents.
    impossible: Vec<&'static str>,
    /// What is wrong: something was not prevented, or ordinary work ended in another way.
    wrong: Vec<String>,
    /// Steps of ordinary work that ended as in an ordinary account.
    same: usize,
}

fn holds_on(disk: &Disk) {
    let host = Host::new();
    if let Err(reason) = disk.mount(&host) {
        assert!(
            disk.need == Need::IfThere,
            "{}: {reason}: install what tests/run installs",
            disk.name
        );
        skipped(disk.name, &reason);
        add_row(disk, &format!("not run: {reason} | | | "));
        return;
    }
    let lacks = facts::lacks(&host, host.plain());
    let mut outcome = Outcome::default();
    work(&host, disk, &mut outcome);
    prevented(&host, disk, &[""], DOTFILES, &mut outcome);
    if disk.on == On::Homes {
        prevented(&host, disk, &[""], HOMES, &mut outcome);
    }
    let rights = ["append-only", "upload-only", "read-only"];
    prevented(&host, disk, &rights, OLDER, &mut outcome);
    prevented(&host, disk, &["upload-only"], READING, &mut outcome);
    let own = own::remembered(&host, disk, &mut outcome.wrong);
    let Outcome {
        prevented,
        impossible,
        wrong,
        same,
    } = &outcome;
    let kept = match &impossible[..] {
        [] => format!("{prevented} of {prevented}"),
        some => format!(
            "{prevented} of {prevented}; the file system itself prevents: {}",
            some.join(", ")
        ),
    };
    let (kept, same) = match &wrong[..] {
        [] => (kept, format!("{same} of {same}")),
        some => {
            let line = some.join("; ").replace('\n', " ");
            let line: String = line.chars().take(300).collect();
            ("NOT ALL, see the next column".to_owned(), line)
        }
    };
    add_row(
        disk,
        &format!("{} | {kept} | {same} | {own}", lacks.join(", ")),
    );
    assert!(wrong.is_empty(), "{}: {wrong:#?}", disk.name);
}

fn add_row(disk: &Disk, rest: &str) {
    if let Some(path) = std::env::var_os(TABLE) {
        let line = format!("{} | {} | {rest}\n", disk.name, disk.how);
        let opened = std::fs::File::options()
            .append(true)
            .create(true)
            .open(path);
        let written = opened.and_then(|mut file| file.write_all(line.as_bytes()));
        written.expect("adding a row to the table");
    }
}

/// Ordinary work in both accounts, on what has not been touched since it was mounted.
fn work(host: &Host, disk: &Disk, outcome: &mut Outcome) {
    host.policy("");
    let start = SystemTime::now().duration_since(UNIX_EPOCH);
    let start = i64::try_from(start.expect("after 1970").as_secs()).expect("before the end");
    let [mut plain, mut alice] =
        [host.plain(), host.alice()].map(|account| host.raw_sftp_direct(account));
    for (name, step) in WORK {
        let (expected, seen) = (step(&mut plain), step(&mut alice));
        if expected.code() == seen.code() {
            outcome.same += 1;
        } else {
            let line = format!("{name}: {expected:?} in an ordinary account, {seen:?} here");
            outcome.wrong.push(line);
        }
    }
    for (sftp, name) in [(plain, "plain"), (alice, "alice")] {
        let status = sftp.end();
        if status != 0 {
            outcome.wrong.push(format!("{name}: status {status}"));
        }
    }
    let tree = |account: &Account| {
        let home = account.home();
        let tree = host.inside(|| Snapshot::of(&[&home]));
        tree.comparable(account.id, start)
            .moved(&home.to_string_lossy(), "/home")
            .moved("/home/", "/home")
    };
    // FUSE shows what was done by one name by the other one only after a second.
    let differ = || {
        let diff = tree(host.plain()).diff(&tree(host.alice()));
        (!diff.is_empty()).then_some(diff)
    };
    if differ().is_some() {
        std::thread::sleep(Duration::from_millis(1500));
    }
    if let Some(diff) = differ() {
        outcome.wrong.push(format!("the trees differ:\n{diff}"));
    }
    // It can be told apart from work that did nothing.
    let done = host.exists(host.alice().at("uploads/e/c"));
    assert!(done, "{}: the work was not done", disk.name);
    restore(host, disk, host.plain());
    restore(host, disk, host.alice());
}

/// Each attempt works in an ordinary account, or the file system prevents it; here, with each of these rights, it fails
/// and leaves the disk as it was.
fn prevented(
    host: &Host,
    disk: &Disk,
    rights: &[&str],
    attempts: &[Attempt],
    outcome: &mut Outcome,
) {
    let mut possible = Vec::new();
    for (name, attempt) in attempts {
        let mut sftp = host.raw_sftp_direct(host.plain());
        if attempt(&mut sftp) {
            possible.push((name, attempt));
        } else {
            outcome.impossible.push(name);
        }
        assert_eq!(sftp.end(), 0, "{}: {name}", disk.name);
        restore(host, disk, host.plain());
    }
    for access in rights {
        host.policy(&match *access {
            "" => String::new(),
            some => format!("access = \"{some}\"\n"),
        });
        restore(host, disk, host.alice());
        let mut sftp = host.raw_sftp_direct(host.alice());
        let mut before = settled(host, disk);
        for (name, attempt) in &possible {
            let worked = attempt(&mut sftp);
            let mut after = state(host);
            if after != before {
                after = settled(host, disk);
            }
            let diff = before.diff(&after);
            if worked || !diff.is_empty() {
                let line = format!("{access} {name}: worked: {worked}, the disk: {diff}");
                outcome.wrong.push(line);
            } else {
                outcome.prevented += 1;
            }
            before = after;
        }
        if !sftp.stat("uploads").ok() || sftp.end() != 0 {
            outcome.wrong.push(format!("{access}: the session ended"));
        }
    }
}

/// The same, once FUSE shows how many links each file has: it shows an earlier number for a second.
fn settled(host: &Host, disk: &Disk) -> Snapshot {
    if disk.name.contains("FUSE") {
        std::thread::sleep(Duration::from_millis(1500));
    }
    state(host)
}

/// What an account could change, except for what an attempt adds before it fails.
fn state(host: &Host) -> Snapshot {
    let places = ["/home", "/srv"];
    let all = host.inside(|| Snapshot::of(&places));
    let added = host.alice().at(ADDED);
    let uploads = host.alice().at("uploads");
    all.without(|path| path == added || path == uploads)
}

/// The account's files as they were before the first attempt.
fn restore(host: &Host, disk: &Disk, account: &Account) {
    let (below, copy) = match disk.on {
        On::Homes => ("", "rsync -aHAX --delete"),
        On::Uploads => ("/uploads", "rsync -rt --no-links --delete"),
    };
    let Account { name, .. } = account;
    host.shell_line(&format!(
        "{copy} /mnt/fresh/{name}{below}/ /home/{name}{below}/"
    ));
}
