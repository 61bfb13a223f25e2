//! The command blocks of the README, run exactly as written.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{block_of, blocks, root};
use crate::harness::host::XFERSH;
use crate::harness::sshd::CLIENT_KEY;
use crate::harness::{Account, Host, Output, Shell, SshdConfig, skipped};
use crate::prepared::{self, SOURCE};

/// Where a test host has its copy of the repository.
const CHECKOUT: &str = "/srv/checkout";

fn block(mark: &str) -> String {
    block_of("README.md", mark)
}

#[test]
fn every_command_block_has_a_test() {
    let known = [
        "run: demo",
        "run: tests",
        "run: install",
        "run: account",
        "run: check",
    ];
    let blocks = blocks(Path::new("README.md"));
    let commands = blocks.iter().filter(|block| block.language == "sh");
    let marks: Vec<&str> = commands.map(|block| block.mark.as_str()).collect();
    assert_eq!(
        marks, known,
        "each block of commands needs a mark, and a test in this file"
    );
}

/// Runs a block at the root of the checkout, as root, ending at the first command that fails.
fn run(host: &Host, mark: &str) -> Output {
    run_in(host, mark, CHECKOUT)
}

fn run_in(host: &Host, mark: &str, checkout: &str) -> Output {
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", &block(mark)]);
    shell.current_dir(checkout).env_clear();
    shell.env(
        "PATH",
        format!("{checkout}/stand-in:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    );
    host.run(&mut shell, b"")
}

/// A host without alice, with what the blocks need: what cargo has built, and alice's key.
fn host() -> Host {
    let host = Host::with_accounts(&[("plain", Shell::Plain)]);
    host.shell_line(
        "mkdir -p /mnt/bin/changes /mnt/bin/work; \
         mount -t overlay overlay -o lowerdir=/usr/bin,upperdir=/mnt/bin/changes,workdir=/mnt/bin/work /usr/bin",
    );
    let release = format!("{CHECKOUT}/target/any/release");
    host.root("mkdir", &["-p", &release, &format!("{CHECKOUT}/stand-in")])
        .succeeded("mkdir");
    host.write(format!("{release}/xfersh"), &host.read(XFERSH));
    // The build itself is the one that made this test; this only checks that it is requested correctly.
    let cargo = format!("{CHECKOUT}/stand-in/cargo");
    host.write(
        &cargo,
        b"#!/bin/sh\n[ \"$*\" = 'build --release --locked' ]\n",
    );
    host.inside(|| std::fs::set_permissions(&cargo, PermissionsExt::from_mode(0o755)))
        .expect("chmod");
    host
}

/// The lines for sshd_config, and the program of the sftp subsystem among them.
fn sshd_config() -> SshdConfig {
    let text = block("sshd_config");
    let (first, rest) = text.split_once('\n').expect("several lines");
    let sftp = first
        .strip_prefix("Subsystem sftp ")
        .expect("the subsystem comes first");
    SshdConfig {
        sftp: sftp.to_owned(),
        lines: rest.to_owned(),
        ..SshdConfig::default()
    }
}

/// A host as the README says, with alice and an sshd.
fn by_hand() -> (Host, Account) {
    let mut host = host();
    // The keys of clients come with an sshd.
    host.start_sshd(&sshd_config());
    let key = host.shell_line("cat /etc/ssh/test_client_key.pub");
    host.write(format!("{CHECKOUT}/alice.pub"), key.as_bytes());
    run(&host, "run: account").succeeded("the block that sets an account up");
    let id = host
        .shell_line("id -u alice")
        .trim()
        .parse()
        .expect("a uid");
    let alice = Account {
        name: "alice".to_owned(),
        id,
        shell: Shell::Xfersh,
    };
    (host, alice)
}

#[test]
fn the_demo_runs() {
    let text = block("run: demo");
    assert_eq!(text, "install/demo\n");
    // It builds a release and has its own tests; all of it is part of `tests/run --all`.
    let all = std::env::var_os("XFERSH_TESTS_ALL").is_some();
    let mut demo = Command::new(root().join(text.trim()));
    if !all {
        skipped("install/demo", "tests/run --all runs it in full");
        demo.arg("--help");
    }
    let output = demo
        .current_dir(root())
        .output()
        .expect("starting the demo");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!said.is_empty());
}

#[test]
fn the_test_command_is_there() {
    // It is what runs this test.
    let text = block("run: tests");
    assert_eq!(text, "tests/run\n");
    let output = Command::new(root().join(text.trim()))
        .arg("--help")
        .output()
        .expect("starting tests/run");
    assert!(output.status.success() && !output.stdout.is_empty());
}

#[test]
fn the_scripts_prepare_a_host_and_an_account() {
    let mut host = prepared::bare();
    // Compilers belong to the machine, not to the host; what they produce is the binary under test.
    let stand_in = |name: &str, script: &str| {
        let path = format!("{SOURCE}/stand-in/{name}");
        host.write(&path, script.as_bytes());
        host.inside(|| std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)))
            .expect("chmod");
    };
    host.root("mkdir", &["-p", &format!("{SOURCE}/stand-in")])
        .succeeded("mkdir");
    stand_in(
        "cargo",
        &format!(
            "#!/bin/sh\n[ \"$*\" = 'build --release --locked --target any' ] || exit 1\n\
             mkdir -p target/any/release && cp {XFERSH} target/any/release/xfersh\n"
        ),
    );
    stand_in("rustc", "#!/bin/sh\necho 'host: any'\n");
    let key = host.shell_line(&format!("cat {CLIENT_KEY}.pub"));
    host.write(format!("{SOURCE}/alice.pub"), key.as_bytes());
    let output = run_in(&host, "run: install", SOURCE).succeeded("the block that installs");
    assert!(output.out().contains("0 serious"), "{output}");
    host.start_system_sshd();
    let alice = prepared::account(&host, "alice", Shell::Xfersh);
    host.write("/tmp/local/report.pdf", b"a report\n");
    host.scp_to(&alice, &[], &["report.pdf"], "uploads/")
        .succeeded("an upload");
    assert_eq!(host.read("/home/alice/uploads/report.pdf"), b"a report\n");
    host.ssh(&alice, &[], "id").failed("a command");
}

#[test]
fn an_account_is_set_up_in_four_lines() {
    assert_eq!(block("run: account").lines().count(), 4);
    let (host, alice) = by_hand();
    let entry = host.shell_line("getent passwd alice");
    assert!(
        entry.trim().ends_with(":/home/alice:/usr/bin/xfersh"),
        "{entry}"
    );
    assert!(
        host.shell_line("cat /etc/shells")
            .contains("/usr/bin/xfersh\n")
    );
    host.write("/tmp/local/report.pdf", b"a report\n");
    for options in [&[][..], &["-O"]] {
        host.scp_to(&alice, options, &["report.pdf"], "uploads/")
            .succeeded("an upload");
        assert_eq!(host.read("/home/alice/uploads/report.pdf"), b"a report\n");
        host.root("rm", &["/home/alice/uploads/report.pdf"])
            .succeeded("rm");
        host.scp_to(&alice, options, &["report.pdf"], ".profile")
            .failed("an upload over a dotfile");
    }
    host.ssh(&alice, &[], "id").failed("a command");
}

#[test]
fn the_check_says_what_the_account_may() {
    let (host, _) = by_hand();
    let output = run(&host, "run: check").succeeded("the block that checks");
    assert!(
        output.out().contains("allowed\n") && output.out().contains("uploads"),
        "{output}"
    );
}

#[test]
fn the_lines_for_sshd_close_forwarding() {
    let (mut host, alice) = by_hand();
    // What only forwarding can reach: sshd itself, through the session.
    let reach = |host: &Host, account: &Account| {
        let mut client = host.client("ssh");
        client
            .args(["-W", "127.0.0.1:22"])
            .arg(format!("{}@host", account.name));
        host.run(&mut client, b"")
    };
    assert!(
        reach(&host, host.plain()).out().starts_with("SSH-2.0-"),
        "plain can forward"
    );
    assert!(
        !reach(&host, &alice).out().contains("SSH-2.0-"),
        "alice can forward"
    );
    let effective = "sshd -T -f /etc/ssh/sshd_test_config -C user=alice,host=host,addr=127.0.0.1";
    let settings = host.shell_line(&format!("/usr/sbin/{effective}"));
    let wanted = [
        "disableforwarding yes",
        "allowagentforwarding no",
        "x11forwarding no",
        "permittunnel no",
        "permittty no",
        "permituserrc no",
        "permituserenvironment no",
        "authorizedkeysfile /etc/ssh/xfersh_keys/%u",
    ];
    let written = block("sshd_config").to_lowercase();
    for line in wanted {
        // Some are sshd's defaults: a host may have changed these elsewhere.
        assert!(
            written.contains(&line.to_lowercase()),
            "no {line:?} in the README"
        );
        assert!(
            settings.lines().any(|own| own.eq_ignore_ascii_case(line)),
            "no {line:?} in\n{settings}"
        );
    }
    // Without the lines, alice is as free as plain.
    host.start_sshd(&SshdConfig::default());
    assert!(
        reach(&host, &alice).out().starts_with("SSH-2.0-"),
        "the lines are not what stopped her"
    );
}
