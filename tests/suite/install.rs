//! The scripts in `install/`: what they install, what they leave alone, what they refuse.

use serde_json::Value;

use super::harness::account::Shell;
use super::harness::sshd::CLIENT_KEY;
use super::harness::{Host, Snapshot, XFERSH};
use super::prepared::{
    DROP_IN, SHELL, SOURCE, USR_CHANGES, account, add_account, assert_same, bare, etc, install,
    installed, prepared, sh,
};

/// Everything that a script could change on a host.
fn state(host: &Host) -> Snapshot {
    host.inside(|| Snapshot::of(&["/etc", "/home", "/opt", "/run", "/var/spool", USR_CHANGES]))
}

/// The files that were put below /usr.
fn files_in_usr(host: &Host) -> Vec<String> {
    let found = host.root(
        "find",
        &[USR_CHANGES, "-type", "f", "-printf", "/usr/%P %m %U:%G\\n"],
    );
    let mut lines: Vec<_> = found
        .succeeded("find")
        .out()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

#[test]
fn a_dry_run_changes_nothing() {
    let host = bare();
    let before = state(&host);
    let output = install(&host, &["--dry-run"]).succeeded("a dry run");
    for what in [SHELL, DROP_IN, "add-shell", "groupadd"] {
        assert!(output.out().contains(what), "{what} in {output}");
    }
    before.assert_same(&state(&host), "install --dry-run");
    install(&host, &[]).succeeded("install/install");
    let before = state(&host);
    install(&host, &["--uninstall", "--dry-run"]).succeeded("a dry run");
    before.assert_same(&state(&host), "install --uninstall --dry-run");
}

#[test]
fn installing_twice_changes_nothing_more() {
    let host = bare();
    install(&host, &[]).succeeded("install/install");
    let files = files_in_usr(&host);
    assert!(
        files.contains(&"/usr/bin/xfersh 755 0:0".to_owned()),
        "{files:#?}"
    );
    assert!(
        files.contains(&"/usr/sbin/xfersh-add-account 755 0:0".to_owned()),
        "{files:#?}"
    );
    assert_eq!(files.len(), 33, "{files:#?}");
    let before = host.inside(|| Snapshot::of(&["/etc"]));
    let again = install(&host, &[]).succeeded("install/install again");
    assert!(!again.out().contains("installing"), "{again}");
    before.assert_same(
        &host.inside(|| Snapshot::of(&["/etc"])),
        "a second installation",
    );
    assert_eq!(files_in_usr(&host), files);
    let listed = host.read("/etc/shells");
    let lines = String::from_utf8(listed).expect("text");
    assert_eq!(
        lines.lines().filter(|line| *line == SHELL).count(),
        1,
        "{lines}"
    );
}

#[test]
fn uninstalling_leaves_what_was_there_before() {
    let host = bare();
    host.policy("protocols = [\"sftp\"]\n");
    let before = etc(&host);
    install(&host, &[]).succeeded("install/install");
    assert_ne!(etc(&host), before, "installing changes /etc");
    install(&host, &["--uninstall"]).succeeded("uninstalling");
    assert_same(&before, &etc(&host), "uninstalling");
    assert_eq!(files_in_usr(&host), [] as [&str; 0]);
    install(&host, &["--uninstall"]).succeeded("uninstalling twice");
    assert_same(&before, &etc(&host), "uninstalling twice");
}

#[test]
fn uninstalling_keeps_accounts_keys_and_policy() {
    let (host, carol) = installed();
    host.policy("protocols = [\"sftp\"]\n");
    host.write(carol.at("uploads/kept"), b"kept\n");
    let output = install(&host, &["--uninstall"]).succeeded("uninstalling");
    assert!(
        output.out().contains("cannot log in") && output.out().contains("carol"),
        "{output}"
    );
    assert!(
        output.out().contains("keeping the group xfersh"),
        "{output}"
    );
    for path in [
        "/etc/xfersh.toml",
        "/etc/ssh/xfersh_keys/carol",
        "/home/carol/uploads/kept",
    ] {
        assert!(host.exists(path), "{path}");
    }
    assert!(!host.exists(SHELL) && !host.exists(DROP_IN));
}

#[test]
fn packagers_get_files_and_nothing_else() {
    let host = bare();
    sh(&host, "mkdir /opt/package");
    let watched =
        |host: &Host| host.inside(|| Snapshot::of(&["/etc", "/home", "/run", USR_CHANGES]));
    let before = watched(&host);
    sh(
        &host,
        &format!(
            "DESTDIR=/opt/package PREFIX=/usr/local {SOURCE}/install/install --binary {XFERSH}"
        ),
    );
    before.assert_same(&watched(&host), "installing below DESTDIR");
    for path in [
        "bin/xfersh",
        "sbin/xfersh-add-account",
        "lib/xfersh/host-setup",
        "share/xfersh/10-xfersh.conf",
    ] {
        assert!(
            host.exists(format!("/opt/package/usr/local/{path}")),
            "{path}"
        );
    }
    sh(
        &host,
        &format!("DESTDIR=/opt/package PREFIX=/usr/local {SOURCE}/install/install --uninstall"),
    );
    let left = host.root("find", &["/opt/package", "-type", "f"]);
    assert_eq!(left.out(), "");
}

#[test]
fn a_policy_or_drop_in_that_is_there_stays() {
    let host = bare();
    host.policy("protocols = [\"sftp\"]\n");
    host.write(DROP_IN, b"Match Group xfersh\n\tDisableForwarding yes\n");
    let output = install(&host, &[]).succeeded("install/install");
    assert!(output.out().contains("keeping"), "{output}");
    assert_eq!(host.read("/etc/xfersh.toml"), b"protocols = [\"sftp\"]\n");
    assert_eq!(
        host.read(DROP_IN),
        b"Match Group xfersh\n\tDisableForwarding yes\n"
    );
}

#[test]
fn a_drop_in_that_sshd_refuses_does_not_stay() {
    let host = bare();
    sh(
        &host,
        &format!("echo 'Bogus yes' >>{SOURCE}/install/sshd/10-xfersh.conf"),
    );
    let output = install(&host, &[]).failed("a drop-in with a wrong line");
    assert!(output.err().contains("Bogus"), "{output}");
    assert!(!host.exists(DROP_IN));
    sh(&host, "sshd -t");
    // And if the configuration was already wrong, it is not touched.
    sh(&host, "echo 'Nonsense yes' >>/etc/ssh/sshd_config");
    let output = install(&host, &[]).failed("a broken sshd_config");
    assert!(
        output.err().contains("already wrong") && output.err().contains("Nonsense"),
        "{output}"
    );
    assert!(!host.exists(DROP_IN));
}

#[test]
fn a_missing_include_is_said() {
    let host = bare();
    sh(&host, "sed -i /Include/d /etc/ssh/sshd_config");
    let output = install(&host, &[]).succeeded("install/install");
    assert!(
        output
            .out()
            .contains("WARNING: /etc/ssh/sshd_config does not include"),
        "{output}"
    );
}

#[test]
fn the_administrator_is_not_locked_out() {
    let host = bare();
    sh(&host, "groupadd xfersh && gpasswd -a root xfersh");
    let output = install(&host, &[]).failed("an installation with root in the group");
    assert!(output.err().contains("gpasswd -d root xfersh"), "{output}");
    assert!(!host.exists(DROP_IN));
    sh(&host, "gpasswd -d root xfersh && gpasswd -a plain xfersh");
    let as_plain = format!("SUDO_USER=plain {SOURCE}/install/install --binary {XFERSH}");
    host.root("/bin/sh", &["-c", &as_plain])
        .failed("an installation by one of the group");
    assert!(!host.exists(DROP_IN));
    sh(&host, "gpasswd -d plain xfersh");
    sh(&host, &as_plain);
    assert!(host.exists(DROP_IN));
}

#[test]
fn a_file_that_is_no_xfersh_is_not_installed() {
    let host = bare();
    let before = state(&host);
    for binary in ["/bin/true", "/etc/passwd", "/nonexistent"] {
        let output = host.root(&format!("{SOURCE}/install/install"), &["--binary", binary]);
        output.failed(binary);
    }
    before.assert_same(&state(&host), "refused binaries");
    // A bare name is a file in the working directory, not a command.
    let named = format!("cd /opt && mv {XFERSH} built && {SOURCE}/install/install --binary built");
    sh(&host, &named);
    assert!(host.exists("/usr/bin/xfersh"));
}

#[test]
fn accounts_are_made_with_what_they_need() {
    let (host, carol) = prepared();
    let entry = host.root("getent", &["passwd", "carol"]).out();
    assert!(
        entry.trim_end().ends_with(":/home/carol:/usr/bin/xfersh"),
        "{entry}"
    );
    let groups = host.root("id", &["-Gn", "carol"]).out();
    assert_eq!(groups.trim(), "carol xfersh");
    let modes = host.root(
        "stat",
        &[
            "-c",
            "%n %U:%G %a",
            "/home/carol",
            "/home/carol/uploads",
            "/etc/ssh/xfersh_keys",
            "/etc/ssh/xfersh_keys/carol",
        ],
    );
    let expected = "/home/carol root:carol 750\n/home/carol/uploads carol:carol 750\n\
                    /etc/ssh/xfersh_keys root:root 755\n/etc/ssh/xfersh_keys/carol root:carol 640\n";
    assert_eq!(modes.out(), expected);
    host.sftp(&carol, "ls uploads\n")
        .succeeded("a login with the key");
    // Again: nothing is added twice; another key is added.
    let before = host.read("/etc/ssh/xfersh_keys/carol");
    add_account(&host, "carol");
    assert_eq!(host.read("/etc/ssh/xfersh_keys/carol"), before);
    sh(&host, "ssh-keygen -q -t ed25519 -N '' -f /run/second");
    host.root("xfersh-add-account", &["carol", "--key", "/run/second.pub"])
        .succeeded("a second key");
    let keys = String::from_utf8(host.read("/etc/ssh/xfersh_keys/carol")).expect("text");
    assert_eq!(keys.lines().count(), 2, "{keys}");
    // An account with another home, without a key.
    let said = host
        .root("xfersh-add-account", &["dave", "--home", "/srv/dave"])
        .succeeded("an account elsewhere");
    let dave = account(&host, "dave", Shell::Xfersh);
    assert!(host.exists("/srv/dave") && dave.id != carol.id);
    // No directory that nobody asked for, and what follows from that.
    assert_eq!(host.shell_line("ls -A /srv/dave"), "");
    assert!(
        said.out().contains("finds none in /srv/dave\n")
            && said
                .out()
                .contains("xfersh-add-account dave --directory uploads"),
        "{said}"
    );
}

#[test]
fn accounts_that_must_keep_their_shell_keep_it() {
    let (host, _carol) = installed();
    sh(&host, "useradd -o -u 0 -M toor; useradd -M worker");
    sh(
        &host,
        "install -m 600 /etc/ssh/test_client_key /run/private; echo nonsense >/run/nonsense",
    );
    let before = state(&host);
    let key = format!("{CLIENT_KEY}.pub");
    let rows: [(&[&str], &str); 11] = [
        (&["root"], "its shell is not changed"),
        (&["toor"], "its shell is not changed"),
        (&["worker", "--key", &key], "has another shell"),
        (&["new", "--key", "/run/private"], "private key"),
        (
            &["new", "--key", "/run/nonsense"],
            "not contain a public key",
        ),
        (&["new", "--key", "/run/missing"], "cannot read"),
        (&["../new"], "not a valid account name"),
        (&["New Name"], "not a valid account name"),
        (&["new", "--home", "relative"], "absolute"),
        (&["new", "--wrong"], "unknown option"),
        (&[], "which account"),
    ];
    for (arguments, expected) in rows {
        let output = host
            .root("xfersh-add-account", arguments)
            .failed("a wrong call");
        assert!(output.err().contains(expected), "{arguments:?}: {output}");
    }
    let own = host
        .root(
            "/bin/sh",
            &["-c", "SUDO_USER=plain xfersh-add-account plain"],
        )
        .failed("one's own account");
    assert!(own.err().contains("your own account"), "{own}");
    before.assert_same(&state(&host), "refused calls");
}

#[test]
fn the_example_policy_holds() {
    let (host, _carol) = installed();
    let example = "/usr/share/doc/xfersh/examples/xfersh.toml";
    host.root(SHELL, &["--check", "--config", example, "--user", "carol"])
        .succeeded("the example policy");
    let check = host.root(
        SHELL,
        &[
            "--check",
            "--config",
            example,
            "--user",
            "carol",
            "--json",
            "-c",
            "sftp-server",
        ],
    );
    let verdict: Value = serde_json::from_slice(&check.stdout).expect("JSON");
    assert_eq!(verdict["verdict"], "allowed", "{check}");
    // A wrong word is noticed: the check above can fail.
    sh(
        &host,
        &format!("sed 's/^#access/acess/' {example} >/etc/wrong.toml"),
    );
    host.root(
        SHELL,
        &["--check", "--config", "/etc/wrong.toml", "--user", "carol"],
    )
    .failed("a wrong policy");
}

/// The options that `--help` names.
fn options() -> Vec<String> {
    let words = xfersh_help();
    let words = words.split(|c: char| c.is_whitespace() || "[]|,.;:()'".contains(c));
    let mut options: Vec<_> = words
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .map(str::to_owned)
        .collect();
    options.sort();
    options.dedup();
    options
}

fn xfersh_help() -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_xfersh"))
        .arg("--help")
        .output();
    String::from_utf8(output.expect("xfersh --help").stdout).expect("text")
}

#[test]
fn every_option_is_completed() {
    let options = options();
    assert!(options.len() >= 9, "{options:?}");
    let read = |name: &str| {
        let path = format!("{}/install/completion/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    for option in &options {
        let long = option.trim_start_matches('-');
        for (name, form) in [
            ("xfersh.bash", option.clone()),
            ("_xfersh", option.clone()),
            ("xfersh.fish", format!("-l {long} ")),
        ] {
            assert!(
                read(name).contains(&form),
                "{name} should complete {option}"
            );
        }
    }
}

#[test]
fn bash_completes_by_what_was_typed() {
    let rows = [
        ("xfersh --ch", "--check"),
        ("xfersh --check --u", "--user"),
        ("xfersh --check --l", "--live"),
        ("xfersh --doctor --", "--user --all --json"),
        ("xfersh --doctor --l", ""),
        ("xfersh --forced ", "--profile"),
        ("xfersh --who ", "--json"),
        ("xfersh --end --a", "--account"),
        ("xfersh --end --account roo", "root"),
        ("xfersh --check --user roo", "root"),
        ("xfersh-add-account --k", "--key"),
        ("xfersh-add-account --d", "--directory"),
        ("xfersh-remove-account --", "--shell --delete --help"),
        ("xfersh-remove-account carol --shell /bin/ba", "/bin/bash"),
    ];
    let source = format!(
        "{}/install/completion/xfersh.bash",
        env!("CARGO_MANIFEST_DIR")
    );
    for (typed, expected) in rows {
        let script = "source \"$1\"; read -ra COMP_WORDS <<<\"$2\"; [[ $2 != *' ' ]] || COMP_WORDS+=('')
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); compopt() { :; }
            name=$(complete -p \"${COMP_WORDS[0]}\"); name=${name#*-F }; ${name%% *}; echo \"${COMPREPLY[*]}\"";
        let output = std::process::Command::new("bash")
            .args(["-c", script, "bash", &source, typed])
            .output();
        let output = output.expect("bash");
        let words = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert_eq!(
            words,
            expected,
            "{typed}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Programs with these names simulate the toolchain; `cargo` notes how it was called, and puts a program where cargo
/// would.
const TOOLCHAIN: &str = r#"set -e; mkdir -p /opt/t/bin /opt/t/libraries/musl; cd /opt/t
cat >bin/rustc <<'RUSTC'
#!/bin/sh
case "$*" in
    -vV) echo 'host: x86_64-unknown-linux-gnu' ;;
    *x86_64-unknown-linux-musl) echo "/opt/t/libraries/musl" ;;
    *) exit 1 ;;
esac
RUSTC
cat >bin/cargo <<'CARGO'
#!/bin/sh
while [ "$1" != --target ]; do shift; done
echo "$2" >/opt/t/asked
install -D -m 755 /opt/xfersh "$CARGO_TARGET_DIR/$2/release/xfersh"
CARGO
chmod 755 bin/*"#;

#[test]
fn it_is_built_for_musl_where_the_toolchain_has_it() {
    let host = bare();
    sh(&host, TOOLCHAIN);
    let asked = |before: &str, environment: &str| {
        sh(
            &host,
            &format!(
                "{before}; {environment} PATH=/opt/t/bin:$PATH CARGO_TARGET_DIR=/opt/t/target DESTDIR=/opt/t/put \
                 {SOURCE}/install/install"
            ),
        );
        host.shell_line("cat /opt/t/asked").trim().to_owned()
    };
    let (gnu, musl) = ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl");
    assert_eq!(asked("true", ""), gnu);
    let library = "touch /opt/t/libraries/musl/libstd-0.rlib";
    assert_eq!(asked(library, ""), musl);
    let own = format!("CARGO_BUILD_TARGET={gnu}");
    assert_eq!(asked("true", &own), gnu);
}
