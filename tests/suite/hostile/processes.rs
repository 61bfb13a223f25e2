//! Second programs, too many processes, too many descriptors.

use std::time::Duration;

use xfersh::decide::plan::ServerKind;

use super::places::furnish;
use super::session::{Session, command, host, policy};
use crate::harness::{Account, Host};

/// Programs: another one by its name, an uploaded one, one in memory.
#[test]
fn no_second_program() {
    let host = host();
    host.policy(&policy(""));
    let install = |account: &Account| {
        furnish(&host, account);
        host.install(account.at("uploads/true"), &host.read("/usr/bin/true"));
        host.inside(|| account.own(&account.at("uploads/true")));
    };
    for steps in [
        "execve p:/usr/bin/true a:true 0",
        "execve p:uploads/true a:true 0",
        "execveat -100 p:uploads/true a:true 0 0",
        "execveat o:uploads/true p: a:true 0 0x1000",
        "memfd_create p:x 0 ; copy_file_range r:uploads/true 0 $ 0 1000000 0",
    ] {
        install(host.plain());
        let mut session = Session::plain(&host);
        let result = session.ask(steps);
        // A program that has become another one no longer answers.
        assert!(
            result.is_none_or(|result| result >= 0 || steps.starts_with("memfd")),
            "{steps}: {result:?}"
        );
        assert_eq!(session.end(), 0, "proves nothing: {steps}");
        install(host.alice());
        let before = host.disk();
        let mut session = Session::start(&host, host.alice(), command(ServerKind::Sftp));
        let result = session.ask(steps);
        let killed = result.is_none();
        assert!(
            killed || result.is_some_and(|result| result < 0),
            "{steps}: {result:?}"
        );
        let expected = if killed { 128 + nix::libc::SIGSYS } else { 0 };
        assert_eq!(session.end(), expected, "{steps}");
        before.assert_same(&host.disk(), steps);
    }
}

/// Whether every process of the account ends within a second.
fn alone(host: &Host, account: &Account) {
    for _ in 0..100 {
        if host.processes_of(account).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("still there: {:?}", host.processes_of(account));
}

#[test]
fn fork_bombs() {
    let host = host();
    host.policy(&policy(""));
    let mut session = Session::plain(&host);
    assert_eq!(session.ask("forks 5"), Some(5), "proves nothing");
    drop(session);
    for kind in [ServerKind::Sftp, ServerKind::ScpSink, ServerKind::ScpSource] {
        let mut session = Session::start(&host, host.alice(), command(kind));
        assert!(
            session.ask("forks 5").is_some_and(|result| result < 0),
            "{kind:?}"
        );
        assert_eq!(session.end(), 0);
    }
    // rsync has two processes; if there are more, they end with the session.
    let mut session = Session::start(&host, host.alice(), command(ServerKind::RsyncReceiver));
    assert!(session.ask("forks 200").is_some());
    assert_eq!(session.ask("mkdir p:uploads/still 0755"), Some(0));
    assert_eq!(session.end(), 0);
    alone(&host, host.alice());
}

/// No room left for the descriptor that the guard hands over: an error, and nothing kept.
#[test]
fn descriptors_by_the_thousand() {
    let host = host();
    host.policy(&policy(""));
    let open = "open p:uploads/late 0x41 0644";
    // As many as this machine's root may set.
    let (_, most) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)
        .expect("the limit");
    let most = u32::try_from(most).unwrap_or(u32::MAX).min(100_000);
    for limit in [1024, most] {
        furnish(&host, host.alice());
        let mut session = Session::limited(&host, host.alice(), command(ServerKind::Sftp), limit);
        assert_eq!(
            session.ask("mkdir p:uploads/normal 0755 ; rmdir p:uploads/normal"),
            Some(0)
        );
        let held = session.guards_descriptors();
        let filled = session.ask("fill").expect("an answer");
        assert!(filled >= i64::from(limit) - 10, "{filled}");
        assert_eq!(
            session.ask(&format!("fill ; {open}")),
            Some(-i64::from(nix::libc::EMFILE))
        );
        // The guard created the file before it knew; as long as it exists, it is remembered.
        assert_eq!(session.ask("unlink p:uploads/late"), Some(0));
        for number in 0..1000 {
            let steps = format!(
                "open p:uploads/f{number} 0x41 0644 ; close $ ; unlink p:uploads/f{number}"
            );
            assert!(session.ask(&steps.replace("close $", "getpid")).is_some());
        }
        session.guard_lets_go(held);
        assert_eq!(session.end(), 0);
    }
}

/// A small limit on descriptors limits what the guard remembers, not the session.
#[test]
fn few_descriptors() {
    let host = host();
    host.policy(&policy(""));
    furnish(&host, host.alice());
    let command = command(ServerKind::Sftp);
    let mut session = Session::limited(&host, host.alice(), command, 64);
    for number in 0..200 {
        let steps = format!("open p:uploads/f{number} 0x41 0644 ; write $ p:x 1");
        assert_eq!(session.ask(&steps), Some(1), "{number}");
        assert_eq!(
            session.ask(&format!("mkdir p:uploads/d{number} 0755")),
            Some(0),
            "{number}"
        );
    }
    assert_eq!(
        session.ask("open p:.bashrc 1 0").map(|result| result < 0),
        Some(true)
    );
    assert_eq!(session.end(), 0);
}
