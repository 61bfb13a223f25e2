//! Under the login shell xfersh, a profile gives nothing that the account does not have: whoever names it, and however
//! it reaches the shell.

use super::{directories, forced, key, sftp, start};
use crate::harness::{Account, Host, Output, XFERSH};

/// The account's own policy is narrow, the profile `wide` is not, and `up` is narrower still.
const POLICY: &str = r#"
protocols = ["sftp"]
access = "append-only"
writable = ["~/in", "~/uploads"]
readable = ["~/in", "~/uploads"]
umask = "077"
file_mode_max = "600"
symlinks = "none"

[[match]]
profile = "wide"
protocols = ["sftp", "scp", "rsync"]
access = "read-write"
writable = ["~/*", "/srv/outside"]
readable = ["~", "/srv"]
dotfiles = "allowed"
symlinks = "any"
umask = "000"
file_mode_max = "none"

[[match]]
profile = "up"
access = "upload-only"
writable = ["~/in"]
readable = ["~/in"]

[[match.directory]]
path = "~/in"
access = "upload-only"
"#;

/// What only `wide` allows.
const ACTS: &[&str] = &[
    "put up /srv/outside/drop/new",
    "put up uploads/.dot",
    "put up uploads/old.txt",
    "rm uploads/old.txt",
    "rename uploads/old.txt uploads/older.txt",
    "put up site/new",
    "get site/index.html got",
    "get note.txt got",
    "get /srv/outside/secret.txt got",
    "ln -s /etc/passwd in/link",
    "chmod 666 in/older",
    "ls site",
];

/// What the account's own policy allows, and `up` does not.
const OWN_ACTS: &[&str] = &[
    "put up uploads/new",
    "get uploads/old.txt got",
    "ls uploads",
];

/// Each act in a session of its own, by these options of sftp.
fn each(
    host: &Host,
    account: &Account,
    options: &[&str],
    acts: &[&str],
    check: impl Fn(&str, Output),
) {
    for act in acts {
        let output = host.sftp_with(account, options, &format!("{act}\n"));
        check(act, output);
    }
}

fn prepare(host: &Host, account: &Account) {
    host.refurnish();
    directories(host, account);
    host.write("/tmp/local/up", b"from the client\n");
}

/// None of the acts works, the disk stays as it is, and the session as such is served: one session that goes on after
/// each act.
fn confined(host: &Host, account: &Account, options: &[&str], acts: &[&str], how: &str) {
    prepare(host, account);
    let before = host.disk();
    let lines: String = acts.iter().map(|act| format!("-{act}\n")).collect();
    let output = host.sftp_with(account, options, &lines).succeeded(how);
    before.assert_same(&host.disk(), how);
    let out = output.out();
    let listed = out.lines().filter(|line| !line.starts_with("sftp> "));
    assert_eq!(
        listed.collect::<Vec<_>>(),
        [""; 0],
        "{how}: a listing\n{output}"
    );
    let tried = out.lines().filter(|line| line.starts_with("sftp> -"));
    assert_eq!(tried.count(), acts.len(), "{how}: {output}");
    // Each says why it fails.
    let said = output.err();
    assert!(said.lines().count() >= acts.len(), "{how}: {output}");
}

#[test]
fn a_profile_gives_nothing_to_an_account_of_xfersh() {
    let mut host = Host::with_sshd();
    host.policy(POLICY);
    let keys =
        ["wide", "up"].map(|name| forced(&host, name, &format!("--forced --profile {name}")));
    start(&mut host, &keys.concat(), true, "");
    let (plain, alice) = (host.plain().clone(), host.alice().clone());
    let (wide, up) = (key("wide"), key("up"));
    // Where another shell runs the forced command, the profile is what the administrator gave: all of it works.
    for act in ACTS {
        prepare(&host, &plain);
        sftp(&host, &plain, "wide", &format!("{act}\n")).succeeded(act);
    }
    prepare(&host, &alice);
    each(&host, &alice, &[], OWN_ACTS, |act, output| {
        output.succeeded(act);
    });
    confined(&host, &alice, &[], ACTS, "without a profile");
    confined(
        &host,
        &alice,
        &["-i", &wide],
        ACTS,
        "a key with a wide profile",
    );
    prepare(&host, &alice);
    each(&host, &alice, &["-i", &wide], OWN_ACTS, |act, output| {
        output.succeeded(act);
    });
    assert_eq!(
        mode(&host, &alice, "uploads/new"),
        "600",
        "the mask and the bound of the account"
    );
    let more = [ACTS, OWN_ACTS].concat();
    confined(
        &host,
        &alice,
        &["-i", &up],
        &more,
        "a key with a narrow profile",
    );

    // The client sends the line itself, and says what sshd did not.
    let line = format!("{XFERSH} --forced --profile wide");
    let say = "SetEnv=SSH_ORIGINAL_COMMAND=sftp-server";
    confined(
        &host,
        &alice,
        &["-s", &line, "-o", say],
        ACTS,
        "the line of a wide profile, sent by the client",
    );
    let line = format!("{XFERSH} --forced --profile up");
    confined(
        &host,
        &alice,
        &["-s", &line, "-o", say],
        &more,
        "the line of a narrow profile, sent by the client",
    );
    // sshd's own variable replaces the client's.
    confined(
        &host,
        &alice,
        &[
            "-i",
            &up,
            "-o",
            "SetEnv=\"SSH_ORIGINAL_COMMAND=/opt/xfersh --forced --profile wide\"",
        ],
        &more,
        "the variable of another line",
    );
}

fn mode(host: &Host, account: &Account, below: &str) -> String {
    let path = account.at(below).display().to_string();
    host.shell_line(&format!("stat -c %a {path}"))
        .trim()
        .to_owned()
}

/// A client with a forced command sends another one.
#[test]
fn no_client_chooses_its_profile() {
    let mut host = Host::with_sshd();
    host.policy(POLICY);
    let keys =
        ["wide", "up"].map(|name| forced(&host, name, &format!("--forced --profile {name}")));
    start(&mut host, &keys.concat(), true, "");
    let up = key("up");
    let accounts = [host.plain().clone(), host.alice().clone()];
    // Another shell does what such a line says.
    let line = format!("{XFERSH} --forced --profile wide");
    let say = "SetEnv=\"SSH_ORIGINAL_COMMAND=rsync --server --sender . site\"";
    let sent = host.ssh(&accounts[0], &["-o", say], &line);
    assert_ne!(sent.code(), 126, "{sent}");
    for account in &accounts {
        prepare(&host, account);
        let before = host.disk();
        host.log();
        let lines = [
            line.clone(),
            "xfersh --forced --profile wide".to_owned(),
            "xfersh --forced --profile=wide".to_owned(),
            "xfersh --forced --profile up".to_owned(),
            "xfersh --forced".to_owned(),
            format!("{XFERSH} -c '{line}'"),
            format!("{line}; id"),
            "internal-sftp --profile wide".to_owned(),
            "sftp-server --profile wide".to_owned(),
            "rsync --server --sender . site".to_owned(),
        ];
        for sent in &lines {
            let output = host.ssh(account, &["-i", &up], sent);
            assert_eq!(output.code(), 126, "{sent}: {output}");
            assert!(output.stdout.is_empty(), "{sent}: {output}");
        }
        let log = host.log();
        assert_eq!(log.len(), lines.len(), "{log:?}");
        assert!(
            log.iter()
                .all(|line| line.text.contains(" verdict=refused ")
                    && line.text.contains(" profile=up ")),
            "{log:?}"
        );
        before.assert_same(&host.disk(), "refused lines");
    }
    // Without a forced command, to the shell xfersh: what is no profile of the policy is refused, and so is a line that
    // is written in another way.
    let alice = &accounts[1];
    let before = host.disk();
    for (sent, reason) in [
        (
            "xfersh --forced --profile wide",
            "a login without a command",
        ),
        (
            "xfersh --forced --profile other",
            "no [[match]] with profile = \\\"other\\\"",
        ),
        (
            "xfersh --forced --profile 'a b'",
            "is not the name of a profile",
        ),
        (
            "xfersh --forced --profile up --profile wide",
            "not a file transfer server",
        ),
        ("xfersh --forced", "not a file transfer server"),
    ] {
        host.log();
        let output = host.ssh(alice, &[], sent);
        assert_eq!(output.code(), 126, "{sent}: {output}");
        let log = host.log();
        let text = &log[0].text;
        assert!(
            text.contains(reason) && text.contains(" account=alice "),
            "{sent}: {text}"
        );
    }
    before.assert_same(&host.disk(), "refused lines");
}

/// sshd's own forced command, and its own sftp server.
#[test]
fn by_force_command_and_internal_sftp() {
    let mut host = Host::with_sshd();
    host.policy(POLICY);
    let wide = forced(&host, "wide", "--forced --profile wide");
    let accounts = [host.plain().clone(), host.alice().clone()];
    let more = [ACTS, OWN_ACTS].concat();
    start(&mut host, &wide, true, "");
    prepare(&host, &accounts[0]);
    sftp(&host, &accounts[0], "wide", "get note.txt got\n")
        .succeeded("the wide profile of the key");
    // It runs instead of what the key says, for both.
    start(
        &mut host,
        &wide,
        true,
        &format!("ForceCommand {XFERSH} --forced --profile up"),
    );
    for account in &accounts {
        for options in [&["-i", &key("wide")][..], &[]] {
            confined(
                &host,
                account,
                options,
                &more,
                "ForceCommand with a profile",
            );
            host.sftp_with(account, options, "put up in/new\n")
                .succeeded("an upload");
        }
    }
    let up = forced(&host, "up", "--forced --profile up");
    let keys = format!("{wide}{up}");
    let config = crate::harness::SshdConfig {
        sftp: "internal-sftp -f AUTH -l INFO".to_owned(),
        ..crate::harness::SshdConfig::with(&format!(
            "Match all\nAuthorizedKeysFile {}\n",
            super::KEYS
        ))
    };
    host.write(super::KEYS, keys.as_bytes());
    host.start_sshd(&config);
    for account in &accounts {
        confined(&host, account, &["-i", &key("up")], &more, "internal-sftp");
        sftp(&host, account, "up", "put up in/new\n").succeeded("an upload");
    }
}
