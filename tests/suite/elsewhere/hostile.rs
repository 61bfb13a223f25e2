//! What a server's libraries could be made to be by others than root, and servers that cannot be loaded: no session
//! starts, and the dry run, the doctor and the log say what it is.

use super::{check, lay_out};
use crate::harness::{Host, SshdConfig, XFERSH};

/// What is laid out, and what is said. `/opt/x/server` is the policy's.
const ROWS: &[(&str, &str)] = &[
    (
        "libraries /opt/x/lib; program $server /opt/x/server $loader /home/alice/uploads:/opt/x/lib",
        "/opt/x/server leads to /home/alice, which is owned by uid",
    ),
    (
        "libraries /opt/x/lib; program $server /opt/x/server $loader /opt/x/lib:/tmp/build",
        "/opt/x/server leads to /tmp, which can be written by others",
    ),
    (
        "libraries /opt/x/lib; chown alice /opt/x/lib/libc.so.6; program $server /opt/x/server $loader /opt/x/lib",
        "leads to /opt/x/lib/libc.so.6, which is owned by uid",
    ),
    (
        "libraries /opt/x/lib; chmod 666 /opt/x/lib/libc.so.6; program $server /opt/x/server $loader /opt/x/lib",
        "leads to /opt/x/lib/libc.so.6, which can be written by others (mode 0666)",
    ),
    (
        "libraries /opt/x/lib; chmod 777 /opt/x/lib; program $server /opt/x/server $loader /opt/x/lib",
        "leads to /opt/x/lib, which can be written by others (mode 0777)",
    ),
    (
        "libraries /opt/x/real; ln -s real /opt/x/lib; chown -h alice /opt/x/lib; program $server /opt/x/server $loader /opt/x/lib",
        "leads to /opt/x/lib, which is a link of uid",
    ),
    (
        "libraries /opt/x/lib; program $server /opt/x/server $loader lib:/opt/x/lib",
        "/opt/x/server has libraries looked for in \\\"lib\\\", which begins where the session starts",
    ),
    (
        "libraries /opt/x/lib; program $server /opt/x/server $loader /opt/x/lib:",
        "/opt/x/server has libraries looked for in \\\"\\\", which begins where the session starts",
    ),
    (
        "cp $server /tmp/server; patchelf --add-needed uploads/evil.so /tmp/server; mkdir -p /opt/x; mv /tmp/server /opt/x/server",
        "libraries looked for in \\\"uploads/evil.so\\\"",
    ),
    (
        "mkdir -p /opt/x; cp $loader /opt/x/ld.so; chown alice /opt/x/ld.so; program $server /opt/x/server /opt/x/ld.so /opt/x/lib",
        "/opt/x/server leads to /opt/x/ld.so, which is owned by uid",
    ),
    (
        "program $server /opt/x/server /opt/x/no/ld.so /opt/x/lib",
        "/opt/x/server needs /opt/x/no/ld.so, which is not there",
    ),
    (
        "program $server /opt/x/server $loader /opt/x/lib; patchelf --add-needed libnone.so.1 /opt/x/server; mkdir /opt/x/lib",
        "/opt/x/server needs libnone.so.1, which is not there (looked for in /opt/x/lib,",
    ),
    (
        "libraries /opt/x/lib; cp /lib/*/libz.so.1 /opt/x/lib/libown.so; chmod 600 /opt/x/lib/libown.so; program $server /opt/x/server $loader /opt/x/lib; patchelf --add-needed libown.so /opt/x/server",
        "/opt/x/server needs libown.so, which the account may not read (/opt/x/lib/libown.so)",
    ),
    (
        "mkdir -p /opt/x; printf '#!/bin/sh\\nexec %s\\n' $server >/opt/x/server; chmod 755 /opt/x/server",
        "/opt/x/server is a script, and no shell runs in a session",
    ),
    (
        "mkdir -p /opt/x; head -c 100 $server >/opt/x/server; chmod 755 /opt/x/server",
        "/opt/x/server is a damaged ELF file",
    ),
    (
        "mkdir -p /opt/x; echo hello >/opt/x/server; chmod 755 /opt/x/server",
        "/opt/x/server is not an ELF program",
    ),
    (
        "mkdir -p /opt/x; cp $server /opt/x/server; printf '\\050' | dd of=/opt/x/server bs=1 seek=18 conv=notrunc status=none",
        "/opt/x/server is for another processor (ELF machine 40",
    ),
    (
        "auditor /opt/x/a.so; tagged 6ffffefc /opt/x/a.so /opt/x/server",
        "/opt/x/server names libraries that watch or replace others (DT_AUDIT,",
    ),
    (
        "auditor /opt/x/a.so; tagged 7fffffff /opt/x/a.so /opt/x/server",
        "/opt/x/server names libraries that watch or replace others (DT_AUDIT,",
    ),
    (
        "mkdir -p /opt/x; echo 'int other;' | cc -shared -fPIC -Wl,-f,libz.so.1 -Wl,-soname,libown.so -o /opt/x/libown.so -x c -; program $server /opt/x/server $loader /opt/x; patchelf --add-needed libown.so /opt/x/server",
        "cannot be loaded: /opt/x/libown.so names libraries that watch or replace others",
    ),
    (
        "store /opt/x; chmod 1777 /opt/x; ln -s $(hash openssh)/libexec/sftp-server /opt/x/server",
        "/opt/x can be written by others (mode 1777)",
    ),
    (
        "store /opt/s; mkdir /opt/x; ln -s /opt/s/$(hash link) /opt/x/server; ln -s $(hash openssh)/libexec/sftp-server /opt/s/$(hash link)",
        "/opt/s can be written by others (mode 1775)",
    ),
    (
        "store /opt/s; chown -R alice /opt/s/$(hash libz); mkdir /opt/x; ln -s /opt/s/$(hash openssh)/libexec/sftp-server /opt/x/server",
        "-libz, which is owned by uid",
    ),
];

#[test]
fn refused_and_said_everywhere() {
    let mut host = Host::new();
    host.start_sshd(&SshdConfig::default());
    host.policy("sftp_server = \"/opt/x/server\"\n");
    // Where a row is wrong by one thing, the same without it is served.
    lay_out(
        &host,
        "libraries /opt/x/lib; program $server /opt/x/server $loader /opt/x/lib",
    );
    super::control(&host, "/opt/x/server");
    super::assert_served(&host);
    // None of these keeps an ordinary account from being served.
    for tag in ["6ffffefb", "6ffffefc", "7ffffffd", "7fffffff"] {
        lay_out(
            &host,
            &format!("auditor /opt/x/a.so; tagged {tag} /opt/x/a.so /opt/x/server"),
        );
        super::control(&host, "/opt/x/server");
    }
    for (index, (line, said)) in ROWS.iter().enumerate() {
        let clean = "rm -rf /opt/x /opt/s /tmp/build; rm -f /home/alice/uploads/*.so*";
        lay_out(&host, &format!("{clean}; {line}"));
        host.log();
        let session = super::round_trip(&host);
        assert_ne!(session.code(), 0, "{line}: {session}");
        let log = host.log();
        let log: Vec<_> = log.iter().map(|line| line.text.as_str()).collect();
        let verdict = log.iter().find(|line| line.contains("verdict=refused"));
        let verdict = verdict.unwrap_or_else(|| panic!("{line}: no refusal: {log:#?}"));
        assert!(
            verdict.contains(said),
            "{line}: {said:?} is not in {verdict}"
        );
        let checked = check(&host);
        let plainly = said.replace('\\', "");
        assert_eq!(checked.code(), 126, "{line}: {checked}");
        let words = checked
            .out()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(words.contains(&plainly), "{line}: {plainly:?}: {words}");
        // The doctor says the same of every flaw, so a few rows are enough.
        if index % 6 != 0 {
            continue;
        }
        let doctor = host.root(XFERSH, &["--doctor"]).out();
        let doctor = doctor.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(doctor.contains(&plainly), "{line}: {plainly:?}: {doctor}");
    }
}

/// A list of directories with one of the account's in it: an ordinary account runs what it puts there.
#[test]
fn a_library_of_the_account_is_never_run() {
    let mut host = Host::new();
    let evil = "void __attribute__((constructor)) run(void) { extern long write(int, const void *, unsigned long); write(1, \"mine\", 4); }";
    for account in ["plain", "alice"] {
        let home = format!("/home/{account}/uploads");
        let lines = [
            format!("echo '{evil}' | cc -shared -fPIC -x c -o {home}/libz.so.1 -"),
            format!("chown -R {account} {home}"),
            format!("program $server /opt/{account} $loader {home}"),
        ];
        lay_out(&host, &lines.join("\n"));
    }
    host.start_sshd(&SshdConfig::default());
    // sftp-server needs zlib by way of libcrypto or by itself on some releases; it is made sure of here.
    let with_need = |path: &str| {
        host.shell_line(&format!(
            "patchelf --add-needed libz.so.1 {path}; patchelf --print-needed {path}"
        ))
    };
    assert!(with_need("/opt/plain").contains("libz.so.1"));
    with_need("/opt/alice");
    let ran = host.ssh(host.plain(), &[], "/opt/plain </dev/null");
    assert!(ran.out().contains("mine"), "proves nothing: {ran}");
    host.policy("sftp_server = \"/opt/alice\"\n");
    let refused = host.ssh(host.alice(), &[], "sftp-server");
    refused.failed("a session");
    assert!(
        !host
            .ssh(host.alice(), &[], "sftp-server")
            .out()
            .contains("mine")
    );
    let log = host.log();
    let said = |line: &crate::harness::Line| line.text.contains("verdict=refused stage=host");
    assert!(log.iter().any(said), "{log:#?}");
}
