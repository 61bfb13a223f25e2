//! There is no policy only if the file does not exist. Anything else that keeps it from being found refuses.

use std::path::Path;
use std::process::Command;

use crate::harness::{Host, Output, XFERSH};

/// A machine without its own /etc, in which only xfersh exists.
const WORLD: &str = "mkdir -p /opt/world/dev /opt/world/proc /opt/world/home/alice && mount --bind /dev /opt/world/dev \
                     && mount -t proc proc /opt/world/proc && cp /opt/xfersh /opt/world/xfersh";

/// How /etc is created in that machine, and what the log and `--check` both say. There is no account: they say so once
/// they have found that there is no policy.
const ETCS: &[(&str, &str, &[&str])] = &[
    ("an empty /etc", "mkdir etc", &["/etc/passwd"]),
    (
        "a link of root's to an empty directory",
        "mkdir conf; ln -s conf etc",
        &["/etc/passwd"],
    ),
    (
        "an absolute one",
        "mkdir conf; ln -s /conf etc",
        &["/etc/passwd"],
    ),
    (
        "no /etc",
        "true",
        &["policy /etc/xfersh.toml: /etc: No such file"],
    ),
    (
        "a file for /etc",
        "touch etc",
        &["policy /etc/xfersh.toml: /etc: Not a directory"],
    ),
    (
        "a link that leads nowhere",
        "ln -s conf etc",
        &["policy /etc/xfersh.toml: /conf: No such file"],
    ),
    (
        "a link to itself",
        "ln -s etc etc",
        &["policy /etc/xfersh.toml: /etc: Too many levels"],
    ),
    (
        "a link to a file",
        "touch conf; ln -s conf etc",
        &["policy /etc/xfersh.toml: /conf: Not a directory"],
    ),
    (
        "a link of the account's",
        "mkdir conf; ln -s conf etc; chown -h alice etc",
        &["/etc is a link of uid", "not of root"],
    ),
    (
        "a link to what is the account's",
        "mkdir conf; chown alice conf; ln -s conf etc",
        &["/conf is owned by uid"],
    ),
    (
        "a link through what is the account's",
        "mkdir conf; chown alice home/alice; ln -s home/alice/../../conf etc",
        &["/home/alice is owned by uid"],
    ),
    (
        "a link through what others may write",
        "mkdir conf; chmod 777 home; ln -s /home/../conf etc",
        &["/home can be written by others"],
    ),
    (
        "a root that others may write",
        "mkdir etc; chmod 777 .",
        &["/ can be written by others"],
    ),
    (
        "no right to pass",
        "mkdir -m 700 etc",
        &["policy /etc/xfersh.toml: Permission denied"],
    ),
    (
        "a policy that leads nowhere",
        "mkdir etc; ln -s nowhere etc/xfersh.toml",
        &["policy /etc/xfersh.toml: /etc/nowhere: No such file"],
    ),
    (
        "a socket",
        "mkdir etc; perl -e 'use IO::Socket::UNIX; IO::Socket::UNIX->new(Local => \"etc/xfersh.toml\", Listen => 1)'",
        &["/etc/xfersh.toml is not a regular file"],
    ),
    (
        "a file system that does not answer",
        "mkdir etc; touch etc/xfersh.toml; mknod dev/fuse c 10 229; exec 9<>dev/fuse; mount -i -t fuse -o \
         fd=9,rootmode=100000,user_id=0,group_id=0,allow_other none etc/xfersh.toml",
        &["policy /etc/xfersh.toml: "],
    ),
    (
        "a directory that does not answer",
        "mkdir etc; mknod dev/fuse c 10 229; exec 9<>dev/fuse; mount -i -t fuse -o \
         fd=9,rootmode=40000,user_id=0,group_id=0,allow_other none etc",
        &["policy /etc/xfersh.toml: /etc: "],
    ),
];

#[test]
fn only_an_absent_file_is_no_policy() {
    let mut wrong = Vec::new();
    for (name, make, said) in ETCS {
        let host = Host::new();
        host.shell_line(WORLD);
        host.shell_line(&format!("cd /opt/world; {make}"));
        let id = host.alice().id.to_string();
        let user = format!("--userspec={id}:{id}");
        let session = host.root(
            "chroot",
            &[&user, "/opt/world", "/xfersh", "-c", "sftp-server"],
        );
        let log = host.log();
        let log: Vec<&str> = log.iter().map(|line| &*line.text).collect();
        // Root may pass everywhere; the account's own dry run may not.
        let check = host.root("chroot", &[&user, "/opt/world", "/xfersh", "--check"]);
        let mut places = vec![("the log", log.join("\n"), session.code(), 126)];
        places.push(("--check", check.err(), check.code(), 2));
        for (place, text, code, expected) in places {
            let says = said.iter().all(|word| text.contains(word));
            if !says || code != expected || text.contains("defaults") {
                wrong.push(format!("{name}: {place} ({code}): {text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the doctor says about the policy is what a session does with it.
#[test]
fn the_doctor_finds_what_the_session_finds() {
    let host = Host::new();
    for (make, undo, id) in [
        ("true", "true", "policy-absent"),
        ("echo >/etc/xfersh.toml", "rm /etc/xfersh.toml", ""),
        (
            "ln -s no /etc/xfersh.toml",
            "rm /etc/xfersh.toml",
            "policy-type",
        ),
        (
            "mkfifo /etc/xfersh.toml",
            "rm /etc/xfersh.toml",
            "policy-type",
        ),
        (
            "mkdir /etc/xfersh.toml",
            "rmdir /etc/xfersh.toml",
            "policy-type",
        ),
        (
            "printf '\\377' >/etc/xfersh.toml",
            "rm /etc/xfersh.toml",
            "policy-unusable",
        ),
        ("chmod 777 /etc", "chmod 755 /etc", "policy-writable"),
        ("chown alice /etc", "chown root /etc", "policy-owner"),
    ] {
        host.shell_line(make);
        let doctor = host.root(XFERSH, &["--doctor", "--json"]);
        let json: serde_json::Value =
            serde_json::from_slice(&doctor.stdout).unwrap_or_else(|e| panic!("{e}: {doctor}"));
        let text = json.to_string();
        let found = text.contains("\"policy-");
        assert_eq!(found, !id.is_empty(), "{make}: {text}");
        assert!(text.contains(id), "{make}: no {id} in {text}");
        let served = host.direct(host.alice(), b"sftp-server", b"").code() == 0;
        let expected = matches!(id, "" | "policy-absent");
        assert_eq!(served, expected, "{make}");
        host.shell_line(undo);
    }
}

fn check_in(host: &Host, directory: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(XFERSH);
    command.arg("--check").args(arguments);
    host.run(command.current_dir(Path::new(directory)), b"")
}

/// Every way to ask for another policy.
const WAYS: &[&[&str]] = &[
    &["--user", "alice"],
    &["--user", "alice", "-c", "sftp-server"],
    &["--user", "alice", "--live"],
];

#[test]
fn a_policy_that_is_named_is_read_or_it_is_an_error() {
    let host = Host::new();
    host.write("/opt/broken.toml", b"protocol = [\"sftp\"]\n");
    host.write("/opt/good.toml", b"protocols = [\"sftp\"]\n");
    host.shell_line(
        "mkdir /opt/sound /opt/far; cp /opt/good.toml /opt/sound; ln -s sound /opt/link; ln -s good.toml /opt/to-good
         chmod 644 /opt/sound/good.toml; mkdir /home/alice/hop; chown alice /home/alice/hop
         ln -s /home/alice/hop/../../../opt/sound /opt/far/through; ln -s /opt/sound /tmp/theirs
         ln -s /opt/sound /tmp/ours; chown -h alice /tmp/theirs",
    );
    let rows: &[(&str, &str, Result<(), &str>)] = &[
        ("/opt", "good.toml", Ok(())),
        ("/opt", "./good.toml", Ok(())),
        (
            "/home/alice",
            "../../opt/good.toml",
            Err("/home/alice is owned by"),
        ),
        ("/", "opt/good.toml", Ok(())),
        ("/", "/opt/link/good.toml", Ok(())),
        ("/", "/tmp/ours/good.toml", Ok(())),
        ("/opt", "broken.toml", Err("/opt/broken.toml:1:1")),
        ("/opt", "./broken.toml", Err("broken.toml:1:1")),
        (
            "/opt",
            "missing.toml",
            Err("/opt/missing.toml: No such file"),
        ),
        ("/", "/no/such/file", Err("/no: No such file")),
        (
            "/",
            "/opt/good.toml/x",
            Err("/opt/good.toml: Not a directory"),
        ),
        ("/", "/opt/to-good", Ok(())),
        (
            "/",
            "/tmp/theirs/good.toml",
            Err("/tmp/theirs is a link of uid"),
        ),
        (
            "/",
            "/opt/far/through/good.toml",
            Err("/home/alice is owned by"),
        ),
        ("/", "", Err("empty")),
        ("/", ".", Err("not a regular file")),
        ("/", "/", Err("not a regular file")),
        ("/", "/dev/null", Err("not a regular file")),
    ];
    let mut wrong = Vec::new();
    for (directory, name, expected) in rows {
        for way in WAYS {
            let text = check_in(&host, directory, &[way, &["--config", name][..]].concat());
            let json = [way, &["--json", "--config", name][..]].concat();
            let json = check_in(&host, directory, &json);
            let object = serde_json::from_slice::<serde_json::Value>(&json.stdout).is_ok();
            let fits = match expected {
                Ok(()) => text.code() == 0 && json.code() == 0,
                Err(said) => {
                    let codes = (text.code(), json.code()) == (2, 2);
                    codes && text.err().contains(said) && text.stdout.is_empty()
                }
            };
            let shown = expected.is_err() || text.out().contains("no policy file");
            if !fits || !object || (shown && expected.is_ok()) {
                wrong.push(format!("{directory} {name:?} {way:?}: {text}\n{json}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// If the working directory is gone, a relative name means nothing.
#[test]
fn a_relative_name_without_a_working_directory() {
    let host = Host::new();
    let line = "mkdir /opt/gone; cd /opt/gone; rmdir /opt/gone; /opt/xfersh --check --user alice --config x.toml 2>&1; echo $?";
    let said = host.shell_line(line);
    assert!(said.contains("working directory is gone"), "{said}");
    assert!(said.ends_with("\n2\n"), "{said}");
}
