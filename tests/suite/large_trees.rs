//! Large trees: everything arrives, and the guard stays small.
//!
//! The sizes are small here, and nothing depends on a clock. `tests/platforms/large-trees` sets the large ones, and
//! `XFERSH_TREES_TABLE`, a file to which each test adds its row: medians of paired runs, in an account with an ordinary
//! shell and in one with xfersh, one after the other.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::harness::client::LOCAL;
use crate::harness::sshd::CLIENT_CONFIG;
use crate::harness::{Account, Host, guard_of};

/// Names the file that gets the rows of the table.
const TABLE: &str = "XFERSH_TREES_TABLE";

/// A size, unless the environment sets another.
fn size(name: &str, usual: usize) -> usize {
    let set = std::env::var(name).ok();
    set.map_or(usual, |text| text.parse().expect(name))
}

/// How often each account does it, in turns.
fn pairs() -> usize {
    size("XFERSH_TREES_PAIRS", 1)
}

/// Kilobytes that the guard has in memory.
fn resident(guard: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{guard}/status")).expect("the guard's status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("VmRSS")
}

/// 32 bytes for each of what is remembered, beside what the program takes in a test build.
fn enough(files: usize) -> u64 {
    16 * 1024 + (files as u64 * 128) / 1024
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Runs it in both accounts in turns and adds the row.
fn paired(host: &Host, what: &str, mut run: impl FnMut(&Account) -> Option<String>) {
    let mut times = [Vec::new(), Vec::new()];
    let mut note = String::new();
    for _ in 0..pairs() {
        for (at, account) in [host.plain(), host.alice()].into_iter().enumerate() {
            let started = Instant::now();
            if let Some(said) = run(account) {
                note = said;
            }
            times[at].push(started.elapsed().as_secs_f64());
        }
    }
    let [plain, alice] = times.map(median);
    let ratio = alice / plain;
    add_row(&format!(
        "{what} | {plain:.3} s | {alice:.3} s | {ratio:.2} | {note}"
    ));
}

fn add_row(row: &str) {
    println!("{row}");
    if let Some(path) = std::env::var_os(TABLE) {
        let opened = fs::File::options().append(true).create(true).open(path);
        let written = opened.and_then(|mut file| writeln!(file, "{row}"));
        written.expect("adding a row to the table");
    }
}

/// Makes this many empty files or directories in a directory of both accounts.
fn fill(host: &Host, below: &str, count: usize, command: &str) {
    for account in [host.plain(), host.alice()] {
        let Account { name, .. } = account;
        host.shell_line(&format!(
            "set -e; mkdir -p /home/{name}/{below}; cd /home/{name}/{below}
             seq -f e%06.0f {count} | xargs {command}; chown -R {name}: ."
        ));
    }
}

#[test]
fn a_directory_with_many_entries_is_listed_and_added_to() {
    let count = size("XFERSH_TREES_ENTRIES", 2000);
    let host = Host::new();
    fill(&host, "uploads/many", count, "touch");
    let what = format!("start, list a directory with {count} entries, put one file there");
    paired(&host, &what, |account| {
        let mut sftp = host.raw_sftp_direct(account);
        let listed = sftp.list("uploads/many").expect("a listing");
        assert!(listed.len() >= count + 2, "{}", listed.len());
        assert!(sftp.put("uploads/many/new", b"new").ok());
        let note = guards_memory(account, sftp.process());
        assert_eq!(sftp.end(), 0);
        note
    });
}

/// What the guard of this account's session has in memory, for the table.
fn guards_memory(account: &Account, process: u32) -> Option<String> {
    let is_guarded = account.name == "alice";
    is_guarded.then(|| format!("guard: {} kB", resident(guard_of(process))))
}

#[test]
fn many_files_arrive_in_one_session_and_are_listed() {
    let count = size("XFERSH_TREES_FILES", 2000);
    let host = Host::new();
    host.policy("access = \"append-only\"\n");
    let what = format!("upload {count} files of 5 bytes and list them, append-only");
    let mut run = 0;
    paired(&host, &what, |account| {
        run += 1;
        let mut sftp = host.raw_sftp_direct(account);
        assert!(sftp.mkdir(&format!("uploads/run{run}")).ok());
        let mut memory = Vec::new();
        for number in 0..count {
            let reply = sftp.put(&format!("uploads/run{run}/f{number}"), b"bytes");
            assert!(reply.ok(), "{number}: {reply:?}");
            let is_tenth = (number + 1) % (count / 10) == 0;
            if is_tenth && account.name == "alice" {
                memory.push(resident(sftp.guard()));
            }
        }
        let listed = sftp.list(&format!("uploads/run{run}")).expect("a listing");
        assert_eq!(listed.len(), count + 2);
        assert_eq!(sftp.end(), 0);
        let (first, last) = (memory.first()?, memory.last()?);
        assert!(*last < enough(count), "the guard has {memory:?} kB");
        Some(format!(
            "guard: {first} kB after a tenth, {last} kB at the end"
        ))
    });
}

#[test]
fn many_directories_arrive_by_rsync_under_append_only() {
    let count = size("XFERSH_TREES_DIRECTORIES", 300);
    let host = Host::with_sshd();
    host.policy("protocols = [\"rsync\"]\naccess = \"append-only\"\n");
    host.shell_line(&format!(
        "mkdir {LOCAL}/src && cd {LOCAL}/src && seq -f d%g {count} | xargs mkdir && touch -d 2020-02-02 * ."
    ));
    let what = format!("rsync -a of {count} directories, append-only");
    let mut run = 0;
    paired(&host, &what, |account| {
        run += 1;
        let remote = format!("{}@host:uploads/new{run}/", account.name);
        let line =
            format!("cd {LOCAL} && HOME=/tmp rsync -a -e 'ssh -F {CLIENT_CONFIG}' src/ {remote}");
        host.root("sh", &["-c", &line]).succeeded(&account.name);
        let there = account.at(&format!("uploads/new{run}"));
        let list = "-mindepth 1 -newermt 2020-02-01 ! -newermt 2020-02-03 -printf x";
        let old = host.shell_line(&format!("find {} {list}", there.display()));
        assert_eq!(old.len(), count, "directories with their times");
        None
    });
}

#[test]
fn a_home_with_many_directories_starts_and_takes_a_file() {
    let count = size("XFERSH_TREES_TOP", 2000);
    let host = Host::new();
    fill(&host, "", count, "mkdir");
    let what = format!("start and put one file, {count} directories in the home");
    paired(&host, &what, |account| {
        let mut sftp = host.raw_sftp_direct(account);
        let path = format!("e{count:06}/new");
        assert!(sftp.put(&path, b"new").ok());
        let note = guards_memory(account, sftp.process());
        assert_eq!(sftp.end(), 0);
        note
    });
}

/// One round of ordinary work on a mounted directory; it says nothing unless something is wrong.
const ROUND: &str = r#"
    set -e; cd "$1"; rm -rf w; mkdir w; cd w
    for n in $(seq 20); do echo $n >f$n; done
    head -c 300000 /dev/urandom >big; cp big copy; cmp big copy
    echo more >>f1; mv f2 g2; mv f3 f4; mkdir d; mv f5 d/; chmod 600 f6; touch -d 2020-02-02 f7
    [ "$(cat f4)" = 3 ]; [ "$(ls | wc -l)" = 21 ]; [ "$(stat -c %Y f7)" = "$(date -d 2020-02-02 +%s)" ]
    ln -s f8 s; [ "$(cat s)" = 8 ]; rm -r d f9
"#;

#[test]
fn sshfs_works_for_a_long_time() {
    let minutes = size("XFERSH_SSHFS_MINUTES", 0);
    let host = Host::with_sshd();
    // What sshfs calls a file that is removed before the kernel told it of the close.
    host.policy("dotfile_names = [\".fuse_hidden*\"]\n");
    host.shell_line("[ -e /dev/fuse ] || mknod -m 666 /dev/fuse c 10 229");
    for account in [host.plain(), host.alice()] {
        let Account { name, .. } = account;
        // Caches off: each step reaches the server.
        host.shell_line(&format!(
            "mkdir /mnt/{name} && sshfs -F {CLIENT_CONFIG} -o cache=no,ssh_command='ssh -F {CLIENT_CONFIG}' \
             {name}@host:uploads /mnt/{name}"
        ));
    }
    let guard = host.shell_line("pgrep -u alice xfersh | tail -n 1");
    let memory = || {
        host.shell_line(&format!(
            "sed -n 's/^VmRSS:[^0-9]*//p' /proc/{}/status",
            guard.trim()
        ))
    };
    let until = Instant::now() + Duration::from_secs(minutes as u64 * 60);
    let (mut rounds, mut times, mut seen) = (0, [Vec::new(), Vec::new()], Vec::new());
    while rounds < 3 || Instant::now() < until {
        for (at, account) in [host.plain(), host.alice()].into_iter().enumerate() {
            let started = Instant::now();
            let place = format!("/mnt/{}", account.name);
            host.root("sh", &["-c", ROUND, "sh", &place])
                .succeeded(&place);
            times[at].push(started.elapsed().as_secs_f64());
        }
        seen.push(memory());
        rounds += 1;
    }
    let [plain, alice] = times.map(median);
    let (first, last) = (seen[0].trim(), seen[seen.len() - 1].trim());
    add_row(&format!(
        "sshfs for {minutes} minutes, {rounds} rounds of about 60 changes each | {plain:.2} s a round | {alice:.2} s a round | \
         {:.2} | guard: {first} after a round, {last} at the end",
        alice / plain
    ));
    let number = |text: &str| {
        text.split(' ')
            .next()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let (first, last) = (number(first).expect("kB"), number(last).expect("kB"));
    assert!(
        last < first + 8 * 1024,
        "the guard grew from {first} to {last} kB"
    );
    for account in [host.plain(), host.alice()] {
        host.shell_line(&format!("umount /mnt/{}", account.name));
    }
}
