//! What `--check` answers is what a session does, for homes, policies and commands of all kinds: allowed or refused,
//! for the same reason, in the same directory.

use serde_json::Value;

use crate::harness::{Host, Output, XFERSH};

/// What is done to the host, and whether sftp is served.
type Row = (&'static str, bool);

/// `/srv/in` is alice's. Each row begins with alice's usual home and without a policy.
const ROWS: &[Row] = &[
    ("true", true),
    // The server program.
    ("policy 'sftp_server = \"/usr/lib/sftp-server\"'", true),
    (
        "policy 'sftp_server = \"/opt/link\"'; ln -s /usr/lib/sftp-server /opt/link",
        true,
    ),
    (
        "policy 'sftp_server = \"/opt/link\"'; ln -s /usr/lib/sftp-server /opt/link; chown -h alice /opt/link",
        false,
    ),
    (
        "policy 'sftp_server = \"/opt/link\"'; ln -s /nowhere /opt/link",
        false,
    ),
    (
        "policy 'sftp_server = \"/opt/d/server\"'; mkdir /opt/d; ln -s /usr/lib/openssh/sftp-server /opt/d/server",
        true,
    ),
    (
        "policy 'sftp_server = \"/opt/d/server\"'; mkdir -m 777 /opt/d; ln -s /usr/lib/openssh/sftp-server /opt/d/server",
        false,
    ),
    (
        "policy 'sftp_server = \"/opt/d/server\"'; mkdir -m 700 /opt/d; ln -s /usr/lib/openssh/sftp-server /opt/d/server",
        false,
    ),
    (
        "policy 'sftp_server = \"/opt/link/sftp-server\"'; ln -s /usr/lib/openssh /opt/link",
        true,
    ),
    // Homes.
    ("chown root /home/alice; chmod 711 /home/alice", false),
    (
        "chown root /home/alice; chmod 711 /home/alice; policy 'writable = [\"~/uploads\"]'",
        true,
    ),
    ("chown root:root /home/alice; chmod 700 /home/alice", false),
    (
        "chown root:root /home/alice; chmod 700 /home/alice; policy 'writable = [\"/srv/in\"]'",
        false,
    ),
    (
        "chown root:root /home/alice; chmod 750 /home/alice; policy 'writable = [\"/srv/in\"]'",
        false,
    ),
    ("chown root:alice /home/alice; chmod 750 /home/alice", true),
    ("chmod 500 /home/alice", true),
    ("chmod 0 /home/alice", false),
    ("home /nonexistent", true),
    ("home /nonexistent; policy 'writable = [\"/srv/in\"]'", true),
    (
        "home /nonexistent; policy 'writable = [\"~/uploads\", \"/srv/in\"]'",
        true,
    ),
    ("home /dev/null", false),
    ("home /dev/null; policy 'writable = [\"/srv/in\"]'", true),
    ("home /dev/null; policy 'readable = [\"/srv/in\"]'", true),
    (
        "home /dev/null; policy '[[directory]]' 'path = \"/srv/in\"'",
        true,
    ),
    (
        "home /dev/null; policy 'writable = [\"~/uploads\", \"/srv/in\"]'",
        false,
    ),
    ("home /dev; policy 'writable = [\"/srv/in\"]'", true),
    ("home /proc/self; policy 'writable = [\"/srv/in\"]'", true),
    ("home /; policy 'writable = [\"/srv/in\"]'", false),
    ("home /etc/passwd; policy 'writable = [\"/srv/in\"]'", true),
    ("home /srv/in/home; policy 'writable = [\"/srv/in\"]'", true),
    ("home /srv/in; policy 'writable = [\"/srv/in\"]'", false),
    ("home /opt/link; ln -s /home/alice /opt/link", true),
    (
        "home /opt/link; ln -s /home/alice /opt/link; chown -h alice /opt/link",
        false,
    ),
    (
        "home /opt/link; ln -s /nonexistent /opt/link; policy 'writable = [\"/srv/in\"]'",
        true,
    ),
    (
        "home /opt/a; ln -s b /opt/a; ln -s a /opt/b; policy 'writable = [\"/srv/in\"]'",
        false,
    ),
    // The start directory.
    (
        "policy 'start = \"~/uploads\"'; chmod 0 /home/alice/uploads",
        true,
    ),
    (
        "policy 'start = \"~/uploads/sub\"'; chmod 0 /home/alice/uploads",
        true,
    ),
    (
        "policy 'start = \"/opt/d/in\"'; mkdir -p -m 700 /opt/d; mkdir /opt/d/in",
        true,
    ),
    (
        "policy 'start = \"/opt/link\"'; ln -s /home/alice/uploads /opt/link",
        true,
    ),
    (
        "policy 'start = \"/opt/link\"'; ln -s /home/alice/uploads /opt/link; chown -h alice /opt/link",
        false,
    ),
    (
        "policy 'start = \"/opt/a\"'; ln -s b /opt/a; ln -s a /opt/b",
        false,
    ),
    // Directories of the policy.
    (
        "policy 'writable = [\"/opt/d/in\"]'; mkdir -p -m 700 /opt/d; mkdir /opt/d/in",
        false,
    ),
    ("policy 'writable = [\"/srv/absent\"]'", true),
    (
        "policy 'writable = [\"~/uploads\"]'; chmod 0 /home/alice/uploads",
        true,
    ),
];

/// The commands that are compared under each row; the first decides.
const COMMANDS: &[&str] = &[
    "sftp-server",
    "sftp-server -R -u 077",
    "scp -f uploads/old.txt",
    "scp -t uploads/",
    "scp -t /srv/in/",
    "scp -t .",
    "scp -t .ssh/x",
    "rsync --server . uploads/",
    "internal-sftp",
    "id",
];

const BEFORE: &str = "rm -rf /opt/link /opt/d /opt/a /opt/b /etc/xfersh.toml /srv/in; usermod -d /home/alice alice; \
                      install -d -o alice -g alice /srv/in; chown alice:alice /home/alice; \
                      chmod 755 /home/alice /home/alice/uploads";

const FUNCTIONS: &str =
    "policy() { printf '%s\\n' \"$@\" >/etc/xfersh.toml; }; home() { usermod -d \"$1\" alice; }";

/// A session as sshd starts it, in `/` where the home cannot be entered.
fn session(host: &Host, command: &str, forced: bool) -> Output {
    let words = if forced {
        vec!["-u", "alice", "--", XFERSH, "--forced"]
    } else {
        vec!["-u", "alice", "--", XFERSH, "-c", command]
    };
    let mut call = std::process::Command::new("runuser");
    call.args(words).env("SSH_ORIGINAL_COMMAND", command);
    host.run(call.current_dir("/"), b"")
}

fn check(host: &Host, command: &str, forced: bool) -> (i32, Value) {
    let mut words = vec!["--check", "--user", "alice", "--json", "-c", command];
    words.extend(forced.then_some("--forced"));
    let output = host.root(XFERSH, &words);
    let json = serde_json::from_slice(&output.stdout).expect("one object");
    (output.code(), json)
}

/// What differs between the two for one command, and whether it is allowed.
fn compare(host: &Host, command: &str, forced: bool) -> (bool, Option<String>) {
    let (code, check) = check(host, command, forced);
    host.log();
    let session = session(host, command, forced);
    let log = host.log();
    let line = log.iter().find(|line| line.text.contains(" verdict="));
    let line = line.map(|line| line.text.clone()).unwrap_or_default();
    let allowed = check["verdict"] == "allowed";
    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let escaped = |key: &str| text(key).replace('"', "\\\"");
    let agrees = if allowed {
        let moved = format!(
            " start=\"{}\" start_reason=\"{}\"",
            text("start"),
            escaped("start_reason")
        );
        let is_moved = !check["start_reason"].is_null();
        line.contains("verdict=allowed")
            && line.contains(" start=") == is_moved
            && (!is_moved || line.contains(&moved))
    } else {
        let stage = format!(
            "verdict=refused stage={} reason=\"{}\"",
            text("stage"),
            escaped("reason")
        );
        line.contains(&stage)
    };
    let codes = (code, session.code() == 126) == if allowed { (0, false) } else { (126, true) };
    // A server that starts must start: neither 125 nor 126.
    let served = !allowed || session.code() != 125;
    let right = agrees && codes && served;
    (
        allowed,
        (!right).then(|| {
            format!(
                "  {command} (forced: {forced}): {code}, {}: {check}\n  {line}\n  {}",
                session.code(),
                session.err()
            )
        }),
    )
}

#[test]
fn on_homes_policies_and_commands() {
    let host = Host::new();
    let mut wrong = Vec::new();
    for (line, served) in ROWS {
        host.shell_line(&format!("{BEFORE}; {FUNCTIONS}; {line}"));
        for command in COMMANDS {
            let by_force = ["sftp-server", "internal-sftp"].contains(command);
            for forced in [Some(false), by_force.then_some(true)]
                .into_iter()
                .flatten()
            {
                let (allowed, difference) = compare(&host, command, forced);
                wrong.extend(difference.map(|difference| format!("{line}\n{difference}")));
                if *command == "sftp-server" && allowed != *served {
                    wrong.push(format!("{line}: expected {served}, forced: {forced}"));
                }
                if *command == "internal-sftp" && allowed != (*served && forced) {
                    wrong.push(format!("{line}: {command} forced: {forced}: {allowed}"));
                }
            }
        }
        // Without a command: sound only if it is served.
        let lint = host.root(XFERSH, &["--check", "--user", "alice"]);
        if lint.code() == 0 && !served || ![0, 1].contains(&lint.code()) {
            wrong.push(format!(
                "{line}: expected {served}, the policy alone: {lint}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A set-ID bit means nothing in a session; `--check` says so of each such server.
#[test]
fn a_set_id_server_is_served_and_named() {
    let host = Host::new();
    let noted = || {
        let output = host.root(XFERSH, &["--check", "--user", "alice"]);
        assert_eq!(output.code(), 0, "{output}");
        let words = output.out();
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        words.contains(
            "the server of sftp, /usr/lib/openssh/sftp-server, is set-user-ID and set-group-ID:",
        )
    };
    assert!(!noted());
    host.shell_line("cp /usr/lib/openssh/sftp-server /opt/server; chmod 6755 /opt/server; mount --bind /opt/server /usr/lib/openssh/sftp-server");
    assert!(noted());
    host.direct(host.alice(), b"sftp-server", b"")
        .succeeded("a session");
}
