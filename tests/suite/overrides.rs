//! What `--check` says about entries that override others, and what the manual says about that.

use crate::harness::{Host, XFERSH};

const MANUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/xfersh.toml.5");

/// The example in the manual, and the output that it shows: one line for each override.
fn example() -> (String, Vec<String>) {
    let page = std::fs::read_to_string(MANUAL).expect("the manual");
    let section = page
        .split("\n.Ss Removing an entry\n")
        .nth(1)
        .expect("the section");
    let blocks = section.split("\n.Bd -literal -offset indent\n").skip(1);
    let blocks = blocks.map(|block| block.split("\n.Ed").next().unwrap_or_default().to_owned());
    let blocks: Vec<String> = blocks.collect();
    let said = blocks[1].replace("\n    ", " ");
    (
        format!("{}\n", blocks[0]),
        said.lines().map(str::to_owned).collect(),
    )
}

fn printed(host: &Host, arguments: &[&str]) -> Vec<String> {
    let output = host.root(
        XFERSH,
        &[&["--check", "--user", "alice"], arguments].concat(),
    );
    let output = output.out();
    let lines = output
        .lines()
        .filter_map(|line| line.trim().strip_prefix("override"));
    lines.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn the_manual_says_what_the_check_prints() {
    let host = Host::new();
    let (policy, said) = example();
    host.policy(&policy);
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(printed(&host, &[]), said);
    assert_eq!(printed(&host, &["-c", "sftp-server"]), said);
    assert_eq!(printed(&host, &["-c", "id"]), said);
}

#[test]
fn overrides_as_json() {
    let host = Host::new();
    host.policy(&example().0);
    for command in [&[][..], &["-c", "sftp-server"], &["-c", "id"]] {
        let output = host.root(
            XFERSH,
            &[&["--check", "--user", "alice", "--json"], command].concat(),
        );
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object");
        let expected = serde_json::json!({
            "entry": {"key": "directory", "path": "~/in", "line": 4},
            "directory": "/home/alice/in",
            "holds": {"access": ["create", "mkdir"], "dotfiles": "protected"},
            "without": {
                "access": ["list", "read", "create", "overwrite", "remove", "rename",
                    "rename-directories", "mkdir", "attributes", "link"],
                "dotfiles": "protected",
            },
            "by": {"key": "writable", "path": "~/in", "line": 1},
            "widens": true,
        });
        assert_eq!(json["overrides"][0], expected, "{json}");
        assert_eq!(
            json["overrides"].as_array().map(Vec::len),
            Some(3),
            "{json}"
        );
    }
    host.no_policy();
    let output = host.root(XFERSH, &["--check", "--user", "alice", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(json["overrides"], serde_json::json!([]));
}

/// What the rows say is true: the entry is removed, and the session does what was said.
#[test]
fn what_is_told_is_what_happens() {
    let host = Host::new();
    let archive = "writable = [\"~/site\"]\nreadable = [\"~/pub\", \"~/site/archive\"]\n";
    let drop = "access = \"upload-only\"\nwritable = [\"~/pub\", \"~/in\"]\nreadable = [\"~\"]\n";
    host.shell_line(
        "cd /home/alice; mkdir -p site/archive pub in; echo x >in/older; chown -R alice site pub in",
    );
    let puts = |text: &str| {
        host.policy(text);
        host.raw_sftp_direct(host.alice())
            .put("site/archive/new", b"x")
            .ok()
    };
    assert!(!puts(archive));
    let rows = printed(&host, &[]);
    assert!(
        rows.iter()
            .any(|row| row.contains("site/archive") && row.contains("without it more"))
    );
    assert!(puts(&archive.replace(", \"~/site/archive\"", "")));
    let gets = |text: &str| {
        host.policy(text);
        host.direct(host.alice(), b"scp -f in/older", b"\0\0\0")
            .code()
            == 0
    };
    assert!(!gets(drop));
    let rows = printed(&host, &[]);
    assert!(
        rows.iter()
            .any(|row| row.contains("~/in") && row.contains("without it more"))
    );
    assert!(gets(&drop.replace(", \"~/in\"", "")));
}
