//! A directory that two accounts share: each reads, replaces and removes what the other one uploaded, by each client,
//! under the recipe of the guide.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use super::block_of;
use crate::harness::client::LOCAL;
use crate::harness::sshd::CLIENT_CONFIG;
use crate::harness::{Account, Host, Shell, SshdConfig};

/// Uploads the local directory `tree` and the file `up`, which nobody else may read there; what is asked for is 0600.
const CLIENTS: &[&str] = &[
    "sftp",
    "sftp -p",
    "scp",
    "scp -p",
    "scp -O",
    "scp -O -p",
    "rsync -r",
    "rsync -a",
    "rsync -a --inplace",
];

fn host() -> Host {
    let mut host = Host::with_accounts(&[
        ("plain", Shell::Plain),
        ("alice", Shell::Xfersh),
        ("bob", Shell::Xfersh),
    ]);
    host.start_sshd(&SshdConfig::default());
    host.shell_line(&block_of("docs/administrators-guide.md", "run: shared"));
    host.shell_line(&format!(
        "cd {LOCAL}; umask 077; mkdir -p tree/sub; echo one >up; echo two >tree/sub/file; echo other >other"
    ));
    host
}

fn upload(host: &Host, account: &Account, client: &str) {
    let (program, options) = client.split_once(' ').unwrap_or((client, ""));
    let options: Vec<&str> = options
        .split(' ')
        .filter(|option| !option.is_empty())
        .collect();
    match program {
        "sftp" => {
            let put = options.first().copied().unwrap_or_default();
            host.sftp(account, &format!("put {put} up\nput -r {put} tree\n"))
                .succeeded(client);
        }
        "scp" => {
            let mut all = options.clone();
            all.push("-r");
            host.scp_to(account, &all, &["up", "tree"], "/srv/team/")
                .succeeded(client);
        }
        _ => {
            let mut command = Command::new("rsync");
            command.current_dir(LOCAL).env("HOME", "/tmp");
            command.args(["-e", &format!("ssh -F {CLIENT_CONFIG}")]);
            command.args(&options).args(["up", "tree"]);
            command.arg(format!("{}@host:/srv/team/", account.name));
            host.run(&mut command, b"").succeeded(client);
        }
    }
}

/// What the other one does with it.
const TRIES: &[&str] = &[
    "get up got",
    "get tree/sub/file got",
    "put other up",
    "put other tree/sub/file",
    "put other tree/sub/new",
    "mkdir tree/sub/more",
    "rm tree/sub/new",
    "rmdir tree/sub/more",
    "rm up",
    "rm tree/sub/file",
];

fn work_of_the_other(host: &Host, account: &Account) -> Vec<&'static str> {
    let works = |line: &&&str| host.sftp(account, &format!("{line}\n")).code() == 0;
    TRIES.iter().filter(works).copied().collect()
}

#[test]
fn each_works_with_what_the_other_uploaded() {
    let host = host();
    let recipe = block_of("docs/administrators-guide.md", "recipe: shared");
    host.policy(&format!(
        "protocols = [\"sftp\", \"scp\", \"rsync\"]\n{recipe}"
    ));
    let (alice, bob) = (host.account("alice").clone(), host.account("bob").clone());
    for client in CLIENTS {
        for (from, to) in [(&alice, &bob), (&bob, &alice)] {
            upload(&host, from, client);
            for (path, mode) in [
                ("up", 0o660),
                ("tree", 0o2770),
                ("tree/sub", 0o2770),
                ("tree/sub/file", 0o660),
            ] {
                let path = format!("/srv/team/{path}");
                let facts = host.inside(|| std::fs::metadata(&path)).expect("an upload");
                let seen = facts.permissions().mode() & 0o7777;
                assert_eq!(
                    format!("{seen:04o}"),
                    format!("{mode:04o}"),
                    "{client}: {path}"
                );
                assert_eq!(facts.uid(), from.id, "{client}: {path}");
            }
            assert_eq!(work_of_the_other(&host, to), TRIES, "{client}");
            // A mode that a client sets later has the bits too.
            host.sftp(from, "put up\nchmod 600 up\nchmod 700 tree\n")
                .succeeded(client);
            let modes = host.shell_line("stat -c %a /srv/team/up /srv/team/tree");
            assert_eq!(modes, "660\n2770\n", "{client}");
            host.shell_line("rm -r /srv/team/*");
        }
    }
    host.log();
}

/// Without the two keys the same does not work: so the test above shows what they do.
#[test]
fn without_the_least_modes_it_does_not_work() {
    let host = host();
    let recipe = block_of("docs/administrators-guide.md", "recipe: shared");
    let without: String = recipe
        .lines()
        .filter(|line| !line.contains("_mode_min"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(without.len() + 30 < recipe.len());
    host.policy(&format!("umask = \"002\"\n{without}"));
    let (alice, bob) = (host.account("alice").clone(), host.account("bob").clone());
    for client in ["sftp -p", "scp", "scp -O -p"] {
        upload(&host, &alice, client);
        assert!(
            work_of_the_other(&host, &bob).len() < TRIES.len() - 3,
            "{client}"
        );
        host.shell_line("rm -r /srv/team/*");
    }
}
