//! Directories of the policy that do not exist yet have their rules from the first moment.

use serde_json::Value;

use crate::harness::{Host, XFERSH};

const POLICY: &str = "[[directory]]\npath = \"~/uploads/in\"\naccess = \"upload-only\"\n";

fn check(host: &Host, options: &[&str]) -> String {
    let mut arguments = vec!["--check", "--user", "alice"];
    arguments.extend(options);
    arguments.extend(["-c", "sftp-server"]);
    host.root(XFERSH, &arguments).succeeded("a dry run").out()
}

#[test]
fn the_dry_run_shows_them_without_a_grant() {
    let host = Host::new();
    host.policy(POLICY);
    let text = check(&host, &[]);
    let with = |word: &str| {
        let lines = text.lines().filter(|line| line.contains("/uploads/in "));
        lines.filter(|line| line.contains(word)).count()
    };
    assert_eq!((with("(absent)"), with("landlock")), (1, 0), "{text}");
    let json: Value = serde_json::from_str(&check(&host, &["--json"])).expect("JSON");
    assert_eq!(
        json["absent"],
        serde_json::json!(["/home/alice/uploads/in"])
    );
    host.shell_line("install -d -o alice -g alice /home/alice/uploads/in");
    let text = check(&host, &[]);
    assert!(!text.contains("(absent)"), "{text}");
    let json: Value = serde_json::from_str(&check(&host, &["--json"])).expect("JSON");
    assert_eq!(json["absent"], serde_json::json!([]));
}

/// One that is created while a session runs: the session cannot read in it.
#[test]
fn one_that_is_made_during_a_session_has_its_rules() {
    let host = Host::new();
    for (policy, name) in [
        (POLICY, "file"),
        (
            "[[directory]]\npath = \"~/uploads/in\"\ndotfiles = \"hidden\"\n",
            ".file",
        ),
    ] {
        host.policy(policy);
        let path = format!("uploads/in/{name}");
        for (account, reads) in [(host.plain(), true), (host.alice(), false)] {
            host.shell_line(&format!("rm -rf {}", account.at("uploads/in").display()));
            let mut sftp = host.raw_sftp_direct(account);
            assert!(sftp.greeted, "no session");
            let (inner, file) = (account.at("uploads/in"), account.at(&path));
            host.inside(|| {
                std::fs::create_dir(&inner).expect("a directory");
                std::fs::write(&file, "of somebody else\n").expect("a file");
                account.own(&inner);
            });
            assert_eq!(sftp.get(&path).is_ok(), reads, "{}: {path}", account.name);
            sftp.end();
        }
    }
}
