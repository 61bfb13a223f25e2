//! The limits of a session, each with what the client sees and what the log says.

use std::time::{Duration, Instant};

use crate::harness::sftp::{Attributes, CREATE, FAILURE, READ, Reply, WRITE};
use crate::harness::{Host, Sftp};

const SFTP: &str = "/usr/lib/openssh/sftp-server";

/// Does something until the session is over; how long that took.
pub fn until_the_end(sftp: &mut Sftp, mut act: impl FnMut(&mut Sftp) -> Reply) -> Duration {
    let started = Instant::now();
    while act(sftp) != Reply::End {
        assert!(
            started.elapsed() < Duration::from_secs(15),
            "it does not end"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    started.elapsed()
}

#[track_caller]
fn says(host: &Host, word: &str) {
    let log = host.log();
    assert!(
        log.iter().any(|line| line.text.contains(word)),
        "no {word:?}: {log:#?}"
    );
}

/// The last two lines: which limit, and the counts.
#[track_caller]
pub fn ends_by(host: &Host, bound: &str) {
    let log = host.log();
    let [.., why, end] = &log[..] else {
        panic!("too few lines: {log:#?}");
    };
    let why_text = format!("ending the session: {bound} reached");
    assert!(
        log.iter().any(|line| line.text.contains(&why_text)),
        "{why:?}\n{log:#?}"
    );
    assert!(end.text.contains("end server=killed:SIGKILL"), "{end:?}");
}

#[test]
fn max_sessions() {
    let host = Host::new();
    host.policy("max_sessions = 2\n");
    let mut first = host.raw_sftp_direct(host.alice());
    let second = host.raw_sftp_direct(host.alice());
    assert!(first.greeted && second.greeted);
    let _ = host.log();
    let third = host.direct(host.alice(), SFTP.as_bytes(), b"");
    assert_eq!((third.code(), third.out().as_str()), (126, ""), "{third}");
    assert_eq!(third.err().lines().count(), 1, "{third}");
    says(&host, "(max_sessions)");
    // A session that ends makes room, and so does one that is killed.
    assert_eq!(second.end(), 0);
    let next = host.raw_sftp_direct(host.alice());
    assert!(next.greeted);
    let guard = nix::unistd::Pid::from_raw(next.guard().cast_signed());
    nix::sys::signal::kill(guard, nix::sys::signal::Signal::SIGKILL).expect("killing a session");
    next.end();
    std::thread::sleep(Duration::from_millis(300));
    let last = host.raw_sftp_direct(host.alice());
    assert!(last.greeted);
    assert!(first.mkdir("uploads/still").ok());
    for sftp in [first, last] {
        assert_eq!(sftp.end(), 0);
    }
    // The baseline: without the key there is no limit.
    host.no_policy();
    let many: Vec<Sftp> = (0..3).map(|_| host.raw_sftp_direct(host.alice())).collect();
    assert!(many.iter().all(|sftp| sftp.greeted));
}

#[test]
fn max_session_time() {
    let host = Host::new();
    host.policy("max_session_time = 2\n");
    let mut sftp = host.raw_sftp_direct(host.alice());
    // However busy it is.
    let took = until_the_end(&mut sftp, |sftp| sftp.stat("uploads"));
    assert!((1..5).contains(&took.as_secs()), "{took:?}");
    assert_eq!(
        host.processes_of(host.alice())
            .iter()
            .filter(|line| !line.contains(" Z"))
            .count(),
        0
    );
    sftp.end();
    ends_by(&host, "max_session_time");
}

#[test]
fn idle_timeout() {
    let host = Host::new();
    host.policy("idle_timeout = 2\n");
    let mut sftp = host.raw_sftp_direct(host.alice());
    // Reading alone keeps the session alive, even though the guard does not see it.
    let handle = sftp
        .handle(|sftp| sftp.open("uploads/old.txt", READ))
        .expect("opening");
    for _ in 0..40 {
        assert!(matches!(sftp.read(&handle, 0, 4), Reply::Data(_)));
        std::thread::sleep(Duration::from_millis(100));
    }
    let _ = host.log();
    std::thread::sleep(Duration::from_millis(4500));
    assert_eq!(sftp.stat("uploads"), Reply::End);
    sftp.end();
    ends_by(&host, "idle_timeout");
}

#[test]
fn max_bytes() {
    let host = Host::new();
    host.policy("max_bytes = \"1M\"\n");
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.put("uploads/small", &[b'x'; 30_000]).ok());
    std::thread::sleep(Duration::from_millis(1500));
    assert!(sftp.stat("uploads").ok(), "ended below the bound");
    let handle = sftp
        .handle(|sftp| sftp.open("uploads/large", WRITE | CREATE))
        .expect("opening");
    let mut offset = 0;
    until_the_end(&mut sftp, |sftp| {
        offset += 30_000;
        sftp.write(&handle, offset, &[b'x'; 30_000])
    });
    sftp.end();
    ends_by(&host, "max_bytes");
}

#[test]
fn max_file_size() {
    let host = Host::new();
    host.policy("max_file_size = 10000\n");
    let mut sftp = host.raw_sftp_direct(host.alice());
    let handle = sftp
        .handle(|sftp| sftp.open("uploads/file", WRITE | CREATE))
        .expect("opening");
    assert!(sftp.write(&handle, 0, &[b'x'; 10_000]).ok());
    assert_eq!(sftp.write(&handle, 10_000, b"x").code(), FAILURE);
    assert_eq!(sftp.write(&handle, 1 << 30, b"x").code(), FAILURE);
    assert_eq!(
        sftp.fsetstat(&handle, Attributes::size(20_000)).code(),
        FAILURE
    );
    assert_eq!(
        sftp.setstat("uploads/file", Attributes::size(20_000))
            .code(),
        FAILURE
    );
    // An error, not the end of the session.
    assert!(sftp.close(&handle).ok());
    assert!(sftp.mkdir("uploads/after").ok());
    assert_eq!(sftp.end(), 0);
    assert_eq!(host.read("/home/alice/uploads/file").len(), 10_000);
}
