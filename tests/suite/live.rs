//! `--check --live`: the promises, tested on this host in the real confinement.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Host, Kind, Output, XFERSH, until};

const WITHOUT: &str = "/opt/without";

fn live(host: &Host, more: &[&str]) -> Output {
    let arguments = [&["--check", "--live", "--user", "alice"], more].concat();
    host.root(XFERSH, &arguments)
}

/// The probes of a JSON answer that are not as promised.
fn broken(output: &Output) -> Vec<(String, String)> {
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let probes = answer["probes"].as_array().expect("probes");
    assert!(probes.len() > 20, "{answer}");
    let broken = probes.iter().filter(|probe| probe["kept"] == false);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    broken
        .map(|probe| (text(&probe["promise"]), text(&probe["probe"])))
        .collect()
}

#[test]
fn a_sound_host_keeps_every_promise_and_nothing_is_left() {
    let host = Host::new();
    let before = host.disk();
    let output = live(&host, &[]).succeeded("--live");
    let table = output.out();
    assert!(table.starts_with("PROMISE"), "{table}");
    assert!(table.contains(" 0 not as promised"), "{table}");
    for promise in ["P1", "P2", "P3", "P4", "P5", "P6", "P11", "P12"] {
        let row = table
            .lines()
            .find(|line| line.starts_with(&format!("{promise} ")));
        assert!(row.is_some(), "{promise} is not tried:\n{table}");
    }
    assert!(
        !table.contains('\x1b'),
        "colour without a terminal: {table:?}"
    );
    before.assert_same(&host.disk(), "--live");
    let log = host.log();
    let begins = |line: &str| line.contains(" client=- event=test by=\"--check --live\"");
    assert!(begins(&log[0].text), "{log:#?}");
    let output = live(&host, &["--json"]).succeeded("--live --json");
    assert_eq!(broken(&output), []);
    assert_eq!(host.processes_of(host.alice()), [""; 0]);
}

/// An outer filter switches off the kernel's Landlock, and the policy lets the session continue: what the guard
/// enforces still holds, what only Landlock enforces does not, and exactly that is reported.
#[test]
fn a_broken_promise_is_reported_and_no_other() {
    let host = Host::new();
    host.install_program("without", Kind::Program);
    host.policy("confinement = \"best-effort\"\n");
    let arguments = [XFERSH, "--check", "--live", "--json", "--user", "alice"];
    let sound = host.root(WITHOUT, &[&["nothing"], &arguments[..]].concat());
    assert_eq!(broken(&sound), [], "{sound}");
    assert_eq!(sound.code(), 0);
    let before = host.disk();
    let output = host.root(WITHOUT, &[&["landlock"], &arguments[..]].concat());
    assert_eq!(output.code(), 1, "{output}");
    let broken = broken(&output);
    let p12 = |probe: &str| ("P12".to_owned(), probe.to_owned());
    let expected = [p12("read /etc/hostname"), p12("list /"), p12("list /etc")];
    assert_eq!(broken, expected, "{output}");
    before.assert_same(&host.disk(), "--live without Landlock");
}

/// Without the guard dotfiles and attributes are not protected, and the probe says so.
#[test]
fn without_the_guard_the_promises_that_it_keeps_are_reported() {
    let host = Host::new();
    host.install_program("without", Kind::Program);
    host.policy("confinement = \"best-effort\"\n");
    let arguments = [
        "notify", XFERSH, "--check", "--live", "--json", "--user", "alice",
    ];
    let before = host.disk();
    let output = host.root(WITHOUT, &arguments);
    assert_eq!(output.code(), 1, "{output}");
    let promises: Vec<_> = broken(&output)
        .into_iter()
        .map(|(promise, _)| promise)
        .collect();
    assert!(promises.iter().any(|promise| promise == "P4"), "{output}");
    assert!(promises.iter().any(|promise| promise == "P3"), "{output}");
    for kept in ["P1", "P2", "P6", "P11", "P12"] {
        assert!(
            !promises.iter().any(|promise| promise == kept),
            "{kept}: {output}"
        );
    }
    let names = |snapshot: &crate::harness::Snapshot| {
        snapshot.paths().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&before),
        names(&host.disk()),
        "something is left behind"
    );
}

#[test]
fn an_interrupted_probe_leaves_nothing_behind() {
    let host = Host::new();
    let before = host.disk();
    // In steps of a tenth of a millisecond; the whole takes about 15.
    let line = format!(
        "state() {{ find /home/alice -printf '%p %s %m %T@\\n'; }}; before=$(state); interrupted=0
         for step in $(seq 0 199); do
             delay=$(printf '0.%04d' \"$step\")
             timeout -s INT \"$delay\" {XFERSH} --check --live --user alice >/dev/null 2>&1
             [ $? != 124 ] || interrupted=$((interrupted + 1))
             [ \"$(state)\" = \"$before\" ] || {{ echo \"after $delay s:\"; state; exit 1; }}
         done; echo $interrupted"
    );
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &line]).process_group(0);
    let output = host.run(&mut command, b"").succeeded("nothing is left");
    let interrupted: u32 = output.out().trim().parse().expect("a number");
    assert!(interrupted > 5, "proves nothing");
    before.assert_same(&host.disk(), "interrupted probes");
    // A server that was being tried ends with its input.
    until("no process", || host.processes_of(host.alice()).is_empty());
}

#[test]
fn what_cannot_be_tried_is_status_2() {
    let host = Host::new();
    for user in ["root", "nobody-of-that-name"] {
        let output = host.root(XFERSH, &["--check", "--live", "--user", user]);
        assert_eq!(
            (output.code(), output.stdout.len()),
            (2, 0),
            "{user}: {output}"
        );
    }
    // An ordinary account cannot test another one.
    let mut command = host.shell(host.alice());
    command = {
        let mut own = Command::new(XFERSH);
        own.args(["--check", "--live", "--user", "plain"]);
        own.uid(host.alice().id).gid(host.alice().id).env_clear();
        own.current_dir(command.get_current_dir().unwrap_or("/".as_ref()));
        own
    };
    let output = host.run(&mut command, b"");
    assert_eq!(output.code(), 2, "{output}");
}

/// The probes of an answer, by name.
fn seen(output: &Output) -> Vec<(String, bool)> {
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let probes = answer["probes"].as_array().expect("probes").iter();
    let name = |probe: &Value| probe["probe"].as_str().unwrap_or_default().to_owned();
    probes
        .map(|probe| (name(probe), probe["kept"] == true))
        .collect()
}

#[test]
fn each_server_of_the_policy_must_answer() {
    let host = Host::new();
    host.policy("protocols = [\"sftp\", \"scp\", \"rsync\"]\n");
    let rows = seen(&live(&host, &["--json"]).succeeded("--live"));
    for protocol in ["sftp", "scp", "rsync"] {
        let row = (format!("start the server of {protocol}"), true);
        assert!(rows.contains(&row), "{row:?}: {rows:#?}");
    }
    host.policy("protocols = [\"sftp\"]\nsftp_server = \"/bin/true\"\n");
    let output = live(&host, &["--json"]);
    assert_eq!(output.code(), 1, "{output}");
    let p11 = ("P11".to_owned(), "start the server of sftp".to_owned());
    assert_eq!(broken(&output), [p11], "{output}");
    assert!(
        output.err().contains("the server of sftp does not answer"),
        "{output}"
    );
    assert!(
        !seen(&output)
            .iter()
            .any(|(what, _)| what.contains("of scp"))
    );
    assert_eq!(host.processes_of(host.alice()), [""; 0]);
}

#[test]
fn the_log_file_is_tried() {
    let host = Host::new();
    host.install_program("without", Kind::Program);
    let of_log = |output: &Output| -> Vec<_> {
        let rows = seen(output).into_iter();
        rows.filter(|(what, _)| what.contains("log file")).collect()
    };
    let four = |kept: [bool; 4]| -> Vec<_> {
        let what = [
            "read the log file",
            "write to the log file",
            "rename the log file",
            "write the line of the session to the log file",
        ];
        what.map(str::to_owned).into_iter().zip(kept).collect()
    };
    assert_eq!(of_log(&live(&host, &["--json"])), []);
    let file = "/var/log/xfersh/log";
    host.shell_line(&format!(
        "mkdir -p /var/log/xfersh; touch {file}; chmod 666 {file}"
    ));
    for format in ["text", "json"] {
        host.policy(&format!(
            "log = \"file:{file}\"\nlog_format = \"{format}\"\nconfinement = \"best-effort\"\n"
        ));
        let output = live(&host, &["--json"]).succeeded("with a log file");
        assert_eq!(of_log(&output), four([true; 4]), "{format}");
    }
    // Where the kernel lacks Landlock, the server can read it; the guard keeps the rest.
    let arguments = [
        "landlock", XFERSH, "--check", "--live", "--json", "--user", "alice",
    ];
    let output = host.root(WITHOUT, &arguments);
    assert_eq!(of_log(&output), four([false, true, true, true]), "{output}");
    // A FIFO is not read, so its row is not there.
    host.shell_line(&format!("rm {file}; mkfifo -m 622 {file}; (exec 3<>{file}; sleep 60) >/dev/null 2>&1 & echo $! >/opt/reader"));
    let output = live(&host, &["--json"]).succeeded("with a FIFO");
    assert_eq!(of_log(&output), four([true; 4])[..3]);
    host.shell_line("kill $(cat /opt/reader)");
}
