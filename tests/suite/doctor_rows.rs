//! Each finding of the doctor has a test that brings it about and runs its line.

/// Findings that these tests cannot bring about, and why.
const NOT_BROUGHT_ABOUT: &[(&str, &str)] = &[
    ("kernel-landlock", "another kernel"),
    ("kernel-landlock-abi", "another kernel"),
    ("kernel-ptrace-scope", "a setting of the machine"),
    ("kernel-user-notification", "another kernel"),
    (
        "account-password-change",
        "PAM; its rows are in judge/login.rs",
    ),
    ("account-linger", "systemd; its row is in judge/jobs.rs"),
    ("account-at", "its row is in judge/jobs.rs"),
    ("account-none", "no account: a note"),
    (
        "account-root",
        "root's shell; its row is in judge/accounts.rs",
    ),
    ("account-some-keys", "a note"),
    ("key-expired", "a note; keys-none has its rows"),
    (
        "sshd-subsystem-log",
        "a note; its row is in judge/sshd_tests.rs",
    ),
    ("sshd-match-address", "a note"),
    ("policy-match-address", "a note"),
    ("home-not-searched", "a note"),
    ("log-file-open", "a note; its row is in judge/log.rs"),
    ("policy-absent", "a note"),
    ("sshd-chroot", "its row is in judge/sshd_tests.rs"),
    ("sshd-force-command", "its row is in judge/sshd_tests.rs"),
    (
        "sshd-subsystem-missing",
        "its row is in judge/sshd_tests.rs",
    ),
    ("policy-type", "its row is in judge/policy.rs"),
    (
        "sshd-drop-in-differs",
        "a note; install_upgrade::an_upgrade_replaces_what_nobody_changed",
    ),
    (
        "server-set-id",
        "a note; check_agrees::a_set_id_server_is_served_and_named",
    ),
    ("home-none", "a note; a_home_that_nobody_needs"),
    ("binary-mode", "its row is in judge/binary.rs"),
    ("binary-dynamic", "its row is in judge/binary.rs"),
];

/// Literals of the judges that are no findings.
const OTHER_WORDS: &[&str] = &[
    "agent-forwarding",
    "best-effort",
    "expiry-time",
    "incus-admin",
    "go-w",
    "internal-sftp",
    "o-w",
    "point-to-point",
    "port-forwarding",
    "run-parts",
    "systemd-journal",
    "www-data",
];

/// Each finding of the doctor is brought about by some test whose line is then run, or is named above.
#[test]
fn every_finding_has_a_row() {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(own.join(path)).expect("a source file");
    let tests: String = [
        "doctor",
        "doctor_login",
        "doctor_log",
        "doctor_advice",
        "doctor_rows",
        "doctor_surroundings",
    ]
    .iter()
    .filter_map(|name| std::fs::read_to_string(own.join(format!("tests/suite/{name}.rs"))).ok())
    .collect();
    let mut ids = std::collections::BTreeSet::new();
    let judge = own.join("src/admin/doctor/judge");
    for entry in std::fs::read_dir(judge).expect("the judges").flatten() {
        let text = read(&format!(
            "src/admin/doctor/judge/{}",
            entry.file_name().to_string_lossy()
        ));
        let code = text.split("#[cfg(test)]").next().expect("some code");
        let code = code.replace("\\\"", "");
        // Every literal of this shape is one, but for these words of sshd and Debian.
        for id in code.split('"').skip(1).step_by(2) {
            let is_shaped = id.contains('-')
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            let is_word =
                id.starts_with("openssh-") || id.starts_with('-') || OTHER_WORDS.contains(&id);
            if is_shaped && !is_word {
                ids.insert(id.to_owned());
            }
        }
    }
    assert!(ids.len() > 45, "{ids:?}");
    let quoted = |id: &str| tests.matches(&format!("\"{id}\"")).count();
    let missing: Vec<_> = ids.iter().filter(|id| quoted(id) == 0).collect();
    assert!(missing.is_empty(), "no row brings about {missing:?}");
    for (id, _) in NOT_BROUGHT_ABOUT {
        assert!(ids.contains(*id), "{id} is no finding any more");
    }
}
