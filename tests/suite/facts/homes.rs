//! Homes of all kinds: one that is missing is nothing to protect, until it appears.

use super::{refused, served};
use crate::harness::{Host, XFERSH};

const POLICIES: &[&str] = &[
    "writable = [\"/srv/in\"]\nreadable = [\"/srv/in\"]\n",
    "writable = [\"/srv/in\"]\n",
    "[[directory]]\npath = \"/srv/in\"\n",
    "[[match]]\nuser = \"alice\"\nwritable = [\"/srv/in\"]\n",
];

/// No directory, and what makes it so.
const NO_HOMES: &[(&str, &str)] = &[
    ("/nonexistent", "true"),
    ("/nonexistent/below", "true"),
    ("/dev/null", "true"),
    ("/dev/null/below", "true"),
    ("/proc/nothing", "true"),
    ("/home/file", "echo x >/home/file"),
    ("/home/dangling", "ln -sfn /home/nothing /home/dangling"),
    ("/srv/in/home", "true"),
];

fn home_is(host: &Host, home: &str) {
    host.shell_line(&format!("usermod -d {home} alice"));
}

fn lint(host: &Host) -> (i32, String) {
    let output = host.root(XFERSH, &["--check", "--user", "alice"]);
    (output.code(), output.out())
}

#[test]
fn an_account_without_a_home_is_served_elsewhere() {
    let host = Host::with_sshd();
    host.shell_line("install -d -o alice -g alice /srv/in; cp -a /home/alice/.ssh /srv/keys");
    for (home, make) in NO_HOMES {
        host.shell_line(make);
        home_is(&host, home);
        for policy in POLICIES {
            host.policy(policy);
            let what = format!("{home} {policy}");
            served(&host, host.alice(), &what);
            let (code, text) = lint(&host);
            assert_eq!(code, 0, "{what}: {text}");
            assert!(text.contains("is not a directory: "), "{text}");
            assert!(text.contains("sessions start in /srv/in"), "{text}");
        }
        host.policy(POLICIES[1]);
        let mut sftp = host.raw_sftp_direct(host.alice());
        for path in ["new", "/srv/in/absolute"] {
            assert!(sftp.put(path, b"x").ok(), "{home}: {path}");
            assert_eq!(sftp.get(path).expect("reading"), b"x", "{home}: {path}");
        }
        sftp.end();
        host.shell_line("rm /srv/in/new /srv/in/absolute");
    }
}

/// Without a directory of its own an account without a home has nothing: `--check` says so.
#[test]
fn a_policy_that_names_no_directory_needs_a_home() {
    let host = Host::new();
    home_is(&host, "/nonexistent");
    assert_eq!(lint(&host).0, 1);
    home_is(&host, "/dev/null");
    let said = ["/dev/null is in a file system of the kernel"];
    refused(&host, host.alice(), "account", &said);
    // One that the policy names itself is refused, wherever the home is.
    host.policy("writable = [\"~/uploads\", \"/srv/in\"]\n");
    refused(
        &host,
        host.alice(),
        "account",
        &["/dev/null/uploads is in a file system of the kernel"],
    );
    home_is(&host, "/nonexistent");
    host.policy("writable = [\"/srv/in\"]\nreadable = [\"~\", \"/srv/in\"]\n");
    host.shell_line("install -d -o alice -g alice /srv/in");
    let (code, text) = lint(&host);
    assert!(
        code == 1 && text.contains("/nonexistent is not a directory yet"),
        "{text}"
    );
}

/// A home that is a directory of the kernel's is refused to nobody who names other directories, and gives nothing.
#[test]
fn a_home_of_the_kernels_gives_no_rights() {
    let host = Host::new();
    host.shell_line("install -d -o alice -g alice /srv/in /dev/shm/x");
    home_is(&host, "/dev/shm");
    refused(
        &host,
        host.alice(),
        "account",
        &["/dev/shm is in a file system of the kernel"],
    );
    host.policy(POLICIES[1]);
    served(&host, host.alice(), "another directory");
    let mut sftp = host.raw_sftp_direct(host.alice());
    assert!(sftp.put("/srv/in/new", b"x").ok());
    assert!(!sftp.put("/dev/shm/x/new", b"x").ok());
    assert!(sftp.list("/dev/shm").is_err(), "listing");
    sftp.end();
}

#[test]
fn a_home_that_cannot_be_entered_is_refused() {
    let host = Host::new();
    host.shell_line("install -d -o alice -g alice /srv/in");
    let rows = [
        (
            "chown root /home/alice; chmod 700 /home/alice",
            "cannot enter the home directory /home/alice: ",
        ),
        (
            "chown root /home/alice; chmod 750 /home/alice",
            "cannot enter the home directory /home/alice: ",
        ),
        (
            "chmod 0 /home/alice",
            "cannot enter the home directory /home/alice: ",
        ),
        ("chmod 700 /home", "cannot look at /home/alice: "),
    ];
    for (line, said) in rows {
        for policy in [
            "",
            POLICIES[0],
            "start = \"/srv/in\"\nwritable = [\"/srv/in\"]\n",
        ] {
            host.policy(policy);
            host.shell_line("chmod 755 /home /home/alice; chown alice /home/alice");
            served(&host, host.alice(), policy);
            host.shell_line(&format!("chgrp root /home/alice; {line}"));
            closed(&host, &[said, "Permission denied"]);
        }
    }
}

/// A session that starts outside its home, as sshd does if the home is closed, and `--check` refuse alike.
#[track_caller]
fn closed(host: &Host, said: &[&str]) {
    let before = host.disk();
    host.log();
    let session = ["-u", "alice", "--", XFERSH, "-c", "sftp-server"];
    let session = host.root("runuser", &session);
    assert_eq!(session.code(), 126, "{session}");
    let log = host.log();
    let verdict = &log.first().expect("a log line").text;
    let check = ["--check", "--user", "alice", "-c", "sftp-server"];
    let check = host.root(XFERSH, &check);
    assert_eq!(check.code(), 126, "{check}");
    let (code, text) = lint(host);
    assert_eq!(code, 1, "{text}");
    for word in said {
        assert!(verdict.contains(word), "{word}: {verdict}");
        assert!(check.out().contains(word), "{word}: {check}");
        assert!(text.contains(word), "{word}: {text}");
    }
    before.assert_same(&host.disk(), "a refused session");
}

/// A home that is missing below a writable directory: a client can make it, and then it is the home, in that session
/// and in any other that runs.
#[test]
fn a_home_that_appears_is_the_home_at_once() {
    let host = Host::new();
    let open = "dotfiles = \"allowed\"\nwritable = [\"/srv/in\"]\nreadable = [\"/srv/in\"]\n";
    let attack = |made_by_client: bool, home: &str| {
        for account in [host.plain(), host.alice()] {
            let (name, is_plain) = (&account.name, account.name == "plain");
            host.shell_line(&format!(
                "rm -rf /srv/in; install -d -o {name} -g {name} /srv/in"
            ));
            host.shell_line(&format!("usermod -d {home} {name}"));
            let mut sftp = host.raw_sftp_direct(account);
            assert!(sftp.greeted, "no session");
            let names: Vec<&str> = home
                .strip_prefix("/srv/in/")
                .expect("below")
                .split('/')
                .collect();
            for count in 1..=names.len() {
                let path = format!("/srv/in/{}", names[..count].join("/"));
                if made_by_client {
                    assert!(sftp.mkdir(&path).ok(), "{path}");
                } else {
                    host.shell_line(&format!("install -d -o {name} -g {name} {path}"));
                }
            }
            let before = host.disk();
            for (path, works) in [("file", is_plain), (".profile", is_plain)] {
                let put = sftp.put(&format!("{home}/{path}"), b"x").ok();
                assert_eq!(put, works, "{name}: {home}/{path}");
            }
            for path in [".ssh", "directory"] {
                assert_eq!(
                    sftp.mkdir(&format!("{home}/{path}")).ok(),
                    is_plain,
                    "{name}: {home}/{path}"
                );
            }
            // With keys in it, and then given the name of the home.
            let renamed = sftp.rename(home, "/srv/in/elsewhere").ok();
            assert_eq!(renamed, is_plain, "{name}: renaming {home}");
            sftp.end();
            if !is_plain {
                before.assert_same(&host.disk(), home);
            }
        }
    };
    host.policy(open);
    for home in ["/srv/in/home", "/srv/in/a/home"] {
        attack(true, home);
        attack(false, home);
    }
}

/// The home, and what nothing may be given the name of: it, or a directory above it that is missing as well.
const MISSING: [(&str, &str); 2] = [
    ("/srv/in/home", "/srv/in/home"),
    ("/srv/in/a/home", "/srv/in/a"),
];

/// A writable directory that is a bind mount of the one that holds the home: the home is the home by that name too,
/// whether it is there or appears.
#[test]
fn a_home_in_a_bind_mount_is_the_home() {
    let host = Host::new();
    host.policy("dotfiles = \"allowed\"\nwritable = [\"/opt/x\"]\nreadable = [\"/opt/x\"]\n");
    host.shell_line("mkdir -p /srv/all /opt/x; mount --bind /srv/all /opt/x");
    for home in ["/srv/all/home", "/srv/all/a/home"] {
        for (exists, account) in [true, false]
            .into_iter()
            .flat_map(|exists| [host.plain(), host.alice()].map(|account| (exists, account)))
        {
            let (who, is_plain) = (&account.name, account.name == "plain");
            let below = home.strip_prefix("/srv/all/").expect("below");
            host.shell_line(&format!(
                "usermod -d {home} {who}; rm -rf /srv/all/*; chown {who}: /srv/all; install -d -o {who} -g {who} \
                 /srv/all/own /srv/all/own/.ssh"
            ));
            if exists {
                host.shell_line(&format!("cd /srv/all; mkdir -p {below}; chown -R {who}: ."));
            }
            let mut sftp = host.raw_sftp_direct(account);
            assert!(sftp.greeted, "no session");
            let by_mount = format!("/opt/x/{below}");
            let top = format!("/opt/x/{}", below.split('/').next().expect("a name"));
            let before = host.disk();
            if !exists {
                assert_eq!(
                    sftp.rename("/opt/x/own", &top).ok(),
                    is_plain,
                    "{who}: {top}"
                );
                assert!(is_plain || !sftp.symlink("/opt/x/own", &top).ok(), "a link");
                before_is_kept(&host, &before, is_plain, &top);
                host.shell_line("rm -rf /srv/all/*");
                for count in 1..=below.split('/').count() {
                    let names: Vec<&str> = below.split('/').take(count).collect();
                    assert!(sftp.mkdir(&format!("/opt/x/{}", names.join("/"))).ok());
                }
            }
            let before = host.disk();
            let file = sftp.put(&format!("{by_mount}/file"), b"x").ok();
            let keys = sftp.mkdir(&format!("{by_mount}/.ssh")).ok();
            assert_eq!(
                (file, keys),
                (is_plain, is_plain),
                "{who}: {by_mount}, there: {exists}"
            );
            assert_eq!(
                sftp.rename(&by_mount, "/opt/x/moved").ok(),
                is_plain,
                "{who}: moved"
            );
            before_is_kept(&host, &before, is_plain, &by_mount);
            assert!(
                sftp.put("/opt/x/beside", b"x").ok(),
                "{who}: beside the home"
            );
            sftp.end();
        }
    }
}

fn before_is_kept(host: &Host, before: &crate::harness::Snapshot, is_plain: bool, what: &str) {
    if !is_plain {
        before.assert_same(&host.disk(), what);
    }
}

/// Nothing takes the name of a home that is missing but a directory that a client makes there, which is empty.
#[test]
fn nothing_is_given_the_name_of_a_missing_home() {
    let host = Host::new();
    host.policy(
        "dotfiles = \"allowed\"\nsymlinks = \"any\"\nwritable = [\"/srv/in\"]\nreadable = [\"/srv/in\"]\n",
    );
    for (home, name) in MISSING {
        for account in [host.plain(), host.alice()] {
            let (who, is_plain) = (&account.name, account.name == "plain");
            host.shell_line(&format!(
                "usermod -d {home} {who}; rm -rf /srv/in; install -d -o {who} -g {who} /srv/in"
            ));
            let mut sftp = host.raw_sftp_direct(account);
            for path in ["/srv/in/own", "/srv/in/own/home", "/srv/in/own/home/.ssh"] {
                assert!(sftp.mkdir(path).ok(), "{path}");
            }
            let keys = "/srv/in/own/home/.ssh/authorized_keys";
            assert!(sftp.put(keys, b"a key").ok());
            let before = host.disk();
            for from in ["/srv/in/own", "/srv/in/own/home"] {
                assert_eq!(
                    sftp.rename(from, name).ok(),
                    is_plain,
                    "{who}: {from} to {name}"
                );
                if is_plain {
                    assert!(sftp.rename(name, from).ok(), "back");
                }
            }
            let own = "/srv/in/own";
            assert_eq!(
                sftp.symlink(own, name).ok(),
                is_plain,
                "{who}: a link {name}"
            );
            if is_plain {
                assert!(sftp.remove(name).ok());
            }
            assert_eq!(sftp.put(name, b"x").ok(), is_plain, "{who}: a file {name}");
            sftp.end();
            if !is_plain {
                before.assert_same(&host.disk(), name);
            }
        }
    }
}
