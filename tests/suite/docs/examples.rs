//! Every policy that is shown is a policy.

use super::{blocks, files, files_ending, read, root};
use crate::harness::{Host, XFERSH};

/// What stands in a man page between `.Bd -literal` and `.Ed` in the section of examples.
fn literals(page: &str) -> Vec<String> {
    let text = read(page);
    let examples = text.split("\n.Sh EXAMPLES\n").nth(1).unwrap_or_default();
    let examples = examples.split("\n.Sh ").next().unwrap_or_default();
    let rest = examples.split("\n.Bd -literal").skip(1);
    let blocks = rest.filter_map(|block| block.split_once('\n')?.1.split("\n.Ed").next());
    blocks.map(|block| format!("{block}\n")).collect()
}

/// Every policy in the documentation and in install, each with its place.
fn policies() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in files_ending(".md") {
        for block in blocks(&path)
            .into_iter()
            .filter(|block| block.language == "toml")
        {
            found.push((format!("{}:{}", block.file, block.line), block.text));
        }
    }
    for (index, text) in literals("docs/xfersh.toml.5").into_iter().enumerate() {
        found.push((format!("xfersh.toml(5), example {}", index + 1), text));
    }
    for path in files()
        .into_iter()
        .filter(|path| path.starts_with(root().join("install")))
    {
        if path.extension().is_some_and(|ending| ending == "toml") {
            found.push((path.display().to_string(), read(&path)));
        }
    }
    found
}

#[test]
fn every_policy_that_is_shown_holds() {
    let host = Host::new();
    let check = |text: &str| {
        host.write("/etc/example.toml", text.as_bytes());
        host.root(
            XFERSH,
            &[
                "--check",
                "--user",
                "alice",
                "--config",
                "/etc/example.toml",
            ],
        )
    };
    check("protocol = [\"sftp\"]\n").failed("a policy with an unknown key");
    let policies = policies();
    assert!(
        policies.len() >= 8,
        "only {} policies were found",
        policies.len()
    );
    for (place, text) in policies {
        check(&text).succeeded(&place);
    }
}
