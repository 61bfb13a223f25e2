//! The entry of the container, run in a private namespace whose root has been made into the image's: which accounts it
//! makes, what it refuses, what a second start keeps. And the demo, which runs it under an OCI runtime.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::sshd::CLIENT_KEY;
use crate::harness::{Host, Output, Snapshot, XFERSH};
use crate::prepared::{SHELL, SOURCE, bare, sh};

mod examples;

const ENTRY: &str = "/usr/lib/xfersh/container/entry";

/// A host whose root is the image's; alice has a key.
fn image() -> Host {
    let host = bare();
    sh(
        &host,
        &format!(
            "cp {XFERSH} {SHELL}; cd {SOURCE}/install; mkdir -p /usr/lib/xfersh/container /etc/xfersh; \
             cp account-functions /usr/lib/xfersh; cd container; \
             cp entry healthcheck image log-reader /usr/lib/xfersh/container; \
             cp sshd_config /etc/ssh; cp policy.toml /etc/xfersh; rm -rf /home/*; userdel plain; \
             sed -i '/:x:1000:/d' /etc/passwd /etc/group; \
             /usr/lib/xfersh/container/image; cp {CLIENT_KEY}.pub /etc/xfersh/keys/alice.pub"
        ),
    );
    host
}

fn entry(host: &Host, accounts: &str, arguments: &[&str]) -> Output {
    let variable = format!("XFERSH_ACCOUNTS={accounts}");
    let call = [&[&variable, ENTRY, "--check"], arguments].concat();
    host.root("env", &call)
}

fn state(host: &Host) -> Snapshot {
    host.inside(|| Snapshot::of(&["/etc", "/home", "/run"]))
}

#[test]
fn accounts_come_from_arguments_the_variable_a_file_or_the_keys() {
    let host = image();
    sh(
        &host,
        "printf '# ours\\n\\n  carol:$6$salt$abcdefgh:e:1003:100:in \\r\\nerin' >/etc/xfersh/accounts; \
         chmod 600 /etc/xfersh/accounts; mkdir /etc/xfersh/keys/bob; cp /etc/xfersh/keys/alice.pub /etc/xfersh/keys/bob/1; \
         ssh-keygen -q -t ed25519 -N '' -f /opt/second; cp /opt/second.pub /etc/xfersh/keys/bob/2; \
         cp /opt/second.pub /etc/xfersh/keys/dave; cp /opt/second.pub /etc/xfersh/keys/erin.pub",
    );
    entry(
        &host,
        "alice::1001:1001:in,out/deep bob::1002",
        &["dave:::2000"],
    )
    .succeeded("four");
    let of = |name: &str| host.shell_line(&format!("grep ^{name}: /etc/passwd"));
    assert_eq!(
        of("alice"),
        "alice:x:1001:1001::/home/alice:/usr/bin/xfersh\n"
    );
    assert_eq!(of("bob"), "bob:x:1002:1002::/home/bob:/usr/bin/xfersh\n");
    assert_eq!(
        of("carol"),
        "carol:x:1003:100::/home/carol:/usr/bin/xfersh\n"
    );
    assert_eq!(of("dave"), "dave:x:1000:2000::/home/dave:/usr/bin/xfersh\n");
    assert_eq!(of("erin"), "erin:x:1004:1004::/home/erin:/usr/bin/xfersh\n");
    let shadow = host.shell_line("grep -E '^(alice|carol):' /etc/shadow | cut -d: -f1,2");
    assert_eq!(shadow, "alice:*\ncarol:$6$salt$abcdefgh\n");
    let members = host.shell_line("getent group xfersh | cut -d: -f4");
    assert_eq!(members, "dave,alice,bob,carol,erin\n");
    let homes = host.shell_line("cd /home; find -mindepth 1 -printf '%p %u:%g %m\\n' | sort");
    let expected = "./alice root:alice 750\n./alice/in alice:alice 750\n./alice/out alice:alice 750\n\
                    ./alice/out/deep alice:alice 750\n./bob root:bob 750\n./bob/uploads bob:bob 750\n\
                    ./carol root:users 750\n./carol/in carol:users 750\n./dave root:group_2000 750\n\
                    ./dave/uploads dave:group_2000 750\n./erin root:erin 750\n./erin/uploads erin:erin 750\n";
    assert_eq!(homes, expected);
    let keys = host.shell_line("cd /run/xfersh/keys; wc -l bob dave; stat -c '%n %U:%G %a' bob");
    assert!(keys.contains("2 bob") && keys.contains("1 dave"), "{keys}");
    assert!(keys.ends_with("bob root:bob 640\n"), "{keys}");
    let password = host.shell_line("grep -c PasswordAuthentication /run/xfersh/sshd_config");
    assert_eq!(password, "1\n", "carol has one");

    // Without a list, the keys are the list.
    sh(&host, "rm /etc/xfersh/accounts; rm -r /home/*");
    entry(&host, "", &[]).succeeded("from the keys");
    let all = host.shell_line("grep /usr/bin/xfersh /etc/passwd | cut -d: -f1,3 | tr '\\n' ' '");
    assert_eq!(all, "alice:1000 bob:1001 dave:1002 erin:1003 ");
    // Each is served.
    for name in ["alice", "erin"] {
        let words = ["-u", name, "--", SHELL, "-c", "sftp-server"];
        host.root("runuser", &words).succeeded(name);
    }
}

/// Accounts that are refused, and what is said about each.
const WRONG_ACCOUNTS: &[(&str, &str)] = &[
    ("alice:secret:1001", "a password in clear"),
    ("alice:1001:1001:uploads", "a password in clear"),
    (
        "alice:$6$salt$hash:e:1001",
        "belongs into /etc/xfersh/accounts",
    ),
    ("root", "root is an account of the system"),
    ("daemon::1001", "daemon is an account of the system"),
    ("alice::0", "0 is not a uid"),
    ("alice::1", "the uid 1 is daemon's"),
    ("alice::01001", "01001 is not a uid"),
    ("alice::4294967295", "is not a uid"),
    ("alice::x", "x is not a uid"),
    ("alice::1001:42", "42 is not a gid from 100 on"),
    ("alice::1001:1001:../../etc", "begins with a dot"),
    ("alice::1001:1001:.ssh", "begins with a dot"),
    ("alice::1001:1001:a//b", "an empty name"),
    (
        "alice::1001:1001:/etc",
        "is not the name of a directory below the home",
    ),
    ("alice::1001:1001:$(id)", "is not the name of a directory"),
    ("alice::1001:1001:in:more", "too many fields"),
    ("alice alice", "alice is there twice"),
    ("alice::1001 bob::1001", "the uid 1001 is alice's as well"),
    ("-alice", "is not a name for an account"),
    ("../alice", "is not a name for an account"),
    ("\u{1b}[31mred", "is not a name for an account"),
    (
        "alice bob",
        "bob cannot log in: mount a key as /etc/xfersh/keys/bob.pub",
    ),
    ("bob", "alice.pub is for no account"),
];

#[test]
fn what_is_wrong_is_said_and_nothing_is_started() {
    let host = image();
    entry(&host, "alice::1001", &[]).succeeded("the control");
    sh(&host, "rm -r /home/alice");
    let before = state(&host);
    let mut wrong = Vec::new();
    let mut judge = |what: &str, output: Output, said: &str| {
        let err = output.err();
        if output.code() != 1
            || !err.contains(said)
            || err.contains("secret")
            || err.contains('\u{1b}')
        {
            wrong.push(format!("{what}: expected {said:?}: {output}"));
        }
    };
    for (accounts, said) in WRONG_ACCOUNTS {
        judge(accounts, entry(&host, accounts, &[]), said);
        // Keys and accounts are files of /run, made anew at each start.
        let diff = before
            .without(|path| path.starts_with("/run/xfersh"))
            .diff(&state(&host).without(|path| path.starts_with("/run/xfersh")));
        assert_eq!(diff, "", "{accounts}");
    }
    let files: &[(&str, &str, &str)] = &[
        (
            "echo alice >accounts; chmod 666 accounts",
            "rm accounts",
            "root alone can write",
        ),
        (
            "echo 'carol:$6$salt$hash:e' >accounts",
            "rm accounts",
            "can be read by every account",
        ),
        (
            "(umask 077; echo 'carol:$1$salt$hash:e' >accounts)",
            "rm accounts",
            "not a hash that can be used",
        ),
        (
            "cp keys/alice.pub k; echo no >keys/alice.pub",
            "mv k keys/alice.pub",
            "does not contain a public key",
        ),
        (
            "chmod 666 keys/alice.pub",
            "chmod 644 keys/alice.pub",
            "can be changed by others",
        ),
        (
            "cp keys/alice.pub k; cp /etc/ssh/test_client_key keys/alice.pub",
            "mv k keys/alice.pub",
            "is a private key",
        ),
        (
            "echo 'nonsense = 1' >>policy.toml",
            "sed -i '/nonsense/d' policy.toml",
            "the policy cannot be used",
        ),
        (
            "mv policy.toml p",
            "mv p policy.toml",
            "the policy cannot be used",
        ),
        (
            "echo 'Nonsense yes' >sshd_config.d/1.conf",
            "rm sshd_config.d/*",
            "sshd does not accept",
        ),
        (
            "echo 'ForceCommand internal-sftp' >sshd_config.d/1.conf",
            "rm sshd_config.d/*",
            "which bypasses xfersh",
        ),
        (
            "echo 'DisableForwarding no' >sshd_config.d/1.conf",
            "rm sshd_config.d/*",
            "which bypasses xfersh",
        ),
        (
            "printf '#!/bin/sh\\nexit 3\\n' >entry.d/1; chmod 755 entry.d/1",
            "rm entry.d/1",
            "entry.d/1 failed (status 3)",
        ),
        ("echo >entry.d/1", "rm entry.d/1", "cannot be executed"),
        (
            "echo >entry.d/1; chmod 777 entry.d/1",
            "rm entry.d/1",
            "can be changed by others",
        ),
        (
            "mkdir /home/alice; ln -s /etc /home/alice/in",
            "rm -r /home/alice",
            "is a symbolic link",
        ),
    ];
    for (make, undo, said) in files {
        sh(&host, &format!("cd /etc/xfersh; {make}"));
        judge(make, entry(&host, "", &["alice:::1001:in"]), said);
        sh(&host, &format!("cd /etc/xfersh; {undo}"));
        sh(&host, "rm -rf /home/alice");
    }
    entry(&host, "alice::1001", &[]).succeeded("the control, again");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The accounts that the guide shows for who comes from atmoz/sftp.
#[test]
fn the_lines_of_the_guide_for_who_comes_from_another_image_work() {
    let guide = include_str!("../../docs/administrators-guide.md");
    let (_, rest) = guide
        .split_once("<!-- old: atmoz -->\n```\n")
        .expect("the block");
    let (lines, _) = rest.split_once("```").expect("its end");
    let host = image();
    sh(
        &host,
        "umask 077; mv /etc/xfersh/keys/alice.pub /etc/xfersh/keys/bar.pub; touch /etc/xfersh/accounts",
    );
    sh(&host, &format!("cat >/etc/xfersh/accounts <<'X'\n{lines}X"));
    entry(&host, "", &[]).succeeded("the lines");
    let made = host.shell_line("grep xfersh$ /etc/passwd | cut -d: -f1,3,4; ls -d /home/*/*");
    assert_eq!(
        made,
        "foo:1001:100\nbar:1002:1002\n/home/bar/uploads\n/home/foo/upload\n"
    );
}

#[test]
fn it_touches_nothing_but_the_image() {
    let host = image();
    entry(&host, "alice", &[]).succeeded("the control");
    sh(
        &host,
        "cp --remove-destination /run/xfersh/etc/passwd /etc/passwd",
    );
    let before = state(&host);
    let refused = entry(&host, "alice", &[]).failed("on another root");
    assert!(
        refused.err().contains("this is not the root of the image"),
        "{refused}"
    );
    before.assert_same(&state(&host), "on another root");
}

#[test]
fn a_second_start_keeps_host_keys_ids_and_homes() {
    let host = image();
    let keys = || host.shell_line("cd /etc/ssh/host-keys; ls -l --time-style=full-iso; cat *");
    let first = entry(&host, "", &["alice", "--"]).failed("'--' is no name");
    assert!(first.err().contains("is not a name"), "{first}");
    sh(
        &host,
        "cp /etc/xfersh/keys/alice.pub /etc/xfersh/keys/zoe.pub",
    );
    let first = entry(&host, "", &[]).succeeded("the first start");
    assert!(first.out().contains("created the host keys"), "{first}");
    let ids = || host.shell_line("grep xfersh$ /etc/passwd | cut -d: -f1,3 | tr '\\n' ' '");
    assert_eq!(ids(), "alice:1000 zoe:1001 ");
    host.write("/home/zoe/uploads/kept", b"kept\n");
    // What is in /run is made anew, and the same.
    let kept = || state(&host).without(|path| path.starts_with("/run"));
    let made = || {
        host.shell_line(
            "cd /run/xfersh; find . -type f -printf '%p %m %u %g\\n' | sort; find . -type f | sort | xargs cat",
        )
    };
    let (before, of_keys, made_before) = (kept(), keys(), made());
    let again = entry(&host, "", &[]).succeeded("the second start");
    assert!(!again.out().contains("created"), "{again}");
    before.assert_same(&kept(), "the second start");
    assert_eq!(made(), made_before);
    // alice goes, bob comes: he does not get her uid, and zoe keeps hers.
    sh(
        &host,
        "mv /etc/xfersh/keys/alice.pub /etc/xfersh/keys/bob.pub; rm -r /run/xfersh",
    );
    entry(&host, "", &[]).succeeded("other accounts");
    assert_eq!(ids(), "bob:1002 zoe:1001 ");
    assert_eq!(host.read("/home/zoe/uploads/kept"), b"kept\n");
    host.root("test", &["-e", "/run/xfersh/keys/alice"])
        .failed("alice's key");
    assert_eq!(keys(), of_keys);
    // As a Secret has them: links, readable by all, on a file system that cannot be written.
    sh(
        &host,
        "cd /etc/ssh/host-keys; mkdir -p /opt/secret/..1; cp ssh_host_ed25519_key /opt/secret/..1; cd /opt/secret; \
         chmod 644 ..1/*; ln -s ..1 ..data; ln -s ..data/ssh_host_ed25519_key .; \
         mount --bind /opt/secret /etc/ssh/host-keys; mount -o remount,bind,ro /etc/ssh/host-keys",
    );
    let secret = entry(&host, "", &[]).succeeded("keys of a Secret");
    assert_eq!(
        secret.out().matches("host key SHA256").count(),
        1,
        "{secret}"
    );
    let used =
        host.shell_line("stat -c %a /run/xfersh/host-keys/*_key; cat /run/xfersh/sshd_config");
    assert!(
        used.ends_with("HostKey /run/xfersh/host-keys/ssh_host_ed25519_key\n"),
        "{used}"
    );
    sh(
        &host,
        "umount /etc/ssh/host-keys; rm -r /opt/secret/* /opt/secret/..*; mount --bind /opt/secret /etc/ssh/host-keys; \
         mount -o remount,bind,ro /etc/ssh/host-keys",
    );
    let none = entry(&host, "", &[]).failed("no host keys, and no place for them");
    assert!(none.err().contains("there are no host keys"), "{none}");
}

/// What an account has done below its own directories keeps nobody from being served at the next start, itself included.
#[test]
fn no_account_keeps_the_others_from_being_served() {
    let host = image();
    sh(
        &host,
        "cp /etc/xfersh/keys/alice.pub /etc/xfersh/keys/bob.pub",
    );
    let accounts = "alice::1001:1001:in,out/deep/est bob::1002";
    entry(&host, accounts, &[]).succeeded("the first start");
    for lines in [
        "rmdir out/deep/est\nput /etc/hostname out/deep/est\n",
        "rm out/deep/est\nrmdir out/deep\nsymlink ../in out/deep\n",
    ] {
        sh(
            &host,
            &format!(
                "printf '{lines}' | sftp -b - -D 'runuser -u alice -- {SHELL} -c sftp-server'"
            ),
        );
        let before = host.inside(|| Snapshot::of(&["/home"]));
        let again = entry(&host, accounts, &[]).succeeded(lines);
        assert!(again.out().contains("/home/alice/out/deep"), "{again}");
        before.assert_same(&host.inside(|| Snapshot::of(&["/home"])), lines);
    }
    // What only root can have put there is a mistake to be mended first.
    sh(&host, "rm -r /home/bob/uploads; : >/home/bob/uploads");
    let refused = entry(&host, accounts, &[]).failed("a file of root's");
    assert!(
        refused.err().contains("/home/bob/uploads is in the way"),
        "{refused}"
    );
}

/// The whole of it without a runtime: logins, the log, a client's and another program's bytes in it, and the end.
#[test]
fn it_serves_logs_as_json_and_ends_the_sessions_when_it_is_stopped() {
    let host = image();
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            &format!("exec {ENTRY} alice:::1001:in >/opt/log 2>&1"),
        ])
        .env("XFERSH_LOG", "json")
        .stdin(Stdio::null());
    // It is read before the shell has had time to create it.
    host.write("/opt/log", b"");
    let mut entry = host.namespace().spawn(&mut command).expect("the entry");
    let log = || String::from_utf8(host.read("/opt/log")).expect("text");
    let until = |what: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !log().contains(what) {
            assert!(Instant::now() < deadline, "no {what:?} in {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    until("Server listening");
    host.root("/usr/lib/xfersh/container/healthcheck", &[])
        .succeeded("the health check");
    let options = format!(
        "-q -F none -i {CLIENT_KEY} -oBatchMode=yes -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null"
    );
    sh(
        &host,
        &format!("cd /opt; echo content >a; scp {options} a alice@127.0.0.1:in/"),
    );
    host.root("sh", &["-c", &format!("ssh {options} alice@127.0.0.1 id")])
        .failed("a command");
    let nobody = host.root("sh", &["-c", &format!("ssh {options} root@127.0.0.1 id")]);
    nobody.failed("an account of the system");
    let stay = format!("(sleep 100 | sftp {options} -b - alice@127.0.0.1) >/dev/null 2>&1 &");
    sh(&host, &stay);
    // Hostile bytes from another program of the container.
    sh(
        &host,
        "perl -MSocket -e 'socket(S, PF_UNIX, SOCK_DGRAM, 0); for (@ARGV) { defined send(S, eval qq(\"$_\"), 0, \
         sockaddr_un(\"/dev/log\")) or die $! }' '<86>evil: a\\n{\\x22forged\\x22:1}\\e[31m\\xff' '<999>' '' \
         '<86>xfersh[7]: {\\x22a\\x22:[1,{\\x22b\\x22:null}]}' '<86>xfersh[7]: {\\x22a\\x22:1}}' 'x'",
    );
    let deadline = Instant::now() + Duration::from_secs(60);
    while !host.root(SHELL, &["--who"]).out().contains("alice") {
        assert!(Instant::now() < deadline, "no session: {}", log());
        std::thread::sleep(Duration::from_millis(20));
    }
    sh(
        &host,
        &format!("kill -TERM $(pgrep -f 'bash {ENTRY}' | head -n 1)"),
    );
    let status = entry.wait().expect("the entry");
    let text = log();
    assert!(status.success(), "{status}: {text}");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let messages: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["message"].as_str())
        .collect();
    let says = |what: &str| messages.iter().filter(|line| line.contains(what)).count();
    assert_eq!(
        says("created file bytes=8 path=\"/home/alice/in/a\""),
        1,
        "{text}"
    );
    assert_eq!(says("verdict=refused"), 1, "{text}");
    assert_eq!(says("forged"), 1, "{text}");
    assert!(
        messages.contains(&"a\n{\"forged\":1}\u{1b}[31m\u{fffd}"),
        "{text}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line["event"]["a"][1]["b"] == Value::Null && line["pid"] == 7),
        "{text}"
    );
    assert!(messages.contains(&"{\"a\":1}}"), "{text}");
    let ends = messages.iter().filter(|line| line.contains(" end server="));
    assert_eq!(
        ends.filter(|line| line.contains("by_uid=0")).count(),
        1,
        "{text}"
    );
    // Nobody is left.
    host.root("pgrep", &["sshd"]).failed("sshd");
    host.root("pgrep", &["xfersh"]).failed("a session");
}
