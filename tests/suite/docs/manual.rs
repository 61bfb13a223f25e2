//! The man pages against the program.

use std::collections::BTreeSet;
use std::process::Command;

use xfersh::decide::policy::Policy;
use xfersh::exit::Exit;

use super::{files, read, root};
use crate::harness::Host;

const PROGRAM: &str = "docs/xfersh.8";
const POLICY: &str = "docs/xfersh.toml.5";
/// Scripts for administrators, with their manual pages.
const SCRIPTS: [(&str, &str); 2] = [
    ("add-account", "docs/xfersh-add-account.8"),
    ("remove-account", "docs/xfersh-remove-account.8"),
];

/// The long options in a text such as that of `--help`.
fn long_options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    let options = words.filter(|word| word.starts_with("--") && word.len() > 3);
    options.map(str::to_owned).collect()
}

/// A section of a man page.
fn section(page: &str, name: &str) -> String {
    let text = read(page);
    let head = format!(".Sh {name}\n");
    let rest = text
        .split(&head)
        .nth(1)
        .unwrap_or_else(|| panic!("{page} has no section {name}"));
    rest.split("\n.Sh ").next().unwrap_or_default().to_owned()
}

/// The words that the items of a list explain.
fn items(text: &str, macro_name: &str) -> BTreeSet<String> {
    let head = format!(".It {macro_name} ");
    let lines = text.lines().filter_map(|line| line.strip_prefix(&head));
    lines
        .flat_map(|line| line.split([' ', ',']))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_option_stands_in_help_man_page_and_completion() {
    let output = Command::new(env!("CARGO_BIN_EXE_xfersh"))
        .arg("--help")
        .output()
        .expect("running xfersh");
    assert!(output.status.success());
    let help = long_options(&String::from_utf8_lossy(&output.stdout));
    assert!(help.len() > 8, "{help:?}");
    let options = section(PROGRAM, "OPTIONS");
    let man: BTreeSet<String> = options
        .lines()
        .filter_map(|line| line.strip_prefix(".It Fl -"))
        .map(|rest| format!("--{}", rest.split(' ').next().unwrap_or_default()))
        .collect();
    assert_eq!(help, man, "--help and the man page differ");
    assert!(options.contains(".It Fl c Ar command\n"));
    let completions = files()
        .into_iter()
        .filter(|path| path.starts_with(root().join("install/completion")));
    for path in completions {
        let text = read(&path);
        // What administrators do not call is not completed.
        for option in help.iter().filter(|option| *option != "--probe") {
            let word = &option[2..];
            assert!(
                text.contains(word),
                "{} does not know {option}",
                path.display()
            );
        }
    }
}

#[test]
fn every_option_of_a_script_stands_in_its_help_man_page_and_completion() {
    for (script, page) in SCRIPTS {
        let path = root().join("install").join(script);
        let output = Command::new(&path).arg("--help").output().expect(script);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains(&format!("Usage: xfersh-{script} NAME ")),
            "{said}"
        );
        let help = long_options(&said);
        // What the loop that reads the words takes.
        let text = read(&path);
        let arms = text
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("--") && line.contains(')'));
        let taken: BTreeSet<String> = arms.flat_map(long_options).collect();
        let written = read(page);
        let man: BTreeSet<String> = written
            .lines()
            .filter_map(|line| line.strip_prefix(".It Fl -"))
            .map(|rest| format!("--{}", rest.split(' ').next().unwrap_or_default()))
            .collect();
        assert!(help.len() >= 3, "{help:?}");
        assert_eq!(help, man, "{script}: --help and the man page differ");
        assert_eq!(help, taken, "{script}: --help and what is taken differ");
        for shell in ["xfersh.bash", "_xfersh", "xfersh.fish"] {
            let text = read(root().join("install/completion").join(shell));
            for option in &help {
                let word = &option[2..];
                assert!(text.contains(word), "{shell} does not know {option}");
            }
        }
    }
}

#[test]
fn every_key_of_the_policy_is_explained() {
    let explained = items(&section(POLICY, "KEYS"), "Ic");
    let keys: BTreeSet<String> = Policy::KEYS.iter().map(|key| (*key).to_owned()).collect();
    assert_eq!(explained, keys, "xfersh.toml(5) and the program differ");
}

#[test]
fn every_exit_status_is_explained() {
    let text = section(PROGRAM, "EXIT STATUS");
    let explained: Vec<u8> = text
        .lines()
        .filter_map(|line| line.strip_prefix(".It ")?.parse().ok())
        .collect();
    let exits = [
        Exit::Success,
        Exit::Finding,
        Exit::Usage,
        Exit::Failed,
        Exit::Refused,
    ];
    assert_eq!(explained, exits.map(Exit::code));
}

#[test]
fn the_log_line_is_as_described() {
    let host = Host::new();
    host.direct(host.alice(), b"id", b"");
    host.direct(host.alice(), b"scp -f note.txt", b"\0\0\0\0");
    let log = host.log();
    assert!(log.len() >= 2, "{log:?}");
    let text = section(PROGRAM, "DIAGNOSTICS");
    let head = "session=ID seq=N account=NAME uid=N client=ADDRESS [lost=N] EVENT";
    assert!(text.contains(head));
    let keys = |line: &str| -> Vec<String> {
        let outside = line.split('"').step_by(2);
        let words = outside.flat_map(str::split_whitespace).map(str::to_owned);
        words
            .filter_map(|word| Some(word.split_once('=')?.0.to_owned()))
            .collect()
    };
    for line in &log {
        let keys = keys(&line.text);
        assert_eq!(
            keys[..5],
            ["session", "seq", "account", "uid", "client"],
            "{line:?}"
        );
        for key in &keys {
            assert!(
                text.contains(&format!("{key}=")),
                "the man page does not know {key}= in {line:?}"
            );
        }
    }
}

#[test]
fn the_keys_of_the_json_object_are_explained() {
    let host = Host::new();
    let explained = items(&read(PROGRAM), "Ic");
    let arguments = [
        "--check",
        "--json",
        "--user",
        "alice",
        "-c",
        "scp -t uploads/x",
    ];
    let output = host
        .root(crate::harness::XFERSH, &arguments)
        .succeeded("a check");
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let arguments = ["--check", "--json", "--user", "alice"];
    let output = host
        .root(crate::harness::XFERSH, &arguments)
        .succeeded("a check of the policy");
    let other: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let keys = |object: &serde_json::Value| -> Vec<String> {
        object
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    host.policy("unknown = 1\n");
    let output = host.root(crate::harness::XFERSH, &arguments);
    let wrong: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let all = [&object, &other, &wrong];
    for key in all.into_iter().flat_map(keys) {
        let key = &key;
        assert!(explained.contains(key), "xfersh(8) does not explain {key}");
    }
}

#[test]
fn the_man_pages_have_no_fault() {
    for page in [PROGRAM, POLICY]
        .into_iter()
        .chain(SCRIPTS.map(|(_, page)| page))
    {
        let mut mandoc = Command::new("mandoc");
        mandoc
            .args(["-T", "lint", "-W", "warning"])
            .arg(root().join(page));
        let output = mandoc
            .output()
            .expect("cannot start mandoc: tests/run installs it");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.is_empty(),
            "{page}:\n{said}"
        );
    }
}
