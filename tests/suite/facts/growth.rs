//! What a home with many directories costs.

use crate::harness::{Host, XFERSH};

/// Processor time in milliseconds of a dry run with `count` directories in the home: the lowest of three.
fn cost(host: &Host, count: u32) -> f64 {
    host.shell_line(&format!(
        "seq -f /home/alice/d%05.0f {count} | xargs mkdir -p"
    ));
    let run = || {
        let line = format!("{XFERSH} --check --user alice -c sftp-server >/dev/null; times");
        let times = host.shell_line(&line);
        let children = times.lines().last().expect("two lines").to_owned();
        let of = |text: &str| {
            let (minutes, seconds) = text.split_once('m')?;
            let seconds: f64 = seconds.strip_suffix('s')?.parse().ok()?;
            Some(minutes.parse::<f64>().ok()? * 60.0 + seconds)
        };
        children.split_whitespace().filter_map(of).sum::<f64>() * 1000.0
    };
    (0..3).map(|_| run()).fold(f64::MAX, f64::min)
}

/// Four times as many directories cost about four times as much, not sixteen times. Processor time is compared with
/// itself, so that a slow or busy machine does not matter.
#[test]
fn many_directories_in_the_home_cost_in_proportion() {
    let host = Host::new();
    let few = cost(&host, 4000);
    let many = cost(&host, 16_000);
    assert!(many < 9.0 * few, "{few} ms for 4,000, {many} ms for 16,000");
}
