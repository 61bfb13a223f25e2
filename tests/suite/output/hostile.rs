//! Every call of an administrator, with hostile names wherever a name can be.

use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use super::{ACCOUNT, ODD, harm, object, odd_host};
use crate::harness::{Host, Output, XFERSH};

/// Policies with odd text in every place, valid or not.
fn policies() -> Vec<(&'static str, String)> {
    let escaped = r#"o\u001b[2J\u0007\u009B31m\u202Ed\u200b\u3164\\\"'"#;
    let lines = [
        (
            "sound",
            format!("writable = [\"~/{escaped}\", \"~/uploads\"]\n"),
        ),
        (
            "raw",
            "writable = [\"~/up\u{202e}loads\"] # \u{202e}\n".to_owned(),
        ),
        (
            "locked",
            format!("readable = [\"/opt/locked/{escaped}\"]\nwritable = [\"~/uploads\"]\n"),
        ),
        ("file", format!("writable = [\"/srv/outside/{escaped}\"]\n")),
        (
            "home",
            format!(
                "writable = [\"/home/{}\"]\n",
                ACCOUNT.replace('\u{1b}', "\\u001b")
            ),
        ),
        ("program", format!("sftp_server = \"/tmp/{escaped}\"\n")),
        ("key", format!("\"{escaped}\" = 1\n")),
        ("raw key", format!("{ODD} = 1\n")),
        (
            "value",
            format!("access = \"{escaped}\"\ndotfiles = \"\u{202e}\"\n"),
        ),
        ("list", format!("protocols = \"{escaped}\"\n")),
        ("header", format!("[\"{escaped}\"]\n[{ODD}]\n")),
        (
            "match",
            format!("[[match]]\nuser = [\"{escaped}\"]\naddress = [\"{escaped}\"]\n"),
        ),
        ("comment", format!("umask = 8 # {ODD}\n")),
        ("mode", format!("umask = \"{escaped}\"\n")),
        ("message", format!("message = \"{escaped}\"\n")),
        ("control", "writable = [\"\x1b[2J\"]\n".to_owned()),
        ("names", format!("dotfile_names = [\".{escaped}\"]\n")),
    ];
    lines.into()
}

/// Calls under the host's policy. Each is also made with `--json`.
const CALLS: &[&[&str]] = &[
    &["--check", "--user", ACCOUNT],
    &["--check", "--user", ACCOUNT, "-c", "sftp-server"],
    &["--check", "--user", ACCOUNT, "-c", "scp -t uploads/x"],
    &["--check", "--live", "--user", ACCOUNT],
    &["--doctor"],
    &["--doctor", "--user", ACCOUNT],
];

/// Calls with odd words, under one policy.
fn odd_calls() -> Vec<Vec<String>> {
    let option = format!("--{ODD}");
    let path = format!("/tmp/{ODD}");
    let quoted = ODD.replace('\'', "'\\''");
    let mut calls: Vec<Vec<&str>> = vec![
        vec![&option],
        vec![ODD],
        vec!["-\u{9b}"],
        vec!["--help", ODD],
        vec!["--forced", ODD],
        vec!["--probe", ODD],
        vec!["--probe", "a", "b", "", ODD, ODD],
        vec!["--check", &option],
        vec!["--check", ODD],
        vec!["--check", "-\u{202e}"],
        vec!["--check", "--user", ODD],
        vec!["--check", "--address", ODD],
        vec!["--check", "--config", ODD],
        vec!["--check", "--config", &path],
        vec!["--check", "--config", &path, "--user", ACCOUNT],
        vec!["--check", "--live", "--user", ODD],
        vec!["--check", "--live", "--user", ACCOUNT, "--config", &path],
        vec!["--check", "--live", ODD],
        vec!["--doctor", ODD],
        vec!["--doctor", &option],
        vec!["--doctor", "--user", ODD],
    ];
    let names =
        ["shell", "twin", "twin2", "nowhere", "toor"].map(|name| format!("{name}{ACCOUNT}"));
    for name in &names {
        calls.push(vec!["--check", "--user", name]);
        calls.push(vec!["--check", "--user", name, "-c", "sftp-server"]);
        calls.push(vec!["--check", "--live", "--user", name]);
        calls.push(vec!["--doctor", "--user", name]);
    }
    let commands = [
        ODD.to_owned(),
        format!("scp -t '{quoted}'"),
        format!("scp -f 'uploads/{quoted}'"),
        format!("scp -f uploads/*'{quoted}'"),
        format!("scp -t -'{quoted}' x"),
        format!("scp -{ODD} x"),
        format!("sftp-server -{ODD}"),
        format!("sftp-server -l '{quoted}'"),
        format!("rsync --server --'{quoted}' . x"),
        format!("rsync --server -vlogDtpre.iLsfxCIvu'{quoted}' . x"),
        format!("rsync --server --log-file='{quoted}' . x"),
        format!("rsync --server --temp-dir='{quoted}' . x"),
        format!("/usr/bin/'{quoted}'"),
        format!("scp -f ~'{quoted}'/x"),
    ];
    for command in &commands {
        calls.push(vec!["--check", "--user", ACCOUNT, "-c", command]);
    }
    let own = |call: Vec<&str>| call.into_iter().map(str::to_owned).collect();
    calls.into_iter().map(own).collect()
}

#[track_caller]
fn assert_harmless(what: &str, output: &Output) {
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        let harm = harm(bytes);
        assert!(
            harm.is_none(),
            "{what}: {name} holds {}: {output}",
            harm.unwrap_or_default()
        );
    }
}

/// Makes a call, as text and as JSON. Both end alike.
#[track_caller]
fn call(host: &Host, what: &str, arguments: &[&str]) {
    let what = format!("{what}: {}", arguments.join(" ").escape_debug());
    let text = host.root(XFERSH, arguments);
    assert_harmless(&what, &text);
    assert!(
        !text.stdout.is_empty() || !text.stderr.is_empty(),
        "{what}: {text}"
    );
    if !matches!(arguments.first(), Some(&"--check" | &"--doctor")) {
        return;
    }
    let json = host.root(
        XFERSH,
        &[&arguments[..1], &["--json"], &arguments[1..]].concat(),
    );
    assert_harmless(&what, &json);
    assert_eq!(text.code(), json.code(), "{what}: {text}{json}");
    let object = object(&json);
    assert_eq!(
        object.get("error").is_some(),
        json.code() == 2,
        "{what}: {json}"
    );
}

#[test]
fn nothing_that_is_printed_moves_a_terminal() {
    let host = odd_host();
    host.policy("protocols = [\"scp\", \"sftp\", \"rsync\"]\nwritable = [\"~/uploads\"]\n");
    host.write(format!("/tmp/{ODD}"), format!("{ODD} = 1\n").as_bytes());
    for arguments in odd_calls() {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        call(&host, "odd words", &arguments);
    }
}

#[test]
fn no_policy_is_printed_raw() {
    let host = odd_host();
    host.inside(|| {
        std::fs::create_dir("/opt/locked").expect("a directory");
        crate::harness::account::set_mode("/opt/locked".as_ref(), 0o700);
        std::fs::write(format!("/srv/outside/{}", &ODD[..ODD.len() - 4]), "").expect("a file");
    });
    for (name, policy) in policies() {
        host.policy(&policy);
        for arguments in CALLS {
            call(&host, name, arguments);
        }
    }
}

/// What sshd says about its configuration, and about what is wrong with it.
#[test]
fn no_configuration_of_sshd_is_printed_raw() {
    let host = odd_host();
    let drop_in = format!("/etc/ssh/sshd_config.d/{ODD}.conf");
    host.inside(|| std::fs::create_dir_all("/etc/ssh/sshd_config.d").expect("a directory"));
    let home = host.account(ACCOUNT).home();
    host.write(home.join(".forward"), b"");
    let word = "\u{202e}\x1b[2J\\x1b";
    let rows = [
        (
            format!("ForceCommand scp -t x;{word}\nAcceptEnv LD_{word}* *\n"),
            "ForceCommand",
        ),
        (
            format!("ForceCommand {word}\nChrootDirectory /{word}\n"),
            "ChrootDirectory",
        ),
        (
            format!("Subsystem sftp /usr/lib/openssh/sftp-server -{word}\n"),
            "Subsystem",
        ),
        (
            format!("Match Address 10.0.0.0/8,{word}\nX11Forwarding yes\n"),
            "Match",
        ),
        (
            format!("AuthorizedKeysFile %h/uploads/{word} /tmp/{word}\n"),
            "takes the keys of",
        ),
        (
            format!("{word} yes\n"),
            "sshd -T does not print the effective settings",
        ),
        (
            format!("X11Forwarding {word}\n"),
            "sshd -T does not print the effective settings",
        ),
        (
            format!("Subsystem\x1b sftp {word}\n"),
            "sshd -T does not print the effective settings",
        ),
    ];
    for (text, expected) in rows {
        host.write(
            "/etc/ssh/sshd_config",
            b"Include /etc/ssh/sshd_config.d/*.conf\n",
        );
        host.write(&drop_in, text.as_bytes());
        call(&host, &text, &["--doctor", "--user", ACCOUNT]);
        let output = host.root(XFERSH, &["--doctor", "--user", ACCOUNT]);
        assert!(
            output.out().contains(expected),
            "{text:?}: {expected}: {output}"
        );
    }
}

/// Arguments that are not UTF-8 cannot be in a `&str`.
#[test]
fn bytes_that_are_no_text_are_harmless_as_well() {
    let host = Host::new();
    let bytes = std::ffi::OsStr::from_bytes(b"\xff\x1b[2J\xe2\x80");
    let option = std::ffi::OsStr::from_bytes(b"--\xff\x1b[2J");
    let rows: &[&[&std::ffi::OsStr]] = &[
        &[bytes],
        &[option],
        &["--check".as_ref(), bytes],
        &["--check".as_ref(), option],
        &["--check".as_ref(), "--user".as_ref(), bytes],
        &["--check".as_ref(), "--address".as_ref(), bytes],
        &["--check".as_ref(), "--config".as_ref(), bytes],
        &[
            "--check".as_ref(),
            "--user".as_ref(),
            "alice".as_ref(),
            "-c".as_ref(),
            bytes,
        ],
        &["--doctor".as_ref(), "--user".as_ref(), bytes],
        &["--probe".as_ref(), "a".as_ref(), bytes],
    ];
    for arguments in rows {
        for json in [false, true] {
            let mut command = Command::new(XFERSH);
            command.args(*arguments).current_dir("/");
            if json {
                command.arg("--json");
            }
            let output = host.run(&mut command, b"");
            assert_harmless(&format!("{arguments:?}"), &output);
            if json && matches!(arguments[0].to_str(), Some("--check" | "--doctor")) {
                object(&output);
            }
        }
    }
}
