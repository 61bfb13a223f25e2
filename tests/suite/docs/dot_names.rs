//! The dotfiles that clients need, by the table of the guide: what each client does fails without the setting, and works
//! with it.

use std::process::Command;

use super::read;
use crate::harness::client::LOCAL;
use crate::harness::sshd::CLIENT_KEY;
use crate::harness::{Account, Host, Output};

/// What the client does (lines of sftp), and the setting. Without one, the defaults are enough.
const ROWS: &[(&str, Option<&str>)] = &[
    (
        "put up uploads/.giosave4Xq2Zb\nrename uploads/.giosave4Xq2Zb uploads/text\n",
        Some(".giosave*"),
    ),
    (
        "put up uploads/open\nrename uploads/open uploads/.fuse_hidden0000000300000001\nrm uploads/.fuse_hidden0000000300000001\n",
        Some(".fuse_hidden*"),
    ),
    (
        "put up uploads/3f2a.tar\nput up uploads/.3f2a.metadata.json\n",
        Some(".*.metadata.json"),
    ),
    (
        "put up uploads/.text.swp\nrm uploads/.text.swp\n",
        Some(".*.swp"),
    ),
    ("put up uploads/._text\n", Some("._*")),
    ("put up uploads/.DS_Store\n", Some(".DS_Store")),
    (
        "put up uploads/text.part\nrename uploads/text.part uploads/text\n",
        None,
    ),
    (
        "put up uploads/text.filepart\nrename uploads/text.filepart uploads/text\n",
        None,
    ),
];

#[test]
fn each_needs_its_setting_and_no_other() {
    let host = Host::with_sshd();
    let alice = host.alice().clone();
    host.write(format!("{LOCAL}/up"), b"content\n");
    let guide = read("docs/administrators-guide.md");
    let works = |lines: &str| {
        host.refurnish();
        host.sftp(&alice, lines).code() == 0
    };
    for (lines, setting) in ROWS {
        host.no_policy();
        assert_eq!(
            works(lines),
            setting.is_none(),
            "without a setting: {lines}"
        );
        let Some(setting) = setting else { continue };
        assert!(
            guide.contains(&format!("`\"{setting}\"`")),
            "the guide has no row for {setting}"
        );
        host.policy(&format!("dotfile_names = [\"{setting}\"]\n"));
        assert!(works(lines), "with {setting}: {lines}");
        // No other name, and none in the home.
        let home = lines.replace("uploads/", "");
        for other in [
            "put up uploads/.ssh\n",
            "put up uploads/.ssh.part\n",
            "put up uploads/.bashrc\n",
            &home,
        ] {
            assert!(!works(other), "with {setting}: {other}");
        }
    }
    // All that a pattern could match, but not what begins with .ssh.
    host.policy("dotfile_names = [\".*.part\", \".?*.x\"]\n");
    for name in [
        ".ssh.part",
        ".SSH.part",
        ".ssh2.x",
        ".\u{df}h.part",
        ".\u{17f}sh.x",
    ] {
        assert!(!works(&format!("put up uploads/{name}\n")), "{name}");
    }
    assert!(works("put up uploads/.a.part\nput up uploads/.b.x\n"));
}

fn rclone(host: &Host, account: &Account, set_modtime: &str) -> Output {
    let line = format!(
        "rclone copy --config /dev/null --retries 1 --transfers 8 {LOCAL}/many \
         \":sftp,host=127.0.0.1,user={},key_file={CLIENT_KEY},shell_type=none,disable_hashcheck=true{set_modtime}:uploads/many\"",
        account.name
    );
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(LOCAL);
    host.run(&mut command, b"")
}

#[test]
fn rclone_adds_with_its_setting() {
    let host = Host::with_sshd();
    let alice = host.alice().clone();
    host.shell_line(&format!(
        "mkdir {LOCAL}/many; for i in $(seq 40); do echo $i >{LOCAL}/many/$i; done"
    ));
    host.policy("access = \"append-only\"\n");
    let plain = rclone(&host, &alice, "").failed("with the defaults of rclone");
    assert!(plain.err().contains("SetModTime failed"), "{plain}");
    host.refurnish();
    rclone(&host, &alice, ",set_modtime=false").succeeded("with the setting");
    let count = host.shell_line("ls ~alice/uploads/many | wc -l");
    assert_eq!(count.trim(), "40");
}
