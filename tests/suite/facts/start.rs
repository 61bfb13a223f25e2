//! Where the server starts if the start directory of the policy is of no use to a session.

use super::{refused, served};
use crate::harness::{Host, XFERSH};

/// The policy, a line for root's shell, where sessions start, and what is said if that is not where the policy says.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// `/srv/out` and `/srv/more` are alice's, `/srv/roots` is root's.
const ROWS: &[Row] = &[
    ("", "true", "/home/alice", ""),
    ("start = \"~/uploads\"\n", "true", "/home/alice/uploads", ""),
    // Cannot be entered, in each way.
    (
        "start = \"~/uploads\"\nwritable = [\"~/site\"]\n",
        "chmod 0 /home/alice/uploads",
        "/home/alice",
        "cannot enter /home/alice/uploads: Permission denied",
    ),
    (
        "start = \"~/uploads/sub\"\nwritable = [\"~/site\"]\n",
        "chmod 0 /home/alice/uploads",
        "/home/alice",
        "cannot look at /home/alice/uploads/sub: Permission denied",
    ),
    (
        "start = \"/srv/roots/in\"\nwritable = [\"/srv/more\"]\nreadable = [\"/srv/out\"]\n",
        "mkdir -p /srv/roots/in; chmod 700 /srv/roots",
        "/srv/out",
        "cannot look at /srv/roots/in: Permission denied",
    ),
    (
        "start = \"/srv/roots\"\nwritable = [\"/srv/more\"]\nreadable = [\"/srv/out\"]\n",
        "chmod 700 /srv/roots",
        "/srv/out",
        "cannot enter /srv/roots: Permission denied",
    ),
    // Can be entered and not listed.
    (
        "start = \"/srv/roots\"\nreadable = [\"/srv/roots\", \"/srv/out\"]\n",
        "chmod 711 /srv/roots",
        "/srv/out",
        "the account cannot list /srv/roots",
    ),
    // The first that can be listed: what cannot is passed over.
    (
        "start = \"~/nowhere\"\nreadable = [\"/srv/roots\", \"/srv/absent\", \"/srv/out\"]\n",
        "chmod 711 /srv/roots",
        "/srv/out",
        "/home/alice/nowhere is not a directory",
    ),
    (
        "start = \"~/nowhere\"\n",
        "true",
        "/home/alice",
        "/home/alice/nowhere is not a directory",
    ),
    (
        "start = \"~/nowhere\"\naccess = \"upload-only\"\nwritable = [\"/srv/out\"]\n",
        "true",
        "/srv/out",
        "/home/alice/nowhere is not a directory",
    ),
    (
        "start = \"~/nowhere\"\naccess = \"upload-only\"\nwritable = [\"/srv/absent\"]\n",
        "true",
        "/",
        "/home/alice/nowhere is not a directory",
    ),
    // That the policy does not let it be listed moves no start: relative paths keep their meaning.
    (
        "start = \"/srv/roots\"\nreadable = [\"/srv/out\"]\n",
        "chmod 755 /srv/roots",
        "/srv/roots",
        "",
    ),
    (
        "writable = [\"/srv/more\"]\nreadable = [\"/srv/more\"]\n",
        "true",
        "/home/alice",
        "",
    ),
    // Of use though it cannot be listed: a client creates in it, or its relative paths lead somewhere.
    (
        "start = \"/srv/more\"\n[[directory]]\npath = \"/srv/more\"\naccess = \"upload-only\"\n",
        "true",
        "/srv/more",
        "",
    ),
    (
        "writable = [\"~/uploads\"]\nreadable = [\"~/uploads\"]\n",
        "true",
        "/home/alice",
        "",
    ),
    (
        "writable = [\"~/uploads\"]\n",
        "chown root /home/alice; chmod 711 /home/alice",
        "/home/alice",
        "",
    ),
    ("readable = [\"/srv/out\"]\n", "true", "/home/alice", ""),
];

const MEND: &str = "rm -rf /srv/roots /srv/out /srv/more; mkdir /srv/roots; install -d -o alice -g alice /srv/out /srv/more; \
                    chown alice /home/alice; chmod 755 /home/alice /home/alice/uploads";

#[test]
fn in_the_first_directory_that_is_of_use() {
    let host = Host::with_sshd();
    let mut wrong = Vec::new();
    for (policy, line, start, why) in ROWS {
        host.shell_line(MEND);
        host.policy(policy);
        host.shell_line(line);
        host.log();
        let seen = host.sftp(host.alice(), "pwd\n").succeeded(policy).out();
        let seen = seen
            .lines()
            .find_map(|line| line.strip_prefix("Remote working directory: "));
        let log = host.log();
        let verdict = &log
            .iter()
            .find(|line| line.text.contains("verdict="))
            .expect("a verdict")
            .text;
        let logged = format!(" start=\"{start}\" start_reason=\"{why}");
        let is_logged = if why.is_empty() {
            !verdict.contains(" start=")
        } else {
            verdict.contains(&logged)
        };
        let (text, json) = (check(&host, &[]), check(&host, &["--json"]));
        let json: serde_json::Value = serde_json::from_str(&json).expect("one object");
        let says = |value: &serde_json::Value| value.as_str().unwrap_or_default().starts_with(why);
        let is_said = json["start"] == *start
            && json["start_reason"].is_null() == why.is_empty()
            && (why.is_empty() || says(&json["start_reason"]));
        let moved = format!("sessions start in {start}: {why}");
        let is_noted = why.is_empty() || text.contains(&moved);
        if seen != Some(*start) || !is_logged || !is_said || !is_noted {
            wrong.push(format!(
                "{policy}{line}: expected {start}: {seen:?}\n{verdict}\n{text}{json}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(host: &Host, options: &[&str]) -> String {
    let arguments = [&["--check", "--user", "alice"], options].concat();
    host.root(XFERSH, &arguments).out()
}

/// A relative path begins where the server starts, and is judged from there.
#[test]
fn relative_paths_begin_there() {
    let host = Host::with_sshd();
    host.shell_line(MEND);
    host.write("/tmp/local/up", b"new\n");
    let moved = "start = \"~/nowhere\"\nwritable = [\"/srv/out\"]\nreadable = [\"/srv/out\"]\n";
    for (policy, target, arrives) in [
        (moved, "x", "/srv/out/x"),
        (moved, "./y", "/srv/out/y"),
        (
            "writable = [\"~/uploads\"]\nreadable = [\"~/uploads\"]\n",
            "uploads/x",
            "/home/alice/uploads/x",
        ),
    ] {
        host.policy(policy);
        for options in [&[][..], &["-O"]] {
            host.scp_to(host.alice(), options, &["up"], target)
                .succeeded(target);
            assert_eq!(host.read(arrives), b"new\n", "{target}");
            host.shell_line(&format!("rm {arrives}"));
        }
        let before = host.disk();
        host.scp_to(host.alice(), &["-O"], &["up"], "../up")
            .failed("a path out of it");
        before.assert_same(&host.disk(), "a path out of the start directory");
    }
}

/// That it is closed is known; anything else that is not known refuses.
#[test]
fn a_start_directory_that_is_not_known_refuses() {
    let host = Host::new();
    host.policy("start = \"/srv/d/in\"\n");
    host.shell_line("ln -s e /srv/d && ln -s d /srv/e");
    refused(
        &host,
        host.alice(),
        "host",
        &["Too many levels of symbolic links"],
    );
    host.shell_line("rm /srv/d && ln -s /home/alice /srv/d && chown -h alice /srv/d");
    refused(
        &host,
        host.alice(),
        "account",
        &["/srv/d/in leads through /srv/d, a link that"],
    );
    host.shell_line("rm /srv/d; mkdir -p /srv/d/in");
    served(&host, host.alice(), "a directory again");
}
