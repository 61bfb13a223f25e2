//! Every row of the table at every place that applies.

use std::time::{Duration, Instant};

use std::collections::BTreeSet;

use xfersh::decide::plan::ServerKind;
use xfersh::decide::seccomp::table::{Action, SyscallRule, rows};

use super::case::{self, Case};
use super::places::{furnish, furnish_here};
use super::session::{KINDS, Session, command, disk, disk_here, host, policy, touched};
use super::table::{ENDS, FATAL, FORMS, HARMLESS, REFUSED};
use crate::harness::{Account, Host};

pub const ALL_RIGHTS: &[&str] = &[
    "list",
    "read",
    "create",
    "overwrite",
    "remove",
    "rename",
    "rename-directories",
    "mkdir",
    "attributes",
    "link",
];

#[test]
fn every_row_has_a_case() {
    let listed: Vec<&str> = [HARMLESS, REFUSED, FATAL, ENDS]
        .iter()
        .flat_map(|text| text.split_whitespace())
        .collect();
    let with_forms: BTreeSet<&str> = FORMS.iter().map(|form| form.row).collect();
    for row in rows() {
        let count = listed.iter().filter(|name| **name == row.name).count();
        let formed = usize::from(with_forms.contains(row.name));
        assert_eq!(
            count + formed,
            1,
            "{} needs one place in hostile/table.rs",
            row.name
        );
        let refused = |outcome: fn(&Action) -> bool| matches!(row.answer, SyscallRule::Always(answer) if outcome(&answer));
        if REFUSED.split_whitespace().any(|name| name == row.name) {
            assert!(
                refused(|o| matches!(o, Action::Errno(_))),
                "{} is not refused",
                row.name
            );
        }
        if FATAL.split_whitespace().any(|name| name == row.name) {
            assert!(
                refused(|o| matches!(o, Action::Kill)),
                "{} is not fatal",
                row.name
            );
        }
    }
    for name in listed.iter().chain(with_forms.iter()) {
        assert!(case::find(name).is_some(), "{name} has no row");
    }
}

/// The first of three steps: everything that is tried here works if nothing prevents it.
#[test]
fn each_case_works_in_an_ordinary_account() {
    let host = host();
    let account = host.plain();
    let mut session = Session::plain(&host);
    let (wrong, proven) = host.inside(move || {
        let mut wrong = Vec::new();
        let mut proven = 0;
        let mut before = disk_here();
        for case in case::all().into_iter().filter(|case| !case.fails_by_nature) {
            proven += 1;
            // The home is created again after each case.
            let line = format!("chdir p:/home/plain ; {}", case.steps(account));
            let result = session.ask(&line);
            let diff = before.diff(&disk_here());
            if result.is_none_or(|result| result < 0) || diff.is_empty() {
                wrong.push(format!("{}: {result:?}\n{line}\n{diff}", case.name));
            }
            if !diff.is_empty() {
                furnish_here(account);
                before = disk_here();
            }
        }
        (wrong, proven)
    });
    assert!(proven > 1000, "only {proven} cases");
    none(&wrong, proven);
}

/// The second and third step for everything that no server of that kind may do, in one session.
pub fn nothing_changes(host: &Host, kind: ServerKind, rights: &[&str]) {
    let account = host.alice();
    furnish(host, account);
    let mut session = Session::start(host, account, command(kind));
    normal(&mut session, kind, rights);
    let held = session.guards_descriptors();
    let before = host.disk();
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut last = disk(host);
    for case in case::all() {
        if case.may(kind, rights) {
            continue;
        }
        count += 1;
        let Some(result) = session.ask(&case.steps(account)) else {
            let log = host.log();
            panic!(
                "{kind:?}: the session ended at {}: {} {log:#?}",
                case.name,
                session.end()
            );
        };
        if result >= 0 {
            let now = disk(host);
            wrong.push(format!(
                "{}: succeeds: {result}\n{}",
                case.name,
                last.diff(&now)
            ));
            last = now;
        }
    }
    assert!(count > 500, "only {count} cases");
    none(&wrong, count);
    before.assert_same(&host.disk(), &format!("{kind:?} {rights:?}"));
    normal(&mut session, kind, rights);
    // Roots that were opened are closed the next time the guard is idle.
    let deadline = Instant::now() + Duration::from_secs(20);
    while session.guards_descriptors() > held {
        assert!(
            Instant::now() < deadline,
            "{kind:?}: the guard keeps descriptors: {} of {held}",
            session.guards_descriptors()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(session.end(), 0, "{kind:?}");
}

/// The guard still answers: what is allowed is done and undone, and what is not is refused.
fn normal(session: &mut Session, kind: ServerKind, rights: &[&str]) {
    let has = |row, right| case::reaches(row, kind) && rights.contains(&right);
    assert_eq!(session.ask("umask 022").map(|_| ()), Some(()));
    if has("mkdir", "mkdir") && case::reaches("rmdir", kind) {
        assert_eq!(session.ask("mkdir p:uploads/normal 0755"), Some(0));
        assert_eq!(session.ask("rmdir p:uploads/normal"), Some(0));
        // The time of the directory is what it was.
        if has("utimensat", "attributes") {
            let line = "utimensat -100 p:uploads v:00000000000000000000000000000000000000000000000000000000000000 0";
            assert_eq!(session.ask(line), Some(0));
        }
    }
}

#[test]
fn sftp_changes_nothing_protected() {
    let host = host();
    host.policy(&policy(""));
    nothing_changes(&host, ServerKind::Sftp, ALL_RIGHTS);
}

#[test]
fn no_other_server_changes_anything_protected() {
    let host = host();
    host.policy(&policy(""));
    for kind in &KINDS[1..] {
        // What the sink and the senders may do elsewhere is not tried here: `scp -t uploads` covers one place.
        nothing_changes(&host, *kind, ALL_RIGHTS);
    }
}

/// The allowed effects happen, and are those that an ordinary account sees. Returns how many there were.
pub fn effects(host: &Host, kind: ServerKind, rights: &[&str]) -> usize {
    effects_of(host, kind, &cases(kind, rights))
}

/// What a server of this kind may do with these rights.
pub fn cases(kind: ServerKind, rights: &[&str]) -> Vec<Case> {
    let mut all = case::all();
    all.retain(|case| case.may(kind, rights));
    all
}

pub fn effects_of(host: &Host, kind: ServerKind, cases: &[Case]) -> usize {
    let wrong: Vec<String> = host.inside(|| {
        let wrong = |case: &&Case| {
            let plain = effect(host, host.plain(), case, "exec /opt/hostile");
            // Two failures are not an agreement.
            plain.0 != Some(true) || plain != effect(host, host.alice(), case, command(kind))
        };
        let wrong = cases.iter().filter(wrong);
        wrong.map(|case| case.name.clone()).collect()
    });
    none(&wrong, cases.len());
    cases.len()
}

/// Whether it succeeds, and what changes.
fn effect(
    host: &Host,
    account: &Account,
    case: &Case,
    command: &str,
) -> (Option<bool>, BTreeSet<String>) {
    furnish_here(account);
    let before = disk_here();
    let mut session = Session::start(host, account, command);
    let result = session.ask(&case.steps(account));
    session.end();
    let diff = before.diff(&disk_here());
    (result.map(|result| result >= 0), touched(&diff, account))
}

#[test]
fn sftp_does_what_is_allowed() {
    let host = host();
    host.policy(&policy(""));
    assert!(effects(&host, ServerKind::Sftp, ALL_RIGHTS) > 50);
}

#[test]
fn rsync_does_what_is_allowed() {
    let host = host();
    host.policy(&policy(""));
    assert!(effects(&host, ServerKind::RsyncReceiver, ALL_RIGHTS) > 50);
}

/// The filter's own refusals, call by call: what it refuses has no effect, and what should end the session ends it.
#[test]
fn calls_of_no_server() {
    let host = host();
    host.policy(&policy(""));
    let before = host.disk();
    let mut session = Session::start(&host, host.alice(), command(ServerKind::Sftp));
    for name in REFUSED
        .split_whitespace()
        .filter(|name| case::number(name).is_some())
    {
        let result = session
            .ask(name)
            .unwrap_or_else(|| panic!("{name} ends the session"));
        assert!(result < 0, "{name} gives {result}");
    }
    assert_eq!(session.end(), 0);
    for name in FATAL
        .split_whitespace()
        .filter(|name| case::number(name).is_some())
    {
        // Elsewhere the kernel answers it; most need root, and zeros ask for nothing.
        let mut session = Session::plain(&host);
        let harmless = !matches!(name, "vhangup" | "sync");
        assert!(
            !harmless || session.ask(name).is_some(),
            "{name} ends an ordinary program"
        );
        session.end();
        let mut session = Session::start(&host, host.alice(), command(ServerKind::Sftp));
        assert_eq!(session.ask(name), None, "{name} is answered");
        assert_eq!(session.end(), 128 + nix::libc::SIGSYS, "{name}");
    }
    before.assert_same(&host.disk(), "refused and fatal calls");
}

/// Calls that change no file really change none.
#[test]
fn harmless_calls_change_nothing() {
    let host = host();
    host.policy(&policy(""));
    // With descriptor 0 as the first argument some would read the script: they get one that is not open.
    let skipped = [
        "close_range",
        "close",
        "dup2",
        "dup3",
        "rseq",
        "set_robust_list",
        "clone",
        "fork",
    ];
    for kind in KINDS {
        let before = host.disk();
        let mut session = Session::start(&host, host.alice(), command(kind));
        for name in HARMLESS.split_whitespace() {
            let waits = [
                "poll",
                "ppoll",
                "select",
                "pselect6",
                "epoll_wait",
                "futex",
                "rt_sigtimedwait",
                "munmap",
                "brk",
                "uretprobe",
                "uprobe",
                "arch_prctl",
                "restart_syscall",
            ];
            if case::number(name).is_none() || skipped.contains(&name) || waits.contains(&name) {
                continue;
            }
            assert!(
                session.ask(&format!("{name} 999 0 0 0 0 0")).is_some(),
                "{kind:?}: {name} ends the session"
            );
        }
        assert_eq!(session.end(), 0, "{kind:?}");
        before.assert_same(&host.disk(), "harmless calls");
    }
}

pub fn none(wrong: &[String], count: usize) {
    let shown = &wrong[..wrong.len().min(40)];
    assert!(
        wrong.is_empty(),
        "{} of {count} cases:\n{}",
        wrong.len(),
        shown.join("\n")
    );
}
