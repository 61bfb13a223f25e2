//! More than can be held open at once: what the session created stays its own, and the guard stays small.

use crate::harness::Host;

use super::{assert_no_temporaries, host, prepare, rsync};

/// Watches alice's guards: descriptors and kilobytes, one line each time.
fn watch_guards(host: &Host) {
    host.shell_line(
        r#"cat >/mnt/watch <<'END'
        while sleep 0.02; do
            for process in $(pgrep -u alice xfersh); do
                held=$(ls /proc/$process/fd | wc -l)
                memory=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' /proc/$process/status)
                [ -z "$memory" ] || echo "$held $memory" >>/mnt/seen
            done
        done
END
        setsid sh /mnt/watch </dev/null >/dev/null 2>&1 &"#,
    );
}

/// The most descriptors and kilobytes that were seen.
#[track_caller]
fn most_seen(host: &Host) -> (u64, u64) {
    let text = String::from_utf8(host.read("/mnt/seen")).expect("numbers");
    let column = |at: usize| {
        let numbers = text.lines().filter_map(move |line| line.split(' ').nth(at));
        numbers
            .filter_map(|number| number.parse::<u64>().ok())
            .max()
    };
    let seen = column(0).zip(column(1));
    seen.expect("the guard was seen")
}

/// 32 bytes for each of what is remembered, and descriptors for what is new.
const DESCRIPTORS: u64 = 2048;
const KILOBYTES: u64 = 24 * 1024;

/// What arrived is what was sent, except for the owners.
fn same_tree(host: &Host, account: &str) {
    let list = |path: &str| {
        let line = format!("cd {path} && find . -printf '%p %y %m %s %T@ %l\\n' | sort");
        host.shell_line(&line)
    };
    let there = format!("/home/{account}/uploads/new");
    assert_eq!(list("/tmp/local/src"), list(&there), "{account}");
}

#[test]
fn three_thousand_directories_arrive_under_append_only() {
    let host = host("access = \"append-only\"\n");
    prepare(
        &host,
        "mkdir src && cd src && seq -f d%g 3000 | xargs mkdir && touch -d 2020-02-02 * .",
    );
    watch_guards(&host);
    for account in [host.plain(), host.alice()] {
        rsync(&host, account, &["-a", "src/", "@:uploads/new/"]).succeeded(&account.name);
        same_tree(&host, &account.name);
    }
    let (descriptors, kilobytes) = most_seen(&host);
    println!("guard: {descriptors} descriptors, {kilobytes} kB");
    assert!(descriptors < DESCRIPTORS, "{descriptors} descriptors");
    assert!(kilobytes < KILOBYTES, "{kilobytes} kB");
}

#[test]
fn seven_hundred_delayed_files_arrive_under_append_only() {
    let host = host("access = \"append-only\"\ndotfile_names = [\".~tmp~\"]\n");
    prepare(
        &host,
        "mkdir src && cd src && for n in $(seq 700); do echo $n >f$n; done; touch -d 2020-02-02 * .",
    );
    watch_guards(&host);
    for account in [host.plain(), host.alice()] {
        let arguments = ["-a", "--delay-updates", "src/", "@:uploads/new/"];
        rsync(&host, account, &arguments).succeeded(&account.name);
        same_tree(&host, &account.name);
        assert_no_temporaries(&host, account);
        assert!(!host.exists(account.at("uploads/new/.~tmp~")));
    }
    let (descriptors, kilobytes) = most_seen(&host);
    println!("guard: {descriptors} descriptors, {kilobytes} kB");
    assert!(descriptors < DESCRIPTORS, "{descriptors} descriptors");
    assert!(kilobytes < KILOBYTES, "{kilobytes} kB");
}
